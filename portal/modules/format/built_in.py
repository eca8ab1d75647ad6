"""Columns that every ladder, schedule and diary has, in the words of the portal."""

from collections.abc import Sequence

from portal.core.i18n import speaker
from portal.modules.format.shapes import Choice, Column, Date, Scale, Short, Single, Text, Time


def _(message: str) -> str:
    """Marks a message for the catalogue; it is looked up for each language of a module."""
    return message


DAYS = {
    "mon": _("Monday"),
    "tue": _("Tuesday"),
    "wed": _("Wednesday"),
    "thu": _("Thursday"),
    "fri": _("Friday"),
    "sat": _("Saturday"),
    "sun": _("Sunday"),
}


def ladder_columns(line: int, languages: Sequence[str]) -> tuple[Column, ...]:
    step = _text(_("Step"), languages)
    distress = _text(_("How hard is it, from 0 to 100?"), languages)
    return (
        Short(id="step", line=line, label=step, required=True),
        Scale(id="distress", line=line, label=distress, min=0, max=100, step=5, required=True),
    )


def schedule_columns(line: int, languages: Sequence[str]) -> tuple[Column, ...]:
    days = tuple(Choice(value=day, label=_text(name, languages)) for day, name in DAYS.items())
    activity = _text(_("What"), languages)
    return (
        Short(id="activity", line=line, label=activity, required=True),
        Single(id="day", line=line, label=_text(_("Day"), languages), choices=days),
        Time(id="time", line=line, label=_text(_("Time"), languages)),
    )


def diary_columns(line: int, languages: Sequence[str]) -> tuple[Column, ...]:
    return (Date(id="date", line=line, label=_text(_("Date"), languages), required=True),)


def _text(message: str, languages: Sequence[str]) -> Text:
    return {language: speaker(language).say(message) for language in languages}
