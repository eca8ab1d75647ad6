"""URLs and views of the care team: giving work, feedback, opening steps, taking work back."""

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

from flask import Response, request

from portal.accounts.browser import clinic, kept_for, person, rescued_by
from portal.caseload.access import engagement_for_team
from portal.core import audit, clock
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.ids import short
from portal.core.nonces import new_nonce
from portal.core.web import db, installation, page, send_to, unit
from portal.modules import progress_page, shelf, team_pages
from portal.modules.access import team_work_for
from portal.modules.clinic_progress import tallies
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import Gate, Pace
from portal.modules.own import own_module_for
from portal.modules.remarks import words_in
from portal.modules.routes import bp, do, nonce_of_form, note_opening, number_of, words_for
from portal.modules.services import feedback, giving, homework, keeping, states
from portal.modules.services.feedback import Shown
from portal.modules.services.giving import Terms
from portal.modules.urls import work_url
from portal.safety.words import cleaned

__all__ = ["bp"]

WEEKDAYS = {"": None} | {str(day): day for day in range(7)}


@bp.get("/clients/<id:engagement_id>/work/new")
def choose(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for_team(db(), installation.keyring, person(), engagement_id)
    return page(
        "modules/choose.html",
        **team_pages.choose_page(
            db(), installation.keyring, person(), engagement_id, engagement.client_name
        ),
    )


@bp.get("/clients/<id:engagement_id>/work/new/<module_id>")
def look_at(engagement_id: uuid.UUID, module_id: str) -> Response:
    return _give_page(engagement_id, _of_library(module_id))


@bp.get("/clients/<id:engagement_id>/work/new/own/<id:published_id>")
def look_at_own(engagement_id: uuid.UUID, published_id: uuid.UUID) -> Response:
    return _give_page(engagement_id, _of_clinic(published_id))


def _of_library(module_id: str) -> ModuleFile:
    try:
        return shelf.load(module_id)
    except KeyError as error:
        raise NotFound from error


def _of_clinic(published_id: uuid.UUID) -> ModuleFile:
    return own_module_for(db(), installation.keyring, person(), published_id).module


def _give_page(
    engagement_id: uuid.UUID, module: ModuleFile, *, problem: str | None = None
) -> Response:
    engagement = engagement_for_team(db(), installation.keyring, person(), engagement_id)
    nonce = str(new_nonce(installation.keyring, person().id, engagement_id))
    return page(
        "modules/give.html",
        status=422 if problem else 200,
        **team_pages.give_page(
            module,
            url=request.path,
            print_url=_print_url(),
            client_name=engagement.client_name,
            nonce=nonce,
            today=clock.now().astimezone(_zone()).date(),
            typed=request.form,
            problem=problem,
        ),
    )


def _print_url() -> str:
    """Of the module that this address is about, one of the clinic's own or of the library."""
    ids = request.view_args or {}
    if "published_id" in ids:
        return f"/modules/own/{short(ids['published_id'])}/paper"
    return f"/modules/library/{ids['module_id']}/paper"


def _zone() -> ZoneInfo:
    return ZoneInfo(clinic().time_zone)


@bp.post("/clients/<id:engagement_id>/work/new/<module_id>")
def give(engagement_id: uuid.UUID, module_id: str) -> Response:
    module = _of_library(module_id)
    return _give(engagement_id, module, shelf.source(module_id))


@bp.post("/clients/<id:engagement_id>/work/new/own/<id:published_id>")
def give_own(engagement_id: uuid.UUID, published_id: uuid.UUID) -> Response:
    return _give(engagement_id, _of_clinic(published_id), published_id)


def _give(engagement_id: uuid.UUID, module: ModuleFile, what: bytes | uuid.UUID) -> Response:
    engagement = engagement_for_team(db(), installation.keyring, person(), engagement_id)
    try:
        work_id = giving.give(
            db(), installation.keyring, person(), engagement, what, _terms(), nonce_of_form()
        )
    except Invalid as invalid:
        return _give_page(engagement_id, module, problem=words_for(invalid))
    return send_to(work_url(work_id))


def _terms() -> Terms:
    """Raises Invalid for a day that is none."""
    form = request.form
    try:
        day = dt.date.fromisoformat(form.get("starts", ""))
        starts_at, ends_at = _beginning_of(day), None
        if last := form.get("ends", ""):
            ends_at = _beginning_of(dt.date.fromisoformat(last) + dt.timedelta(days=1))
        pace = Pace(form.get("pace", Pace.IN_ORDER))
        read_weekday = WEEKDAYS[form.get("read", "")]
        gates = {name[2:]: Gate(value) for name, value in form.items() if name.startswith("g.")}
    except (ValueError, OverflowError, KeyError) as error:
        raise Invalid(starts="start_missing") from error
    if ends_at is not None and ends_at <= max(starts_at, clock.now()):
        raise Invalid(ends="end_too_early")
    return Terms(starts_at, pace, gates, ends_at, read_weekday)


def _beginning_of(day: dt.date) -> dt.datetime:
    """Where the clinic is."""
    return dt.datetime.combine(day, dt.time(), _zone()).astimezone(dt.UTC)


def rescue(work_id: uuid.UUID, step_id: str) -> Response:
    """Feedback that came without its session: kept, sealed, for the one who was given the form."""
    nonce = nonce_of_form()
    unit().write()
    author = None
    if nonce is not None:
        author = keeping.keep_feedback(
            db(), installation.keyring, work_id, step_id, _typed(), nonce
        )
    return kept_for(author, work_url(work_id))


def _typed() -> dict[str, str]:
    """What stands in the boxes beside a step's answers."""
    return {
        name: cleaned(text)
        for name, text in request.form.items()
        if name.startswith(("f.", "s.")) and cleaned(text)
    }


@bp.post("/work/<id:work_id>/steps/<step_id>/feedback")
@rescued_by(rescue)
def give_feedback(work_id: uuid.UUID, step_id: str) -> Response:
    try:
        feedback.give_feedback(
            db(), installation.keyring, clinic(), person(), work_id, step_id,
            words_in(request.form),
            shown=_shown(), nonce=nonce_of_form(), ask_again=request.form.get("action") == "ask",
        )  # fmt: skip
    except Invalid as invalid:
        return _look_again(work_id, step_id, words_for(invalid), 422)
    except Conflict as conflict:
        return _look_again(work_id, step_id, words_for(conflict), 409)
    return send_to(work_url(work_id))


def _look_again(work_id: uuid.UUID, step_id: str, problem: str, status: int) -> Response:
    """The page as it is now, with what was typed in its boxes."""
    work = team_work_for(db(), installation.keyring, person(), work_id)
    note_opening(work)
    context = team_pages.work_page(
        db(), installation.keyring, person(), work,
        problem=problem, typed=(states.step_of(work, step_id).id, request.form),
    )  # fmt: skip
    return page("modules/team.html", status=status, **context)


def _shown() -> Shown:
    return Shown(request.form.get("based_on", type=number_of), _called_at())


def _called_at() -> dt.datetime | None:
    return request.form.get("called", type=dt.datetime.fromisoformat)


@bp.post("/work/<id:work_id>/steps/<step_id>/open")
def unlock(work_id: uuid.UUID, step_id: str) -> Response:
    return do(
        work_id, lambda: giving.unlock(db(), installation.keyring, person(), work_id, step_id)
    )


@bp.post("/work/<id:work_id>/steps/<step_id>/spare")
def spare(work_id: uuid.UUID, step_id: str) -> Response:
    return do(work_id, lambda: giving.spare(db(), installation.keyring, person(), work_id, step_id))


@bp.post("/work/<id:work_id>/steps/<step_id>/seen")
def see(work_id: uuid.UUID, step_id: str) -> Response:
    try:
        states.see(db(), installation.keyring, person(), work_id, step_id, _called_at())
    except Conflict as conflict:
        return _look_again(work_id, step_id, words_for(conflict), 409)
    return send_to(work_url(work_id))


@bp.post("/work/<id:work_id>/all")
def finish(work_id: uuid.UUID) -> Response:
    seen = request.form.get("based_on", type=number_of)
    return do(
        work_id,
        lambda: feedback.finish(db(), installation.keyring, person(), work_id, seen=seen),
    )


@bp.post("/work/<id:work_id>/withdraw")
def withdraw(work_id: uuid.UUID) -> Response:
    return do(work_id, lambda: states.withdraw(db(), installation.keyring, person(), work_id))


@bp.post("/work/<id:work_id>/again")
def give_again(work_id: uuid.UUID) -> Response:
    return do(work_id, lambda: giving.give_again(db(), installation.keyring, person(), work_id))


@bp.post("/work/<id:work_id>/seen")
def see_misses(work_id: uuid.UUID) -> Response:
    return do(work_id, lambda: homework.see_misses(db(), installation.keyring, person(), work_id))


@bp.get("/work/progress")
def clinic_progress() -> Response:
    """For everybody who works in the clinic: no answer is opened, and no small number told."""
    if not person().is_staff:
        raise NotFound
    audit.note(db(), person().clinic_id, person().id, "progress:open", person().clinic_id)
    found = tallies(db(), installation.keyring, person().clinic_id)
    return page("modules/progress.html", **progress_page.progress_page(found))
