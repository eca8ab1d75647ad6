"""Texts that people send to the number that notes come from.

STOP works at once, in whatever words; nothing else is read by anybody. What a text said is looked
at here and forgotten: it is neither stored nor logged. Answers are fixed, and few enough that two
machines that answer each other fall silent.
"""

import datetime as dt
import re
import unicodedata
import uuid

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.config import Config
from portal.core import audit, clock
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.notifications import formats, problems
from portal.notifications.channels.base import Incoming
from portal.notifications.gsm7 import transliterate
from portal.notifications.models import Address, Channel, HeardKind, HeardText
from portal.notifications.preferences import move_pending
from portal.notifications.wordings import wording

ANSWERS_AN_HOUR = {HeardKind.OTHER: 1, HeardKind.HELP: 1, HeardKind.STOP: 3, HeardKind.START: 3}
KEPT = dt.timedelta(days=90)
LONGEST_WISH = 120

# What carriers and the FCC (47 CFR 64.1200(a)(10)) take as a wish to be left alone, and Spanish.
_STOPS = frozenset(
    {
        *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke"),
        *("optout", "opt-out", "opt out", "alto", "parar", "pare", "detener", "cancelar"),
        *("baja", "dar de baja", "fin", "basta", "no mas"),
    }
)
_STARTS = frozenset({"start", "unstop", "empezar", "comenzar", "iniciar"})
_HELPS = frozenset({"help", "info", "ayuda", "informacion"})
_WISHES = re.compile(
    r"^(please|pls|plz|por favor|just|ok|hey|hi|no)? ?"
    r"(stop|alto|parar?|basta|cancel|unsubscribe)( (this|that|now|ya|please|pls|plz"
    r"|por favor|thanks|thank you|gracias|already))*$"
    r"|\b(stop|quit|cease) (texting|messaging|sending|contacting|writing|bothering|these|the text"
    r"|the mess|the note|all mess|all text|your)"
    r"|\b(do not|dont|never) (text|message|contact|write|send|notify)"
    r"|\bno more (texts?|messages?|notes?|sms|notifications?)"
    r"|\b(opt|opting) (me )?out\b|\bunsubscribe\b|\brevoke\b"
    r"|\b(remove|delete) (me|my number)\b|\btake me off\b|\bleave me alone\b|\bwrong number\b"
    r"|\b(no|ya no) me (escriba|mande|envie|contacte|moleste|escriban|manden|envien|contacten"
    r"|molesten)"
    r"|\b(dejen?|deje) de (escribir|mandar|enviar|molestar|contactar)"
    r"|\bno (quiero|deseo) (recibir|mas|estos|sus)\b"
    r"|\b(quitenme|borrenme|denme de baja|numero equivocado)\b"
)
_SPANISH = re.compile(r"\b(alto|ayuda|baja|parar|basta|por favor|no|ya|numero|quiero|empezar)\b")


def classify(words: str) -> HeardKind:
    """What a text means. Long ones tell something, and are never taken for a wish to stop."""
    plain = _plain(words)
    if plain in _STOPS:
        return HeardKind.STOP
    if plain in _STARTS:
        return HeardKind.START
    if plain in _HELPS:
        return HeardKind.HELP
    if len(plain) <= LONGEST_WISH and _WISHES.search(plain):
        return HeardKind.STOP
    return HeardKind.OTHER


def _plain(words: str) -> str:
    """In small letters, without accents and punctuation."""
    bare = unicodedata.normalize("NFD", words[:1000].casefold()).replace("’", "'")
    letters = "".join(one for one in bare if not unicodedata.combining(one)).replace("'", "")
    return " ".join(re.sub(r"[^\w-]+", " ", letters).split()).strip("-_ ")


def hear(session: Session, keyring: Keyring, heard: Incoming) -> str | None:
    """Does what a text asks for; returns what is to be sent back, if anything.

    The words of the text end here.
    """
    lookup = formats.lookup(keyring, Channel.SMS, heard.sender)
    kind = classify(heard.words)
    owners = _owners(session, lookup)
    has_changed = _obey(session, lookup, kind)
    if kind is HeardKind.STOP:
        for _, user_id, _ in owners:
            # What was ahead of them goes out no more, and their page says so at once.
            move_pending(session, user_id)
    is_answer = not heard.is_answered and _may_answer(session, lookup, kind, has_changed)
    session.add(
        HeardText(id=new_id(), lookup=lookup, kind=kind, at=clock.now(), was_answered=is_answer)
    )
    session.flush()
    for clinic_id, user_id, _ in owners:
        audit.note(session, clinic_id, None, f"text:{kind}", user_id)
    if not is_answer:
        return None
    language = owners[0][2] if owners else _language_of(heard.words)
    return transliterate(wording(f"answers/{_WORDINGS[kind]}", language))


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


def _language_of(words: str) -> str:
    """Of somebody whom the portal does not know."""
    return "es" if _SPANISH.search(_plain(words)) and not _is_english(words) else "en"


def _is_english(words: str) -> bool:
    return bool(re.search(r"\b(stop|the|please|me|my|you|more|no thanks)\b", _plain(words)))


def forget_old_texts(session: Session, _config: Config) -> int:
    """Deletes the notes about texts of a quarter of a year ago; returns how many."""
    old = delete(HeardText).where(HeardText.at < clock.now() - KEPT).returning(HeardText.id)
    return len(session.scalars(old).all())
