"""The door: which browser session a request belongs to, who may pass, and that a form is ours.

Flask-Login asks who is signed in, Flask-WTF guards every unsafe method; both find what they need in
a session that is nothing but our own cookie. No other cookie is signed, sent or stored.
"""

import datetime as dt
import hmac
import logging
import os
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from flask import Flask, Request, Response, current_app, g, request, session, url_for
from flask.sessions import SessionInterface, SessionMixin
from flask_login import LoginManager, current_user, login_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import CallbackDict

from portal.accounts import sessions
from portal.accounts.devices import device_of
from portal.accounts.guard import Guard
from portal.accounts.models import User
from portal.accounts.people import Person
from portal.accounts.services import Visitor
from portal.accounts.sessions import Cookie
from portal.accounts.wording import WORDS
from portal.clinics.crisis import NATIONAL
from portal.clinics.queries import ClinicBook, ClinicFacts
from portal.core import audit, clock, wording
from portal.core.crypto import same
from portal.core.database import at_the_end
from portal.core.failures import show_failure
from portal.core.web import (
    READING,
    db,
    installation,
    kept_here,
    page,
    quick_url_for,
    send_to,
    store,
    unit,
    wants_fragment,
)

log = logging.getLogger("portal.accounts")

VISITOR_BYTES = 16
# Random bytes do not compress: 80 bits that can only be guessed online are plenty.
TOKEN_BYTES = 10
VISITOR_LENGTH = 22
# A page that anybody might be reading, and that many people know.
EXIT_URL = "https://www.weather.gov/"
View = TypeVar("View", bound=Callable[..., Any])


class DoorKeeper(LoginManager):
    """Flask-Login without fingerprints: phones change their networks all day, so no browser is
    known by its address, and nothing is worked out that would not be compared."""

    def _session_protection_failed(self) -> bool:
        return False


login_manager = DoorKeeper()


class DoorSession(CallbackDict[str, Any], SessionMixin):
    """What Flask calls the session: here only the cookie, and who it turns out to be."""

    def __init__(self, cookie: Cookie | None, visitor: str | None) -> None:
        super().__init__()
        self.cookie = cookie
        self.visitor = visitor
        self.send_cookie: str | None = None
        if cookie is not None:
            self["_user_id"] = cookie.digest.hex()
            self["_fresh"] = True

    @property
    def secret(self) -> bytes:
        """What this browser alone knows; a visitor is given something to know."""
        if self.cookie is not None:
            return self.cookie.secret
        if self.visitor is None:
            self.visitor = self.send_cookie = _random_text()
        return self.visitor.encode()

    def begin(self, cookie: Cookie) -> None:
        """Signs this browser in: a new cookie, so nothing known before is worth anything."""
        self.cookie, self.send_cookie = cookie, str(cookie)

    def finish(self) -> None:
        self.clear()
        self.cookie, self.visitor, self.send_cookie = None, None, ""


def _random_text() -> str:
    return urlsafe_b64encode(os.urandom(VISITOR_BYTES)).decode()[:VISITOR_LENGTH]


class Door(SessionInterface):
    """Reads and writes the one cookie. It is never refreshed: the server keeps the time."""

    def open_session(self, app: Flask, request: Request) -> DoorSession:
        text = request.cookies.get(self.get_cookie_name(app))
        cookie = Cookie.parse(text)
        is_visitor = cookie is None and text is not None and len(text) == VISITOR_LENGTH
        return DoorSession(cookie, text if is_visitor else None)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, DoorSession) or session.send_cookie is None:
            return
        name, secure = self.get_cookie_name(app), self.get_cookie_secure(app)
        if session.send_cookie:
            response.set_cookie(
                name, session.send_cookie, secure=secure, httponly=True, samesite="Lax", path="/"
            )
        else:
            response.delete_cookie(name, secure=secure, httponly=True, samesite="Lax", path="/")
            # "cache" would cost the next visit its stylesheet; pages are never stored anyhow.
            response.headers["Clear-Site-Data"] = '"storage"'


def _session() -> DoorSession:
    return cast(DoorSession, session._get_current_object())  # type: ignore[attr-defined]


@login_manager.user_loader
def _load(_user_id: str) -> Person | None:
    cookie = None if g.get("no_database") else _session().cookie
    return sessions.find(db(), installation.keyring, cookie) if cookie else None


def person() -> Person:
    """Who is signed in. Only for views that a visitor cannot reach."""
    return cast(Person, kept_here().person)


def person_or_none() -> Person | None:
    """Who is signed in. Asked dozens of times for a page, so Flask-Login is asked once."""
    kept = kept_here()
    if "person" not in kept:
        user = current_user._get_current_object()
        kept.person = user if user.is_authenticated else None
    return cast(Person | None, kept.person)


