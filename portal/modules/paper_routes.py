"""URLs and views for paper: steps printed as sheets, and sheets that came back typed in."""

import datetime as dt
import uuid
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, request

from portal.accounts.browser import clinic, person, rescued_by
from portal.core import audit, clock, wording
from portal.core.errors import Invalid, NotFound
from portal.core.i18n import LANGUAGES, _, language, speaking
from portal.core.web import db, installation, page, send_to
from portal.modules import paper, queries, sheet_pages, shelf
from portal.modules.access import OpenWork, team_work_for, work_for
from portal.modules.format.shapes import ModuleFile, Step
from portal.modules.forms import typed_answers
from portal.modules.own import own_module_for
from portal.modules.routes import nonce_of_form, number_of, words_for
from portal.modules.services import sheets, states
from portal.modules.services.answering import Form, Saved
from portal.modules.shown import say
from portal.modules.team_routes import bp
from portal.modules.urls import step_url, work_url
from portal.modules.writing_routes import rescue_answers

__all__ = ["bp"]


@bp.get("/modules/library/<module_id>/paper")
def print_library(module_id: str) -> Response:
    """A module that nobody was given: empty, and of no client."""
    if not person().is_clinical:
        raise NotFound
    try:
        module = shelf.load(module_id)
    except KeyError as error:
        raise NotFound from error
    return _sheets(module, module.steps)


@bp.get("/modules/own/<id:published_id>/paper")
def print_own(published_id: uuid.UUID) -> Response:
    """One of the clinic's own, for whoever may look at it."""
    one = own_module_for(db(), installation.keyring, person(), published_id)
    return _sheets(one.module, one.module.steps)


@bp.get("/work/sheet")
def find_sheet() -> Response:
    """From the code on a sheet that came back to the form in which it is typed in."""
    if not person().is_clinical:
        raise NotFound
    typed = request.args.get("code", "")
    code = paper.read_code(typed)
    ids = queries.ids_of_team_member(db(), person()) if code else []
    found = next((one for one in ids if code and paper.letters_of(one) == code[0]), None)
    if code is None or found is None:
        problem = wording.say("no_such_sheet") if typed else None
        return page("modules/find_sheet.html", code=typed, problem=problem)
    steps = work_for(db(), installation.keyring, person(), found).module.steps
    on_it = steps[code[1] - 1 : code[1]] if code[1] else ()
    return send_to(sheet_url(found, on_it[0].id) if on_it else work_url(found))


@bp.get("/work/<id:work_id>/paper")
def print_work(work_id: uuid.UUID) -> Response:
    work = work_for(db(), installation.keyring, person(), work_id)
    found = queries.progress(db(), work)
    return _sheets_of(work, found, _printable(work, found))


@bp.get("/work/<id:work_id>/steps/<step_id>/paper")
def print_step(work_id: uuid.UUID, step_id: str) -> Response:
    work = work_for(db(), installation.keyring, person(), work_id)
    step, found = states.step_of(work, step_id), queries.progress(db(), work)
    if step not in _printable(work, found):
        raise NotFound
    return _sheets_of(work, found, [step])


def _printable(work: OpenWork, found: queries.Progress) -> list[Step]:
    """A counsellor may hand out any step; a client prints what is theirs to do."""
    if person().is_staff:
        return list(work.module.steps)
    return paper.steps_to_take_home(found.course, found.marks, work.pace)


def _sheets_of(work: OpenWork, found: queries.Progress, steps: list[Step]) -> Response:
    audit.note(db(), person().clinic_id, person().id, "work:print", work.id)
    answers: dict[str, Any] | None = None
    if request.args.get("answers"):
        answers = queries.sent(db(), work, found) if person().is_staff else found.answers
    notes = [
        _("Shut until you open it: %(step)s", step=say(step.title))
        for step in steps
        if person().is_staff and step.clinician_unlocks and not found.marks[step.id].is_unlocked
    ]
    return _sheets(work.module, steps, work=work, answers=answers, notes=notes)


