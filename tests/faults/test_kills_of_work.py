"""kill -9 at every step of saving answers, and of saying how homework went: what was acknowledged
is there, and all of it once."""

import re
import uuid

import pytest

from portal.core.ids import short
from tests.faults.stage import Stage
from tests.faults.test_kills import try_to_send
from tests.faults.traps import KEEP_STEPS, REPORT_STEPS, SAVE_STEPS
from tests.modules import stories
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]
BASED_ON = re.compile(r'name=based_on value="(\d+)"')


@pytest.fixture
def work(stage: Stage) -> uuid.UUID:
    given = stories.give(stage.cast, source=stories.TWO_STEPS)
    stories.unlock(stage.cast, stage.cast.person("ruth"), given, "first")
    return given


def test_answers_survive_the_death_of_the_web_process_at_every_step(
    stage: Stage, work: uuid.UUID
) -> None:
    stage.queue.start()
    stage.start("web")
    dana, url = stage.visitor("dana"), f"/work/{short(work)}/steps/first"
    typed = []
    for step in SAVE_STEPS:
        page = dana.open(url)
        based_on = BASED_ON.search(page.text)
        assert based_on
        text = f"Words at {step}."
        form = page.form | {"a.best": text, "a.act.what": step, "based_on": based_on[1]}
        before = stage.children("web")
        stage.set_trap(step)
        first = try_to_send(dana, url, form | {"action": "next"})
        wait_until(lambda: stage.is_sprung(step), f"the save comes past {step!r}")  # noqa: B023
        wait_until(lambda: stage.children("web") != before, "the process dies")  # noqa: B023
        if first is not None:
            assert first.status == 303
            assert text in dana.open(url).text
        assert dana.insist(url, **form | {"action": "next"}).status == 303
        typed.append(text)
    person = stage.cast.person("dana")
    found = stories.revisions(stage.cast, person, work, "first")
    assert [one.answers and one.answers["best"] for one in found] == typed
    (task,) = stories.homework_seen(stage.cast, person, work)
    assert task.plan["what"] == SAVE_STEPS[-1]
    stage.check_the_trail()


def test_half_a_step_that_saves_itself_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, work: uuid.UUID
) -> None:
    """Of one form there is one row, and the last words that were acknowledged stand in it."""
    stage.queue.start()
    stage.start("web")
    dana, url = stage.visitor("dana"), f"/work/{short(work)}/steps/first"
    person, page = stage.cast.person("dana"), dana.open(url).form
    for step in KEEP_STEPS:
        form = page | {"a.best": f"Words at {step}.", "a.act.what": step, "based_on": "0"}
        before = stage.children("web")
        stage.set_trap(step)
        try_to_send(dana, f"{url}/draft", form)
        wait_until(lambda: stage.is_sprung(step), f"the save comes past {step!r}")  # noqa: B023
        wait_until(lambda: stage.children("web") != before, "the process dies")  # noqa: B023
        assert dana.insist(f"{url}/draft", **form).status == 303
        (one,) = stories.revisions(stage.cast, person, work, "first")
        assert one.answers
        assert one.answers["best"] == f"Words at {step}."
    assert stories.homework_seen(stage.cast, person, work) == []
    stage.check_the_trail()


def test_what_is_said_of_homework_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, work: uuid.UUID
) -> None:
    stage.queue.start()
    stage.start("web")
    person, url = stage.cast.person("dana"), f"/work/{short(work)}"
    stories.send(stage.cast, person, work, "first", {"act": {"what": "Walk"}})
    dana, said = stage.visitor("dana"), []
    for step in REPORT_STEPS:
        text = f"It rained at {step}."
        form = dana.open(f"{url}/steps/first").form | {"h.obstacle": text, "action": "partly"}
        before = stage.children("web")
        stage.set_trap(step)
        try_to_send(dana, f"{url}/homework/act", form)
        wait_until(lambda: stage.is_sprung(step), f"the report comes past {step!r}")  # noqa: B023
        wait_until(lambda: stage.children("web") != before, "the process dies")  # noqa: B023
        assert dana.insist(f"{url}/homework/act", **form).status == 303
        said.append(text)
    (task,) = stories.homework_seen(stage.cast, person, work)
    assert [one.obstacle for one in task.reports] == said
    stage.check_the_trail()


def test_a_sheet_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, work: uuid.UUID
) -> None:
    stage.queue.start()
    stage.start("web")
    ruth, url = stage.visitor("ruth"), f"/work/{short(work)}/steps/first/sheet"
    typed = []
    for step in SAVE_STEPS:
        text = f"On paper at {step}."
        form = ruth.open(url).form | {"a.best": text, "a.act.what": step, "written": "2026-03-02"}
        before = stage.children("web")
        stage.set_trap(step)
        try_to_send(ruth, url, form | {"action": "save"})
        wait_until(lambda: stage.is_sprung(step), f"the save comes past {step!r}")  # noqa: B023
        wait_until(lambda: stage.children("web") != before, "the process dies")  # noqa: B023
        assert ruth.insist(url, **form | {"action": "save"}).status == 303
        typed.append(text)
    person = stage.cast.person("dana")
    found = stories.revisions(stage.cast, person, work, "first")
    assert [one.answers and one.answers["best"] for one in found] == typed
    stage.check_the_trail()