def begin_session(cookie: Cookie) -> None:
    """Signs this browser in, with a session that a service has begun."""
    _session().begin(cookie)
    signed_in = sessions.find(db(), installation.keyring, cookie)
    login_user(signed_in)
    g.person = signed_in
    g.pop("csrf_token", None)


def finish_session() -> None:
    """Forgets this browser's cookie. The row is the service's to delete."""
    _session().finish()
    g.person = None
    g.pop("csrf_token", None)


def forget_dead_session() -> None:
    """Takes a cookie back whose session has ended here."""
    if _session().cookie is not None and person_or_none() is None:
        finish_session()


def public(view: View) -> View:
    """Marks a view that a visitor may reach. Every other view is refused to visitors."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def is_public(view: object) -> bool:
    return bool(getattr(view, "is_public", False))


def signed_call(view: View) -> View:
    """Marks a view that no browser comes to: whoever calls it signs each call, and the view looks
    at that. No session is looked up for it, and no token is asked for."""
    view.is_signed_call = True  # type: ignore[attr-defined]
    return view


def csrf_token() -> str:
    """This browser's token under a fresh mask, the same all over one response.

    The mask makes it new in every response: compressing pages gives nothing of it away.
    """
    kept = kept_here()
    token: str | None = kept.get("csrf_token")
    if token is None:
        mask = os.urandom(TOKEN_BYTES)
        masked = bytes(a ^ b for a, b in zip(mask, _secret_token(), strict=True))
        token = kept.csrf_token = urlsafe_b64encode(mask + masked).decode().rstrip("=")
    return token


def _secret_token() -> bytes:
    return hmac.digest(_session().secret, b"cp/v1/csrf", "sha256")[:TOKEN_BYTES]


def is_own_token(token: str) -> bool:
    try:
        value = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (Base64Error, ValueError):
        return False
    if len(value) != 2 * TOKEN_BYTES:
        return False
    unmasked = bytes(a ^ b for a, b in zip(value[:TOKEN_BYTES], value[TOKEN_BYTES:], strict=True))
    return same(unmasked, _secret_token())


class FormGuard(CSRFProtect):
    """Flask-WTF's protection with our masked, unexpiring token: people write for hours."""

    def protect(self) -> None:
        asked = request._get_current_object()  # type: ignore[attr-defined]
        if asked.method in READING:
            return
        if not is_own_token(asked.form.get("csrf_token", "")) or not _is_from_here(asked):
            raise CSRFError("The form is not from this browser session.")
        g.csrf_valid = True


def _is_from_here(asked: Request) -> bool:
    """No other site's page may post to us, as far as the browser says where it comes from."""
    site = asked.headers.get("Sec-Fetch-Site", "same-origin")
    origin = asked.headers.get("Origin")
    own = f"{asked.scheme}://{asked.host}"
    return site in ("same-origin", "none") and origin in (None, own)


form_guard = FormGuard()


def guard() -> Guard:
    return cast(Guard, current_app.extensions["guard"])


def here() -> Visitor:
    """Who is at the door now."""
    return Visitor(request.remote_addr or "", device_of(request.user_agent.string))


def clinic_or_none() -> ClinicFacts | None:
    """The clinic of whoever is signed in; for a visitor the only one there is, if it is one."""
    book = cast(ClinicBook, current_app.extensions["clinics"])
    signed_in = person_or_none()
    return book.get(db(), signed_in.clinic_id) if signed_in else book.default(db())


def clinic() -> ClinicFacts:
    """The clinic of the person who is signed in."""
    book = cast(ClinicBook, current_app.extensions["clinics"])
    return book.get(db(), person().clinic_id)


def _for_every_page() -> dict[str, object]:
    """What layouts need. When the database is away they make do with the national numbers."""
    if g.get("no_database"):
        return {
            "person": None,
            "crisis": {"lines": NATIONAL},
            "exit_url": EXIT_URL,
            "csrf_token": csrf_token,
        }
    signed_in, facts = person_or_none(), clinic_or_none()
    return {
        "person": signed_in,
        "crisis": {"lines": facts.crisis if facts else NATIONAL},
        "exit_url": EXIT_URL,
        # Flask-WTF puts its own into every page, which is not masked.
        "csrf_token": csrf_token,
        "idle_seconds": signed_in.idle_seconds if signed_in else None,
        "gone_url": f"{quick_url_for('accounts.sign_in')}?why=signed_out_idle",
    }


def own_language() -> str | None:
    if g.get("no_database"):
        return None
    signed_in = person_or_none()
    return signed_in.language if signed_in else None


