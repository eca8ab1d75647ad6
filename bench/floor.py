"""The lean floor: the least that a thread page and a send of this kind can cost.

What cannot be left out, done the shortest way: one Flask view each, raw sqlite3, a signed cookie,
one HPKE opening, one AES-GCM call per text, one flat template compiled ahead of time, one
compressor call at the portal's own settings, and an audit row that is on the disk before the answer
goes out. The portal's cost is given as a multiple of this, measured in the same run.

What the portal does besides is in that multiple. On every page: names, days in two languages, the
state of each message, unsent words, and a trail whose entries vouch for each other. With a send: a
nonce that is stored so that it happens once, who waits since when, the draft that it ends, and the
pointers to those who are told.
"""

import os
import secrets
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from flask import Flask, Response, abort, request
from itsdangerous import BadSignature, Signer
from jinja2 import Environment

from bench.letters import PAGE, letters
from portal.threads.writing_routes import NEWEST_AFTER_SEND

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
NONCE_BYTES = 12
COOKIE = "floor"
CROWD = 500
"""Other threads in the table, so that the lookups are lookups."""

SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT, role TEXT);
CREATE TABLE session (id BLOB PRIMARY KEY, user_id INTEGER, wrapped BLOB, expires REAL)
    WITHOUT ROWID;
CREATE TABLE thread (id INTEGER PRIMARY KEY, subject BLOB, closed REAL);
CREATE TABLE held (thread_id INTEGER, user_id INTEGER, sealed BLOB,
    PRIMARY KEY (thread_id, user_id)) WITHOUT ROWID;
CREATE TABLE message (thread_id INTEGER, seq INTEGER, author INTEGER, at REAL, sealed BLOB);
CREATE UNIQUE INDEX message_of_thread ON message (thread_id, seq);
CREATE TABLE audit (id INTEGER PRIMARY KEY, who INTEGER, action TEXT, what INTEGER, at REAL);
"""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "HX-Request, Accept-Encoding",
}

MESSAGE = """\
<li class="{{ 'mine' if m.author == me else 'theirs' }}" id="m{{ m.seq }}">
<p class="by"><b>{{ 'You' if m.author == me else 'Clinician' }}</b> <time>{{ m.at }}</time></p>
<p class="text">{{ m.text }}</p></li>
"""

PAGE_TEMPLATE = (
    """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Notes</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head><body>
<a class="skip" href="#main">Skip to the conversation</a>
<header><nav><a href="/">Conversations</a> <a href="/account">Account</a>
<form method="post" action="/out"><input type="hidden" name="token" value="{{ token }}">
<button>Sign out</button></form> <a href="/exit">Quick exit</a></nav></header>
<main id="main"><h1>{{ subject }}</h1><ol class="messages">
{% for m in messages %}"""
    + MESSAGE
    + """{% endfor %}
</ol><form method="post" action="/t/{{ thread }}" autocomplete="off">
<input type="hidden" name="token" value="{{ token }}">
<input type="hidden" name="nonce" value="{{ nonce }}">
<label for="text">Your message</label><textarea id="text" name="text" rows="6"></textarea>
<p>This is not an emergency service. In danger? <a href="tel:988">Call 988</a> or 911.</p>
<button name="action" value="send">Send</button>
<button name="action" value="save">Save draft</button></form>
<form method="post" action="/t/{{ thread }}/closure">
<input type="hidden" name="token" value="{{ token }}"><button>No reply needed</button></form>
</main><footer><p>Crisis line: <a href="tel:988">988</a></p></footer></body></html>
"""
)

SENT_TEMPLATE = (
    MESSAGE
    + """\
