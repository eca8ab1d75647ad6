"""The care team's list: for whom there is something to do, and since when."""

import datetime as dt
import uuid
from collections import defaultdict
from typing import Any

from flask import url_for

from portal.accounts.browser import person
from portal.caseload import queries as caseload
from portal.core import clock
from portal.core.i18n import _n
from portal.core.web import db, installation
from portal.home.reach import words_for
from portal.modules import queries as work
from portal.notifications import problems
from portal.threads import queries as threads

# What every feature offers for the care team's list, oldest first; a new feature is added here.
QUEUES = (threads.waiting_items, work.waiting_items)


def queue_rows() -> list[dict[str, Any]]:
    """Clients for whom there is something to do, be it an answer or another way to reach them, the
    oldest first; then the others, the latest first."""
    items = _items()
    engagements = caseload.engagements_of_team_member(db(), installation.keyring, person())
    not_reached = _clients_not_reached([one.client_id for one in engagements])
    rows = [_queue_row(one, items.get(one.id), not_reached[one.client_id]) for one in engagements]
    waiting = sorted((r for r in rows if r["since"]), key=lambda r: r["since"])
    long_ago = dt.datetime.min.replace(tzinfo=dt.UTC)
    others = [row for row in rows if not row["since"]]
    return waiting + sorted(others, key=lambda r: r["last_at"] or long_ago, reverse=True)


def _items() -> dict[uuid.UUID, caseload.Waiting]:
    """What every feature has for the care team, put together for each engagement."""
    items: dict[uuid.UUID, caseload.Waiting] = {}
    for item in (item for queue in QUEUES for item in queue(db(), person())):
        known = items.get(item.engagement_id)
        items[item.engagement_id] = item.beside(known) if known else item
    return items


def _clients_not_reached(
    client_ids: list[uuid.UUID],
) -> defaultdict[uuid.UUID, list[problems.Problem]]:
    """What keeps which of these from being told anything, in one look-up for all."""
    found: defaultdict[uuid.UUID, list[problems.Problem]] = defaultdict(list)
    for one in problems.open_problems(db(), client_ids):
        found[one.user_id].append(one)
    return found


def _queue_row(
    engagement: caseload.EngagementFacts,
    item: caseload.Waiting | None,
    not_reached: list[problems.Problem],
) -> dict[str, Any]:
    waiting_since = item.waiting_since if item else None
    begun = [one for one in (waiting_since, *(one.since for one in not_reached)) if one]
    since = min(begun, default=None)
    return {
        "url": url_for("home.client", engagement_id=engagement.id),
        "name": engagement.client_name,
        "since": since,
        "how_long": how_long(since) if since else "",
        "waiting_since": waiting_since,
        "not_reached": words_for(not_reached),
        "last_at": item.last_at if item else None,
        "team": "",
    }


def how_long(since: dt.datetime) -> str:
    hours = int((clock.now() - since).total_seconds() // 3600)
    if hours < 24:
        return _n("%(num)s hour", "%(num)s hours", max(hours, 1))
    return _n("%(num)s day", "%(num)s days", hours // 24)
