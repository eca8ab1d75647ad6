"""The ways of telling somebody, each in a file of its own; a new one is a file and a line here."""

from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from portal.config import Config
from portal.notifications.channels import gateway, twilio
from portal.notifications.channels.base import Caller, Provider
from portal.notifications.channels.gateway import Gateway
from portal.notifications.channels.smtp import Smtp
from portal.notifications.channels.twilio import Twilio
from portal.notifications.models import Channel

# By the beginning of the setting that names the provider.
SMS_PROVIDERS: dict[str, Callable[[Config], Provider]] = {
    "https": Gateway,
    "http": Gateway,
    "twilio+https": Twilio,
    "twilio+http": Twilio,
}
# Who calls us, by the name in the address that they call.
CALLERS: dict[str, Caller] = {
    "gateway": cast(Caller, gateway),
    "twilio": cast(Caller, twilio),
}


def provider_of(config: Config, channel: Channel) -> Provider:
    """Who carries messages on this channel. One that is not set up says so when it is opened."""
    if channel is Channel.EMAIL:
        return Smtp(config)
    return SMS_PROVIDERS[urlsplit(config.sms_url or "https:").scheme](config)


def caller_name(config: Config) -> str:
    """Which of CALLERS carries this installation's texts."""
    scheme = urlsplit(config.sms_url or "").scheme
    return "twilio" if scheme.startswith("twilio") else "gateway"
