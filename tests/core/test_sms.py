"""Texts go to the gateway and nowhere else, and errors quote nobody."""

import base64
from dataclasses import replace

import pytest

from portal.config import Config
from portal.core import sms
from portal.core.delivery import NotSent
from tests.servers import Gateway, free_port

NOTE = sms.Text(to="+15550100", body="Hay una nota.", key="0190-key")


@pytest.fixture
def texting(config: Config, gateway: Gateway) -> Config:
    return replace(config, sms_url=gateway.url)


def test_a_text_reaches_the_gateway(texting: Config, gateway: Gateway) -> None:
    sms.send(texting, NOTE)
    ((headers, body),) = gateway.received
    assert body == {"to": "+15550100", "text": "Hay una nota."}
    assert headers["Idempotency-Key"] == "0190-key"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"key:secret").decode()


@pytest.mark.parametrize(
    ("status", "for_good"),
    [
        (400, True),
        (401, True),
        (408, False),
        (429, False),
        (500, False),
        (503, False),
        (302, False),
    ],
)
def test_a_refusal_says_whether_to_try_again(
    texting: Config, gateway: Gateway, status: int, for_good: bool
) -> None:
    gateway.status = status
    gateway.headers = {"Location": "http://127.0.0.1:9/", "Content-Length": "0"}
    with pytest.raises(NotSent) as caught:
        sms.send(texting, NOTE)
    assert (caught.value.code, caught.value.for_good) == (f"sms_{status}", for_good)
    assert len(gateway.received) == 1


@pytest.mark.parametrize(
    ("said", "seconds"), [("120", 120), ("99999999", 86400), ("-5", 0), ("tomorrow", 0)]
)
def test_the_gateway_may_ask_for_patience_within_reason(
    texting: Config, gateway: Gateway, said: str, seconds: int
) -> None:
    gateway.status = 429
    gateway.headers = {"Retry-After": said, "Content-Length": "0"}
    with pytest.raises(NotSent) as caught:
        sms.send(texting, NOTE)
    assert caught.value.after_seconds == seconds


def test_a_gateway_that_is_away_is_tried_again_later(config: Config) -> None:
    with pytest.raises(NotSent) as caught:
        sms.send(replace(config, sms_url=f"http://127.0.0.1:{free_port()}/"), NOTE)
    assert not caught.value.for_good
    assert caught.value.__cause__ is None
