"""Work is answered, read and typed in from paper; a module is written."""

import re
import uuid
from typing import Any

from portal.core.ids import short
from portal.modules.checking import with_top
from tests.guards.canaries.story import Story
from tests.modules import stories
from tests.modules.files import WHOLE


def they_work(story: Story) -> None:
    """Dana answers what Ruth gives her; some of it comes when she has been signed out."""
    work = stories.give(story.cast, source=stories.TWO_STEPS)
    stories.unlock(story.cast, story.cast.person("ruth"), work, "first")
    dana, ruth, url = story.visitor("dana"), story.visitor("ruth"), f"/work/{short(work)}"
    first, late = f"{url}/steps/first", story.visitor()
    answers: dict[str, Any] = {
        "a.best": story.said("an answer"),
        "a.act.what": story.said("a plan"),
    }
    dana.open(first)
    late.page = dana.page
    dana.post(f"{first}/draft", htmx=True, **answers)
    dana.open(first)
    dana.post(first, action="next", **answers)
    dana.open(f"{url}/steps/second")
    half: dict[str, Any] = {"a.more": story.said("half"), "action": "save"}
    dana.post(f"{url}/steps/second", **half)
    ruth.open(url)
    words: dict[str, Any] = {
        "f.best": story.said("beside it"),
        "s.noticed": story.said("seen"),
        "action": "send",
    }
    words |= {"s.task": story.said("next"), "based_on": 1}
    assert ruth.post(f"{first}/feedback", **words).status == 200
    _a_sheet_comes_back(story, work)
    dana.open("/")
    report: dict[str, Any] = {"action": "not_yet", "h.obstacle": story.said("rain")}
    assert dana.post(f"{url}/homework/act", **report).status == 200
    too_late: dict[str, Any] = {"a.best": story.said("too late"), "action": "next"}
    assert late.post(first, **too_late).status == 401


def _a_sheet_comes_back(story: Story, work: uuid.UUID) -> None:
    """Ruth types in what came on paper; once when she has been signed out."""
    ruth, url = story.visitor("ruth"), f"/work/{short(work)}/steps/second/sheet"
    late = story.visitor()
    ruth.open(url)
    late.page = ruth.page
    sheet: dict[str, Any] = {"written": "2026-03-02", "action": "save"}
    typed = sheet | {"a.more": story.said("on paper")}
    assert ruth.post(url, **typed).status == 200
    assert late.post(url, **sheet | {"a.more": story.said("paper, too late")}).status == 401
    assert ruth.open(f"/work/{short(work)}/paper?answers=1").status == 200


def a_module_is_written(story: Story) -> None:
    """Ruth writes one, with the mark wherever an author can put it; some of it comes too late."""
    ruth, late, mark = story.visitor("ruth"), story.visitor(), story.mark
    text = with_top(WHOLE, id=f"{mark}-walk", license=mark).replace("A walk", f"A {mark} walk")
    text = text.replace("Air helps.", f"Air {mark} helps.").replace("Dog", f"{mark} dog")
    ruth.open("/modules")
    ruth.post("/modules/drafts", of="")
    url = ruth.found(re.compile(r'action="(/modules/drafts/[\w-]{22})"'))
    late.page = ruth.page
    half: dict[str, Any] = {"text": f"{text} {mark}", "based_on": 1}
    ruth.post(f"{url}/draft", htmx=True, **half)
    ruth.open(url)
    whole: dict[str, Any] = {"text": text, "based_on": 2, "action": "publish"}
    assert "1.0.0" in ruth.post(url, **whole).text
    assert late.post(url, **half).status == 401
