"""Work that is given: chosen, done on a bad line, read, answered, done again, and over."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from portal.core.ids import short
from tests.browser.running import Newcomer, RunningPortal
from tests.browser.walker import DESK, PHONE, Walker
from tests.browser.working import fill_in

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Setting:
    """In which language, by whom, and whether the client's phone runs scripts."""

    language: str
    scripts: bool
    clinician: str
    client: str
    module: str


SETTINGS = {
    "with scripts": Setting("en", True, "ruth", "Ivy Marlow", "Ride the urge"),
    "without scripts": Setting("es", False, "luis", "Abril Soto", "Montar la ola de las ganas"),
}
WORDS, OTHER_WORDS = "By the river, on my own", "By the river, with my sister"
NOTICED, BESIDE = "You stayed with it to the end.", "This one I will remember."


@pytest.fixture(params=SETTINGS.values(), ids=list(SETTINGS))
def setting(request: pytest.FixtureRequest) -> Setting:
    chosen: Setting = request.param
    return chosen


def test_work_is_given_done_on_a_bad_line_read_done_again_and_over(
    setting: Setting, visit: Callable[..., Walker], portal: RunningPortal
) -> None:
    newcomer = portal.newcomer(setting.client, setting.language, by=setting.clinician)
    clinician = visit(language=setting.language, scripts=setting.scripts, **DESK)
    client = visit(language=setting.language, scripts=setting.scripts, slow=True, **PHONE)

    clinician.sign_in(setting.clinician)
    _gives(clinician, setting, newcomer)
    client.sign_in(newcomer.user_name, newcomer.passphrase)
    _begins(client, setting)
    _comes_back_to_what_was_saved(client)
    _loses_the_line(client)
    for number in range(3, 6):
        client.sees_words("Step %(number)s of %(count)s", number=number, count=5)
        fill_in(client, WORDS)
        client.press("Send and go on")
    client.sees_words("You sent this. Your counsellor reads it and writes to you here.")

    _reads_and_asks_again(clinician, setting, newcomer)
    _looks_again(client, setting)
    _sees_what_changed(clinician)
    client.page.reload()
    client.press("I have read it. Done.")
    client.follow("Notes")
    client.sees_not(setting.module)
    clinician.open(f"/clients/{short(newcomer.engagement_id)}")
    expect(clinician.page.locator(".c li", has_text=setting.module)).to_contain_text(
        clinician.say("Done")
    )


def _gives(clinician: Walker, setting: Setting, newcomer: Newcomer) -> None:
    clinician.open(f"/clients/{short(newcomer.engagement_id)}")
    clinician.follow("Give work")
    clinician.pick(setting.module)
    clinician.press("Give it to %(name)s", name=setting.client)
    clinician.sees_words("Given, not opened yet")


def _begins(client: Walker, setting: Setting) -> None:
    client.sees_words("Your work")
    client.pick(setting.module)
    client.follow("Begin")
    client.sees_words("Step %(number)s of %(count)s", number=1, count=5)


def _comes_back_to_what_was_saved(client: Walker) -> None:
    """Half a step is there again after going away."""
    fill_in(client, WORDS)
    if not client.scripts:
        client.press("Save")
    client.sees_time_after("Saved %(time)s")
    page = client.page.url
    client.follow("Notes")
    client.sees_words("Your work")
    client.open(page)
    expect(client.page.locator("[name='a.plan_watch.what']")).to_have_value(WORDS)
    client.press("Send and go on")
    client.sees_words("Step %(number)s of %(count)s", number=2, count=5)


def _loses_the_line(client: Walker) -> None:
    """Nothing typed is gone: the same button works once the line is there again, or, where the
    browser has put a page of its own there, its button to try again."""
    fill_in(client, WORDS)
    with client.without_a_line():
        with client.page.expect_event("requestfailed"):
            client.press("Send and go on")
        if client.scripts:
            client.sees_words("Not saved. Your words are still here.")
    if client.scripts:
        client.press("Send and go on")
    else:
        client.page.reload()


def _reads_and_asks_again(clinician: Walker, setting: Setting, newcomer: Newcomer) -> None:
    clinician.open("/")
    row = clinician.page.locator(".c li", has_text=setting.client)
    expect(row.locator("mark")).to_have_count(1)
    clinician.pick(setting.client)
    clinician.pick(setting.module)
    form = clinician.page.locator("form:has([name='f.line_away'])")
    form.locator("summary").first.click()
    form.locator("[name='f.line_away']").fill(BESIDE)
    form.locator("[name='s.noticed']").fill(NOTICED)
    form.locator("[value=ask]").click()
    clinician.sees(NOTICED)
    clinician.sees_words("Asked to look again")


def _looks_again(client: Walker, setting: Setting) -> None:
    client.follow("Notes")
    client.sees_words("Please look again")
    client.pick(setting.module)
    client.page.locator(".c a").last.click()
    client.sees(BESIDE)
    client.sees(NOTICED)
    client.page.locator("[name='a.line_away']").fill(OTHER_WORDS)
    client.press("Send and go on")
    client.press("Send it all to your counsellor")
    client.sees_words("You sent this. Your counsellor reads it and writes to you here.")


def _sees_what_changed(clinician: Walker) -> None:
    clinician.page.reload()
    clinician.sees(OTHER_WORDS)
    answer = clinician.page.locator(".n", has=clinician.page.locator("[name='f.line_away']"))
    expect(answer).to_contain_text(clinician.say("Before:"))
    expect(answer).to_contain_text(WORDS)
    form = clinician.page.locator("form:has([name='f.line_away'])")
    form.locator("[name='s.noticed']").fill("Better still.")
    form.locator("[value=send]").click()
    clinician.sees("Better still.")
    clinician.press("That is all")
    clinician.sees_words("Feedback given")
