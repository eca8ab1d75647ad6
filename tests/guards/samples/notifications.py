"""How somebody is told that something waits."""

from types import SimpleNamespace
from typing import Any

from tests.guards.samples.common import CLIENT, CLINICIAN, WEEK, Samples

NOTICES: dict[str, Any] = {
    "person": CLIENT,
    "is_first": False,
    "tellings": ["Sat 21 Nov, 09:00 · By mail: sent, opened Sat 21 Nov, 12:31"] * 10,
    "notice": "We sent a code there. It can take a minute. Type it in below.",
    "problem": None,
    "hold": "We send you nothing, since somebody else could see it.",
    "is_unanswered": False,
    "is_asked": False,
    "addresses": [
        SimpleNamespace(channel="email", hint="r…@example.org", waiting=None, is_stopped=False),
        SimpleNamespace(channel="sms", hint="…17", waiting="…42", is_stopped=True),
    ],
    "silent": {"sms"},
    "unreachable": [
        {"words": "We could not reach your mail address. Please check it here.", "url": "#email"}
    ],
    "typed": {},
    "choice": SimpleNamespace(
        contact="pointers",
        voicemail_ok=False,
        time_zone=None,
        quiet_from=1260,
        quiet_until=540,
        days=127,
        rhythm="daily",
        wording="note",
        sender_name="plain",
    ),
    "days": WEEK,
    "zones": [
        SimpleNamespace(value="America/Denver", label="Mountain time"),
        SimpleNamespace(value="Europe/Madrid", label="Madrid"),
    ],
    "words": {
        "wording": [
            SimpleNamespace(value="note", label="A note is waiting for you."),
            SimpleNamespace(value="news", label="You have something new."),
        ],
        "sender_name": [
            SimpleNamespace(value="plain", label=""),
            SimpleNamespace(value="notes", label="Notes"),
        ],
    },
}

PAGES: Samples = {
    "notices": ("notifications/show.html", NOTICES),
    "notices-held": (
        "notifications/show.html",
        NOTICES
        | {
            "is_first": True,
            "notice": None,
            "problem": ("sms_address", "This does not look like a mobile number."),
            "hold": "Before we send anything, please tell us who else can open your phone.",
            "is_unanswered": True,
            "is_asked": True,
            "typed": {"address": "+1 555"},
        },
    ),
    "notices-staff": (
        "notifications/show.html",
        NOTICES | {"person": CLINICIAN, "hold": None, "notice": None},
    ),
    "slip": (
        "notifications/slip.html",
        {"person": CLIENT, "address": "https://notes.example", "days": "Monday, Thursday"},
    ),
}
