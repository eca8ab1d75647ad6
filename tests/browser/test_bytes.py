"""Bytes: everything that passes on the line, headers and all, over plain HTTP on this machine.

HTTP/1.1 repeats its headers with each request; behind the proxy of deploy/, HTTP/2 sends them once
and then names them, so real use is cheaper than what is counted here.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, expect

from bench.letters import PAGE, letters
from bench.relay import Counted, Relay
from bench.wire import Fetched, Wire
from portal.core.compress import compress
from portal.modules.models import Pace
from tests.browser.running import RunningPortal
from tests.browser.sights import SIGHTS, Scene, Sight
from tests.browser.walker import PHONE, Walker
from tests.browser.working import fill_in

pytestmark = pytest.mark.browser

# A page that has nothing of an earlier one: with its stylesheet, without scripts, which come later.
FIRST_PAGE, LONG_THREAD, OTHER_PAGE, MANY_CHOICES = 2_700, 7_500, 3_300, 6_000
STEP, WHOLE_MODULE, POSTBOX = 5_300, 9_000, 5_000
PAGES = {
    sight: FIRST_PAGE if sight.who is None else OTHER_PAGE
    for sight in SIGHTS
    if isinstance(sight.way, str) and sight.status < 400
} | {sight: LONG_THREAD for sight in SIGHTS if sight.way == "{scene.thread}"}
PAGES |= {sight: MANY_CHOICES for sight in SIGHTS if sight.way == "/account/notices"}
# With the stylesheet, as above; in a running visit a step has 4,000 (tests/modules/test_bytes.py).
PAGES |= {sight: STEP for sight in SIGHTS if sight.name in ("step", "choose work")}
PAGES |= {sight: WHOLE_MODULE for sight in SIGHTS if sight.name == "give work"}
# At night people are not told: by day the demo's postbox holds what the tests before had sent.
PAGES |= {sight: POSTBOX for sight in SIGHTS if sight.name == "postbox"}

SCRIPTS, COOKIES, NOTHING_NEW = 18_000, 120, 300
SEND, SEND_UP, SEND_WITHOUT_SCRIPTS = 1_000, 1_000, 3_600
TEXT_RATIO = 1.7
TEXT = letters(1)[0]


class Line:
    """Somebody's browser on a line where everything is counted."""

    def __init__(self, walker: Walker, relay: Relay) -> None:
        self.walker, self._relay, self._wire = walker, relay, Wire(walker.page)

    def take(self) -> tuple[list[Fetched], list[Fetched], Counted]:
        """What came since the last look, pages and scripts, and all that passed on the line."""
        fetched, counted = self._wire.take(), self._relay.take()
        assert sum(one.down for one in fetched) == counted.down, "nothing else was on the line"
        scripts = [one for one in fetched if one.kind == "Script"]
        return [one for one in fetched if one not in scripts], scripts, counted


@pytest.fixture(scope="module")
def scene(portal: RunningPortal) -> Scene:
    return Scene(portal)


@pytest.fixture(scope="module")
def relay(portal: RunningPortal) -> Iterator[Relay]:
    with Relay(portal.port) as relay:
        yield relay


@pytest.fixture
def cold(chromium: Browser, portal: RunningPortal, relay: Relay) -> Iterator[Callable[..., Line]]:
    """A browser that has never been here."""
    with ExitStack() as stack:

        def begin(**options: Any) -> Line:
            url = f"http://127.0.0.1:{relay.port}"
            walker = stack.enter_context(Walker(chromium, portal, url=url, **options))
            relay.take()
            return Line(walker, relay)

        yield begin


@pytest.fixture
def visiting(cold: Callable[..., Line], scene: Scene) -> Callable[..., Line]:
    """A client who has signed in and looks at the long thread for the second time."""

    def begin(**options: Any) -> Line:
        line = cold(**options)
        line.walker.sign_in(scene.client.user_name, scene.client.passphrase)
        for _ in range(2):
            line.take()
            line.walker.open(scene.thread)
        return line

    return begin


@pytest.mark.parametrize("sight", PAGES, ids=lambda sight: sight.name)
def test_a_page_is_one_request_and_within_its_bytes(
    cold: Callable[..., Line], scene: Scene, sight: Sight
) -> None:
    line = cold()
    sight.show(line.walker, scene)
    pages, scripts, _ = line.take()
    assert len(pages) == 1
    assert pages[0].down <= PAGES[sight]
    assert sum(one.down for one in scripts) <= SCRIPTS


