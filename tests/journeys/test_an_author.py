"""A clinician writes a module without help, looks at it as a client, and gives it to one."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from portal.core.ids import short
from tests.browser.running import Newcomer, RunningPortal
from tests.browser.walker import DESK, PHONE, Walker

pytestmark = pytest.mark.browser

SCREENS = {
    "a desk": ("en", True, DESK),
    "a phone without scripts": ("es", False, PHONE),
}


@pytest.mark.parametrize("setting", SCREENS.values(), ids=list(SCREENS))
def test_from_the_template_to_the_client(
    setting: tuple[str, bool, dict[str, Any]], visit: Callable[..., Walker], portal: RunningPortal
) -> None:
    language, scripts, screen = setting
    author = {"en": "ruth", "es": "luis"}[language]
    name = f"My module {language}"
    clinician = visit(language=language, scripts=scripts, **screen)
    client = portal.newcomer("Ada Lind", by=author)
    clinician.sign_in(author)
    clinician.follow("Modules and worksheets")
    clinician.press("Write a new one")
    _makes_and_mends_a_mistake(clinician, name, f"my-{language}")
    _looks_at_it_as_a_client(clinician, language)
    clinician.follow("Back to the module")
    clinician.press("Publish")
    clinician.sees("1.0.0")
    clinician.open("/")
    _gives_it(clinician, f"/clients/{short(client.engagement_id)}", name)
    _is_there(visit, portal, client, name)


def _makes_and_mends_a_mistake(clinician: Walker, name: str, module_id: str) -> None:
    """The page tells the line; what was typed is still in the box."""
    box = clinician.box("The file")
    text = box.input_value().replace("my-first-module", module_id)
    text = text.replace("A small walk", name).replace("Un paseo corto", name)
    wrong = text.replace("goto: end", "goto: nowhere")
    line = 1 + wrong[: wrong.index("goto: nowhere")].count("\n")
    box.fill(wrong)
    clinician.press("Check")
    # The branch is told by the line on which its entry begins.
    clinician.sees_words("There is no step “%(goto)s” to go to.", goto="nowhere")
    told = clinician.page.locator("[role=alert] li a").first.inner_text()
    assert abs(int(told.split()[-1]) - line) <= 3
    assert box.input_value() == wrong
    box.fill(text)
    clinician.press("Check")
    clinician.sees_words("Nothing is wrong.")


def _looks_at_it_as_a_client(clinician: Walker, language: str) -> None:
    """As wide as on a phone, in the other language, down the other way."""
    clinician.press("Look at it as a client")
    frame = clinician.page.locator("section.f")
    expect(frame).to_be_visible()
    box = frame.bounding_box()
    assert box
    assert box["width"] <= 366
    assert not clinician.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    other = {"en": "es", "es": "en"}[language]
    clinician.box("Language").select_option(other)
    clinician.press("Show it so")
    words = {"en": "Can you go outside today?", "es": "¿Puede salir hoy?"}[other]
    expect(frame.get_by_text(words)).to_be_visible()
    frame.locator("select").first.select_option("3")
    frame.locator("[name='a.can_walk'][value=no]").check()
    frame.locator("[value=next]").click()
    reply = {"en": "Then not today.", "es": "Entonces hoy no."}[other]
    clinician.sees(reply)
    clinician.sees({"en": "The end", "es": "Fin"}[other])


def _gives_it(clinician: Walker, client_url: str, name: str) -> None:
    clinician.open(client_url)
    clinician.follow("Give work")
    clinician.pick(name)
    clinician.page.get_by_role("button").last.click()
    clinician.sees(name)


def _is_there(
    visit: Callable[..., Walker], portal: RunningPortal, client: Newcomer, name: str
) -> None:
    reader = visit(**PHONE)
    reader.carry(portal.cookie(client.user_name, client.passphrase))
    reader.open("/")
    reader.pick(name)
    reader.follow("Begin")
    reader.sees("Look out of the window for a moment.")
