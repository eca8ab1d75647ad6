"""The portal as people meet it: every process of it, on the demo's story, and room for more."""

import datetime as dt
import itertools
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

from sqlalchemy import update

from portal.accounts import services as accounts
from portal.accounts import sessions
from portal.accounts.guard import Guard
from portal.accounts.models import BrowserSession
from portal.accounts.people import Person
from portal.accounts.services import Choice, Visitor
from portal.accounts.sessions import Cookie
from portal.caseload import services as caseload
from portal.caseload.access import engagement_for_team
from portal.caseload.services import NewClient, Welcomed
from portal.clinics.queries import ClinicBook, ClinicFacts
from portal.config import Config
from portal.core import clock
from portal.core.database import Database, Unit
from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.core.slots import Slots
from portal.core.throttle import Throttle
from portal.modules import shelf
from portal.modules.models import Pace
from portal.modules.services import giving
from portal.modules.services.giving import Terms
from portal.threads.services import sending
from tests.servers import free_port, wait_until

ROOT = Path(__file__).parents[2]
AT_HOME = Visitor("127.0.0.1", "Test")
PASSPHRASE = "seven quiet herons wade"


@dataclass(frozen=True)
class Newcomer:
    """A client of a test's own, who has come and can sign in."""

    person: Person
    user_name: str
    engagement_id: uuid.UUID
    passphrase: str = PASSPHRASE