def own_timezone() -> dt.tzinfo | None:
    if g.get("no_database"):
        return None
    facts = clinic_or_none()
    return ZoneInfo(facts.time_zone) if facts else None


def rescued_by(rescue: Callable[..., Response]) -> Callable[[View], View]:
    """Marks a view whose text must not be lost when there is no live session behind it.

    `rescue` is called with the view's own arguments instead of the view.
    """

    def mark(view: View) -> View:
        view.rescue = rescue  # type: ignore[attr-defined]
        return view

    return mark


def kept_for(author: User | None, back_to: str) -> Response:
    """What a rescue answers: that the words wait for their author, who alone is shown them.

    `author` is None if the form was given to nobody who may write there.
    """
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


def _rescue() -> Response | None:
    view = current_app.view_functions.get(request.endpoint or "")
    rescue = getattr(view, "rescue", None)
    if rescue is None or request.method != "POST":
        return None
    response = cast(Response, rescue(**(request.view_args or {})))
    unit().commit()
    return response


def _turn_away() -> Response:
    """A visitor asked for a page of somebody signed in."""
    if request.method not in READING:
        return _rescue() or send_to(url_for("accounts.sign_in"))
    if request.path == "/":
        # The first thing ever asked for: not worth a redirect on a slow line.
        return cast(Response, current_app.view_functions["accounts.sign_in"]())
    return send_to(url_for("accounts.sign_in", next=request.full_path.rstrip("?")))


def _refuse_form(_error: CSRFError) -> Response:
    """A form from another session, or from nowhere. What was typed is kept or shown again."""
    _note_refused_form()
    rescued = _rescue()
    if rescued is not None:
        return rescued
    _store_refusal()
    if request.endpoint == "accounts.enter":
        typed = request.form.get("user_name", "")
        problem = wording.say("cookies_needed")
        return page(
            "accounts/sign_in.html", status=400, user_name=typed, problem=problem, scripts=False
        )
    return show_failure(wording.say("old_page"), 400)


def _note_refused_form() -> None:
    """An entry for a form that is not from the page it says: whose browser sent it, and where to.

    It costs nothing to send one, so the trail takes only so many of each, and of all.
    """
    signed_in = person_or_none()
    clinic_id, actor_id = (signed_in.clinic_id, signed_in.id) if signed_in else (None, None)
    source = actor_id.bytes if actor_id else guard().network(here().address)
    if guard().is_worth_noting(b"form", source):
        audit.note_refusal(
            db(), clinic_id, actor_id, "form:refuse", actor_id, request.endpoint or ""
        )


def _store_refusal() -> None:
    try:
        store(was_only_read=True)
    except (SQLAlchemyError, OSError) as error:
        # Nothing of anybody's is shown: the answer can do without the entry.
        log.error("a refused form is not in the trail: %s", type(error).__name__)
        g.no_database = True


def note_refusal() -> None:
    """An audit entry for whoever asked for something that is not there, or not theirs."""
    unit().rollback()
    signed_in = person_or_none()
    if signed_in is None or request.endpoint is None:
        return
    asked = [value for value in (request.view_args or {}).values() if isinstance(value, uuid.UUID)]
    audit.note(
        db(),
        signed_in.clinic_id,
        signed_in.id,
        "access:refuse",
        asked[0] if asked else None,
        request.endpoint,
    )
    store(was_only_read=True)


def init_door(app: Flask, door_guard: Guard, clinics: ClinicBook) -> None:
    app.extensions["guard"], app.extensions["clinics"] = door_guard, clinics
    app.session_interface = Door()
    wording.teach(WORDS)
    is_secure = app.extensions["portal"].config.secure_cookies
    app.config.update(
        SESSION_COOKIE_NAME="__Host-p" if is_secure else "p",
        SESSION_COOKIE_SECURE=is_secure,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,
    )
    # Not by init_app, which also sees to a cookie that remembers a browser: there is none.
    app.login_manager = login_manager  # type: ignore[attr-defined]
    login_manager.unauthorized_callback = _turn_away
    form_guard.init_app(app)
    app.register_error_handler(CSRFError, _refuse_form)
    app.context_processor(_for_every_page)
    app.before_request(_check_door)
    # The pages before signing in have a stylesheet and scripts, too.
    public(app.view_functions["static"])


def _check_door() -> Any:
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static" or hasattr(view, "is_signed_call"):
        return None
    signed_in = person_or_none()
    if signed_in is None and not is_public(view):
        return login_manager.unauthorized()
    form_guard.protect()
    if signed_in is not None and sessions.needs_touch(signed_in):
        at_the_end(db(), lambda session: sessions.touch(session, signed_in))
    return None
