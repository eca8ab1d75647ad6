"""What people do with accounts: come in by invitation, sign in, change and recover a passphrase."""

from portal.accounts.services.entry import Choice, Offer, Visitor, words_for
from portal.accounts.services.inviting import (
    INVITATION_LASTS,
    Invited,
    invite,
    invite_again,
    offer_for_code,
    redeem,
)
from portal.accounts.services.people import (
    choose_language,
    disable,
    enable,
    mark_notices_seen,
    tell,
)
from portal.accounts.services.renewing import (
    change_passphrase,
    check_passphrase,
    new_recovery_code,
    offer_for_recovery,
    recover,
)
from portal.accounts.services.signing_in import (
    end_other_sessions,
    end_session,
    purge_expired,
    sign_in,
    sign_out,
)

__all__ = [
    "INVITATION_LASTS",
    "Choice",
    "Invited",
    "Offer",
    "Visitor",
    "change_passphrase",
    "check_passphrase",
    "choose_language",
    "disable",
    "enable",
    "end_other_sessions",
    "end_session",
    "invite",
    "invite_again",
    "mark_notices_seen",
    "new_recovery_code",
    "offer_for_code",
    "offer_for_recovery",
    "purge_expired",
    "recover",
    "redeem",
    "sign_in",
    "sign_out",
    "tell",
    "words_for",
]
