"""What the worker may do in the database when it has a role of its own: send, and nothing else.

PostgreSQL alone has roles. Whoever takes over the worker then holds contact addresses, which it
must be able to open, but sees no message, no draft, no key and no name.
"""

import re

from sqlalchemy import Connection, text

from portal.core.database import Database

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
EVERYTHING = ""
# Table → what may be done → with which columns.
RIGHTS: dict[str, dict[str, str]] = {
    "pointers": {
        "SELECT": EVERYTHING,
        "UPDATE": "state, attempts, created_at, due_at, sent_at, tried_at, last_error_code, fault,"
        " provider_ref",
    },
    "joined_causes": {"SELECT": EVERYTHING, "DELETE": EVERYTHING},
    "addresses": {"SELECT": EVERYTHING},
    "address_proofs": {"SELECT": EVERYTHING},
    "notice_preferences": {"SELECT": EVERYTHING},
    "pointer_holds": {"SELECT": "user_id"},
    "users": {"SELECT": "id, clinic_id, role, language"},
    "disablements": {"SELECT": "user_id"},
    "clinics": {"SELECT": "id, time_zone"},
    "contact_problems": {"SELECT": EVERYTHING, "INSERT": EVERYTHING},
    "opt_outs": {"SELECT": EVERYTHING, "INSERT": EVERYTHING},
    "provider_states": {"SELECT": EVERYTHING, "INSERT": EVERYTHING, "UPDATE": EVERYTHING},
}
# What a role is tried on to see whether it is kept out.
KEPT_OUT = ("messages", "drafts", "grants", "key_wraps", "audit_entries")


class BadRole(Exception):
    """The name is none, there is no such role, or it can do more than it should."""


def statements(role: str) -> list[str]:
    """The SQL that gives a role these rights and no others; raises BadRole for an odd name."""
    if not NAME.fullmatch(role):
        raise BadRole("the name of a role has small letters, digits and _ only")
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        *(
            f"GRANT {right}{f' ({columns})' if columns else ''} ON {table} TO {role}"
            for table, rights in RIGHTS.items()
            for right, columns in rights.items()
        ),
    ]


def give_rights(database: Database, role: str) -> None:
    """Gives a role the worker's rights and takes all others; raises BadRole."""
    orders = statements(role)
    with database.engine.begin() as connection:
        known = text("SELECT rolsuper FROM pg_roles WHERE rolname = :role")
        is_super = connection.execute(known, {"role": role}).scalar_one_or_none()
        if is_super is None:
            raise BadRole(f"there is no role {role}; CREATE ROLE {role} LOGIN PASSWORD '…' first")
        if is_super:
            raise BadRole(f"{role} is a superuser, whom nothing keeps out")
        for order in orders:
            connection.execute(text(order))
        open_doors = _open_doors(connection, role)
        if open_doors:
            raise BadRole(f"{role} can still read {', '.join(open_doors)}")


def _open_doors(connection: Connection, role: str) -> list[str]:
    """Tables that must be closed and are not, for instance because the role owns them."""
    may = text("SELECT has_table_privilege(:role, :table, 'SELECT')")
    return [
        table
        for table in KEPT_OUT
        if connection.execute(may, {"role": role, "table": table}).scalar()
    ]


def readable_tables(database: Database) -> list[str]:
    """Which of the tables that the worker must not read it can read: as the worker connects."""
    with database.engine.connect() as connection:
        user = str(connection.execute(text("SELECT current_user")).scalar())
        return _open_doors(connection, user)
