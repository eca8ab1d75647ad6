"""Homework: asked for on the first page, once a day, and never again when it was done."""

import datetime as dt
import uuid
from typing import Any

import pytest

from portal.accounts.people import Person
from portal.core import clock
from portal.modules.services import states
from tests.cast import Browser, Cast
from tests.modules import stories
from tests.modules.steps_on_pages import url_of

DAY = dt.timedelta(days=1)
ASKED = "You planned: Walk to the lake"


@pytest.fixture
def noon() -> dt.datetime:
    """It is noon at the clinic, on some day."""
    noon = dt.datetime.combine(clock.now().date() + DAY, dt.time(19), dt.UTC)
    clock.set_clock(lambda: noon)
    return noon


@pytest.fixture
def work(cast: Cast, noon: dt.datetime) -> uuid.UUID:
    given = stories.give(cast, gates={})
    stories.send(cast, cast.person("dana"), given, "look", stories.LOOK | {"mood": 9})
    stories.send(cast, cast.person("dana"), given, "plan")
    return given


def says(browser: Browser, work: uuid.UUID, action: str, obstacle: str = "") -> Any:
    """Answers the form on the first page that is open."""
    url = f"{url_of(work)}/homework/act"
    form: dict[str, Any] = {"nonce": browser.nonce, "action": action, "h.obstacle": obstacle}
    return browser.post(url, **form)


def wait_until(moment: dt.datetime) -> None:
    clock.set_clock(lambda: moment)


@pytest.mark.parametrize("outcome", ["partly", "not_yet"])
def test_who_has_answered_is_asked_again_from_the_next_day_on(
    cast: Cast, work: uuid.UUID, noon: dt.datetime, outcome: str
) -> None:
    dana = cast.browser("dana")
    assert ASKED in dana.open("/").text
    says(dana, work, outcome)
    assert ASKED not in dana.page.text
    wait_until(noon + dt.timedelta(hours=11))
    assert ASKED not in cast.browser("dana").open("/").text, "it is the same day where she is"
    wait_until(noon + dt.timedelta(hours=14))
    assert ASKED in cast.browser("dana").open("/").text


def test_it_can_fail_once_a_day(
    cast: Cast, work: uuid.UUID, dana: Person, noon: dt.datetime
) -> None:
    """Also for somebody who says it on two devices, and whose day is not that of the server."""
    for hours, closed in ((0, False), (11, False), (25, True)):
        wait_until(noon + dt.timedelta(hours=hours))
        stories.report(cast, cast.person("dana"), work, "not_yet", f"After {hours} hours")
        (task,) = stories.homework_seen(cast, dana, work)
        assert (task.missed_at is not None) is closed
    assert len(task.reports) == 3, "and every word is there"


def test_homework_is_told_once_it_was_tried(cast: Cast, work: uuid.UUID, noon: dt.datetime) -> None:
    for day, obstacle in enumerate(("It rained", "It rained again")):
        wait_until(noon + day * DAY)
        dana = cast.browser("dana")
        dana.open("/")
        says(dana, work, "not_yet", obstacle)
    wait_until(noon + 3 * DAY)
    assert "You planned" not in cast.browser("dana").open("/").text, "not asked a third time"
    ruth = cast.browser("ruth")
    ruth.open(url_of(work))
    assert "It rained again" in ruth.page.text
    ruth.post(f"{url_of(work)}/seen")
    assert "I have seen it" not in ruth.page.text


def test_what_was_done_is_not_asked_for_again_when_its_step_is_sent_again(
    cast: Cast, work: uuid.UUID, dana: Person, noon: dt.datetime
) -> None:
    stories.report(cast, dana, work, "done")
    stories.say(cast, cast.person("ruth"), work, "plan", ask_again=True)
    surer = {"act": {**stories.PLAN["act"], "confidence": 10}, "day": "2026-03-04"}
    stories.send(cast, dana, work, "plan", surer)
    assert ASKED not in cast.browser("dana").open("/").text
    (task,) = stories.homework_seen(cast, dana, work)
    assert [one.outcome for one in task.reports] == ["done"]
    wait_until(noon + DAY)
    stories.send(cast, dana, work, "plan", {"act": {"what": "Walk round the pond"}})
    assert "You planned: Walk round the pond" in cast.browser("dana").open("/").text
    wait_until(noon + 2 * DAY)
    stories.send(cast, dana, work, "plan")
    assert ASKED in cast.browser("dana").open("/").text, "a plan of some time ago is new again"


