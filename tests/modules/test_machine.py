"""Everything both sides can do with given work, in any order, against a small model of it."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from portal.core import clock
from portal.core.errors import Conflict
from portal.modules.course import ANSWERABLE, FOLLOWS, OVER, Place
from portal.modules.models import Ending, Gate, Pace, State
from portal.modules.services import feedback, giving, states
from portal.modules.services.feedback import Shown
from tests.cast import Cast
from tests.machines import run
from tests.modules import stories

# Long enough for some of what happens to come before its last day, and some after.
LASTS = dt.timedelta(minutes=12)
STEPS = ("look", "safe", "window", "plan")
WORDS = st.text("abc é\n", min_size=1, max_size=9).filter(str.strip)
# What a client types into a step, and whether its required question is among it.
TYPED = st.tuples(st.sampled_from(STEPS), WORDS, st.booleans())


@dataclass
class Model:
    """What given work should be."""

    state: State = State.ASSIGNED
    history: list[State] = field(default_factory=lambda: [State.ASSIGNED])
    answers: dict[str, Any] = field(default_factory=dict)
    # How each step was left last; the numbers of what was saved, sent and read of it.
    left: dict[str, tuple[Ending, dt.datetime]] = field(default_factory=dict)
    saved: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    on_paper: set[str] = field(default_factory=set)
    is_unlocked: bool = False
    is_spared: bool = False
    said_at: dt.datetime | None = None
    submitted_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    called_at: dt.datetime | None = None
    last_called_at: dt.datetime | None = None

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

    def save(self, step: str, answers: dict[str, Any], *, on_paper: bool = False) -> bool:
        """Whether it is new."""
        was_on_paper = step in self.on_paper
        is_new = self.answers.get(step, {}) != answers or (on_paper and not was_on_paper)
        self.answers[step] = answers
        if is_new:
            self.saved[step] = self.saved.get(step, 0) + 1
            (self.on_paper.add if on_paper else self.on_paper.discard)(step)
        return is_new

    @property
    def way(self) -> list[str]:
        """The steps that there are for this client."""
        is_gone = self.is_spared and "window" not in self.left
        return [step for step in STEPS if step != "window" or not is_gone]

    def is_sent(self, step: str) -> bool:
        return step in self.left and self.left[step][0] is Ending.SENT

    def is_read(self, step: str) -> bool:
        return self.read.get(step, -1) >= self.sent.get(step, 0)

    def may_be_answered(self, step: str) -> bool:
        if step in self.left or step not in self.way:
            return step in self.left
        before = self.way[: self.way.index(step)]
        if "safe" in before and not (self.is_sent("safe") and self.is_read("safe")):
            return False
        is_locked = step == "window" and not self.is_unlocked
        return not is_locked and all(one in self.left for one in before)

    def may_send(self, step: str) -> bool:
        return self.state in ANSWERABLE and self.may_be_answered(step)

    @property
    def is_whole(self) -> bool:
        return all(map(self.is_sent, self.way))

    def call(self) -> dt.datetime | None:
        return self.last_called_at if self.called_at else None

    def waiting_for_words(self) -> list[dt.datetime]:
        """Since when steps wait that somebody said they would read."""
        return [
            self.left[step][1]
            for step in stories.GATES
            if self.is_sent(step) and not self.is_read(step)
        ]

    def waiting_since(self) -> dt.datetime | None:
        waits = [self.called_at] if self.called_at else []
        is_read = self.state in OVER or self.state is State.FEEDBACK_GIVEN
        if not is_read or self.state is State.EXPIRED:
            waits += self.waiting_for_words()
        if self.state is State.SUBMITTED and self.submitted_at:
            waits.append(self.submitted_at)
        return min(waits, default=None)


def answered(step: str, words: str, is_complete: bool) -> dict[str, Any]:
    if step == "look":
        return {"best": words.strip()} if is_complete else {"sleep_hours": len(words)}
    if step == "safe":
        log = {"log": [{"place": words.strip()}]}
        return log | {"gate": "no"} if is_complete else log
    return {"hours": words.strip()} if step == "window" else {"act": {"what": words.strip()}}


def is_open(place: Place) -> bool:
    return place.standing.may_be_answered


@contextmanager
def refused(*, unless: bool) -> Iterator[None]:
    """What is done here is not possible now, unless it is."""
    if unless:
        yield
        return
    with pytest.raises(Conflict):
        yield


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
        self.work = stories.give(
            self.cast, pace=Pace.IN_ORDER, gates=gates, ends_at=ends_at,
            source=stories.WITH_A_WINDOW,
        )  # fmt: skip
        self.model = Model(ends_at=ends_at)
        # What Ruth's page shows of each step, and under which number the work stands there.
        self.page: dict[str, Shown] = {}
        self.number = 0

    def teardown(self) -> None:
        # The next work's clinician waits for nothing in this one.
        stories.see(self.cast, self.ruth, self.work, "safe")
        with self.cast.database.writing() as session:
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
        is_new = model.save(step, answers)
        if is_new:
            model.begin()
        if how is None:
            assert saved.changed == is_new
            return
        assert saved.is_shut == (not model.may_send(step))
        is_missing = how is Ending.SENT and not typed[2] and step in ("look", "safe")
        assert bool(saved.missing) == (is_missing and not saved.is_shut)
        assert saved.ended == (not saved.is_shut and not is_missing)
        if saved.ended:
            self._left(step, how)

    @rule(typed=TYPED)
    def type_in(self, typed: tuple[str, str, bool]) -> None:
        """What came on paper: whatever step it is, and whatever is missing on it."""
        self.tick()
        step, model, answers = typed[0], self.model, answered(*typed)
        is_open, was_whole = model.state in ANSWERABLE, model.is_whole
        saved = stories.type_in(self.cast, self.ruth, self.work, step, answers)
        assert saved.is_shut == (not is_open)
        if is_open:
            model.save(step, answers, on_paper=True)
            self._left(step, Ending.SENT, was_whole=was_whole)

    def _left(self, step: str, how: Ending, *, was_whole: bool | None = None) -> None:
        model = self.model
        if how is Ending.NOT_NOW and model.is_sent(step):
            return
        if was_whole is None:
            was_whole = set(model.way) <= set(model.left)
        model.begin()
        model.left[step] = (how, self.now)
        if how is Ending.SENT:
            model.sent[step] = model.saved.get(step, 0)
        if model.is_whole and not was_whole:
            model.go(State.SUBMITTED)
            model.submitted_at = self.now

    @rule(words=WORDS)
    def answer_with_danger(self, words: str) -> None:
        """Saved with a button: somebody is called, once for what was answered."""
        self.tick()
        answers = {"log": [{"place": words.strip()}], "gate": "unsure"}
        stories.save(self.cast, self.dana, self.work, "safe", answers)
        if self.model.save("safe", answers):
            self.model.begin()
            self.model.called_at = self.model.called_at or self.now
            self.model.last_called_at = self.now

    @rule()
    def unlock(self) -> None:
        self.tick()
        stories.unlock(self.cast, self.ruth, self.work, "window")
        self.model.is_unlocked, self.model.is_spared = True, False

    @rule()
    def spare(self) -> None:
        self.tick()
        model = self.model
        allowed = not model.is_unlocked and "window" not in model.left and model.state not in OVER
        with refused(unless=allowed):
            stories.spare(self.cast, self.ruth, self.work, "window")
        model.is_spared = model.is_spared or allowed

    @rule()
    def open_the_page(self) -> None:
        """Ruth's page stands open from here on, whatever comes."""
        for step in STEPS:
            self.page[step] = stories.shown_of(self.cast, self.ruth, self.work, step)
        self.number = len(self.model.history)

    def _shown(self, step: str) -> tuple[Shown, bool]:
        """What stands on Ruth's page, and whether it is still so."""
        self.page.setdefault(step, stories.shown_of(self.cast, self.ruth, self.work, step))
        shown, model = self.page[step], self.model
        is_now = shown.response_seq == model.sent.get(step)
        return shown, is_now and self._knows_of_the_call(step, shown)

    def _knows_of_the_call(self, step: str, shown: Shown) -> bool:
        return step != "safe" or self.model.call() in (None, shown.called_at)

    @rule()
    def see(self) -> None:
        self.tick()
        shown, _is_now = self._shown("safe")
        allowed = self._knows_of_the_call("safe", shown)
        with refused(unless=allowed), self.cast.database.writing() as session:
            states.see(session, self.cast.keyring, self.ruth, self.work, "safe", shown.called_at)
        if allowed:
            self.model.called_at = None

    def may_come_to(self, state: State) -> tuple[bool, bool]:
        """Whether it may come to this now, and whether it has already: to ask again is no harm."""
        return state in FOLLOWS[self.model.state], self.model.state is state

    @rule()
    def leave_out(self) -> None:
        allowed, is_so = self.may_come_to(State.SKIPPED)
        with refused(unless=allowed or is_so), self.cast.database.writing() as session:
            states.skip(session, self.cast.keyring, self.dana, self.work)
        if allowed:
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
        with refused(unless=allowed), self.cast.database.writing() as session:
            giving.give_again(session, self.cast.keyring, self.ruth, self.work)
        if allowed:
            self.model.go(State.ASSIGNED)
            self.model.ends_at = None

    @rule()
    def submit(self) -> None:
        self.tick()
        has_sent = any(how is Ending.SENT for how, _at in self.model.left.values())
        allowed, is_so = self.may_come_to(State.SUBMITTED)
        allowed &= has_sent
        with refused(unless=allowed or is_so), self.cast.database.writing() as session:
            states.submit(session, self.cast.keyring, self.dana, self.work)
        if allowed:
            self.model.go(State.SUBMITTED)
            self.model.submitted_at = self.now

    @rule(step=st.sampled_from(STEPS), again=st.booleans())
    def say(self, step: str, again: bool) -> None:
        """On the page as it was opened, however long ago."""
        self.tick()
        model, (shown, is_now) = self.model, self._shown(step)
        allowed = model.is_sent(step) and is_now and not (again and model.state != State.SUBMITTED)
        with refused(unless=allowed):
            stories.say(self.cast, self.ruth, self.work, step, ask_again=again, shown=shown)
        if not allowed:
            del self.page[step]
            return
        model.read[step], model.said_at = model.sent[step], self.now
        if step == "safe":
            model.called_at = None
        if again:
            model.go(State.REVISION_ASKED)
        elif model.state is State.SUBMITTED and all(
            model.is_read(one) for one in STEPS if model.is_sent(one)
        ):
            model.go(State.FEEDBACK_GIVEN)

    @rule()
    def say_that_this_is_all(self) -> None:
        self.tick()
        model = self.model
        allowed = (
            model.state is State.SUBMITTED
            and self.number == len(model.history)
            and bool(model.said_at and model.submitted_at and model.said_at >= model.submitted_at)
        )
        with refused(unless=allowed), self.cast.database.writing() as session:
            feedback.finish(session, self.cast.keyring, self.ruth, self.work, seen=self.number)
        if allowed:
            model.go(State.FEEDBACK_GIVEN)

    @rule(name=st.sampled_from(["dana", "ruth"]))
    def complete(self, name: str) -> None:
        person = self.dana if name == "dana" else self.ruth
        allowed, is_so = self.may_come_to(State.COMPLETED)
        with refused(unless=allowed or is_so), self.cast.database.writing() as session:
            states.complete(session, self.cast.keyring, person, self.work)
        if allowed:
            self.model.go(State.COMPLETED)

    @invariant()
    def the_record_is_what_was_done(self) -> None:
        assert stories.history(self.cast, self.work) == [one.value for one in self.model.history]
        for person in (self.dana, self.ruth):
            found = stories.progress(self.cast, person, self.work)
            assert {step: one.answers for step, one in found.latest.items()} == self.model.answers

    @invariant()
    def only_what_comes_next_is_open(self) -> None:
        places = stories.progress(self.cast, self.dana, self.work).course
        open_now = [step for step in STEPS if (one := places.of(step)) and is_open(one)]
        assert open_now == [step for step in STEPS if self.model.may_be_answered(step)]
        assert [one.step.id for one in places.places] == self.model.way

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
