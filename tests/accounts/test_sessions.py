"""Browser sessions: seen and ended by their owner, and ended by the server's clock."""

import datetime as dt
import uuid

import pytest
from sqlalchemy import func, select

from portal.accounts import sessions
from portal.accounts.models import BrowserSession
from portal.accounts.services import purge_expired
from portal.caseload.services import disable_person
from portal.core import clock
from portal.core.ids import short
from tests.accounts.arrivals import who_holds
from tests.cast import Browser, Cast

NOON = dt.datetime(2030, 3, 4, 12, tzinfo=dt.UTC)


def at(**later: float) -> None:
    """Sets the server's clock to some time after noon."""
    moment = NOON + dt.timedelta(**later)
    clock.set_clock(lambda: moment)


def is_in(browser: Browser) -> bool:
    return browser.open("/account", follow=False).status_code == 200


def test_the_owner_sees_where_they_are_signed_in_and_ends_one(cast: Cast) -> None:
    phone, office = cast.browser("dana"), cast.browser("dana")
    page = phone.open("/account").text
    assert page.count("<mark>Here</mark>") == 1
    assert page.count("Sign out there") == 1
    session_id = who(cast, office)
    phone.post(f"/account/sessions/{short(session_id)}/end")
    assert "You are signed out there" in phone.page.text
    assert not is_in(office)
    assert is_in(phone)


def who(cast: Cast, browser: Browser) -> uuid.UUID:
    value = browser.client.get_cookie("p")
    assert value is not None
    cookie = sessions.Cookie.parse(value.value)
    assert cookie is not None
    person = who_holds(cast, cookie)
    assert person is not None
    return person.session_id


def test_all_others_are_ended_at_once(sqlite_cast: Cast) -> None:
    here, *others = [sqlite_cast.browser("dana") for _ in range(4)]
    somebody_else = sqlite_cast.browser("mateo")
    here.open("/account")
    here.post("/account/sessions/end-others")
    assert is_in(here)
    assert is_in(somebody_else)
    assert not any(is_in(browser) for browser in others)


def test_nobody_ends_somebody_elses_session(sqlite_cast: Cast) -> None:
    dana, mateo = sqlite_cast.browser("dana"), sqlite_cast.browser("mateo")
    mateo.open("/account")
    answer = mateo.post(f"/account/sessions/{short(who(sqlite_cast, dana))}/end")
    assert answer.status_code == 404
    assert is_in(dana)


@pytest.mark.parametrize(("name", "minutes"), [("dana", 30), ("ruth", 15), ("tom", 15)])
def test_a_session_dies_when_nothing_happens(sqlite_cast: Cast, name: str, minutes: int) -> None:
    at()
    browser = sqlite_cast.browser(name)
    at(minutes=minutes - 0.1)
    assert is_in(browser)
    at(minutes=2 * minutes - 0.3)
    assert is_in(browser), "being active counted"
    at(minutes=3 * minutes)
    assert not is_in(browser)
    at(minutes=minutes)
    assert is_in(browser), "the clock was wrong: nobody is signed out for that"


@pytest.mark.parametrize(("name", "hours"), [("dana", 12), ("ruth", 8)])
def test_a_session_ends_however_busy_it_is(sqlite_cast: Cast, name: str, hours: int) -> None:
    at()
    browser = sqlite_cast.browser(name)
    for quarter in range(1, 5 * hours):
        at(minutes=12 * quarter)
        assert is_in(browser), quarter
    at(hours=hours)
    assert not is_in(browser)


@pytest.mark.parametrize("days", [1, 30])
def test_a_clock_that_goes_backwards_ends_nothing_and_idling_counts_from_there(
    sqlite_cast: Cast, days: int
) -> None:
    at()
    browser = sqlite_cast.browser("dana")
    at(days=-days)
    assert is_in(browser)
    at(days=-days, minutes=29)
    assert is_in(browser)
    at(days=-days, minutes=60)
    assert not is_in(browser)


def test_reading_within_a_minute_writes_nothing_to_the_session(sqlite_cast: Cast) -> None:
    at()
    browser = sqlite_cast.browser("dana")
    seen = select(BrowserSession.seen_at)
    for seconds, expected in ((50, NOON), (70, NOON + dt.timedelta(seconds=70))):
        at(seconds=seconds)
        browser.open("/account")
        with sqlite_cast.database.reading() as session:
            assert session.scalars(seen.order_by(BrowserSession.seen_at.desc())).first() == expected


def test_expired_sessions_leave_the_database(cast: Cast) -> None:
    at()
    for name in ("dana", "ruth"):
        cast.browser(name)
    at(hours=13)
    late = cast.browser("mateo")
    with cast.database.writing() as session:
        assert purge_expired(session, cast.app.extensions["portal"].config) > 0
        assert session.scalar(select(func.count()).select_from(BrowserSession)) == 1
    assert is_in(late)


def test_disabling_somebody_ends_their_sessions_at_once(cast: Cast) -> None:
    ruth = cast.browser("ruth")
    assert is_in(ruth)
    tom = cast.person("tom")
    with cast.database.writing() as session:
        disable_person(session, tom, cast.ids["ruth"])
    assert not is_in(ruth)


@pytest.mark.parametrize("value", ["", ".", "a.b", "é.é", "x" * 22, "A" * 22 + "." + "A" * 43])
def test_a_cookie_that_is_none_is_a_visitors(sqlite_cast: Cast, value: str) -> None:
    browser = Browser(sqlite_cast.app)
    browser.client.set_cookie("p", value)
    assert browser.open("/account", follow=False).headers["Location"].startswith("/sign-in")
