"""Providers call us: what they sign is believed once, what anybody else says changes nothing."""

import uuid
from typing import Any

import pytest

from portal.notifications.channels import gateway, twilio
from portal.notifications.channels.base import as_id
from portal.notifications.models import HeardText, OptOut, State
from tests.notifications.caller import DANA, SECRET, Provider, latest, rows, told
from tests.notifications.desk import Desk

FORGERIES: dict[str, dict[str, Any]] = {
    "another secret": {"secret": "another secret of some length"},
    "no signature": {"headers": {"X-Signature": "", "X-Twilio-Signature": ""}},
    "letters of no alphabet": {"headers": {"X-Signature": "t=ñ,v1=é", "X-Twilio-Signature": "ñé"}},
    "a changed body": {"spoil": lambda body: body.replace(b"delivered", b"undelivere")},
    "something added": {"spoil": lambda body: body + b"&x=1"},
}


@pytest.mark.parametrize("what", ["report", "text"])
def test_what_is_not_signed_by_the_provider_changes_nothing(
    provider: Provider, desk: Desk, what: str
) -> None:
    pointer = told(desk)
    fields = {"key": str(pointer.id), "status": "delivered", "from": DANA, "text": "delivered"}
    if provider.name == "twilio":
        fields = {"MessageSid": "SM1", "MessageStatus": "delivered", "From": DANA, "Body": "."}
    for how, forgery in FORGERIES.items():
        assert provider.call(what, fields, **forgery).status_code == 404, how
    unsigned = f"/notices/{provider.name}/{what}?p={pointer.id}"
    assert provider.client.post(unsigned, data=fields).status_code == 404
    assert latest(desk).state is State.SENT
    assert rows(desk, HeardText) == []


def test_a_call_cannot_be_played_back_later(provider: Provider, desk: Desk) -> None:
    if provider.name == "twilio":
        return  # it signs no time; that repeating its reports is harmless is shown above
    body, path = b'{"from": "+15550177", "text": "stop"}', "/notices/gateway/text"
    signed = gateway.sign(SECRET, int(desk.hands.now.timestamp()), path, body)
    desk.hands.move(minutes=6)
    answer = provider.client.post(path, data=body, headers={"X-Signature": signed})
    assert answer.status_code == 404
    assert rows(desk, OptOut) == []


def test_what_was_taken_back_since_is_not_undone_by_the_same_call(
    provider: Provider, desk: Desk
) -> None:
    provider.text("STOP")
    start = {"from": DANA, "text": "START", "From": DANA, "Body": "START", "MessageSid": "SM7"}
    assert provider.call("text", start).status_code == 200
    assert rows(desk, OptOut) == []
    provider.text("ALTO")
    answer = provider.call("text", start)
    assert answer.status_code == 200
    assert "again" not in answer.text
    assert len(rows(desk, OptOut)) == 1


@pytest.mark.parametrize("name", ["\ud800", "\0", "\n", "x" * 5000])
def test_a_name_that_cannot_be_kept_is_none(provider: Provider, desk: Desk, name: str) -> None:
    pointer = told(desk)
    fields: dict[str, Any] = {"key": "no id", "id": name, "status": "delivered"}
    if provider.name == "twilio":
        fields = {"MessageSid": name.replace("\ud800", "?"), "MessageStatus": "delivered"}
    assert provider.call("report", fields).status_code == 204
    assert latest(desk).state is pointer.state


def test_half_a_signature_is_none(provider: Provider) -> None:
    for signature in ("t=,v1=", "t=-1,v1=a", "t=99999999999999,v1=a", "v1=a", "t"):
        headers = {"X-Signature": signature, "X-Twilio-Signature": signature}
        answer = provider.call("text", {"from": DANA}, headers=headers)
        assert answer.status_code == 404, signature


def test_twilios_own_example_of_a_signature_holds() -> None:
    """From its documentation of request validation."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio.sign("12345", url, fields) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_the_provider_that_is_not_set_up_has_no_door(provider: Provider, desk: Desk) -> None:
    other = {"gateway": "twilio", "twilio": "gateway"}[provider.name]
    stranger = Provider(desk, other)
    assert stranger.call("text", {"from": DANA, "text": "stop"}).status_code == 404
    stranger.database.dispose()


@pytest.mark.parametrize("length", [20_000, 257 * 1024, 2_000_000])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_long_call_is_refused_before_it_is_read(
    provider: Provider, caplog: pytest.LogCaptureFixture, length: int, kind: str
) -> None:
    for what in ("text", "report"):
        answer = provider.client.post(
            f"/notices/{provider.name}/{what}", data=b"x" * length, content_type=kind
        )
        assert answer.status_code == 404
    assert caplog.text == ""


def test_a_genuine_call_that_makes_no_sense_is_refused(provider: Provider, desk: Desk) -> None:
    if provider.name == "twilio":
        assert provider.call("text", {"Body": "no sender"}).status_code == 400
        return
    path = "/notices/gateway/text"
    for body in (b"[]", b"{", b'{"from": 7}', b"\xff\xfe", b"[" * 9000):
        signed = gateway.sign(SECRET, int(desk.hands.now.timestamp()), path, body)
        answer = provider.client.post(path, data=body, headers={"X-Signature": signed})
        assert answer.status_code == 400, body[:20]


def test_an_identifier_that_is_none_is_none() -> None:
    assert as_id("x") is None
    assert isinstance(as_id(str(uuid.uuid4())), uuid.UUID)
