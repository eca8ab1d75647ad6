"""Nothing that was typed is lost: on another device, after the session has died, on a dead line."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.running import Newcomer, RunningPortal
from tests.browser.walker import PHONE, Walker
from tests.faults.test_line import a_line

pytestmark = pytest.mark.browser

with_and_without_scripts = pytest.mark.parametrize("scripts", [True, False])
HALF = "It began on Sunday, when"


@pytest.fixture
def writer(portal: RunningPortal) -> Newcomer:
    return portal.newcomer("Ada Lind")


@pytest.fixture
def thread(portal: RunningPortal, writer: Newcomer) -> str:
    return portal.thread(writer, ["How are you?", "Better.", "Good."])


@pytest.fixture
def at_home(
    visit: Callable[..., Walker], portal: RunningPortal, writer: Newcomer
) -> Callable[..., Walker]:
    """The writer, signed in at a browser."""

    def begin(**options: Any) -> Walker:
        walker = visit(**options)
        walker.carry(portal.cookie(writer.user_name, writer.passphrase))
        return walker

    return begin


def test_a_draft_goes_from_the_phone_to_the_computer(
    at_home: Callable[..., Walker], thread: str
) -> None:
    phone, computer = at_home(**PHONE), at_home(scripts=False)
    phone.open(thread)
    phone.type("Your message", HALF)
    phone.sees_time_after("Saved %(time)s")
    computer.open(thread)
    expect(computer.box("Your message")).to_have_value(HALF)
    computer.fill("Your message", f"{HALF} it rained.")
    computer.press("Save draft")
    computer.sees_time_after("Saved %(time)s")
    phone.page.reload()
    phone.press("Send")
    phone.sees(f"{HALF} it rained.")


def test_what_is_typed_is_kept_when_the_page_is_left_at_once(
    at_home: Callable[..., Walker], thread: str
) -> None:
    walker = at_home()
    walker.open(thread)
    walker.type("Your message", HALF)
    walker.follow("Account")
    walker.sees_words("Your account")
    walker.open(thread)
    expect(walker.box("Your message")).to_have_value(HALF)


@with_and_without_scripts
def test_text_sent_after_the_session_died_waits_behind_the_door(
    at_home: Callable[..., Walker],
    thread: str,
    portal: RunningPortal,
    writer: Newcomer,
    scripts: bool,
) -> None:
    walker = at_home(scripts=scripts)
    walker.open(thread)
    walker.expects(401)
    portal.let_idle(writer.person)
    walker.fill("Your message", HALF)
    walker.press("Send")
    walker.sees_button("Sign in")
    walker.sees_not(HALF)
    walker.fill("User name", writer.user_name)
    walker.fill("Passphrase", writer.passphrase)
    walker.press("Sign in")
    walker.sees(HALF)
    walker.press("Put it in the box")
    expect(walker.box("Your message")).to_have_value(HALF)
    walker.press("Send")
    expect(walker.page.locator("#m .u").last).to_contain_text(HALF)


def test_a_dead_line_leaves_the_words_where_they_are(
    at_home: Callable[..., Walker], thread: str
) -> None:
    walker = at_home()
    walker.open(thread)
    walker.fill("Your message", HALF)
    walker.sees_time_after("Saved %(time)s")
    walker.context.set_offline(True)
    walker.press("Send")
    walker.sees_words("Not sent. Your words are still here.")
    expect(walker.box("Your message")).to_have_value(HALF)
    walker.context.set_offline(False)
    walker.press("Send")
    expect(walker.page.locator("#m .u").last).to_contain_text(HALF)
    walker.trouble.clear()  # what a browser has to say of a dead line


def test_what_is_written_on_after_an_answer_got_lost_is_there_when_the_page_is_opened_again(
    at_home: Callable[..., Walker], portal: RunningPortal, thread: str
) -> None:
    more = f"{HALF} it rained."
    with a_line(portal.port) as line:
        walker = at_home(url=f"http://127.0.0.1:{line.port}")
        walker.open(thread)
        walker.fill("Your message", HALF)
        walker.sees_time_after("Saved %(time)s")
        line.lets_pass = 0
        walker.press("Send")
        walker.sees_words("Not sent. Your words are still here.")
        line.lets_pass = None
        walker.fill("Your message", more)
        walker.sees_time_after("Saved %(time)s")
        walker.open(thread)
        expect(walker.box("Your message")).to_have_value(more)
        expect(walker.page.locator("#m .u", has_text=HALF)).to_have_count(1)
        walker.trouble.clear()  # what a browser has to say of a line that was cut


def test_what_is_typed_while_a_send_is_on_its_way_stays_in_the_box(
    at_home: Callable[..., Walker], thread: str
) -> None:
    walker, held = at_home(), list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    walker.open(thread)
    walker.has_scripts()
    walker.fill("Your message", HALF)
    walker.page.route("**/threads/*", hold)
    walker.press("Send")
    walker.box("Your message").press("End")
    walker.type("Your message", " And this.")
    assert len(held) == 1
    held[0].continue_()
    walker.page.unroute_all()
    expect(walker.page.locator("#m .u").last).to_contain_text(HALF)
    expect(walker.page.locator("#m .u").last).not_to_contain_text("And this.")
    expect(walker.box("Your message")).to_have_value("And this.")
    walker.sees_time_after("Saved %(time)s")
    walker.open(thread)
    expect(walker.box("Your message")).to_have_value("And this.")


def test_the_button_saves_with_scripts_too(at_home: Callable[..., Walker], thread: str) -> None:
    walker = at_home()
    walker.open(thread)
    walker.has_scripts()
    walker.fill("Your message", HALF)
    walker.press("Save draft")
    walker.sees_time_after("Saved %(time)s")
    expect(walker.box("Your message")).to_have_value(HALF)
    walker.press("Send")
    expect(walker.page.locator("#m .u").last).to_contain_text(HALF)


@with_and_without_scripts
def test_text_over_the_limit_stays_in_the_box(
    at_home: Callable[..., Walker], thread: str, scripts: bool
) -> None:
    walker, long = at_home(scripts=scripts), "All of it. " * 800
    walker.open(thread)
    walker.expects(422)
    walker.fill("Your message", long)
    walker.press("Send")
    expect(walker.page.get_by_role("alert").filter(visible=True)).to_be_visible()
    expect(walker.box("Your message")).to_have_value(long)


@with_and_without_scripts
def test_send_pressed_twice_and_once_more_after_back_is_one_message(
    at_home: Callable[..., Walker], thread: str, scripts: bool
) -> None:
    walker = at_home(scripts=scripts)
    walker.open(thread)
    walker.fill("Your message", HALF)
    walker.presses_twice("Send")
    walker.sees_time_after("Sent %(time)s")
    walker.page.reload()
    walker.open(thread)
    expect(walker.page.locator("#m .u", has_text=HALF)).to_have_count(1)
