"""Plays the demo's story: the clinic is founded, people come, write and read in their time."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from sqlalchemy.orm import Session

from portal.accounts import services as accounts
from portal.accounts.founding import found_clinic
from portal.accounts.guard import Guard
from portal.accounts.models import Role
from portal.accounts.people import Person
from portal.accounts.services import Choice, Visitor
from portal.accounts.sessions import end_all, find
from portal.caseload import services as caseload
from portal.caseload.services import NewClient
from portal.clinics.crisis import CrisisLine
from portal.clinics.queries import ClinicBook, ClinicFacts
from portal.config import Config
from portal.core import clock
from portal.core.database import Database
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.core.slots import Slots
from portal.core.throttle import Throttle
from portal.demo import work
from portal.demo.content import Deed, DemoContent, MessageContent, ThreadContent, WorkContent
from portal.demo.notices import (
    choose_notices,
    note_failure,
    send_what_is_due,
    settle_problems,
)
from portal.notifications.formats import usable
from portal.notifications.models import Channel
from portal.notifications.services import set_address
from portal.threads.access import thread_for
from portal.threads.services import marking, sending, unsent

AT_HOME = Visitor("127.0.0.1", "?")


@dataclass(frozen=True)
class Account:
    """One line of the table of who can sign in."""

    role: str
    user_name: str
    passphrase: str


class Seed:
    """The story while it is being played. Everybody who has come is in `people`."""

    def __init__(self, config: Config, database: Database, content: DemoContent) -> None:
        self.config, self.database, self.content = config, database, content
        self.keyring = Keyring(config.server_keys)
        slots = Slots(config.data / "slots", "sign-in", places=2, waiting=2)
        self.guard = Guard(self.keyring, Throttle(None), slots)
        self.people: dict[str, Person] = {}
        self.engagements: dict[str, uuid.UUID] = {}
        self.accounts: list[Account] = []
        self._now = clock.now()

    def play(self) -> list[Account]:
        """All of it. Returns who can sign in, in the order of the cast."""
        beginning = self._now - dt.timedelta(days=60)
        with _at(beginning):
            administrator_code = self._found()
            self._staff_come(administrator_code)
            self._clients_come()
            self._choose_notices()
        self._fail_to_tell()
        for thread in self.content.threads:
            self._play_thread(thread)
        for given in self.content.work:
            self._play_work(given)
        self._everybody_leaves()
        order = list(self.content.cast)
        names = {self.content.cast[key].user_name: key for key in order}
        return sorted(self.accounts, key=lambda account: order.index(names[account.user_name]))

    @property
    def clinic(self) -> ClinicFacts:
        with self.database.reading() as session:
            facts = ClinicBook(self.keyring).default(session)
        return cast(ClinicFacts, facts)

    def _found(self) -> str:
        clinic = self.content.clinic
        administrator = next(m for m in self.content.cast.values() if m.role == "administrator")
        founded = found_clinic(
            self.database,
            self.keyring,
            name=clinic.name,
            time_zone=clinic.time_zone,
            language=clinic.language,
            administrator=administrator.name,
            crisis_lines=tuple(CrisisLine(one.label, one.number) for one in clinic.crisis_lines),
        )
        return founded.administrator_code

    def _staff_come(self, administrator_code: str) -> None:
        for key, member in self.content.cast.items():
            if member.role == "administrator":
                self._come(key, administrator_code)
        for key, member in self.content.cast.items():
            if member.role in ("clinician", "supervisor"):
                with self.database.writing() as session:
                    invited = accounts.invite(
                        session,
                        self.keyring,
                        self.clinic,
                        role=Role(member.role),
                        name=member.name,
                        language=member.language,
                        user_name=member.user_name,
                        by=None,
                    )
                self._come(key, invited.code)

    def _clients_come(self) -> None:
        for key, member in self.content.cast.items():
            if member.role == "client":
                first, second = self.content.care_teams[key]
                with self.database.writing() as session:
                    client = NewClient(
                        member.name, member.language, member.user_name, member.is_young
                    )
                    by, other = self.people[first], self.people[second].id
                    welcomed = caseload.begin_engagement(
                        session, self.keyring, self.clinic, by, client, other
                    )
                self.engagements[key] = welcomed.engagement_id
                self._come(key, welcomed.code)

    def _come(self, key: str, code: str) -> None:
        """Somebody types their code, settles on the passphrase that is offered, and signs in."""
        member, unit = self.content.cast[key], self.database.unit()
        try:
            offer = accounts.offer_for_code(unit, self.guard, code, AT_HOME)
            choice = Choice(member.user_name, offer.passphrase, offer.recovery_code)
            cookie = accounts.redeem(unit, self.guard, "", code, choice, AT_HOME)
            person = cast(Person, find(unit.session, self.keyring, cookie))
            self._keep_addresses(unit.session, person, key)
            unit.commit()
        finally:
            unit.close()
        self.people[key] = person
        self.accounts.append(Account(member.role, member.user_name, offer.passphrase))

    def _keep_addresses(self, session: Session, person: Person, key: str) -> None:
        member = self.content.cast[key]
        channels = {Channel.EMAIL: member.email, Channel.SMS: member.mobile}
        for channel, address in channels.items():
            if address:
                set_address(
                    session,
                    self.config,
                    clinic_id=person.clinic_id,
                    user_id=person.id,
                    channel=channel,
                    address=usable(channel, address, self.content.clinic.time_zone),
                )

    def _choose_notices(self) -> None:
        for key, content in self.content.notices.items():
            team = self.content.care_teams.get(key)
            with self.database.writing() as session:
                choose_notices(
                    session,
                    self.keyring,
                    content,
                    self.people[key],
                    self.people[team[0]] if team else None,
                    self.content.clinic.time_zone,
                )

    def _fail_to_tell(self) -> None:
        """Whom nobody reached, before the story that their threads tell."""
        for key, content in self.content.notices.items():
            channel = Channel.SMS if self.content.cast[key].mobile else Channel.EMAIL
            for failure in content.failures:
                at = self.content.at(failure, self._now)
                with _at(at), self.database.writing() as session:
                    note_failure(session, self.people[key], channel)
            if content.settled is not None:
                by, at = content.settled.by, self.content.at(content.settled.at, self._now)
                with _at(at), self.database.writing() as session:
                    settle_problems(session, self.people[by], self.people[key])

    def _play_thread(self, thread: ThreadContent) -> None:
        engagement_id = self.engagements[thread.client]
        thread_id = self._begin(thread, engagement_id)
        for message in thread.messages[1:]:
            self._read_before(thread_id, message)
            with self._when(message) as (session, author):
                nonce = new_nonce(self.keyring, author.id, thread_id)
                sending.send(
                    session, self.keyring, self.clinic, author, thread_id, message.text, nonce
                )
        if thread.messages[-1].opened:
            self._read_last(thread, thread_id)
        self._finish(thread, thread_id)

    def _play_work(self, content: WorkContent) -> None:
        with _at(self.content.at(content.at, self._now)), self.database.writing() as session:
            by, engagement_id = self.people[content.by], self.engagements[content.client]
            work_id = work.give(session, self.keyring, content, by, engagement_id)
        for deed in content.deeds:
            with _at(self.content.at(deed.at, self._now)), self.database.writing() as session:
                person, zone = self.people[deed.by], self.content.clinic.time_zone
                work.act(session, self.keyring, self.clinic, deed, person, work_id, zone)

    def _begin(self, thread: ThreadContent, engagement_id: uuid.UUID) -> uuid.UUID:
        with self._when(thread.messages[0]) as (session, author):
            nonce = new_nonce(self.keyring, author.id, engagement_id)
            return sending.begin_thread(
                session,
                self.keyring,
                self.clinic,
                author,
                engagement_id,
                subject=thread.subject,
                text=thread.messages[0].text,
                nonce=nonce,
            ).thread_id

    def _read_before(self, thread_id: uuid.UUID, message: MessageContent) -> None:
        """Whoever writes has read what came before."""
        with self._when(message) as (session, author):
            opened = thread_for(session, author, thread_id)
            marking.mark_opened(session, author, opened, opened.last_seq)

    def _read_last(self, thread: ThreadContent, thread_id: uuid.UUID) -> None:
        last = thread.messages[-1]
        reader = thread.clinicians[0] if last.author == thread.client else thread.client
        at = self.content.at(last.at, self._now) + dt.timedelta(hours=2)
        with _at(min(at, self._now)), self.database.writing() as session:
            person = self.people[reader]
            opened = thread_for(session, person, thread_id)
            marking.mark_opened(session, person, opened, opened.last_seq)

    def _finish(self, thread: ThreadContent, thread_id: uuid.UUID) -> None:
        deeds: list[tuple[Deed | None, Callable[..., None]]] = [
            (thread.no_reply_needed, marking.say_no_reply_needed),
            (thread.closed, marking.close),
        ]
        for deed, act in deeds:
            if deed is not None:
                at = self.content.at(deed.at, self._now)
                with _at(at), self.database.writing() as session:
                    act(session, self.people[deed.by], thread_id)
        if thread.draft is not None:
            with self._when(thread.draft) as (session, author):
                vault = thread_for(session, author, thread_id).vault
                unsent.save_draft(
                    session, author, vault, thread_id, text=thread.draft.text, nonce=None
                )

    @contextmanager
    def _when(self, message: MessageContent) -> Iterator[tuple[Session, Person]]:
        at = min(self.content.at(message.at, self._now), self._now)
        with _at(at), self.database.writing() as session:
            send_what_is_due(session)
            yield session, self.people[message.author]

    def _everybody_leaves(self) -> None:
        with self.database.writing() as session:
            for person in self.people.values():
                end_all(session, person.id)


@contextmanager
def _at(moment: dt.datetime) -> Iterator[None]:
    with clock.use(lambda: moment):
        yield
