"""Sending one text message through an HTTP gateway.

The gateway is asked with a POST of JSON `{"to", "text"}`. A header `Idempotency-Key` lets it see
that a repeated request is the same message. Any answer from 200 to 299 means: taken.
"""

import base64
import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, unquote, urlsplit

from portal.config import Config
from portal.core.delivery import NotSent

TIMEOUT_SECONDS = 10
LONGEST_WAIT_SECONDS = 24 * 60 * 60
# Busy, not now, too early: worth another try, unlike the other answers from 400 to 499.
PASSING = frozenset({408, 423, 425, 429})


@dataclass(frozen=True)
class Text:
    """One text message to one person. `key` makes a repeated sending recognisable."""

    to: str
    body: str
    key: str


def send(config: Config, text: Text) -> None:
    """Hands a text to the gateway; raises NotSent with a code that is safe to keep."""
    if config.sms_url is None:
        raise NotSent("no_sms_gateway", for_good=True)
    parts = urlsplit(config.sms_url)
    connection = _connection(parts)
    try:
        connection.request("POST", _target(parts), _body(text), _headers(parts, text))
        answer = connection.getresponse()
        answer.read(4096)
    except (OSError, HTTPException) as error:
        raise NotSent(f"sms_{type(error).__name__}", for_good=False) from None
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise _refused(answer)


def _connection(parts: SplitResult) -> HTTPConnection:
    # A redirect is not followed: the address of a person goes to the gateway and nowhere else.
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname or "localhost", parts.port, timeout=TIMEOUT_SECONDS)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _body(text: Text) -> bytes:
    return json.dumps({"to": text.to, "text": text.body}).encode()


def _headers(parts: SplitResult, text: Text) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Idempotency-Key": text.key}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    return headers


def _refused(answer: HTTPResponse) -> NotSent:
    return NotSent(
        f"sms_{answer.status}",
        for_good=400 <= answer.status < 500 and answer.status not in PASSING,
        after_seconds=_wait(answer.getheader("Retry-After") or ""),
    )


def _wait(text: str) -> int:
    return min(int(text), LONGEST_WAIT_SECONDS) if text.isdecimal() else 0
