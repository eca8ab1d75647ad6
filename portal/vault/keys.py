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
            self.complain(sealed.epoch, place)
            return None

    def complain(self, epoch: int, place: Place) -> None:
        """Notes that something is damaged, unless this person never held its key."""
        if self.can_read(epoch):
            log.error("%s of %s %s does not open", place.column, place.table, place.row)

    def numbered(self, table: str, column: str, row: uuid.UUID) -> "Numbered":
        """To open many values that are numbered within one row, as messages are in their thread."""
        return Numbered(self, Place(table, column, row, row))

    def _box(self, epoch: int) -> Box:
        box = self._boxes.get(epoch)
        if box is None:
            box = self._boxes[epoch] = Box(derive(self.key(epoch), "content"))
        return box

    def _label(self, place: Place, epoch: int) -> bytes:
        return self._label_start(place, epoch) + label_end(place.author, place.number)

    def _label_start(self, place: Place, epoch: int) -> bytes:
        return label(self.clinic_id, place.table, place.column, self.id, epoch, place.row)


class Numbered:
    """Opens the values of a column one after the other: what they share is made once."""

    def __init__(self, vault: OpenVault, place: Place) -> None:
        self._vault, self._place = vault, place
        self._ready: dict[int, tuple[Box, bytes]] = {}

    def open_or_none(self, epoch: int, blob: bytes, author: uuid.UUID, number: int) -> str | None:
        """As OpenVault.open_or_none does."""
        try:
            box, start = self._ready.get(epoch) or self._get_ready(epoch)
            return box.open_text(blob, start + label_end(author, number))
        except Unreadable:
            self._vault.complain(epoch, self._place)
            return None

    def _get_ready(self, epoch: int) -> tuple[Box, bytes]:
        vault = self._vault
        ready = self._ready[epoch] = vault._box(epoch), vault._label_start(self._place, epoch)
        return ready


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
