"""Making a vault, sharing it, and taking a share away."""

import uuid
from collections.abc import Iterable

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core import audit, clock
from portal.core.crypto import new_key, same, seal_to_recovery
from portal.core.errors import Conflict
from portal.core.ids import new_id
from portal.vault import keys, queries
from portal.vault.keys import Holder, OpenVault
from portal.vault.models import Epoch, Grant, Vault


class RosterChanged(Conflict):
    """The list of holders does not match what its key vouches for: somebody tampered with it."""

    code = "roster_changed"
    status = 500


class NotAllHeld(Conflict):
    """Somebody's epochs cannot be sealed anew by one who does not hold each of them.

    details: `able`, the ids of those who can.
    """

    code = "not_all_held"


def create(
    session: Session, by: Person, recovery_public_key: bytes, holders: Iterable[Holder]
) -> OpenVault:
    """A new vault whose first key is sealed to `holders` and to the recovery key."""
    vault_id = new_id()
    session.add(Vault(id=vault_id, clinic_id=by.clinic_id, epoch=0, created_at=clock.now()))
    session.flush()
    return _begin_epoch(session, by, vault_id, {}, 1, recovery_public_key, list(holders))


def _begin_epoch(
    session: Session,
    by: Person,
    vault_id: uuid.UUID,
    known: dict[int, bytes],
    number: int,
    recovery_public_key: bytes,
    holders: list[Holder],
) -> OpenVault:
    key, now = new_key(), clock.now()
    session.add(
        Epoch(
            vault_id=vault_id,
            number=number,
            clinic_id=by.clinic_id,
            roster_mac=keys.roster_mac(key, vault_id, number, holders),
            escrow=seal_to_recovery(
                recovery_public_key, key, keys.escrow_place(by.clinic_id, vault_id, number)
            ),
            begun_by=by.id,
            begun_at=now,
        )
    )
    vault = session.get_one(Vault, vault_id)
    vault.epoch, vault.stale_since = number, None
    session.flush()
    for holder in holders:
        _grant(session, by, vault_id, number, key, holder)
    audit.note(session, by.clinic_id, by.id, "vault:epoch", vault_id, str(number))
    return OpenVault(vault_id, by.clinic_id, number, known | {number: key})


def _grant(
    session: Session, by: Person, vault_id: uuid.UUID, epoch: int, key: bytes, holder: Holder
) -> None:
    session.execute(
        insert(Grant).values(
            holder_id=holder.id,
            vault_id=vault_id,
            epoch=epoch,
            clinic_id=by.clinic_id,
            sealed=keys.seal_grant(
                holder.public_key, key, by.clinic_id, vault_id, epoch, holder.id
            ),
            granted_by=by.id,
            granted_at=clock.now(),
        )
    )
    audit.note(session, by.clinic_id, by.id, "grant:add", holder.id, str(epoch))


def share(session: Session, by: Person, vault: OpenVault, holder: Holder) -> None:
    """Makes somebody a holder of all that `by` can read.

    Raises RosterChanged if the present list of holders is not the one that its key vouches for.
    """
    for epoch in sorted(vault.epochs):
        roster = _checked_roster(session, vault, epoch)
        session.execute(
            delete(Grant).where(
                Grant.holder_id == holder.id, Grant.vault_id == vault.id, Grant.epoch == epoch
            )
        )
        _grant(session, by, vault.id, epoch, vault.key(epoch), holder)
        others = [member for member in roster if member.id != holder.id]
        row = session.get_one(Epoch, (vault.id, epoch))
        row.roster_mac = keys.roster_mac(vault.key(epoch), vault.id, epoch, [*others, holder])
    session.flush()


def _checked_roster(session: Session, vault: OpenVault, epoch: int) -> list[Holder]:
    stored = session.get_one(Epoch, (vault.id, epoch)).roster_mac
    roster = queries.roster_of(session, vault.id, epoch)
    if not same(stored, keys.roster_mac(vault.key(epoch), vault.id, epoch, roster)):
        raise RosterChanged
    return roster


