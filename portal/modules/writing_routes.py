"""URLs and views of a step's page: what is answered there, saved, sent, and kept."""

import re
import uuid
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from portal.accounts.browser import clinic, kept_for, person, rescued_by
from portal.core import clock, wording
from portal.core.web import (
    db,
    fragment,
    installation,
    nothing_new,
    page,
    send_to,
    unit,
    wants_fragment,
)
from portal.modules import queries, step_pages
from portal.modules.access import OpenWork, clients_work_for, load_of, team_work_for
from portal.modules.blocks import MORE
from portal.modules.controls import anchor_of, anchor_of_row, shown_rows
from portal.modules.format.shapes import Rows, Step
from portal.modules.forms import filled_fields, typed_answers, what_is_wrong
from portal.modules.models import Ending, State
from portal.modules.overview_pages import may_look
from portal.modules.routes import (
    bp,
    left_step,
    nonce_of_form,
    note_opening,
    number_of,
    show_overview,
)
from portal.modules.services import answering, keeping, states
from portal.modules.services.answering import Form, Saved
from portal.modules.shown import say
from portal.modules.urls import step_url, work_url

__all__ = ["bp"]

ENDINGS = {"next": Ending.SENT, "later": Ending.NOT_NOW}


@bp.get("/work/<id:work_id>/steps/<step_id>")
def show_step(work_id: uuid.UUID, step_id: str) -> Response:
    work = clients_work_for(db(), installation.keyring, person(), work_id)
    step = states.step_of(work, step_id)
    note_opening(work)
    return _step_page(work, step)


def _step_page(
    work: OpenWork, step: Step, *, saved: Saved | None = None, status: int = 200
) -> Response:
    found = queries.progress(db(), work)
    place = found.course.of(step.id)
    if saved is None and (place is None or not may_look(work, place, found)):
        return show_overview(work)
    is_again = saved is not None and status != 200
    last = found.latest.get(step.id)
    unfit = last.unfit if last else {}
    fields = request.form if is_again else filled_fields(step, found.answers, unfit)
    context = step_pages.step_page(
        db(), installation.keyring, person(), work, step, fields,
        wrong=(
            _wrong(saved, is_sent=found.marks[step.id].ending is Ending.SENT)
            if saved else what_is_wrong(step, unfit)
        ),
        rows=_rows_asked_for(),
    )  # fmt: skip
    return page(
        "modules/step.html",
        status=status,
        problem=_problem(saved),
        asked_still=_asked_still(saved),
        after=(
            step_pages.help_first(step, found.answers)
            or step_pages.said_to(work, found, left_step(work))
        ),
        **context,
    )


def _rows_asked_for() -> dict[str, int]:
    """How many rows of which table, as `_one_more_row` puts it into the address."""
    question_id, _dot, count = request.args.get("more", "").rpartition(".")
    return {question_id: int(count)} if re.fullmatch("[0-9]{1,2}", count) else {}


def _wrong(saved: Saved, *, is_sent: bool) -> dict[str, str]:
    """`is_sent`: the step was sent before, and can be put off no more."""
    missing = "answer_missing" if is_sent else "answer_missing_yet"
    return {one.id: missing for one in saved.missing} | dict(saved.wrong)


def _asked_still(saved: Saved | None) -> list[dict[str, str]]:
    """The questions that have to be looked at once more, where on the page they stand, and why."""
    if saved is None:
        return []
    asked = [one for one in saved.step.questions if one in saved.missing or one.id in saved.wrong]
    return [
        {
            "label": say(one.label),
            "at": anchor_of(one),
            "says": wording.say(saved.wrong[one.id]) if one.id in saved.wrong else "",
        }
        for one in asked
    ]


def _problem(saved: Saved | None) -> str | None:
    if saved is None or not (saved.is_shut or saved.missing or saved.wrong):
        return None
    return wording.say("work_shut" if saved.is_shut else "answers_missing")


def rescue(work_id: uuid.UUID, step_id: str) -> Response:
    """Answers that came without their session: kept, sealed, for the one who was given the form."""
    return rescue_answers(work_id, step_id, step_url(work_id, step_id))


def rescue_answers(
    work_id: uuid.UUID, step_id: str, back_to: str, *, sheet: dict[str, Any] | None = None
) -> Response:
    """`sheet`: what is kept with answers that one of the care team typed in from paper."""
    nonce = nonce_of_form()
    unit().write()
    module = load_of(db(), installation.keyring, work_id)
    step = next((one for one in module.steps if one.id == step_id), None) if module else None
    author = None
    if nonce is not None and step is not None:
        typed = typed_answers(step, request.form)
        answers = typed.answers
        if sheet and (answers or typed.unfit):
            answers |= sheet
        author = keeping.keep_for_author(
            db(), installation.keyring, work_id, step_id, answers, nonce,
            unfit=typed.unfit, on_paper=sheet is not None,
        )  # fmt: skip
    return kept_for(author, back_to)


