"""A vault's keys, by epoch, each sealed to every holder and to the offline recovery key."""

import datetime as dt
import uuid

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.columns import Base


class Vault(Base):
    """`stale_since`: somebody has left since the newest epoch began; nothing is sealed under it."""

    __tablename__ = "vaults"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clinics.id"))
    epoch: Mapped[int]
    stale_since: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]


class Epoch(Base):
    """One data key. `roster_mac` vouches, under that key, for who its holders are."""

    __tablename__ = "epochs"

    vault_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vaults.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    roster_mac: Mapped[bytes]
    escrow: Mapped[bytes]
    begun_by: Mapped[uuid.UUID]
    begun_at: Mapped[dt.datetime]


class Grant(Base):
    """One epoch's key, sealed to one holder.

    When a share is taken away the row stays, emptied, since the roster vouches for it too.
    """

    __tablename__ = "grants"

    holder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    vault_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("vaults.id"), primary_key=True, index=True
    )
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    sealed: Mapped[bytes]
    granted_by: Mapped[uuid.UUID]
    granted_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
