"""Everything both sides can do with given work, in any order, against a small model of it."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from portal.core import clock
from portal.core.errors import Conflict
from portal.modules.course import ANSWERABLE, FOLLOWS, OVER
from portal.modules.models import Ending, Gate, Pace, State
from portal.modules.services import giving, states
from tests.cast import Cast
from tests.machines import run
from tests.modules import stories

# Long enough for some of what happens to come before its last day, and some after.
LASTS = dt.timedelta(minutes=12)
STEPS = ("look", "safe", "plan")
WORDS = st.text("abc é\n", min_size=1, max_size=9).filter(str.strip)
# What a client types into a step, and whether its required question is among it.
TYPED = st.tuples(st.sampled_from(STEPS), WORDS, st.booleans())


@dataclass
class Model:
    """What given work should be."""

    state: State = State.ASSIGNED
    history: list[State] = field(default_factory=lambda: [State.ASSIGNED])
    answers: dict[str, Any] = field(default_factory=dict)
    left: dict[str, tuple[Ending, dt.datetime]] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    on_paper: set[str] = field(default_factory=set)
    submitted_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    called_at: dt.datetime | None = None

    def go(self, *states: State) -> None:
        for state in states:
            assert state in FOLLOWS[self.state]
            self.state = state
            self.history.append(state)

    def begin(self) -> None:
        if self.state is State.ASSIGNED:
            self.go(State.OPENED)
        if self.state in (State.OPENED, State.REVISION_ASKED):
            self.go(State.IN_PROGRESS)

    def may_send(self, step: str) -> bool:
        if self.state not in (
            State.ASSIGNED, State.OPENED, State.IN_PROGRESS, State.REVISION_ASKED
        ):  # fmt: skip
            return False
        if step in self.left:
            return True
        before = STEPS[: STEPS.index(step)]
        held = (
            "safe" in before and self.left["safe"][0] is Ending.SENT and "safe" in self.unread
            if "safe" in self.left
            else False
        )
        return all(one in self.left for one in before) and not held

    @property
    def is_whole(self) -> bool:
        return all(one in self.left and self.left[one][0] is Ending.SENT for one in STEPS)

    def waiting_since(self) -> dt.datetime | None:
        waits = [self.called_at] if self.called_at else []
        if self.state not in OVER or self.state is State.EXPIRED:
            waits += [
                self.left[one][1]
                for one in self.unread
                if one in stories.GATES and self.left[one][0] is Ending.SENT
            ]
        if self.state is State.SUBMITTED and self.submitted_at:
            waits.append(self.submitted_at)
        return min(waits, default=None)


def answered(step: str, words: str, is_complete: bool) -> dict[str, Any]:
    if step == "look":
        return {"best": words.strip()} if is_complete else {"sleep_hours": len(words)}
    if step == "safe":
        log = {"log": [{"place": words.strip()}]}
        return log | {"gate": "no"} if is_complete else log
    return {"act": {"what": words.strip()}}


class Work(RuleBasedStateMachine):
    """Dana on one side, Ruth on the other."""

    cast: Cast

    @initialize()
    def begin(self) -> None:
        self.now = dt.datetime(2030, 3, 4, 9, tzinfo=dt.UTC)
        clock.set_clock(lambda: self.now)
        self.dana, self.ruth = self.cast.person("dana"), self.cast.person("ruth")
        gates = {"safe": Gate.HOLD, "plan": Gate.SOFT}
        ends_at = self.now + LASTS
        self.work = stories.give(self.cast, pace=Pace.IN_ORDER, gates=gates, ends_at=ends_at)
        self.model = Model(ends_at=ends_at)

    def teardown(self) -> None:
        # The next work's clinician waits for nothing in this one.
        with self.cast.database.writing() as session:
            states.see(session, self.cast.keyring, self.ruth, self.work, "safe")
            if State.WITHDRAWN in FOLLOWS[self.model.state]:
                states.withdraw(session, self.cast.keyring, self.ruth, self.work)
            elif self.model.state is State.EXPIRED:
                giving.give_again(session, self.cast.keyring, self.ruth, self.work)
                states.withdraw(session, self.cast.keyring, self.ruth, self.work)
        clock.set_clock(None)

    def tick(self) -> None:
        self.now += dt.timedelta(minutes=1)

    @rule()
    def open(self) -> None:
        stories.open_work(self.cast, self.dana, self.work)
        if self.model.state is State.ASSIGNED:
            self.model.go(State.OPENED)

    @rule(typed=TYPED)
    def save(self, typed: tuple[str, str, bool]) -> None:
        self.tick()
        self._put(typed, None)

    @rule(typed=TYPED, how=st.sampled_from([Ending.SENT, Ending.SENT, Ending.NOT_NOW]))
    def leave(self, typed: tuple[str, str, bool], how: Ending) -> None:
        self.tick()
        self._put(typed, how)

    def _put(self, typed: tuple[str, str, bool], how: Ending | None) -> None:
        step, model, answers = typed[0], self.model, answered(*typed)
        saved = stories.save(self.cast, self.dana, self.work, step, answers, ending=how)
        is_new = model.answers.get(step, {}) != answers
        model.answers[step] = answers
        if is_new:
            model.begin()
            model.on_paper.discard(step)
        if how is None:
            assert saved.changed == is_new
            return
        assert saved.is_shut == (not model.may_send(step))
        is_missing = how is Ending.SENT and not typed[2] and step != "plan"
        assert bool(saved.missing) == (is_missing and not saved.is_shut)
        assert saved.ended == (not saved.is_shut and not is_missing)
        if saved.ended:
            self._left(step, how, is_new=is_new)

    @rule(typed=TYPED)
    def type_in(self, typed: tuple[str, str, bool]) -> None:
        """What came on paper: whatever step it is, and whatever is missing on it."""
        self.tick()
        step, model, answers = typed[0], self.model, answered(*typed)
        is_open, was_whole = model.state in ANSWERABLE, model.is_whole
        saved = stories.type_in(self.cast, self.ruth, self.work, step, answers)
        assert saved.is_shut == (not is_open)
        if is_open:
            is_new = model.answers.get(step) != answers or step not in model.on_paper
            model.answers[step] = answers
            model.on_paper.add(step)
            self._left(step, Ending.SENT, is_new=is_new, was_whole=was_whole)

    def _left(self, step: str, how: Ending, *, is_new: bool, was_whole: bool | None = None) -> None:
        model = self.model
        if was_whole is None:
            was_whole = set(STEPS) <= set(model.left)
        was_read = step in model.left and step not in model.unread
        model.begin()
        model.left[step] = (how, self.now)
        if is_new or not was_read:
            model.unread.add(step)
        if model.is_whole and not was_whole:
            model.go(State.SUBMITTED)
            model.submitted_at = self.now

    @rule(words=WORDS)
    def answer_with_danger(self, words: str) -> None:
        """Saved with a button: somebody is called, once for what was answered."""
        self.tick()
        answers = {"log": [{"place": words.strip()}], "gate": "unsure"}
        is_new = self.model.answers.get("safe", {}) != answers
        stories.save(self.cast, self.dana, self.work, "safe", answers)
        self.model.answers["safe"] = answers
        if is_new:
            self.model.begin()
            self.model.on_paper.discard("safe")
            self.model.called_at = self.model.called_at or self.now

    @rule()
    def see(self) -> None:
        self.tick()
        with self.cast.database.writing() as session:
            states.see(session, self.cast.keyring, self.ruth, self.work, "safe")
        self.model.called_at = None

    @rule()
    def leave_out(self) -> None:
        allowed = State.SKIPPED in FOLLOWS[self.model.state]
        try:
            with self.cast.database.writing() as session:
                states.skip(session, self.cast.keyring, self.dana, self.work)
        except Conflict:
            assert not allowed
            return
        assert allowed
        self.model.go(State.SKIPPED)

    @rule(minutes=st.integers(0, 5))
    def let_time_pass(self, minutes: int) -> None:
        """The clock's chore comes round."""
        self.now += dt.timedelta(minutes=minutes)
        config: Any = self.cast.app.extensions["portal"].config
        with self.cast.database.writing() as session:
            giving.end_what_is_past(session, config)
        model = self.model
        if model.ends_at and model.ends_at <= self.now and model.state in ANSWERABLE:
            model.go(State.EXPIRED)

    @rule()
    def give_again(self) -> None:
        allowed = self.model.state is State.EXPIRED
        try:
            with self.cast.database.writing() as session:
                giving.give_again(session, self.cast.keyring, self.ruth, self.work)
        except Conflict:
            assert not allowed
            return
        assert allowed
        self.model.go(State.ASSIGNED)
        self.model.ends_at = None

    @rule()
    def submit(self) -> None:
        self.tick()
        has_sent = any(how is Ending.SENT for how, _at in self.model.left.values())
        allowed = has_sent and State.SUBMITTED in FOLLOWS[self.model.state]
        try:
            with self.cast.database.writing() as session:
                states.submit(session, self.cast.keyring, self.dana, self.work)
        except Conflict:
            assert not allowed
            return
        assert allowed
        self.model.go(State.SUBMITTED)
        self.model.submitted_at = self.now

    @rule(step=st.sampled_from(STEPS), again=st.booleans())
    def say(self, step: str, again: bool) -> None:
        self.tick()
        allowed = step in self.model.left and self.model.left[step][0] is Ending.SENT
        try:
            stories.say(self.cast, self.ruth, self.work, step, ask_again=again)
        except Conflict:
            assert not allowed
            return
        assert allowed
        self.model.unread.discard(step)
        if step == "safe":
            self.model.called_at = None
        if self.model.state is State.SUBMITTED:
            self.model.go(State.REVISION_ASKED if again else State.FEEDBACK_GIVEN)

    @rule(name=st.sampled_from(["dana", "ruth"]))
    def complete(self, name: str) -> None:
        person = self.dana if name == "dana" else self.ruth
        allowed = self.model.state is State.FEEDBACK_GIVEN
        try:
            with self.cast.database.writing() as session:
                states.complete(session, self.cast.keyring, person, self.work)
        except Conflict:
            assert not allowed
            return
        assert allowed
        self.model.go(State.COMPLETED)

    @invariant()
    def the_record_is_what_was_done(self) -> None:
        assert stories.history(self.cast, self.work) == [one.value for one in self.model.history]
        for person in (self.dana, self.ruth):
            found = stories.progress(self.cast, person, self.work)
            assert {step: one.answers for step, one in found.latest.items()} == self.model.answers

    @invariant()
    def the_list_says_since_when_something_waits(self) -> None:
        assert stories.waiting(self.cast, self.ruth) == self.model.waiting_since()


def test_given_work_is_what_both_sides_did(sqlite_cast: Cast) -> None:
    run(Work, sqlite_cast, examples=3, steps=15)


@pytest.mark.slow
def test_given_work_is_what_both_sides_did_whatever_they_did(cast: Cast) -> None:
    run(Work, cast, examples=30, steps=30)


def test_only_what_is_listed_may_follow() -> None:
    assert set(FOLLOWS) == set(State)
    assert FOLLOWS[State.SUBMITTED] >= {State.FEEDBACK_GIVEN, State.REVISION_ASKED}
    assert State.COMPLETED not in FOLLOWS[State.SUBMITTED]
    assert not FOLLOWS[State.COMPLETED]
    assert FOLLOWS[State.EXPIRED] == {State.ASSIGNED}
