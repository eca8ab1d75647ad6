"""When the care team reads what a client sent: on the day of the week that was agreed."""

import datetime as dt

from portal.core import clock
from portal.core.i18n import date_name, face
from portal.modules.access import OpenWork


def reading_day(work: OpenWork, sent_at: dt.datetime | None = None) -> str:
    """The next day on which they read what was sent then, or is sent now, as "Tue 24 Nov".

    Empty if no day was agreed. It is never the day of sending itself: they may have read by then.
    """
    if work.read_weekday is None:
        return ""
    zone = face().zone
    today = clock.now().astimezone(zone).date()
    sent = today if sent_at is None else sent_at.astimezone(zone).date()
    day = max(sent + dt.timedelta(days=1), today)
    return date_name(day + dt.timedelta(days=(work.read_weekday - day.weekday()) % 7))
