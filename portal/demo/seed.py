"""Plays the demo's story: the clinic is founded, people come, write and read in their time."""

import datetime as dt
import uuid
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
from portal.core.slots import Slots
from portal.core.throttle import Throttle
from portal.demo.content import DemoContent
from portal.demo.notices import choose_notices
from portal.demo.story import Story, at, play
from portal.notifications.formats import usable
from portal.notifications.models import Channel
from portal.notifications.services import set_address

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
        with at(beginning):
            administrator_code = self._found()
            self._staff_come(administrator_code)
            self._clients_come()
            self._choose_notices()
        play(self.database, self._story())
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

    def _story(self) -> Story:
        return Story(
            self.content, self._now, self.keyring, self.clinic, self.people, self.engagements
        )

    def _everybody_leaves(self) -> None:
        with self.database.writing() as session:
            for person in self.people.values():
                end_all(session, person.id)
