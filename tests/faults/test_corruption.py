"""One byte of the database goes bad: what it belonged to cannot be read, and the rest is fine."""

from typing import Any

import pytest
from sqlalchemy import Table, delete, select, update

from portal.accounts.models import BrowserSession, KeyWrap, WrapKind
from portal.accounts.people import Person
from portal.core.columns import Base
from portal.core.ids import short
from portal.core.nonces import new_nonce
from portal.core.throttle import Throttle
from portal.modules import shelves
from portal.modules.services import authoring, keeping
from portal.modules.services.authoring import Late
from portal.notifications.addresses import Entry, enter
from portal.notifications.models import Channel
from portal.notifications.ownership import ONLY_ME, add_guardian
from portal.notifications.services import set_address
from portal.threads.services import unsent
from tests.cast import PASSPHRASE, Browser, Cast
from tests.guards.sealed_columns import SEALED
from tests.modules import stories

pytestmark = pytest.mark.faults

ITEMS = {"subject-of-sleep", "subject-of-work", "sleep-1", "sleep-2", "work-1", "half-written"}
ITEMS |= {"kept-meanwhile", "Ruth", "answered-well", "noticed-that", "answered-late"}
ITEMS |= {"planned-walk"}
# These have tests of their own, here and with the pointers.
ELSEWHERE = {
    ("addresses", "sealed"),
    ("browser_sessions", "wrapped_key"),
    ("published_modules", "sealed"),
}
# What each column costs Dana's pages when its first row goes bad.
COSTS = {
    ("messages", "sealed"): {"sleep-1"},
    ("threads", "subject_sealed"): {"subject-of-sleep"},
    ("drafts", "sealed"): {"half-written"},
    ("kept_texts", "sealed"): {"kept-meanwhile"},
    ("users", "name_sealed"): {"Ruth"},
    ("responses", "sealed"): {"answered-well", "planned-walk"},
    ("feedback", "sealed"): {"noticed-that"},
    ("kept_answers", "sealed"): {"answered-late"},
}


