"""URLs and views of a client's own work: its steps, what is answered, and homework."""

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request, url_for

from portal.accounts.browser import clinic, kept_for, person, rescued_by
from portal.core import audit, clock, wording
from portal.core.database import at_the_end
from portal.core.errors import Conflict, Invalid
from portal.core.failures import show_failure
from portal.core.nonces import Nonce
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
from portal.modules import pages, queries, team_pages
from portal.modules.access import OpenWork, clients_work_for, load_of, team_work_for, work_for
from portal.modules.blocks import MORE
from portal.modules.controls import anchor_of, anchor_of_row, shown_rows
from portal.modules.format.shapes import Rows, Step
from portal.modules.forms import filled_fields, typed_answers, what_is_wrong
from portal.modules.models import Ending, State
from portal.modules.reading_day import reading_day
from portal.modules.services import answering, giving, homework, keeping, reminding, states
from portal.modules.services.answering import Form, Saved
from portal.modules.shown import say
from portal.safety.words import cleaned

bp = Blueprint("modules", __name__)

# With a dot, as the boxes of a step: what is refused is shown again.
OBSTACLE = "h.obstacle"
ENDINGS = {"next": Ending.SENT, "later": Ending.NOT_NOW}


def number_of(typed: str) -> int:
    """A number that a page was made from; ValueError for one that it cannot have been."""
    number = int(typed)
    if not 0 <= number < 2**31:
        raise ValueError
    return number


def nonce_of_form() -> Nonce | None:
    return Nonce.parse(request.form.get("nonce", ""))


def note_opening(work: OpenWork) -> None:
    reader, keyring = person(), installation.keyring
    at_the_end(db(), lambda session: states.mark_opened(session, keyring, reader, work.id))
    audit.note(db(), reader.clinic_id, reader.id, "work:open", work.id)


@bp.get("/work/<id:work_id>")
def show(work_id: uuid.UUID) -> Response:
    work = work_for(db(), installation.keyring, person(), work_id)
    note_opening(work)
    if person().is_staff:
        return page(
            "modules/team.html",
            **team_pages.work_page(db(), installation.keyring, person(), work),
        )
    return _overview(work)


def _overview(work: OpenWork) -> Response:
    """The steps of the work; after one was left, what is to be said to that first."""
    found = queries.progress(db(), work)
    going_on, may_answer = found.course.next_open(), pages.may_answer(work)
    return page(
        "modules/show.html",
        title=say(work.module.title),
        summary=say(work.module.summary),
        state=work.state.value,
        how_far=pages.how_far(work, found) if may_answer else "",
        steps=pages.place_rows(work, found),
        print_url=pages.print_url(work.id),
        go_on_url=pages.step_url(work.id, going_on.step.id) if going_on and may_answer else None,
        is_begun=found.has_sent,
        submit_url=_url_if(
            may_answer and found.has_sent and found.course.is_worked_through, work, "submit"
        ),
        reading_day=reading_day(work, work.last_at),
        reminder=pages.reminder(db(), work) if may_answer else None,
        ends_at=work.ends_at,
        skip_url=_url_if(may_answer, work, "skip"),
        complete_url=_url_if(work.state is State.FEEDBACK_GIVEN, work, "complete"),
        after=pages.said_to(work, found, _left_step(work)),
    )  # fmt: skip


def _url_if(condition: bool, work: OpenWork, action: str) -> str | None:
    return f"{pages.work_url(work.id)}/{action}" if condition else None


def _left_step(work: OpenWork) -> Step | None:
    """The step that somebody comes from."""
    step_id = request.args.get("from", "")
    return next((step for step in work.module.steps if step.id == step_id), None)