class RunningPortal:
    """`portal demo` in a folder of its own. Tests reach it by browser, or past it by services."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._table = folder / "accounts.json"
        self._log = (folder / "log.txt").open("ab")
        self._names = (f"newcomer-{number}" for number in itertools.count(1))
        self._addresses = (f"10.7.{number}.1" for number in itertools.count(1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, path: str = "") -> None:
        """`path` is where Python looks for modules before it looks here."""
        around = {name: value for name, value in os.environ.items() if "PORTAL_" not in name}
        options = ("--port", str(self.port), "--data", str(self._data))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "portal.cli", "demo", *options, "--accounts", str(self._table)],
            env=around | {"PYTHONPATH": f"{path}:{ROOT}".lstrip(":")},
            stdout=self._log,
            stderr=self._log,
        )
        wait_until(self._greets, "the portal starts", 60)

    def stop(self) -> None:
        if "database" in self.__dict__:
            self.database.dispose()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._log.close()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _greets(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log.txt").read_text()
        return "Stop with" in (self.folder / "log.txt").read_text()

    @property
    def processes(self) -> dict[int, str]:
        """Every process of it, by its number: what it was started with."""
        return {pid: _command(pid) for pid in _family(self._process.pid)}

    def answers(self, route: str) -> int:
        """How often it has answered at a route, such as "threads.show"."""
        return (self.folder / "log.txt").read_text().count(f" {route} ")

    @cached_property
    def passphrases(self) -> dict[str, str]:
        """Who can sign in: user name and passphrase."""
        table = json.loads(self._table.read_text())
        return {row["user_name"]: row["passphrase"] for row in table}

    @cached_property
    def config(self) -> Config:
        return Config.from_env({"PORTAL_DATA": str(self._data), "PORTAL_BASE_URL": self.url})

    @cached_property
    def keyring(self) -> Keyring:
        return Keyring(self.config.server_keys)

    @cached_property
    def database(self) -> Database:
        return Database(self.config.database_url)

    @cached_property
    def clinic(self) -> ClinicFacts:
        with self.database.reading() as session:
            facts = ClinicBook(self.keyring).default(session)
        assert facts is not None
        return facts

    @cached_property
    def _guard(self) -> Guard:
        return Guard(
            self.keyring, Throttle(None), Slots(self._data / "slots", "t", places=2, waiting=2)
        )

    @contextmanager
    def _unit(self) -> Iterator[Unit]:
        unit = self.database.unit()
        try:
            yield unit
            unit.commit()
        finally:
            unit.close()

    def cookie(self, user_name: str, passphrase: str | None = None) -> Cookie:
        """A browser session of somebody's, begun without a browser."""
        with self._unit() as unit:
            passphrase = passphrase or self.passphrases[user_name]
            _, cookie = accounts.sign_in(unit, self._guard, user_name, passphrase, AT_HOME)
        return cookie

    @cache  # noqa: B019 - lives as long as the test run
    def person(self, user_name: str) -> Person:
        """Somebody of the demo's cast, for calling services."""
        return self.who_holds(self.cookie(user_name))

    def who_holds(self, cookie: Cookie) -> Person:
        with self.database.reading() as session:
            person = sessions.find(session, self.keyring, cookie)
        assert person is not None
        return person

    def newcomer(
        self, name: str, language: str = "en", by: str = "ruth", second: str = "helen"
    ) -> Newcomer:
        """A client who has redeemed the invitation of one of the demo's clinicians."""
        user_name = next(self._names)
        welcomed = self._invite(NewClient(name, language, user_name), by, second)
        with self._unit() as unit:
            visitor = Visitor(next(self._addresses), "Test")
            offer = accounts.offer_for_code(unit, self._guard, welcomed.code, visitor)
            choice = Choice(user_name, PASSPHRASE, offer.recovery_code)
            cookie = accounts.redeem(unit, self._guard, "", welcomed.code, choice, visitor)
        return Newcomer(self.who_holds(cookie), user_name, welcomed.engagement_id)

    def invitation(self, name: str, language: str = "en") -> str:
        """A code that nobody has typed yet."""
        return self._invite(NewClient(name, language), "ruth", "helen").code

    def _invite(self, client: NewClient, by: str, second: str) -> Welcomed:
        inviting, standing_by = self.person(by), self.person(second)
        with self.database.writing() as session:
            return caseload.begin_engagement(
                session, self.keyring, self.clinic, inviting, client, standing_by.id
            )

    def thread(
        self, client: Newcomer, texts: list[str], *, subject: str = "Letters", by: str = "ruth"
    ) -> str:
        """The address of a thread with these texts, by turns, one a working morning, long ago."""
        authors = itertools.cycle([client.person, self.person(by)])
        days = [clock.now() - dt.timedelta(days=1 + ago) for ago in range(len(texts), 0, -1)]
        with clock.use(partial(_same, days[0])), self.database.writing() as session:
            thread_id = sending.begin_thread(
                session,
                self.keyring,
                self.clinic,
                next(authors),
                client.engagement_id,
                subject=subject,
                text=texts[0],
                nonce=new_nonce(self.keyring, client.person.id, client.engagement_id),
            ).thread_id
        for day, text in zip(days[1:], texts[1:], strict=True):
            with clock.use(partial(_same, day)):
                self.send(next(authors), thread_id, text)
        return f"/threads/{short(thread_id)}"

    def work(
        self, client: Newcomer, module: str, *, pace: Pace = Pace.FREE, by: str = "ruth"
    ) -> str:
        """The address of a module of the library, given without waiting, and all of it open."""
        person = self.person(by)
        nonce = new_nonce(self.keyring, person.id, client.engagement_id)
        terms = Terms(clock.now(), pace, {})
        with self.database.writing() as session:
            engagement = engagement_for_team(session, self.keyring, person, client.engagement_id)
            work_id = giving.give(
                session, self.keyring, person, engagement, shelf.source(module), terms, nonce
            )
            for step in shelf.load(module).steps:
                if step.clinician_unlocks:
                    giving.unlock(session, self.keyring, person, work_id, step.id)
        return f"/work/{short(work_id)}"

    def send(self, author: Person, thread_id: uuid.UUID, text: str) -> None:
        nonce = new_nonce(self.keyring, author.id, thread_id)
        with self.database.writing() as session:
            sending.send(session, self.keyring, self.clinic, author, thread_id, text, nonce)

    def let_idle(self, person: Person) -> None:
        """Puts all of somebody's sessions so far back that they have died of idleness."""
        long_ago = clock.now() - dt.timedelta(hours=2)
        with self.database.writing() as session:
            session.execute(
                update(BrowserSession)
                .where(BrowserSession.user_id == person.id)
                .values(seen_at=long_ago)
            )

    def shorten_idle(self, person: Person, seconds: int) -> None:
        """Lets all of somebody's sessions die so soon, unless something is done."""
        with self.database.writing() as session:
            session.execute(
                update(BrowserSession)
                .where(BrowserSession.user_id == person.id)
                .values(idle_seconds=seconds, seen_at=clock.now())
            )


# Each process of a portal begins with it, since Python looks for a module of this name.
MOVED_CLOCK = """\
import datetime as dt
from pathlib import Path

from portal.core import clock

AHEAD = Path(__file__).with_name("seconds-ahead")


def moved() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(AHEAD.read_text()))


clock.set_clock(moved)
"""


class MovedPortal(RunningPortal):
    """One whose clock a test moves, in all its processes at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._clock = folder / "clock"
        self._clock.mkdir()
        (self._clock / "sitecustomize.py").write_text(MOVED_CLOCK)

    def start_at(self, moment: dt.datetime) -> None:
        self.turn(moment)
        self.start(path=str(self._clock))

    def turn(self, moment: dt.datetime) -> None:
        """From now on it is this late there, and time goes on from then."""
        ahead = moment - dt.datetime.now(dt.UTC)
        fresh = self._clock / ".new"
        fresh.write_text(str(ahead.total_seconds()))
        fresh.replace(self._clock / "seconds-ahead")


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        children = []
    for child in children:
        yield from _family(int(child))


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _same(moment: dt.datetime) -> dt.datetime:
    return moment
