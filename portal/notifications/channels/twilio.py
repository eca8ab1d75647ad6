"""Text messages through Twilio's REST interface (2010-04-01, Messages).

The setting is `twilio+https://KEY:SECRET@api.twilio.com/ACCOUNT/SENDER`: an API key and its secret,
the account's SID, and a number in international form or the SID of a messaging service. Twilio has
no idempotency key: when its answer is lost, the same text may go out a second time, unless its
report comes first. The pointer's id is in the address that reports go to, so that a report finds
its row even when it comes before the answer.
"""

import base64
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from xml.sax.saxutils import escape

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

REPORTS = "/notices/twilio/report"
MOST_FIELDS = 100

# https://www.twilio.com/docs/api/errors: in answers (2xxxx) and in reports (3xxxx).
_FAULTS = {
    21211: Fault.DEAD,  # not a number
    21217: Fault.DEAD,  # not a valid number
    21614: Fault.DEAD,  # not a mobile number
    21635: Fault.DEAD,  # a landline
    21408: Fault.REFUSED,  # texts to this country are not turned on
    21610: Fault.OPTED_OUT,
    21612: Fault.REFUSED,  # cannot be reached from this sender
    21617: Fault.OURS,  # longer than a text may be
    14107: Fault.BUSY,
    20429: Fault.BUSY,
    21611: Fault.BUSY,  # its own queue is full
    30001: Fault.BUSY,
    30003: Fault.REFUSED,  # telephone switched off or out of reach
    30004: Fault.REFUSED,  # blocked
    30005: Fault.DEAD,  # unknown number
    30006: Fault.DEAD,  # landline
    30007: Fault.REFUSED,  # filtered on the way
    30008: Fault.BROKEN,  # unknown error
    30034: Fault.REFUSED,  # the sender is not registered for this country
}
_OUTCOMES = {
    "delivered": Outcome.DELIVERED,
    "read": Outcome.DELIVERED,
    "undelivered": Outcome.FAILED,
    "failed": Outcome.FAILED,
}


