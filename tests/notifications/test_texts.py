"""Texts go to the gateway or to Twilio and nowhere else, and errors quote nobody."""

import base64
import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.config import Config
from portal.notifications.channels import base, provider_of
from portal.notifications.channels.base import Message, NotSent
from portal.notifications.models import Channel, Fault
from tests.servers import Gateway, free_port

NOTE = Message(key="0190-key", to="+15550199", body="Hay una nota.")
SECRET = "a secret that is long enough"


@pytest.fixture
def texting(config: Config, gateway: Gateway) -> Config:
    return replace(config, sms_url=gateway.url)


@pytest.fixture
def by_twilio(config: Config, gateway: Gateway) -> Config:
    gateway.status = 201
    return replace(
        config,
        sms_url=gateway.twilio_url,
        sms_secret=SECRET,
        base_url="https://portal.example.org",
    )


def send(config: Config, *messages: Message) -> list[str | None]:
    with provider_of(config, Channel.SMS).open() as line:
        return [line.send(message) for message in messages]


def refusal(config: Config) -> NotSent:
    with pytest.raises(NotSent) as caught:
        send(config, NOTE)
    assert "5550199" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_text_reaches_the_gateway(texting: Config, gateway: Gateway) -> None:
    gateway.body = b'{"id": "g-1"}'
    assert send(texting, NOTE) == ["g-1"]
    ((headers, body),) = gateway.received
    assert body == {"to": "+15550199", "text": "Hay una nota."}
    assert headers["Idempotency-Key"] == "0190-key"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"key:secret").decode()


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, Fault.SETTINGS),
        (401, Fault.SETTINGS),
        (408, Fault.BROKEN),
        (410, Fault.DEAD),
        (422, Fault.REFUSED),
        (429, Fault.BUSY),
        (500, Fault.BROKEN),
        (503, Fault.BROKEN),
        (302, Fault.SETTINGS),
    ],
)
def test_a_refusal_says_whose_matter_it_is(
    texting: Config, gateway: Gateway, status: int, fault: Fault
) -> None:
    gateway.status = status
    gateway.headers = {"Location": "http://127.0.0.1:9/"}
    failure = refusal(texting)
    assert (failure.code, failure.fault) == (f"sms_{status}", fault)
    assert len(gateway.received) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        ("99999999", 86400),
        ("-5", 0),
        ("tomorrow", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 86400),
    ],
)
def test_the_gateway_may_ask_for_patience_within_reason(
    texting: Config, gateway: Gateway, said: str, seconds: int
) -> None:
    gateway.status = 429
    gateway.headers = {"Retry-After": said}
    assert refusal(texting).after_seconds == seconds


def test_a_gateway_that_is_away_is_tried_again_later(config: Config) -> None:
    failure = refusal(replace(config, sms_url=f"http://127.0.0.1:{free_port()}/"))
    assert failure.fault is Fault.AWAY


@pytest.mark.parametrize(
    "raw", [b"\x00\xff garbage\r\n\r\n", b"HTTP/9 okay\r\n\r\n", b"220 hi\r\n"]
)
def test_a_gateway_that_talks_nonsense_is_not_believed(
    texting: Config, gateway: Gateway, raw: bytes
) -> None:
    gateway.raw = raw
    assert refusal(texting).fault is Fault.GARBLED


def test_a_gateway_that_hangs_is_given_up(
    texting: Config, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "TIMEOUT_SECONDS", 0.2)
    gateway.hangs = 2
    began = time.monotonic()
    assert refusal(texting).fault is Fault.SILENT
    assert time.monotonic() - began < 1.5


def test_many_texts_share_one_connection(texting: Config, gateway: Gateway) -> None:
    send(texting, *[NOTE] * 10)
    assert (len(gateway.received), gateway.connections) == (10, 1)


def test_a_connection_that_the_gateway_closes_is_made_anew(
    texting: Config, gateway: Gateway
) -> None:
    gateway.closes = True
    with provider_of(texting, Channel.SMS).open() as line:
        for _ in range(3):
            line.send(NOTE)
            time.sleep(0.05)
    assert (len(gateway.received), gateway.connections) == (3, 3)


def test_twilio_is_asked_as_its_interface_wants_it(by_twilio: Config, gateway: Gateway) -> None:
    assert send(by_twilio, NOTE) == ["SM1"]
    ((headers, body),) = gateway.received
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"SKkey:secret").decode()
    reports = body.pop("StatusCallback")
    assert body == {"To": "+15550199", "From": "+15550100", "Body": "Hay una nota."}
    assert reports.startswith("https://portal.example.org/notices/twilio/report?")
    assert parse_qs(urlsplit(reports).query) == {"p": ["0190-key"]}


def test_a_messaging_service_may_send_instead_of_a_number(
    by_twilio: Config, gateway: Gateway
) -> None:
    url = gateway.twilio_url.replace("+15550100", "MG77")
    send(replace(by_twilio, sms_url=url), NOTE)
    assert gateway.received[0][1]["MessagingServiceSid"] == "MG77"
    assert "From" not in gateway.received[0][1]


def test_without_a_secret_nobody_is_asked_to_report(by_twilio: Config, gateway: Gateway) -> None:
    send(replace(by_twilio, sms_secret=None), NOTE)
    assert "StatusCallback" not in gateway.received[0][1]


@pytest.mark.parametrize(
    ("status", "body", "code", "fault"),
    [
        (400, b'{"code": 21211, "message": "+15550199 is not valid"}', 21211, Fault.DEAD),
        (400, b'{"code": 21614, "status": 400}', 21614, Fault.DEAD),
        (400, b'{"code": 21610}', 21610, Fault.OPTED_OUT),
        (400, b'{"code": 21606}', 21606, Fault.SETTINGS),
        (401, b'{"code": 20003}', 20003, Fault.SETTINGS),
        (429, b'{"code": 20429}', 20429, Fault.BUSY),
        (429, b"slow down", 429, Fault.BUSY),
        (500, b"<html>oops</html>", 500, Fault.BROKEN),
        (503, b"", 503, Fault.BROKEN),
        (404, b"[]", 404, Fault.SETTINGS),
    ],
)
def test_twilios_errors_say_whose_matter_it_is(
    by_twilio: Config, gateway: Gateway, status: int, body: bytes, code: int, fault: Fault
) -> None:
    gateway.status, gateway.body = status, body
    failure = refusal(by_twilio)
    assert (failure.code, failure.fault) == (f"twilio_{code}", fault)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"sid": 7}', b"[" * 60000, b"\xff"])
def test_a_yes_without_a_name_is_no_yes(by_twilio: Config, gateway: Gateway, body: bytes) -> None:
    gateway.body = body
    assert refusal(by_twilio).fault is Fault.GARBLED
