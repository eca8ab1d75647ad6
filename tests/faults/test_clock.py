"""The server's clock is wrong by a day, and put right again: nobody is shut out, all is kept."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from portal.config import Config
from portal.core import clock
from portal.notifications import outgoing
from portal.notifications import services as notifications
from portal.notifications.models import Channel, Pointer, State
from portal.notifications.queries import due
from tests.cast import PASSPHRASE, Browser, Cast
from tests.servers import MailServer

pytestmark = pytest.mark.faults

NOON = dt.datetime.now(dt.UTC).replace(microsecond=0)
WORDS = "Words written while the clock was wrong."


@pytest.fixture
def cast(sqlite_cast: Cast) -> Cast:
    return sqlite_cast


@pytest.fixture(autouse=True)
def _noon() -> None:
    turn()


def turn(**by: float) -> None:
    """Sets the clock to some time before or after noon."""
    moment = NOON + dt.timedelta(**by)
    clock.set_clock(lambda: moment)


def is_in(browser: Browser) -> bool:
    return browser.open("/account", follow=False).status_code == 200


def write(cast: Cast, browser: Browser, thread: Any, text: str = WORDS) -> int:
    browser.open(cast.thread_url(thread))
    return browser.post(cast.thread_url(thread), text=text, action="send").status_code


@pytest.mark.parametrize("name", ["dana", "ruth"])
def test_going_back_a_day_signs_nobody_out(cast: Cast, name: str) -> None:
    browser = cast.browser(name)
    assert is_in(browser)
    turn(days=-1)
    assert is_in(browser)
    turn(days=-1, minutes=10)
    assert is_in(browser)
    turn(minutes=10)
    # To that session a day has gone by in which nobody did anything.
    assert not is_in(browser)


def test_a_session_begun_tomorrow_still_ends_when_it_is_left_alone(cast: Cast) -> None:
    turn(days=1)
    dana = cast.browser("dana")
    assert is_in(dana)
    turn()
    assert is_in(dana)
    turn(minutes=31)
    assert not is_in(dana)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_page_opened_under_the_wrong_clock_is_sent_under_the_right_one(
    cast: Cast, days: int
) -> None:
    thread = cast.begin_thread("ruth", "dana")
    turn(days=days)
    dana = cast.browser("dana")
    dana.open(cast.thread_url(thread))
    form: dict[str, Any] = {
        "csrf_token": dana.token,
        "nonce": dana.nonce,
        "text": WORDS,
        "action": "send",
    }
    turn()
    if days < 0:
        # The session was left alone for a day, as far as anybody can know. The words are kept.
        assert dana.post(cast.thread_url(thread), follow=False, **form).status_code == 401
        assert WORDS in cast.browser("dana").open(cast.thread_url(thread)).text
        return
    for _ in range(2):
        assert dana.post(cast.thread_url(thread), **form).status_code == 200
    assert cast.browser("ruth").open(cast.thread_url(thread)).text.count(WORDS) == 1


def test_messages_stay_in_the_order_in_which_they_came(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", text="0th words")
    for number, days in enumerate([1, -1, 0, 1, -1], start=1):
        turn(days=days)
        author = "dana" if number % 2 else "ruth"
        assert write(cast, cast.browser(author), thread, f"{number}th words") == 200
    turn()
    page = cast.browser("dana").open(cast.thread_url(thread)).text
    places = [page.index(f"{number}th words") for number in range(6)]
    assert places == sorted(places)
    for name in ("ruth", "dana"):
        assert cast.browser(name).open("/").status_code == 200


def test_nobody_waits_for_a_negative_time(cast: Cast) -> None:
    turn(days=1)
    thread = cast.begin_thread("dana", "dana")
    turn()
    page = cast.browser("ruth").open("/")
    assert page.status_code == 200
    assert "Dana" in page.text
    assert "-1" not in page.text
    assert cast.browser("ruth").open(cast.thread_url(thread)).status_code == 200


@pytest.fixture
def settings(cast: Cast, config: Config, mail_server: MailServer) -> Config:
    """Ruth is told by mail."""
    settings = replace(config, smtp_url=mail_server.url, mail_from="notes@portal.example.org")
    with cast.database.writing() as session:
        notifications.set_address(
            session,
            settings,
            clinic_id=cast.clinic.id,
            user_id=cast.ids["ruth"],
            channel=Channel.EMAIL,
            address="ruth@mail.example.org",
        )
    cast.is_told_at_any_hour("ruth")
    return settings


def tell(cast: Cast, settings: Config) -> int:
    """What clock and worker do, once; returns how much was due."""
    with cast.database.writing() as session:
        pointers = session.scalars(due(clock.now(), Channel.EMAIL, 100)).all()
    for pointer_id in pointers:
        outgoing.deliver(cast.database, settings, pointer_id)
    return len(pointers)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_telling_noted_under_the_wrong_clock_goes_out_under_the_right_one(
    cast: Cast, settings: Config, mail_server: MailServer, days: int
) -> None:
    thread = cast.begin_thread("dana", "dana")
    assert tell(cast, settings) == 1
    turn(days=days)
    assert write(cast, cast.browser("dana"), thread) == 200
    turn()
    # Somebody who writes now joins what is still ahead.
    assert write(cast, cast.browser("dana"), thread) == 200
    assert tell(cast, settings) == 1
    assert tell(cast, settings) == 0
    assert len(mail_server.received) == 2
    with cast.database.reading() as session:
        assert set(session.scalars(select(Pointer.state))) == {State.SENT}


@pytest.mark.parametrize("days", [-1, 1])
def test_a_telling_cut_short_under_the_wrong_clock_is_not_lost(
    cast: Cast, settings: Config, mail_server: MailServer, days: int
) -> None:
    cast.begin_thread("dana", "dana")
    mail_server.answer = "451 later"
    turn(days=days)
    tell(cast, settings)
    mail_server.answer = "250 OK"
    turn(hours=0.1)
    tell(cast, settings)
    turn(days=1, hours=0.1)
    tell(cast, settings)
    assert len(mail_server.received) == 1


@pytest.mark.parametrize("days", [-1, 1])
def test_signing_in_does_not_mind(cast: Cast, days: int) -> None:
    cast.set_passphrase("dana")
    for wrong in (days, 0, days):
        turn(days=wrong)
        dana = Browser(cast.app)
        assert dana.sign_in("dana", PASSPHRASE).status_code == 200
        assert is_in(dana)
