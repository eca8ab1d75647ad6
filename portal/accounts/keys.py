"""A person's key pair and the ways to unlock its private half.

The private key is wrapped by the passphrase, by a recovery code, while invited by the invitation
code, and sealed to the clinic's offline recovery key (escrow). The server keeps only the wraps.
"""

import os
import uuid
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from portal.accounts.models import KeyWrap, User, WrapKind
from portal.core import clock
from portal.core.crypto import (
    Argon2Cost,
    Box,
    KeyPair,
    derive,
    digest,
    label,
    open_with_recovery,
    passphrase_keys,
    seal_to_recovery,
)

SALT_BYTES = 16


@dataclass(frozen=True)
class Owner:
    """Whose key it is; bound to every wrap."""

    user_id: uuid.UUID
    clinic_id: uuid.UUID

    def place(self, kind: WrapKind) -> bytes:
        return label("key_wraps", self.clinic_id, self.user_id, kind.value)


@dataclass(frozen=True)
class Lock:
    """What a chosen passphrase leaves behind: how to check it, and the wrapped key."""

    salt: bytes
    cost: Argon2Cost
    authenticator: bytes
    wrapped: bytes


def lock_with_passphrase(owner: Owner, private_key: bytes, passphrase: str) -> Lock:
    """Runs Argon2id once: call it inside a sign-in slot, and outside a write."""
    salt, cost = os.urandom(SALT_BYTES), Argon2Cost()
    keys = passphrase_keys(passphrase, salt, cost)
    wrapped = Box(keys.wrapping).seal(private_key, owner.place(WrapKind.PASSPHRASE))
    return Lock(salt, cost, keys.authenticator, wrapped)


def unlock_with_passphrase_key(owner: Owner, wrapping: bytes, sealed: bytes) -> bytes:
    """Raises Unreadable."""
    return Box(wrapping).open(sealed, owner.place(WrapKind.PASSPHRASE))


def wrap_with_code(owner: Owner, private_key: bytes, code: str, kind: WrapKind) -> bytes:
    """A code has 128 random bits, so it needs no slow hash."""
    return Box(_code_key(code, kind)).seal(private_key, owner.place(kind))


def unwrap_with_code(owner: Owner, sealed: bytes, code: str, kind: WrapKind) -> bytes:
    """Raises Unreadable."""
    return Box(_code_key(code, kind)).open(sealed, owner.place(kind))


def _code_key(code: str, kind: WrapKind) -> bytes:
    return derive(code.encode(), f"code/{kind.value}")


def code_lookup(code: str) -> bytes:
    """By what an invitation is found; says nothing about the key that the code gives."""
    return digest(derive(code.encode(), "code/lookup"))


def escrow(owner: Owner, private_key: bytes, recovery_public_key: bytes) -> bytes:
    return seal_to_recovery(recovery_public_key, private_key, owner.place(WrapKind.ESCROW))


def open_escrow(owner: Owner, sealed: bytes, recovery_seed: bytes) -> bytes:
    """Only ever called away from the server, in the recovery ceremony. Raises Unreadable."""
    return open_with_recovery(recovery_seed, sealed, owner.place(WrapKind.ESCROW))


def keep_wrap(session: Session, owner: Owner, kind: WrapKind, sealed: bytes) -> None:
    """Replaces the wrap of this kind."""
    drop_wrap(session, owner, kind)
    session.add(
        KeyWrap(
            user_id=owner.user_id,
            kind=kind,
            clinic_id=owner.clinic_id,
            sealed=sealed,
            created_at=clock.now(),
        )
    )
    session.flush()


def drop_wrap(session: Session, owner: Owner, kind: WrapKind) -> None:
    session.execute(delete(KeyWrap).where(KeyWrap.user_id == owner.user_id, KeyWrap.kind == kind))


def set_lock(user: User, session: Session, lock: Lock) -> None:
    user.salt, user.cost, user.authenticator = lock.salt, str(lock.cost), lock.authenticator
    keep_wrap(session, Owner(user.id, user.clinic_id), WrapKind.PASSPHRASE, lock.wrapped)


def new_key_pair() -> KeyPair:
    return KeyPair.new()
