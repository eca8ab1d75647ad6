"""URLs and views for whoever writes: sending, drafts, what was kept, beginning a thread."""

import uuid

from flask import Response, request, url_for

from portal.accounts.browser import clinic, kept_for, person, rescued_by
from portal.caseload.access import engagement_for
from portal.core import clock, wording
from portal.core.errors import Invalid
from portal.core.nonces import Nonce, new_nonce
from portal.core.web import (
    db,
    fragment,
    installation,
    page,
    send_to,
    takes_up_to,
    unit,
    wants_fragment,
)
from portal.threads import pages, queries
from portal.threads.access import OpenThread, thread_for
from portal.threads.routes import bp, note_opening, number_of, show_thread
from portal.threads.services import sending, unsent
from portal.threads.services.sending import ThreadClosed
from portal.vault.queries import open_for

__all__ = ["bp"]

NEWEST_AFTER_SEND = 3
MOST_AFTER_SEND = 10
# As the proxy of deploy/: what is far too long to be sent comes back with the page that says so.
takes_whole_books = takes_up_to(2 * 1024 * 1024, or_say="too_large")


def rescue(**place: uuid.UUID) -> Response:
    """Text that came without its session: kept, sealed, for the one who was given the form."""
    place_id = place.get("thread_id") or place["engagement_id"]
    text, nonce = request.form.get("text", ""), Nonce.parse(request.form.get("nonce", ""))
    unit().write()
    author = (
        unsent.keep_for_author(
            db(), installation.keyring, place_id, text, nonce, request.form.get("subject", "")
        )
        if nonce
        else None
    )
    back_to = request.path.removesuffix("/draft")
    return kept_for(author, back_to)


@bp.post("/threads/<id:thread_id>")
@rescued_by(rescue)
@takes_whole_books
def write(thread_id: uuid.UUID) -> Response:
    form = request.form
    if form.get("action") == "save":
        return _save(thread_id)
    text, nonce = form.get("text", ""), Nonce.parse(form.get("nonce", ""))
    try:
        if nonce is None:
            raise sending.NonceRefused
        sent = sending.send(db(), installation.keyring, clinic(), person(), thread_id, text, nonce)
    except ThreadClosed:
        return _offer_new_thread(thread_id, text)
    except Invalid as invalid:
        return _write_again(thread_id, text, _words_for(invalid))
    return _sent(sent.thread, sent.seq, sent.message)


def _words_for(invalid: Invalid) -> str:
    codes = {"text", "subject"}
    code = next((str(value) for name, value in invalid.details.items() if name in codes), None)
    over = invalid.details.get("over")
    return wording.say(code or invalid.code, **({"over": over} if over else {}))


def _sent(thread: OpenThread, seq: int, message: queries.MessageFacts | None = None) -> Response:
    """The answer to a send, and the same one to each repeat of it: the newest messages.

    message: what was stored just now; it need not be read again if nothing else is new.
    """
    writer, keyring = person(), installation.keyring
    box = pages.empty_composer(keyring, writer, thread)
    if not wants_fragment():
        return show_thread(
            thread, count=_newest_after_send(thread), composer=box, sent_at=clock.now()
        )
    after = request.form.get("after", type=number_of)
    since = after if after is not None else seq - 1
    if message is not None and since == seq - 1:
        messages = [message]
    else:
        messages = queries.messages_after(db(), keyring, thread, since)
    if any(message.author_id != writer.id for message in messages):
        note_opening(thread, messages)
    return fragment(
        "threads/_sent.html",
        thread=thread,
        messages=pages.show_messages(thread, writer, messages),
        newer_after=messages[-1].seq if messages else thread.last_seq,
        composer=box,
        sent_at=clock.now(),
    )


def _newest_after_send(thread: OpenThread) -> int:
    """Without scripts: one's own message and a little before it, or all that came meanwhile if it
    is not much. What came meanwhile and is left out counts as not opened."""
    since_opened = thread.last_seq - thread.opened_by_own_seq
    if thread.last_other_seq <= thread.opened_by_own_seq or since_opened > MOST_AFTER_SEND:
        return NEWEST_AFTER_SEND
    return max(since_opened, NEWEST_AFTER_SEND)