class Story:
    """Dana and Ruth have written; Dana has a draft, and words that came too late."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.sleep = cast.begin_thread("ruth", "dana", subject="subject-of-sleep", text="sleep-1")
        self.work = cast.begin_thread("dana", "dana", subject="subject-of-work", text="work-1")
        cast.send("dana", self.sleep, "sleep-2")
        self.dana, self.ruth = cast.browser("dana"), cast.browser("ruth")
        self.dana.open(self.url(self.work))
        self.dana.post(self.url(self.work), text="half-written", action="save")
        person = cast.person("dana")
        with cast.database.writing() as session:
            nonce = new_nonce(cast.keyring, person.id, self.sleep)
            unsent.keep_for_author(session, cast.keyring, self.sleep, "kept-meanwhile", nonce)
        self._give_places()
        self._answer(person)
        self._write_a_module()

    def _give_places(self) -> None:
        """Dana is told by mail, has yet to prove a number, and has a guardian."""
        config = self.cast.app.extensions["portal"].config
        dana, ruth = self.cast.person("dana"), self.cast.person("ruth")
        with self.cast.database.writing() as session:
            set_address(
                session,
                config,
                clinic_id=dana.clinic_id,
                user_id=dana.id,
                channel=Channel.EMAIL,
                address="dana@example.org",
            )
            enter(
                session,
                config,
                self.cast.keyring,
                Throttle(None),
                dana,
                Entry(Channel.SMS, "+1 970 555 0100", ONLY_ME),
                time_zone="America/Denver",
            )
            add_guardian(
                session, self.cast.keyring, ruth, dana.id, "parent@example.org", "America/Denver"
            )

    def _answer(self, person: Person) -> None:
        """Given work with an answer, a word to it, how the plan went, and what came too late."""
        cast, ruth = self.cast, self.cast.person("ruth")
        self.given = given = stories.give(cast, source=stories.TWO_STEPS)
        stories.unlock(cast, ruth, given, "first")
        answers = {"best": "answered-well", "act": {"what": "planned-walk"}}
        stories.send(cast, person, given, "first", answers)
        stories.say(cast, ruth, given, "first", noticed="noticed-that")
        stories.report(cast, person, given, "partly", "it-rained")
        with cast.database.writing() as session:
            nonce = new_nonce(cast.keyring, person.id, given)
            late = {"best": "answered-late"}
            keeping.keep_for_author(session, cast.keyring, given, "first", late, nonce)

    def _write_a_module(self) -> None:
        """Ruth has a draft, and words for it that came too late."""
        cast, ruth = self.cast, self.cast.person("ruth")
        with cast.database.writing() as session:
            nonce = new_nonce(cast.keyring, ruth.id, ruth.clinic_id)
            draft = authoring.begin(session, cast.keyring, ruth, "half a module", nonce)
            late = Late("late lines", new_nonce(cast.keyring, ruth.id, draft))
            authoring.keep_for_author(session, cast.keyring, draft, late)
        self.draft = f"/modules/drafts/{short(draft)}"

    def url(self, thread: Any) -> str:
        return self.cast.thread_url(thread)

    @property
    def step(self) -> str:
        return f"/work/{short(self.given)}/steps/first"

    def shown_to_dana(self) -> set[str]:
        """What there is on all her pages, each of which is whole."""
        text = ""
        threads = (self.url(self.sleep), self.url(self.work))
        for url in ("/", "/account", "/account/notices", *threads, self.step):
            page = self.dana.open(url)
            assert page.status_code == 200, url
            assert "</main>" in page.text
            text += page.text
        return {item for item in ITEMS if item in text}

    def write(self) -> int:
        self.ruth.open(self.url(self.work))
        return self.ruth.post(self.url(self.work), text="More", action="send").status_code

    def damage(self, table: Table, column: str, position: int) -> bytes:
        """Turns one bit of the first row that holds something; returns what was there."""
        place = table.c[column]
        key = list(table.primary_key.columns)
        with self.cast.database.writing() as session:
            rows = select(*key, place).where(place.is_not(None)).order_by(*key)
            *found, good = session.execute(rows).first() or pytest.fail("there is no such row")
            bad = bytearray(good)
            bad[position] ^= 1
            self._put(session, table, column, found, bytes(bad))
        self.cast.app.extensions["clinics"].forget()
        self._row = found
        return bytes(good)

    def mend(self, table: Table, column: str, good: bytes) -> None:
        with self.cast.database.writing() as session:
            self._put(session, table, column, self._row, good)
        self.cast.app.extensions["clinics"].forget()

    @staticmethod
    def _put(session: Any, table: Table, column: str, row: list[Any], value: bytes) -> None:
        where = [c == v for c, v in zip(table.primary_key.columns, row, strict=True)]
        session.execute(update(table).where(*where).values({column: value}))


@pytest.mark.parametrize(("table", "column"), sorted(SEALED - ELSEWHERE))
def test_one_bad_byte_costs_one_thing(sqlite_cast: Cast, table: str, column: str) -> None:
    story, columns = Story(sqlite_cast), Base.metadata.tables[table]
    assert story.shown_to_dana() == ITEMS
    for position in (0, 20, -1):
        good = story.damage(columns, column, position)
        costs = COSTS.get((table, column), set())
        assert story.shown_to_dana() == ITEMS - costs
        for name in ("ruth", "helen", "tom"):
            browser = sqlite_cast.browser(name)
            assert browser.open("/").status_code == 200
            assert browser.open(story.url(story.sleep)).status_code < 500
            assert browser.open(story.draft).status_code < 500
        # It stops nobody from writing on, but whoever has lost the key itself.
        has_no_key = (table, column) == ("grants", "sealed")
        assert story.write() == (409 if has_no_key else 200)
        assert "<textarea" in story.ruth.page.text
        story.mend(columns, column, good)
    assert story.shown_to_dana() == ITEMS


def test_a_bad_module_costs_what_was_given_of_it(sqlite_cast: Cast) -> None:
    story, columns = Story(sqlite_cast), Base.metadata.tables["published_modules"]
    client = sqlite_cast.client_url("dana")
    good = story.damage(columns, "sealed", 30)
    shelves._kept.clear()
    assert story.dana.open("/").status_code == 200
    assert "Two steps" not in story.dana.page.text
    assert story.dana.open(story.step).status_code == 409
    assert story.ruth.open(client).status_code == 200
    assert story.write() == 200
    story.mend(columns, "sealed", good)
    assert story.shown_to_dana() == ITEMS


def test_a_bad_draft_still_shows_what_was_saved_before(sqlite_cast: Cast) -> None:
    story = Story(sqlite_cast)
    columns = Base.metadata.tables["module_revisions"]
    story.damage(columns, "sealed", 30)
    page = story.ruth.open(story.draft).text
    assert "half a module" not in page
    assert "What was saved last is damaged." in page
    assert "late lines" in page


def test_a_bad_session_is_signed_out_and_no_other(sqlite_cast: Cast) -> None:
    story = Story(sqlite_cast)
    with sqlite_cast.database.writing() as session:
        session.execute(delete(BrowserSession))
    bad = sqlite_cast.browser("dana")
    story.damage(Base.metadata.tables["browser_sessions"], "wrapped_key", 30)
    good = sqlite_cast.browser("dana")
    assert bad.open("/account", follow=False).status_code == 303
    assert good.open("/account", follow=False).status_code == 200


def test_a_bad_lock_refuses_calmly(sqlite_cast: Cast) -> None:
    story = Story(sqlite_cast)
    sqlite_cast.set_passphrase("ruth")
    with sqlite_cast.database.writing() as session:
        session.execute(delete(KeyWrap).where(KeyWrap.kind != WrapKind.PASSPHRASE))
    story.damage(Base.metadata.tables["key_wraps"], "sealed", 30)
    answer = Browser(sqlite_cast.app).sign_in("ruth", PASSPHRASE)
    assert answer.status_code == 422
    assert "</main>" in answer.text
    assert story.shown_to_dana() == ITEMS