def _sheets(
    module: ModuleFile,
    steps: Iterable[Step],
    *,
    work: OpenWork | None = None,
    answers: dict[str, Any] | None = None,
    notes: Iterable[str] = (),
) -> Response:
    """In the reader's language, or in another that the module has: a client may speak another."""
    chosen = request.args.get("in", "")
    is_other = chosen in module.languages and chosen in LANGUAGES
    spoken = chosen if is_other else language()
    links = list(_links(module, work, spoken, is_filled=answers is not None))
    with speaking(chosen) if is_other else nullcontext():
        return page(
            "modules/paper.html",
            title=say(module.title),
            sheets=paper.sheets(module, steps, answers, work.id if work else None),
            notes=notes,
            links=links,
        )


def _links(
    module: ModuleFile, work: OpenWork | None, spoken: str, *, is_filled: bool
) -> Iterable[Any]:
    if work is not None:
        other = "" if is_filled else "&answers=1"
        text = _("Without the answers") if is_filled else _("With the answers so far")
        yield {"url": f"{request.path}?in={spoken}{other}", "text": text}
    for code in module.languages:
        if code in LANGUAGES and code != spoken:
            answers = "&answers=1" if is_filled else ""
            yield {"url": f"{request.path}?in={code}{answers}", "text": LANGUAGES[code]}
    if work is not None:
        yield {"url": work_url(work.id), "text": _("Back")}


def sheet_url(work_id: uuid.UUID, step_id: str) -> str:
    return f"{step_url(work_id, step_id)}/sheet"


@bp.get("/work/<id:work_id>/steps/<step_id>/sheet")
def show_sheet(work_id: uuid.UUID, step_id: str) -> Response:
    work = team_work_for(db(), installation.keyring, person(), work_id)
    audit.note(db(), person().clinic_id, person().id, "sheet:open", work.id, step_id)
    return _sheet_page(work, states.step_of(work, step_id))


def _sheet_page(
    work: OpenWork, step: Step, *, problem: str | None = None, saved: Saved | None = None
) -> Response:
    """The empty form; or the page once more, with what is wrong on it and all that was typed."""
    is_again = problem is not None
    context = sheet_pages.sheet_page(
        db(), installation.keyring, person(), work, step, today=_today(),
        typed=request.form if is_again else None, wrong=saved.wrong if saved else {},
    )  # fmt: skip
    status = 409 if saved and saved.is_shut else 422 if is_again else 200
    return page("modules/sheet.html", status=status, problem=problem, **context)


def _today() -> dt.date:
    return clock.now().astimezone(ZoneInfo(clinic().time_zone)).date()


def _rescue_sheet(work_id: uuid.UUID, step_id: str) -> Response:
    written = request.form.get("written", "")[:10]
    back_to = sheet_url(work_id, step_id)
    return rescue_answers(work_id, step_id, back_to, sheet={queries.WRITTEN_ON: written})


@bp.post("/work/<id:work_id>/steps/<step_id>/sheet")
@rescued_by(_rescue_sheet)
def enter_sheet(work_id: uuid.UUID, step_id: str) -> Response:
    work = team_work_for(db(), installation.keyring, person(), work_id)
    step = states.step_of(work, step_id)
    if request.form.get("action") == "discard":
        sheets.discard_kept(db(), person(), work, step_id)
        return send_to(sheet_url(work_id, step_id))
    try:
        saved = sheets.enter(
            db(), installation.keyring, clinic(), person(), work_id, step_id, _form(step),
            today=_today(),
        )  # fmt: skip
    except Invalid as invalid:
        if "written" not in invalid.details:
            raise
        return _sheet_page(work, step, problem=words_for(invalid))
    if saved.is_shut or saved.wrong:
        problem = wording.say("sheet_shut" if saved.is_shut else "sheet_wrong")
        return _sheet_page(work, step, problem=problem, saved=saved)
    return send_to(f"{work_url(work_id)}#{step_id}")


def _form(step: Step) -> Form:
    """A day that is none counts as missing."""
    typed = typed_answers(step, request.form)
    try:
        written_on = dt.date.fromisoformat(request.form.get("written", ""))
    except ValueError:
        written_on = None
    based_on = request.form.get("based_on", 0, type=number_of)
    return Form(typed.answers, typed.wrong, nonce_of_form(), based_on, written_on=written_on)
