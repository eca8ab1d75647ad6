"""Fetching and allowing in one look-up: what is not this person's is not there."""

import uuid

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.queries import EngagementFacts, find_engagement
from portal.core.errors import NotFound
from portal.core.keyring import Keyring


def engagement_for(
    session: Session, keyring: Keyring, person: Person, engagement_id: uuid.UUID
) -> EngagementFacts:
    """For the engagement's client and care team. Raises NotFound."""
    engagement = find_engagement(session, keyring, person, engagement_id)
    if engagement is None:
        raise NotFound
    return engagement


def engagement_for_team(
    session: Session, keyring: Keyring, person: Person, engagement_id: uuid.UUID
) -> EngagementFacts:
    """For the care team only. Raises NotFound."""
    if not person.is_clinical:
        raise NotFound
    return engagement_for(session, keyring, person, engagement_id)
