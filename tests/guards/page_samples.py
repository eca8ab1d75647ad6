"""Every page that a person can see, filled as richly as its view may fill it."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from flask import Flask, render_template
from flask_babel import LazyString
from markupsafe import Markup

from portal.core.assets import init_assets
from portal.core.html import authors_text, init_html, text_to_html
from portal.core.i18n import LANGUAGES, day_name, init_i18n
from portal.modules.blocks import Block
from portal.modules.controls import Control, Option
from portal.modules.paper import Grid, Piece, Room, Sheet
from portal.threads.pages import MessageView

ROOT = Path(__file__).parents[2]
START = dt.datetime(2026, 3, 2, 8, 15, tzinfo=dt.UTC)
LONG_NAME = "Maximiliana Fernández-Castellanos de la Torre y Quiñones"
PROSE = (ROOT / "tests/guards/prose.txt").read_text("utf-8").splitlines()
CLIENT = SimpleNamespace(name="Rosa Delgado", role="client", is_staff=False)
CLINICIAN = SimpleNamespace(name=LONG_NAME, role="clinician", is_staff=True)
ADMINISTRATOR = SimpleNamespace(name="Ines Whitford", role="administrator", is_staff=True)
CRISIS = SimpleNamespace(
    lines=[
        SimpleNamespace(label="Prairie night line 555 0100", href="tel:5550100", by_text=False),
        SimpleNamespace(label="988", href="tel:988", by_text=False),
        SimpleNamespace(label="988", href="sms:988", by_text=True),
        SimpleNamespace(label="911", href="tel:911", by_text=False),
    ]
)
TOKEN = "Zk3vQm8sTzW0yLr5aBn2XgQ7d1E"
THREAD_URL = "/threads/AZq3vXb1cO2Zr8kQ0m9TqA"


def message(number: int, *, mine: bool | None = None, back: bool = False) -> MessageView:
    """The number-th message of a long talk: one day the client, two days later the clinician."""
    at = START + dt.timedelta(hours=19 * number, minutes=7 * number)
    mine = number % 2 == 1 if mine is None else mine
    return MessageView(
        day=cast(str, LazyString(day_name, at)),
        mine=mine,
        author="Dana Reyes",
        time=at.strftime("%H:%M"),
        state=("received" if back else "answered") if mine else "",
        takeback_url=f"{THREAD_URL}/messages/{number}/take-back" if back else "",
        html=text_to_html(PROSE[(number - 1) % len(PROSE)]),
    )


def conversation(count: int = 20) -> list[MessageView]:
    """Messages whose newest is the reader's own, not opened yet."""
    messages = [message(number) for number in range(1, count)]
    return [*messages, message(count, mine=True, back=True)]


def thread(**more: object) -> SimpleNamespace:
    fields: dict[str, object] = {
        "url": THREAD_URL,
        "subject": "Sleep and the quiet house",
        "closed_at": None,
        "closed_by": None,
        "with_names": ["Dana Reyes", "Sam Okafor"],
        "no_reply_needed": None,
    }
    return SimpleNamespace(**(fields | more))


def composer(**more: object) -> SimpleNamespace:
    fields: dict[str, object] = {
        "text": "",
        "nonce": "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0",
        "saved_at": None,
        "problem": None,
        "limit": 8000,
        "offered": None,
        "discard_url": None,
        "draft_url": f"{THREAD_URL}/draft",
    }
    return SimpleNamespace(**(fields | more))


def open_thread(**more: object) -> dict[str, Any]:
    """What the thread page gets on an ordinary day."""
    return {
        "person": CLIENT,
        "thread": thread(),
        "messages": conversation(),
        "older_url": f"{THREAD_URL}?before=1",
        "newer_after": 20,
        "check_url": f"{THREAD_URL}/new",
        "composer": composer(),
        "reading_url": "/reading/AZq2pLw0aX5Yd7hR3n8UsB",
        "close_url": None,
        "no_reply_url": f"{THREAD_URL}/no-reply",
        "new_url": None,
    } | more


