"""What the pages about being told show."""

import datetime as dt
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from babel import Locale
from babel.core import get_global
from sqlalchemy.orm import Session

from portal.accounts.queries import names_of
from portal.clinics.queries import ClinicFacts
from portal.core.i18n import inside, language, speaker, weekdays, when
from portal.core.i18n import lazy as _
from portal.core.keyring import Keyring
from portal.core.web import installation
from portal.core.wording import say
from portal.notifications import ownership, problems
from portal.notifications.addresses import confirmed_channels
from portal.notifications.models import Channel, Contact, HoldReason, Pointer, Rhythm, State
from portal.notifications.preferences import Choice, choice_of, zone_of, zone_of_person
from portal.notifications.problems import Problem
from portal.notifications.queries import told_lately
from portal.notifications.schedule import EVERY_DAY
from portal.notifications.wordings import SENDER_NAMES, WORDINGS, sender_name, wording

# By the names that people there give their clocks; everywhere else by the city.
_CLOCKS = {
    "America/New_York": _("Eastern time"),
    "America/Chicago": _("Central time"),
    "America/Denver": _("Mountain time"),
    "America/Phoenix": _("Arizona"),
    "America/Los_Angeles": _("Pacific time"),
    "America/Anchorage": _("Alaska"),
    "Pacific/Honolulu": _("Hawaii"),
    "America/Puerto_Rico": _("Puerto Rico"),
    "America/Mexico_City": _("Mexico City"),
    "Europe/Madrid": _("Madrid"),
}
WORKING_DAYS = 0b11111


@dataclass(frozen=True)
class Option:
    """One of several to choose from."""

    value: str
    label: str


# Asks for all places, which are too many for a page that most people never look for one on.
OTHER_PLACE = "other"


def time_zones(clinics: str, chosen: str | None, spoken: str) -> list[Option]:
    """The clinic's own first, then the usual ones; the one that was chosen is always among them.

    All there are for whoever chose `OTHER_PLACE`, or something that is no place.
    """
    if chosen is not None and zone_of(chosen) is dt.UTC:
        return [_zone(clinics, spoken), *_all_places(spoken)]
    names = dict.fromkeys([clinics, *_CLOCKS, *filter(None, [chosen])])
    other = Option(OTHER_PLACE, str(_("Another place …")))
    return [*(_zone(name, spoken) for name in names), other]


def _zone(name: str, spoken: str) -> Option:
    return Option(name, str(_CLOCKS.get(name) or _city(name, spoken)))


@cache
def _all_places(spoken: str) -> list[Option]:
    """By city, as the Unicode Consortium names them in a language."""
    names = [name for name, place in get_global("zone_territories").items() if place.isalpha()]
    known = (name for name in names if zone_of(name) is not dt.UTC)
    places = [Option(name, _city(name, spoken)) for name in known]
    return sorted(places, key=lambda place: _plain(place.label))


def _plain(label: str) -> str:
    letters = unicodedata.normalize("NFD", label.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))


@dataclass(frozen=True)
class Task:
    """Somebody could not be reached. `settled` says who has seen to it and when."""

    id: uuid.UUID
    words: str
    since: dt.datetime
    is_tried_again: bool
    settled: str | None


def tasks(session: Session, keyring: Keyring, client_id: uuid.UUID) -> list[Task]:
    """For the care team's page about a client: what waits for somebody, then what was seen to."""
    waiting = problems.open_problems(session, [client_id])
    settled = problems.settled_problems(session, client_id)
    names = names_of(session, keyring, {one.resolved_by for one in settled if one.resolved_by})
    return [_task(one, names) for one in (*waiting, *settled)]


def _task(problem: Problem, names: Mapping[uuid.UUID, str]) -> Task:
    is_shut = problem.code in problems.SHUTTING
    code = problems.wording_code(problem, is_own=False) or ""
    words = say(code) if problem.resolved_at is None else str(_SETTLED[is_shut, problem.channel])
    return Task(problem.id, words, problem.since, is_shut, _settled(problem, names))


def _settled(problem: Problem, names: Mapping[uuid.UUID, str]) -> str | None:
    if problem.resolved_at is None:
        return None
    name, at = names.get(problem.resolved_by or problem.id), when(problem.resolved_at)
    if name is None:
        return str(_("Settled itself %(when)s", when=at))
    return str(_("Settled by %(name)s %(when)s", name=name, when=at))


@dataclass(frozen=True)
class Standing:
    """How somebody may be reached, as their care team may know it: never where."""

    places: list[str]
    is_silent: bool
    is_held: bool
    is_unanswered: bool
    wants_none: bool
    is_asked: bool
    clinic_asks: bool
    voicemail_ok: bool
    hours: str
    zone: str
    days: str
    rhythm: str
    said_stop: bool


