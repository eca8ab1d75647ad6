"""A clinic with something of every kind in it."""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from portal import create_app
from portal.accounts import keys
from portal.accounts import services as accounts
from portal.accounts.models import Role, User, WrapKind
from portal.accounts.passphrases import normalise_code
from portal.caseload import services as caseload
from portal.config import Config
from portal.core import clock
from portal.core.crypto import Argon2Cost
from portal.core.ids import new_id, short
from portal.core.nonces import Nonce, new_nonce
from portal.modules import shelf
from portal.modules.checking import with_top
from portal.modules.models import StepTerms
from portal.modules.services import authoring, giving, keeping
from portal.modules.services.authoring import Late
from portal.notifications.addresses import CODE_LASTS
from portal.notifications.formats import seal_hint
from portal.notifications.models import (
    AddressProof,
    Channel,
    ContactProblem,
    GuardianContact,
    HoldReason,
)
from portal.notifications.ownership import hold
from portal.notifications.problems import DEAD
from portal.notifications.services import set_address
from portal.threads.access import thread_for
from portal.threads.services import unsent
from tests.cast import Cast
from tests.guards.filled_forms import CODE, RECOVERY_CODE, ROLES
from tests.modules import stories
from tests.modules.files import WHOLE


@contextmanager
def quickly() -> Iterator[dt.datetime]:
    """Passphrases cost little, the library has few modules, and the clock stands still at the
    moment that this gives."""
    began = clock.now()
    usual, Argon2Cost.__init__.__defaults__ = Argon2Cost.__init__.__defaults__, (64, 1)
    clock.set_clock(lambda: began)
    library, shelf.LIBRARY = shelf.LIBRARY, stories.LIBRARY
    first, giving.FIRST = giving.FIRST, "two-steps"
    try:
        yield began
    finally:
        shelf.LIBRARY, giving.FIRST = library, first
        Argon2Cost.__init__.__defaults__ = usual


