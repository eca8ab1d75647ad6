"""What pages of given work weigh on the wire: the stylesheet held, headers counted, brotli."""

import re
import uuid
from typing import Any

import pytest

from portal.core.ids import short
from portal.modules.models import Pace
from tests.cast import Browser, Cast
from tests.modules import stories
from tests.modules.steps_on_pages import LOOK, url_of

LIBRARY = stories.LIBRARY.parents[1] / "portal/modules/library"
STEP_PAGE, SAVE = 4_000, 800


def weight(answer: Any) -> int:
    headers = sum(len(name) + len(value) + 4 for name, value in answer.headers)
    return len(answer.data) + headers + len("HTTP/1.1 200 OK\r\n\r\n")


def visiting(cast: Cast, name: str) -> Browser:
    """A browser that has been here before."""
    browser = cast.browser(name)
    held = cast.app.extensions["assets"].stylesheet.hash
    browser.client.set_cookie("s", held)
    return browser


def get(browser: Browser, url: str) -> Any:
    return browser.client.get(url, headers={"Accept-Encoding": "br"})


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.md")), ids=lambda path: path.stem)
@pytest.mark.parametrize("client", ["dana", "mateo"])
def test_every_step_of_the_library_is_light(sqlite_cast: Cast, path: Any, client: str) -> None:
    by = {"dana": "ruth", "mateo": "luis"}[client]
    work = stories.give(sqlite_cast, client, by, source=path.read_bytes(), pace=Pace.FREE, gates={})
    person = sqlite_cast.person(client)
    browser, seen = visiting(sqlite_cast, client), 0
    for step in stories.look(sqlite_cast, person, work).module.steps:
        if step.clinician_unlocks:
            stories.unlock(sqlite_cast, sqlite_cast.person(by), work, step.id)
        if stories.progress(sqlite_cast, person, work).course.of(step.id) is None:
            continue
        answer = get(browser, f"/work/{short(work)}/steps/{step.id}")
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == "br"
        assert weight(answer) <= STEP_PAGE, step.id
        seen += 1
    assert seen


def test_saving_costs_a_few_hundred_bytes(sqlite_cast: Cast) -> None:
    work: uuid.UUID = stories.give(sqlite_cast)
    dana, url = visiting(sqlite_cast, "dana"), url_of(work, "look")
    dana.open(url)
    found = re.search(r'name=nonce value="([^"]+)"', dana.page.text)
    assert found
    form = {"csrf_token": dana.token, "nonce": found[1], "based_on": "0", **LOOK}
    hx = {"HX-Request": "true", "Accept-Encoding": "br"}
    for address, action in ((f"{url}/draft", ""), (url, "save"), (url, "next")):
        fields = form | {"action": action, "a.best": f"Words for {action}"}
        answer = dana.client.post(address, data=fields, headers=hx)
        assert answer.status_code == 200
        assert weight(answer) <= SAVE
