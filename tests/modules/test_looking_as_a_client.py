"""The author's walk through a module as a client: the client's own pages, and nothing is saved."""

import re
from html import unescape
from random import Random
from typing import Any

import pytest

from portal.core.ids import short
from portal.modules import shelf
from portal.modules.author_preview import languages_of, stop
from portal.modules.format.shapes import SafetyGate
from portal.modules.forms import Fields, filled_fields
from portal.modules.models import Gate, ModuleRevision, Pace, Response
from tests.cast import Cast
from tests.modules import stories
from tests.modules.desk import Desk, count, desk
from tests.modules.files import WHOLE, module
from tests.modules.invented import invent

FRAME = re.compile(r"<section[^>]*>(.*)</section>", re.DOTALL)
HIDDEN = re.compile(r'<input type=hidden name="(a\.[^"]+)" value="([^"]*)">')


class Walk(Desk):
    """Somebody who looks at their draft."""

    def look(self, action: str = "show", **fields: Any) -> str:
        """What stands in the frame after this."""
        step = re.search(r'name=step value="(\w+)"', self.page)
        travelling = dict(HIDDEN.findall(self.page))
        known: dict[str, Any] = {"step": step[1] if step else "", "action": action} | travelling
        self.browser.post(f"{self.url}/preview", **known | fields)
        assert self.browser.page.status_code == 200
        return self.frame

    @property
    def frame(self) -> str:
        found = FRAME.search(self.page)
        assert found
        return unescape(found[1])


@pytest.fixture
def walk(sqlite_cast: Cast) -> Walk:
    made = desk(sqlite_cast, text=WHOLE)
    walk = Walk(made.browser, made.url)
    walk.open("/preview")
    return walk


def answers(**fields: Any) -> dict[str, Any]:
    return {f"a.{name}": value for name, value in fields.items()}


def test_it_goes_from_step_to_step_and_back_with_what_was_answered(walk: Walk) -> None:
    assert "<h1>Go</h1>" in walk.frame
    assert "Back" not in walk.frame
    frame = walk.look("next", **answers(mood="8", **{"with": ["dog", "kin"]}))
    assert "Good: you went." in frame
    assert "<h1>Again</h1>" in frame
    assert "<b>Then</b><br>8" in frame, "an earlier answer is recalled"
    frame = walk.look("back", **answers(**{"again.what": "Walk"}))
    assert '<option value="8" selected>' in frame
    frame = walk.look("next", **answers(mood="8"))
    assert '<input id="a.again.what" name="a.again.what" value="Walk"' in frame


def test_a_branch_leads_where_the_answers_lead(walk: Walk) -> None:
    frame = walk.look("next", **answers(mood="1"))
    assert "The end" in frame
    assert "You went." in frame


def test_what_is_missing_is_told_as_to_a_client_and_can_be_put_off(walk: Walk) -> None:
    frame = walk.look("next")
    assert "Please answer this one, or press “Not now”." in frame
    assert "<h1>Go</h1>" in frame
    assert "<h1>Again</h1>" in walk.look("later")
    assert "<h1>Go</h1>" in walk.look("go.first")
    frame = walk.look("next", **answers(mood="lots"))
    assert 'value="lots"' not in frame
    assert "Please" in frame


def test_it_speaks_each_language_and_the_authors_page_does_not_change(walk: Walk) -> None:
    frame = walk.look(say="es")
    assert "Vaya al portón." in frame
    assert "Enviar y seguir" in frame
    assert "Nothing is saved." in walk.page
    assert 'lang="es">' in walk.page
    assert "Vaya al portón." not in walk.look(say="xx")


def test_it_is_as_wide_as_a_phone_unless_asked_otherwise(walk: Walk) -> None:
    assert '<section class="f"' in walk.page
    walk.look(width="wide")
    assert '<section class="n"' in walk.page


DIARY = shelf.source("sleep-diary")