class Scenes(Cast):
    """The cast, and enough around it that every address has something to show.

    Sam is a colleague of Luis's, Rosa and Iris are their clients; Vera was disabled, Walter and
    Nadia have not come yet. Ruth and Helen were taken off Iris's care team.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(create_app(config))
        self.config = config
        self.guardians: dict[str, uuid.UUID] = {}
        self.problems: dict[str, uuid.UUID] = {}
        throttle = self.app.extensions["guard"].throttle
        throttle._shared = throttle._local  # no queue's server is asked
        _ = self.other_clinic
        self._staff("sam", Role.CLINICIAN, self.clinic)
        self._staff("vera", Role.CLINICIAN, self.clinic)
        self._client("rosa", "en", "luis", "sam")
        self._client("iris", "en", "luis", "sam")
        for name in ROLES.values():
            self.set_passphrase(name)
            self._keep_recovery_code(name)
        self._invite_walter()
        self._begin_threads()
        self._give_work()
        self._write_modules()
        self._remove_and_disable()
        self._write_and_leave()
        self._keep_contacts()

    def _keep_recovery_code(self, name: str) -> None:
        with self.database.writing() as session:
            user = session.get_one(User, self.ids[name])
            owner, code = keys.Owner(user.id, user.clinic_id), normalise_code(RECOVERY_CODE)
            kind = WrapKind.RECOVERY_CODE
            sealed = keys.wrap_with_code(owner, self._private_keys[name], code, kind)
            keys.keep_wrap(session, owner, kind, sealed)

    def _invite_walter(self) -> None:
        """A clinician and a client who have not come yet, each with an unused code."""
        ruth = self.person("ruth")
        with self.database.writing() as session:
            invited = accounts.invite(
                session,
                self.keyring,
                self.clinic,
                role=Role.CLINICIAN,
                name="Walter",
                language="en",
                by=None,
            )
            welcomed = caseload.begin_engagement(
                session,
                self.keyring,
                self.clinic,
                ruth,
                caseload.NewClient("Nadia", "en"),
                self.ids["helen"],
            )
        self.ids["walter"], self.codes["walter"] = invited.user_id, invited.code
        self.ids["nadia"], self.codes["nadia"] = welcomed.client_id, welcomed.code
        self.engagements["nadia"] = welcomed.engagement_id

    def _begin_threads(self) -> None:
        self.threads = {
            "client": self.begin_thread("dana", "dana", subject="Sleep", text="Dana's words"),
            "clinician": self.begin_thread("ruth", "dana", subject="Plan", text="Ruth's words"),
            "supervisor": self.begin_thread("helen", "dana", subject="Hello", text="Helen's"),
            "rosa": self.begin_thread("luis", "rosa"),
            "iris": self.begin_thread("luis", "iris"),
            "pavel": self.begin_thread("olga", "pavel"),
        }

    def _give_work(self) -> None:
        """Each client has work, of which the first step is sent and read, with words kept."""
        self.work = {}
        givers = {"dana": "ruth", "rosa": "luis", "iris": "luis", "pavel": "olga"}
        for client, by in givers.items():
            counsellor, reader = self.person(by), self.person(client)
            work = stories.give(self, client, by, source=stories.TWO_STEPS)
            stories.unlock(self, counsellor, work, "first")
            answers = {"best": f"{client}'s answer", "act": {"what": "Walk"}}
            stories.send(self, reader, work, "first", answers)
            stories.say(self, counsellor, work, "first", beside={"best": "Read."})
            stories.report(self, reader, work, "partly", "It rained")
            with self.database.writing() as session:
                nonce = new_nonce(self.keyring, reader.id, work)
                kept = {"best": "kept answer"}
                keeping.keep_for_author(session, self.keyring, work, "first", kept, nonce)
            self.work[client] = work
        self.work["given"] = stories.give(self, source=stories.TWO_STEPS)
        self.work["sent"] = self._work_that_was_sent()
        self.work["read"] = self._work_that_was_read()
        self.work["over"] = stories.give(self, source=stories.TWO_STEPS, ends_at=clock.now())
        with self.database.writing() as session:
            giving.end_what_is_past(session, self.app.extensions["portal"].config)

    def _write_modules(self) -> None:
        """Each counsellor has a draft, with words kept, and has published a module; one of Luis's
        drafts is put away, and one of his modules retired."""
        self.drafts, self.published = {}, {}
        for client, by in {"dana": "ruth", "rosa": "luis", "iris": "luis", "pavel": "olga"}.items():
            person, text = self.person(by), with_top(WHOLE, id=f"walk-of-{client}")
            with self.database.writing() as session:
                nonce = new_nonce(self.keyring, person.id, person.clinic_id)
                draft = authoring.begin(session, self.keyring, person, text, nonce)
                late = Late("kept module", new_nonce(self.keyring, person.id, draft))
                authoring.keep_for_author(session, self.keyring, draft, late)
                self.published[client] = authoring.publish_source(
                    session, self.keyring, person.clinic_id, person.id, text.encode()
                )
                self.drafts[client] = draft
        luis = self.person("luis")
        with self.database.writing() as session:
            authoring.put_away(session, self.keyring, luis, self.drafts["iris"], is_away=True)
            authoring.retire(session, self.keyring, luis, self.published["iris"], is_over=True)

    def _work_that_was_sent(self) -> uuid.UUID:
        """Work of Dana's that she sent, and to which Ruth said something."""
        dana, ruth = self.person("dana"), self.person("ruth")
        work = stories.give(self, gates={}, source=stories.TWO_STEPS)
        stories.unlock(self, ruth, work, "first")
        stories.send(self, dana, work, "first", {"best": "A walk"})
        stories.send(self, dana, work, "second", {"more": "No"})
        stories.say(self, ruth, work, "second")
        return work

    def _work_that_was_read(self) -> uuid.UUID:
        """Work of Dana's that she sent and Ruth read; what she planned did not happen twice."""
        dana, ruth = self.person("dana"), self.person("ruth")
        work = stories.give(self, source=stories.TWO_STEPS)
        stories.unlock(self, ruth, work, "first")
        stories.send(self, dana, work, "first", {"act": {"what": "Walk"}})
        stories.send(self, dana, work, "second", {"more": "No"})
        for step in ("first", "second"):
            stories.say(self, ruth, work, step)
        stories.report(self, dana, work, "not_yet")
        tomorrow = clock.now() + dt.timedelta(days=1)
        with clock.use(lambda: tomorrow):
            stories.report(self, dana, work, "not_yet")
        with self.database.writing() as session:
            terms = session.get_one(StepTerms, (work, "first"))
            terms.called_at = clock.now()
        return work

    def _remove_and_disable(self) -> None:
        """Ruth and Helen were on Iris's care team once; Vera may not sign in any more.

        Nadia's team has three, so that one can be taken off it.
        """
        for name in ("ruth", "helen"):
            self.add_to_team("luis", "iris", name)
        for name in ("ruth", "helen"):
            self.remove_from_team("luis", "iris", name)
        tom = self.person("tom")
        self.add_to_team("ruth", "nadia", "sam")
        with self.database.writing() as session:
            caseload.disable_person(session, tom, self.ids["vera"])

    def add_to_team(self, by: str, client: str, colleague: str) -> None:
        browser = self.browser(by)
        browser.open(self.client_url(client))
        browser.post(
            f"{self.client_url(client)}/team", person=short(self.ids[colleague]), past="all"
        )
        assert browser.page.status_code == 200

    def remove_from_team(self, by: str, client: str, colleague: str) -> None:
        browser = self.browser(by)
        browser.open(self.client_url(client))
        browser.post(f"{self.client_url(client)}/team/{short(self.ids[colleague])}/remove")
        assert browser.page.status_code == 200

    def _write_and_leave(self) -> None:
        """Everybody has a draft and kept words wherever they may write."""
        for role in ("client", "clinician", "supervisor"):
            person = self.person(ROLES[role])
            for place in (self.threads[role], self.engagements["dana"]):
                with self.database.writing() as session:
                    vault = thread_for(session, person, self.threads[role]).vault
                    unsent.save_draft(
                        session, person, vault, place, text="half a draft", nonce=None
                    )
                    unsent.keep_for_author(
                        session, self.keyring, place, "kept words", self.nonce(role, place)
                    )

    def _keep_contacts(self) -> None:
        """Everybody has a number that waits for its code; Dana is asked who else reads her texts.
        Each client has a guardian."""
        now = clock.now()
        with self.database.writing() as session:
            for name in ROLES.values():
                person, proof_id = session.get_one(User, self.ids[name]), new_id()
                proof = AddressProof(user_id=person.id, channel=Channel.SMS, id=proof_id)
                proof.clinic_id, proof.sent_at, proof.tries = person.clinic_id, now, 0
                proof.expires_at = now + CODE_LASTS
                proof.sealed = proof.code_sealed = proof.lookup = b"nobody reads this here"
                proof.hint = seal_hint(self.keyring, "address_proofs", proof_id, Channel.SMS, "…42")
                proof.code_hash = self.keyring.lookup("address_code", f"{proof_id}:{CODE}")
                session.add(proof)
            for client, by in {"dana": "ruth", "rosa": "luis", "iris": "luis"}.items():
                self.guardians[client] = self._guardian(session, client, by)
            self.guardians["pavel"] = self._guardian(session, "pavel", "olga")
            for client in self.guardians:
                self.problems[client] = self._problem(session, client)
            set_address(
                session,
                self.config,
                clinic_id=self.clinic.id,
                user_id=self.ids["dana"],
                channel=Channel.SMS,
                address="+13035550199",
            )
            hold(session, self.ids["dana"], self.clinic.id, HoldReason.UNANSWERED)

    def _guardian(self, session: Session, client: str, by: str) -> uuid.UUID:
        person, client_id = session.get_one(User, self.ids[by]), self.ids[client]
        contact = GuardianContact(id=new_id(), clinic_id=person.clinic_id, user_id=client_id)
        contact.channel, contact.lookup = Channel.SMS, client.encode()
        contact.hint = seal_hint(self.keyring, "guardian_contacts", contact.id, Channel.SMS, "…17")
        contact.added_by, contact.added_at = person.id, clock.now()
        session.add(contact)
        session.flush()
        return contact.id

    def _problem(self, session: Session, client: str) -> uuid.UUID:
        """By mail, where nobody has an address: nothing follows from it."""
        user = session.get_one(User, self.ids[client])
        problem = ContactProblem(id=new_id(), clinic_id=user.clinic_id, user_id=user.id)
        problem.channel, problem.code, problem.since = Channel.EMAIL, DEAD, clock.now()
        session.add(problem)
        session.flush()
        return problem.id

    def nonce(self, role: str, place: uuid.UUID) -> Nonce:
        return new_nonce(self.keyring, self.ids[ROLES[role]], place)
