"""The recovery ceremony: for somebody who has lost both passphrase and recovery code.

Three steps, of which the middle one happens on a machine that is not the server:
1. `request` writes a file with the person's escrow, which only the offline recovery key opens.
2. `open` needs two custodians' shares. It makes a fresh recovery code, prints it for the person,
   and writes a reply in which the private key is wrapped under that code.
3. `finish` stores the wrap, ends the person's sessions, and has the person told.
The recovery key never comes near the server, and the server never sees the private key.

A reply names the recovery code that it replaces, by a digest of what that code had locked. So it
can be finished once, and not at all when the person has come in by that code meanwhile.
"""

import json
import uuid
from base64 import b64decode, b64encode
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts import keys, passphrases, queries, services, sessions
from portal.accounts.models import Role, User, WrapKind
from portal.core import audit
from portal.core.crypto import digest
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.keyring import Keyring


@dataclass(frozen=True)
class Reply:
    """`code` is for the person and goes nowhere else; `file` goes back to the server."""

    code: str
    file: str


def request(session: Session, keyring: Keyring, user_name: str) -> str:
    """The request file for somebody. Raises NotFound."""
    lookup = queries.user_name_lookup(keyring, user_name)
    found = queries.find_for_sign_in(session, lookup)
    if found is None:
        raise NotFound
    user = found[0]
    sealed = queries.find_wrap(session, user.id, WrapKind.ESCROW)
    if sealed is None:
        raise NotFound
    audit.note(session, user.clinic_id, None, "ceremony:request", user.id)
    return json.dumps(
        {
            "porchlight": "recovery request",
            "user": user.id.hex,
            "clinic": user.clinic_id.hex,
            "escrow": b64encode(sealed).decode(),
            "replaces": _present_code(session, user.id),
        },
        indent=1,
    )


def open_request(file: str, seed: bytes, custodians: tuple[str, str]) -> Reply:
    """Opens a request with the recovery key, away from the server. Raises Unreadable, Invalid."""
    asked = _read(file, "recovery request", "escrow")
    names = [name.strip() for name in custodians]
    if len({name.casefold() for name in names if name}) < 2:
        raise Invalid(custodians="two_custodians")
    owner = asked.owner
    private_key = keys.open_escrow(owner, asked.sealed, seed)
    printed = passphrases.new_code()
    code = passphrases.normalise_code(printed)
    wrapped = keys.wrap_with_code(owner, private_key, code, WrapKind.RECOVERY_CODE)
    reply = {
        "porchlight": "recovery reply",
        "user": owner.user_id.hex,
        "clinic": owner.clinic_id.hex,
        "wrapped": b64encode(wrapped).decode(),
        "replaces": asked.replaces,
        "custodians": names,
    }
    return Reply(printed, json.dumps(reply, indent=1))


def finish(session: Session, keyring: Keyring, file: str) -> uuid.UUID:
    """Puts the reply into effect; the person can now use the printed code.

    Raises NotFound, Conflict for a reply that was finished before or is out of date, or Invalid
    unless two different people of the clinic were custodians.
    """
    reply = _read(file, "recovery reply", "wrapped")
    user = session.get(User, reply.owner.user_id, with_for_update=True)
    if user is None or user.clinic_id != reply.owner.clinic_id:
        raise NotFound
    if reply.replaces != _present_code(session, user.id):
        raise Conflict(reason="ceremony_over")
    custodians = _custodians(session, keyring, user, reply.custodians)
    keys.keep_wrap(session, reply.owner, WrapKind.RECOVERY_CODE, reply.sealed)
    sessions.end_all(session, user.id)
    services.tell(session, user, "ceremony_held")
    for custodian in custodians:
        audit.note(session, user.clinic_id, custodian, "ceremony:attend", user.id)
    audit.note(session, user.clinic_id, None, "ceremony:finish", user.id)
    return user.id


def _present_code(session: Session, user_id: uuid.UUID) -> str:
    return digest(queries.find_wrap(session, user_id, WrapKind.RECOVERY_CODE) or b"").hex()


def _custodians(
    session: Session, keyring: Keyring, user: User, user_names: tuple[str, ...]
) -> set[uuid.UUID]:
    lookups = [queries.user_name_lookup(keyring, user_name) for user_name in user_names]
    known = set(
        session.scalars(
            select(User.id).where(
                User.user_name_lookup.in_(lookups),
                User.clinic_id == user.clinic_id,
                User.role != Role.CLIENT,
                ~queries.is_disabled(),
            )
        )
    )
    if len(known - {user.id}) < 2:
        raise Invalid(custodians="two_custodians")
    return known


@dataclass(frozen=True)
class _Paper:
    """What a request and a reply have in common."""

    owner: keys.Owner
    sealed: bytes
    replaces: str
    custodians: tuple[str, ...]


def _read(file: str, kind: str, sealed: str) -> _Paper:
    """Raises Invalid for whatever is not a whole file of this kind."""
    try:
        fields = json.loads(file)
        if fields["porchlight"] != kind:
            raise ValueError(kind)
        return _Paper(
            keys.Owner(uuid.UUID(fields["user"]), uuid.UUID(fields["clinic"])),
            b64decode(fields[sealed], validate=True),
            str(fields["replaces"]),
            tuple(str(name) for name in fields.get("custodians", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(file="not_a_ceremony_file") from error
