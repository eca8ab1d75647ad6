"""Known-good bytes: what was sealed years ago must open, and a change of format must be noticed.

`python -m tests.vault.test_formats` prints new vectors; commit them only beside the old ones.
"""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from portal.accounts import keys as account_keys
from portal.accounts.models import WrapKind
from portal.core import crypto
from portal.core.crypto import Argon2Cost, Box, KeyPair, label
from portal.core.keyring import Keyring, name_place
from portal.vault.keys import Holder, OpenVault, Place, Sealed, grant_place, roster_mac, seal_grant

VECTORS = Path(__file__).parent / "formats.json"
SEED, KEY, SERVER_KEY = bytes(range(32)), b"\x11" * 32, b"\x22" * 32
PRIVATE = bytes(range(32, 64))
CLINIC, VAULT, ROW, PERSON = (uuid.UUID(int=number) for number in (1, 2, 3, 4))
OWNER = account_keys.Owner(PERSON, CLINIC)
PLACE = Place("drafts", "text", ROW, PERSON)
NUMBERED = Place("messages", "text", ROW, PERSON, 12)
TEXT = "Grüße aus dem Süden · ¿qué tal? " * 12
CODE = "0123456789ABCDEFGHJKMNPQRSTV"


def vault() -> OpenVault:
    return OpenVault(VAULT, CLINIC, 7, {7: KEY})


def keyring() -> Keyring:
    return Keyring((("k1", SERVER_KEY),))


def sealed_now() -> dict[str, bytes]:
    """One of each kind of sealed value, made by this version."""
    public = KeyPair.of(PRIVATE).public
    recovery = crypto.recovery_key_pair(SEED).public
    return {
        "content": vault().seal(TEXT, PLACE).blob,
        "message": vault().seal(TEXT, NUMBERED).blob,
        "grant": seal_grant(public, KEY, CLINIC, VAULT, 7, PERSON),
        "escrow": account_keys.escrow(OWNER, PRIVATE, recovery),
        "recovery_code": account_keys.wrap_with_code(OWNER, PRIVATE, CODE, WrapKind.RECOVERY_CODE),
        "invitation": account_keys.wrap_with_code(OWNER, PRIVATE, CODE, WrapKind.INVITATION),
        "passphrase": Box(_passphrase().wrapping).seal(PRIVATE, OWNER.place(WrapKind.PASSPHRASE)),
        "name": keyring().seal_text("Dana Reyes", name_place("users", "name", PERSON)),
    }


def opened(kind: str, sealed: bytes) -> object:
    ways: dict[str, Any] = {
        "content": lambda: vault().open(Sealed(7, sealed), PLACE),
        "message": lambda: vault().open(Sealed(7, sealed), NUMBERED),
        "grant": lambda: crypto.open_with(PRIVATE, sealed, grant_place(CLINIC, VAULT, 7, PERSON)),
        "escrow": lambda: account_keys.open_escrow(OWNER, sealed, SEED),
        "recovery_code": lambda: account_keys.unwrap_with_code(
            OWNER, sealed, CODE, WrapKind.RECOVERY_CODE
        ),
        "invitation": lambda: account_keys.unwrap_with_code(
            OWNER, sealed, CODE, WrapKind.INVITATION
        ),
        "passphrase": lambda: account_keys.unlock_with_passphrase_key(
            OWNER, _passphrase().wrapping, sealed
        ),
        "name": lambda: keyring().open_text(sealed, name_place("users", "name", PERSON)),
    }
    return ways[kind]()


def expected(kind: str) -> object:
    texts = {"content": TEXT, "message": TEXT, "name": "Dana Reyes", "grant": KEY}
    return texts.get(kind, PRIVATE)


def _passphrase() -> crypto.PassphraseKeys:
    return crypto.passphrase_keys("seven quiet herons wade", b"\x33" * 16, Argon2Cost(64, 2))


def derived_now() -> dict[str, bytes]:
    """What is computed, not sealed: the same bytes for ever."""
    ring, pair = keyring(), KeyPair.of(PRIVATE)
    return {
        "label": label("a", 1, b"c", ROW),
        "content_key": crypto.derive(KEY, "content"),
        "authenticator": _passphrase().authenticator,
        "wrapping": _passphrase().wrapping,
        "roster_mac": roster_mac(KEY, VAULT, 7, [Holder(PERSON, pair.public)]),
        "code_lookup": account_keys.code_lookup(CODE),
        "lookup": ring.lookup("user_name", "dana"),
        "stamp": ring.stamp("nonce", ROW, PERSON, VAULT),
        "recovery_public": crypto.digest(crypto.recovery_key_pair(SEED).public),
        "session_key": crypto.derive(KEY, "sess"),
    }


def vectors() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(VECTORS.read_text())
    return found


@pytest.mark.parametrize("kind", sorted(vectors()["sealed"]))
def test_what_was_sealed_long_ago_still_opens(kind: str) -> None:
    sealed = bytes.fromhex(vectors()["sealed"][kind])
    assert opened(kind, sealed) == expected(kind)
    assert opened(kind, sealed_now()[kind]) == expected(kind)
    assert len(sealed_now()[kind]) == len(sealed), "the format has another length now"


def test_what_is_derived_has_not_changed() -> None:
    assert {kind: value.hex() for kind, value in derived_now().items()} == vectors()["derived"]


def test_every_kind_has_its_vector() -> None:
    assert set(vectors()["sealed"]) == set(sealed_now())


@pytest.mark.parametrize("kind", sorted(vectors()["sealed"]))
@pytest.mark.parametrize("position", [0, 1, 20, -1])
def test_one_changed_byte_and_nothing_opens(kind: str, position: int) -> None:
    sealed = bytearray.fromhex(vectors()["sealed"][kind])
    sealed[position] ^= 1
    with pytest.raises(crypto.Unreadable):
        opened(kind, bytes(sealed))


@pytest.mark.parametrize("kind", sorted(vectors()["sealed"]))
def test_cut_short_or_empty_nothing_opens(kind: str) -> None:
    sealed = bytes.fromhex(vectors()["sealed"][kind])
    for length in (0, 1, 2, 12, 33, len(sealed) - 1):
        with pytest.raises(crypto.Unreadable):
            opened(kind, sealed[:length])


if __name__ == "__main__":
    print(  # noqa: T201
        json.dumps(
            {
                "sealed": {kind: value.hex() for kind, value in sealed_now().items()},
                "derived": {kind: value.hex() for kind, value in derived_now().items()},
            },
            indent=1,
        )
    )
