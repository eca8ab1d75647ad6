"""A step of given work on a phone with scripts: what is pressed leads where somebody looks."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.running import RunningPortal
from tests.browser.walker import PHONE, Walker

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(visit: Callable[..., Walker], portal: RunningPortal) -> Callable[[str, str], Walker]:
    def open_step(module: str, step: str) -> Walker:
        newcomer = portal.newcomer("Nora Feld")
        work, walker = portal.work(newcomer, module), visit(**PHONE)
        walker.sign_in(newcomer.user_name, newcomer.passphrase)
        walker.open(f"{work}/steps/{step}")
        walker.has_scripts()
        return walker

    return open_step


def test_one_more_row_keeps_what_was_typed_and_leads_to_the_new_row(
    phone: Callable[[str, str], Walker],
) -> None:
    walker = phone("sleep-diary", "nights")
    first, second = (walker.page.locator(f"[name='a.nights.{row}.date']") for row in range(2))
    for number in range(2):
        walker.page.locator(f"[name='a.nights.{number}.date']").fill(f"2026-03-0{number + 2}")
        walker.press("One more row")
        expect(walker.page.locator(f"[name='a.nights.{number + 1}.date']")).to_be_in_viewport()
    expect(first).to_have_value("2026-03-02")
    expect(second).to_have_value("2026-03-03")
    walker.press("Save for today")
    walker.sees_time_after("Saved %(time)s")


def test_help_comes_before_the_eyes_of_whoever_pressed_a_button(
    phone: Callable[[str, str], Walker],
) -> None:
    walker = phone("gambling", "count")
    walker.expects(422)
    walker.page.locator("[name='a.dark_thoughts'][value=yes]").check()
    walker.press("Send and go on")
    help_now = walker.page.get_by_text("get help now")
    expect(help_now).to_be_in_viewport()
    expect(walker.page.locator("#saved a[href^='tel:988']")).to_be_in_viewport()
    walker.page.locator("[name='a.bets.0.date']").fill("2026-03-02")
    walker.sees_time_after("Saved %(time)s")
    expect(help_now).to_be_visible()
    expect(walker.page.locator("[name='a.bets.0.date']")).to_be_focused()
    walker.open(walker.page.url)
    expect(help_now).to_be_in_viewport()
