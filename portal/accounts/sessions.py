"""Browser sessions: begun, found again by their cookie, ended.

The cookie is `sid.secret`. The row holds the digest of sid, and the private key wrapped under a key
from secret: deleting the row kills the key, and a stolen table opens nothing.
"""

import datetime as dt
import os
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from portal.accounts.models import BrowserSession, Disablement, User
from portal.accounts.people import Person
from portal.core import clock
from portal.core.crypto import Box, Unreadable, derive, digest, label
from portal.core.database import changed
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.statements import Prepared

SID_BYTES = 16
SECRET_BYTES = 32
TOUCH_AFTER = dt.timedelta(seconds=60)

# NIST SP 800-63B-4 AAL2 allows 1 h idle and 24 h in all; shared desks and phones need less.
STAFF_IDLE, STAFF_MOST = dt.timedelta(minutes=15), dt.timedelta(hours=8)
CLIENT_IDLE, CLIENT_MOST = dt.timedelta(minutes=30), dt.timedelta(hours=12)


@dataclass(frozen=True)
class Cookie:
    """What the browser holds."""

    sid: bytes
    secret: bytes

    @classmethod
    def new(cls) -> "Cookie":
        return cls(os.urandom(SID_BYTES), os.urandom(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str | None) -> "Cookie | None":
        sid, dot, secret = (text or "").partition(".")
        if not dot:
            return None
        try:
            cookie = cls(_decode(sid), _decode(secret))
        except (Base64Error, ValueError):
            return None
        is_whole = len(cookie.sid) == SID_BYTES and len(cookie.secret) == SECRET_BYTES
        return cookie if is_whole else None

    def __str__(self) -> str:
        return f"{_encode(self.sid)}.{_encode(self.secret)}"

    @property
    def digest(self) -> bytes:
        return digest(self.sid)

    def key(self) -> bytes:
        return derive(self.secret, "sess")


def _encode(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _place(user_id: uuid.UUID, cookie_digest: bytes, expires_at: dt.datetime) -> bytes:
    return label("browser_sessions", user_id, cookie_digest, expires_at.isoformat())


def begin(session: Session, user: User, private_key: bytes, device: str) -> Cookie:
    """A new signed-in browser session; the caller sets the cookie."""
    idle, most = (STAFF_IDLE, STAFF_MOST) if user.role.is_staff else (CLIENT_IDLE, CLIENT_MOST)
    cookie, now = Cookie.new(), clock.now()
    expires_at = now + most
    session.execute(
        insert(BrowserSession).values(
            cookie_digest=cookie.digest,
            id=new_id(),
            user_id=user.id,
            clinic_id=user.clinic_id,
            wrapped_key=Box(cookie.key()).seal(
                private_key, _place(user.id, cookie.digest, expires_at)
            ),
            device=device,
            started_at=now,
            seen_at=now,
            idle_seconds=int(idle.total_seconds()),
            expires_at=expires_at,
        )
    )
    return cookie


_FIND = Prepared(
    select(
        BrowserSession.id,
        BrowserSession.wrapped_key,
        BrowserSession.seen_at,
        BrowserSession.idle_seconds,
        BrowserSession.expires_at,
        User.id.label("user_id"),
        User.clinic_id,
        User.role,
        User.language,
        User.name_sealed,
        User.public_key,
    )
    .join(User, User.id == BrowserSession.user_id)
    .outerjoin(Disablement, Disablement.user_id == User.id)
    .where(BrowserSession.cookie_digest == bindparam("digest"), Disablement.user_id.is_(None))
)


def find(session: Session, keyring: Keyring, cookie: Cookie) -> Person | None:
    """Who holds this cookie; None if it is unknown, ended, idle for too long or too old."""
    cookie_digest = cookie.digest
    row = _FIND.first(session, digest=cookie_digest)
    if row is None or not _is_alive(row.seen_at, row.idle_seconds, row.expires_at):
        return None
    try:
        private_key = Box(cookie.key()).open(
            row.wrapped_key, _place(row.user_id, cookie_digest, row.expires_at)
        )
    except Unreadable:
        return None
    return Person(
        id=row.user_id,
        clinic_id=row.clinic_id,
        role=row.role,
        language=row.language,
        name=keyring.name(row.name_sealed, "users", "name", row.user_id),
        public_key=row.public_key,
        private_key=private_key,
        session_id=row.id,
        idle_seconds=row.idle_seconds,
        seen_at=row.seen_at,
    )


def _is_alive(seen_at: dt.datetime, idle_seconds: int, expires_at: dt.datetime) -> bool:
    now = clock.now()
    return now < expires_at and now - seen_at < dt.timedelta(seconds=idle_seconds)


_TOUCH = (
    update(BrowserSession)
    .where(BrowserSession.id == bindparam("session_id"))
    .values(seen_at=bindparam("now"))
)


def needs_touch(person: Person) -> bool:
    # Last seen in the future is what a clock leaves behind that has been put right.
    return abs(clock.now() - person.seen_at) > TOUCH_AFTER


def touch(session: Session, person: Person) -> None:
    """Remembers that the person was active just now."""
    session.execute(_TOUCH, {"session_id": person.session_id, "now": clock.now()})


def end(session: Session, user_id: uuid.UUID, session_id: uuid.UUID) -> bool:
    """Ends one of a person's own sessions; False if it was not theirs or had ended."""
    done = session.execute(
        delete(BrowserSession).where(
            BrowserSession.id == session_id, BrowserSession.user_id == user_id
        )
    )
    return changed(done) > 0


def end_all(session: Session, user_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    query = delete(BrowserSession).where(BrowserSession.user_id == user_id)
    if but is not None:
        query = query.where(BrowserSession.id != but)
    return changed(session.execute(query))


def purge(session: Session) -> int:
    """Deletes what has expired; idle sessions die when looked up, and here at the latest."""
    now = clock.now()
    idle = now - STAFF_MOST
    done = session.execute(
        delete(BrowserSession).where(
            (BrowserSession.expires_at < now) | (BrowserSession.seen_at < idle)
        )
    )
    return changed(done)


@dataclass(frozen=True)
class SessionFacts:
    """One line of the list in which a person sees where they are signed in."""

    id: uuid.UUID
    started_at: dt.datetime
    seen_at: dt.datetime
    device: str
    current: bool


def list_for(session: Session, person: Person) -> list[SessionFacts]:
    rows = session.scalars(
        select(BrowserSession)
        .where(BrowserSession.user_id == person.id)
        .order_by(BrowserSession.seen_at.desc())
    )
    return [
        SessionFacts(row.id, row.started_at, row.seen_at, row.device, row.id == person.session_id)
        for row in rows
        if _is_alive(row.seen_at, row.idle_seconds, row.expires_at)
    ]
