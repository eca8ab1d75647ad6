"""URLs and views of threads: reading them, and what is done to a thread with one button."""

import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from portal.accounts.browser import person
from portal.core import audit, clock, wording
from portal.core.database import at_the_end
from portal.core.errors import Conflict
from portal.core.failures import show_failure
from portal.core.web import db, fragment, installation, page, send_to, wants_fragment
from portal.threads import pages, queries
from portal.threads.access import OpenThread, glance_at, thread_for
from portal.threads.services import marking

bp = Blueprint("threads", __name__)


def number_of(typed: str) -> int:
    """A message's number as it comes from a page; ValueError for one that no message can have."""
    number = int(typed)
    if not 0 <= number <= queries.HIGHEST:
        raise ValueError
    return number


@bp.get("/threads/<id:thread_id>")
def show(thread_id: uuid.UUID) -> Response:
    thread = thread_for(db(), person(), thread_id)
    return show_thread(thread)


def show_thread(
    thread: OpenThread,
    *,
    status: int = 200,
    count: int = queries.PAGE,
    **more: Any,
) -> Response:
    """The thread's page with its newest `count` messages, or those before the number asked for."""
    session, keyring, reader = db(), installation.keyring, person()
    before = request.args.get("before", type=number_of)
    messages = queries.messages_before(session, keyring, thread, before, count)
    box = more.pop("composer", None)
    if box is None and thread.closed_at is None:
        box = pages.composer(session, keyring, reader, thread)
    withheld = note_opening(thread, messages)
    url = pages.thread_url(thread.id)
    return page(
        "threads/show.html",
        status=status,
        thread=pages.head(session, keyring, thread),
        messages=pages.show_messages(thread, reader, messages),
        older_url=_older_url(thread, messages, withheld),
        newer_after=messages[-1].seq if messages and before is None else thread.last_seq,
        check_url=f"{url}/new",
        composer=box,
        offered=pages.left_unsent(session, reader, thread) if thread.closed_at else None,
        discard_url=f"{url}/kept",
        reading_url=pages.reading_url(thread.engagement_id),
        new_url=pages.new_thread_url(thread.engagement_id) if thread.closed_at else None,
        close_url=f"{url}/close" if reader.is_clinical and not thread.closed_at else None,
        no_reply_url=f"{url}/no-reply-needed" if _may_say_no_reply(thread) else None,
        **more,
    )


def _may_say_no_reply(thread: OpenThread) -> bool:
    return thread.closed_at is None and thread.no_reply_at is None and thread.last_seq > 0


def _older_url(
    thread: OpenThread, messages: list[queries.MessageFacts], withheld: int | None
) -> str | None:
    if not messages or messages[0].seq <= 1:
        return None
    shown = f"&to={withheld}" if withheld else ""
    return f"{pages.thread_url(thread.id)}/earlier?before={messages[0].seq}{shown}"


def note_opening(thread: OpenThread, messages: list[queries.MessageFacts]) -> int | None:
    """Who opened it goes into the trail each time; that it is opened, once, as far as it is shown.

    Returns the number of the last message shown if this could not be marked, since there is
    something new before the first of them. The link to that takes the number along, as `to`.
    """
    session, reader = db(), person()
    shown = max(messages[-1].seq, _shown_before(thread)) if messages else 0
    is_new = min(thread.last_other_seq, shown) > thread.opened_by_own_seq
    withheld = is_new and queries.is_unopened_before(session, thread, messages[0].seq)
    # The thread's row before the trail's turn, as in a send: in two orders they would wait for
    # each other.
    if is_new and not withheld and request.method != "HEAD":
        at_the_end(session, lambda session: marking.mark_opened(session, reader, thread, shown))
    audit.note(session, reader.clinic_id, reader.id, "thread:open", thread.id)
    return shown if withheld else None


def _shown_before(thread: OpenThread) -> int:
    """Up to which number the pages have been shown from which somebody goes back to this one."""
    return min(request.args.get("to", default=0, type=number_of), thread.last_seq)


@bp.get("/threads/<id:thread_id>/earlier")
def earlier(thread_id: uuid.UUID) -> Response:
    thread = thread_for(db(), person(), thread_id)
    if not wants_fragment():
        return show_thread(thread)
    before = request.args.get("before", type=number_of)
    messages = queries.messages_before(db(), installation.keyring, thread, before)
    withheld = note_opening(thread, messages)
    return fragment(
        "threads/_older.html",
        messages=pages.show_messages(thread, person(), messages),
        older_url=_older_url(thread, messages, withheld),
    )


@bp.get("/threads/<id:thread_id>/new")
def check(thread_id: uuid.UUID) -> Response:
    after = request.args.get("after", type=number_of)
    if after is None or not wants_fragment():
        return show(thread_id)
    if glance_at(db(), person(), thread_id).last_seq <= after:
        return fragment("threads/_checked.html", messages=[], checked_at=clock.now())
    thread = thread_for(db(), person(), thread_id)
    messages = queries.messages_after(db(), installation.keyring, thread, after)
    note_opening(thread, messages)
    return fragment(
        "threads/_checked.html",
        messages=pages.show_messages(thread, person(), messages),
        newer_after=messages[-1].seq if messages else after,
        checked_at=clock.now(),
    )


@bp.post("/threads/<id:thread_id>/messages/<int:seq>/take-back")
def take_back(thread_id: uuid.UUID, seq: int) -> Response:
    return _do(thread_id, lambda: marking.take_back(db(), person(), thread_id, seq))


@bp.post("/threads/<id:thread_id>/no-reply-needed")
def no_reply_needed(thread_id: uuid.UUID) -> Response:
    return _do(thread_id, lambda: marking.say_no_reply_needed(db(), person(), thread_id))


@bp.post("/threads/<id:thread_id>/close")
def close(thread_id: uuid.UUID) -> Response:
    return _do(thread_id, lambda: marking.close(db(), person(), thread_id))


def _do(thread_id: uuid.UUID, deed: Callable[[], None]) -> Response:
    try:
        deed()
    except Conflict as conflict:
        reason = str(conflict.details.get("reason", conflict.code))
        return show_failure(wording.say(reason), 409)
    return send_to(pages.thread_url(thread_id))
