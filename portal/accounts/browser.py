"""The door: which browser session a request belongs to, who may pass, and that a form is ours.

Flask-Login asks who is signed in, Flask-WTF guards every unsafe method; both find what they need in
a session that is nothing but our own cookie. No other cookie is signed, sent or stored.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Request, Response, current_app, g, request
from flask.sessions import SessionInterface, SessionMixin
from flask_login import LoginManager, current_user, login_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.datastructures import CallbackDict

from portal.accounts import sessions
from portal.accounts.people import Person
from portal.accounts.sessions import Cookie
from portal.core.crypto import same
from portal.core.database import at_the_end
from portal.core.web import db, installation

TOKEN_BYTES = 16
View = TypeVar("View", bound=Callable[..., Any])

login_manager = LoginManager()


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
            self.visitor = self.send_cookie = urlsafe_b64encode(os.urandom(TOKEN_BYTES)).decode()[:22]
        return self.visitor.encode()

    def begin(self, cookie: Cookie) -> None:
        """Signs this browser in: a new cookie, so nothing known before is worth anything."""
        self.cookie, self.send_cookie = cookie, str(cookie)

    def finish(self) -> None:
        self.clear()
        self.cookie, self.visitor, self.send_cookie = None, None, ""


class Door(SessionInterface):
    """Reads and writes the one cookie. It is never refreshed: the server keeps the time."""

    @staticmethod
    def cookie_name(app: Flask) -> str:
        return "__Host-p" if installation.config.secure_cookies else "p"

    def open_session(self, app: Flask, request: Request) -> DoorSession:
        with app.app_context():
            text = request.cookies.get(self.cookie_name(app))
        cookie = Cookie.parse(text)
        is_visitor = cookie is None and text is not None and len(text) == 22
        return DoorSession(cookie, text if is_visitor else None)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, DoorSession) or session.send_cookie is None:
            return
        name, secure = self.cookie_name(app), installation.config.secure_cookies
        if session.send_cookie:
            response.set_cookie(
                name, session.send_cookie, secure=secure, httponly=True, samesite="Lax", path="/"
            )
        else:
            response.delete_cookie(name, secure=secure, httponly=True, samesite="Lax", path="/")
            # "cache" would cost the next visit its stylesheet; pages are never stored anyhow.
            response.headers["Clear-Site-Data"] = '"storage"'

    def is_null_session(self, obj: object) -> bool:
        return False


def _session() -> DoorSession:
    from flask import session

    door = session._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(door, DoorSession)
    return door


@login_manager.user_loader
def _load(_user_id: str) -> Person | None:
    cookie = _session().cookie
    return sessions.find(db(), installation.keyring, cookie) if cookie else None


def person() -> Person:
    """Who is signed in. Only for views that a visitor cannot reach."""
    return current_user._get_current_object()  # type: ignore[no-any-return]


def person_or_none() -> Person | None:
    return person() if current_user.is_authenticated else None


def begin_session(cookie: Cookie) -> None:
    """Signs this browser in, with a session that a service has begun."""
    _session().begin(cookie)
    signed_in = sessions.find(db(), installation.keyring, cookie)
    assert signed_in is not None
    login_user(signed_in)
    g.pop("csrf_token", None)


def finish_session() -> None:
    """Forgets this browser's cookie. The row is the service's to delete."""
    _session().finish()
    g.pop("csrf_token", None)


def public(view: View) -> View:
    """Marks a view that a visitor may reach. Every other view is refused to visitors."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def is_public(view: object) -> bool:
    return bool(getattr(view, "is_public", False))


def csrf_token() -> str:
    """This browser's token under a fresh mask, the same all over one response.

    The mask makes it new in every response: compressing pages gives nothing of it away.
    """
    if "csrf_token" not in g:
        mask = os.urandom(TOKEN_BYTES)
        masked = bytes(a ^ b for a, b in zip(mask, _secret_token(), strict=True))
        g.csrf_token = urlsafe_b64encode(mask + masked).decode().rstrip("=")
    return str(g.csrf_token)


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
        if request.method not in current_app.config["WTF_CSRF_METHODS"]:
            return
        if not is_own_token(request.form.get("csrf_token", "")) or not _is_from_here():
            raise CSRFError("The form is not from this browser session.")
        g.csrf_valid = True


def _is_from_here() -> bool:
    """No other site's page may post to us, as far as the browser says where it comes from."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    return site in ("same-origin", "none") and origin in (None, request.host_url.rstrip("/"))


form_guard = FormGuard()


def init_door(app: Flask, when_refused: Callable[[], Response]) -> None:
    """`when_refused` answers a visitor who asks for a page of somebody signed in."""
    app.session_interface = Door()
    app.config.update(WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_CHECK_DEFAULT=False)
    login_manager.init_app(app)
    login_manager.session_protection = None
    login_manager.unauthorized_callback = when_refused
    form_guard.init_app(app)
    app.jinja_env.globals["csrf_token"] = csrf_token
    app.before_request(_check_door)


def _check_door() -> Any:
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return None
    signed_in = person_or_none()
    if signed_in is None and not is_public(view):
        return login_manager.unauthorized()
    form_guard.protect()
    if signed_in is not None and sessions.needs_touch(signed_in):
        at_the_end(db(), lambda session: sessions.touch(session, signed_in))
    return None
