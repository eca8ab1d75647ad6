"""The whole way: a client comes with a code, writes, is answered, and the thread ends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.running import RunningPortal
from tests.browser.walker import DESK, NOTHING_STORED, PHONE, Walker

pytestmark = pytest.mark.browser

FIRST = "I did not sleep well on Tuesday.\nI would like to tell you why. 🌙"
SECOND = "One more thing: the dog is fine."
ANSWER = "Thank you for writing. Tell me about Tuesday: https://example.org/sleep"


@dataclass(frozen=True)
class Setting:
    """Where, with what and in which language the story is told."""

    language: str
    scripts: bool
    clinician: str
    client: str
    screen: dict[str, Any]
    slow: bool = False


SETTINGS = {
    "a phone on a slow line": Setting("en", True, "ruth", "Noel Ashby", PHONE, slow=True),
    "a phone without scripts": Setting("es", False, "luis", "Inés Calderón", PHONE),
    "a desk": Setting("es", True, "luis", "Nahuel Ríos", DESK),
    "a desk without scripts": Setting("en", False, "ruth", "Wren Talbot", DESK),
}


@pytest.fixture(params=SETTINGS.values(), ids=list(SETTINGS))
def setting(request: pytest.FixtureRequest) -> Setting:
    chosen: Setting = request.param
    return chosen


@pytest.fixture
def begin(setting: Setting, visit: Callable[..., Walker]) -> Callable[[], Walker]:
    """Somebody at a browser of this setting."""
    return lambda: visit(
        language=setting.language, scripts=setting.scripts, slow=setting.slow, **setting.screen
    )


def test_from_the_invitation_to_a_new_thread(
    setting: Setting, begin: Callable[[], Walker], portal: RunningPortal
) -> None:
    name = setting.client
    clinician, client = begin(), begin()

    clinician.sign_in(setting.clinician)
    code = _invites(clinician, setting, name)
    _comes(client, code)
    _writes_first(client)
    _finds_it_in_the_list(clinician, name)
    _answers(clinician)
    _is_answered(client)
    _takes_back(client, clinician)
    _needs_no_reply(client, clinician, name)
    _carries_text_out_of_a_closed_thread(client, clinician)

    client.press("Sign out")
    client.sees_button("Sign in")
    assert not setting.scripts or client.stored() == NOTHING_STORED


def _invites(clinician: Walker, setting: Setting, name: str) -> str:
    clinician.follow("Invite a client")
    clinician.fill("Name", name)
    clinician.page.get_by_label({"en": "English", "es": "Español"}[setting.language]).check()
    clinician.box("Who else holds the record?").select_option("Helen Marsh")
    clinician.press("Make the invitation")
    clinician.sees_words("Invitation for %(name)s", name=name)
    return clinician.page.locator("code").inner_text()


def _comes(client: Walker, code: str) -> None:
    """Types the code as it was read out, then the passphrase that is offered, and is at home."""
    client.open("/")
    client.follow("I have a code")
    client.type("Code", code.lower().replace("-", " "))
    client.press("Go on")
    client.sees_words("Welcome")
    passphrase, recovery_code = client.page.locator("code").all_inner_texts()[:2]
    assert len(passphrase.split()) >= 4
    assert code not in client.page.url
    client.expects(422)
    client.fill("Type the passphrase once", "too short")
    client.press("I wrote them down")
    client.sees(recovery_code)
    client.fill("Type the passphrase once", passphrase)
    client.press("I wrote them down")
    client.sees_words("How may we tell you that something waits?")
    client.follow("Skip this for now")
    client.sees_words("Your threads")


def _writes_first(client: Walker) -> None:
    """The draft is there again after going away; what is sent has its line breaks."""
    client.follow("Start a new thread")
    client.fill("What is it about?", "Tuesday")
    client.type("Your message", FIRST)
    if not client.scripts:
        client.press("Save draft")
    client.sees_time_after("Saved %(time)s")
    client.follow("Notes")
    client.follow("Start a new thread")
    expect(client.box("What is it about?")).to_have_value("Tuesday")
    expect(client.box("Your message")).to_have_value(FIRST)
    client.press("Send")
    client.sees_time_after("Sent %(time)s")
    client.sees("I would like to tell you why. 🌙")
    expect(client.page.locator("#m .u").last).to_contain_text(client.say("received"))
    expect(client.box("Your message")).to_have_value("")


def _finds_it_in_the_list(clinician: Walker, name: str) -> None:
    """Who has waited longest is on top; the message of a moment ago is the last that waits."""
    clinician.open("/")
    waiting = clinician.page.locator(".c li", has=clinician.page.locator("mark"))
    assert waiting.get_by_role("link").all_inner_texts()[-1] == name
    rows = clinician.page.locator(".c li")
    marks = [row.locator("mark").count() for row in rows.all()]
    assert marks == sorted(marks, reverse=True)
    clinician.pick(name)
    clinician.pick("Tuesday")
    clinician.sees("I would like to tell you why. 🌙")


def _answers(clinician: Walker) -> None:
    clinician.fill("Your message", ANSWER)
    clinician.press("Send")
    clinician.sees_time_after("Sent %(time)s")
    clinician.sees("Thank you for writing.")
    link = clinician.page.locator("#m").get_by_role("link", name="https://example.org/sleep")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


def _is_answered(client: Walker) -> None:
    client.page.get_by_role("link", name=client.say("Check for new")).click()
    client.sees("Thank you for writing.")


def _takes_back(client: Walker, clinician: Walker) -> None:
    client.fill("Your message", SECOND)
    client.press("Send")
    client.sees(SECOND)
    client.button("Take back").last.click()
    client.sees_words("Taken back")
    client.sees_not(SECOND)
    clinician.page.reload()
    clinician.sees_words("Taken back")
    clinician.sees_not(SECOND)
    expect(client.button("Take back")).to_have_count(0)


def _needs_no_reply(client: Walker, clinician: Walker, name: str) -> None:
    thread = clinician.page.url
    client.fill("Your message", "All is well now, thank you.")
    client.press("Send")
    client.sees("All is well now, thank you.")
    _unfold(client, "No reply needed")
    client.press("No reply needed")
    told = client.say("%(name)s says no reply is needed (%(when)s).", name=name, when="|")
    client.sees(told.partition("|")[0])
    clinician.open("/")
    row = clinician.page.locator(".c li", has_text=name)
    expect(row).to_be_visible()
    expect(row.locator("mark")).to_have_count(0)
    clinician.open(thread)
    clinician.sees("All is well now, thank you.")
    clinician.sees(told.partition("|")[0])


def _carries_text_out_of_a_closed_thread(client: Walker, clinician: Walker) -> None:
    """Whoever was still writing finds the words in a new thread, and nothing is a dead end."""
    client.fill("Your message", "May I ask one more question?")
    _unfold(clinician, "Close this thread")
    clinician.press("Close this thread")
    expect(clinician.box("Your message")).to_have_count(0)
    client.expects(409)
    client.press("Send")
    client.sees_words("New thread")
    expect(client.box("What is it about?")).to_have_value("Tuesday")
    expect(client.box("Your message")).to_have_value("May I ask one more question?")
    client.press("Send")
    client.sees("May I ask one more question?")
    client.follow("Notes")
    expect(client.page.locator(".c li")).to_have_count(2)
    client.sees_words("Closed")


def _unfold(walker: Walker, button: str) -> None:
    """Small deeds may be folded away under a word."""
    if not walker.button(button).is_visible():
        walker.page.locator("summary").click()
