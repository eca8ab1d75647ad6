"""How mail and texts are going, as the administrator sees it."""

from typing import Any

from portal.core import clock
from portal.core.i18n import _, _n
from portal.home.queue import how_long
from portal.home.wording import CHANNELS, PROVIDERS
from portal.notifications import health


def channel_row(state: health.ChannelHealth) -> dict[str, Any]:
    provider = _standing(state)
    return {
        "name": CHANNELS[state.channel.value],
        "provider": PROVIDERS[provider],
        "is_wrong": provider not in ("works", "unknown"),
        "until": state.left_alone_until,
        "code": state.last_code if provider in ("resting", "failing") else None,
        "rows": [
            (_("Waiting for their time"), state.waiting - state.due - state.tried, False),
            (_("Due now"), state.due, state.is_overdue),
            (_("Tried, and tried again later"), state.tried, False),
            (_("The oldest of these has waited for"), *_lag(state)),
            (_("Sent in 7 days"), state.sent, False),
            (_("Known to have arrived"), state.delivered, False),
            (_("Failed in 7 days"), state.failed, False),
        ],
        "reasons": state.reasons,
    }


def _standing(state: health.ChannelHealth) -> str:
    if state.left_alone_until:
        return "resting"
    if state.is_overdue:
        return "stuck"
    if state.failed_at and (state.worked_at is None or state.failed_at > state.worked_at):
        return "failing"
    if state.is_partly_unsent:
        return "partly"
    return "works" if state.worked_at else "unknown"


def _lag(state: health.ChannelHealth) -> tuple[str, bool]:
    """For how long something has been waiting that should have gone out, and whether too long."""
    oldest = state.oldest_unsent_at
    if oldest is None:
        return "–", False
    minutes = max(int((clock.now() - oldest).total_seconds() // 60), 0)
    is_wrong = state.is_overdue or state.is_partly_unsent
    if minutes < 120:
        return _n("%(num)s minute", "%(num)s minutes", minutes), is_wrong
    return how_long(oldest), is_wrong
