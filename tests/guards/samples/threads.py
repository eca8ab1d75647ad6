"""Conversations: lists of them, one of them, and what is written into it."""

import datetime as dt
from types import SimpleNamespace
from typing import Any, cast

from flask_babel import LazyString

from portal.core.html import text_to_html
from portal.core.i18n import day_name
from portal.threads.pages import MessageView
from tests.guards.samples.common import (
    CLIENT,
    CLINICIAN,
    LONG_NAME,
    NONCE,
    PROSE,
    START,
    THREAD_URL,
    Samples,
)


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
        "nonce": NONCE,
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


THREADS = [
    listed("Sleep and the quiet house", "new", unread=True),
    listed("The other thing, and a rather long subject line that has to wrap", "opened"),
    listed("School", "answered", last_is_mine=True),
    listed("First weeks", "closed"),
]

PAGES: Samples = {
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
        "threads/show.html",
        open_thread(messages=conversation(3), sent_at=START, composer=composer()),
    ),
    "new-thread": (
        "threads/new.html",
        {
            "person": CLIENT,
            "subject": "",
            "text": "",
            "nonce": NONCE,
            "problem": None,
            "saved_at": None,
            "action_url": "/new",
            "draft_url": "/new/draft",
            "discard_url": "/new/kept",
            "offered": SimpleNamespace(text=PROSE[2], at=START),
        },
    ),
}

FRAGMENTS: Samples = {
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
    "saved by the button": (
        "threads/_saved_by_button.html",
        {"composer": composer(saved_at=START)},
    ),
    "older": ("threads/_older.html", open_thread()),
}
