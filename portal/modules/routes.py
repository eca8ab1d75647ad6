"""URLs and views of a client's own work as a whole: its steps, sending all of it, and homework."""

import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.accounts.browser import clinic, kept_for, person, rescued_by
from portal.core import audit, wording
from portal.core.database import at_the_end
from portal.core.errors import Conflict, Invalid
from portal.core.failures import show_failure
from portal.core.nonces import Nonce
from portal.core.web import (
    db,
    installation,
    page,
    send_to,
    unit,
)
from portal.modules import overview_pages, team_pages
from portal.modules.access import OpenWork, work_for
from portal.modules.format.shapes import Step
from portal.modules.services import giving, homework, keeping, reminding, states
from portal.modules.urls import step_url, work_url
from portal.safety.words import cleaned

bp = Blueprint("modules", __name__)

# With a dot, as the boxes of a step: what is refused is shown again.
OBSTACLE = "h.obstacle"


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
    return show_overview(work)


def show_overview(work: OpenWork) -> Response:
    """The steps of the work; after one was left, what is to be said to that first."""
    return page("modules/show.html", **overview_pages.overview(db(), work, left_step(work)))


def left_step(work: OpenWork) -> Step | None:
    """The step that somebody comes from."""
    step_id = request.args.get("from", "")
    return next((step for step in work.module.steps if step.id == step_id), None)


@bp.post("/work/first")
def begin_first() -> Response:
    keyring = installation.keyring
    work_id, step_id = giving.begin_first(db(), keyring, person(), nonce_of_form())
    return send_to(step_url(work_id, step_id))


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
    return send_to(work_url(work_id))


@bp.post("/work/<id:work_id>/complete")
def complete(work_id: uuid.UUID) -> Response:
    return do(work_id, lambda: states.complete(db(), installation.keyring, person(), work_id))


def do(work_id: uuid.UUID, deed: Callable[[], None]) -> Response:
    try:
        deed()
    except Conflict as conflict:
        return show_failure(words_for(conflict), 409)
    return send_to(work_url(work_id))


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
