"""kill -9 at every step of saving and publishing a module: each text and version is there once."""

import re
import uuid

import pytest

from portal.core.ids import short
from portal.core.nonces import new_nonce
from portal.modules import own
from portal.modules.checking import with_top
from portal.modules.services import authoring
from tests.faults.stage import Stage
from tests.faults.test_kills import try_to_send
from tests.faults.traps import PUBLISH_STEPS
from tests.modules.files import WHOLE
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]
BASED_ON = re.compile(r'name=based_on value="(\d+)"')


@pytest.fixture
def draft(stage: Stage) -> uuid.UUID:
    cast, ruth = stage.cast, stage.cast.person("ruth")
    with cast.database.writing() as session:
        nonce = new_nonce(cast.keyring, ruth.id, ruth.clinic_id)
        return authoring.begin(session, cast.keyring, ruth, "", nonce)


def test_a_module_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, draft: uuid.UUID
) -> None:
    stage.queue.start()
    stage.start("web")
    ruth, url, typed = stage.visitor("ruth"), f"/modules/drafts/{short(draft)}", [""]
    for number, step in enumerate(PUBLISH_STEPS):
        page = ruth.open(url)
        based_on = BASED_ON.search(page.text)
        assert based_on
        text = with_top(WHOLE, version=f"1.0.{number}")
        form = page.form | {"text": text, "based_on": based_on[1], "action": "publish"}
        before = stage.children("web")
        stage.set_trap(step)
        first = try_to_send(ruth, url, form)
        wait_until(lambda: stage.is_sprung(step), f"the save comes past {step!r}")  # noqa: B023
        wait_until(lambda: stage.children("web") != before, "the process dies")  # noqa: B023
        assert first is None or first.status == 303
        assert ruth.insist(url, **form).status == 303
        typed.append(text)
    cast = stage.cast
    with cast.database.reading() as session:
        found = own.draft_for(session, cast.keyring, cast.person("ruth"), draft)
        versions = own.own_modules(session, cast.keyring, cast.clinic.id)
    assert [one.text for one in found.revisions] == typed
    assert [one.module.version for one in versions][::-1] == [
        f"1.0.{number}" for number in range(len(PUBLISH_STEPS))
    ]
    stage.check_the_trail()
