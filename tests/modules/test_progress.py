"""Where somebody is in their work; and how modules go in a clinic, told so that nobody is found."""

import datetime as dt
import re
import uuid
from typing import Any

import pytest

from portal.core import clock
from portal.modules.clinic_progress import StepTally, Tally, rounded, tallies
from portal.modules.models import Ending, State
from portal.modules.progress_page import progress_page
from portal.modules.services import states
from portal.vault.keys import OpenVault
from tests.cast import Cast
from tests.modules import stories
from tests.modules.files import module
from tests.modules.steps_on_pages import url_of

CLIENTS = [f"client{number}" for number in range(7)]


@pytest.fixture
def clinic(cast: Cast) -> Cast:
    """Seven more clients of Ruth's: enough to be counted."""
    for name in CLIENTS:
        cast._client(name, "en", "ruth", "helen")
    return cast


def counted(cast: Cast, clinic_id: uuid.UUID | None = None) -> list[Tally]:
    with cast.database.reading() as session:
        return tallies(session, cast.keyring, clinic_id or cast.clinic.id)


def test_a_client_sees_where_they_are_and_when_they_were_there(cast: Cast, work: uuid.UUID) -> None:
    dana = cast.browser("dana")
    assert "last on" not in dana.open("/").text + dana.open(url_of(work)).text, "not begun"
    stories.send(cast, cast.person("dana"), work, "look", stories.LOOK | {"mood": 3})
    assert re.search(r"1 of 3 steps sent · last on \w{3} \d", dana.open("/").text)
    assert re.search(r"Step 2 of 3 · last on \w{3} \d", dana.open(url_of(work)).text)
    stories.send(cast, cast.person("dana"), work, "look", stories.LOOK | {"mood": 9})
    assert "Step 2 of 2 ·" in dana.open(url_of(work)).text, "a branch leads past a step"


def test_a_clinician_sees_it_too_and_since_when_it_waits(cast: Cast, work: uuid.UUID) -> None:
    ruth, dana = cast.browser("ruth"), cast.person("dana")
    assert "Given, not opened yet" in ruth.open(cast.client_url("dana")).text
    stories.send(cast, dana, work, "look")
    stories.send(cast, dana, work, "safe")
    page = ruth.open(cast.client_url("dana")).text
    assert "2 of 3 steps sent" in page
    assert "Waiting since" in page
    assert "Waiting since" not in cast.browser("dana").open("/").text


def test_lists_of_work_ask_as_often_for_many_as_for_few(cast: Cast, work: uuid.UUID) -> None:
    from bench.plans import recorded

    stories.send(cast, cast.person("dana"), work, "look")
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    asked = []
    for _more in range(2):
        for browser, url in ((dana, "/"), (ruth, cast.client_url("dana"))):
            browser.open(url)
            with recorded(cast.database.engine) as found:
                browser.open(url)
            asked.append(len(found))
        for _number in range(4):
            given = stories.give(cast, gates={})
            stories.send(cast, cast.person("dana"), given, "look")
    assert asked[:2] == asked[2:]


def test_the_care_teams_page_asks_once_for_the_answers_of_all_steps(
    cast: Cast, work: uuid.UUID
) -> None:
    from bench.plans import recorded

    ruth, dana, asked = cast.browser("ruth"), cast.person("dana"), []
    for step in ("look", "safe"):
        stories.send(cast, dana, work, step)
        ruth.open(url_of(work))
        with recorded(cast.database.engine) as found:
            ruth.open(url_of(work))
        asked.append(len(found))
    assert asked[0] == asked[1]


def test_a_clinic_is_counted_by_clients_step_by_step(clinic: Cast) -> None:
    given = {name: stories.give(clinic, name) for name in CLIENTS}
    twice = stories.give(clinic, CLIENTS[0])
    stories.send(clinic, clinic.person(CLIENTS[0]), twice, "look")
    for name in CLIENTS[:6]:
        stories.send(clinic, clinic.person(name), given[name], "look")
    for name in CLIENTS[:2]:
        stories.send(clinic, clinic.person(name), given[name], "safe")
    other = clinic.person(CLIENTS[5])
    stories.save(clinic, other, given[CLIENTS[5]], "safe", {}, ending=Ending.NOT_NOW)
    ruth = clinic.person("ruth")
    with clinic.database.writing() as session:
        states.withdraw(session, clinic.keyring, ruth, given[CLIENTS[6]])
    (tally,) = counted(clinic)
    assert tally.given == 7, "clients, of whom one was given it twice"
    assert tally.states[State.IN_PROGRESS] == 6
    assert tally.states[State.WITHDRAWN] == 1
    assert tally.steps["look"] == StepTally(reached=6, sent=6)
    assert tally.steps["safe"] == StepTally(reached=3, sent=2, put_off=1)


