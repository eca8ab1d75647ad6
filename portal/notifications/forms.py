"""What people choose and type on the page about being told."""

import re

from werkzeug.datastructures import MultiDict

from portal.core.errors import Invalid
from portal.notifications.addresses import Entry
from portal.notifications.models import Channel, Contact, Rhythm
from portal.notifications.preferences import Choice

NO_HOUR = -1
ANY_HOUR = (0, 0)
_DAYS = frozenset("0123456")

Fields = MultiDict[str, str]


def channel_of(fields: Fields) -> Channel:
    """Raises Invalid."""
    try:
        return Channel(fields.get("channel", ""))
    except ValueError:
        raise Invalid(address="invalid") from None


def entry_of(fields: Fields) -> Entry:
    """Raises Invalid."""
    typed, who_else = fields.get("address", ""), fields.get("who_else", "")
    return Entry(channel_of(fields), typed, who_else)


def choice_of(fields: Fields, *, is_staff: bool) -> Choice:
    """Staff are not asked whether they want to be told, nor about voice messages. Raises Invalid.

    Hours are those of the day in which somebody may be told: the rest is quiet. Whether the choice
    makes sense is looked at by whoever keeps it, so that a page can show it again as it was made.
    """
    quiet_from, quiet_until = _quiet_hours(fields)
    try:
        return Choice(
            contact=Contact.POINTERS if is_staff else Contact(fields.get("contact", "")),
            voicemail_ok=not is_staff and fields.get("voicemail") == "yes",
            time_zone=fields.get("time_zone") or None,
            quiet_from=quiet_from,
            quiet_until=quiet_until,
            days=days_of(fields),
            rhythm=Rhythm(fields.get("rhythm", "")),
            wording=fields.get("wording", ""),
            sender_name=fields.get("sender_name", ""),
        )
    except ValueError:
        raise Invalid(contact="invalid") from None


def days_of(fields: Fields) -> int:
    """The days that are ticked, bit 0 for Monday; 0 for none, or for something that is no day."""
    ticked = set(fields.getlist("day"))
    return sum(1 << int(day) for day in ticked) if ticked <= _DAYS else 0


def _quiet_hours(fields: Fields) -> tuple[int, int]:
    """When it begins and ends, in minutes of the day; NO_HOUR for what does not answer this.

    Two equal hours would say "never" to one person and "always" to another.
    """
    if fields.get("any") == "yes":
        return ANY_HOUR
    ends = _minute(fields.get("until", "")), _minute(fields.get("from", ""))
    return ends if ends[0] != ends[1] else (NO_HOUR, NO_HOUR)


def _minute(text: str) -> int:
    """Of an hour as browsers send it, and as people write it where there is no field for it."""
    match = re.fullmatch(r"\s*([01]?[0-9]|2[0-3])([:.]([0-5][0-9]))?\s*", text, re.ASCII)
    return int(match[1]) * 60 + int(match[3] or 0) if match else NO_HOUR
