"""The web server's own keys: what it must be able to read while nobody is signed in.

They protect names and look-ups against a stolen database alone; whoever also steals the server's
configuration can read what they seal. Content is never under them.
"""

import logging
import uuid
from functools import cached_property

from portal.core.crypto import Box, Unreadable, derive, label, same, tag

MAC_BYTES = 10
REMEMBERED_NAMES = 5000
LONGEST_LOOKUP = 2000
DAMAGED_NAME = "?"

log = logging.getLogger("portal.keyring")


class Keyring:
    """Server keys by id, newest first: the first seals, all of them open."""

    def __init__(self, keys: tuple[tuple[str, bytes], ...]) -> None:
        self._keys = keys
        self._boxes = {key_id: Box(derive(key, "server/names")) for key_id, key in keys}
        self._stamp_keys = [derive(key, "server/stamp") for _, key in keys]
        self._names: dict[tuple[bytes, uuid.UUID], str] = {}

    def seal(self, plain: bytes, place: bytes) -> bytes:
        key_id = self._keys[0][0]
        return key_id.encode() + b":" + self._boxes[key_id].seal(plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Raises Unreadable."""
        key_id, _, rest = sealed.partition(b":")
        box = self._boxes.get(key_id.decode("ascii", "replace"))
        if box is None:
            raise Unreadable
        return box.open(rest, place)

    def seal_text(self, text: str, place: bytes) -> bytes:
        return self.seal(text.encode(), place)

    def open_text(self, sealed: bytes, place: bytes) -> str:
        """Raises Unreadable."""
        return self.open(sealed, place).decode()

    def name(self, sealed: bytes, table: str, column: str, row: uuid.UUID) -> str:
        """For the few names that every page shows: remembered while they last.

        A damaged one is a question mark, since a page must not fail over a name.
        """
        known = self._names.get((sealed, row))
        if known is None:
            if len(self._names) >= REMEMBERED_NAMES:
                self._names.clear()
            place = name_place(table, column, row)
            known = self._names[(sealed, row)] = self._name(sealed, place)
        return known

    def _name(self, sealed: bytes, place: bytes) -> str:
        try:
            return self.open_text(sealed, place)
        except Unreadable:
            log.error("a name does not open")
            return DAMAGED_NAME

    @cached_property
    def _lookup_key(self) -> bytes:
        # Look-ups cannot change with rotation without re-keying the column: the oldest key stays.
        return derive(self._keys[-1][1], "server/lookup")

    def lookup(self, kind: str, value: str) -> bytes:
        """A keyed hash by which a value is found again without being stored.

        Whatever somebody typed may be looked up. Nothing that is kept is longer than a few hundred
        letters, so of more than `LONGEST_LOOKUP` only the beginning counts.
        """
        return tag(self._lookup_key, kind, value[:LONGEST_LOOKUP])

    def stamp(self, purpose: str, *parts: bytes | str | int | uuid.UUID) -> bytes:
        """A short MAC that proves that this server issued `parts` for `purpose`."""
        return _mac(self._stamp_keys[0], purpose, parts)

    def is_stamp(self, stamp: bytes, purpose: str, *parts: bytes | str | int | uuid.UUID) -> bool:
        return any(same(_mac(key, purpose, parts), stamp) for key in self._stamp_keys)

    @cached_property
    def job_key(self) -> bytes:
        """Authenticates what the queue hands to a worker."""
        return derive(self._keys[0][1], "server/jobs")


def _mac(key: bytes, purpose: str, parts: tuple[bytes | str | int | uuid.UUID, ...]) -> bytes:
    return tag(key, purpose, *parts)[:MAC_BYTES]


def name_place(table: str, column: str, row: uuid.UUID) -> bytes:
    """Where a value sealed by the keyring belongs."""
    return label("server", table, column, row)