def listed(subject: str, state: str, **more: object) -> SimpleNamespace:
    fields: dict[str, object] = {
        "url": THREAD_URL,
        "subject": subject,
        "with_names": ["Dana Reyes", LONG_NAME],
        "last_at": START,
        "last_is_mine": False,
        "unread": False,
        "state": state,
    }
    return SimpleNamespace(**(fields | more))


TEAM = [
    SimpleNamespace(name="Dana Reyes", role="clinician", since=START, remove_url="/x/remove"),
    SimpleNamespace(name=LONG_NAME, role="supervisor", since=START, remove_url=None),
]
PEOPLE = [SimpleNamespace(id="p1", name="Sam Okafor"), SimpleNamespace(id="p2", name=LONG_NAME)]
THREADS = [
    listed("Sleep and the quiet house", "new", unread=True),
    listed("The other thing, and a rather long subject line that has to wrap", "opened"),
    listed("School", "answered", last_is_mine=True),
    listed("First weeks", "closed"),
]
WORK_URL = "/work/AZq3vXb1cO2Zr8kQ0m9TqA"
GIVEN_WORK = [
    SimpleNamespace(
        url=WORK_URL, title="Ride the urge", says="New for you", is_new=True, has_kept=True,
        so_far="2 of 7 steps sent · last on Mon 2 Mar", waiting_since=START,
    ),
    SimpleNamespace(
        url=WORK_URL, title="Better sleep", says="Sent", is_new=False, has_kept=False,
        so_far="", waiting_since=None,
    ),
]  # fmt: skip
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
WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
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
    "hours": [SimpleNamespace(value=str(h), label=f"{h:02}:00") for h in range(24)],
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
        is_held=False,
        is_unanswered=False,
        wants_none=False,
        is_asked=False,
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
OFFER = SimpleNamespace(
    user_name="rosa-delgado",
    user_name_is_fixed=False,
    passphrase="copper lantern drift meadow",
    recovery_code="K7QM-2XWD-9PLA-77TR-0MZC-4HJE-QV2N",
)
SIGN_IN = {"user_name": "", "problem": None, "notice": None, "next": None}

