"""The first things: a clinic, its first administrator, and the recovery key on paper."""

import os
from dataclasses import dataclass

from sqlalchemy import inspect, select

from portal.accounts import services
from portal.accounts.models import Role
from portal.clinics import crisis
from portal.clinics.models import Clinic
from portal.clinics.queries import ClinicBook
from portal.clinics.services import open_clinic
from portal.core.crypto import recovery_key_pair
from portal.core.database import Database
from portal.core.keyring import Keyring


@dataclass(frozen=True)
class Founded:
    """What must go on paper now: it is stored nowhere. `seed` is for the custodians' shares."""

    administrator_code: str
    seed: bytes


def has_a_clinic(database: Database) -> bool:
    """Whether somebody has founded one here, with whatever version of the portal."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("clinics"):
            return False
        return connection.execute(select(Clinic.id).limit(1)).first() is not None


def found_clinic(
    database: Database,
    keyring: Keyring,
    *,
    name: str,
    time_zone: str,
    language: str,
    administrator: str,
    crisis_lines: tuple[crisis.CrisisLine, ...] = crisis.NATIONAL,
) -> Founded:
    """A clinic with nobody in it but an invited administrator."""
    seed = os.urandom(32)
    with database.writing() as session:
        clinic_id = open_clinic(
            session,
            keyring,
            name=name,
            time_zone=time_zone,
            language=language,
            recovery_public_key=recovery_key_pair(seed).public,
            crisis_lines=crisis_lines,
        )
        invited = services.invite(
            session,
            keyring,
            ClinicBook(keyring).get(session, clinic_id),
            role=Role.ADMINISTRATOR,
            name=administrator,
            language=language,
            by=None,
        )
    return Founded(invited.code, seed)
