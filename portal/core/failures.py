"""When something goes wrong: a calm page that says what to do next, with what was typed in it."""

import errno
import logging
import re
from collections.abc import Callable

from flask import Response, current_app, g, request, url_for
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from portal.core import audit, wording
from portal.core.crypto import Unreadable
from portal.core.errors import DomainError
from portal.core.i18n import lazy as _
from portal.core.web import Portal, page, store, unit

log = logging.getLogger("portal.failures")

WORDS = {
    "not_found": _("There is nothing here. The address may be old, or it is not yours to open."),
    "refused": _("That did not match. Please check it and try again."),
    "throttled": _("There were too many tries. Please wait a while and try again."),
    "busy": _("Many people are signing in right now. Please try again in a few seconds."),
    "invalid": _("Something is missing or does not fit. Please check it."),
    "conflict": _("This has changed since you opened the page. Please look again."),
    "not_possible": _("That cannot be done now."),
    "too_large": _("That is too long to send at once. Please send it in parts."),
    "not_allowed": _("That cannot be done here."),
    "old_page": _("This page was open for too long. Nothing was lost. Please try again."),
    "broken": _("Something broke on our side. Please try again in a minute."),
    "away": _(
        "We cannot save right now. Your words are still in the box. Please try again in a minute."
    ),
    "full": _("We have no room to save right now. Your words are still in the box. We are on it."),
}
HEADING = _("This did not work")
HEADING_NOT_FOUND = _("Not found")
BY_STATUS = {404: "not_found", 405: "not_allowed", 413: "too_large", 429: "throttled"}

HIDDEN = ("nonce", "after", "subject", "based_on", "called")
NOTHING: MultiDict[str, str] = MultiDict()

OnRefusal = Callable[[], None]


def init_failures(app: Portal, on_refusal: OnRefusal) -> None:
    """`on_refusal` leaves an audit entry when something was asked for that is not there."""
    wording.teach(WORDS)

    def refuse(error: DomainError) -> Response:
        try:
            _keep_refusals()
            if error.status == 404:
                on_refusal()
        except (SQLAlchemyError, OSError) as trouble:
            return _database(trouble)
        return _answer(error.code, error.status)

    app.register_error_handler(DomainError, refuse)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(SQLAlchemyError, _database)
    app.register_error_handler(TimeoutError, _database)
    app.register_error_handler(Unreadable, _damaged)
    app.register_error_handler(Exception, _broken)


def _keep_refusals() -> None:
    """Nothing of a request that failed is stored, but for who was turned away."""
    if "unit" in g and audit.keep_refusals(unit().session, unit().rollback):
        store(was_only_read=True)


def _http(error: HTTPException) -> Response:
    if error.code in (301, 302, 303, 307, 308):
        return Response(
            status=error.code, headers=[("Location", error.get_response().location or "/")]
        )
    status = error.code or 500
    if status == 500:
        # Something broke while an answer to something broken was made.
        g.no_database = True
    view = current_app.view_functions.get(request.endpoint or "")
    code = BY_STATUS.get(status, "not_possible")
    response = _answer(getattr(view, code, code), status)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _database(error: Exception) -> Response:
    log.error("database: %s", type(getattr(error, "orig", None) or error).__name__)
    g.no_database = True
    is_full = _is_full(error)
    return _answer("full" if is_full else "away", 507 if is_full else 503)


def _damaged(error: Unreadable) -> Response:
    """What was asked for needs a key or a value that has gone bad. The rest still works."""
    log.error("does not open: needed at %s by %s", _place(error), request.endpoint)
    return _answer("not_possible", 409)


def _is_full(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = str(cause)
    return "disk is full" in text or "No space left" in text or "disk I/O error" in text


def _broken(error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return _database(error)
    # The type and the place, never the message: it may quote what somebody typed.
    place = _place(error)
    log.error(
        "broken: %s at %s, %s %s", type(error).__name__, place, request.method, request.endpoint
    )
    g.no_database = True
    return _answer("broken", 500)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "nowhere"


def _answer(code: str, status: int) -> Response:
    if "unit" in g:
        unit().rollback()
    try:
        return show_failure(wording.say(code), status, is_missing=status == 404)
    except (SQLAlchemyError, TimeoutError):
        g.no_database = True
        return show_failure(wording.say(code), status, is_missing=status == 404)


def _typed() -> MultiDict[str, str]:
    """What was sent, unless it is too large to be read at all: whatever else is wrong with it."""
    if request.method != "POST":
        return NOTHING
    try:
        return request.form
    except HTTPException:
        return NOTHING


def _pressed(form: MultiDict[str, str]) -> str:
    """Which button it was. Ours have plain names, and nothing else is said back."""
    action = form.get("action", "")
    return action if re.fullmatch("[a-z0-9_.]{1,60}", action) else ""


def show_failure(text: str, status: int, *, is_missing: bool = False) -> Response:
    """The page for anything that did not work. What was typed is in it, ready to be sent again."""
    # What was found to be too large cannot be looked into again.
    form = _typed() if status != 413 else NOTHING
    typed = form.get("text", "")
    # A page with many boxes has a dot in the name of each.
    boxes = [(name, value) for name, value in form.items(multi=True) if "." in name and value]
    fields = {name: form[name] for name in HIDDEN if name in form}
    return page(
        "errors/error.html",
        status=status,
        heading=HEADING_NOT_FOUND if is_missing else HEADING,
        text=text,
        kept=typed or None,
        boxes=boxes,
        action=_pressed(form),
        kept_fields=fields,
        retry_url=request.path if typed or boxes else None if is_missing else url_for("home.index"),
    )
