"""One kept connection to one HTTP server, for providers that are talked to over HTTP."""

import base64
import datetime as dt
import select
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, unquote

from portal.core.clock import now
from portal.notifications.channels import base
from portal.notifications.channels.base import Deadline, NotSent
from portal.notifications.models import Fault

LONGEST_ANSWER = 64 * 1024
LONGEST_WAIT_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    retry_after: int


class Desk:
    """Asks the same server again and again. Follows no redirect: an address goes nowhere else."""

    def __init__(self, host: str, port: int | None, *, tls: bool) -> None:
        kind = HTTPSConnection if tls else HTTPConnection
        self._connection = kind(host, port, timeout=base.TIMEOUT_SECONDS)

    def ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request, one answer; raises NotSent when there is none.

        Nothing is sent twice here: a connection that the server has closed is noticed before.
        """
        if self._was_closed():
            self._connection.close()
        deadline = Deadline()
        try:
            with deadline.within(base.TIMEOUT_SECONDS, self._cut):
                self._connection.request(method, target, body, dict(headers))
                answer = self._connection.getresponse()
                content = answer.read(LONGEST_ANSWER)
                if not answer.isclosed():
                    self._connection.close()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise _cut_off(error, deadline) from None
        wait = _wait(answer.getheader("Retry-After") or "")
        return Answer(answer.status, content, wait)

    def reach(self) -> None:
        """Connects, and says nothing; raises NotSent."""
        try:
            self._connection.connect()
        except (OSError, HTTPException) as error:
            raise _cut_off(error, Deadline()) from None

    def _was_closed(self) -> bool:
        """An idle connection on which there is something to read is one that was closed."""
        sock = self._connection.sock
        return sock is not None and bool(select.select([sock], [], [], 0)[0])

    def _cut(self) -> None:
        sock = self._connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._connection.close()


def basic(parts: SplitResult) -> str:
    """The header for the user and password of an address."""
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _cut_off(error: BaseException, deadline: Deadline) -> NotSent:
    """The text of these errors can quote a person's number: only their kind is passed on."""
    if deadline.has_passed or isinstance(error, TimeoutError):
        return NotSent("sms_timeout", Fault.SILENT)
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotSent("sms_certificate", Fault.SETTINGS)
    is_garbled = isinstance(error, HTTPException) and not isinstance(error, OSError)
    return NotSent(f"sms_{type(error).__name__}", Fault.GARBLED if is_garbled else Fault.AWAY)


def _wait(text: str) -> int:
    """Retry-After, as seconds or as a date (RFC 9110, 10.2.3)."""
    if text.isdecimal() and len(text) < 12:
        return min(int(text), LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(0, min(int((aware - now()).total_seconds()), LONGEST_WAIT_SECONDS))
