"""kill -9 at every step of saving and publishing a module: each text and version is there once."""

import uuid

import pytest

from portal.core.ids import short
from portal.core.nonces import new_nonce
from portal.modules import own
from portal.modules.checking import with_top
from portal.modules.services import authoring
from tests.faults.kills import Filled, check_every_death
from tests.faults.stage import Stage
from tests.faults.traps import PUBLISH_STEPS
from tests.modules.files import WHOLE

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture
def draft(stage: Stage) -> uuid.UUID:
    cast, ruth = stage.cast, stage.cast.person("ruth")
    with cast.database.writing() as session:
        nonce = new_nonce(cast.keyring, ruth.id, ruth.clinic_id)
        return authoring.begin(session, cast.keyring, ruth, "", nonce)


def test_a_module_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, draft: uuid.UUID
) -> None:
    ruth, url = stage.visitor("ruth"), f"/modules/drafts/{short(draft)}"
    versions = {step: f"1.0.{number}" for number, step in enumerate(PUBLISH_STEPS)}
    typed = {step: with_top(WHOLE, version=version) for step, version in versions.items()}
    cast, person = stage.cast, stage.cast.person("ruth")

    def fill(step: str) -> Filled:
        return url, ruth.open(url).numbered_form | {"text": typed[step], "action": "publish"}

    def saved() -> list[str]:
        with cast.database.reading() as session:
            found = own.draft_for(session, cast.keyring, person, draft)
        return [one.text or "" for one in found.revisions]

    def published() -> list[str]:
        with cast.database.reading() as session:
            found = own.own_modules(session, cast.keyring, cast.clinic.id)
        return [one.module.version for one in found][::-1]

    def count(step: str) -> int:
        return min(saved().count(typed[step]), published().count(versions[step]))

    check_every_death(stage, ruth, PUBLISH_STEPS, fill=fill, count=count)
    assert saved() == ["", *typed.values()]
    assert published() == list(versions.values())
