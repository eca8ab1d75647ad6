"""kill -9 at every step of saving answers: what was acknowledged is there, and all of it once."""

import re
import uuid

import pytest

from portal.core.ids import short
from tests.faults.stage import Stage
from tests.faults.test_kills import try_to_send
from tests.faults.traps import SAVE_STEPS
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
