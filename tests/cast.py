"""The named cast, in a clinic of their own: the people whom every test knows.

Dana is Ruth's client (Helen supervises). Mateo, who reads Spanish, is Luis's client (Ruth stands
in). Tom administers. Olga and her client Pavel belong to another clinic on the same installation.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import make_url
from werkzeug.test import TestResponse

from portal import create_app
from portal.accounts import keys, sessions
from portal.accounts import services as accounts
from portal.accounts.models import Role, User, WrapKind
from portal.accounts.people import Person
from portal.accounts.sessions import Cookie
from portal.caseload import services as caseload
from portal.caseload.services import NewClient
from portal.clinics.queries import ClinicBook, ClinicFacts
from portal.clinics.services import open_clinic
from portal.config import Config
from portal.core import clock
from portal.core.crypto import recovery_key_pair
from portal.core.database import Database
from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.core.web import Portal
from portal.notifications.models import Rhythm
from portal.notifications.preferences import Choice, choose
from portal.threads.services import sending
from tests.conftest import make_config
from tests.databases import pattern
from tests.servers import PostgreSQL, new_name

RECOVERY_SEED = b"\7" * 32
PASSPHRASE = "seven quiet herons wade"

TOKEN = re.compile(r'name=csrf_token value="([^"]+)"')
NONCE = re.compile(r'name=nonce value="([^"]+)"')


@dataclass
class Browser:
    """A browser without scripts, as a person uses it: opens pages, fills in their forms."""

    app: Portal
    address: str = "203.0.113.7"
    client: FlaskClient = field(init=False)
    page: TestResponse = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def open(self, url: str, *, htmx: bool = False, follow: bool = True) -> TestResponse:
        return self._go("GET", url, htmx=htmx, follow=follow)

    def post(
        self, url: str, *, htmx: bool = False, follow: bool = True, **fields: Any
    ) -> TestResponse:
        """Posts with the token (and the nonce, if there is one) of the page that is open."""
        fields = {"csrf_token": self.token, **fields}
        if "text" in fields and "nonce" not in fields:
            fields["nonce"] = self.nonce
        return self._go("POST", url, htmx=htmx, follow=follow, data=fields)

    def _go(self, method: str, url: str, *, htmx: bool, follow: bool, **more: Any) -> TestResponse:
        headers = {"HX-Request": "true"} if htmx else {}
        self.page = self.client.open(
            url,
            method=method,
            headers=headers,
            follow_redirects=follow,
            environ_overrides={"REMOTE_ADDR": self.address},
            **more,
        )
        return self.page

    @property
    def token(self) -> str:
        found = TOKEN.search(self.page.text)
        assert found, "this page has no form"
        self._token = found[1]
        return found[1]

    @property
    def nonce(self) -> str:
        found = NONCE.search(self.page.text)
        assert found, "this page has no box to write in"
        return found[1]

    def sign_in(self, user_name: str, passphrase: str = PASSPHRASE) -> TestResponse:
        self.open("/sign-in")
        return self.post("/sign-in", user_name=user_name, passphrase=passphrase)

    def carry(self, cookie: Cookie) -> None:
        """Is signed in with a session that was begun elsewhere."""
        self.client.set_cookie("p", str(cookie))


class Cast:
    """Everybody, in one database. Making them runs no Argon2id; signing in by the form does."""

    def __init__(self, app: Portal, known: "Known | None" = None) -> None:
        """On an empty database, or on one in which `known` have been made already."""
        self.app = app
        installation = app.extensions["portal"]
        self.database: Database = installation.database
        self.keyring: Keyring = installation.keyring
        self.codes: dict[str, str] = {}
        self.ids: dict[str, Any] = {}
        self.engagements: dict[str, Any] = {}
        self._private_keys: dict[str, bytes] = {}
        if known is None:
            self._come_in()
        else:
            self._are_here_already(known)

    def _come_in(self) -> None:
        self.clinic = self._open_clinic("Larkspur Valley")
        for name, role in {
            "ruth": Role.CLINICIAN,
            "luis": Role.CLINICIAN,
            "helen": Role.SUPERVISOR,
            "tom": Role.ADMINISTRATOR,
        }.items():
            self._staff(name, role, self.clinic)
        self._client("dana", "en", "ruth", "helen")
        self._client("mateo", "es", "luis", "ruth")

    def _are_here_already(self, known: "Known") -> None:
        self.clinic = known.clinic
        self.codes |= known.codes
        self.ids |= known.ids
        self.engagements |= known.engagements
        self._private_keys |= known.private_keys

    @property
    def known(self) -> "Known":
        """What another cast needs to know of this one, to go on from a copy of its database."""
        return Known(
            self.clinic,
            dict(self.codes),
            dict(self.ids),
            dict(self.engagements),
            dict(self._private_keys),
        )

    @cached_property
    def other_clinic(self) -> ClinicFacts:
        """Another clinic on the same installation, with Olga, Nils and their client Pavel."""
        clinic = self._open_clinic("Fjord House")
        self._staff("olga", Role.CLINICIAN, clinic)
        self._staff("nils", Role.SUPERVISOR, clinic)
        self._staff("greta", Role.ADMINISTRATOR, clinic)
        self._client("pavel", "en", "olga", "nils", clinic)
        return clinic

    def _open_clinic(self, name: str) -> ClinicFacts:
        with self.database.writing() as session:
            clinic_id = open_clinic(
                session,
                self.keyring,
                name=name,
                time_zone="America/Denver",
                language="en",
                recovery_public_key=recovery_key_pair(RECOVERY_SEED).public,
            )
        self.app.extensions["clinics"].forget()
        with self.database.reading() as session:
            return ClinicBook(self.keyring).get(session, clinic_id)

    def _staff(self, name: str, role: Role, clinic: ClinicFacts) -> None:
        with self.database.writing() as session:
            invited = accounts.invite(
                session,
                self.keyring,
                clinic,
                role=role,
                name=name.title(),
                language="en",
                user_name=name,
                by=None,
            )
        self.codes[name], self.ids[name] = invited.code, invited.user_id
        self._arrive(name)

    def _client(
        self,
        name: str,
        language: str,
        counsellor: str,
        second: str,
        clinic: ClinicFacts | None = None,
    ) -> None:
        by = self.person(counsellor)
        with self.database.writing() as session:
            welcomed = caseload.begin_engagement(
                session,
                self.keyring,
                clinic or self.clinic,
                by,
                NewClient(name.title(), language, name),
                self.ids[second],
            )
        self.codes[name], self.ids[name] = welcomed.code, welcomed.client_id
        self.engagements[name] = welcomed.engagement_id
        self._arrive(name)

    def _arrive(self, name: str) -> None:
        """Redeems the invitation without the slow hash: the private key is at hand for tests."""
        from portal.accounts.passphrases import normalise_code
        from portal.accounts.queries import find_wrap

        with self.database.writing() as session:
            user = session.get_one(User, self.ids[name])
            owner = keys.Owner(user.id, user.clinic_id)
            sealed = find_wrap(session, user.id, WrapKind.INVITATION)
            assert sealed is not None
            code = normalise_code(self.codes[name])
            private_key = keys.unwrap_with_code(owner, sealed, code, WrapKind.INVITATION)
            user.activated_at = clock.now()
            self._private_keys[name] = private_key

    def set_passphrase(self, name: str, passphrase: str = PASSPHRASE) -> None:
        """Gives somebody a passphrase to sign in with by the form."""
        with self.database.writing() as session:
            user = session.get_one(User, self.ids[name])
            owner = keys.Owner(user.id, user.clinic_id)
            lock = keys.lock_with_passphrase(owner, self._private_keys[name], passphrase)
            keys.set_lock(user, session, lock)

    def cookie(self, name: str) -> Cookie:
        """A new browser session of somebody's."""
        with self.database.writing() as session:
            user = session.get_one(User, self.ids[name])
            return sessions.begin(session, user, self._private_keys[name], "Test")

    def person(self, name: str) -> Person:
        """Somebody signed in, for calling services."""
        cookie = self.cookie(name)
        with self.database.reading() as session:
            person = sessions.find(session, self.keyring, cookie)
        assert person is not None
        return person

    def browser(self, name: str | None = None) -> Browser:
        """A browser in which somebody is signed in; without a name, a visitor's."""
        browser = Browser(self.app)
        if name is not None:
            browser.carry(self.cookie(name))
        return browser

    def begin_thread(
        self, author: str, client: str, *, subject: str = "Hello", text: str = "First words"
    ) -> Any:
        """A new thread's id."""
        person, engagement_id = self.person(author), self.engagements[client]
        with self.database.writing() as session:
            return sending.begin_thread(
                session,
                self.keyring,
                self.clinic,
                person,
                engagement_id,
                subject=subject,
                text=text,
                nonce=new_nonce(self.keyring, person.id, engagement_id),
            ).thread_id

    def is_told_at_any_hour(self, name: str) -> None:
        """For tests that run at whatever hour it is."""
        choice = Choice(quiet_from=0, quiet_until=0, rhythm=Rhythm.EACH)
        person = self.person(name)
        with self.database.writing() as session:
            choose(session, person, choice)

    def send(self, author: str, thread_id: Any, text: str) -> int:
        """The number of a new message in a thread."""
        person = self.person(author)
        with self.database.writing() as session:
            return sending.send(
                session,
                self.keyring,
                self.clinic,
                person,
                thread_id,
                text,
                new_nonce(self.keyring, person.id, thread_id),
            ).seq

    def thread_url(self, thread_id: Any) -> str:
        return f"/threads/{short(thread_id)}"

    def client_url(self, client: str) -> str:
        return f"/clients/{short(self.engagements[client])}"