_CHANNELS = {Channel.EMAIL: _("By mail"), Channel.SMS: _("By text message")}
# By whether the address did not work or nothing was opened.
_SETTLED = {
    (True, Channel.EMAIL): _("Not reached by mail"),
    (True, Channel.SMS): _("Not reached by phone"),
    (False, Channel.EMAIL): _("Mail was not opened"),
    (False, Channel.SMS): _("Texts were not opened"),
}
_RHYTHMS = {
    Rhythm.EACH: _("Each time"),
    Rhythm.DAILY: _("Once a day"),
    Rhythm.WEEKLY: _("Once a week"),
}


def standing(session: Session, client_id: uuid.UUID, clinic: ClinicFacts) -> Standing:
    """For the care team's page about a client."""
    choice = choice_of(session, client_id)
    hold = ownership.hold_of(session, client_id)
    confirmed = confirmed_channels(session, client_id)
    silent = {one.channel for one in problems.silences(session, client_id)}
    return Standing(
        places=[str(_CHANNELS[one]) for one in confirmed if one not in silent],
        is_silent=bool(confirmed) and silent.issuperset(confirmed),
        is_held=hold is not None,
        is_unanswered=hold is HoldReason.UNANSWERED,
        wants_none=choice.contact is Contact.NONE,
        is_asked=ownership.has_question(session, client_id, clinic.id),
        clinic_asks=ownership.clinic_asks(session, clinic.id),
        voicemail_ok=choice.voicemail_ok,
        hours=_hours(choice),
        zone=_zone(choice.time_zone or clinic.time_zone, language()).label,
        days=_days(choice.days),
        rhythm=str(_RHYTHMS[choice.rhythm]),
        said_stop=Channel.SMS in problems.stopped_channels(session, client_id),
    )


def tellings(session: Session, user_id: uuid.UUID) -> list[str]:
    """What became of the last pointers, a line for each: never what they were about.

    By the clock that their reader goes by, as the hours they chose.
    """
    zone = zone_of_person(session, user_id)
    return [_telling(pointer, zone) for pointer in told_lately(session, user_id)]


def _telling(pointer: Pointer, zone: dt.tzinfo) -> str:
    at = when(pointer.sent_at or pointer.tried_at or pointer.created_at, zone)
    how = f"{_CHANNELS[pointer.channel]}: {_outcome(pointer, zone)}"
    if pointer.opened_at is not None and pointer.state is not State.DROPPED:
        how += f", {_('opened %(when)s', when=when(pointer.opened_at, zone))}"
    return f"{at} · {how}"


def _outcome(pointer: Pointer, zone: dt.tzinfo) -> str:
    if pointer.state is State.PENDING:
        return str(_("goes out %(when)s", when=when(pointer.due_at, zone)))
    if pointer.state is State.DROPPED and pointer.sent_at is not None:
        # It told of what was taken back since.
        return str(_OUTCOMES[State.DELIVERED if pointer.delivered_at else State.SENT])
    if pointer.state is State.DROPPED and pointer.opened_at is not None:
        return str(_("not needed, it was opened before"))
    return str(_OUTCOMES[pointer.state])


_OUTCOMES = {
    State.SENDING: _("on its way"),
    State.SENT: _("sent"),
    State.DELIVERED: _("arrived"),
    State.FAILED: _("did not arrive"),
    State.DROPPED: _("not sent"),
}


def _days(days: int) -> str:
    if days == EVERY_DAY:
        return str(_("Every day"))
    return _in_a_row(days, language())


def _in_a_row(days: int, spoken: str) -> str:
    """The names of these days, at the beginning of a line."""
    names = [name for day, name in enumerate(weekdays(spoken)) if days >> day & 1]
    return ", ".join([*names[:1], *(inside(name, spoken) for name in names[1:])])


def _hours(choice: Choice) -> str:
    if choice.quiet_from == choice.quiet_until:
        return str(_("At any hour"))
    return f"{_clock(choice.quiet_until)}–{_clock(choice.quiet_from)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _city(name: str, spoken: str) -> str:
    known = Locale.parse(spoken).time_zones.get(name, {})
    return str(known.get("city") or name.rpartition("/")[2].replace("_", " "))


def choices_for(spoken: str, url: str | None) -> dict[str, list[Option]]:
    """What can be said, and in whose name, in the very words that go out."""
    names = [Option(one, sender_name(one, spoken)) for one in SENDER_NAMES]
    texts = [Option(one, wording(f"texts/pointer/{one}", spoken)) for one in WORDINGS]
    return {
        "wording": [Option(o.value, f"{o.label} {url or ''}".strip()) for o in texts],
        "sender_name": names,
    }


def slip_words(spoken: str, days: int) -> dict[str, Any]:
    """A slip of paper in its reader's language: where to look in and on which days, no more."""
    config = installation.config
    return {
        "_": speaker(spoken).say,
        "lang": spoken,
        "address": config.neutral_url or config.base_url,
        "days": _in_a_row(days or WORKING_DAYS, spoken),
    }
