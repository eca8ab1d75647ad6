"""The nonce of a form: makes a send happen once, and says later who was given the form.

A nonce is a time-ordered identifier with a stamp over it, the author and the place. With it, text
that comes when nobody is signed in any more can still be kept for the one who wrote it.
"""

import datetime as dt
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from portal.core import clock
from portal.core.ids import new_id
from portal.core.keyring import MAC_BYTES, Keyring

LASTS = dt.timedelta(days=30)


@dataclass(frozen=True)
class Nonce:
    """A nonce as it came back from a form."""

    id: uuid.UUID
    stamp: bytes

    @classmethod
    def parse(cls, text: str) -> "Nonce | None":
        try:
            value = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (Base64Error, ValueError):
            return None
        if len(value) != 16 + MAC_BYTES:
            return None
        nonce = cls(uuid.UUID(bytes=value[:16]), value[16:])
        return nonce if nonce.is_fresh() else None

    def is_fresh(self) -> bool:
        made = dt.datetime.fromtimestamp((self.id.int >> 80) / 1000, dt.UTC)
        return abs(clock.now() - made) < LASTS

    def was_given_to(self, keyring: Keyring, author_id: uuid.UUID, place_id: uuid.UUID) -> bool:
        return keyring.is_stamp(self.stamp, "nonce", self.id, author_id, place_id)

    def __str__(self) -> str:
        return urlsafe_b64encode(self.id.bytes + self.stamp).decode().rstrip("=")


def new_nonce(keyring: Keyring, author_id: uuid.UUID, place_id: uuid.UUID) -> Nonce:
    """For one form: `place_id` is the thread, or the engagement for a new thread."""
    nonce_id = new_id()
    return Nonce(nonce_id, keyring.stamp("nonce", nonce_id, author_id, place_id))