@bp.post("/work/<id:work_id>/steps/<step_id>")
@rescued_by(rescue)
def answer(work_id: uuid.UUID, step_id: str) -> Response:
    action = request.form.get("action", "")
    ending = ENDINGS.get(action)
    saved = _save(work_id, step_id, ending)
    if ending is not None and saved.ended:
        return _go_on(saved)
    if action == "back":
        return _go_back(saved)
    return _one_more_row(saved, action) if action.startswith(MORE) else _saved_so_far(saved)


def _save(
    work_id: uuid.UUID, step_id: str, ending: Ending | None, *, is_draft: bool = False
) -> Saved:
    work = clients_work_for(db(), installation.keyring, person(), work_id)
    typed = typed_answers(states.step_of(work, step_id), request.form)
    based_on = request.form.get("based_on", 0, type=number_of)
    form = Form(typed.answers, typed.wrong, nonce_of_form(), based_on, is_draft, unfit=typed.unfit)
    return answering.save(
        db(), installation.keyring, clinic(), person(), work_id, step_id, form, ending=ending
    )


def _saved_so_far(saved: Saved) -> Response:
    """The answer to “Save”; or the page once more, with what is wrong or still open on it."""
    problem, first = _problem(saved), _help_first(saved.step)
    if problem is None:
        if wants_fragment():
            return fragment("modules/_saved.html", saved_at=clock.now(), first=first)
        return send_to(step_url(saved.work.id, saved.step.id))
    if wants_fragment():
        return fragment(
            "modules/_problem.html", status=422, problem=problem, first=first,
            asked_still=_asked_still(saved),
        )  # fmt: skip
    return _step_page(saved.work, saved.step, saved=saved, status=409 if saved.is_shut else 422)


def _help_first(step: Step) -> dict[str, Any] | None:
    return step_pages.help_first(step, typed_answers(step, request.form).answers)


def _one_more_row(saved: Saved, action: str) -> Response:
    """The page once more, at the new row of the table; at its top if help is to be seen first."""
    step, url = saved.step, step_url(saved.work.id, saved.step.id)
    tables = {f"{MORE}{one.id}": one for one in step.questions if isinstance(one, Rows)}
    if action not in tables:
        return send_to(url)
    table = tables[action]
    count = min(shown_rows(table, request.form) + 1, table.max_rows)
    at = "" if _help_first(step) else f"#{anchor_of_row(table, count - 1)}"
    return send_to(f"{url}?{urlencode({'more': f'{table.id}.{count}'})}{at}")


def _go_back(saved: Saved) -> Response:
    """To the step before; with help first, if somebody is in danger."""
    found = queries.progress(db(), saved.work)
    to = step_pages.back_url(saved.work, found, saved.step) or work_url(saved.work.id)
    return send_to(f"{to}?from={saved.step.id}" if _help_first(saved.step) else to)


def _go_on(saved: Saved) -> Response:
    """To the next step that is open; to the overview if there is none, or somebody is in danger."""
    found = queries.progress(db(), saved.work)
    after = step_pages.after_step(saved.work, saved.step, found.answers)
    going_on = found.course.next_open()
    to = work_url(saved.work.id)
    if going_on and not after["alarms"] and saved.work.state is State.IN_PROGRESS:
        to = step_url(saved.work.id, going_on.step.id)
    return send_to(f"{to}?from={saved.step.id}")


@bp.post("/work/<id:work_id>/steps/<step_id>/draft")
@rescued_by(rescue)
def save_draft(work_id: uuid.UUID, step_id: str) -> Response:
    saved = _save(work_id, step_id, None, is_draft=True)
    if not wants_fragment():
        return send_to(step_url(work_id, step_id))
    if not saved.changed:
        return nothing_new()
    # Quietly: somebody is still writing.
    first = _help_first(saved.step)
    return fragment("modules/_saved.html", saved_at=clock.now(), first=first, is_quiet=True)


@bp.post("/work/<id:work_id>/steps/<step_id>/kept")
def kept(work_id: uuid.UUID, step_id: str) -> Response:
    if person().is_staff:
        return _forget_feedback(work_id, step_id)
    states.step_of(clients_work_for(db(), installation.keyring, person(), work_id), step_id)
    if request.form.get("action") == "restore":
        keeping.restore_kept(db(), installation.keyring, clinic(), person(), work_id, step_id)
    else:
        keeping.discard_kept(db(), person(), work_id, step_id)
    return send_to(step_url(work_id, step_id))


def _forget_feedback(work_id: uuid.UUID, step_id: str) -> Response:
    """A clinician does not want any more what they typed too late."""
    work = team_work_for(db(), installation.keyring, person(), work_id)
    keeping.forget_feedback(db(), person(), work, states.step_of(work, step_id).id)
    return send_to(work_url(work_id))
