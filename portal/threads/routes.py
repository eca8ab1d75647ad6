"""URLs and views of threads."""

import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.accounts.browser import clinic, person, person_or_none, rescued_by
from portal.caseload.access import engagement_for
from portal.core import audit, clock, wording
from portal.core.database import at_the_end
from portal.core.errors import Conflict, Invalid
from portal.core.failures import show_failure
from portal.core.web import (
    db,
    fragment,
    installation,
    nothing_new,
    page,
    send_to,
    unit,
    wants_fragment,
)
from portal.threads import pages, queries, services
from portal.threads.access import OpenThread, glance_at, thread_for
from portal.threads.nonces import Nonce, new_nonce
from portal.threads.services import ThreadClosed
from portal.vault.queries import open_for

bp = Blueprint("threads", __name__)

# What a send without scripts is answered with: one's own message and a little before it.
NEWEST_AFTER_SEND = 3


def rescue(**place: uuid.UUID) -> Response:
    """Text that came without its session: kept, sealed, for the one who was given the form."""
    place_id = place.get("thread_id") or place["engagement_id"]
    text, nonce = request.form.get("text", ""), Nonce.parse(request.form.get("nonce", ""))
    unit().write()
    author = (
        services.keep_for_author(
            db(), installation.keyring, place_id, text, nonce, request.form.get("subject", "")
        )
        if nonce
        else None
    )
    back_to = request.path.removesuffix("/draft")
    signed_in = person_or_none()
    if author is None:
        return show_failure(wording.say("old_page"), 400 if signed_in else 401)
    if signed_in is not None and author.id == signed_in.id:
        return send_to(back_to)
    if wants_fragment():
        return send_to(url_for("accounts.sign_in", why="words_kept", next=back_to))
    return page(
        "accounts/kept.html", status=401, kept_at=clock.now(), next=back_to, user_name="",
        problem=None, scripts=False,
    )  # fmt: skip


def _number(typed: str) -> int:
    """A message's number as it comes from a page; ValueError for one that no message can have."""
    number = int(typed)
    if not 0 <= number <= queries.HIGHEST:
        raise ValueError
    return number


@bp.get("/threads/<id:thread_id>")
def show(thread_id: uuid.UUID) -> Response:
    thread = thread_for(db(), person(), thread_id)
    return _show(thread, template="threads/show.html")


def _show(
    thread: OpenThread,
    *,
    template: str,
    status: int = 200,
    count: int = queries.PAGE,
    **more: Any,
) -> Response:
    keyring = installation.keyring
    before = request.args.get("before", type=_number)
    messages = queries.messages_before(db(), keyring, thread, before, count)
    box = more.pop("composer", None)
    if box is None and thread.closed_at is None:
        box = pages.composer(db(), keyring, person(), thread)
    _note_opening(thread)
    return page(
        template,
        status=status,
        thread=pages.head(db(), keyring, thread),
        messages=pages.show_messages(thread, person(), messages),
        older_url=_older_url(thread, messages),
        newer_after=thread.last_seq,
        check_url=f"{pages.thread_url(thread.id)}/new",
        composer=box,
        offered=pages.left_unsent(db(), person(), thread) if thread.closed_at else None,
        discard_url=f"{pages.thread_url(thread.id)}/kept",
        reading_url=pages.reading_url(thread.engagement_id),
        new_url=pages.new_thread_url(thread.engagement_id) if thread.closed_at else None,
        close_url=_url_if(person().is_clinical and not thread.closed_at, thread, "close"),
        no_reply_url=_url_if(_may_say_no_reply(thread), thread, "no-reply-needed"),
        **more,
    )


def _url_if(condition: bool, thread: OpenThread, action: str) -> str | None:
    return f"{pages.thread_url(thread.id)}/{action}" if condition else None


def _may_say_no_reply(thread: OpenThread) -> bool:
    return thread.closed_at is None and thread.no_reply_at is None and thread.last_seq > 0


def _older_url(thread: OpenThread, messages: list[queries.MessageFacts]) -> str | None:
    if not messages or messages[0].seq <= 1:
        return None
    return f"{pages.thread_url(thread.id)}/earlier?before={messages[0].seq}"


def _note_opening(thread: OpenThread) -> None:
    """Who opened it goes into the trail each time; that it is opened, once."""
    reader = person()
    # The thread's row before the trail's turn, as in a send: in two orders they would wait for
    # each other.
    if thread.last_other_seq > thread.opened_by_own_seq:
        at_the_end(db(), lambda session: services.mark_opened(session, reader, thread))
    audit.note(db(), reader.clinic_id, reader.id, "thread:open", thread.id)


