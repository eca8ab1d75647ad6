"""What people choose and type on the page about being told."""

from werkzeug.datastructures import MultiDict

from portal.core.errors import Invalid
from portal.notifications.addresses import Entry
from portal.notifications.models import Channel, Contact, Rhythm
from portal.notifications.preferences import Choice

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

    Hours are those of the day in which somebody may be told: the rest is quiet.
    """
    try:
        return Choice(
            contact=Contact.POINTERS if is_staff else Contact(fields.get("contact", "")),
            voicemail_ok=not is_staff and fields.get("voicemail") == "yes",
            time_zone=fields.get("time_zone") or None,
            quiet_from=int(fields.get("until", "")) % 24 * 60,
            quiet_until=int(fields.get("from", "")) % 24 * 60,
            days=days_of(fields),
            rhythm=Rhythm(fields.get("rhythm", "")),
            wording=fields.get("wording", ""),
            sender_name=fields.get("sender_name", ""),
        )
    except ValueError:
        raise Invalid(contact="invalid") from None


def days_of(fields: Fields) -> int:
    """The days that are ticked, bit 0 for Monday; 0 for none. Raises ValueError."""
    return sum({1 << int(day) % 7 for day in fields.getlist("day")})
