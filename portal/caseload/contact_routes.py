"""How a client may be reached, for their care team: what they chose, and who else could read it."""

import uuid

from flask import Blueprint, Response, request, url_for

from portal.accounts.browser import clinic, person
from portal.accounts.queries import language_of
from portal.caseload.access import engagement_for_team
from portal.caseload.queries import EngagementFacts
from portal.core import audit, wording
from portal.core.errors import Conflict, Invalid
from portal.core.i18n import weekdays
from portal.core.web import db, installation, page, send_to
from portal.notifications import ownership, settling
from portal.notifications.forms import days_of
from portal.notifications.pages import slip_words, standing, tasks, tellings

bp = Blueprint("contact", __name__)


def _client(engagement_id: uuid.UUID) -> EngagementFacts:
    return engagement_for_team(db(), installation.keyring, person(), engagement_id)


@bp.get("/clients/<id:engagement_id>/contact")
def show(engagement_id: uuid.UUID) -> Response:
    return _page(_client(engagement_id))


def _page(client: EngagementFacts, *, problem: str | None = None) -> Response:
    audit.note(db(), person().clinic_id, person().id, "contact:open", client.id)
    guardians = ownership.guardians_of(db(), installation.keyring, client.client_id)
    return page(
        "caseload/contact.html",
        status=422 if problem else 200,
        problem=problem,
        typed=request.form.get("address"),
        client={"name": client.client_name, "url": url_for("home.client", engagement_id=client.id)},
        standing=standing(db(), client.client_id, clinic()),
        tasks=[
            {"facts": one, "url": _settle_url(client.id, one.id)}
            for one in tasks(db(), installation.keyring, client.client_id)
        ],
        tellings=tellings(db(), client.client_id),
        guardians=[{"hint": one.hint, "url": _remove_url(client.id, one.id)} for one in guardians],
        add_url=url_for("contact.add_guardian", engagement_id=client.id),
        ask_url=url_for("contact.ask", engagement_id=client.id),
        slip_url=url_for("contact.slip", engagement_id=client.id),
        days=weekdays(person().language),
    )


def _settle_url(engagement_id: uuid.UUID, problem_id: uuid.UUID) -> str:
    return url_for("contact.settle", engagement_id=engagement_id, problem_id=problem_id)


def _remove_url(engagement_id: uuid.UUID, contact_id: uuid.UUID) -> str:
    return url_for("contact.remove_guardian", engagement_id=engagement_id, contact_id=contact_id)


@bp.post("/clients/<id:engagement_id>/contact/ask")
def ask(engagement_id: uuid.UUID) -> Response:
    client = _client(engagement_id)
    change = ownership.ask if request.form.get("ask") == "yes" else ownership.stop_asking
    change(db(), person(), client.client_id)
    return send_to(url_for("contact.show", engagement_id=engagement_id))


@bp.post("/clients/<id:engagement_id>/problems/<id:problem_id>/settle")
def settle(engagement_id: uuid.UUID, problem_id: uuid.UUID) -> Response:
    client = _client(engagement_id)
    settling.settle(db(), person(), client.client_id, problem_id)
    return send_to(url_for("contact.show", engagement_id=engagement_id))


@bp.post("/clients/<id:engagement_id>/guardians")
def add_guardian(engagement_id: uuid.UUID) -> Response:
    client, typed = _client(engagement_id), request.form.get("address", "")
    try:
        ownership.add_guardian(
            db(), installation.keyring, person(), client.client_id, typed, clinic().time_zone
        )
    except (Invalid, Conflict) as refusal:
        return _page(client, problem=wording.say(str(next(iter(refusal.details.values())))))
    return send_to(url_for("contact.show", engagement_id=engagement_id))


@bp.post("/clients/<id:engagement_id>/guardians/<id:contact_id>/remove")
def remove_guardian(engagement_id: uuid.UUID, contact_id: uuid.UUID) -> Response:
    client = _client(engagement_id)
    ownership.remove_guardian(db(), person(), client.client_id, contact_id)
    return send_to(url_for("contact.show", engagement_id=engagement_id))


@bp.get("/clients/<id:engagement_id>/contact/slip")
def slip(engagement_id: uuid.UUID) -> Response:
    client = _client(engagement_id)
    try:
        days = days_of(request.args)
    except ValueError:
        days = 0
    audit.note(db(), person().clinic_id, person().id, "contact:slip", client.id)
    language = language_of(db(), client.client_id)
    return page("notifications/slip.html", **slip_words(language, days))
