"""Cryptography by name: what is sealed, to whom, and for what. No primitive is made here.

Content is AES-256-GCM with a random 96-bit nonce under a key that seals few rows (one epoch of one
vault). Keys travel by HPKE (RFC 9180, base mode, X25519 · HKDF-SHA256 · AES-256-GCM); what goes to
the offline recovery key uses the hybrid ML-KEM-768 + X25519 suite, since it must stay secret for
decades. Passphrases go through Argon2id (RFC 9106) with one lane: two lanes deadlock when two
threads hash at once.
"""

import hashlib
import hmac
import os
import struct
import uuid
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"cp/v1"
KEY_BYTES = 32
NONCE_BYTES = 12
PAD_FLOOR = 256

SUITE_X25519 = 1
SUITE_HYBRID = 2
_SUITES = {
    SUITE_X25519: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
    SUITE_HYBRID: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
}


class Unreadable(Exception):
    """Something sealed does not open: wrong key, wrong place, or changed. Never says which."""


Part = bytes | str | int | uuid.UUID
_length = struct.Struct(">H").pack
_number = struct.Struct(">Hq").pack
_ID_LENGTH = _length(16)
_TEXT_LENGTH = struct.Struct(">I")


def label(*parts: Part) -> bytes:
    """Names the one place where something sealed belongs; no two lists give the same bytes.

    A part has at most 65,535 bytes.
    """
    return _LABEL_START + b"".join(map(_part, parts))


def label_end(identifier: uuid.UUID, number: int | None = None) -> bytes:
    """The rest of a label whose beginning is known: `label(a) + label_end(b) == label(a, b)`."""
    end = _ID_LENGTH + identifier.bytes
    return end if number is None else end + _number(8, number)


def _part(part: Part) -> bytes:
    if isinstance(part, uuid.UUID):
        return _ID_LENGTH + part.bytes
    if isinstance(part, int):
        return _number(8, part)
    value = part.encode() if isinstance(part, str) else part
    return _length(len(value)) + value


_LABEL_START = _part(VERSION)


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def derive(
    secret: bytes, purpose: str, salt: bytes | None = None, length: int = KEY_BYTES
) -> bytes:
    """A key for one purpose, by HKDF-SHA256 (RFC 5869)."""
    return HKDF(hashes.SHA256(), length, salt, VERSION + b"/" + purpose.encode()).derive(secret)


def tag(key: bytes, *parts: Part) -> bytes:
    """A 32-byte HMAC-SHA256 over a list of parts."""
    return hmac.digest(key, label(*parts), "sha256")


same = hmac.compare_digest


def digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


class Box:
    """Seals and opens with one key. `place` is bound to what is sealed and must be given again."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Raises Unreadable."""
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
        except (InvalidTag, ValueError) as error:
            raise Unreadable from error

    def seal_text(self, text: str, place: bytes) -> bytes:
        """Seals text padded, so that its length tells little."""
        return self.seal(pad(text.encode()), place)

    def open_text(self, sealed: bytes, place: bytes) -> str:
        return unpad(self.open(sealed, place)).decode()


def padded_length(length: int) -> int:
    """Padmé (Nikitin et al., PoPETs 2019): at most 12 % more, log log of the length leaks."""
    if length <= PAD_FLOOR:
        return PAD_FLOOR
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask


def pad(plain: bytes) -> bytes:
    body = _TEXT_LENGTH.pack(len(plain)) + plain
    return body.ljust(padded_length(len(body)), b"\0")


def unpad(padded: bytes) -> bytes:
    (length,) = _TEXT_LENGTH.unpack_from(padded)
    return padded[4 : 4 + length]


@dataclass(frozen=True)
class KeyPair:
    """An X25519 key pair as raw 32-byte values."""

    private: bytes
    public: bytes

    @classmethod
    def new(cls) -> "KeyPair":
        return cls.of(X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def of(cls, private: bytes) -> "KeyPair":
        public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        return cls(private, public)


@lru_cache(maxsize=512)
def _public_key(public: bytes) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(public)


def seal_to(public: bytes, plain: bytes, place: bytes) -> bytes:
    """Seals to the holder of a key pair; only they can open it."""
    sealed = _SUITES[SUITE_X25519].encrypt(plain, _public_key(public), info=place)
    return bytes([SUITE_X25519]) + sealed


def open_with(private: bytes, sealed: bytes, place: bytes) -> bytes:
    """Opens what was sealed to this key pair; raises Unreadable."""
    if not sealed or sealed[0] != SUITE_X25519:
        raise Unreadable
    key = X25519PrivateKey.from_private_bytes(private)
    try:
        return _SUITES[SUITE_X25519].decrypt(sealed[1:], key, info=place)
    except (InvalidTag, ValueError) as error:
        raise Unreadable from error


MLKEM_PUBLIC_BYTES = 1184


def recovery_key_pair(seed: bytes) -> KeyPair:
    """The clinic's offline recovery key pair, from the 32-byte secret that custodians share."""
    mlkem, x25519 = _recovery_private_keys(seed)
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    return KeyPair(seed, public)


def _recovery_private_keys(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    return (
        MLKEM768PrivateKey.from_seed_bytes(derive(seed, "recovery/mlkem768", length=64)),
        X25519PrivateKey.from_private_bytes(derive(seed, "recovery/x25519")),
    )


@lru_cache(maxsize=64)
def _recovery_public_key(public: bytes) -> MLKEM768X25519PublicKey:
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_BYTES:]),
    )


def seal_to_recovery(public: bytes, plain: bytes, place: bytes) -> bytes:
    """Seals to the offline recovery key, with the hybrid suite."""
    sealed = _SUITES[SUITE_HYBRID].encrypt(plain, _recovery_public_key(public), info=place)
    return bytes([SUITE_HYBRID]) + sealed


def open_with_recovery(seed: bytes, sealed: bytes, place: bytes) -> bytes:
    """Raises Unreadable."""
    if not sealed or sealed[0] != SUITE_HYBRID:
        raise Unreadable
    key = MLKEM768X25519PrivateKey(*_recovery_private_keys(seed))
    try:
        return _SUITES[SUITE_HYBRID].decrypt(sealed[1:], key, info=place)
    except (InvalidTag, ValueError) as error:
        raise Unreadable from error


@dataclass(frozen=True)
class Argon2Cost:
    """RFC 9106 parameters; stored with each account so that they can be raised later."""

    memory_kib: int = 65536
    passes: int = 3

    def __str__(self) -> str:
        return f"{self.memory_kib}:{self.passes}"

    def is_below(self, other: "Argon2Cost") -> bool:
        """Whether a guess costs less than it would at the other's price."""
        return self.memory_kib * self.passes < other.memory_kib * other.passes

    @classmethod
    def parse(cls, text: str) -> "Argon2Cost":
        memory, passes = text.split(":")
        return cls(int(memory), int(passes))


@dataclass(frozen=True)
class PassphraseKeys:
    """What one Argon2id run gives: proof of the passphrase, and the key that wraps."""

    authenticator: bytes
    wrapping: bytes


def passphrase_keys(passphrase: str, salt: bytes, cost: Argon2Cost) -> PassphraseKeys:
    """About a fifth of a second and 64 MiB: call it outside a write, through the sign-in slots."""
    secret = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=cost.passes, lanes=1, memory_cost=cost.memory_kib
    ).derive(passphrase.encode())
    return PassphraseKeys(digest(derive(secret, "auth")), derive(secret, "kek"))