def test_the_first_page_asks_for_no_script(cold: Callable[..., Line]) -> None:
    line = cold()
    line.walker.open("/")
    _, scripts, _ = line.take()
    assert scripts == []


def test_save_data_is_taken_at_its_word(cold: Callable[..., Line], scene: Scene) -> None:
    line = cold(extra_http_headers={"Save-Data": "on"})
    for sight in PAGES:
        sight.show(line.walker, scene)
        _, scripts, _ = line.take()
        assert scripts == [], sight.name


def test_in_a_running_visit_a_thread_is_little_more_than_its_text(
    visiting: Callable[..., Line], scene: Scene
) -> None:
    pages, scripts, _ = visiting().take()
    assert len(pages) == 1
    assert scripts == []
    text = "\n".join(letters(2 * PAGE)[-PAGE:])
    assert 20 * 270 <= len(text) <= 20 * 300
    bare, _ = compress(text.encode(), pages[0].encoding)
    assert pages[0].down <= TEXT_RATIO * len(bare)


def test_a_send_is_one_small_round_trip(visiting: Callable[..., Line]) -> None:
    line = visiting()
    line.walker.has_scripts()
    fetched, counted = _send(line)
    assert fetched.down <= SEND
    assert counted.up - len(urlencode({"text": TEXT})) <= SEND_UP


def test_a_send_without_scripts_is_one_round_trip_too(visiting: Callable[..., Line]) -> None:
    fetched, _ = _send(visiting(scripts=False))
    assert fetched.status == 200, "answered at once, not sent on"
    assert fetched.down <= SEND_WITHOUT_SCRIPTS


def _send(line: Line) -> tuple[Fetched, Counted]:
    """A send as it is after a pause in typing: the draft has been saved before."""
    line.walker.fill("Your message", TEXT)
    if line.walker.scripts:
        line.walker.sees_time_after("Saved %(time)s")
    before = _own_messages(line).count()
    line.take()
    line.walker.press("Send")
    line.walker.sees_time_after("Sent %(time)s")
    pages, scripts, counted = line.take()
    assert [one.method for one in pages + scripts] == ["POST"]
    if line.walker.scripts:
        expect(_own_messages(line)).to_have_count(before + 1)
    return pages[0], counted


def _own_messages(line: Line) -> Locator:
    return line.walker.page.locator("#m .u")


def test_nothing_new_costs_almost_nothing(visiting: Callable[..., Line]) -> None:
    line = visiting()
    line.walker.has_scripts()
    line.take()
    line.walker.page.get_by_role("link", name="Check for new").click()
    line.walker.sees_time_after("Nothing new, %(time)s")
    pages, scripts, counted = line.take()
    assert len(pages + scripts) == 1
    assert counted.down <= NOTHING_NEW


def test_cookies_stay_small(visiting: Callable[..., Line]) -> None:
    cookies = visiting().walker.context.cookies()
    assert len("; ".join(f"{one['name']}={one['value']}" for one in cookies)) <= COOKIES


# Up go mostly headers, which HTTP/2 does not repeat.
EIGHT_STEPS, EIGHT_STEPS_UP = 60_000, 25_000


def test_eight_steps_on_a_phone_weigh_less_than_one_picture(
    cold: Callable[..., Line], portal: RunningPortal
) -> None:
    """From the first visit to the last answer, sign-in and scripts and all."""
    newcomer = portal.newcomer("Nora Feld")
    work = portal.work(newcomer, "sleep", pace=Pace.IN_ORDER)
    line = cold(**PHONE)
    walker = line.walker
    walker.sign_in(newcomer.user_name, newcomer.passphrase)
    walker.pick("Sleep again")
    walker.follow("Begin")
    for number in range(1, 9):
        expect(walker.page.get_by_text(re.compile(f"Step {number} of"))).to_be_visible()
        fill_in(walker, "A few words, as people write them")
        walker.press("Send and go on")
    walker.sees_words("You sent this. Your counsellor reads it and writes to you here.")
    assert walker.page.url.partition("?")[0].endswith(work)
    _, _, counted = line.take()
    assert counted.down <= EIGHT_STEPS
    assert counted.up <= EIGHT_STEPS_UP
