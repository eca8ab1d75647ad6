"""Room set aside for the audit trail, so that reading goes on while nothing can be stored.

Every opening of a record is audited, and what cannot be audited is not shown. That a full disk may
not shut people off from what was written to them, a file is filled with nothing beforehand. Entries
that the database cannot take are written over that nothing, which needs no room; the clock moves
them into the chain as soon as it can. An entry may come twice if the clock dies between the two.
"""

import fcntl
import json
import logging
import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO

from sqlalchemy.orm import Session

from portal.config import Config
from portal.core import clock
from portal.core.audit import Event, append
from portal.core.database import after_commit

log = logging.getLogger("portal.reserve")

SIZE = 256 * 1024
NOTHING = b"\0"


def reserve_file(config: Config) -> Path:
    return config.data / "audit" / "reserve"


def set_aside(config: Config) -> None:
    """Makes the reserve where it is missing. Without it, a full disk stops reading too."""
    path = reserve_file(config)
    try:
        if path.exists() and path.stat().st_size == SIZE:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(NOTHING * SIZE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        log.warning("no reserve for the audit trail: %s", type(error).__name__)


def put(config: Config, events: Collection[Event]) -> bool:
    """Keeps entries durably outside of the database; false if that is not possible either."""
    if not events:
        return True
    now = clock.now()
    lines = b"".join(_line(replace(event, at=now)) for event in events)
    try:
        with _held(config) as file:
            used = file.read().find(NOTHING)
            if used < 0 or used + len(lines) > SIZE:
                return False
            _write(file, used, lines)
    except OSError:
        return False
    return True


def take_in(session: Session, config: Config) -> int:
    """The clock's chore: moves what is in the reserve into the chain."""
    try:
        with _held(config) as file:
            lines = file.read().partition(NOTHING)[0]
    except OSError:
        return 0
    events = list(_events(lines))
    for event in events:
        append(session, event)
    if lines:
        after_commit(session, partial(_empty, config, len(lines)))
    return len(events)


def _empty(config: Config, length: int) -> None:
    with _held(config) as file:
        rest = file.read()[length:]
        _write(file, 0, rest + NOTHING * length)


@contextmanager
def _held(config: Config) -> Iterator[IO[bytes]]:
    with reserve_file(config).open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _write(file: IO[bytes], place: int, content: bytes) -> None:
    file.seek(place)
    file.write(content)
    os.fdatasync(file.fileno())


def _line(event: Event) -> bytes:
    fields = {
        "clinic": event.clinic_id and event.clinic_id.hex,
        "actor": event.actor_id and event.actor_id.hex,
        "action": event.action,
        "object": event.object_id and event.object_id.hex,
        "detail": event.detail,
        "at": event.at and event.at.isoformat(),
    }
    # Begun on a line of its own, whatever became of the one before.
    return b"\n" + json.dumps(fields).encode()


def _events(lines: bytes) -> Iterator[Event]:
    for line in lines.split(b"\n"):
        try:
            yield _event(json.loads(line))
        except ValueError:
            if line:
                log.warning("half an entry in the audit trail's reserve")


def _event(fields: dict[str, str]) -> Event:
    return Event(
        _id(fields["clinic"]),
        _id(fields["actor"]),
        fields["action"],
        _id(fields["object"]),
        fields["detail"],
        datetime.fromisoformat(fields["at"]),
    )


def _id(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None
