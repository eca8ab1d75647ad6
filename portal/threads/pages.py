"""What the thread pages show, made of what was read."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core.html import text_to_html
from portal.core.i18n import _
from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.threads import queries
from portal.threads.access import OpenThread
from portal.threads.models import Side
from portal.threads.nonces import new_nonce
from portal.threads.queries import MessageFacts, Written


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as the page shows it."""

    seq: int
    mine: bool
    author: str
    at: dt.datetime
    html: Markup
    state: str
    can_take_back: bool
    takeback_url: str
    taken_back: bool


@dataclass(frozen=True, slots=True)
class ThreadHead:
    """What a page says of a thread before its messages."""

    url: str
    subject: str
    with_names: list[str]
    closed_at: dt.datetime | None
    closed_by: str
    no_reply_needed: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Composer:
    """The box to write in."""

    text: str
    nonce: str
    draft_url: str
    discard_url: str
    saved_at: dt.datetime | None = None
    problem: str | None = None
    offered: Written | None = None


def thread_url(thread_id: uuid.UUID) -> str:
    # Built by hand: url_for costs more than all the rest of a line in a list.
    return f"/threads/{short(thread_id)}"


def show_message(thread: OpenThread, person: Person, message: MessageFacts) -> MessageView:
    mine = message.author_id == person.id
    can_take_back = mine and message.text is not None and _is_unopened(thread, message.seq)
    return MessageView(
        seq=message.seq,
        mine=mine,
        author=message.author_name,
        at=message.at,
        html=_html(thread, message),
        state=_state(thread, message) if mine and message.taken_back_at is None else "",
        can_take_back=can_take_back and thread.closed_at is None,
        takeback_url=(
            f"{thread_url(thread.id)}/messages/{message.seq}/take-back" if can_take_back else ""
        ),
        taken_back=message.taken_back_at is not None,
    )


def _html(thread: OpenThread, message: MessageFacts) -> Markup:
    if message.text is not None:
        return text_to_html(message.text)
    if message.taken_back_at is not None:
        return Markup()
    if thread.vault.can_read(message.epoch):
        return text_to_html(_("This message was damaged. It cannot be shown."))
    return text_to_html(_("This was written before you were added. You cannot read it."))


def _is_unopened(thread: OpenThread, seq: int) -> bool:
    return thread.opened_by_other_seq < seq and thread.last_other_seq < seq


def _state(thread: OpenThread, message: MessageFacts) -> str:
    if thread.last_other_seq > message.seq:
        return "answered"
    return "opened" if thread.opened_by_other_seq >= message.seq else "received"


def head(session: Session, keyring: Keyring, thread: OpenThread) -> ThreadHead:
    names = (
        queries.team_names(session, keyring, thread.engagement_id)
        if thread.side is Side.CLIENT
        else [queries.client_name(session, keyring, thread.engagement_id)]
    )
    closed_by = queries.name_of_user(session, keyring, thread.closed_by) if thread.closed_by else ""
    said_by = thread.no_reply_by
    return ThreadHead(
        url=thread_url(thread.id),
        subject=thread.subject or _("Thread"),
        with_names=names,
        closed_at=thread.closed_at,
        closed_by=closed_by,
        no_reply_needed=(
            {"by": queries.name_of_user(session, keyring, said_by), "at": thread.no_reply_at}
            if said_by
            else None
        ),
    )


def composer(
    session: Session,
    keyring: Keyring,
    person: Person,
    thread: OpenThread,
    *,
    text: str | None = None,
    problem: str | None = None,
) -> Composer:
    """The box, with what was typed just now, or else the draft, and with what was kept."""
    written = queries.draft_of(session, person, thread.vault, thread.id) if text is None else None
    kept = queries.kept_texts(session, person, thread.id)
    url = thread_url(thread.id)
    return Composer(
        text=text if text is not None else written.text if written else "",
        nonce=str(new_nonce(keyring, person.id, thread.id)),
        draft_url=f"{url}/draft",
        discard_url=f"{url}/kept",
        saved_at=written.at if written else None,
        problem=problem,
        offered=joined(kept),
    )


def empty_composer(keyring: Keyring, person: Person, thread: OpenThread) -> Composer:
    """The box after a send, without looking for what cannot be there."""
    url = thread_url(thread.id)
    nonce = str(new_nonce(keyring, person.id, thread.id))
    return Composer("", nonce, f"{url}/draft", f"{url}/kept")


def joined(kept: list[Written]) -> Written | None:
    """Kept texts as the page offers them: together, under the time of the last."""
    if not kept:
        return None
    return Written("\n\n".join(written.text for written in kept), "", kept[-1].at)


def list_rows(rows: list[queries.ThreadRow], with_names: list[str]) -> list[dict[str, Any]]:
    """Lines for a list of threads."""
    return [
        {
            "url": thread_url(row.id),
            "subject": row.subject or _("Thread"),
            "with_names": with_names,
            "last_at": row.last_at,
            "last_is_mine": row.last_is_mine,
            "unread": row.unread,
            "state": row.state,
        }
        for row in rows
    ]


def new_thread_url(engagement_id: uuid.UUID) -> str:
    return url_for("threads.new", engagement_id=engagement_id)