def test_homework_goes_on_when_the_work_is_done_with(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    for step in ("look", "plan"):
        stories.say(cast, cast.person("ruth"), work, step)
    with cast.database.writing() as session:
        states.complete(session, cast.keyring, dana, work)
    browser = cast.browser("dana")
    page = browser.open("/").text
    assert ASKED in page
    assert "No work given yet" not in page
    says(browser, work, "done")
    assert ASKED not in browser.page.text
    assert "Your work" not in browser.page.text


def test_homework_of_work_that_was_taken_back_is_not_asked_for(cast: Cast, work: uuid.UUID) -> None:
    ruth = cast.person("ruth")
    with cast.database.writing() as session:
        states.withdraw(session, cast.keyring, ruth, work)
    assert ASKED not in cast.browser("dana").open("/").text


def test_what_got_in_the_way_is_not_lost_with_the_session(
    cast: Cast, work: uuid.UUID, dana: Person, noon: dt.datetime
) -> None:
    browser = cast.browser("dana")
    browser.open("/")
    wait_until(noon + dt.timedelta(hours=3))
    late = says(browser, work, "not_yet", "It rained all day")
    assert late.status_code == 401
    assert "Your words are safe" in late.text
    assert "It rained" not in late.text
    assert stories.homework_seen(cast, dana, work)[0].reports == []

    again = cast.browser("dana")
    page = again.open("/").text
    assert 'value="It rained all day"' in page
    assert "It was not saved." in page
    assert "You have words here that were not saved." not in page, "they are in the box"
    again.open(url_of(work, "plan"))
    again.post(f"{url_of(work, 'plan')}/kept", action="discard")
    again.open("/")
    says(again, work, "not_yet", "It rained all day")
    assert "It rained" not in again.page.text
    (task,) = stories.homework_seen(cast, dana, work)
    assert [one.obstacle for one in task.reports] == ["It rained all day"]


def test_what_is_too_long_is_shown_again(cast: Cast, work: uuid.UUID) -> None:
    browser = cast.browser("dana")
    browser.open("/")
    says(browser, work, "not_yet", "It rained. " * 60)
    assert browser.page.status_code == 422
    assert "It rained. It rained." in browser.page.text


def posts_without_a_session(cast: Cast, url: str, nonce: str, obstacle: str) -> None:
    form = {"nonce": nonce, "h.obstacle": obstacle, "action": "partly", "csrf_token": "x"}
    assert Browser(cast.app).client.post(url, data=form).status_code == 401


def test_a_form_keeps_nothing_for_others(cast: Cast, work: uuid.UUID) -> None:
    """Nor for homework that there is not."""
    url, ruth = f"{url_of(work)}/homework/act", cast.person("ruth")
    own = str(stories.nonce_for(cast, cast.person("dana"), work))
    stranger = str(stories.nonce_for(cast, ruth, work))
    for nonce, to in ((stranger, url), ("", url), (own, f"{url}ing")):
        posts_without_a_session(cast, to, nonce, "Too late")
    assert "Too late" not in cast.browser("dana").open("/").text


def test_what_is_written_on_a_form_that_was_answered_is_not_lost(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    """Dana's line went dead after the first, and she went back to her form; and once more, when
    she was not signed in any more."""
    browser, url = cast.browser("dana"), f"{url_of(work)}/homework/act"
    form = browser.open("/")
    for obstacle in ("It rained", "It rained, and I was ill", "It rained, and I was ill"):
        browser.page = form
        assert says(browser, work, "partly", obstacle).status_code == 200
    (task,) = stories.homework_seen(cast, dana, work)
    assert [one.obstacle for one in task.reports] == ["It rained", "It rained, and I was ill"]
    browser.page = form
    posts_without_a_session(cast, url, browser.nonce, "It rained, and I was ill")
    for _ in range(2):
        assert "It was not saved." not in cast.browser("dana").open("/").text, "it was said"
    posts_without_a_session(cast, url, browser.nonce, "And it is far")
    assert 'value="And it is far"' in cast.browser("dana").open("/").text


def test_words_to_homework_that_is_done_are_there(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    browser = cast.browser("dana")
    form = browser.open("/")
    for obstacle in ("", "It was lovely", "It was lovely"):
        browser.page = form
        says(browser, work, "done", obstacle)
    (task,) = stories.homework_seen(cast, dana, work)
    assert [one.obstacle for one in task.reports] == ["", "It was lovely"]
    assert task.closed_at is not None
    assert ASKED not in cast.browser("dana").open("/").text
