"""Setting up and changing a clinic."""

import uuid

from sqlalchemy.orm import Session

from portal.clinics import crisis
from portal.clinics.models import Clinic
from portal.core import audit, clock
from portal.core.ids import new_id
from portal.core.keyring import Keyring, name_place


def open_clinic(
    session: Session,
    keyring: Keyring,
    *,
    name: str,
    time_zone: str,
    language: str,
    recovery_public_key: bytes,
    crisis_lines: tuple[crisis.CrisisLine, ...] = crisis.NATIONAL,
) -> uuid.UUID:
    """A new clinic. `time_zone` is an IANA name, `language` "en" or "es"."""
    clinic_id = new_id()
    session.add(
        Clinic(
            id=clinic_id,
            name_sealed=keyring.seal_text(name, name_place("clinics", "name", clinic_id)),
            crisis_sealed=keyring.seal_text(
                crisis.dump(crisis_lines), name_place("clinics", "crisis", clinic_id)
            ),
            time_zone=time_zone,
            language=language,
            recovery_public_key=recovery_public_key,
            created_at=clock.now(),
        )
    )
    session.flush()
    audit.note(session, clinic_id, None, "clinic:open", clinic_id)
    return clinic_id


def set_crisis_lines(
    session: Session,
    keyring: Keyring,
    clinic_id: uuid.UUID,
    crisis_lines: tuple[crisis.CrisisLine, ...],
) -> None:
    """Replaces the numbers on every page; within half a minute all processes show them."""
    place = name_place("clinics", "crisis", clinic_id)
    clinic = session.get_one(Clinic, clinic_id)
    clinic.crisis_sealed = keyring.seal_text(crisis.dump(crisis_lines), place)
    session.flush()
    audit.note(session, clinic_id, None, "clinic:crisis_lines", clinic_id)
