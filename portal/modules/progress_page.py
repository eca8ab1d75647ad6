"""How modules go in a clinic, as its page tells it."""

from typing import Any

from portal.core.i18n import _
from portal.modules.clinic_progress import FEWEST, STOPPED_AFTER, StepTally, Tally, rounded
from portal.modules.models import State
from portal.modules.shown import say
from portal.modules.wording import TEAM_STATES


def progress_page(tallies: list[Tally]) -> dict[str, Any]:
    """How modules go in the clinic, in numbers that tell on nobody."""
    return {
        "fewest": FEWEST,
        "days": STOPPED_AFTER.days,
        "modules": [
            {
                "title": say(tally.module.title),
                "version": tally.module.version,
                "given": told(tally.given),
                "facts": _facts(tally) if tally.may_be_told else [],
                "steps": _step_facts(tally) if tally.may_be_told else [],
            }
            for tally in sorted(tallies, key=_name)
        ],
    }


def _name(tally: Tally) -> tuple[str, str]:
    return say(tally.module.title), tally.module.version


def told(count: int) -> str:
    number = rounded(count)
    if number is None:
        return _("fewer than %(number)s", number=FEWEST)
    return _("about %(number)s", number=number)


# What work may come to, in the order in which it is told.
TOLD = (
    State.OPENED,
    State.IN_PROGRESS,
    State.SUBMITTED,
    State.COMPLETED,
    State.SKIPPED,
    State.WITHDRAWN,
    State.EXPIRED,
)


def _facts(tally: Tally) -> list[tuple[str, str]]:
    came = [(str(TEAM_STATES[state.value]), told(tally.states.get(state, 0))) for state in TOLD]
    return [*came, (_("Stopped before the first answer"), told(tally.never_begun))]


def _step_facts(tally: Tally) -> list[dict[str, Any]]:
    none = StepTally()
    rows = [(step, tally.steps.get(step.id, none)) for step in tally.module.steps]
    return [
        {
            "title": say(step.title),
            "facts": [
                (_("Reached"), told(one.reached)),
                (_("Sent"), told(one.sent)),
                (_("Put off"), told(one.put_off)),
                (_("Stopped here"), told(one.last)),
            ],
        }
        for step, one in rows
    ]
