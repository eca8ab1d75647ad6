"""The demo's story, played: what came of it looks as if it had happened."""

import datetime as dt
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from portal.accounts.models import Role, User
from portal.config import Config
from portal.core import clock
from portal.core.database import Database
from portal.demo.cli import environment
from portal.demo.content import load
from portal.demo.seed import Seed
from portal.notifications.models import Pointer, State
from tests.accounts.arrivals import quick_passphrases

pytestmark = pytest.mark.slow

# A story of working days: on a Monday, yesterday is three days ago.
A_FEW_DAYS = dt.timedelta(days=4)


@dataclass(frozen=True)
class Played:
    """What was told in the story, as it stands when the demo begins."""

    now: dt.datetime
    pointers: list[Pointer]
    roles: dict[uuid.UUID, Role]

    def of(self, *states: State) -> list[Pointer]:
        return [one for one in self.pointers if one.state in states]


MOMENTS = ["2026-03-02T15:00", "2026-03-05T06:00", "2026-11-22T22:30"]


@pytest.fixture(scope="module", params=MOMENTS)
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Played:
    """On a Monday, on a Thursday before anybody is up, and late on a Sunday."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "portal.sqlite").write_bytes(sqlite_template.read_bytes())
    config = Config.from_env(environment(folder, 8000))
    database = Database(config.database_url)
    now = dt.datetime.fromisoformat(f"{request.param}-07:00").astimezone(dt.UTC)
    with pytest.MonkeyPatch.context() as patch, clock.use(lambda: now):
        quick_passphrases(patch)
        Seed(config, database, load()).play()
    with database.reading() as session:
        roles = {user.id: user.role for user in session.scalars(select(User))}
        pointers = list(session.scalars(select(Pointer).order_by(Pointer.created_at)))
    database.dispose()
    return Played(now, pointers, roles)


def test_nothing_old_still_waits_to_go_out(played: Played) -> None:
    waiting = played.of(State.PENDING, State.SENDING)
    assert waiting, "and something is left for the portal itself to tell"
    for one in waiting:
        assert played.now - one.created_at < A_FEW_DAYS
        assert played.now - one.due_at < A_FEW_DAYS
    assert any(one.due_at <= played.now for one in waiting), "what is in the postbox at once"


def test_what_went_out_was_told_after_it_happened_and_opened_after_it_was_told(
    played: Played,
) -> None:
    told = played.of(State.SENT, State.DELIVERED)
    assert len(told) > 40
    for one in told:
        assert one.sent_at is not None
        assert one.created_at <= one.due_at == one.sent_at <= played.now
        assert one.opened_at is None or one.sent_at <= one.opened_at <= played.now
    opened = [one for one in told if one.opened_at is not None]
    assert len(opened) / len(told) > 0.9
    assert {State.SENT, State.DELIVERED} == {one.state for one in told}


def test_what_was_not_sent_had_been_opened_before_it_was_due(played: Played) -> None:
    dropped = played.of(State.DROPPED)
    assert all(one.opened_at is not None and one.opened_at < one.due_at for one in dropped)


def test_what_failed_is_old_and_made_up_for(played: Played) -> None:
    failed = played.of(State.FAILED)
    assert failed
    for one in failed:
        later = [
            other
            for other in played.of(State.DELIVERED)
            if other.recipient_id == one.recipient_id and other.created_at > one.created_at
        ]
        assert later, "it works again"
        assert played.roles[one.recipient_id] is Role.CLIENT
