"""The steps of given work on their pages, as a browser without scripts fills them in."""

import re
import uuid
from typing import Any

from portal.core.ids import short
from tests.cast import Browser

Fields = dict[str, Any]
LOOK: Fields = {
    "a.best": "The walk on Tuesday",
    "a.mood": "4",
    "a.helped": ["walk", "talk"],
    "a.sleep_hours": "6,5",
}
SAFE: Fields = {
    "a.gate": "no",
    "a.log.0.place": "At home",
    "a.log.0.strength": "7",
    "a.alone": "yes",
}
PLAN: Fields = {
    "a.act.what": "Walk to the lake",
    "a.act.when": "Saturday",
    "a.act.confidence": "8",
}


def url_of(work: uuid.UUID, step: str = "") -> str:
    return f"/work/{short(work)}" + (f"/steps/{step}" if step else "")


def fill(
    browser: Browser, url: str, action: str = "next", *, htmx: bool = False, **fields: Any
) -> Any:
    """Posts a step's form as the page that is open has it."""
    based_on = re.search(r'name=based_on value="(\d+)"', browser.page.text)
    hidden: Fields = {"nonce": browser.nonce, "based_on": based_on[1] if based_on else "0"}
    return browser.post(url, htmx=htmx, **hidden, **fields, action=action)


def hidden_in(browser: Browser, step: str, form: str = "feedback") -> Fields:
    """What the clinician's page carries along in the form of one step."""
    inside = browser.page.text.partition(f"/steps/{step}/{form}")[2].partition("</form>")[0]
    found = dict(re.findall(r'<input type=hidden name=(\w+) value="([^"]*)"', inside))
    assert found, "there is no such form"
    return {name: value for name, value in found.items() if name != "csrf_token"}
