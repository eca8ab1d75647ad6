"""A whole portal for fault tests: real processes on a data folder of its own, with the cast in it.

Web, worker and clock are the portal's own, started through `tests.faults.traps`, which lets a test
choose where one of them dies. The stage holds the door, as the supervisor does.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, select, update

from portal import create_app
from portal.accounts.people import Person
from portal.config import Config, write_keys
from portal.core import audit, clock
from portal.core.database import Database
from portal.core.processes import die_with_parent
from portal.notifications import services as notifications
from portal.notifications.models import Channel, Pointer, State
from portal.threads import queries
from portal.threads.access import thread_for
from portal.threads.models import Draft, Message
from tests.cast import Cast
from tests.servers import MailServer, QueueServer, mail_server, wait_until

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30
TOKEN = re.compile(r'name=csrf_token value="([^"]+)"')
NONCE = re.compile(r'name="?nonce"? value="([^"]+)"')
BASED_ON = re.compile(r'name=based_on value="(\d+)"')


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    text: str

    @property
    def form(self) -> dict[str, Any]:
        """The hidden fields of the box to write in, ready to be posted."""
        nonce = NONCE.search(self.text)
        assert nonce, "there is no box to write in"
        return self.button | {"nonce": nonce[1], "action": "send"}

    @property
    def numbered_form(self) -> dict[str, Any]:
        """As `form`, with the number of what the page shows."""
        based_on = BASED_ON.search(self.text)
        assert based_on, "the form has no number"
        return self.form | {"based_on": based_on[1]}

    @property
    def button(self) -> dict[str, Any]:
        """What a form posts in which nothing is typed."""
        token = TOKEN.search(self.text)
        assert token, "there is no form"
        return {"csrf_token": token[1]}


@dataclass
class Visitor:
    """Somebody at a browser that knows nothing of scripts, on a line of their own."""

    port: int
    cookie: str = ""
    seconds: float = PATIENCE_SECONDS

    def open(self, url: str) -> Answer:
        return self._ask("GET", url)

    def post(self, url: str, *, htmx: bool = False, **fields: Any) -> Answer:
        return self._ask("POST", url, urlencode(fields), htmx=htmx)

    def insist(self, url: str, *, htmx: bool = False, **fields: Any) -> Answer:
        """Posts the same form again until there is an answer."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.post(url, htmx=htmx, **fields)
            except (OSError, HTTPException):
                assert time.monotonic() < end, "nobody answers any more"
                time.sleep(0.02)

    def _ask(self, method: str, url: str, body: str | None = None, *, htmx: bool = False) -> Answer:
        headers = {"Connection": "close"} | ({"Cookie": self.cookie} if self.cookie else {})
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if htmx:
            headers["HX-Request"] = "true"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=self.seconds)
        try:
            connection.request(method, url, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
            if response.status != 204 and response.getheader("Content-Length") is None:
                # A browser would say so; this library takes half a head for a whole one.
                raise HTTPException("the head was cut short")
            return Answer(response.status, text)
        finally:
            connection.close()


@dataclass
class Stage:
    """The folder, the people, the servers around, and the processes."""

    environ: dict[str, str]
    log: Path
    mail: MailServer
    door: socket.socket
    queue: QueueServer = field(init=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _readers: dict[str, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queue = QueueServer(self.config)

    @cached_property
    def config(self) -> Config:
        return Config.from_env(self.environ, for_worker=True)

    @cached_property
    def cast(self) -> Cast:
        return Cast(create_app(self.config))

    @property
    def database(self) -> Database:
        return self.cast.database

    @property
    def traps(self) -> Path:
        return self.log.with_name("traps")

    @property
    def port(self) -> int:
        return int(self.door.getsockname()[1])

    def start(self, *roles: str) -> None:
        """Starts parts of the portal: "web", "worker", "clock"."""
        for role in roles:
            door = ("fd://" + str(self.door.fileno()),) if role == "web" else ()
            with self.log.open("ab") as log:
                self.processes[role] = subprocess.Popen(
                    [sys.executable, "-m", "tests.faults.traps", str(self.traps), role, *door],
                    env=os.environ | self.environ | {"PYTHONPATH": str(ROOT)},
                    pass_fds=(self.door.fileno(),) if door else (),
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
                )
        if "web" in roles:
            assert Visitor(self.port).open("/").status < 500

    def stop(self, role: str, number: int = signal.SIGTERM) -> None:
        process = self.processes.pop(role)
        process.send_signal(number)
        process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        for role in list(self.processes):
            self.stop(role, signal.SIGKILL)
        self.queue.kill()
        if "cast" in self.__dict__:
            self.database.dispose()
        self.door.close()

    def visitor(self, name: str | None = None) -> Visitor:
        """A browser in which somebody is signed in; without a name, a visitor's."""
        return Visitor(self.port, f"p={self.cast.cookie(name)}" if name else "")

    def set_trap(self, step: str, victim: str | int = "self") -> None:
        fresh = self.traps / ".new"
        fresh.write_text(str(victim))
        fresh.replace(self.traps / step)

    def is_sprung(self, step: str) -> bool:
        return not (self.traps / step).exists()

    def children(self, role: str) -> list[int]:
        """The processes that a part has started: gunicorn's web processes, for instance."""
        pid = self.processes[role].pid
        try:
            words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return []
        return [int(word) for word in words]

    def tell_by_mail(self, *names: str) -> None:
        """Lets some of the cast be told by mail."""
        with self.database.writing() as session:
            for name in names:
                notifications.set_address(
                    session,
                    self.config,
                    clinic_id=self.cast.clinic.id,
                    user_id=self.cast.ids[name],
                    channel=Channel.EMAIL,
                    address=f"{name}@mail.example.org",
                )
        for name in names:
            self.cast.is_told_at_any_hour(name)

    def texts(self, reader: str, thread_id: Any) -> list[str]:
        """What a thread holds, read from the database as its reader would."""
        if reader not in self._readers:
            self._readers[reader] = self.cast.person(reader)
        person = self._readers[reader]
        with self.database.reading() as session:
            thread = thread_for(session, person, thread_id)
            facts = queries.messages_after(session, self.cast.keyring, thread, 0, 100_000)
        return [fact.text or "" for fact in facts]

    def count_messages(self) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Message)) or 0

    def count_drafts(self) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Draft)) or 0

    def pointers(self) -> list[Pointer]:
        with self.database.reading() as session:
            return list(session.scalars(select(Pointer).order_by(Pointer.id)))

    def let_claims_run_out(self) -> None:
        """The minute and a half after which somebody else may send what a dead worker had."""
        with self.database.writing() as session:
            session.execute(
                update(Pointer).where(Pointer.state == State.SENDING).values(due_at=clock.now())
            )

    def wait_for_mail(self) -> None:
        """Until nobody is still to be told."""
        done = (State.SENT, State.DROPPED)
        wait_until(
            lambda: all(pointer.state in done for pointer in self.pointers()),
            "everybody is told",
            PATIENCE_SECONDS,
        )

    def mails(self) -> dict[str, int]:
        """How often each mail came, by its Message-ID."""
        keys = [str(mail["Message-ID"]) for mail in self.mail.received]
        return {key: keys.count(key) for key in keys}

    def check_the_trail(self) -> None:
        """The audit trail has no gap, whatever was cut short."""
        key = audit.read_key(self.config).public_key()
        with self.database.reading() as session:
            assert audit.verify(session, key, audit.ledger_file(self.config)) == []


@contextmanager
def set_stage(
    folder: Path, *, prepare: Callable[[Path], None], database_url: str = "", **settings: str
) -> Iterator[Stage]:
    """A stage in a folder. `prepare` puts an empty database into its data folder."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    (folder / "traps").mkdir()
    write_keys(data)
    prepare(data)
    door = socket.create_server(("127.0.0.1", 0), backlog=512)
    with mail_server() as mail:
        environ = {
            "PORTAL_DATA": str(data),
            "PORTAL_PORT": str(door.getsockname()[1]),
            "PORTAL_WEB_WORKERS": "1",
            "PORTAL_DATABASE_URL": database_url or f"sqlite:///{data}/portal.sqlite",
            "PORTAL_SMTP_URL": mail.url,
            "PORTAL_MAIL_FROM": "notes@portal.example.org",
        }
        stage = Stage(environ | settings, folder / "log", mail, door)
        try:
            yield stage
        finally:
            stage.close()