def test_who_stopped_is_counted_where_they_stopped(clinic: Cast) -> None:
    given = {name: stories.give(clinic, name) for name in CLIENTS}
    people = {name: clinic.person(name) for name in CLIENTS}
    for name in CLIENTS[:5]:
        stories.send(clinic, people[name], given[name], "look")
    for name in CLIENTS[:2]:
        stories.save(clinic, people[name], given[name], "safe", {"alone": True})
    stories.send(clinic, people[CLIENTS[2]], given[CLIENTS[2]], "safe")
    (tally,) = counted(clinic)
    assert (tally.never_begun, tally.steps["look"].last) == (0, 0), "nobody, so far"
    later = clock.now() + dt.timedelta(days=22)
    clock.set_clock(lambda: later)
    (tally,) = counted(clinic)
    assert tally.never_begun == 2
    assert tally.steps["look"].last == 2, "sent it, and went no further"
    assert tally.steps["safe"].last == 2, "not the one who waits for the care team"
    clock.set_clock(lambda: later + dt.timedelta(days=360))
    assert counted(clinic) == [], "longer ago than a year"


def test_another_clinic_is_counted_apart(cast: Cast, work: uuid.UUID) -> None:
    assert counted(cast, cast.other_clinic.id) == []


def test_a_version_is_counted_apart(cast: Cast, work: uuid.UUID) -> None:
    stories.give(cast, source=stories.CALM.replace(b"1.0.0", b"1.1.0"))
    assert sorted(one.module.version for one in counted(cast)) == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, None), (1, None), (4, None), (5, 5), (7, 5), (8, 10), (12, 10), (13, 15), (98, 100)],
)
def test_no_number_is_told_that_could_be_one_person(count: int, said: int | None) -> None:
    assert rounded(count) == said


def test_two_numbers_tell_nobody_by_their_difference() -> None:
    """Of 20 who were given it 18 opened it: from what is told nobody can tell that two did not."""
    for whole in range(5, 100):
        for fewer in range(max(5, whole - 4), whole):
            told = (rounded(whole), rounded(fewer))
            same = {
                other - rest
                for other in range(5, 110)
                for rest in range(5, other + 1)
                if (rounded(other), rounded(rest)) == told
            }
            assert same - {1, 2, 3, 4}, "it could as well be nobody, or five"


def test_of_a_module_that_few_were_given_nothing_more_is_told() -> None:
    few = Tally(module(), given=4, states={State.OPENED: 4})
    (shown,) = progress_page([few])["modules"]
    assert (shown["given"], shown["facts"], shown["steps"]) == ("fewer than 5", [], [])
    many = Tally(module(), given=9, states={State.OPENED: 4})
    (shown,) = progress_page([many])["modules"]
    assert shown["given"] == "about 10"
    assert ("Opened", "fewer than 5") in shown["facts"]


@pytest.mark.parametrize("name", ["ruth", "helen", "tom"])
def test_the_page_opens_no_vault(
    cast: Cast, work: uuid.UUID, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stories.send(cast, cast.person("dana"), work, "look")

    def refuse(*_args: Any) -> None:
        raise AssertionError("opened")

    browser = cast.browser(name)
    monkeypatch.setattr(OpenVault, "open_or_none", refuse)
    page = browser.open("/work/progress")
    assert page.status_code == 200
    assert "fewer than 5" in page.text
    assert "The walk on Tuesday" not in page.text
    assert "A look at the week" not in page.text


def test_clients_see_no_such_page(cast: Cast) -> None:
    assert cast.browser("dana").open("/work/progress").status_code == 404
