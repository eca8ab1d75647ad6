"""Each module of the library as given work, over its pages: from "new for you" to "done"."""

import uuid
from itertools import cycle, pairwise
from random import Random
from typing import Any

import pytest

from portal.core.html import authors_text
from portal.core.ids import parse
from portal.modules import shelf
from portal.modules.format.shapes import FeedbackHint, Kind, Question, Rows, SafetyGate, Step
from portal.modules.format.walk import reply_to, with_computed
from portal.modules.forms import filled_fields
from tests.cast import Browser, Cast
from tests.modules import stories
from tests.modules.forms_on_pages import Form, form_to, forms
from tests.modules.invented import invent

MODULES = [name for name in shelf.names() if shelf.load(name).kind is Kind.MODULE]
PAIRS = [("dana", "ruth"), ("mateo", "luis")]
# What leads to every step, and through the hardest answer that somebody could give and stay.
CHOSEN: dict[str, Any] = {
    "is_safe": True, "adult": True, "not_for": ["none"], "dark_again": "yes",
}  # fmt: skip


class Walk:
    """A client and a clinician with one module between them. `sent`: the steps that the client
    sent; `waited_after`: those after which the client could not go on; `said_to`: those that the
    clinician wrote to."""

    def __init__(self, cast: Cast, name: str, client: str, clinician: str) -> None:
        self.cast, self.module, self.chance = cast, shelf.load(name), Random(name)
        self.client, self.clinician = cast.browser(client), cast.browser(clinician)
        self.language = {"dana": "en", "mateo": "es"}[client]
        self.answers: dict[str, Any] = {}
        self.sent: list[str] = []
        self.said_to: set[str] = set()
        self.waited_after: list[str] = []
        self.url = self._give(f"{cast.client_url(client)}/work/new/{name}")

    def _give(self, url: str) -> str:
        self.clinician.open(url)
        form = form_to(self.clinician, url)
        assert form, "there is no form to give it"
        form.press(self.clinician)
        return self.clinician.page.request.path

    @property
    def work(self) -> uuid.UUID:
        return parse(self.url[-22:])

    def go_on(self) -> bool:
        """The client goes on from the list of steps, if there is anything to go on with."""
        page = self.client.open(self.url).text
        _before, mark, rest = page.partition('<a class=b href="')
        if not mark:
            return False
        self.client.open(rest.partition('"')[0])
        self._work_through(self.client.page.request.path.rpartition("/")[2])
        return True

    def _work_through(self, step_id: str) -> None:
        step, url = self.module.step(step_id), f"{self.url}/steps/{step_id}"
        form = form_to(self.client, url)
        assert form, step_id
        for question in step.questions:
            self.answers[question.id] = self._answer(question, form)
        form.fill(filled_fields(step, self.answers))
        form.press(self.client, "next")
        assert self.client.page.status_code == 200, step_id
        self._is_answered_at_once(step)
        self.sent.append(step_id)

    def _answer(self, question: Question, form: Form) -> Any:
        if question.id in CHOSEN:
            return CHOSEN[question.id]
        if isinstance(question, SafetyGate):
            return "no"
        answer = invent(question, self.chance, always=True)
        if isinstance(question, Rows):
            prefix = f"a.{question.id}."
            shown = {name.split(".")[2] for name in form.offered if name.startswith(prefix)}
            assert len(shown) >= max(question.min_rows, 1), "room for all that is asked for"
            return answer[: len(shown)]
        return answer

    def _is_answered_at_once(self, step: Step) -> None:
        reply = reply_to(self.module, step, with_computed(self.module, self.answers))
        assert reply
        assert str(authors_text(reply.body[self.language])) in self.client.page.text, step.id

    def read(self) -> None:
        """The clinician opens what is shut and writes to every step that nobody has written to."""
        self.waited_after.append(self.sent[-1])
        self.clinician.open(self.url)
        for form in forms(self.clinician):
            step_id, _slash, action = form.action.partition("/steps/")[2].partition("/")
            if action == "open":
                form.press(self.clinician, follow=False)
            if action == "feedback" and step_id not in self.said_to:
                form.fields["s.noticed"] = f"You went through {step_id}."
                form.press(self.clinician, "send", follow=False)
                assert self.clinician.page.status_code == 303, step_id
                self.said_to.add(step_id)

    def press(self, browser: Browser, action: str) -> None:
        form = form_to(browser, f"/{action}")
        assert form, action
        form.press(browser, action)


# Half of them in English, half in Spanish: what is said in each language is tested elsewhere.
@pytest.mark.parametrize(
    ("name", "client", "clinician"),
    [(name, *pair) for name, pair in zip(MODULES, cycle(PAIRS), strict=False)],
)
def test_it_is_worked_through_from_new_to_done(
    sqlite_cast: Cast, name: str, client: str, clinician: str
) -> None:
    walk = Walk(sqlite_cast, name, client, clinician)
    for step in walk.module.steps:
        if not walk.go_on():
            walk.read()
            assert walk.go_on(), f"stranded before {step.id}"
    assert walk.sent == [step.id for step in walk.module.steps]
    assert walk.waited_after == [
        before.id
        for before, step in pairwise(walk.module.steps)
        if before.feedback is FeedbackHint.HOLD or step.clinician_unlocks
    ]
    assert stories.history(sqlite_cast, walk.work)[-1] == "submitted"
    walk.read()
    walk.client.open(walk.url)
    walk.press(walk.client, "complete")
    assert stories.history(sqlite_cast, walk.work)[-1] == "completed"
    walk.client.open(f"{walk.url}/steps/{walk.sent[0]}")
    assert f"You went through {walk.sent[0]}." in walk.client.page.text