@bp.post("/work/first")
def begin_first() -> Response:
    keyring = installation.keyring
    work_id, step_id = giving.begin_first(db(), keyring, person(), nonce_of_form())
    return send_to(pages.step_url(work_id, step_id))


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
    if saved is None and (place is None or not pages.may_look(work, place, found)):
        return _overview(work)
    is_again = saved is not None and status != 200
    last = found.latest.get(step.id)
    unfit = last.unfit if last else {}
    fields = request.form if is_again else filled_fields(step, found.answers, unfit)
    context = pages.step_page(
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
            pages.help_first(step, found.answers) or pages.said_to(work, found, _left_step(work))
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
    return rescue_answers(work_id, step_id, pages.step_url(work_id, step_id))


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
        return send_to(pages.step_url(saved.work.id, saved.step.id))
    if wants_fragment():
        return fragment(
            "modules/_problem.html", status=422, problem=problem, first=first,
            asked_still=_asked_still(saved),
        )  # fmt: skip
    return _step_page(saved.work, saved.step, saved=saved, status=409 if saved.is_shut else 422)


def _help_first(step: Step) -> dict[str, Any] | None:
    return pages.help_first(step, typed_answers(step, request.form).answers)


def _one_more_row(saved: Saved, action: str) -> Response:
    """The page once more, at the new row of the table; at its top if help is to be seen first."""
    step, url = saved.step, pages.step_url(saved.work.id, saved.step.id)
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
    to = pages.back_url(saved.work, found, saved.step) or pages.work_url(saved.work.id)
    return send_to(f"{to}?from={saved.step.id}" if _help_first(saved.step) else to)


def _go_on(saved: Saved) -> Response:
    """To the next step that is open; to the overview if there is none, or somebody is in danger."""
    found = queries.progress(db(), saved.work)
    after = pages.after_step(saved.work, saved.step, found.answers)
    going_on = found.course.next_open()
    to = pages.work_url(saved.work.id)
    if going_on and not after["alarms"] and saved.work.state is State.IN_PROGRESS:
        to = pages.step_url(saved.work.id, going_on.step.id)
    return send_to(f"{to}?from={saved.step.id}")


@bp.post("/work/<id:work_id>/steps/<step_id>/draft")
@rescued_by(rescue)
def save_draft(work_id: uuid.UUID, step_id: str) -> Response:
    saved = _save(work_id, step_id, None, is_draft=True)
    if not wants_fragment():
        return send_to(pages.step_url(work_id, step_id))
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
    return send_to(pages.step_url(work_id, step_id))


def _forget_feedback(work_id: uuid.UUID, step_id: str) -> Response:
    """A clinician does not want any more what they typed too late."""
    work = team_work_for(db(), installation.keyring, person(), work_id)
    keeping.forget_feedback(db(), person(), work, states.step_of(work, step_id).id)
    return send_to(pages.work_url(work_id))


@bp.post("/work/<id:work_id>/submit")
def submit(work_id: uuid.UUID) -> Response:
    return do(work_id, lambda: states.submit(db(), installation.keyring, person(), work_id))


@bp.post("/work/<id:work_id>/skip")
def skip(work_id: uuid.UUID) -> Response:
    return do(work_id, lambda: states.skip(db(), installation.keyring, person(), work_id))


@bp.post("/work/<id:work_id>/reminder")
def choose_reminder(work_id: uuid.UUID) -> Response:
    weekday = request.form.get("weekday", type=number_of)
    hour = request.form.get("hour", 0, type=number_of)
    try:
        reminding.choose(db(), installation.keyring, person(), work_id, weekday, hour)
    except Invalid as invalid:
        return show_failure(words_for(invalid), 422)
    return send_to(pages.work_url(work_id))


@bp.post("/work/<id:work_id>/complete")
def complete(work_id: uuid.UUID) -> Response:
    return do(work_id, lambda: states.complete(db(), installation.keyring, person(), work_id))


def do(work_id: uuid.UUID, deed: Callable[[], None]) -> Response:
    try:
        deed()
    except Conflict as conflict:
        return show_failure(words_for(conflict), 409)
    return send_to(pages.work_url(work_id))


def rescue_report(work_id: uuid.UUID, prompt_id: str) -> Response:
    """What got in the way, as it came without its session: kept, sealed, for its author."""
    nonce = nonce_of_form()
    unit().write()
    author = None
    if nonce is not None:
        obstacle = cleaned(request.form.get(OBSTACLE, ""))
        author = keeping.keep_report(
            db(), installation.keyring, work_id, prompt_id, obstacle, nonce
        )
    return kept_for(author, url_for("home.index"))


@bp.post("/work/<id:work_id>/homework/<prompt_id>")
@rescued_by(rescue_report)
def report(work_id: uuid.UUID, prompt_id: str) -> Response:
    try:
        homework.report(
            db(), installation.keyring, clinic(), person(), work_id, prompt_id,
            outcome=request.form.get("action", ""), obstacle=request.form.get(OBSTACLE, ""),
            nonce=nonce_of_form(),
        )  # fmt: skip
    except Invalid as invalid:
        return show_failure(words_for(invalid), 422)
    return send_to(url_for("home.index"))


def words_for(refusal: Invalid | Conflict) -> str:
    code = next((str(one) for name, one in refusal.details.items() if name != "over"), None)
    over: Any = refusal.details.get("over")
    return wording.say(code or refusal.code, **({"over": over} if over else {}))
