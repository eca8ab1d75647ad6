"""What every way of telling somebody has in common: a message, a line to a provider, and faults.

A provider is one file in this folder and an entry in `SMS_PROVIDERS`; one that calls us is in
`CALLERS`, too. It opens lines; a line is kept for as many messages as one run sends.
"""

import datetime as dt
import enum
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from portal.notifications.models import Fault

TIMEOUT_SECONDS = 10.0


class NotSent(Exception):
    """A message did not go out. `code` names why and quotes nobody.

    `after_seconds` is what the other side asked us to wait.
    """

    def __init__(self, code: str, fault: Fault, *, after_seconds: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.fault = fault
        self.after_seconds = after_seconds


@dataclass(frozen=True)
class Message:
    """One telling to one address. `key` makes a repeated sending recognisable as the same."""

    key: str
    to: str
    body: str
    subject: str = ""
    sender_name: str = ""


class Line(Protocol):
    """A connection that takes one message after another."""

    def send(self, message: Message) -> str | None:
        """Hands a message over; returns the provider's own name for it, if it gives one.

        Raises NotSent. After a fault of the provider the line is not used again.
        """


class Provider(Protocol):
    """Whoever carries messages: knows its settings, opens lines."""

    def open(self) -> AbstractContextManager[Line]:
        """Opens a line; raises NotSent when the provider cannot be reached or refuses us."""

    def check(self) -> str:
        """Tries what can be tried without sending anything; raises NotSent.

        Returns what is now known, and no more than that, in words that follow "it".
        """


class Outcome(enum.StrEnum):
    """What a provider says later about a message that it took."""

    DELIVERED = "delivered"
    FAILED = "failed"
    UNDER_WAY = "under_way"


@dataclass(frozen=True)
class Call:
    """A request of a provider to us. `body` has been limited in length, and nothing was read."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    now: dt.datetime


@dataclass(frozen=True)
class Report:
    """What became of a message. `ref` is the provider's name for it, if it says one."""

    pointer_id: uuid.UUID | None
    ref: str | None
    outcome: Outcome
    fault: Fault | None = None
    code: str | None = None


@dataclass(frozen=True)
class Incoming:
    """A text from a telephone. `is_answered`: the provider has answered it already.

    `mark` is the same when the same text is brought a second time, and else never.
    """

    sender: str
    words: str
    mark: str
    is_answered: bool = False


class Unreadable(Exception):
    """A genuine call that makes no sense."""


class Caller(Protocol):
    """A provider that calls us. Adding one is a module with these four functions."""

    def is_genuine(self, secret: str, call: Call) -> bool:
        """Whether the call is signed with the secret that we share; in constant time."""

    def read_report(self, call: Call) -> Report:
        """Raises Unreadable."""

    def read_text(self, call: Call) -> Incoming:
        """Raises Unreadable."""

    def reply(self, text: str | None) -> tuple[str, str]:
        """The body and its type that make the provider send `text` back, or nothing."""


def as_id(text: object) -> uuid.UUID | None:
    """An identifier, or nothing if it is none."""
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def as_reference(text: object) -> str | None:
    """A provider's own name for something, if it is one that can be kept."""
    name = str(text or "")[:100]
    return name if name.isprintable() and name else None


def json_object(body: bytes) -> dict[str, Any] | None:
    """What somebody says in JSON; nothing for whatever else they say."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


class Deadline:
    """Cuts a conversation that takes longer than it may, however busily the other side drips."""

    def __init__(self) -> None:
        self.has_passed = False

    @contextmanager
    def within(self, seconds: float, cut: Callable[[], None]) -> Iterator[None]:
        def pass_by() -> None:
            self.has_passed = True
            cut()

        timer = threading.Timer(seconds, pass_by)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
