"""A keyboard alone is enough, and one always sees where one is."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.running import RunningPortal
from tests.browser.walker import Walker

pytestmark = pytest.mark.browser

MOST_KEYS = 40
WHERE = """() => {
    const here = document.activeElement, style = getComputedStyle(here);
    const box = here.getClientRects()[0];
    const name = here.labels?.[0]?.textContent || here.textContent;
    const atop = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {
        name: name.trim(),
        visible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
            && box.top >= 0 && box.bottom <= innerHeight && here.contains(atop),
    };
}"""
TOP = ["Leave now", "Skip to the page"]


def go_to(walker: Walker, name: str, key: str = "Tab") -> list[str]:
    """From one thing to the next until this one; each shows that it is the one. Gives the way."""
    way: list[str] = []
    while name not in way:
        assert len(way) < MOST_KEYS, f"no way to {name!r}, only {way}"
        walker.page.keyboard.press(key)
        here = walker.page.evaluate(WHERE)
        assert here["visible"], f"{here['name']!r} does not show that it has the keyboard"
        way.append(here["name"])
    return way


@pytest.mark.parametrize("scripts", [True, False])
def test_a_client_signs_in_writes_sends_and_leaves_without_a_mouse(
    visit: Callable[..., Walker], portal: RunningPortal, scripts: bool
) -> None:
    client = portal.newcomer("Ada Lind")
    portal.thread(client, ["How are you?", "Better."], subject="Small steps")
    walker = visit(scripts=scripts, viewport={"width": 360, "height": 740})
    keyboard = walker.page.keyboard
    walker.open("/")
    assert go_to(walker, "User name") == [*TOP, "Notes", "User name"]
    keyboard.type(client.user_name)
    assert go_to(walker, "Passphrase") == ["Passphrase"]
    keyboard.type(client.passphrase)
    assert go_to(walker, "Sign in") == ["Sign in"]
    keyboard.press("Enter")
    walker.sees_words("Your threads")
    assert go_to(walker, "Skip to the page") == TOP
    keyboard.press("Enter")
    walker.page.wait_for_url("**/#main")
    assert go_to(walker, "Small steps") == ["Small steps"]
    keyboard.press("Enter")
    walker.sees("Better.")
    walker.page.wait_for_load_state()
    if scripts:
        walker.has_scripts()
    # The newest words are shown first, and what comes next is the box.
    assert go_to(walker, "Your message") == ["Check for new", "Your message"]
    keyboard.type("Without a mouse.")
    lines = walker.page.locator("form .k a").all_inner_texts()
    assert go_to(walker, "Send") == [*lines, "Send"]
    keyboard.press("Enter")
    expect(walker.page.locator("#m .u").last).to_contain_text("Without a mouse.")
    if scripts:  # one is still where one was
        assert go_to(walker, "Save draft") == ["Save draft"]
        go_to(walker, "Sign out", "Shift+Tab")
    else:
        assert go_to(walker, "Sign out") == [*TOP, "Notes", "Account", "Sign out"]
    keyboard.press("Enter")
    walker.sees_button("Sign in")
    assert go_to(walker, "Leave now") == ["Leave now"]
