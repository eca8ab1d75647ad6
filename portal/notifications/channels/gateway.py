"""Text messages through a gateway of one's own, asked over HTTP.

Out: a POST of JSON `{"to", "text"}` with `Idempotency-Key`, which names the message: a gateway that
sees a key again sends nothing and answers as before, unless that message has failed since. 200 to
299 means taken; the answer may be JSON with the gateway's own `"id"`. 410 says that there is no
such number, 422 that this number did not take it; 408, 423, 425, 429 and 500 to 599 ask for
patience, with Retry-After; any other answer means that the settings are wrong.

In: a POST of JSON, signed. `X-Signature: t=SECONDS,v1=HEX`, where HEX is HMAC-SHA256 under the
shared secret over `SECONDS.PATH.BODY`; SECONDS (since 1970) may be five minutes off. Reports are
`{"key" or "id", "status": "delivered" | "failed" | …, "reason": "no_such_number" | "outage" | …}`:
only after "outage" is the same text sent again. Texts are `{"from", "text"}`, and the answer to a
text is `{"reply": TEXT or null}`. The same signature counts once: whoever tries again signs again.
"""

import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

from portal.config import Config
from portal.notifications.channels.base import (
    Call,
    Incoming,
    Message,
    NotSent,
    Outcome,
    Report,
    Unreadable,
    as_id,
    as_reference,
    json_object,
)
from portal.notifications.channels.http import Answer, Desk, basic
from portal.notifications.models import Fault

PATIENCE = frozenset({408, 423, 425})
SIGNATURE_LASTS_SECONDS = 300
_ABOUT_THE_NUMBER = {410: Fault.DEAD, 422: Fault.REFUSED}
_REASONS = {
    "no_such_number": Fault.DEAD,
    "refused": Fault.REFUSED,
    "unreachable": Fault.REFUSED,
    "opted_out": Fault.OPTED_OUT,
    "outage": Fault.BROKEN,
}
_OUTCOMES = {"delivered": Outcome.DELIVERED, "failed": Outcome.FAILED}


class Gateway:
    """The gateway of the settings."""

    def __init__(self, config: Config) -> None:
        self._url = config.sms_url

    @contextmanager
    def open(self) -> Iterator["GatewayLine"]:
        """As `Provider.open`."""
        if self._url is None:
            raise NotSent("no_sms_gateway", Fault.SETTINGS)
        parts = urlsplit(self._url)
        desk = Desk(parts.hostname or "localhost", parts.port, tls=parts.scheme == "https")
        try:
            yield GatewayLine(desk, parts)
        finally:
            desk.close()

    def check(self) -> str:
        """As `Provider.check`."""
        with self.open() as line:
            line.reach()
        return "can be reached; only --send-test shows whether it lets us in"


class GatewayLine:
    """One connection to the gateway."""

    def __init__(self, desk: Desk, parts: SplitResult) -> None:
        self._desk, self._parts = desk, parts
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def send(self, message: Message) -> str | None:
        """As `Line.send`."""
        body = json.dumps({"to": message.to, "text": message.body}).encode()
        answer = self._desk.ask("POST", self._target, body, self._headers(message))
        if 200 <= answer.status < 300:
            return as_reference((json_object(answer.body) or {}).get("id"))
        raise _refused(answer)

    def reach(self) -> None:
        self._desk.reach()

    def _headers(self, message: Message) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.key}
        if self._parts.username:
            headers["Authorization"] = basic(self._parts)
        return headers


def _refused(answer: Answer) -> NotSent:
    status = answer.status
    fault = _ABOUT_THE_NUMBER.get(status, Fault.SETTINGS)
    if status == 429:
        fault = Fault.BUSY
    elif status in PATIENCE or status >= 500:
        fault = Fault.BROKEN
    return NotSent(f"sms_{status}", fault, after_seconds=answer.retry_after)


def sign(secret: str, seconds: int, path: str, body: bytes) -> str:
    """The header that a gateway has to send."""
    said = f"{seconds}.{path}.".encode() + body
    return f"t={seconds},v1={hmac.digest(secret.encode(), said, 'sha256').hex()}"


def is_genuine(secret: str, call: Call) -> bool:
    """As `Caller.is_genuine`. An old signature is refused, so that nobody can play one back."""
    given = call.headers.get("X-Signature", "")
    seconds = given.partition(",")[0].removeprefix("t=")
    if not seconds.isdecimal() or len(seconds) > 12 or not given.isascii():
        return False
    if abs(call.now.timestamp() - int(seconds)) > SIGNATURE_LASTS_SECONDS:
        return False
    return hmac.compare_digest(
        sign(secret, int(seconds), urlsplit(call.url).path, call.body), given
    )


def read_report(call: Call) -> Report:
    """As `Caller.read_report`."""
    content = _content(call)
    outcome = _OUTCOMES.get(str(content.get("status")), Outcome.UNDER_WAY)
    has_failed = outcome is Outcome.FAILED
    return Report(
        pointer_id=as_id(content.get("key")),
        ref=as_reference(content.get("id")),
        outcome=outcome,
        fault=_REASONS.get(str(content.get("reason")), Fault.REFUSED) if has_failed else None,
        code="sms_failed_later" if has_failed else None,
    )


def read_text(call: Call) -> Incoming:
    """As `Caller.read_text`."""
    content = _content(call)
    sender, words = content.get("from"), content.get("text", "")
    if not isinstance(sender, str) or not isinstance(words, str):
        raise Unreadable
    return Incoming(sender=sender, words=words, mark=call.headers.get("X-Signature", ""))


def reply(text: str | None) -> tuple[str, str]:
    """As `Caller.reply`."""
    return json.dumps({"reply": text}), "application/json"


def _content(call: Call) -> dict[str, Any]:
    content = json_object(call.body)
    if content is None:
        raise Unreadable
    return content
