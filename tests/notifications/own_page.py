"""What people do on the page about being told: enter an address, type back a code, be asked."""

import re
from typing import Any

from portal.notifications import addresses, ownership
from portal.notifications.models import Channel, HoldReason
from tests.cast import Browser
from tests.notifications.desk import Desk
from tests.servers import Gateway

MOBILE, TYPED = "+13035550142", "(303) 555-0142"
CODE = re.compile(r"\b\d{6}\b")


def at_the_page(desk: Desk, name: str = "dana") -> Browser:
    browser = desk.cast.browser(name)
    assert browser.open("/account/notices").status_code == 200
    return browser


def enter(browser: Browser, typed: str = TYPED, channel: str = "sms", **more: Any) -> str:
    return browser.post("/account/notices/address", channel=channel, address=typed, **more).text


def confirm(browser: Browser, code: str, channel: str = "sms") -> int:
    return browser.post("/account/notices/code", channel=channel, code=code).status_code


def code_from(desk: Desk, gateway: Gateway) -> str:
    desk.work()
    found = CODE.search(gateway.received[-1][1]["text"])
    assert found
    return found[0]


def channels(desk: Desk, name: str = "dana") -> list[Channel]:
    with desk.database.reading() as session:
        return addresses.confirmed_channels(session, desk.cast.ids[name])


def hold(desk: Desk, name: str = "dana") -> HoldReason | None:
    with desk.database.reading() as session:
        return ownership.hold_of(session, desk.cast.ids[name])


def add_guardian(desk: Desk, typed: str) -> Browser:
    ruth = desk.cast.browser("ruth")
    ruth.open(f"{desk.cast.client_url('dana')}/contact")
    ruth.post(f"{desk.cast.client_url('dana')}/guardians", address=typed)
    return ruth