def _write_again(thread_id: uuid.UUID, text: str, problem: str) -> Response:
    """The page once more, with all that was typed and what is wrong with it."""
    thread = thread_for(db(), person(), thread_id)
    box = pages.composer(db(), installation.keyring, person(), thread, text=text, problem=problem)
    if wants_fragment():
        after = request.form.get("after", type=number_of) or thread.last_seq
        return fragment("threads/_box.html", status=422, composer=box, newer_after=after)
    return show_thread(thread, status=422, composer=box)


def _offer_new_thread(thread_id: uuid.UUID, text: str) -> Response:
    """A closed thread is never a dead end: the text goes along into a new one."""
    thread = thread_for(db(), person(), thread_id)
    written = unsent.carry_along(db(), person(), thread, text)
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
@takes_whole_books
def save_draft(thread_id: uuid.UUID) -> Response:
    return _save(thread_id)


def _save(thread_id: uuid.UUID) -> Response:
    thread = thread_for(db(), person(), thread_id, to_write=True)
    text, nonce = request.form.get("text", ""), Nonce.parse(request.form.get("nonce", ""))
    vault = sending.ready_vault(db(), clinic(), person(), thread)
    sent = unsent.save_draft(
        db(), person(), vault, thread.id, text=text, nonce=nonce, by_itself=_comes_by_itself()
    )
    if not wants_fragment():
        return send_to(pages.thread_url(thread.id))
    return _saved(sent)


def _comes_by_itself() -> bool:
    """Whether a draft is saved because there was a pause in typing; not by a button."""
    return wants_fragment() and request.form.get("action") != "save"


def _saved(sent: queries.SentBefore | None) -> Response:
    """What stands under the box then. Of words that were sent already it says so."""
    box = {"sent_at": sent.at} if sent else {"saved_at": clock.now()}
    by_itself, by_button = "threads/_saved.html", "threads/_saved_by_button.html"
    return fragment(by_itself if _comes_by_itself() else by_button, composer=box)


@bp.post("/threads/<id:thread_id>/kept")
def kept(thread_id: uuid.UUID) -> Response:
    thread = thread_for(db(), person(), thread_id, to_write=True)
    is_wanted = request.form.get("action") == "restore"
    if is_wanted and thread.closed_at is not None:
        unsent.move_unsent(db(), person(), thread)
        return send_to(pages.new_thread_url(thread.engagement_id))
    if is_wanted:
        unsent.restore_kept(db(), person(), thread.vault, thread.id)
    else:
        unsent.discard_kept(db(), person(), thread.id)
        if thread.closed_at is not None:
            unsent.discard_draft(db(), person(), thread.id)
    return send_to(pages.thread_url(thread.id))


@bp.get("/clients/<id:engagement_id>/threads/new")
def new(engagement_id: uuid.UUID) -> Response:
    return _new_page(engagement_id)


@bp.post("/clients/<id:engagement_id>/threads/new")
@rescued_by(rescue)
@takes_whole_books
def begin(engagement_id: uuid.UUID) -> Response:
    engagement_for(db(), installation.keyring, person(), engagement_id)
    if request.form.get("action") == "save":
        return _save_new(engagement_id)
    subject, text = request.form.get("subject", ""), request.form.get("text", "")
    nonce = Nonce.parse(request.form.get("nonce", ""))
    try:
        if nonce is None:
            raise sending.NonceRefused
        sent = sending.begin_thread(
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
    before, kept_before, _ = pages.found_unsent(db(), person(), vault, engagement_id)
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
@takes_whole_books
def save_new_draft(engagement_id: uuid.UUID) -> Response:
    return _save_new(engagement_id)


def _save_new(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for(db(), installation.keyring, person(), engagement_id)
    sending.engagement_to_write(db(), engagement_id)
    vault = open_for(db(), person(), engagement.vault_id)
    sent = unsent.save_draft(
        db(),
        person(),
        vault,
        engagement_id,
        text=request.form.get("text", ""),
        subject=request.form.get("subject", ""),
        nonce=Nonce.parse(request.form.get("nonce", "")),
        by_itself=_comes_by_itself(),
    )
    if not wants_fragment():
        return send_to(url_for("threads.new", engagement_id=engagement_id))
    return _saved(sent)


@bp.post("/clients/<id:engagement_id>/threads/new/kept")
def kept_new(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for(db(), installation.keyring, person(), engagement_id)
    vault = open_for(db(), person(), engagement.vault_id)
    if request.form.get("action") == "restore":
        unsent.restore_kept(db(), person(), vault, engagement_id)
    else:
        unsent.discard_kept(db(), person(), engagement_id)
    return send_to(url_for("threads.new", engagement_id=engagement_id))