<form method="post" action="/t/{{ thread }}" autocomplete="off">
<input type="hidden" name="token" value="{{ token }}">
<input type="hidden" name="nonce" value="{{ nonce }}">
<label for="text">Your message</label><textarea id="text" name="text" rows="6"></textarea>
<button name="action" value="send">Send</button></form>
"""
)

ENVIRONMENT = Environment(autoescape=True)
PAGE_HTML = ENVIRONMENT.from_string(PAGE_TEMPLATE)
SENT_HTML = ENVIRONMENT.from_string(SENT_TEMPLATE)


@dataclass(frozen=True)
class Person:
    """Who is asking, with the private key this request may use."""

    id: int
    private_key: X25519PrivateKey
    session_id: bytes


class Store(threading.local):
    """One connection per thread to the floor's database, WAL with synchronous=FULL."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous=FULL")

    def row(self, statement: str, *values: object) -> tuple[Any, ...]:
        """The one row of a lookup; 404 if there is none."""
        found: tuple[Any, ...] | None = self.connection.execute(statement, values).fetchone()
        if found is None:
            abort(404)
        return found

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, durable when the block ends."""
        self.connection.execute("BEGIN IMMEDIATE")
        yield self.connection
        self.connection.execute("COMMIT")


class Compressors(threading.local):
    """The encodings both sides are measured with; a zstd compressor is never shared."""

    def __init__(self) -> None:
        self.zstd = zstandard.ZstdCompressor(level=3)

    def encode(self, body: bytes, encoding: str) -> bytes:
        """`body` in the encoding the request asked for: br, gzip, zstd or identity."""
        if encoding == "br":
            return bytes(brotli.compress(body, quality=5, lgwin=16))
        if encoding == "gzip":
            return zlib.compress(body, 6, wbits=31)
        return self.zstd.compress(body) if encoding == "zstd" else body


def sealed(key: bytes, text: str, aad: bytes) -> bytes:
    """`text` under AES-256-GCM with its nonce in front."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), aad)


def opened(key: AESGCM, blob: bytes, aad: bytes) -> str:
    """The text that `sealed` put away."""
    return key.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], aad).decode()


def masked(secret: bytes) -> str:
    """A token that differs on every page and still proves the same secret."""
    mask = secrets.token_bytes(len(secret))
    return mask.hex() + bytes(a ^ b for a, b in zip(mask, secret, strict=True)).hex()


def proves(token: str, secret: bytes) -> bool:
    """Whether a masked token was made from `secret`."""
    raw = bytes.fromhex(token)
    mask, rest = raw[: len(secret)], raw[len(secret) :]
    plain = bytes(a ^ b for a, b in zip(mask, rest, strict=True))
    return secrets.compare_digest(plain, secret)


class Floor:
    """The floor as a WSGI application over a database of its own in `folder`."""

    thread = CROWD // 2
    path = f"/t/{thread}"

    def __init__(self, folder: Path) -> None:
        self.secret = secrets.token_bytes(32)
        self.signer = Signer(self.secret, salt="session")
        self.database = folder / "floor.sqlite"
        self.cookie = f"{COOKIE}={self._fill()}"
        self.store = Store(self.database)
        self.compressors = Compressors()
        self.app = self._application()

    def token(self) -> str:
        """A fresh form token for the one session there is."""
        return masked(self.session_id)

    def _fill(self) -> str:
        """Creates the database; returns the signed cookie of its one signed-in person."""
        self.session_id, cookie_key = secrets.token_bytes(16), secrets.token_bytes(32)
        private_key = X25519PrivateKey.generate()
        wrapped = _wrapped(cookie_key, private_key.private_bytes_raw(), self.session_id)
        connection = sqlite3.connect(self.database)
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO user VALUES (1, 'Ada', 'client')")
        values = (self.session_id, wrapped, time.time() + 3600)
        connection.execute("INSERT INTO session VALUES (?, 1, ?, ?)", values)
        for thread in range(CROWD):
            _fill_thread(connection, thread, private_key)
        connection.commit()
        connection.close()
        return self.signer.sign((self.session_id + cookie_key).hex()).decode()

    def _person(self) -> Person:
        try:
            raw = bytes.fromhex(self.signer.unsign(request.cookies[COOKIE]).decode())
        except (KeyError, BadSignature):
            abort(401)
        session_id, cookie_key = raw[:16], raw[16:]
        user, wrapped, expires = self.store.row(
            "SELECT user.id, session.wrapped, session.expires FROM session"
            " JOIN user ON user.id = session.user_id WHERE session.id = ?",
            session_id,
        )
        if expires < time.time():
            abort(401)
        key = AESGCM(cookie_key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], session_id)
        return Person(user, X25519PrivateKey.from_private_bytes(key), session_id)

    def _thread(self, person: Person, thread: int) -> tuple[bytes, bytes]:
        """The sealed subject and the data key of a thread this person holds."""
        subject, grant = self.store.row(
            "SELECT thread.subject, held.sealed FROM held JOIN thread"
            " ON thread.id = held.thread_id WHERE held.thread_id = ? AND held.user_id = ?",
            thread,
            person.id,
        )
        return subject, SUITE.decrypt(grant, person.private_key, info=b"grant %d" % thread)

    def _read(self, thread: int) -> Response:
        person = self._person()
        subject, key = self._thread(person, thread)
        with self.store.writing() as connection:
            _audit(connection, person.id, "read", thread)
        return self._page(person, thread, subject, key, PAGE)

    def _page(
        self, person: Person, thread: int, subject: bytes, key: bytes, count: int
    ) -> Response:
        """The thread with its newest messages."""
        cipher = AESGCM(key)
        rows = self.store.connection.execute(
            "SELECT seq, author, at, sealed FROM message WHERE thread_id = ?"
            " ORDER BY seq DESC LIMIT ?",
            (thread, count),
        ).fetchall()
        messages = [_view(cipher, thread, row) for row in reversed(rows)]
        html = PAGE_HTML.render(
            subject=opened(cipher, subject, b"subject %d" % thread),
            messages=messages,
            me=person.id,
            thread=thread,
            token=masked(person.session_id),
            nonce=secrets.token_urlsafe(16),
        )
        return self._answer(html)

    def _send(self, thread: int) -> Response:
        person = self._person()
        if not proves(request.form["token"], person.session_id):
            abort(400)
        subject, key = self._thread(person, thread)
        text = request.form["text"]
        with self.store.writing() as connection:
            seq, at = _insert(connection, key, thread, person.id, text)
            _audit(connection, person.id, "send", thread)
            if "whole" in request.form:
                _audit(connection, person.id, "read", thread)
        if "whole" in request.form:
            return self._page(person, thread, subject, key, NEWEST_AFTER_SEND)
        html = SENT_HTML.render(
            m={"seq": seq, "author": person.id, "at": _clock(at), "text": text},
            me=person.id,
            thread=thread,
            token=masked(person.session_id),
            nonce=secrets.token_urlsafe(16),
        )
        return self._answer(html)

    def _answer(self, html: str) -> Response:
        encoding = request.headers.get("Accept-Encoding", "identity")
        response = Response(self.compressors.encode(html.encode(), encoding), mimetype="text/html")
        response.headers["Content-Encoding"] = encoding
        return response

    def _application(self) -> Flask:
        app = Flask("floor")
        app.add_url_rule("/", "hello", lambda: "hello")
        app.add_url_rule("/t/<int:thread>", "read", self._read)
        app.add_url_rule("/t/<int:thread>", "send", self._send, methods=["POST"])
        app.after_request(_with_headers)
        return app


