"""The person of one request: who is signed in, with the key that was unlocked for it."""

import datetime as dt
import uuid
from dataclasses import dataclass, field

from portal.accounts.models import Role


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in. `private_key` is 32 raw X25519 bytes and lives for one request."""

    id: uuid.UUID
    clinic_id: uuid.UUID
    role: Role
    language: str
    name: str
    public_key: bytes
    private_key: bytes = field(repr=False)
    session_id: uuid.UUID
    idle_seconds: int
    seen_at: dt.datetime

    # What Flask-Login asks of the one who is signed in.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return self.session_id.hex

    @property
    def is_staff(self) -> bool:
        return self.role.is_staff

    @property
    def is_clinical(self) -> bool:
        return self.role.is_clinical
