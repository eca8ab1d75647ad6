"""Clients, their teams, and how they are reached."""

from types import SimpleNamespace
from typing import Any

from portal.core.i18n import LANGUAGES
from tests.guards.samples.common import CLIENT, CLINICIAN, LONG_NAME, START, WEEK, Samples
from tests.guards.samples.modules.work import GIVEN_WORK
from tests.guards.samples.threads import THREADS

TEAM = [
    SimpleNamespace(name="Dana Reyes", role="clinician", since=START, remove_url="/x/remove"),
    SimpleNamespace(name=LONG_NAME, role="supervisor", since=START, remove_url=None),
]

PEOPLE = [SimpleNamespace(id="p1", name="Sam Okafor"), SimpleNamespace(id="p2", name=LONG_NAME)]

CONTACT: dict[str, Any] = {
    "person": CLINICIAN,
    "tasks": [
        {
            "url": "/c/1/p/1/settle",
            "facts": SimpleNamespace(
                words="We could not reach their phone. Ask for another number.",
                since=START,
                is_tried_again=True,
                settled=None,
            ),
        },
        {
            "url": "/c/1/p/2/settle",
            "facts": SimpleNamespace(
                words="Texts were not opened",
                since=START,
                is_tried_again=False,
                settled=f"Settled by {LONG_NAME} Sat 21 Nov, 09:00",
            ),
        },
    ],
    "tellings": ["Sat 21 Nov, 09:00 · By text message: did not arrive"],
    "problem": None,
    "typed": None,
    "client": SimpleNamespace(name="Rosa Delgado", url="/c/1"),
    "standing": SimpleNamespace(
        places=["Mail", "Text message"],
        is_silent=False,
        is_held=False,
        is_unanswered=False,
        wants_none=False,
        is_asked=False,
        clinic_asks=False,
        voicemail_ok=False,
        hours="09:00–21:00",
        zone="Mountain time",
        days=", ".join(WEEK[:6]),
        rhythm="Once a day",
        said_stop=True,
    ),
    "guardians": [SimpleNamespace(hint="…17", url="/c/1/g/1/remove")],
    "add_url": "/c/1/g",
    "ask_url": "/c/1/ask",
    "slip_url": "/c/1/slip",
    "days": WEEK,
}

PAGES: Samples = {
    "clients": (
        "caseload/index.html",
        {
            "person": CLINICIAN,
            "unreachable": [{"words": "We could not reach your phone.", "url": "/notices"}],
            "sheet_url": "/work/sheet",
            "progress_url": "/work/progress",
            "rows": [
                SimpleNamespace(
                    url="/c/1",
                    name="Rosa Delgado",
                    since=START,
                    how_long="2 days",
                    waiting_since=START,
                    not_reached=[],
                    last_at=START,
                    team="Dana Reyes, Sam Okafor",
                ),
                SimpleNamespace(
                    url="/c/2",
                    name=LONG_NAME,
                    since=START,
                    how_long="4 hours",
                    waiting_since=None,
                    not_reached=["They opened none of our last notes. Please try another way."],
                    last_at=START,
                    team="Dana Reyes",
                ),
            ],
            "invite_url": "/invite",
        },
    ),
    "client": (
        "caseload/show.html",
        {
            "person": CLINICIAN,
            "unreachable": [{"words": "We could not reach their phone.", "url": "/contact"}],
            "client": SimpleNamespace(name="Rosa Delgado", has_come=False),
            "invite_url": "/invitation",
            "unsent": [],
            "threads": THREADS[:2],
            "new_url": "/new",
            "team": TEAM,
            "people": PEOPLE,
            "add_url": "/add",
            "work": GIVEN_WORK,
            "give_url": "/give",
            "contact_url": "/contact",
        },
    ),
    "reading": ("caseload/reading.html", {"person": CLIENT, "people": TEAM}),
    "invite": (
        "caseload/invite.html",
        {
            "person": CLINICIAN,
            "name": "",
            "user_name": "",
            "languages": LANGUAGES,
            "language": "es",
            "people": PEOPLE,
            "second": "p2",
            "is_asked": True,
            "problem": None,
        },
    ),
    "invited": (
        "caseload/invited.html",
        {
            "person": CLINICIAN,
            "name": "Rosa Delgado",
            "code": "K7QM 2XWD 9PLA 77TR 0MZC 4HJE QV2N",
            "link": "https://notes.example.org/start",
            "expires_at": START,
            "is_asked": True,
            "continue_url": "/",
        },
    ),
    "contact": ("caseload/contact.html", CONTACT),
    "contact-wrong": (
        "caseload/contact.html",
        CONTACT
        | {
            "problem": "This does not look like a mobile number.",
            "typed": "555",
            "standing": SimpleNamespace(
                places=[],
                is_silent=True,
                is_held=True,
                is_unanswered=False,
                wants_none=False,
                is_asked=True,
                voicemail_ok=True,
                said_stop=False,
            ),
        },
    ),
}