def copy_of(source: bytes) -> str:
    """Under an id of its own: the library's are taken."""
    return re.sub(r"^id: .*", "id: copy", source.decode(), count=1, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("source", "step"), [(stories.CALM, "look"), (stories.CALM, "plan"), (DIARY, "nights")]
)
def test_a_step_is_the_clients_own_page(sqlite_cast: Cast, source: bytes, step: str) -> None:
    """The same blocks, the same crisis lines, the same buttons in the same order."""
    work = stories.give(
        sqlite_cast, source=source, pace=Pace.FREE, gates={"plan": Gate.SOFT, "nights": Gate.SOFT}
    )
    own = desk(sqlite_cast, text=copy_of(source))
    walk = Walk(own.browser, own.url)
    walk.open("/preview")
    frame = walk.look(f"go.{step}")
    page = unescape(sqlite_cast.browser("dana").open(f"/work/{short(work)}/steps/{step}").text)
    theirs = page[page.index("name=based_on") : page.index("<p id=saved")].partition(">")[2]
    # There Enter saves. In the preview it shows the step again, as all that is pressed there does.
    theirs = re.sub(r"<button hidden.*?</button>", "", theirs)
    assert frame.partition("</h1>")[2].split() == theirs.split()


def test_a_table_gets_one_more_row_as_it_does_for_a_client(sqlite_cast: Cast) -> None:
    own = desk(sqlite_cast, text=copy_of(DIARY))
    walk = Walk(own.browser, own.url)
    walk.open("/preview")
    rows = [walk.frame.count("When did you go to bed?")]
    for _ in range(2):
        typed = {f"a.nights.{number}.to_bed": "" for number in range(rows[-1])}
        rows.append(walk.look("more.nights", **typed).count("When did you go to bed?"))
    assert rows == [1, 2, 3]


def test_nothing_is_saved(sqlite_cast: Cast, walk: Walk) -> None:
    before = count(sqlite_cast, ModuleRevision)
    walk.look("next", **answers(mood="8", **{"with": "dog"}))
    walk.look("stay", **answers(**{"again.what": "Walk"}))
    assert count(sqlite_cast, ModuleRevision) == before
    assert count(sqlite_cast, Response) == 0
    walk.open("/preview")
    assert "Walk" not in walk.frame


def test_what_is_typed_into_it_is_text(walk: Walk) -> None:
    walk.look("next", **answers(mood="8", **{"with": '"><script>alert(1)</script>'}))
    walk.look("show", **{"a.x": '"><script>alert(2)</script>', "a.again.what": "<b>bold</b>"})
    assert "<script>alert" not in walk.page
    assert "<b>bold" not in walk.page


def test_a_gate_that_is_answered_with_yes_shows_the_crisis_lines_first(sqlite_cast: Cast) -> None:
    text = stories.CALM.decode().replace("id: calm-days", "id: calm")
    own = desk(sqlite_cast, text=text)
    walk = Walk(own.browser, own.url)
    walk.open("/preview")
    gate = next(p for p in module(text).prompts.values() if isinstance(p, SafetyGate))
    step = next(s.id for s in module(text).steps if gate in s.questions)
    walk.look(f"go.{step}")
    frame = walk.look("next", **{f"a.{gate.id}": "yes", "a.log.0.place": "home", "a.alone": "no"})
    assert frame.index("get help now") < frame.index("<h1>")
    assert "tel:988" in frame


@pytest.mark.parametrize("name", shelf.names())
def test_each_of_the_library_can_be_walked_through(name: str) -> None:
    """From the first step to the end, with chance answers, and back to the first."""
    made, chance = shelf.load(name), Random(name)
    assert languages_of(made) == ["en", "es"]
    fields: Fields = Fields()
    at = made.steps[0]
    for _ in range(len(made.steps)):
        given = {question.id: invent(question, chance) for question in at.questions}
        for name_of, value in filled_fields(at, given).items(multi=True):
            fields.add(name_of, value)
        fields["step"], fields["action"] = at.id, "next"
        following = stop(made, fields)
        assert not following.wrong, following.wrong
        if following.step is None:
            break
        at = following.step
    assert following.step is None
    for _ in range(len(made.steps)):
        fields["step"], fields["action"] = at.id, "back"
        back = stop(made, fields).step
        assert back is not None
        at = back
    assert at is made.steps[0]
