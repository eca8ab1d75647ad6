"""A counsellor writes at ten at night, to somebody who is not to be told before nine.

Nothing goes out; the queue is killed, and comes back; at nine there is one text, which tells
nothing. Client and counsellor see all of it on their pages.
"""

import datetime as dt
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from portal.notifications.wordings import WORDINGS, sender_name, text_body
from tests.browser.running import MovedPortal
from tests.browser.walker import DESK, PHONE, Walker
from tests.servers import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DENVER = ZoneInfo("America/Denver")
MATEO = "+19705550163"
# More than the clock takes between two looks for what is due.
SOME_LOOKS_SECONDS = 7


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[MovedPortal]:
    """The demo, which begins on an afternoon: what its story has left to tell goes out then."""
    portal = MovedPortal(tmp_path)
    portal.start_at(at("15:00"))
    yield portal
    portal.stop()


def at(clock_time: str, days: int = 0) -> dt.datetime:
    """By the clock on the clinic's wall, tomorrow or some days after."""
    day = dt.datetime.now(DENVER).date() + dt.timedelta(days=1 + days)
    return dt.datetime.combine(day, dt.time.fromisoformat(clock_time), DENVER)


def texts(portal: MovedPortal) -> list[str]:
    """What came to Mateo's telephone."""
    caught = portal.folder / "data/postbox/sms.jsonl"
    lines = caught.read_text("utf-8").splitlines() if caught.exists() else []
    return [one["body"] for one in map(json.loads, lines) if one["to"] == MATEO]


def kill_the_queue(portal: MovedPortal) -> None:
    pid = queue_of(portal)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: queue_of(portal) not in (None, pid), "the queue is there again", 30)


def queue_of(portal: MovedPortal) -> int | None:
    found = (pid for pid, what in portal.processes.items() if "valkey-server" in what)
    return next(found, None)


def test_ten_at_night_is_nine_in_the_morning(portal: MovedPortal, chromium: Browser) -> None:
    wait_until(lambda: texts(portal), "the story's own text goes out", 30)
    before = len(texts(portal))
    with (
        Walker(chromium, portal, language="es", **DESK) as luis,
        Walker(chromium, portal, language="es", **PHONE) as mateo,
    ):
        portal.turn(at("22:00"))
        _luis_writes_twice(luis)
        _both_see(luis, mateo, r"Por mensaje de texto: sale el .+ 09:00")

        kill_the_queue(portal)
        portal.turn(at("08:58", days=1))
        time.sleep(SOME_LOOKS_SECONDS)
        assert len(texts(portal)) == before, "it is quiet until nine"
        kill_the_queue(portal)

        portal.turn(at("09:00", days=1))
        wait_until(lambda: len(texts(portal)) > before, "a text goes out", 30)
        time.sleep(SOME_LOOKS_SECONDS)
        assert len(texts(portal)) == before + 1, "two messages, and one text"
        assert texts(portal)[-1] in everything_that_may_be_said()

        for walker, name in ((luis, "luis"), (mateo, "mateo")):
            walker.context.clear_cookies()
            walker.sign_in(name)
        _both_see(luis, mateo, r"09:00 · Por mensaje de texto: llegó(?!,)")
        _mateo_reads(mateo)
        _both_see(luis, mateo, r"09:00 · Por mensaje de texto: llegó, abierto el .+ 09:\d\d")
        _the_postbox_shows_them(luis, before + 1)


def everything_that_may_be_said() -> set[str]:
    """Mateo's texts come from the name that he chose, in words that tell nothing."""
    name = sender_name("reminder", "es")
    return {text_body(f"pointer/{one}", "es", name) for one in WORDINGS}


def _luis_writes_twice(luis: Walker) -> None:
    luis.sign_in("luis")
    luis.pick("Mateo Reyes")
    luis.page.locator("main .c a").first.click()
    for words in ("Mañana hablamos de los exámenes.", "Y del perro, claro."):
        luis.fill("Your message", words)
        luis.press("Send")
        luis.sees(words)


def _both_see(luis: Walker, mateo: Walker, telling: str) -> None:
    """What we told, on the page of each; none of what the message was about."""
    luis.open("/")
    luis.pick("Mateo Reyes")
    luis.page.get_by_role(
        "link", name=luis.say("How to reach %(name)s", name="Mateo Reyes")
    ).click()
    mateo.open("/account/notices")
    if mateo.button("Sign in").is_visible():
        mateo.sign_in("mateo")
        mateo.open("/account/notices")
    for walker in (luis, mateo):
        line = walker.page.locator("main p, main li").filter(has_text=re.compile(telling))
        expect(line.first).to_be_visible()
        walker.sees_not("exámenes.")


def _mateo_reads(mateo: Walker) -> None:
    mateo.open("/")
    mateo.page.locator("main .c a[href^='/threads/']").first.click()
    mateo.sees("Y del perro, claro.")


def _the_postbox_shows_them(walker: Walker, count: int) -> None:
    walker.open("/postbox")
    expect(walker.page.locator("main li").filter(has_text=MATEO)).to_have_count(count)
