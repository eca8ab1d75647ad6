"""The demo's story: a made-up clinic, its people, and some weeks of their correspondence.

It lives in TOML files beside this one, so that it can be read and rewritten by people who do not
write code. Times are told in working days before today, so the story never falls on a weekend
and has always only just happened.
"""

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

_HERE = Path(__file__).parent
_SATURDAY = 5
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Role = Literal["client", "clinician", "supervisor", "administrator"]
Language = Literal["en", "es"]


@dataclass(frozen=True, slots=True)
class Hours:
    """When the clinic is open, e.g. ("mon", "tue"), 09:00 to 17:00."""

    days: tuple[str, ...]
    opens: dt.time
    closes: dt.time


@dataclass(frozen=True, slots=True)
class CrisisNumber:
    """A line to call, as it is shown (`label`) and as it is dialled (`number`)."""

    label: str
    number: str


@dataclass(frozen=True, slots=True)
class ClinicContent:
    """The clinic itself. The first crisis line is the local one."""

    name: str
    time_zone: str
    language: Language
    about: str
    telephone: str
    hours: tuple[Hours, ...]
    crisis_lines: tuple[CrisisNumber, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in the cast. `key` names them in threads and care teams.

    `is_young` of a client who is invited as such.
    """

    key: str
    role: Role
    name: str
    user_name: str
    language: Language
    email: str | None = None
    mobile: str | None = None
    is_young: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """A moment: so many working days ago, at this time on the clinic's clock."""

    days_ago: int
    time: dt.time

    def before(self, now: dt.datetime, time_zone: str) -> dt.datetime:
        """Give the moment as seen from `now`, as an aware UTC datetime."""
        zone = ZoneInfo(time_zone)
        day = now.astimezone(zone).date()
        for _ in range(self.days_ago):
            day = _working_day_before(day)
        return dt.datetime.combine(day, self.time, zone).astimezone(dt.UTC)


@dataclass(frozen=True, slots=True)
class MessageContent:
    """A message, or a draft. `opened` tells whether the one it was written to has read it."""

    author: str
    at: Past
    text: str
    opened: bool = True


@dataclass(frozen=True, slots=True)
class Deed:
    """Something a person did to a thread: closed it, or said that no reply is needed."""

    by: str
    at: Past


@dataclass(frozen=True, slots=True)
class ThreadContent:
    """One thread of one client, its messages oldest first."""

    key: str
    subject: str
    client: str
    clinicians: tuple[str, ...]
    messages: tuple[MessageContent, ...]
    draft: MessageContent | None = None
    closed: Deed | None = None
    no_reply_needed: Deed | None = None


@dataclass(frozen=True, slots=True)
class NoticesContent:
    """How somebody is told. `choice` has the fields of the portal's own, `guardians` numbers.

    `failures` are when they could not be reached, and `settled` tells who of the staff saw to it.
    """

    choice: dict[str, Any] | None
    guardians: tuple[str, ...]
    failures: tuple[Past, ...]
    settled: Deed | None


@dataclass(frozen=True, slots=True)
class WorkDeed:
    """A client sent a step with `answers` by prompt, or a clinician said something to it."""

    step: str
    by: str
    at: Past
    answers: dict[str, Any]
    beside: dict[str, str]
    noticed: str
    link: str
    task: str


@dataclass(frozen=True, slots=True)
class WorkContent:
    """A module of the library that a clinician gave a client, and what came of it."""

    client: str
    by: str
    module: str
    pace: str
    read_weekday: int | None
    gates: dict[str, str]
    at: Past
    deeds: tuple[WorkDeed, ...]

    @property
    def key(self) -> str:
        return f"{self.client}/{self.module}"


@dataclass(frozen=True, slots=True)
class DemoContent:
    """Everything the demo sets up. `care_teams` lists the staff of each client, by key."""

    clinic: ClinicContent
    cast: dict[str, Member]
    care_teams: dict[str, tuple[str, ...]]
    threads: tuple[ThreadContent, ...]
    notices: dict[str, NoticesContent]
    work: tuple[WorkContent, ...]

    def at(self, past: Past, now: dt.datetime) -> dt.datetime:
        """Give a moment of the story as seen from `now`, as an aware UTC datetime."""
        return past.before(now, self.clinic.time_zone)


def load() -> DemoContent:
    """Read the story from its files, threads in the order in which they were begun."""
    threads = [_thread(path) for path in (_HERE / "threads").glob("*.toml")]
    return DemoContent(
        clinic=_clinic(_read("clinic.toml")),
        cast={key: Member(key=key, **fields) for key, fields in _read("cast.toml").items()},
        care_teams={key: tuple(team) for key, team in _read("care_teams.toml").items()},
        threads=tuple(sorted(threads, key=_begun)),
        notices={key: _notices(fields) for key, fields in _read("notices.toml").items()},
        work=tuple(_work(fields) for fields in _read("work.toml")["work"]),
    )


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / name).read_text(encoding="utf-8"))


