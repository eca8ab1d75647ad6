"""What the tests of given work share: doing its deeds through the services."""

import datetime as dt
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portal.accounts.people import Person
from portal.caseload.queries import find_engagement
from portal.core import clock
from portal.core.nonces import Nonce, new_nonce
from portal.modules import queries
from portal.modules.access import OpenWork, work_for
from portal.modules.models import Ending, Gate, Pace
from portal.modules.remarks import Words
from portal.modules.services import answering, feedback, giving, homework, sheets, states
from portal.notifications.models import Channel
from portal.notifications.services import set_address
from tests.cast import Cast

LIBRARY = Path(__file__).parent
CALM = (LIBRARY / "calm-days.md").read_bytes()
TWO_STEPS = (LIBRARY / "two-steps.md").read_bytes()
# Calm days, with one more step that stays shut until a clinician opens it.
WINDOW = b"""
## window

```step
title: {en: A decision, es: Una decisi\xc3\xb3n}
minutes: 4
feedback: free
clinician_unlocks: true
unlock_note: {en: Talk first., es: Hablen antes.}
```

### try en
Take your time.

### try es
T\xc3\xb3mese su tiempo.

```ask
- {id: hours, type: short, label: {en: How long?, es: \xc2\xbfCu\xc3\xa1nto?}}
```

## plan
"""
WITH_A_WINDOW = CALM.replace(b"\n## plan\n", WINDOW).replace(b"minutes: 12", b"minutes: 16")
TODAY = clock.now().date()
GATES = {"safe": Gate.HOLD, "plan": Gate.SOFT}
LOOK = {"best": "The walk on Tuesday", "mood": 4}
SAFE = {"gate": "no", "log": [{"place": "home", "strength": 7}], "alone": True}
PLAN = {"act": {"what": "Walk to the lake", "when": "Saturday", "confidence": 8}}
WAY: dict[str, Mapping[str, Any]] = {"look": LOOK, "safe": SAFE, "plan": PLAN}


def nonce_for(cast: Cast, person: Person, place_id: uuid.UUID) -> Nonce:
    return new_nonce(cast.keyring, person.id, place_id)


def give(
    cast: Cast,
    client: str = "dana",
    by: str = "ruth",
    *,
    pace: Pace = Pace.IN_ORDER,
    gates: Mapping[str, Gate] = GATES,
    source: bytes = CALM,
    nonce: Nonce | None = None,
    ends_at: dt.datetime | None = None,
    starts_at: dt.datetime | None = None,
    read_weekday: int | None = None,
) -> uuid.UUID:
    """New work's id."""
    person = cast.person(by)
    nonce = nonce or nonce_for(cast, person, cast.engagements[client])
    terms = giving.Terms(starts_at or clock.now(), pace, gates, ends_at, read_weekday)
    with cast.database.writing() as session:
        engagement = find_engagement(session, cast.keyring, person, cast.engagements[client])
        assert engagement is not None
        return giving.give(session, cast.keyring, person, engagement, source, terms, nonce)


def look(cast: Cast, person: Person, work_id: uuid.UUID) -> OpenWork:
    with cast.database.reading() as session:
        return work_for(session, cast.keyring, person, work_id)


def progress(cast: Cast, person: Person, work_id: uuid.UUID) -> queries.Progress:
    with cast.database.reading() as session:
        return queries.progress(session, work_for(session, cast.keyring, person, work_id))


def open_work(cast: Cast, person: Person, work_id: uuid.UUID) -> None:
    with cast.database.writing() as session:
        states.mark_opened(session, cast.keyring, person, work_id)


def save(
    cast: Cast,
    person: Person,
    work_id: uuid.UUID,
    step: str,
    answers: Mapping[str, Any],
    *,
    ending: Ending | None = None,
    nonce: Nonce | None = None,
    based_on: int | None = None,
    is_draft: bool = False,
) -> answering.Saved:
    """Saves a step from a page that was opened just now, unless told otherwise."""
    if based_on is None:
        found = revisions(cast, person, work_id, step)
        based_on = found[-1].seq if found else 0
    nonce = nonce or nonce_for(cast, person, work_id)
    form = answering.Form(dict(answers), {}, nonce, based_on, is_draft)
    with cast.database.writing() as session:
        return answering.save(
            session, cast.keyring, cast.clinic, person, work_id, step, form, ending=ending
        )


def send(
    cast: Cast,
    person: Person,
    work_id: uuid.UUID,
    step: str,
    answers: Mapping[str, Any] | None = None,
) -> answering.Saved:
    return save(cast, person, work_id, step, answers or WAY[step], ending=Ending.SENT)


