"""Mail that came back: a delivery report (RFC 3464) says that it reached nobody.

Anybody can send a report here, and put anything into it. It is read in bounded space, believed only
about the pointer whose stamped address it came to, and kept nowhere. What people write to that
address is no report, and is not read.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any

from portal.config import Config
from portal.notifications.channels.base import Outcome, Report
from portal.notifications.channels.smtp import is_no_such_address
from portal.notifications.models import Fault
from portal.notifications.return_path import ReturnPath

# The notes are short, so that the report, which comes before what it returns, is whole by then.
MOST_BYTES = 128 * 1024
LONGEST_FIELD = 1000
# To whom it came, if the mail server did not say so otherwise.
_RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])5\d\d(?![\d.])")
# "Other address status", and what is said of domains without a mail server, or by servers that
# know all their recipients.
_ALSO_NO_SUCH_ADDRESS = ("5.1.0", "5.4.1", "5.4.4")
_UNKNOWN = "5.0.0"


def read(config: Config, mail: bytes, recipient: str = "") -> Report | None:
    """What a mail that came back says of which pointer; nothing if it is no such mail.

    `recipient` is whom it was addressed to, as the mail server knows it.
    """
    try:
        message = message_from_bytes(mail[:MOST_BYTES])
        pointer_id = _pointer_of(ReturnPath(config), message, recipient)
        return _read(pointer_id, message) if pointer_id else None
    except Exception:  # noqa: BLE001 - whatever a stranger's mail does to the parser, it is no report
        return None


def _pointer_of(way: ReturnPath, message: Message, recipient: str) -> uuid.UUID | None:
    texts = [recipient, *(text for name in _RECIPIENTS for text in _fields(message, name))]
    return next(filter(None, map(way.pointer_of, texts)), None)


def _fields(message: Message, name: str) -> Iterator[str]:
    values: Iterable[Any] = message.get_all(name, [])
    return (" ".join(str(value)[:LONGEST_FIELD].split()) for value in values)


def _read(pointer_id: uuid.UUID, message: Message) -> Report | None:
    said = [block for block in _blocks(message) if block["Action"] or block["Status"]]
    for block in said:
        action = _field(block, "Action").lower()
        status = _STATUS.search(_field(block, "Status"))
        # Anything else is on its way still, or says that it arrived somewhere.
        if action == "failed" or (not action and status and status[1] == "5"):
            fault, code = _why(status[0] if status else _UNKNOWN, _field(block, "Diagnostic-Code"))
            return Report(pointer_id, None, Outcome.FAILED, fault, f"returned_{code}")
    # Exim and Gmail name whom they did not reach, even when they say no more; Gmail also does so
    # when it takes longer, and says that.
    if not said and _field(message, "X-Failed-Recipients"):
        return Report(pointer_id, None, Outcome.FAILED, Fault.REFUSED, f"returned_{_UNKNOWN}")
    return None


def _blocks(message: Message) -> Iterator[Message]:
    """About the mail, and about each recipient: a mail of ours has one."""
    for part in message.walk():
        content = part.get_payload()
        if part.get_content_type() == "message/delivery-status" and isinstance(content, list):
            yield from (block for block in content if isinstance(block, Message))
            return


def _field(message: Message, name: str) -> str:
    return next(_fields(message, name), "")


def _why(status: str, diagnostic: str) -> tuple[Fault, str]:
    """Whether the address is dead, or did not take it this time; and the code that says why."""
    told = _STATUS.search(diagnostic)
    reply = _REPLY.search(diagnostic)
    if status == _UNKNOWN and told:
        status = told[0]
    is_coded = status != _UNKNOWN
    is_dead = status in _ALSO_NO_SUCH_ADDRESS or is_no_such_address(
        int(reply[0]) if reply else 0, status if is_coded else ""
    )
    # With 4.x.x it was tried for days and given up: nothing says that it will never work.
    return (Fault.DEAD if is_dead and not status.startswith("4") else Fault.REFUSED), status
