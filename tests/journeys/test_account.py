"""One's own account: languages, sessions, passphrase and recovery code; and the administrator's."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.running import Newcomer, RunningPortal
from tests.browser.walker import PHONE, Walker

pytestmark = pytest.mark.browser

OWN = "nine tired otters swim home"


@pytest.fixture
def owner(portal: RunningPortal) -> Newcomer:
    return portal.newcomer("Ada Lind")


def test_a_visitor_and_a_client_choose_their_language(
    visit: Callable[..., Walker], owner: Newcomer
) -> None:
    walker = visit(scripts=False)
    walker.open("/")
    walker.pick("Español")
    expect(walker.page.get_by_role("button", name="Entrar")).to_be_visible()
    walker.pick("English")
    walker.sees_button("Sign in")
    walker.sign_in(owner.user_name, owner.passphrase)
    walker.follow("Account")
    walker.page.get_by_label("Español").check()
    walker.press("Save language")
    expect(walker.page.get_by_role("heading", name="Su cuenta")).to_be_visible()
    expect(walker.page.locator("html")).to_have_attribute("lang", "es")


@pytest.mark.parametrize("scripts", [True, False])
def test_sessions_elsewhere_are_seen_and_ended(
    visit: Callable[..., Walker], owner: Newcomer, scripts: bool
) -> None:
    computer, phone = visit(scripts=scripts), visit(scripts=scripts, **PHONE)
    for walker in (phone, computer):
        walker.sign_in(owner.user_name, owner.passphrase)
    computer.follow("Account")
    # The one in which the invitation was accepted, and the phone's.
    for left in (1, 0):
        computer.button("Sign out there").first.click()
        expect(computer.button("Sign out there")).to_have_count(left)
    phone.page.reload()
    phone.sees_button("Sign in")
    computer.follow("Notes")
    computer.sees_words("Your threads")


def test_the_passphrase_is_changed_and_forgotten(
    visit: Callable[..., Walker], owner: Newcomer
) -> None:
    walker = visit()
    walker.sign_in(owner.user_name, owner.passphrase)
    walker.follow("Account")
    walker.expects(422)
    walker.page.locator("#current").fill("not the one I have")
    walker.fill("New passphrase", OWN)
    walker.press("Change it")
    expect(walker.page.get_by_role("alert")).to_be_visible()
    walker.page.locator("#current").fill(owner.passphrase)
    walker.fill("New passphrase", OWN)
    walker.press("Change it")
    expect(walker.page.get_by_role("status")).to_be_visible()
    code = _new_recovery_code(walker)
    walker.press("Sign out")
    walker.follow("I forgot my passphrase")
    walker.fill("User name", owner.user_name)
    walker.fill("Recovery code", code)
    walker.press("Go on")
    walker.sees_words("Your new passphrase")
    passphrase = walker.page.locator("code").first.inner_text()
    walker.fill("Type the passphrase once", passphrase)
    walker.press("I wrote them down")
    walker.sees_words("Your threads")
    walker.press("Sign out")
    walker.sees_button("Sign in")
    walker.sign_in(owner.user_name, passphrase)


def _new_recovery_code(walker: Walker) -> str:
    walker.page.locator("#passphrase").fill(OWN)
    walker.press("Make a new code")
    code = walker.page.locator("code").inner_text()
    walker.follow("I wrote it down")
    walker.sees_words("Your account")
    return code


@pytest.mark.parametrize("scripts", [True, False])
def test_the_administrator_invites_somebody_and_turns_the_account_off(
    visit: Callable[..., Walker], scripts: bool
) -> None:
    tom, colleague = visit(scripts=scripts), visit(scripts=scripts)
    name = f"Carla Voss {'with' if scripts else 'without'}"
    tom.sign_in("tom")
    tom.fill("Name", name)
    tom.box("Role").select_option("clinician")
    tom.press("Make the invitation")
    _come(colleague, tom.page.locator("code").inner_text())
    colleague.follow("Skip this for now")
    colleague.sees_words("Your clients")
    tom.follow("Done")
    tom.pick(name)
    tom.press("Turn this account off")
    tom.sees_button("Turn this account on")
    colleague.page.reload()
    colleague.sees_button("Sign in")


def _come(colleague: Walker, code: str) -> None:
    colleague.open("/invitation")
    colleague.fill("Code", code)
    colleague.press("Go on")
    colleague.fill("Type the passphrase once", colleague.page.locator("code").first.inner_text())
    colleague.press("I wrote them down")
