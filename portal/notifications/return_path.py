"""Where a mail comes back to when it cannot be delivered: an address of its own for each pointer.

The letters before the @ are the pointer's id and a stamp of the server's key, so that nobody can
make one up and have somebody's address taken for dead. They tell nothing, and survive servers that
write everything in small letters.
"""

import re
import uuid
from base64 import b32decode, b32encode

from portal.config import Config
from portal.core.keyring import MAC_BYTES, Keyring
from portal.notifications.channels.base import as_id

PURPOSE = "mail-returned"
_TAG = re.compile(r"(?<![A-Za-z0-9])[A-Za-z2-7]{42}(?![A-Za-z0-9])")
_ID_BYTES = 16


class ReturnPath:
    """Makes and knows these addresses."""

    def __init__(self, config: Config) -> None:
        self._domain, self._keyring = config.bounce_domain, Keyring(config.server_keys)

    def address(self, key: str) -> str | None:
        """For the mail whose key this is; none without a domain for it in the settings."""
        pointer_id = as_id(key)
        if self._domain is None or pointer_id is None:
            return None
        stamp = self._keyring.stamp(PURPOSE, pointer_id)
        tag = b32encode(pointer_id.bytes + stamp).decode("ascii").rstrip("=").lower()
        return f"{tag}@{self._domain}"

    def pointer_of(self, text: str) -> uuid.UUID | None:
        """The pointer whose address, or the part of it before the @, stands in a text."""
        for tag in _TAG.findall(text):
            # 42 letters have five bits each; two are left over.
            raw = b32decode(tag.upper() + "=" * 6)
            pointer_id, stamp = uuid.UUID(bytes=raw[:_ID_BYTES]), raw[_ID_BYTES:]
            if len(stamp) == MAC_BYTES and self._keyring.is_stamp(stamp, PURPOSE, pointer_id):
                return pointer_id
        return None
