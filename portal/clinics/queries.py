"""Reading what is known of a clinic."""

import logging
import time
import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.clinics import crisis
from portal.clinics.models import Clinic
from portal.core.crypto import Unreadable
from portal.core.keyring import Keyring, name_place

REMEMBERED_SECONDS = 30.0

log = logging.getLogger("portal.clinics")


@dataclass(frozen=True)
class ClinicFacts:
    """What pages need to know of a clinic, opened."""

    id: uuid.UUID
    name: str
    time_zone: str
    language: str
    crisis: tuple[crisis.CrisisLine, ...]
    recovery_public_key: bytes


class ClinicBook:
    """Remembers clinics for half a minute, since every page needs one and they hardly change."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._known: dict[uuid.UUID, tuple[float, ClinicFacts]] = {}
        self._default: tuple[float, ClinicFacts | None] | None = None

    def get(self, session: Session, clinic_id: uuid.UUID) -> ClinicFacts:
        known = self._known.get(clinic_id)
        if known and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        facts = self._open(session.get_one(Clinic, clinic_id))
        self._known[clinic_id] = (time.monotonic(), facts)
        return facts

    def default(self, session: Session) -> ClinicFacts | None:
        """The clinic whose numbers a page shows before anybody has signed in; None if there is
        none yet, or if there are several and it cannot be told."""
        known = self._default
        if known and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        clinics = session.scalars(select(Clinic).limit(2)).all()
        facts = self._open(clinics[0]) if len(clinics) == 1 else None
        self._default = (time.monotonic(), facts)
        return facts

    def named(self, session: Session, name: str) -> ClinicFacts | None:
        """The clinic of this name; None if there is none, or if there are several."""
        found = [self._open(clinic) for clinic in session.scalars(select(Clinic))]
        alike = [one for one in found if one.name == name]
        return alike[0] if len(alike) == 1 else None

    def forget(self) -> None:
        self._known.clear()
        self._default = None

    def _open(self, clinic: Clinic) -> ClinicFacts:
        return ClinicFacts(
            clinic.id,
            self._keyring.name(clinic.name_sealed, "clinics", "name", clinic.id),
            clinic.time_zone,
            clinic.language,
            self._crisis_lines(clinic),
            clinic.recovery_public_key,
        )

    def _crisis_lines(self, clinic: Clinic) -> tuple[crisis.CrisisLine, ...]:
        """The national ones if the clinic's own cannot be read: some must be on every page."""
        place = name_place("clinics", "crisis", clinic.id)
        try:
            return crisis.load(self._keyring.open_text(clinic.crisis_sealed, place))
        except Unreadable:
            log.error("the crisis lines of clinic %s do not open", clinic.id)
            return crisis.NATIONAL
