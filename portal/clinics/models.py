"""The clinic: the tenant to which every other row belongs."""

import datetime as dt
import uuid

from sqlalchemy.orm import Mapped, mapped_column

from portal.core.columns import Base


class Clinic(Base):
    """Name and crisis lines are sealed by the server's keyring, like every typed field."""

    __tablename__ = "clinics"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name_sealed: Mapped[bytes]
    crisis_sealed: Mapped[bytes]
    time_zone: Mapped[str]
    language: Mapped[str]
    recovery_public_key: Mapped[bytes]
    created_at: Mapped[dt.datetime]