@bp.get("/threads/<id:thread_id>/earlier")
def earlier(thread_id: uuid.UUID) -> Response:
    thread = thread_for(db(), person(), thread_id)
    if not wants_fragment():
        return _show(thread, template="threads/show.html")
    before = request.args.get("before", type=_number)
    messages = queries.messages_before(db(), installation.keyring, thread, before)
    _note_opening(thread)
    return fragment(
        "threads/_older.html",
        messages=pages.show_messages(thread, person(), messages),
        older_url=_older_url(thread, messages),
    )


@bp.get("/threads/<id:thread_id>/new")
def check(thread_id: uuid.UUID) -> Response:
    after = request.args.get("after", type=_number)
    if after is None or not wants_fragment():
        return show(thread_id)
    if glance_at(db(), person(), thread_id).last_seq <= after:
        return fragment("threads/_checked.html", messages=[], checked_at=clock.now())
    thread = thread_for(db(), person(), thread_id)
    messages = queries.messages_after(db(), installation.keyring, thread, after)
    _note_opening(thread)
    return fragment(
        "threads/_checked.html",
        messages=pages.show_messages(thread, person(), messages),
        newer_after=messages[-1].seq if messages else after,
        checked_at=clock.now(),
    )


@bp.post("/threads/<id:thread_id>")
@rescued_by(rescue)
def write(thread_id: uuid.UUID) -> Response:
    if request.form.get("action") == "save":
        return _save(thread_id)
    text, nonce = request.form.get("text", ""), Nonce.parse(request.form.get("nonce", ""))
    try:
        if nonce is None:
            raise services.NonceRefused
        sent = services.send(db(), installation.keyring, clinic(), person(), thread_id, text, nonce)
    except ThreadClosed:
        return _offer_new_thread(thread_id, text)
    except Invalid as invalid:
        return _write_again(thread_id, text, _words_for(invalid))
    return _sent(sent.thread, sent.seq)


def _words_for(invalid: Invalid) -> str:
    codes = {"text", "subject"}
    code = next((str(value) for name, value in invalid.details.items() if name in codes), None)
    over = invalid.details.get("over")
    return wording.say(code or invalid.code, **({"over": over} if over else {}))


def _sent(thread: OpenThread, seq: int) -> Response:
    """The answer to a send, and the same one to each repeat of it: the newest messages."""
    box = pages.empty_composer(installation.keyring, person(), thread)
    if not wants_fragment():
        return _show(
            thread, template="threads/sent.html", count=NEWEST_AFTER_SEND, composer=box,
            sent_at=clock.now(),
        )  # fmt: skip
    after = request.form.get("after", type=_number)
    since = after if after is not None else seq - 1
    messages = queries.messages_after(db(), installation.keyring, thread, since)
    if any(message.author_id != person().id for message in messages):
        _note_opening(thread)
    return fragment(
        "threads/_sent.html",
        thread=thread,
        messages=pages.show_messages(thread, person(), messages),
        newer_after=thread.last_seq,
        composer=box,
        sent_at=clock.now(),
    )


def _write_again(thread_id: uuid.UUID, text: str, problem: str) -> Response:
    """The page once more, with all that was typed and what is wrong with it."""
    thread = thread_for(db(), person(), thread_id)
    box = pages.composer(db(), installation.keyring, person(), thread, text=text, problem=problem)
    if wants_fragment():
        after = request.form.get("after", type=_number) or thread.last_seq
        return fragment("threads/_box.html", status=422, composer=box, newer_after=after)
    return _show(thread, template="threads/show.html", status=422, composer=box)


def _offer_new_thread(thread_id: uuid.UUID, text: str) -> Response:
    """A closed thread is never a dead end: the text goes along into a new one."""
    thread = thread_for(db(), person(), thread_id)
    written = services.carry_along(db(), person(), thread, text)
    if wants_fragment():
        return send_to(pages.new_thread_url(thread.engagement_id))
    return _new_page(
        thread.engagement_id,
        text=written.text,
        subject=written.subject,
        problem=wording.say("thread_closed"),
        status=409,
    )


@bp.post("/threads/<id:thread_id>/draft")
@rescued_by(rescue)
def save_draft(thread_id: uuid.UUID) -> Response:
    return _save(thread_id)


def _save(thread_id: uuid.UUID) -> Response:
    thread = thread_for(db(), person(), thread_id, to_write=True)
    text, nonce = request.form.get("text", ""), Nonce.parse(request.form.get("nonce", ""))
    vault = services.ready_vault(db(), clinic(), person(), thread)
    saved = services.save_draft(db(), person(), vault, thread.id, text=text, nonce=nonce)
    if not wants_fragment():
        return send_to(pages.thread_url(thread.id))
    if not saved:
        return nothing_new()
    box = pages.Composer(text, "", "", "", saved_at=clock.now())
    return fragment("threads/_saved.html", composer=box)


