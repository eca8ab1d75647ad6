"""A small clinic to measure on, made through the portal's own services, and its processes."""

import datetime as dt
import itertools
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from bench.letters import PAGE, letters
from portal.accounts import services as accounts
from portal.accounts import sessions
from portal.accounts.guard import Guard
from portal.accounts.models import Role
from portal.accounts.passphrases import new_code
from portal.accounts.people import Person
from portal.accounts.services import Choice, Visitor
from portal.accounts.sessions import Cookie
from portal.caseload import services as caseload
from portal.caseload.services import NewClient
from portal.clinics import services as clinics
from portal.clinics.queries import ClinicBook
from portal.config import Config, write_keys
from portal.core import clock
from portal.core.assets import Assets
from portal.core.crypto import recovery_key_pair
from portal.core.database import Database
from portal.core.ids import short
from portal.core.jobs import open_queue
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.core.resources import resource
from portal.core.schema import upgrade
from portal.core.slots import Slots
from portal.core.supervisor import queue_command
from portal.core.throttle import Throttle
from portal.notifications import preferences
from portal.notifications import services as notifications
from portal.notifications.models import Channel, Rhythm
from portal.threads.access import thread_for
from portal.threads.services import marking, sending

HIDDEN = re.compile(r'<input[^>]*?type="?hidden"?[^>]*>')
ATTRIBUTE = re.compile(r'(\w+)="?([^"\s>]*)')
ROOT = Path(__file__).parent.parent
START_SECONDS = 30
BETWEEN = dt.timedelta(hours=9, minutes=23)
SUBJECT = "Sleep, and the yellow envelope"


@dataclass(frozen=True)
class Member:
    """Somebody of the clinic, signed in."""

    person: Person
    cookie: Cookie
    user_name: str
    passphrase: str