def rekey_holder(session: Session, by: Person, vault: OpenVault, holder: Holder) -> None:
    """Seals every epoch anew to a holder whose key pair was replaced before they ever came.

    Call `check_rekey` before the key pair is replaced: afterwards the old roster is gone.
    """
    for epoch in sorted(queries.epochs_sealed_to(session, vault.id, holder.id)):
        session.execute(
            delete(Grant).where(
                Grant.holder_id == holder.id, Grant.vault_id == vault.id, Grant.epoch == epoch
            )
        )
        _grant(session, by, vault.id, epoch, vault.key(epoch), holder)
        row = session.get_one(Epoch, (vault.id, epoch))
        roster = queries.roster_of(session, vault.id, epoch)
        row.roster_mac = keys.roster_mac(vault.key(epoch), vault.id, epoch, roster)
    session.flush()


def check_rekey(session: Session, vault: OpenVault, holder_id: uuid.UUID) -> None:
    """Whether somebody's key pair can be replaced, as far as this vault goes.

    Raises NotAllHeld unless every epoch that was sealed to them is open here: the others would be
    lost to them, and the lists of holders that name their old key could be vouched for no more.
    Raises RosterChanged unless the holders of each epoch are those its key vouches for.
    """
    epochs = queries.epochs_sealed_to(session, vault.id, holder_id)
    if not epochs <= set(vault.epochs):
        able = queries.holders_of_each(session, vault.id, epochs) - {holder_id}
        raise NotAllHeld(able=able)
    check_roster(session, vault)


def check_roster(session: Session, vault: OpenVault) -> None:
    """Raises RosterChanged unless the holders of every epoch are those its key vouches for."""
    for epoch in vault.epochs:
        _checked_roster(session, vault, epoch)


def unshare(
    session: Session, by: Person, vault: OpenVault, holder_id: uuid.UUID, recovery_key: bytes
) -> OpenVault:
    """Takes a share away and begins a new epoch that the one who left cannot read."""
    _end_grants(session, Grant.holder_id == holder_id, Grant.vault_id == vault.id)
    audit.note(session, by.clinic_id, by.id, "grant:remove", holder_id)
    return renew(session, by, vault, recovery_key)


def _end_grants(session: Session, *conditions: ColumnElement[bool]) -> None:
    session.execute(
        update(Grant)
        .where(*conditions, Grant.ended_at.is_(None))
        .values(ended_at=clock.now(), sealed=b"")
    )


def share_from_now(
    session: Session, by: Person, vault: OpenVault, holder: Holder, recovery_key: bytes
) -> OpenVault:
    """Makes somebody a holder of what is to come: a new epoch begins, for it is by epochs that a
    vault can be read, and the newest one has a past already. Raises RosterChanged."""
    return renew(session, by, vault, recovery_key, joining=(holder,))


def renew(
    session: Session,
    by: Person,
    vault: OpenVault,
    recovery_key: bytes,
    *,
    joining: Iterable[Holder] = (),
) -> OpenVault:
    """Begins a new epoch for those who hold the newest one now. Raises RosterChanged."""
    _checked_roster(session, vault, vault.newest)
    holders = [*queries.holders_of(session, vault.id, vault.newest), *joining]
    known = {epoch: vault.key(epoch) for epoch in vault.epochs}
    return _begin_epoch(session, by, vault.id, known, vault.newest + 1, recovery_key, holders)


def drop_holder(session: Session, by: Person, holder_id: uuid.UUID) -> int:
    """Takes away everything somebody holds, by one who holds nothing (an administrator).

    The vaults become stale: before anything is sealed in them again, a holder begins a new epoch.
    """
    held = set(
        session.scalars(
            select(Grant.vault_id).where(Grant.holder_id == holder_id, Grant.ended_at.is_(None))
        )
    )
    _end_grants(session, Grant.holder_id == holder_id)
    for vault_id in held:
        session.get_one(Vault, vault_id).stale_since = clock.now()
        audit.note(session, by.clinic_id, by.id, "grant:remove", holder_id, "disabled")
    session.flush()
    return len(held)


def freshen(session: Session, by: Person, vault: OpenVault, recovery_key: bytes) -> OpenVault:
    """The vault, ready for sealing: with a new epoch if somebody has left since the last began."""
    if session.get_one(Vault, vault.id).stale_since is None:
        return vault
    return renew(session, by, vault, recovery_key)