def _wrapped(cookie_key: bytes, private_key: bytes, session_id: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(cookie_key).encrypt(nonce, private_key, session_id)


def _fill_thread(connection: sqlite3.Connection, thread: int, holder: X25519PrivateKey) -> None:
    key = secrets.token_bytes(32)
    grant = SUITE.encrypt(key, holder.public_key(), info=b"grant %d" % thread)
    subject = sealed(key, "A question about sleep", b"subject %d" % thread)
    connection.execute("INSERT INTO thread VALUES (?, ?, NULL)", (thread, subject))
    connection.execute("INSERT INTO held VALUES (?, 1, ?)", (thread, grant))
    for seq, text in enumerate(letters(2 * PAGE), start=1):
        blob = sealed(key, text, b"message %d %d" % (thread, seq))
        values = (thread, seq, 1 + seq % 2, time.time(), blob)
        connection.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", values)


def _view(cipher: AESGCM, thread: int, row: tuple[int, int, float, bytes]) -> dict[str, object]:
    seq, author, at, blob = row
    text = opened(cipher, blob, b"message %d %d" % (thread, seq))
    return {"seq": seq, "author": author, "at": _clock(at), "text": text}


def _insert(
    connection: sqlite3.Connection, key: bytes, thread: int, author: int, text: str
) -> tuple[int, float]:
    last = "SELECT coalesce(max(seq), 0) FROM message WHERE thread_id = ?"
    seq, at = connection.execute(last, (thread,)).fetchone()[0] + 1, time.time()
    blob = sealed(key, text, b"message %d %d" % (thread, seq))
    values = (thread, seq, author, at, blob)
    connection.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", values)
    return seq, at


def _audit(connection: sqlite3.Connection, who: int, action: str, what: int) -> None:
    statement = "INSERT INTO audit (who, action, what, at) VALUES (?, ?, ?, ?)"
    connection.execute(statement, (who, action, what, time.time()))


def _clock(at: float) -> str:
    return time.strftime("%d %b, %H:%M", time.gmtime(at))


def _with_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