@dataclass(frozen=True)
class Correspondent(Member):
    """A client with one thread of letters."""

    engagement_id: uuid.UUID
    thread_id: uuid.UUID
    count: int

    @property
    def path(self) -> str:
        """The address of the thread."""
        return f"/threads/{short(self.thread_id)}"


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of a page, the last of each name."""
    tags = (dict(ATTRIBUTE.findall(tag)) for tag in HIDDEN.findall(page))
    return {tag["name"]: tag.get("value", "") for tag in tags if "name" in tag}


class Stage:
    """A data folder with a clinic in it. Leaving it ends every process it started."""

    def __init__(
        self, folder: Path, *, base_url: str = "", database_url: str = "", port: int = 0
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        write_keys(folder)
        self.port = port or free_port()
        self.environ = _environ(folder, self.port, base_url, database_url)
        self.config = Config.from_env(self.environ)
        self.database = Database(self.config.database_url)
        self.keyring = Keyring(self.config.server_keys)
        self._slots = Slots(folder / "slots", "bench", places=2, waiting=2)
        self._addresses = (f"10.{n >> 8}.{n & 255}.1" for n in itertools.count(1))
        self._processes = ExitStack()

    def __enter__(self) -> Self:
        self._prepare()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._processes.close()
        self.database.dispose()

    @property
    def url(self) -> str:
        """Where the web server answers, without a proxy."""
        return f"http://127.0.0.1:{self.port}"

    def enrol(self, role: Role, name: str, *, by: Person | None = None) -> Member:
        """Invites somebody, redeems the invitation, and leaves them signed in."""
        with self.database.writing() as session:
            invited = accounts.invite(
                session, self.keyring, self.clinic, role=role, name=name, language="en", by=by
            )
        return self._redeem(invited.code, _user_name(name))

    def correspondent(self, name: str, count: int = 2 * PAGE) -> Correspondent:
        """A client who has come, with one thread of so many letters, both sides by turns."""
        with self.database.writing() as session:
            welcomed = caseload.begin_engagement(
                session,
                self.keyring,
                self.clinic,
                self.clinician.person,
                NewClient(name, "en"),
                self.supervisor.person.id,
            )
        member = self._redeem(welcomed.code, _user_name(name))
        thread_id = self._write(welcomed.engagement_id, member.person, letters(count))
        return Correspondent(
            member.person,
            member.cookie,
            member.user_name,
            member.passphrase,
            welcomed.engagement_id,
            thread_id,
            count,
        )

    def nonce(self, who: Correspondent) -> str:
        """A fresh nonce for a send, as the form would carry it."""
        return str(new_nonce(self.keyring, who.person.id, who.thread_id))

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Runs the portal's own web server; gives the id of its parent process."""
        with self._running([sys.executable, "-m", "portal.cli", "web"]) as process:
            door = ("127.0.0.1", self.port)
            _patiently(lambda: socket.create_connection(door, 1).close(), "the web server")
            yield process.pid

    def write_static(self, folder: Path) -> Path:
        """Writes the static files as a proxy serves them; what is missing the portal serves."""
        folder.mkdir()
        command = [sys.executable, "-m", "portal.cli", "static", "--to", str(folder)]
        subprocess.run(command, env=self.environ, check=False, capture_output=True)
        return folder

    @contextmanager
    def _running(self, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)
            try:
                yield process
            finally:
                process.terminate()
                process.wait(30)

    def headers(self, who: Member, encoding: str = "identity") -> dict[str, str]:
        """What a browser of somebody signed in sends with every request."""
        name = "__Host-p" if self.config.secure_cookies else "p"
        return {"Cookie": f"{name}={who.cookie}; s={self._mark}", "Accept-Encoding": encoding}

    @cached_property
    def _mark(self) -> str:
        """By which the portal knows that a browser has the stylesheet."""
        return Assets(resource("static")).stylesheet.hash

    def _prepare(self) -> None:
        self._processes.enter_context(self._running(queue_command(self.config)))
        _patiently(lambda: Redis.from_url(self.config.queue_url).ping(), "the queue")
        open_queue(self.config)  # this process's own, or that of the stage before it
        upgrade(self.database)
        seed = recovery_key_pair(secrets.token_bytes(32))
        with self.database.writing() as session:
            clinic_id = clinics.open_clinic(
                session,
                self.keyring,
                name="Elm Street Counselling",
                time_zone="America/Chicago",
                language="en",
                recovery_public_key=seed.public,
            )
        with self.database.reading() as session:
            self.clinic = ClinicBook(self.keyring).get(session, clinic_id)
        self.clinician = self.enrol(Role.CLINICIAN, "Nora Field")
        self.supervisor = self.enrol(Role.SUPERVISOR, "Ines Calder")
        self._give_address(self.clinician.person)

    def _give_address(self, person: Person) -> None:
        """So that each send has a pointer to write and a worker to wake, as in real life."""
        with self.database.writing() as session:
            notifications.set_address(
                session,
                self.config,
                clinic_id=person.clinic_id,
                user_id=person.id,
                channel=Channel.EMAIL,
                address="nora@clinic.test",
            )
            choice = preferences.Choice(quiet_from=0, quiet_until=0, rhythm=Rhythm.EACH)
            preferences.choose(session, person, choice)

    def _redeem(self, code: str, user_name: str) -> Member:
        unit, passphrase = self.database.unit(), f"four plain words {secrets.token_hex(4)}"
        guard = Guard(self.keyring, Throttle(None), self._slots)
        choice = Choice(user_name, passphrase, new_code())
        cookie = accounts.redeem(unit, guard, self.clinic.name, code, choice, self._visitor())
        unit.commit()
        unit.close()
        with self.database.reading() as session:
            person = sessions.find(session, self.keyring, cookie)
        assert person is not None
        return Member(person, cookie, user_name, passphrase)

    def _visitor(self) -> Visitor:
        """Somebody from a network of their own, so that no throttle takes all for one."""
        return Visitor(next(self._addresses), "Chrome")

    def _write(self, engagement_id: uuid.UUID, client: Person, texts: list[str]) -> uuid.UUID:
        """A thread of these letters, begun by the client, some hours between each two; whoever
        writes has read what came before, and the client has read it all."""
        times = [clock.now() - BETWEEN * number for number in range(len(texts), 0, -1)]
        nonce = new_nonce(self.keyring, client.id, engagement_id)
        with clock.use(lambda: times[0]), self.database.writing() as session:
            begun = sending.begin_thread(
                session,
                self.keyring,
                self.clinic,
                client,
                engagement_id,
                subject=SUBJECT,
                text=texts[0],
                nonce=nonce,
            )
        for number, (at, text) in enumerate(zip(times[1:], texts[1:], strict=True), start=1):
            author = self.clinician.person if number % 2 else client
            with clock.use(partial(_same, at)):
                self._read(author, begun.thread_id)
                self._send(author, begun.thread_id, text)
        self._read(client, begun.thread_id)
        return begun.thread_id

    def _read(self, reader: Person, thread_id: uuid.UUID) -> None:
        with self.database.writing() as session:
            thread = thread_for(session, reader, thread_id)
            marking.mark_opened(session, reader, thread, thread.last_seq)

    def _send(self, author: Person, thread_id: uuid.UUID, text: str) -> None:
        nonce = new_nonce(self.keyring, author.id, thread_id)
        with self.database.writing() as session:
            sending.send(session, self.keyring, self.clinic, author, thread_id, text, nonce)


def _environ(folder: Path, port: int, base_url: str, database_url: str) -> dict[str, str]:
    """The settings of a stage."""
    ours = {
        "PORTAL_DATA": str(folder),
        "PORTAL_PORT": str(port),
        "PORTAL_BASE_URL": base_url or f"http://127.0.0.1:{port}",
        "PORTAL_TRUSTED_PROXIES": "1",
        "PORTAL_DATABASE_URL": database_url,
    }
    return settings_around() | ours


def settings_around() -> dict[str, str]:
    """The environment without any settings of a portal."""
    around = {key: value for key, value in os.environ.items() if not key.startswith("PORTAL_")}
    return around | {"PYTHONPATH": str(ROOT)}


def _same(at: dt.datetime) -> dt.datetime:
    return at


def _user_name(name: str) -> str:
    return name.lower().replace(" ", "-")


def _patiently(attempt: Callable[[], object], what: str) -> None:
    """Tries again until there is an answer; raises RuntimeError when it takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            attempt()
        except (OSError, RedisError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{what} did not start")
