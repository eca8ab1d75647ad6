"""Signing in, coming in, and one's own account."""

from types import SimpleNamespace

from portal.core.i18n import LANGUAGES
from tests.guards.samples.common import CLIENT, START, THREAD_URL, Samples

SESSIONS = [
    SimpleNamespace(id="s1", started_at=START, seen_at=START, device="Android phone", current=True),
    SimpleNamespace(id="s2", started_at=START, seen_at=START, device="Windows PC", current=False),
]

ACCOUNT = {
    "person": CLIENT,
    "sessions": SESSIONS,
    "languages": LANGUAGES,
    "problems": {},
    "notice": "Saved.",
}

OFFER = SimpleNamespace(
    user_name="rosa-delgado",
    user_name_is_fixed=False,
    passphrase="copper lantern drift meadow",
    recovery_code="K7QM-2XWD-9PLA-77TR-0MZC-4HJE-QV2N",
)

SIGN_IN = {"user_name": "", "problem": None, "notice": None, "next": None}

PAGES: Samples = {
    "sign-in": ("accounts/sign_in.html", SIGN_IN),
    "sign-in-wrong": (
        "accounts/sign_in.html",
        SIGN_IN
        | {
            "user_name": "rosa",
            "problem": "That user name and passphrase do not fit together. Please try again.",
            "next": THREAD_URL,
        },
    ),
    "signed-out": ("accounts/sign_in.html", SIGN_IN | {"notice": "You are signed out."}),
    "invitation": ("accounts/invitation.html", {"code": "", "problem": None}),
    "invitation-wrong": (
        "accounts/invitation.html",
        {"code": "K7QM 2XWD", "problem": "We do not know this code. Please check each letter."},
    ),
    "welcome": (
        "accounts/welcome.html",
        {
            "mode": "invited",
            "offer": OFFER,
            "code": "K7QM",
            "accept_url": "/accept",
            "problem": None,
        },
    ),
    "welcome-wrong": (
        "accounts/welcome.html",
        {
            "mode": "recovered",
            "offer": SimpleNamespace(**(vars(OFFER) | {"user_name_is_fixed": True})),
            "code": "K7QM",
            "accept_url": "/accept",
            "problem": "This is too short. Use 15 letters or more.",
        },
    ),
    "recovery-code": (
        "accounts/recovery_code.html",
        {"person": CLIENT, "recovery_code": OFFER.recovery_code},
    ),
    "recover": ("accounts/recover.html", {"user_name": "", "problem": None}),
    "kept": ("accounts/kept.html", SIGN_IN | {"kept_at": START}),
    "account": ("accounts/show.html", ACCOUNT),
    "account-wrong": (
        "accounts/show.html",
        ACCOUNT
        | {
            "problems": {"new": "This passphrase is too short. Use 15 letters or more."},
            "notice": None,
        },
    ),
}