def _begun(thread: ThreadContent) -> tuple[int, dt.time]:
    first = thread.messages[0].at
    return -first.days_ago, first.time


def _clinic(fields: dict[str, Any]) -> ClinicContent:
    hours = tuple(
        Hours(tuple(entry["days"]), _time(entry["opens"]), _time(entry["closes"]))
        for entry in fields.pop("hours")
    )
    crisis_lines = tuple(CrisisNumber(**entry) for entry in fields.pop("crisis_lines"))
    return ClinicContent(hours=hours, crisis_lines=crisis_lines, **fields)


def _thread(path: Path) -> ThreadContent:
    fields = tomllib.loads(path.read_text(encoding="utf-8"))
    return ThreadContent(
        key=path.stem,
        subject=fields["subject"],
        client=fields["client"],
        clinicians=tuple(fields["clinicians"]),
        messages=tuple(_message(entry) for entry in fields["messages"]),
        draft=_message(fields["draft"]) if "draft" in fields else None,
        closed=_deed(fields.get("closed")),
        no_reply_needed=_deed(fields.get("no_reply_needed")),
    )


def _notices(fields: dict[str, Any]) -> NoticesContent:
    return NoticesContent(
        choice=_choice(fields["choice"]) if "choice" in fields else None,
        guardians=tuple(fields.get("guardians", ())),
        failures=tuple(_past(entry) for entry in fields.get("failures", ())),
        settled=_deed(fields.get("settled")),
    )


def _work(fields: dict[str, Any]) -> WorkContent:
    return WorkContent(
        client=fields["client"],
        by=fields["by"],
        module=fields["module"],
        pace=fields["pace"],
        read_weekday=_DAYS.index(fields["read_on"]) if "read_on" in fields else None,
        gates=fields.get("gates", {}),
        at=_past(fields),
        deeds=tuple(_work_deed(entry) for entry in fields.get("deeds", ())),
    )


def _work_deed(fields: dict[str, Any]) -> WorkDeed:
    return WorkDeed(
        step=fields["step"],
        by=fields["by"],
        at=_past(fields),
        answers=fields.get("answers", {}),
        beside=fields.get("beside", {}),
        noticed=fields.get("noticed", ""),
        link=fields.get("link", ""),
        task=fields.get("task", ""),
    )


def _choice(fields: dict[str, Any]) -> dict[str, Any]:
    """Times of the day become minutes, and days of the week bits."""
    minutes = {
        name: _time(fields[name]).hour * 60 + _time(fields[name]).minute
        for name in ("quiet_from", "quiet_until")
        if name in fields
    }
    days = (
        {"days": sum(1 << _DAYS.index(day) for day in fields["days"])} if "days" in fields else {}
    )
    return fields | minutes | days


def _message(entry: dict[str, Any]) -> MessageContent:
    return MessageContent(entry["author"], _past(entry), entry["text"], entry.get("opened", True))


def _deed(entry: dict[str, Any] | None) -> Deed | None:
    return Deed(entry["by"], _past(entry)) if entry else None


def _past(entry: dict[str, Any]) -> Past:
    return Past(entry["days_ago"], _time(entry["time"]))


def _time(text: str) -> dt.time:
    return dt.time.fromisoformat(text)


def _working_day_before(day: dt.date) -> dt.date:
    day -= dt.timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= dt.timedelta(days=1)
    return day
