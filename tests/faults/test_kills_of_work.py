"""kill -9 at every step of what is done with given work: giving it, leaving a step out, saving
answers, sending all of it, saying something to it, and saying how homework went. What was
acknowledged is there, and all of it once."""

import uuid

import pytest
from sqlalchemy import delete, func, select

from portal.accounts.people import Person
from portal.core.ids import short
from portal.modules import queries, shelf
from portal.modules.models import Ending, Pace, StepTerms
from portal.notifications.models import JoinedCause, Pointer
from tests.faults.kills import Filled, check_every_death
from tests.faults.stage import Stage
from tests.faults.traps import (
    FEEDBACK_STEPS,
    GIVE_STEPS,
    KEEP_STEPS,
    MARK_STEPS,
    REPORT_STEPS,
    SAVE_STEPS,
    SHEET_STEPS,
    SUBMIT_STEPS,
)
from tests.modules import stories

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture
def work(stage: Stage) -> uuid.UUID:
    given = stories.give(stage.cast, source=stories.TWO_STEPS)
    stories.unlock(stage.cast, stage.cast.person("ruth"), given, "first")
    return given


def best_of(stage: Stage, reader: Person, work: uuid.UUID) -> list[str]:
    """What stands in each saved form of the first step, oldest first."""
    found = stories.revisions(stage.cast, reader, work, "first")
    return [(one.answers or {}).get("best", "") for one in found]


def times_told(stage: Stage, work: uuid.UUID) -> int:
    """How many are told, or about to be, that there is something in this work."""
    with stage.database.reading() as session:
        rows = (
            session.scalar(select(func.count()).select_from(one).where(one.cause_id == work))
            for one in (Pointer, JoinedCause)
        )
        return sum(row or 0 for row in rows)


def forget_what_was_told(stage: Stage) -> None:
    """Nobody is about to be told of anything."""
    with stage.database.writing() as session:
        for rows in (JoinedCause, Pointer):
            session.execute(delete(rows))


def test_answers_survive_the_death_of_the_web_process_at_every_step(
    stage: Stage, work: uuid.UUID
) -> None:
    dana, url = stage.visitor("dana"), f"/work/{short(work)}/steps/first"
    person = stage.cast.person("dana")

    def fill(step: str) -> Filled:
        typed = {"a.best": f"Words at {step}.", "a.act.what": step, "action": "next"}
        return url, dana.open(url).numbered_form | typed

    def count(step: str) -> int:
        return best_of(stage, person, work).count(f"Words at {step}.")

    check_every_death(stage, dana, SAVE_STEPS, fill=fill, count=count)
    assert best_of(stage, person, work) == [f"Words at {step}." for step in SAVE_STEPS]
    (task,) = stories.homework_seen(stage.cast, person, work)
    assert task.plan["what"] == SAVE_STEPS[-1]


def test_half_a_step_that_saves_itself_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, work: uuid.UUID
) -> None:
    """Of one form there is one row, and the last words that were acknowledged stand in it."""
    dana, url = stage.visitor("dana"), f"/work/{short(work)}/steps/first"
    person = stage.cast.person("dana")
    page: dict[str, str] = {}

    def fill(step: str) -> Filled:
        page.update(page or dana.open(url).numbered_form)
        return f"{url}/draft", page | {"a.best": f"Words at {step}.", "a.act.what": step}

    def count(step: str) -> int:
        (one,) = best_of(stage, person, work)
        return one.count(f"Words at {step}.")

    check_every_death(stage, dana, KEEP_STEPS, fill=fill, count=count)
    assert stories.homework_seen(stage.cast, person, work) == []


def test_what_is_said_of_homework_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, work: uuid.UUID
) -> None:
    person, url = stage.cast.person("dana"), f"/work/{short(work)}"
    stories.send(stage.cast, person, work, "first", {"act": {"what": "Walk"}})
    dana = stage.visitor("dana")

    def fill(step: str) -> Filled:
        typed = {"h.obstacle": f"It rained at {step}.", "action": "partly"}
        return f"{url}/homework/act", dana.open(f"{url}/steps/first").form | typed

    def said() -> list[str]:
        (task,) = stories.homework_seen(stage.cast, person, work)
        return [one.obstacle for one in task.reports]

    def count(step: str) -> int:
        return said().count(f"It rained at {step}.")

    check_every_death(stage, dana, REPORT_STEPS, fill=fill, count=count)
    assert said() == [f"It rained at {step}." for step in REPORT_STEPS]


