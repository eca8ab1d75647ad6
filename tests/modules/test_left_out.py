"""Steps that a clinician has decided against, and steps that a client puts off."""

import datetime as dt
import uuid

import pytest
from sqlalchemy import select

from portal.accounts.people import Person
from portal.core import clock
from portal.core.audit import AuditEntry
from portal.core.errors import Conflict, NotFound
from portal.modules.models import Ending, Gate, Pace, StepTerms
from portal.modules.services import states
from tests.cast import Cast
from tests.modules import stories
from tests.modules.steps_on_pages import url_of
from tests.modules.stories import standings

# The middle one of three steps stays shut until a clinician opens it.
LOCKED = stories.CALM.replace(
    b"feedback: hold\n",
    b"feedback: hold\nclinician_unlocks: true\nunlock_note: {en: Talk first., es: Hablen antes.}\n",
)


@pytest.fixture(params=[Pace.IN_ORDER, Pace.FREE])
def work(cast: Cast, dana: Person, request: pytest.FixtureRequest) -> uuid.UUID:
    """Its first step is sent, its second is shut."""
    given = stories.give(cast, source=LOCKED, pace=request.param, gates={})
    stories.send(cast, dana, given, "look")
    return given


def test_what_comes_after_a_step_that_is_left_out_goes_on(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    assert standings(cast, dana, work)["safe"] == "locked"
    stories.spare(cast, ruth, work, "safe")
    assert standings(cast, dana, work) == {"look": "done", "plan": "open"}
    page = cast.browser("dana")
    assert "Being safe" not in page.open(url_of(work)).text
    assert "<h1>Calm days" in page.open(url_of(work, "safe")).text
    stories.send(cast, dana, work, "plan")
    assert stories.history(cast, work)[-1] == "submitted", "it is whole without it"


def test_a_step_that_is_left_out_is_not_counted(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    pages = (("dana", "/"), ("ruth", cast.client_url("dana")))

    def says(count: str) -> bool:
        return all(
            f"{count} steps sent" in cast.browser(name).open(url).text for name, url in pages
        )

    assert says("1 of 3")
    stories.spare(cast, ruth, work, "safe")
    assert says("1 of 2")
    stories.type_in(cast, ruth, work, "safe", {"alone": True})
    assert says("2 of 3"), "it came on paper all the same"


def test_work_of_which_only_a_shut_step_is_left_can_be_sent(
    cast: Cast, dana: Person, ruth: Person
) -> None:
    work = stories.give(cast, source=LOCKED, pace=Pace.FREE, gates={})
    for step in ("look", "plan"):
        stories.send(cast, dana, work, step)
    page = cast.browser("dana")
    assert "Send it all" not in page.open(url_of(work)).text
    stories.spare(cast, ruth, work, "safe")
    assert "Send it all" in page.open(url_of(work)).text


def test_what_was_left_out_can_still_be_opened(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    page, url = cast.browser("ruth"), url_of(work, "safe")
    page.open(url_of(work))
    assert "Talk first." in page.page.text
    for _ in range(2):
        page.post(f"{url}/spare")
    assert "Left out for this client" in page.page.text
    assert "Not for this client" not in page.page.text
    with cast.database.reading() as session:
        terms = session.get_one(StepTerms, (work, "safe"))
        assert (terms.spared_by, terms.opened_at) == (cast.ids["ruth"], None)
        query = select(AuditEntry).where(AuditEntry.action == "step:spare")
        (entry,) = session.scalars(query)
        assert (entry.object_id, entry.actor_id, entry.detail) == (work, cast.ids["ruth"], "safe")
    page.post(f"{url}/open")
    assert "Left out for this client" not in page.page.text
    assert standings(cast, dana, work)["safe"] == "open"
    assert page.post(f"{url}/spare").status_code == 409, "it is the client's now"


def test_what_came_on_paper_all_the_same_is_there(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    stories.spare(cast, ruth, work, "safe")
    stories.type_in(cast, ruth, work, "safe", {"alone": True})
    assert standings(cast, dana, work)["safe"] == "done"
    with pytest.raises(Conflict):
        stories.spare(cast, ruth, work, "safe")


def test_a_week_lies_between_the_steps_that_there_are(
    cast: Cast, dana: Person, ruth: Person
) -> None:
    work = stories.give(cast, source=LOCKED, pace=Pace.WEEKLY, gates={})
    stories.send(cast, dana, work, "look")
    stories.spare(cast, ruth, work, "safe")
    assert standings(cast, dana, work)["plan"] == "waits_for_day"
    later = clock.now() + dt.timedelta(days=8)
    clock.set_clock(lambda: later)
    assert standings(cast, cast.person("dana"), work)["plan"] == "open"


def test_only_a_step_that_is_shut_for_a_clinician_to_open_is_left_out(
    cast: Cast, work: uuid.UUID, ruth: Person
) -> None:
    for name, step in (("ruth", "plan"), ("dana", "safe"), ("luis", "safe"), ("tom", "safe")):
        with pytest.raises(NotFound):
            stories.spare(cast, cast.person(name), work, step)
    with cast.database.writing() as session:
        states.withdraw(session, cast.keyring, ruth, work)
    with pytest.raises(Conflict):
        stories.spare(cast, ruth, work, "safe")
    assert "Not for this client" not in cast.browser("ruth").open(url_of(work)).text


def test_what_was_sent_cannot_be_put_off(cast: Cast, dana: Person, ruth: Person) -> None:
    work = stories.give(cast)
    stories.send(cast, dana, work, "look")
    stories.send(cast, dana, work, "safe")
    since = stories.waiting(cast, ruth)
    page = cast.browser("dana")
    assert "Not now" not in page.open(url_of(work, "safe")).text
    saved = stories.save(cast, dana, work, "safe", {"alone": False}, ending=Ending.NOT_NOW)
    assert saved.ended, "and it is saved"
    assert stories.progress(cast, dana, work).latest["safe"].answers == {"alone": False}
    assert standings(cast, dana, work) == {
        "look": "done", "safe": "done", "plan": "waits_for_reading",
    }  # fmt: skip
    assert stories.waiting(cast, ruth) == since
    assert "Where?" in cast.browser("ruth").open(url_of(work)).text, "what was sent is there"


def test_a_step_that_is_read_first_is_a_barrier_also_when_it_is_put_off(
    cast: Cast, dana: Person
) -> None:
    work = stories.give(cast)
    stories.send(cast, dana, work, "look")
    assert "Not now" in cast.browser("dana").open(url_of(work, "safe")).text
    stories.save(cast, dana, work, "safe", {}, ending=Ending.NOT_NOW)
    assert standings(cast, dana, work) == {
        "look": "done",
        "safe": "put_off",
        "plan": "later",
    }
    page = cast.browser("dana").open(url_of(work)).text
    assert "Put off. The next step opens after this one." in page
    assert "Send it all to your counsellor" in page, "somebody who stops here can say so"
    stories.send(cast, dana, work, "safe")
    assert standings(cast, dana, work)["plan"] == "waits_for_reading"


def test_other_steps_that_are_put_off_keep_nothing_shut(cast: Cast, dana: Person) -> None:
    for pace, gates in ((Pace.IN_ORDER, {"look": Gate.SOFT}), (Pace.FREE, {"look": Gate.HOLD})):
        work = stories.give(cast, pace=pace, gates=gates)
        stories.save(cast, dana, work, "look", {}, ending=Ending.NOT_NOW)
        assert standings(cast, dana, work)["safe"] == "open"