def type_in(
    cast: Cast,
    person: Person,
    work_id: uuid.UUID,
    step: str,
    answers: Mapping[str, Any],
    *,
    based_on: int = 0,
    nonce: Nonce | None = None,
    written_on: dt.date | None = TODAY,
) -> answering.Saved:
    """Types in a sheet of paper, from a page that was opened just now."""
    nonce = nonce or nonce_for(cast, person, work_id)
    form = answering.Form(dict(answers), {}, nonce, based_on, written_on=written_on)
    with cast.database.writing() as session:
        return sheets.enter(
            session, cast.keyring, cast.clinic, person, work_id, step, form, today=TODAY
        )


def unlock(cast: Cast, person: Person, work_id: uuid.UUID, step: str) -> None:
    with cast.database.writing() as session:
        giving.unlock(session, cast.keyring, person, work_id, step)


def revisions(cast: Cast, person: Person, work_id: uuid.UUID, step: str) -> list[queries.Answered]:
    with cast.database.reading() as session:
        return queries.revisions(session, work_for(session, cast.keyring, person, work_id), step)


def say(
    cast: Cast,
    person: Person,
    work_id: uuid.UUID,
    step: str,
    *,
    beside: Mapping[str, str] | None = None,
    noticed: str = "You looked closely.",
    task: str = "",
    ask_again: bool = False,
    nonce: Nonce | None = None,
    shown: feedback.Shown | None = None,
) -> None:
    """Says something on a page that was opened just now, unless told otherwise."""
    words = Words(beside or {}, noticed, task=task)
    nonce = nonce or nonce_for(cast, person, work_id)
    shown = shown or shown_of(cast, person, work_id, step)
    with cast.database.writing() as session:
        feedback.give_feedback(
            session, cast.keyring, cast.clinic, person, work_id, step, words,
            shown=shown, nonce=nonce, ask_again=ask_again,
        )  # fmt: skip


def shown_of(cast: Cast, person: Person, work_id: uuid.UUID, step: str) -> feedback.Shown:
    """What a page of the care team's shows of a step now."""
    found = progress(cast, person, work_id)
    ended = found.endings.get(step)
    return feedback.Shown(ended.response_seq if ended else None, found.marks[step].call)


def see(cast: Cast, person: Person, work_id: uuid.UUID, step: str) -> None:
    """Says that they have seen what called for them, on a page that was opened just now."""
    shown = shown_of(cast, person, work_id, step).called_at
    with cast.database.writing() as session:
        states.see(session, cast.keyring, person, work_id, step, shown)


def spare(cast: Cast, person: Person, work_id: uuid.UUID, step: str) -> None:
    with cast.database.writing() as session:
        giving.spare(session, cast.keyring, person, work_id, step)


def feedback_seen(cast: Cast, person: Person, work_id: uuid.UUID) -> list[queries.Said]:
    with cast.database.reading() as session:
        return queries.feedback_on(
            session, cast.keyring, work_for(session, cast.keyring, person, work_id)
        )


def report(
    cast: Cast,
    person: Person,
    work_id: uuid.UUID,
    outcome: str,
    obstacle: str = "",
    nonce: Nonce | None = None,
) -> None:
    with cast.database.writing() as session:
        homework.report(
            session, cast.keyring, cast.clinic, person, work_id, "act",
            outcome=outcome, obstacle=obstacle, nonce=nonce or nonce_for(cast, person, work_id),
        )  # fmt: skip


def homework_seen(cast: Cast, person: Person, work_id: uuid.UUID) -> list[queries.Task]:
    with cast.database.reading() as session:
        work = work_for(session, cast.keyring, person, work_id)
        return queries.homework_of(session, work.vault, [work.id])


def waiting(cast: Cast, person: Person, client: str = "dana") -> Any:
    """Since when a client's work has been waiting, as a clinician's list has it."""
    with cast.database.reading() as session:
        items = {one.engagement_id: one for one in queries.waiting_items(session, person)}
    found = items.get(cast.engagements[client])
    return found.waiting_since if found else None


def history(cast: Cast, work_id: uuid.UUID) -> list[str]:
    with cast.database.reading() as session:
        return [one.state.value for one in queries.states_of(session, work_id)]


def standings(cast: Cast, person: Person, work: uuid.UUID) -> dict[str, str]:
    """Where each step on the way stands."""
    places = progress(cast, person, work).course.places
    return {place.step.id: place.standing.value for place in places}


def reach(cast: Cast, *names: str) -> None:
    """They can be told something by mail."""
    config = cast.app.extensions["portal"].config
    with cast.database.writing() as session:
        for name in names:
            set_address(
                session,
                config,
                clinic_id=cast.clinic.id,
                user_id=cast.ids[name],
                channel=Channel.EMAIL,
                address=f"{name}@example.org",
            )