def test_a_sheet_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, work: uuid.UUID
) -> None:
    ruth, url = stage.visitor("ruth"), f"/work/{short(work)}/steps/first/sheet"
    person = stage.cast.person("ruth")

    def fill(step: str) -> Filled:
        typed = {"a.best": f"On paper at {step}.", "a.act.what": step, "written": "2026-03-02"}
        return url, ruth.open(url).numbered_form | typed | {"action": "save"}

    def count(step: str) -> int:
        return best_of(stage, person, work).count(f"On paper at {step}.")

    check_every_death(stage, ruth, SHEET_STEPS, fill=fill, count=count)
    assert best_of(stage, person, work) == [f"On paper at {step}." for step in SHEET_STEPS]


def test_work_that_is_given_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage,
) -> None:
    """Another module each time, which the clinic has not given before."""
    cast, ruth = stage.cast, stage.visitor("ruth")
    modules = dict(zip(GIVE_STEPS, shelf.names(), strict=False))
    stage.tell_by_mail("dana")

    def fill(step: str) -> Filled:
        url = f"{cast.client_url('dana')}/work/new/{modules[step]}"
        return url, ruth.open(url).form | {"starts": "2026-03-02", "pace": "free"}

    def count(step: str) -> int:
        with stage.database.reading() as session:
            given = queries.work_of(session, cast.keyring, cast.engagements["dana"])
            found = [row for row in given if row.module.id == modules[step]]
            query = select(func.count()).select_from(StepTerms)
            agreed = [
                session.scalar(query.where(StepTerms.assignment_id == row.id)) for row in found
            ]
        assert agreed == [len(row.module.steps) for row in found]
        assert [times_told(stage, row.id) for row in found] == [1] * len(found)
        return len(found)

    check_every_death(stage, ruth, GIVE_STEPS, fill=fill, count=count)


def test_feedback_survives_the_death_of_the_web_process_at_every_step(stage: Stage) -> None:
    """Each time to a worksheet that was sent, and that is answered with it."""
    cast, ruth, author = stage.cast, stage.visitor("ruth"), stage.cast.person("ruth")
    (sheet,) = shelf.load("values").steps
    given: dict[str, uuid.UUID] = {}
    stage.tell_by_mail("dana")

    def fill(step: str) -> Filled:
        given[step] = work = stories.give(cast, source=shelf.source("values"), gates={})
        stories.type_in(cast, author, work, sheet.id, {"note": "Kept"})
        forget_what_was_told(stage)
        url = f"/work/{short(work)}"
        typed = {"s.noticed": f"You saw it at {step}.", "s.task": "Rest"}
        return f"{url}/steps/{sheet.id}/feedback", ruth.open(url).numbered_form | typed

    def count(step: str) -> int:
        said = [one.noticed for one in stories.feedback_seen(cast, author, given[step])]
        assert stories.history(cast, given[step])[-2:] == ["submitted", "feedback_given"]
        assert times_told(stage, given[step]) == 1
        assert stories.waiting(cast, author) is None
        return said.count(f"You saw it at {step}.")

    check_every_death(stage, ruth, FEEDBACK_STEPS, fill=fill, count=count)


def test_to_send_it_all_survives_the_death_of_the_web_process_at_every_step(stage: Stage) -> None:
    cast, dana = stage.cast, stage.visitor("dana")
    author, reader = cast.person("dana"), cast.person("ruth")
    given: dict[str, uuid.UUID] = {}
    stage.tell_by_mail("ruth")

    def fill(step: str) -> Filled:
        given[step] = work = stories.give(cast, gates={}, pace=Pace.FREE)
        stories.send(cast, author, work, "look", stories.LOOK | {"mood": 9})
        stories.save(cast, author, work, "plan", {}, ending=Ending.NOT_NOW)
        forget_what_was_told(stage)
        page = dana.open(f"/work/{short(work)}")
        assert "Send it all" in page.text
        return f"/work/{short(work)}/submit", page.button

    def count(step: str) -> int:
        assert stories.waiting(cast, reader) is not None
        assert times_told(stage, given[step]) == 1
        return stories.history(cast, given[step]).count("submitted")

    check_every_death(stage, dana, SUBMIT_STEPS, fill=fill, count=count)


def test_a_step_that_is_left_out_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage,
) -> None:
    cast, ruth, author = stage.cast, stage.visitor("ruth"), stage.cast.person("ruth")
    given: dict[str, uuid.UUID] = {}
    stage.tell_by_mail("dana")

    def fill(step: str) -> Filled:
        given[step] = work = stories.give(cast, source=stories.TWO_STEPS)
        forget_what_was_told(stage)
        url = f"/work/{short(work)}"
        return f"{url}/steps/first/spare", ruth.open(url).button

    def count(step: str) -> int:
        assert times_told(stage, given[step]) == 1
        mark = stories.progress(cast, author, given[step]).marks["first"]
        return int(mark.spared_at is not None)

    check_every_death(stage, ruth, MARK_STEPS, fill=fill, count=count)
