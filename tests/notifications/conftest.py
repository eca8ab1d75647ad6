"""A clinic whose mail and texts go to servers of the test, under a clock that the test moves."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from portal.config import Config
from portal.core import clock
from portal.core.throttle import Throttle
from portal.notifications.models import Channel
from tests.cast import Cast
from tests.notifications.caller import BASE, DANA, SECRET, Provider
from tests.notifications.desk import Desk, Hands, denver
from tests.servers import Gateway, MailServer


@pytest.fixture
def winter() -> Iterator[Hands]:
    """A Wednesday in March, noon at the clinic."""
    hands = Hands(denver(2026, 3, 4, 12))
    with clock.use(hands):
        yield hands


@pytest.fixture
def desk(
    winter: Hands, cast: Cast, config: Config, mail_server: MailServer, gateway: Gateway
) -> Desk:
    settings = replace(
        config,
        smtp_url=mail_server.url,
        mail_from="notes@portal.example.org",
        sms_url=gateway.url,
    )
    return Desk(cast, settings, winter)


@pytest.fixture(params=["gateway", "twilio"])
def provider(request: pytest.FixtureRequest, desk: Desk, gateway: Gateway) -> Iterator[Provider]:
    is_twilio = request.param == "twilio"
    gateway.status = 201 if is_twilio else 202
    gateway.body = b"" if is_twilio else b'{"id": "SM1"}'
    desk.config = replace(
        desk.config,
        base_url=BASE,
        sms_url=gateway.twilio_url if is_twilio else gateway.url,
        sms_secret=SECRET,
    )
    desk.give_address("dana", DANA, Channel.SMS)
    provider = Provider(desk, request.param)
    yield provider
    provider.database.dispose()


@pytest.fixture
def counting_in_this_process(desk: Desk) -> None:
    throttle: Throttle = desk.cast.app.extensions["guard"].throttle
    throttle._shared = throttle._local