# The sample's name: its template and its context.
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
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
        {"person": CLIENT, "address": "https://notes.example", "days": ["Monday", "Thursday"]},
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
                is_held=True,
                is_unanswered=False,
                wants_none=False,
                is_asked=True,
                voicemail_ok=True,
                said_stop=False,
            ),
        },
    ),
    "threads": (
        "home/client.html",
        {
            "person": CLIENT,
            "threads": THREADS,
            "new_url": "/new",
            "reading_url": "/reading",
            "notices": ["Your passphrase was set anew. If that was not you, tell us today."],
            "unreachable": [{"words": "We could not reach your phone.", "url": "/account/notices"}],
            "unsent": [{"url": THREAD_URL, "subject": "School"}, {"url": "/new", "subject": ""}],
        },
    ),
    "threads-none": (
        "home/client.html",
        {
            "person": CLIENT,
            "threads": [],
            "new_url": "/new",
            "reading_url": "/reading",
            "first": {"title": "Back to here and now", "minutes": 5, "url": "/first", "nonce": "n"},
        },
    ),
    "thread": ("threads/show.html", open_thread()),
    "thread-staff": (
        "threads/show.html",
        open_thread(
            person=CLINICIAN,
            close_url=f"{THREAD_URL}/close",
            composer=composer(text="Dear Rosa,\n", saved_at=START),
        ),
    ),
    "thread-problem": (
        "threads/show.html",
        open_thread(
            messages=conversation(2),
            composer=composer(
                text="Too long " * 40, problem="This is longer than 8,000 letters. Please cut it."
            ),
        ),
    ),
    "thread-offered": (
        "threads/show.html",
        open_thread(
            messages=conversation(2),
            older_url=None,
            thread=thread(no_reply_needed=SimpleNamespace(by="Dana Reyes", at=START)),
            composer=composer(
                offered=SimpleNamespace(text=PROSE[0], at=START), discard_url=f"{THREAD_URL}/kept"
            ),
        ),
    ),
    "thread-closed": (
        "threads/show.html",
        open_thread(
            messages=conversation(3),
            thread=thread(closed_at=START, closed_by="Dana Reyes"),
            composer=None,
            check_url=None,
            no_reply_url=None,
            new_url="/new",
        ),
    ),
    "sent": (
        "threads/sent.html",
        open_thread(messages=conversation(3), sent_at=START, composer=composer()),
    ),
    "new-thread": (
        "threads/new.html",
        {
            "person": CLIENT,
            "subject": "",
            "text": "",
            "nonce": "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0",
            "problem": None,
            "saved_at": None,
            "action_url": "/new",
            "draft_url": "/new/draft",
            "discard_url": "/new/kept",
            "offered": SimpleNamespace(text=PROSE[2], at=START),
        },
    ),
    "clients": (
        "caseload/index.html",
        {
            "person": CLINICIAN,
            "sheet_url": "/work/sheet",
            "progress_url": "/work/progress",
            "rows": [
                SimpleNamespace(
                    url="/c/1",
                    name="Rosa Delgado",
                    waiting_since=START,
                    waiting_text="Waiting",
                    last_at=START,
                    team="Dana Reyes, Sam Okafor",
                ),
                SimpleNamespace(
                    url="/c/2",
                    name=LONG_NAME,
                    waiting_since=None,
                    waiting_text="",
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
            "continue_url": "/",
        },
    ),
    "delivery": (
        "home/delivery.html",
        {
            "person": ADMINISTRATOR,
            "channels": [
                SimpleNamespace(
                    name="Mail",
                    provider="It works.",
                    is_wrong=False,
                    until=None,
                    code=None,
                    rows=[("Due now", 3), ("Overdue by", "12 minutes")],
                    reasons=(("smtp_451", 2),),
                ),
                SimpleNamespace(
                    name="Texts",
                    provider="It does not work.",
                    is_wrong=True,
                    until=START,
                    code="twilio_20003",
                    rows=[("Due now", 0)],
                    reasons=(),
                ),
            ],
        },
    ),
    "people": (
        "home/people.html",
        {
            "person": ADMINISTRATOR,
            "problem": None,
            "people": [
                SimpleNamespace(
                    name="Dana Reyes",
                    user_name="dana",
                    role="clinician",
                    state="",
                    since=START,
                    url="/p/1",
                ),
                SimpleNamespace(
                    name=LONG_NAME,
                    user_name="maxi",
                    role="supervisor",
                    state="off",
                    since=START,
                    url="/p/2",
                ),
            ],
            "invite_url": "/people",
            "name": "",
            "role": "clinician",
            "roles": {"clinician": "Clinician", "supervisor": "Supervisor"},
            "languages": LANGUAGES,
            "language": "en",
        },
    ),
    "person": (
        "home/person.html",
        {
            "person": ADMINISTRATOR,
            "someone": SimpleNamespace(
                name="Dana Reyes", user_name="dana", role="clinician", state="", since=START
            ),
            "notice": None,
            "problem": None,
            "invite_url": "/p/1/invitation",
            "disable_url": "/p/1/disable",
            "enable_url": None,
        },
    ),
    "error": (
        "errors/error.html",
        {
            "heading": "Something is not working",
            "text": "It is not your fault. Please wait a minute and try again.",
            "kept": None,
            "retry_url": "/",
        },
    ),
    "error-kept": (
        "errors/error.html",
        {
            "person": CLIENT,
            "heading": "We could not save this yet",
            "text": "Your words are still here. Please wait a minute and try again.",
            "kept": PROSE[2],
            "kept_fields": {"nonce": "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0"},
            "retry_url": THREAD_URL,
        },
    ),
    "postbox": (
        "demo/postbox.html",
        {
            "mails": [
                SimpleNamespace(
                    to="rosa@example.org",
                    subject="A new item",
                    body="You have a new item. Sign in when it is private:\nhttps://notes.example.org",
                    at=START,
                )
            ],
            "texts": [],
        },
    ),
}

TASKS = [
    SimpleNamespace(
        what="Walk to the lake", when="Saturday", url=f"{WORK_URL}/homework/act", nonce="n", id="t1"
    )
]
SAID = [{"by": "Dana Reyes", "at": START, "text": PROSE[0]}]
WHOLE = [
    {
        "by": "Dana Reyes",
        "at": START,
        "noticed": PROSE[1],
        "link": PROSE[2],
        "goal": PROSE[0],
        "task": PROSE[3],
    }
]
CHOICES = (Option("yes", "Yes", True), Option("no", "No", False))


def asked(kind: str, name: str, **more: Any) -> Block:
    control = Control(kind, f"a.{name}", f"About {name}?", **more)
    return Block("ask", groups=((control,),), said=tuple(SAID), other="You also wrote: no")


def step(**more: object) -> dict[str, Any]:
    """What the page of a step gets on an ordinary day."""
    return {
        "person": CLIENT,
        "title": "An urge is a wave",
        "overview_url": WORK_URL,
        "url": f"{WORK_URL}/steps/wave",
        "back_url": f"{WORK_URL}/steps/before",
        "print_url": f"{WORK_URL}/steps/wave/paper",
        "typed_in": {"by": "Dana Reyes", "day": "Mon 2 Mar"},
        "number": 2,
        "count": 8,
        "minutes": 4,
        "blocks": [
            Block("html", authors_text(PROSE[0])),
            Block("example", authors_text(PROSE[1])),
            Block("told", text_to_html(PROSE[2]), "You wrote"),
            asked("long", "best", value="The walk", longest=4000, help="A guess is fine."),
            asked("list", "mood", options=CHOICES, ends="0 = low"),
            asked("one", "alone", options=CHOICES),
            asked("many", "helped", options=CHOICES),
            asked("text", "hours", value="7", mode="decimal", ends="hours"),
            Block(
                "group",
                label="My plan",
                groups=((Control("text", "a.act.what", "What?"),),),
                help="Small is good.",
            ),
        ],
        "has_gate": False,
        "whole": WHOLE,
        "nonce": "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0",
        "based_on": 3,
        "saved_at": START,
        "kept": {"at": START, "rows": [{"label": "What was good?", "text": PROSE[0]}]},
        "gate": "soft",
        "reading_day": "Tue 10 Mar",
        "may_answer": True,
        "problem": None,
        "after": {"alarms": [], "reply": authors_text(PROSE[3]), "shrink_url": "/shrink"},
    } | more


ANSWER = {
    "id": "best", "label": "What was good?", "text": "The walk", "before": "Little",
    "other": "The lake", "said": SAID, "typed": "",
}  # fmt: skip
TEAM_STEP = {
    "id": "wave", "title": "An urge is a wave", "says": "Sent", "at": START, "unlock_url": None,
    "unlock_note": "", "is_read": False, "called_at": None, "whole": WHOLE,
    "url": f"{WORK_URL}/steps/wave/feedback",
    "nonce": "n", "rows": [ANSWER], "links": [{"id": "best", "text": "The walk"}], "noticed": "",
    "task": "", "link": "best", "kept_at": START, "kept_url": f"{WORK_URL}/steps/wave/kept",
    "typed_in": {"by": "Dana Reyes", "day": "Mon 2 Mar"}, "sheet_url": "/sheet",
}  # fmt: skip
LINES, RINGS = Room("lines", lines=4), Room("scale", options=(("0", False), ("1", True)))
PAPER = Sheet(
    1,
    "An urge is a wave",
    "7K2M9Q-1",
    has_gate=True,
    pieces=(
        Piece("html", authors_text(PROSE[0])),
        Piece("example", authors_text(PROSE[1])),
        Piece("told", label="You wrote", rooms=(Room("lines"),)),
        Piece("ask", label="What was good?", help="A guess is fine.", rooms=(LINES,)),
        Piece("ask", label="How strong?", rooms=(RINGS,)),
        Piece("group", label="My plan", rooms=(replace(LINES, label="What?", text="Walk"),)),
        Piece(
            "gate",
            authors_text(PROSE[2]),
            "Do you think of hurting yourself?",
            rooms=(Room("choice", options=(("Yes", True), ("No", False))),),
        ),
        *(
            Piece("grid", label="Urges", grids=(Grid((("When", True),), ((LINES,),), turned),))
            for turned in (False, True)
        ),
    ),
)
SHEET: dict[str, Any] = step() | {
    "person": CLINICIAN,
    "client_name": LONG_NAME,
    "work_url": WORK_URL,
    "code": "7K2M9Q-1",
    "url": f"{WORK_URL}/steps/wave/sheet",
    "written": "2026-03-02",
    "kept_at": None,
    "is_answered": False,
}
GIVE: dict[str, Any] = {
    "person": CLINICIAN,
    "title": "Ride the urge",
    "summary": "Learn to let an urge rise and pass.",
    "client_name": "Rosa Delgado",
    "url": "/give",
    "print_url": "/modules/library/urge-surfing/paper",
    "nonce": "n",
    "starts": "2026-03-02",
    "ends": "2026-04-02",
    "days": ["Monday", "Tuesday"],
    "read": "1",
    "pace": "weekly",
    "paces": {"free": "In any order", "weekly": "One step a week"},
    "gates": {"free": "Goes on at once", "hold": "Waits"},
    "problem": None,
    "steps": [
        {
            "id": "wave", "title": "An urge is a wave", "unlock_note": "Talk first.",
            "parts": [authors_text(PROSE[0])], "questions": ["What was good?"], "gate": "hold",
        }
    ],
}  # fmt: skip
AS_CLIENT = Markup("<h1>An urge is a wave</h1>{}<p class=k>{}").format(
    authors_text(f"{PROSE[0]}\n\n1. {PROSE[1]}\n2. {PROSE[2]}\n\n- {PROSE[1]}"),
    Markup(" ").join(
        Markup('<a href="{}">{}</a>').format(line.href, line.label) for line in CRISIS.lines
    ),
)
MODULE_ROW = {
    "url": "/m/3",
    "title": "Riding out the first week after moving to another town",
    "summary": PROSE[0],
    "steps": 5,
    "minutes": 21,
    "is_worksheet": False,
    "version": "1.10.0",
    "by": LONG_NAME,
    "at": START,
    "is_retired": True,
    "is_offered": False,
}
DRAFT_ROW = {
    "url": "/d/1",
    "title": "Evenings without a screen",
    "by": LONG_NAME,
    "at": START,
    "has_kept": True,
}
FACTS = {
    "version": "1.10.0",
    "languages": "English, Español",
    "grades": "English 4.2, Español 5.1",
    "most": 6,
    "license": "CC-BY-4.0",
    "author": LONG_NAME,
    "steps": 5,
    "minutes": 21,
}
CHECKED = {
    "is_sound": False,
    "problems": [
        {"line": 4, "words": PROSE[0], "quote": "version: 1"},
        {"line": 112, "words": PROSE[1], "quote": ""},
    ],
    "notes": ["There is no Español in it."],
    "facts": FACTS,
}
MODULES = {
    "person": CLINICIAN,
    "problem": None,
    "checked": None,
    "may_write": True,
    "drafts": [DRAFT_ROW, DRAFT_ROW | {"title": "", "by": "", "has_kept": False}],
    "put_away": [DRAFT_ROW],
    "own": [MODULE_ROW, MODULE_ROW | {"is_retired": False, "by": ""}],
    "library": [MODULE_ROW | {"is_worksheet": True}, MODULE_ROW],
    "begin_url": "/modules/drafts",
    "import_url": "/modules/import",
    "nonce": "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0",
}
DRAFT = {
    "person": CLINICIAN,
    "title": "Evenings without a screen",
    "url": "/d/1",
    "text": "---\nid: evenings\n---\n" + "\n".join(PROSE),
    "nonce": "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0",
    "based_on": 7,
    "saved_at": START,
    "problem": None,
    "is_damaged": False,
    "is_put_away": False,
    "published_url": "/m/3",
    "rivals": [{"url": "?version=6", "by": LONG_NAME, "at": START}],
    "earlier": [{"url": "?version=6", "by": LONG_NAME, "at": START}],
    "kept": {"at": START, "text": PROSE[0]},
    "checked": None,
}
MODULE = {
    "person": CLINICIAN,
    "title": "Ride the urge",
    "summary": PROSE[0],
    "is_worksheet": False,
    "facts": FACTS,
    "steps": [{"title": "An urge is a wave", "minutes": 4}],
    "preview_url": "/m/3/preview",
    "file_url": "/m/3/file",
    "begin_url": "/modules/drafts",
    "nonce": "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0",
    "may_write": True,
    "of": "urge-surfing",
}

PAGES |= {
    "home-work": (
        "home/client.html",
        {
            "person": CLIENT,
            "threads": THREADS,
            "new_url": "/new",
            "work": GIVEN_WORK,
            "homework": TASKS,
        },
    ),
    "step": ("modules/step.html", step()),
    "step-problem": (
        "modules/step.html",
        step(
            problem="Something is still open:",
            asked_still=[{"at": "a.best", "label": "What was good?", "says": ""}],
            blocks=[
                asked("long", "best", wrong="Please answer this one.", longest=4000),
                asked("one", "alone", wrong="Please answer this one.", options=CHOICES),
            ],
        ),
    ),
    "step-gate": (
        "modules/step.html",
        step(
            has_gate=True,
            gate="hold",
            blocks=[
                replace(asked("one", "gate", options=CHOICES), kind="gate"),
                asked("long", "best", longest=4000),
            ],
        ),
    ),
    "step-read": ("modules/step.html", step(may_answer=False, blocks=[], kept=None, after=None)),
    "work": (
        "modules/show.html",
        {
            "person": CLIENT,
            "title": "Ride the urge",
            "summary": "Learn to let an urge rise and pass.",
            "state": "revision_asked",
            "how_far": "Step 2 of 7 · last on Mon 2 Mar",
            "print_url": f"{WORK_URL}/paper",
            "steps": [
                SimpleNamespace(title="An urge is a wave", url="/s/1", says="Sent", minutes=4),
                SimpleNamespace(title="The log", url="", says="Comes later", minutes=3),
            ],
            "go_on_url": "/s/1",
            "is_begun": True,
            "reading_day": "Tue 10 Mar",
            "submit_url": f"{WORK_URL}/submit",
            "complete_url": None,
            "skip_url": f"{WORK_URL}/skip",
            "ends_at": START,
            "reminder": {
                "url": f"{WORK_URL}/reminder",
                "days": ["Monday", "Tuesday"],
                "hours": [{"value": 18, "label": "18:00"}],
                "weekday": 1,
                "hour": 18,
                "most": 3,
            },
            "after": {
                "alarms": [authors_text(PROSE[0])],
                "reply": authors_text(PROSE[1]),
                "shrink_url": "",
            },
        },
    ),
    "work-team": (
        "modules/team.html",
        {
            "person": CLINICIAN,
            "title": "Ride the urge",
            "client_name": "Rosa Delgado",
            "client_url": "/c/1",
            "state_says": "Sent",
            "waiting_since": START,
            "read_on": "Tuesday",
            "problem": None,
            "homework": [
                {
                    "what": "Walk",
                    "reports": [{"at": START, "says": "Not yet", "obstacle": "Rain"}],
                    "worksheet": {"url": "/w", "title": "My week"},
                }
            ],
            "print_url": f"{WORK_URL}/paper",
            "seen_url": "/seen",
            "steps": [
                TEAM_STEP,
                TEAM_STEP
                | {
                    "id": "log",
                    "url": None,
                    "is_read": True,
                    "unlock_url": "/open",
                    "unlock_note": "Talk first.",
                    "called_at": START,
                    "gates": [{"label": "Do you think of ending your life?", "text": "Yes"}],
                    "see_url": "/steps/log/seen",
                },
            ],
            "may_ask_again": True,
            "ends_at": START,
            "waiting_at": "wave",
            "again_url": "/again",
            "complete_url": "/complete",
            "withdraw_url": "/withdraw",
        },
    ),
    "sheet": ("modules/sheet.html", SHEET),
    "sheet-wrong": (
        "modules/sheet.html",
        SHEET
        | {
            "problem": "Something does not fit.",
            "kept_at": START,
            "is_answered": True,
            "blocks": [
                asked("text", "hours", wrong="Please write a number that fits."),
                asked("long", "best", longest=4000),
            ],
        },
    ),
    "find-sheet": ("modules/find_sheet.html", {"person": CLINICIAN, "code": "", "problem": None}),
    "find-sheet-wrong": (
        "modules/find_sheet.html",
        {"person": CLINICIAN, "code": "7K2M9Q-3", "problem": "No work has this code."},
    ),
    "paper": (
        "modules/paper.html",
        {
            "person": CLIENT,
            "title": "Ride the urge",
            "notes": ["Shut until you open it: The log"],
            "links": [{"url": "?answers=1", "text": "With the answers so far"}],
            "sheets": [PAPER, replace(PAPER, has_gate=False, number=2)],
        },
    ),
    "progress": (
        "modules/progress.html",
        {
            "person": ADMINISTRATOR,
            "fewest": 5,
            "days": 21,
            "modules": [
                {
                    "title": "Ride the urge",
                    "version": "1.0.0",
                    "given": "about 20",
                    "facts": [("Opened", "about 15"), ("Begun", "fewer than 5")],
                    "steps": [{"title": "An urge is a wave", "facts": [("Sent", "about 15")]}],
                }
            ],
        },
    ),
    "choose-work": (
        "modules/choose.html",
        {
            "person": CLINICIAN,
            "client_name": "Rosa Delgado",
            "own": [MODULE_ROW],
            "modules": [
                {
                    "url": "/m/1",
                    "title": "Ride the urge",
                    "summary": "Let it pass.",
                    "steps": 7,
                    "minutes": 29,
                    "is_worksheet": False,
                },
                {
                    "url": "/m/2",
                    "title": "Sleep diary",
                    "summary": "Each morning.",
                    "steps": 1,
                    "minutes": 3,
                    "is_worksheet": True,
                },
            ],
        },
    ),
    "modules": ("modules/authors/index.html", MODULES),
    "modules-refused": (
        "modules/authors/index.html",
        MODULES
        | {"problem": "This file was not taken in.", "checked": CHECKED, "may_write": False},
    ),
    "module-draft": ("modules/authors/draft.html", DRAFT),
    "module-draft-checked": (
        "modules/authors/draft.html",
        DRAFT
        | {
            "checked": CHECKED,
            "problem": "The file is larger than 1 MB.",
            "is_put_away": True,
            "is_damaged": True,
        },
    ),
    "module-draft-sound": (
        "modules/authors/draft.html",
        DRAFT | {"checked": CHECKED | {"problems": [], "is_sound": True, "facts": FACTS}},
    ),
    "module": (
        "modules/authors/show.html",
        MODULE
        | {
            "by": LONG_NAME,
            "at": START,
            "is_retired": True,
            "retire_url": "/retire",
            "change_url": "/change",
        },
    ),
    "module-library": ("modules/authors/show.html", MODULE),
    "module-preview": (
        "modules/authors/preview.html",
        {
            "person": CLINICIAN,
            "inside": AS_CLIENT,
            "is_over": False,
            "module_title": "Ride the urge",
            "url": "/preview",
            "back_url": "/m/1",
            "spoken": "es",
            "languages": [{"code": code, "name": name} for code, name in LANGUAGES.items()],
            "is_wide": False,
            "step_id": "wave",
            "unlock_note": "Talk first.",
            "steps": [{"id": "wave", "title": "An urge is a wave", "is_here": True}],
            "travelling": [("a.best", PROSE[0])],
        },
    ),
    "give-work": ("modules/give.html", GIVE),
    "give-work-wrong": ("modules/give.html", GIVE | {"problem": "Please choose a day to begin."}),
    "error-boxes": (
        "errors/error.html",
        {
            "person": CLIENT,
            "heading": "We could not save this yet",
            "text": "Your words are still here. Please wait a minute and try again.",
            "kept": None,
            "kept_fields": {"nonce": "AaIBMCvlc-6HckcCD0L41HkUYHzA5nf_pr0"},
            "boxes": [("a.best", PROSE[0])],
            "action": "next",
            "retry_url": f"{WORK_URL}/steps/wave",
        },
    ),
}

FRAGMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "sent": (
        "threads/_sent.html",
        open_thread(messages=conversation(1), sent_at=START),
    ),
    "checked": (
        "threads/_checked.html",
        open_thread(messages=[message(3)], checked_at=START),
    ),
    "checked-none": (
        "threads/_checked.html",
        open_thread(messages=[], checked_at=START),
    ),
    "saved": ("threads/_saved.html", {"composer": composer(saved_at=START)}),
    "older": ("threads/_older.html", open_thread()),
    "step-as-client": (
        "modules/authors/_as_client.html",
        {
            "after": {"alarms": [authors_text(PROSE[0])], "reply": "", "shrink_url": "#main"},
            "step_id": "wave",
            "title": "An urge is a wave",
            "number": 1,
            "count": 7,
            "minutes": 4,
            "blocks": [asked("long", "best", longest=4000)],
            "has_gate": False,
            "gate": "hold",
            "problem": "Something is still open.",
            "may_answer": True,
            "has_back": True,
        },
    ),
    "step-saved": ("modules/_saved.html", {"saved_at": START}),
    "step-open": (
        "modules/_problem.html",
        {
            "problem": PROSE[0],
            "asked_still": [{"at": "a.mood", "label": PROSE[1], "says": "Please write a number."}],
        },
    ),
}


def sample_app(language: str | None = None) -> Flask:
    """An app with templates and nothing behind them."""
    app = Flask(__name__, template_folder=str(ROOT / "templates"), static_folder=None)
    init_html(app)
    init_i18n(app, own_language=lambda: language)
    init_assets(app, ROOT / "static")
    app.jinja_env.globals.update(
        url_for=lambda endpoint, **_: "/" + endpoint.replace(".", "/"),
        csrf_token=lambda: TOKEN,
    )
    return app


def render(app: Flask, template: str, context: dict[str, Any], **request_options: Any) -> str:
    """The page as a browser gets it; request_options: headers and the like."""
    everywhere: dict[str, Any] = {
        "person": None,
        "crisis": CRISIS,
        "scripts": bool(context.get("person")),
        "exit_url": "https://weather.example.org/",
        "gone_url": "/gone",
        "idle_seconds": 1800 if context.get("person") else None,
    }
    with app.test_request_context("/", **request_options):
        return render_template(template, **(everywhere | context))
