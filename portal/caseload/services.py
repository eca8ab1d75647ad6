"""Beginning an engagement, and who joins and leaves its care team."""

import uuid
from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.accounts import queries as people
from portal.accounts import services as accounts
from portal.accounts.models import Role, User
from portal.accounts.people import Person
from portal.accounts.queries import PersonFacts
from portal.caseload import queries
from portal.caseload.models import CareTeamMember, Engagement, TeamRole
from portal.caseload.queries import EngagementFacts
from portal.clinics.models import Clinic
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.notifications import ownership
from portal.vault import queries as vaults
from portal.vault import services as vault_services
from portal.vault.keys import Holder


@dataclass(frozen=True)
class NewClient:
    """What a clinician says of somebody who is to be invited. The name stays inside the clinic.

    `is_asked` is for young people: an address of theirs is used once they have said who else can
    open it.
    """

    name: str
    language: str
    user_name: str | None = None
    is_asked: bool = False


@dataclass(frozen=True)
class Welcomed:
    """`code` is shown once, to be handed to the client."""

    engagement_id: uuid.UUID
    client_id: uuid.UUID
    code: str


def begin_engagement(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    by: Person,
    client: NewClient,
    second_id: uuid.UUID,
) -> Welcomed:
    """Invites a client and begins their engagement, so that it can be written in before they come.

    `second_id` is a colleague who also holds the vault: no record may hang on one person.
    Raises Invalid.
    """
    second = _colleague(session, keyring, by, second_id)
    invited = accounts.invite(
        session,
        keyring,
        clinic,
        role=Role.CLIENT,
        name=client.name,
        language=client.language,
        user_name=client.user_name,
        by=by,
    )
    holders = [
        Holder(by.id, by.public_key),
        Holder(second.id, second.public_key),
        Holder(invited.user_id, invited.public_key),
    ]
    vault = vault_services.create(session, by, clinic.recovery_public_key, holders)
    engagement_id = new_id()
    session.add(
        Engagement(
            id=engagement_id,
            clinic_id=by.clinic_id,
            client_id=invited.user_id,
            vault_id=vault.id,
            begun_by=by.id,
            begun_at=clock.now(),
        )
    )
    session.flush()
    _join(session, by, engagement_id, by.id, TeamRole.PRIMARY)
    _join(session, by, engagement_id, second.id, _usual_role(second))
    audit.note(session, by.clinic_id, by.id, "engagement:begin", engagement_id)
    if client.is_asked:
        ownership.ask(session, by, invited.user_id)
    return Welcomed(engagement_id, invited.user_id, invited.code)


def _colleague(
    session: Session, keyring: Keyring, by: Person, colleague_id: uuid.UUID
) -> PersonFacts:
    for colleague in people.clinicians_of(session, keyring, by.clinic_id):
        if colleague.id == colleague_id and colleague.id != by.id:
            return colleague
    raise Invalid(colleague="colleague_unknown")


def _usual_role(colleague: PersonFacts) -> TeamRole:
    return TeamRole.SUPERVISOR if colleague.role is Role.SUPERVISOR else TeamRole.COVER


def _join(
    session: Session, by: Person, engagement_id: uuid.UUID, user_id: uuid.UUID, role: TeamRole
) -> None:
    session.add(
        CareTeamMember(
            id=new_id(),
            clinic_id=by.clinic_id,
            engagement_id=engagement_id,
            user_id=user_id,
            role=role.value,
            joined_at=clock.now(),
            added_by=by.id,
        )
    )
    session.flush()
    audit.note(session, by.clinic_id, by.id, "team:join", user_id)


def add_to_team(
    session: Session,
    keyring: Keyring,
    by: Person,
    engagement: EngagementFacts,
    colleague_id: uuid.UUID,
    *,
    with_past: bool,
) -> None:
    """Lets a colleague read: everything so far, or only what comes. Raises Invalid."""
    colleague = _colleague(session, keyring, by, colleague_id)
    team = queries.team_of(session, keyring, engagement.id)
    if any(member.id == colleague.id for member in team):
        raise Invalid(colleague="colleague_on_team")
    vault = vaults.open_for(session, by, engagement.vault_id)
    holder = Holder(colleague.id, colleague.public_key)
    if with_past:
        vault_services.share(session, by, vault, holder)
    else:
        recovery_key = session.get_one(Clinic, by.clinic_id).recovery_public_key
        vault_services.share_from_now(session, by, vault, holder, recovery_key)
    _join(session, by, engagement.id, colleague.id, _usual_role(colleague))


def remove_from_team(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    by: Person,
    engagement: EngagementFacts,
    member_id: uuid.UUID,
) -> None:
    """Takes a colleague off the team; what is written from now on they could not read.

    Raises NotFound if they are not on it, and Conflict if fewer than two would be left.
    """
    team = queries.team_of(session, keyring, engagement.id)
    if not any(member.id == member_id for member in team):
        raise NotFound
    if len(team) <= 2:
        raise Conflict(reason="team_too_small")
    vault = vaults.open_for(session, by, engagement.vault_id)
    vault_services.unshare(session, by, vault, member_id, clinic.recovery_public_key)
    _leave(session, by, member_id, engagement.id)


def _leave(
    session: Session, by: Person, user_id: uuid.UUID, engagement_id: uuid.UUID | None
) -> None:
    query = update(CareTeamMember).where(
        CareTeamMember.user_id == user_id, CareTeamMember.left_at.is_(None)
    )
    if engagement_id is not None:
        query = query.where(CareTeamMember.engagement_id == engagement_id)
    session.execute(query.values(left_at=clock.now(), removed_by=by.id))
    audit.note(session, by.clinic_id, by.id, "team:leave", user_id)


def disable_person(session: Session, by: Person, user_id: uuid.UUID) -> None:
    """Ends somebody's sessions; of staff also the grants and places on care teams, all at once.

    What a client can read is their own: nobody could give it back, and while they cannot sign in
    nothing opens it. New keys go on being sealed to them, so that they miss nothing.
    Raises NotFound outside the clinic, Conflict for oneself.
    """
    user = session.get(User, user_id)
    if user is None or user.clinic_id != by.clinic_id:
        raise NotFound
    if user_id == by.id:
        raise Conflict(reason="not_yourself")
    accounts.disable(session, user_id, by)
    if user.role.is_staff:
        vault_services.drop_holder(session, by, user_id)
        _leave(session, by, user_id, None)


def invite_client_again(
    session: Session, clinic: ClinicFacts, by: Person, engagement: EngagementFacts
) -> str:
    """A new code for a client who has not come yet.

    Raises Conflict if they have, and NotAllHeld if `by` cannot read all that was sealed to them.
    """
    vault = vaults.open_for(session, by, engagement.vault_id)
    vault_services.check_rekey(session, vault, engagement.client_id)
    invited = accounts.invite_again(session, clinic, engagement.client_id, by)
    vault_services.rekey_holder(session, by, vault, Holder(invited.user_id, invited.public_key))
    return invited.code
