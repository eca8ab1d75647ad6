"""Everything both sides can do in a thread, in any order, against a small model of it."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from portal.core import clock
from portal.core.errors import Conflict, DomainError, Invalid, NotFound
from portal.core.nonces import Nonce
from portal.safety.words import cleaned
from portal.threads import pages, queries
from portal.threads.services.sending import ThreadClosed
from tests.cast import Cast
from tests.machines import run
from tests.threads import stories

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda text: text.replace("\0", "").strip()
)
WRITERS = st.sampled_from(["dana", "ruth", "helen"])


@dataclass
class Note:
    """A message as the model knows it."""

    author: str
    text: str
    at: dt.datetime
    nonce: Nonce
    taken_back: bool = False

    @property
    def is_clients(self) -> bool:
        return self.author == "dana"


@dataclass
class Model:
    """What a thread should be."""

    notes: list[Note] = field(default_factory=list)
    opened: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    quiet_up_to: int = 0
    is_closed: bool = False

    def standing(self) -> list[tuple[int, Note]]:
        return [(seq, n) for seq, n in enumerate(self.notes, 1) if not n.taken_back]

    def answered_by(self, is_client: bool) -> int:
        """The last message of the other side that still stands."""
        return max((s for s, n in self.standing() if n.is_clients is not is_client), default=0)

    def state(self, seq: int) -> str:
        is_client = self.notes[seq - 1].is_clients
        if self.answered_by(is_client) > seq:
            return "answered"
        return "opened" if self.opened[not is_client] >= seq else "received"

    def may_take_back(self, author: str, seq: int) -> bool:
        note = self.notes[seq - 1]
        return (
            note.author == author
            and not note.taken_back
            and not self.is_closed
            and self.state(seq) == "received"
        )

    def waiting_since(self) -> dt.datetime | None:
        if self.is_closed:
            return None
        after = max(self.answered_by(True), self.quiet_up_to)
        return next((n.at for s, n in self.standing() if s > after and n.is_clients), None)


class Thread(RuleBasedStateMachine):
    """Dana on one side; Ruth and Helen on the other."""

    cast: Cast

    @initialize(author=WRITERS, text=TEXTS)
    def begin(self, author: str, text: str) -> None:
        self.now = dt.datetime(2030, 3, 4, 9, tzinfo=dt.UTC)
        clock.set_clock(lambda: self.now)
        self.people = {name: self.cast.person(name) for name in ("dana", "ruth", "helen")}
        self.thread_id = self.cast.begin_thread(author, "dana", text=text)
        # The first note's nonce belongs to the engagement, so it is not sent again in the thread.
        self.model = Model([Note(author, text.replace("\0", ""), self.now, None)])  # type: ignore[arg-type]

    def teardown(self) -> None:
        # The next thread's client waits for nothing in this one.
        stories.close(self.cast, self.people["ruth"], self.thread_id)
        clock.set_clock(None)

    def tick(self) -> None:
        self.now += dt.timedelta(minutes=1)

    @rule(author=WRITERS, text=TEXTS)
    def send(self, author: str, text: str) -> None:
        self.tick()
        person = self.people[author]
        nonce = stories.nonce_for(self.cast, person, self.thread_id)
        try:
            sent = stories.send(self.cast, person, self.thread_id, text, nonce)
        except ThreadClosed:
            assert self.model.is_closed
            return
        assert not self.model.is_closed
        self.model.notes.append(Note(author, text.replace("\0", ""), self.now, nonce))
        assert sent.seq == len(self.model.notes)

    @precondition(lambda self: len(self.model.notes) > 1)
    @rule(which=st.integers(0, 10**6), text=st.none() | TEXTS)
    def send_again(self, which: int, text: str | None) -> None:
        """The same form: the same answer for the same words, and a question about other words."""
        self.tick()
        seq = 2 + which % (len(self.model.notes) - 1)
        note = self.model.notes[seq - 1]
        text = note.text if text is None else text
        stands = None if note.taken_back else cleaned(note.text)
        try:
            sent = stories.send(
                self.cast, self.people[note.author], self.thread_id, text, note.nonce
            )
        except ThreadClosed:
            assert self.model.is_closed
            assert cleaned(text) not in ("", stands)
        except Invalid:
            assert not self.model.is_closed
            assert cleaned(text) not in ("", stands)
        else:
            assert sent.seq == seq
            assert cleaned(text) in ("", stands)

    @rule(reader=WRITERS)
    def open(self, reader: str) -> None:
        self.tick()
        stories.open_thread(self.cast, self.people[reader], self.thread_id)
        self.model.opened[reader == "dana"] = len(self.model.notes)

    @rule(author=WRITERS, which=st.integers(0, 10**6))
    def take_back(self, author: str, which: int) -> None:
        self.tick()
        seq = 1 + which % len(self.model.notes)
        allowed = self.model.may_take_back(author, seq)
        try:
            stories.take_back(self.cast, self.people[author], self.thread_id, seq)
        except (NotFound, Conflict):
            assert not allowed
            return
        assert allowed
        self.model.notes[seq - 1].taken_back = True

    @rule(author=WRITERS)
    def say_no_reply_needed(self, author: str) -> None:
        self.tick()
        try:
            stories.say_no_reply_needed(self.cast, self.people[author], self.thread_id)
        except ThreadClosed:
            assert self.model.is_closed
            return
        assert not self.model.is_closed
        self.model.quiet_up_to = len(self.model.notes)

    @rule(author=st.sampled_from(["dana", "ruth", "ruth"]), sure=st.integers(0, 4))
    def close(self, author: str, sure: int) -> None:
        if sure:
            return
        try:
            stories.close(self.cast, self.people[author], self.thread_id)
        except NotFound:
            assert author == "dana"
            return
        assert author != "dana"
        self.model.is_closed = True

    @invariant()
    def the_record_is_what_was_sent(self) -> None:
        for name in ("dana", "helen"):
            found = stories.messages(self.cast, self.people[name], self.thread_id)
            assert [one.seq for one in found] == list(range(1, len(self.model.notes) + 1))
            for one, note in zip(found, self.model.notes, strict=True):
                expected = None if note.taken_back else note.text.strip()
                assert one.text == (expected and _lines(expected))
                assert one.at == note.at
                assert one.author_name == note.author.title()

    @invariant()
    def everybody_sees_the_right_state(self) -> None:
        for name, person in self.people.items():
            for seq, view in enumerate(self.views(person), 1):
                note = self.model.notes[seq - 1]
                own = note.author == name and not note.taken_back
                assert view.state == (self.model.state(seq) if own else "")
                assert bool(view.takeback_url) == self.model.may_take_back(name, seq)

    def views(self, person: Any) -> list[pages.MessageView]:
        thread = stories.look(self.cast, person, self.thread_id)
        found = stories.messages(self.cast, person, self.thread_id)
        with self.cast.app.test_request_context():
            return pages.show_messages(thread, person, found)

    @invariant()
    def the_list_says_since_when_the_client_waits(self) -> None:
        assert stories.waiting(self.cast, self.people["ruth"], "dana") == self.model.waiting_since()

    @invariant()
    def the_list_marks_what_is_new(self) -> None:
        engagement_id = self.cast.engagements["dana"]
        thread = stories.look(self.cast, self.people["dana"], self.thread_id)
        for name in ("dana", "ruth"):
            with self.cast.database.reading() as session:
                rows, _ = queries.threads_of(
                    session, self.people[name], engagement_id, thread.vault.id
                )
            (row,) = [one for one in rows if one.id == self.thread_id]
            is_client = name == "dana"
            assert row.unread == (self.model.answered_by(is_client) > self.model.opened[is_client])


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def test_a_thread_is_what_both_sides_did(sqlite_cast: Cast) -> None:
    run(Thread, sqlite_cast, examples=3, steps=12)


@pytest.mark.slow
def test_a_thread_is_what_both_sides_did_whatever_they_did(cast: Cast) -> None:
    run(Thread, cast, examples=30, steps=25)


def test_the_model_refuses_what_the_portal_refuses() -> None:
    """The model is small enough to be read; this holds one path of it to what it should say."""
    noon = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
    model = Model()
    model.notes += [Note("dana", "a", noon, None), Note("ruth", "b", noon, None)]  # type: ignore[arg-type]
    assert model.state(1) == "answered"
    assert model.waiting_since() is None
    assert model.may_take_back("ruth", 2)
    model.notes[1].taken_back = True
    assert model.state(1) == "received"
    assert model.waiting_since() == noon
    assert issubclass(ThreadClosed, DomainError)
