"""What happens in the demo once everybody has come, in the order in which it happened."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.clinics.queries import ClinicFacts
from portal.core import clock
from portal.core.database import Database
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.demo import work
from portal.demo.content import (
    Deed,
    DemoContent,
    MessageContent,
    Past,
    ThreadContent,
    WorkContent,
    WorkDeed,
)
from portal.demo.notices import note_failure, send_what_is_due, settle_problems
from portal.notifications.models import Channel
from portal.threads.access import thread_for
from portal.threads.services import marking, sending, unsent

READ_AFTER = dt.timedelta(hours=2)


@contextmanager
def at(moment: dt.datetime) -> Iterator[None]:
    with clock.use(lambda: moment):
        yield


@dataclass(frozen=True)
class Act:
    """Something that somebody does at a moment of the story."""

    at: dt.datetime
    play: Callable[[Session], None]


@dataclass
class Story:
    """Who does what and when, told from `now`. What is begun is found again by its key."""

    content: DemoContent
    now: dt.datetime
    keyring: Keyring
    clinic: ClinicFacts
    people: Mapping[str, Person]
    engagements: Mapping[str, uuid.UUID]
    begun: dict[str, uuid.UUID] = field(default_factory=dict)

    @property
    def untold_from(self) -> dt.datetime:
        """What falls due from here on the portal itself tells, when the demo begins."""
        return self.content.at(Past(1, dt.time(15)), self.now)

    def acts(self) -> list[Act]:
        """Everything, the earliest first."""
        acts = [*self._failures()]
        for thread in self.content.threads:
            acts += self._thread(thread)
        for given in self.content.work:
            acts += self._work(given)
        return sorted(acts, key=lambda act: act.at)

    def _act(self, moment: Past, play: Callable[[Session], None]) -> Act:
        return Act(min(self.content.at(moment, self.now), self.now), play)

    def _failures(self) -> Iterator[Act]:
        """Whom nobody reached, and who saw to it."""
        for key, content in self.content.notices.items():
            person = self.people[key]
            channel = Channel.SMS if self.content.cast[key].mobile else Channel.EMAIL
            for failure in content.failures:
                yield self._act(failure, partial(note_failure, person=person, channel=channel))
            if content.settled is not None:
                by = self.people[content.settled.by]
                yield self._act(content.settled.at, partial(settle_problems, by=by, client=person))

    def _thread(self, thread: ThreadContent) -> list[Act]:
        first, *others = thread.messages
        acts = [self._act(first.at, partial(self._begin, thread=thread))]
        acts += [
            self._act(one.at, partial(self._send, thread=thread, message=one)) for one in others
        ]
        if thread.messages[-1].opened:
            read_at = min(acts[-1].at + READ_AFTER, self.now)
            acts.append(Act(read_at, partial(self._read_last, thread=thread)))
        if thread.draft is not None:
            acts.append(self._act(thread.draft.at, partial(self._save_draft, thread=thread)))
        return [*acts, *self._deeds(thread)]

    def _deeds(self, thread: ThreadContent) -> Iterator[Act]:
        for deed, do in (
            (thread.no_reply_needed, marking.say_no_reply_needed),
            (thread.closed, marking.close),
        ):
            if deed is not None:
                yield self._act(deed.at, partial(self._do, thread=thread, deed=deed, do=do))

    def _begin(self, session: Session, thread: ThreadContent) -> None:
        first, engagement_id = thread.messages[0], self.engagements[thread.client]
        author = self.people[first.author]
        self.begun[thread.key] = sending.begin_thread(
            session,
            self.keyring,
            self.clinic,
            author,
            engagement_id,
            subject=thread.subject,
            text=first.text,
            nonce=new_nonce(self.keyring, author.id, engagement_id),
        ).thread_id

    def _send(self, session: Session, thread: ThreadContent, message: MessageContent) -> None:
        """Whoever writes has read what came before."""
        author, thread_id = self.people[message.author], self.begun[thread.key]
        self._read(session, author, thread_id)
        nonce = new_nonce(self.keyring, author.id, thread_id)
        sending.send(session, self.keyring, self.clinic, author, thread_id, message.text, nonce)

    def _read_last(self, session: Session, thread: ThreadContent) -> None:
        by_client = thread.messages[-1].author == thread.client
        reader = thread.clinicians[0] if by_client else thread.client
        self._read(session, self.people[reader], self.begun[thread.key])

    def _read(self, session: Session, reader: Person, thread_id: uuid.UUID) -> None:
        opened = thread_for(session, reader, thread_id)
        marking.mark_opened(session, reader, opened, opened.last_seq)

    def _do(
        self, session: Session, thread: ThreadContent, deed: Deed, do: Callable[..., None]
    ) -> None:
        do(session, self.people[deed.by], self.begun[thread.key])

    def _save_draft(self, session: Session, thread: ThreadContent) -> None:
        if thread.draft is not None:
            author, thread_id = self.people[thread.draft.author], self.begun[thread.key]
            vault = thread_for(session, author, thread_id).vault
            unsent.save_draft(session, author, vault, thread_id, text=thread.draft.text, nonce=None)

    def _work(self, given: WorkContent) -> Iterator[Act]:
        yield self._act(given.at, partial(self._give, given=given))
        for deed in given.deeds:
            yield self._act(deed.at, partial(self._answer, given=given, deed=deed))

    def _give(self, session: Session, given: WorkContent) -> None:
        by, engagement_id = self.people[given.by], self.engagements[given.client]
        self.begun[given.key] = work.give(session, self.keyring, given, by, engagement_id)

    def _answer(self, session: Session, given: WorkContent, deed: WorkDeed) -> None:
        person, zone = self.people[deed.by], self.content.clinic.time_zone
        work.act(session, self.keyring, self.clinic, deed, person, self.begun[given.key], zone)


def play(database: Database, story: Story) -> None:
    """Each act at its moment; before it, people are told what was due."""
    for act in story.acts():
        with at(act.at), database.writing() as session:
            send_what_is_due(session, min(act.at, story.untold_from))
            act.play(session)
    with at(story.now), database.writing() as session:
        send_what_is_due(session, story.untold_from)