@bp.post("/threads/<id:thread_id>/kept")
def kept(thread_id: uuid.UUID) -> Response:
    thread = thread_for(db(), person(), thread_id, to_write=True)
    is_wanted = request.form.get("action") == "restore"
    if is_wanted and thread.closed_at is not None:
        services.move_unsent(db(), person(), thread)
        return send_to(pages.new_thread_url(thread.engagement_id))
    if is_wanted:
        services.restore_kept(db(), person(), thread.vault, thread.id)
    else:
        services.discard_kept(db(), person(), thread.id)
        if thread.closed_at is not None:
            services.discard_draft(db(), person(), thread.id)
    return send_to(pages.thread_url(thread.id))


@bp.post("/threads/<id:thread_id>/messages/<int:seq>/take-back")
def take_back(thread_id: uuid.UUID, seq: int) -> Response:
    return _do(thread_id, lambda: services.take_back(db(), person(), thread_id, seq))


@bp.post("/threads/<id:thread_id>/no-reply-needed")
def no_reply_needed(thread_id: uuid.UUID) -> Response:
    return _do(thread_id, lambda: services.say_no_reply_needed(db(), person(), thread_id))


@bp.post("/threads/<id:thread_id>/close")
def close(thread_id: uuid.UUID) -> Response:
    return _do(thread_id, lambda: services.close(db(), person(), thread_id))


def _do(thread_id: uuid.UUID, deed: Callable[[], None]) -> Response:
    try:
        deed()
    except Conflict as conflict:
        reason = str(conflict.details.get("reason", conflict.code))
        return show_failure(wording.say(reason), 409)
    return send_to(pages.thread_url(thread_id))


@bp.get("/clients/<id:engagement_id>/threads/new")
def new(engagement_id: uuid.UUID) -> Response:
    return _new_page(engagement_id)


@bp.post("/clients/<id:engagement_id>/threads/new")
@rescued_by(rescue)
def begin(engagement_id: uuid.UUID) -> Response:
    engagement_for(db(), installation.keyring, person(), engagement_id)
    if request.form.get("action") == "save":
        return _save_new(engagement_id)
    subject, text = request.form.get("subject", ""), request.form.get("text", "")
    nonce = Nonce.parse(request.form.get("nonce", ""))
    try:
        if nonce is None:
            raise services.NonceRefused
        sent = services.begin_thread(
            db(), installation.keyring, clinic(), person(), engagement_id,
            subject=subject, text=text, nonce=nonce,
        )  # fmt: skip
    except Invalid as invalid:
        return _new_page(
            engagement_id, text=text, subject=subject, problem=_words_for(invalid), status=422
        )
    return _sent(thread_for(db(), person(), sent.thread_id), sent.seq)


def _new_page(
    engagement_id: uuid.UUID,
    *,
    text: str | None = None,
    subject: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    engagement = engagement_for(db(), installation.keyring, person(), engagement_id)
    vault = open_for(db(), person(), engagement.vault_id)
    before, kept_before = queries.unsent(db(), person(), vault, engagement_id)
    draft = before if text is None else None
    return page(
        "threads/new.html",
        status=status,
        action_url=url_for("threads.begin", engagement_id=engagement_id),
        draft_url=url_for("threads.save_new_draft", engagement_id=engagement_id),
        discard_url=url_for("threads.kept_new", engagement_id=engagement_id),
        offered=pages.joined(kept_before),
        subject=subject if subject is not None else draft.subject if draft else "",
        text=text if text is not None else draft.text if draft else "",
        saved_at=draft.at if draft else None,
        nonce=str(new_nonce(installation.keyring, person().id, engagement_id)),
        problem=problem,
    )


@bp.post("/clients/<id:engagement_id>/threads/new/draft")
@rescued_by(rescue)
def save_new_draft(engagement_id: uuid.UUID) -> Response:
    return _save_new(engagement_id)


def _save_new(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for(db(), installation.keyring, person(), engagement_id)
    services.engagement_to_write(db(), engagement_id)
    vault = open_for(db(), person(), engagement.vault_id)
    saved = services.save_draft(
        db(),
        person(),
        vault,
        engagement_id,
        text=request.form.get("text", ""),
        subject=request.form.get("subject", ""),
        nonce=Nonce.parse(request.form.get("nonce", "")),
    )
    if not wants_fragment():
        return send_to(url_for("threads.new", engagement_id=engagement_id))
    if not saved:
        return nothing_new()
    return fragment("threads/_saved.html", composer={"saved_at": clock.now()})


@bp.post("/clients/<id:engagement_id>/threads/new/kept")
def kept_new(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for(db(), installation.keyring, person(), engagement_id)
    vault = open_for(db(), person(), engagement.vault_id)
    if request.form.get("action") == "restore":
        services.restore_kept(db(), person(), vault, engagement_id)
    else:
        services.discard_kept(db(), person(), engagement_id)
    return send_to(url_for("threads.new", engagement_id=engagement_id))
