"""Opening a vault: from a person's private key to the boxes in which content lies."""

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from portal.accounts.people import Person
from portal.core.crypto import Box, Unreadable, derive, label, label_end, open_with, seal_to, tag

log = logging.getLogger("portal.vault")


class Place(NamedTuple):
    """Where a sealed value belongs: the table, the column and the row, and who wrote it.

    `number` is for rows that are numbered within another: then `row` is that other's.
    """

    table: str
    column: str
    row: uuid.UUID
    author: uuid.UUID
    number: int | None = None


class Sealed(NamedTuple):
    """Content as it is stored: under which epoch, and the bytes."""

    epoch: int
    blob: bytes


class OpenVault:
    """A vault that a holder has opened: seals under the newest epoch, opens under any they hold."""

    def __init__(
        self, vault_id: uuid.UUID, clinic_id: uuid.UUID, newest: int, keys: dict[int, bytes]
    ) -> None:
        self.id = vault_id
        self.clinic_id = clinic_id
        self.newest = newest
        self._keys = keys
        self._boxes: dict[int, Box] = {}
        self._labels: dict[tuple[str, str, int, int], bytes] = {}

    @property
    def epochs(self) -> Iterable[int]:
        return self._keys.keys()

    def key(self, epoch: int) -> bytes:
        """The raw key of an epoch, to be sealed to somebody else. Raises Unreadable."""
        try:
            return self._keys[epoch]
        except KeyError as error:
            raise Unreadable from error

    def can_read(self, epoch: int) -> bool:
        return epoch in self._keys

    def seal(self, text: str, place: Place) -> Sealed:
        blob = self._box(self.newest).seal_text(text, self._label(place, self.newest))
        return Sealed(self.newest, blob)

    def open(self, sealed: Sealed, place: Place) -> str:
        """Raises Unreadable."""
        return self._box(sealed.epoch).open_text(sealed.blob, self._label(place, sealed.epoch))

    def open_or_none(self, sealed: Sealed, place: Place) -> str | None:
        """None for what is damaged or not this person's to read: the rest of the page is fine."""
        try:
            return self.open(sealed, place)
        except Unreadable:
            if self.can_read(sealed.epoch):
                log.error("%s of %s %s does not open", place.column, place.table, place.row)
            return None

    def _box(self, epoch: int) -> Box:
        box = self._boxes.get(epoch)
        if box is None:
            box = self._boxes[epoch] = Box(derive(self.key(epoch), "content"))
        return box

    def _label(self, place: Place, epoch: int) -> bytes:
        # A page opens twenty messages of one thread: what their labels share is made once.
        table, column, row, author, number = place
        shared = (table, column, row.int, epoch)
        start = self._labels.get(shared)
        if start is None:
            start = label(self.clinic_id, table, column, self.id, epoch, row)
            self._labels[shared] = start
        return start + label_end(author, number)


def grant_place(
    clinic_id: uuid.UUID, vault_id: uuid.UUID, epoch: int, holder_id: uuid.UUID
) -> bytes:
    return label(clinic_id, "grants", vault_id, epoch, holder_id)


def escrow_place(clinic_id: uuid.UUID, vault_id: uuid.UUID, epoch: int) -> bytes:
    return label(clinic_id, "epochs", vault_id, epoch)


def seal_grant(
    public_key: bytes, key: bytes, clinic_id: uuid.UUID, vault_id: uuid.UUID, epoch: int,
    holder_id: uuid.UUID,
) -> bytes:  # fmt: skip
    return seal_to(public_key, key, grant_place(clinic_id, vault_id, epoch, holder_id))


def open_vault(
    person: Person, vault_id: uuid.UUID, newest: int, grants: Iterable[Sealed]
) -> OpenVault:
    """Opens a vault with the grants that this person holds; a damaged one costs only its epoch."""
    keys = {}
    for grant in grants:
        place = grant_place(person.clinic_id, vault_id, grant.epoch, person.id)
        try:
            keys[grant.epoch] = open_with(person.private_key, grant.blob, place)
        except Unreadable:
            log.error("a grant does not open: vault %s, epoch %d", vault_id, grant.epoch)
    return OpenVault(vault_id, person.clinic_id, newest, keys)


@dataclass(frozen=True, order=True)
class Holder:
    """Somebody to whom an epoch's key is sealed."""

    id: uuid.UUID
    public_key: bytes


def roster_mac(key: bytes, vault_id: uuid.UUID, epoch: int, holders: Iterable[Holder]) -> bytes:
    """Vouches for the holders of an epoch and their public keys.

    Whoever can only write to the database cannot make it, so they cannot slip in a key of theirs.
    """
    parts: list[bytes | str | int | uuid.UUID] = ["roster", vault_id, epoch]
    for holder in sorted(holders):
        parts += [holder.id, holder.public_key]
    return tag(derive(key, "roster"), *parts)