@dataclass(frozen=True)
class Known:
    """Everybody by name: what no database can be asked for."""

    clinic: ClinicFacts
    codes: dict[str, str]
    ids: dict[str, Any]
    engagements: dict[str, Any]
    private_keys: dict[str, bytes]


@dataclass(frozen=True)
class Peopled:
    """A database with everybody in it, to copy, and what else there is to know of them."""

    database: Any
    known: Known


@pytest.fixture(scope="session")
def sqlite_with_cast(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Peopled:
    config = make_config(tmp_path_factory.mktemp("cast") / "data")
    file = config.data / "portal.sqlite"
    file.write_bytes(sqlite_template.read_bytes())
    return Peopled(file, _bring_in(config))


@pytest.fixture(scope="session")
def postgresql_with_cast(
    postgresql: PostgreSQL, postgresql_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Peopled:
    name = new_name("cast")
    url = postgresql.create(name, postgresql_template)
    config = make_config(tmp_path_factory.mktemp("cast") / "data", database_url=url)
    return Peopled(name, _bring_in(config))


def _bring_in(config: Config) -> Known:
    """By the wall clock, whatever time it is for the test that comes first."""
    app = create_app(config)
    with clock.use(lambda: dt.datetime.now(dt.UTC)):
        known = Cast(app).known
    app.extensions["portal"].database.dispose()
    return known


@pytest.fixture
def app(config: Config, database_url: str) -> Iterator[Portal]:
    """The web application: each test runs on SQLite and on PostgreSQL."""
    app = create_app(replace(config, database_url=database_url))
    yield app
    app.extensions["portal"].database.dispose()


@pytest.fixture
def cast(app: Portal, database_url: str, request: pytest.FixtureRequest) -> Cast:
    kind = make_url(database_url).get_backend_name()
    return Cast(app, request.getfixturevalue(f"{kind}_with_cast").known)


@pytest.fixture
def sqlite_app(config: Config, request: pytest.FixtureRequest) -> Iterator[Portal]:
    """The web application on SQLite only, for what does not hang on the kind of database."""
    (config.data / "portal.sqlite").write_bytes(pattern(request, "sqlite").read_bytes())
    app = create_app(config)
    yield app
    app.extensions["portal"].database.dispose()


@pytest.fixture
def sqlite_cast(sqlite_app: Portal, sqlite_with_cast: Peopled) -> Cast:
    return Cast(sqlite_app, sqlite_with_cast.known)
