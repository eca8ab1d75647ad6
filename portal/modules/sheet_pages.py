"""The form in which a sheet of paper is typed in."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.access import engagement_for_team
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.modules import paper, queries
from portal.modules.access import OpenWork
from portal.modules.blocks import StepView, blocks
from portal.modules.format.shapes import Step
from portal.modules.forms import Fields, filled_fields
from portal.modules.services import sheets
from portal.modules.shown import say
from portal.modules.urls import step_url, work_url


def sheet_page(
    session: Session,
    keyring: Keyring,
    person: Person,
    work: OpenWork,
    step: Step,
    *,
    today: dt.date,
    typed: Fields | None = None,
    wrong: Mapping[str, str],
) -> dict[str, Any]:
    """What the client writes on the page is not in it."""
    found = queries.progress(session, work)
    revisions = queries.revisions(session, work, step.id)
    last = queries.from_paper(revisions)
    kept = sheets.kept(session, person, work, step.id)
    answers = kept.answers if kept else (last.answers or {}) if last else {}
    unfit = kept.unfit if kept else {}
    fields = typed if typed is not None else filled_fields(step, answers, unfit)
    known = queries.sent(session, work, found) | answers
    view = StepView(
        work.module, step, known, fields, wrong, [], [], paper.MOST_ROWS, may_add_rows=False
    )
    engagement = engagement_for_team(session, keyring, person, work.engagement_id)
    number, url = work.module.steps.index(step) + 1, step_url(work.id, step.id)
    day = fields.get("written") or answers.get(queries.WRITTEN_ON)
    return {
        "title": say(step.title),
        "client_name": engagement.client_name,
        "work_url": work_url(work.id),
        "code": paper.code_of(work.id, number),
        "url": f"{url}/sheet",
        "blocks": blocks(view),
        "written": day or (last.written_on if last and last.written_on else today).isoformat(),
        "nonce": str(new_nonce(keyring, person.id, work.id)),
        "based_on": last.seq if last else 0,
        "kept_at": kept.at if kept else None,
        "is_answered": any(
            one.written_on is None and (step.id, one.seq) in found.sent_seqs for one in revisions
        ),
    }
