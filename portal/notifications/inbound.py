"""Texts that people send to the number that notes come from.

STOP works at once, in whatever words; nothing else is read by anybody. What a text said is looked
at here and forgotten: it is neither stored nor logged. Answers are fixed, and few enough that two
machines that answer each other fall silent.
"""

import datetime as dt
import uuid

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.clinics.models import Clinic
from portal.config import Config
from portal.core import audit, clock
from portal.core.errors import Invalid
from portal.core.inserts import insert_of
from portal.core.keyring import Keyring
from portal.notifications import formats, problems
from portal.notifications.channels.base import Incoming, Unreadable
from portal.notifications.gsm7 import transliterate
from portal.notifications.models import Address, Channel, HeardKind, HeardText
from portal.notifications.preferences import move_pending
from portal.notifications.wishes import classify, is_spanish
from portal.notifications.wordings import wording

ANSWERS_AN_HOUR = {HeardKind.OTHER: 1, HeardKind.HELP: 1, HeardKind.STOP: 3, HeardKind.START: 3}
KEPT = dt.timedelta(days=90)


def hear(session: Session, keyring: Keyring, heard: Incoming) -> str | None:
    """Does what a text asks for; returns what is to be sent back, if anything.

    The words of the text end here. A text that was heard before does nothing. Raises Unreadable
    when it comes from no telephone.
    """
    lookup = formats.lookup(keyring, Channel.SMS, _number(session, heard.sender))
    kind = classify(heard.words)
    heard_id = uuid.UUID(bytes=keyring.lookup("heard_text", heard.mark)[:16])
    if not _is_new(session, heard_id, lookup, kind):
        return None
    owners = _owners(session, lookup)
    has_changed = _obey(session, lookup, kind)
    if kind is HeardKind.STOP:
        for _, user_id, _ in owners:
            # What was ahead of them goes out no more, and their page says so at once.
            move_pending(session, user_id)
    is_answer = not heard.is_answered and _may_answer(session, lookup, kind, has_changed)
    session.get_one(HeardText, heard_id).was_answered = is_answer
    session.flush()
    for clinic_id, user_id, _ in owners:
        audit.note(session, clinic_id, None, f"text:{kind}", user_id)
    if not is_answer:
        return None
    language = owners[0][2] if owners else "es" if is_spanish(heard.words) else "en"
    return transliterate(wording(f"answers/{_WORDINGS[kind]}", language))


def _number(session: Session, sender: str) -> str:
    zones = session.scalars(select(Clinic.time_zone).distinct().order_by(Clinic.time_zone))
    try:
        return formats.number_of(sender, zones)
    except Invalid:
        raise Unreadable from None


def _is_new(session: Session, heard_id: uuid.UUID, lookup: bytes, kind: HeardKind) -> bool:
    """Notes that a text came; False if this very one came before, whoever brings it again."""
    values = {"id": heard_id, "lookup": lookup, "kind": kind, "at": clock.now()}
    insert = insert_of(session)(HeardText).values(was_answered=False, **values)
    added = insert.on_conflict_do_nothing().returning(HeardText.id)
    return session.scalar(added) is not None


_WORDINGS = {
    HeardKind.STOP: "stopped",
    HeardKind.START: "started",
    HeardKind.HELP: "help",
    HeardKind.OTHER: "unmonitored",
}


def _owners(session: Session, lookup: bytes) -> list[tuple[uuid.UUID, uuid.UUID, str]]:
    """Whose number it is, as far as the portal knows: clinic, person and language."""
    query = (
        select(User.clinic_id, User.id, User.language)
        .join(Address, Address.user_id == User.id)
        .where(Address.lookup == lookup, Address.channel == Channel.SMS)
        .order_by(User.id)
    )
    return [(row.clinic_id, row.id, row.language) for row in session.execute(query)]


def _obey(session: Session, lookup: bytes, kind: HeardKind) -> bool:
    if kind is HeardKind.STOP:
        return problems.stop(session, lookup, Channel.SMS)
    if kind is HeardKind.START:
        return problems.start(session, lookup, Channel.SMS)
    return False


def _may_answer(session: Session, lookup: bytes, kind: HeardKind, has_changed: bool) -> bool:
    """One confirmation for each change; the rest once an hour."""
    if kind in (HeardKind.STOP, HeardKind.START) and not has_changed:
        return False
    answered = select(func.count()).where(
        HeardText.lookup == lookup,
        HeardText.kind == kind,
        HeardText.was_answered,
        HeardText.at > clock.now() - dt.timedelta(hours=1),
    )
    return (session.scalar(answered) or 0) < ANSWERS_AN_HOUR[kind]


def forget_old_texts(session: Session, _config: Config) -> int:
    """Deletes the notes about texts of a quarter of a year ago; returns how many."""
    old = delete(HeardText).where(HeardText.at < clock.now() - KEPT).returning(HeardText.id)
    return len(session.scalars(old).all())