class Twilio:
    """The Twilio account of the settings."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @contextmanager
    def open(self) -> Iterator["TwilioLine"]:
        """As `Provider.open`."""
        parts = urlsplit(self._config.sms_url or "")
        desk = Desk(parts.hostname or "", parts.port, tls=parts.scheme == "twilio+https")
        try:
            yield TwilioLine(self._config, desk)
        finally:
            desk.close()

    def check(self) -> str:
        """As `Provider.check`."""
        with self.open() as line:
            line.check_account()
        return "can be reached and takes our key"


class TwilioLine:
    """One connection to the interface."""

    def __init__(self, config: Config, desk: Desk) -> None:
        parts = urlsplit(config.sms_url or "")
        account, _, self._sender = parts.path.strip("/").partition("/")
        self._account = f"/2010-04-01/Accounts/{quote(account)}"
        self._headers = {
            "Authorization": basic(parts),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        self._desk = desk
        # Without the account's token a report could not be told from a forged one.
        self._reports = f"{config.base_url}{REPORTS}" if config.sms_secret else None

    def send(self, message: Message) -> str | None:
        """As `Line.send`. The name of a text is its SID."""
        body = urlencode(self._fields(message)).encode()
        answer = self._desk.ask("POST", f"{self._account}/Messages.json", body, self._headers)
        content = json_object(answer.body) or {}
        if answer.status == 201 and isinstance(content.get("sid"), str):
            return as_reference(content["sid"])
        raise _refused(answer, content)

    def check_account(self) -> None:
        """Whether Twilio takes the key and its secret; raises NotSent."""
        answer = self._desk.ask(
            "GET", f"{self._account}/Messages.json?PageSize=1", b"", self._headers
        )
        if answer.status != 200:
            raise _refused(answer, json_object(answer.body) or {})

    def outcome_of(self, ref: str) -> Outcome:
        """What became of a text, asked instead of waited for; raises NotSent."""
        target = f"{self._account}/Messages/{quote(ref)}.json"
        answer = self._desk.ask("GET", target, b"", self._headers)
        return _OUTCOMES.get(str((json_object(answer.body) or {}).get("status")), Outcome.UNDER_WAY)

    def _fields(self, message: Message) -> dict[str, str]:
        whence = "MessagingServiceSid" if self._sender.startswith("MG") else "From"
        fields = {"To": message.to, whence: self._sender, "Body": message.body}
        if self._reports:
            fields["StatusCallback"] = f"{self._reports}?{urlencode({'p': message.key})}"
        return fields


def _refused(answer: Answer, content: dict[str, Any]) -> NotSent:
    status, code = answer.status, _number(content.get("code"))
    if 200 <= status < 300:
        return NotSent("twilio_garbled", Fault.GARBLED)
    if status == 429:
        fault = Fault.BUSY
    elif status >= 500 or status == 408:
        fault = Fault.BROKEN
    else:
        # What is on no list is about the account or the sender, not about the person.
        fault = _FAULTS.get(code, Fault.SETTINGS)
    return NotSent(f"twilio_{code or status}", fault, after_seconds=answer.retry_after)


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) <= 6 else 0


def is_genuine(secret: str, call: Call) -> bool:
    """As `Caller.is_genuine`: base64(HMAC-SHA1(token, url + each name and value, sorted))."""
    given = call.headers.get("X-Twilio-Signature", "")
    if not given.isascii():
        return False
    try:
        said = "".join(
            name + value
            for name, values in sorted(_form(call).items())
            for value in sorted(set(values))
        )
    except Unreadable:
        return False
    signatures = (_sign(secret, url + said) for url in _spellings(call.url))
    return any(hmac.compare_digest(signature, given) for signature in signatures)


def _sign(secret: str, text: str) -> str:
    # SHA-1 is theirs to choose; as an HMAC it is still sound.
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode("ascii")


def sign(secret: str, url: str, fields: dict[str, str]) -> str:
    """The header that Twilio sends."""
    return _sign(secret, url + "".join(name + fields[name] for name in sorted(fields)))


def _spellings(url: str) -> tuple[str, ...]:
    """With and without the port, as Twilio's own validator takes both."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return (
        parts._replace(netloc=host).geturl(),
        parts._replace(netloc=f"{host}:{port}").geturl(),
    )


def _form(call: Call) -> dict[str, list[str]]:
    try:
        return parse_qs(
            call.body.decode(),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Unreadable from None


def _field(call: Call, name: str) -> str:
    return _form(call).get(name, [""])[0]


def read_report(call: Call) -> Report:
    """As `Caller.read_report`."""
    outcome = _OUTCOMES.get(_field(call, "MessageStatus"), Outcome.UNDER_WAY)
    code = _number(_field(call, "ErrorCode"))
    has_failed = outcome is Outcome.FAILED
    return Report(
        pointer_id=as_id(parse_qs(urlsplit(call.url).query).get("p", [""])[0]),
        ref=as_reference(_field(call, "MessageSid")),
        outcome=outcome,
        # It took the text: what is on no list is not a reason to send the same text again.
        fault=_FAULTS.get(code, Fault.REFUSED) if has_failed else None,
        code=f"twilio_{code}" if has_failed else None,
    )


def read_text(call: Call) -> Incoming:
    """As `Caller.read_text`. With OptOutType Twilio has sent an answer of its own."""
    sender, mark = _field(call, "From"), _field(call, "MessageSid")
    if not sender or not mark:
        raise Unreadable
    is_answered = bool(_field(call, "OptOutType"))
    return Incoming(sender=sender, words=_field(call, "Body"), mark=mark, is_answered=is_answered)


def reply(text: str | None) -> tuple[str, str]:
    """As `Caller.reply`, in TwiML."""
    message = f"<Message>{escape(text)}</Message>" if text else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>', "text/xml"
