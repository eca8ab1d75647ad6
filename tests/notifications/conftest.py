"""A clinic whose mail and texts go to servers of the test, under a clock that the test moves."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from portal.config import Config
from portal.core import clock
from tests.cast import Cast
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
