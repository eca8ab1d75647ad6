"""Every column of bytes there is, and what it is: a new one must be put into its place here."""

from sqlalchemy import LargeBinary

from portal.core.columns import Base

# What a person's key, passphrase or code opens, and nothing that the server is configured with.
HOLDERS = {
    ("messages", "sealed"),
    ("threads", "subject_sealed"),
    ("drafts", "sealed"),
    ("responses", "sealed"),
    ("feedback", "sealed"),
    ("homework_reports", "sealed"),
    ("kept_answers", "sealed"),
    ("kept_module_texts", "sealed"),
    ("kept_texts", "sealed"),
    ("grants", "sealed"),
    ("epochs", "escrow"),
    ("key_wraps", "sealed"),
    ("browser_sessions", "wrapped_key"),
}
# What the server must read while nobody is signed in.
SERVERS = {
    ("module_revisions", "sealed"),
    ("published_modules", "sealed"),
    ("users", "name_sealed"),
    ("users", "user_name_sealed"),
    ("clinics", "name_sealed"),
    ("clinics", "crisis_sealed"),
    ("addresses", "hint"),
    ("address_proofs", "hint"),
    ("guardian_contacts", "hint"),
}
# What only the worker reads: where mail and texts go.
WORKERS = {
    ("addresses", "sealed"),
    ("address_proofs", "sealed"),
    ("address_proofs", "code_sealed"),
}
SEALED = HOLDERS | SERVERS | WORKERS

NOT_SEALED = {
    ("address_proofs", "code_hash"),
    ("address_proofs", "lookup"),
    ("addresses", "lookup"),
    ("guardian_contacts", "lookup"),
    ("audit_checkpoints", "head"),
    ("audit_checkpoints", "signature"),
    ("audit_entries", "digest"),
    ("browser_sessions", "cookie_digest"),
    ("clinics", "recovery_public_key"),
    ("epochs", "roster_mac"),
    ("heard_texts", "lookup"),
    ("invitations", "code_lookup"),
    ("known_networks", "network"),
    ("published_modules", "digest"),
    ("published_modules", "module_lookup"),
    ("opt_outs", "lookup"),
    ("users", "authenticator"),
    ("users", "public_key"),
    ("users", "salt"),
    ("users", "user_name_lookup"),
}


def columns_of_bytes() -> set[tuple[str, str]]:
    return {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
