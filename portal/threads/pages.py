"""What the thread pages show, made of what was read."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask import request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core.database import at_the_end
from portal.core.html import text_to_html
from portal.core.i18n import _, face
from portal.core.ids import parse, short
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.threads import queries
from portal.threads.access import OpenThread
from portal.threads.models import Side
from portal.threads.queries import MessageFacts, Written
from portal.threads.services import unsent
from portal.vault.keys import OpenVault


class MessageView(NamedTuple):
    """A message as the page shows it. `day` is empty if it is the same as the message's before.

    `html` is empty for what was taken back, `state` for what is not one's own.
    """

    day: str
    mine: bool
    author: str
    time: str
    state: str
    takeback_url: str
    html: Markup


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
    sent_at: dt.datetime | None = None
    problem: str | None = None
    offered: Written | None = None


def thread_url(thread_id: uuid.UUID) -> str:
    # Built by hand: url_for costs more than all the rest of a line in a list.
    return f"/threads/{short(thread_id)}"


def reading_url(engagement_id: uuid.UUID) -> str:
    return f"/clients/{short(engagement_id)}/reading"


def show_messages(
    thread: OpenThread, person: Person, messages: list[MessageFacts]
) -> list[MessageView]:
    """Messages as a page lists them, each day named once."""
    clock_face, me, views, day = face(), person.id, [], ""
    for message in messages:
        mine = message.author_id == me
        today, time = clock_face.day_and_time(message.at)
        views.append(
            MessageView(
                "" if today == day else today,
                mine,
                message.author_name,
                time,
                _state(thread, message) if mine and message.taken_back_at is None else "",
                _takeback_url(thread, message) if mine else "",
                _without_text(thread, message)
                if message.text is None
                else text_to_html(message.text),
            )
        )
        day = today
    return views


def _takeback_url(thread: OpenThread, message: MessageFacts) -> str:
    """Where to take a message back, while the other side has not opened it."""
    opened = max(thread.opened_by_other_seq, thread.last_other_seq)
    if message.seq <= opened or message.taken_back_at is not None or thread.closed_at is not None:
        return ""
    return f"{thread_url(thread.id)}/messages/{message.seq}/take-back"


def _without_text(thread: OpenThread, message: MessageFacts) -> Markup:
    if message.taken_back_at is not None:
        return text_to_html("")
    if thread.vault.can_read(message.epoch):
        return text_to_html(_("This message was damaged. It cannot be shown."))
    return text_to_html(_("This was written before you were added. You cannot read it."))


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
    draft, kept, _ = found_unsent(session, person, thread.vault, thread.id)
    written = draft if text is None else None
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


def left_unsent(session: Session, person: Person, thread: OpenThread) -> Written | None:
    """What this person wrote for a thread before it was closed, to be taken into a new one."""
    return joined(queries.all_texts(found_unsent(session, person, thread.vault, thread.id)))


def found_unsent(
    session: Session, person: Person, vault: OpenVault, place_id: uuid.UUID
) -> queries.Unsent:
    """What a page offers of a place. What turns out to have been sent is kept no longer."""
    found = queries.unsent(session, person, vault, place_id)
    _forget_echoes(session, person, found)
    return found


def _forget_echoes(session: Session, person: Person, found: queries.Unsent) -> None:
    if found.echoes:
        at_the_end(session, lambda session: unsent.forget_echoes(session, person, found.echoes))


def unsent_lines(
    session: Session, person: Person, engagement_id: uuid.UUID, vault_id: uuid.UUID
) -> list[dict[str, str]]:
    """Where words wait that came when nobody was signed in any more."""
    lines = []
    for place in queries.kept_in_engagement(session, person, engagement_id, vault_id):
        _forget_echoes(session, person, place.found)
        if place.found.kept:
            url = thread_url(place.thread_id) if place.thread_id else new_thread_url(engagement_id)
            lines.append({"url": url, "subject": place.subject})
    return lines


def joined(kept: list[Written]) -> Written | None:
    """Kept texts as the page offers them: together, under the time of the last."""
    if not kept:
        return None
    return Written("\n\n".join(written.text for written in kept), "", kept[-1].at)


def thread_list(
    session: Session,
    person: Person,
    engagement_id: uuid.UUID,
    vault_id: uuid.UUID,
    with_names: list[str],
) -> dict[str, Any]:
    """A list of threads, or the part of it that is asked for. Raises NotFound."""
    before = request.args.get("before", type=parse)
    rows, older = queries.threads_of(session, person, engagement_id, vault_id, before)
    return {
        "threads": _list_rows(rows, with_names),
        "older_threads_url": f"{request.path}?before={short(older)}" if older else None,
    }


def _list_rows(rows: list[queries.ThreadRow], with_names: list[str]) -> list[dict[str, Any]]:
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
