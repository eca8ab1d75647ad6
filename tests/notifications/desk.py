"""What the tests of pointers share: a clock that they move, somebody to tell, and a look."""

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from portal.clinics.models import Clinic
from portal.core.database import Database
from portal.core.ids import new_id
from portal.notifications.models import Channel, NoticePreference, Pointer
from portal.notifications.outgoing import deliver
from portal.notifications.preferences import Choice
from portal.notifications.services import point, set_address, sweep
from tests.cast import Cast

DENVER = ZoneInfo("America/Denver")


def denver(*moment: int) -> dt.datetime:
    """A moment by the clock on the wall of the clinic."""
    return dt.datetime(*moment, tzinfo=DENVER).astimezone(dt.UTC)  # type: ignore[arg-type,misc]


class Hands:
    """A clock that a test moves."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += dt.timedelta(**by)


class Desk:
    """Tells the cast things, and works off what is due."""

    def __init__(self, cast: Cast, config: Any, hands: Hands) -> None:
        self.cast, self.config, self.hands = cast, config, hands
        self.database: Database = cast.database

    def give_address(
        self, name: str, address: str = "dana@example.org", channel: Channel = Channel.EMAIL
    ) -> None:
        with self.database.writing() as session:
            set_address(
                session,
                self.config,
                clinic_id=self.cast.clinic.id,
                user_id=self.cast.ids[name],
                channel=channel,
                address=address,
            )

    def prefer(self, name: str, **choice: Any) -> None:
        """Notes what somebody has chosen, without asking anybody."""
        fields = {**Choice().__dict__, **choice, "changed_at": self.hands.now}
        user_id, clinic_id = self.cast.ids[name], self.cast.clinic.id
        with self.database.writing() as session:
            session.merge(NoticePreference(user_id=user_id, clinic_id=clinic_id, **fields))

    def point(self, name: str, cause: uuid.UUID | None = None, **more: Any) -> uuid.UUID:
        """Something happens that somebody should hear of; returns what it is about."""
        cause = cause or new_id()
        with self.database.writing() as session:
            point(
                session,
                clinic_id=self.cast.clinic.id,
                recipient_id=self.cast.ids[name],
                kind="waiting",
                cause_kind="thread",
                cause_id=cause,
                **more,
            )
        return cause

    def work(self) -> int:
        """The clock sweeps and the worker delivers what is due; how much that was."""
        with self.database.writing() as session:
            count = sweep(session, self.config)
        for pointer in self.pointers():
            deliver(self.database, self.config, pointer.id)
        return count

    def pointers(self) -> list[Pointer]:
        with self.database.reading() as session:
            return list(session.scalars(select(Pointer).order_by(Pointer.id)))

    def states(self) -> list[str]:
        return [pointer.state.value for pointer in self.pointers()]

    def move_clinic(self, time_zone: str) -> None:
        with self.database.writing() as session:
            session.get_one(Clinic, self.cast.clinic.id).time_zone = time_zone
