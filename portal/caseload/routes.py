"""Inviting clients, and who is on a care team."""

import uuid

from flask import Blueprint, Response, request, url_for

from portal.accounts import queries as people
from portal.accounts.browser import clinic, person
from portal.accounts.services import INVITATION_LASTS
from portal.caseload import queries, services
from portal.caseload.access import engagement_for, engagement_for_team
from portal.caseload.forms import InviteForm
from portal.caseload.wording import ROLES
from portal.core import audit, clock, wording
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.failures import show_failure
from portal.core.i18n import LANGUAGES
from portal.core.ids import parse, short
from portal.core.web import db, installation, page, send_to
from portal.notifications import ownership
from portal.vault.services import NotAllHeld

bp = Blueprint("caseload", __name__)


def _clinical() -> None:
    """Only clinicians and supervisors; for others there is nothing here."""
    if not person().is_clinical:
        raise NotFound


def colleagues() -> list[dict[str, str]]:
    """Everybody else who may be on a care team, for a list to choose from."""
    everybody = people.clinicians_of(db(), installation.keyring, person().clinic_id)
    return [{"id": short(one.id), "name": one.name} for one in everybody if one.id != person().id]


@bp.get("/clients/invite")
def invite() -> Response:
    _clinical()
    return _invite_page(InviteForm())


@bp.post("/clients/invite")
def make_invitation() -> Response:
    _clinical()
    form = InviteForm()
    try:
        welcomed = services.begin_engagement(
            db(), installation.keyring, clinic(), person(), form.client(), form.second_id()
        )
    except Invalid as invalid:
        return _invite_page(form, problem=wording.say(str(next(iter(invalid.details.values())))))
    return _invited_page(
        form.name.data or "", welcomed.code, welcomed.client_id, welcomed.engagement_id
    )


def _invite_page(form: InviteForm, *, problem: str | None = None) -> Response:
    return page(
        "caseload/invite.html",
        status=422 if problem else 200,
        name=form.name.data,
        user_name=form.user_name.data,
        language=form.language.data,
        languages=LANGUAGES,
        second=form.second.data,
        is_asked=form.is_asked(),
        people=colleagues(),
        problem=problem,
    )


def _invited_page(name: str, code: str, client_id: uuid.UUID, engagement_id: uuid.UUID) -> Response:
    return page(
        "caseload/invited.html",
        name=name,
        code=code,
        link=f"{installation.config.base_url}{url_for('accounts.invitation')}",
        expires_at=clock.now() + INVITATION_LASTS,
        is_asked=ownership.has_question(db(), client_id, person().clinic_id),
        continue_url=url_for("home.client", engagement_id=engagement_id),
    )


@bp.post("/clients/<id:engagement_id>/invitation")
def invite_again(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for_team(db(), installation.keyring, person(), engagement_id)
    try:
        code = services.invite_client_again(db(), clinic(), person(), engagement)
    except NotAllHeld as refusal:
        return show_failure(_who_can_invite(engagement_id, refusal), 409)
    return _invited_page(engagement.client_name, code, engagement.client_id, engagement_id)


def _who_can_invite(engagement_id: uuid.UUID, refusal: NotAllHeld) -> str:
    able: set[uuid.UUID] = refusal.details["able"]  # type: ignore[assignment]
    team = queries.team_of(db(), installation.keyring, engagement_id)
    names = [one.name for one in team if one.id in able]
    if not names:
        return wording.say("nobody_holds_all")
    return wording.say("not_all_held", names=", ".join(names))


@bp.get("/clients/<id:engagement_id>/reading")
def reading(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for(db(), installation.keyring, person(), engagement_id)
    audit.note(db(), person().clinic_id, person().id, "team:open", engagement.id)
    team = queries.team_of(db(), installation.keyring, engagement_id)
    return page(
        "caseload/reading.html",
        people=[{"name": one.name, "role": ROLES[one.role], "since": one.since} for one in team],
    )


@bp.post("/clients/<id:engagement_id>/team")
def add_to_team(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for_team(db(), installation.keyring, person(), engagement_id)
    with_past = request.form.get("past") == "all"
    try:
        colleague_id = parse(request.form.get("person", ""))
    except ValueError as error:
        raise Invalid from error
    try:
        services.add_to_team(
            db(), installation.keyring, person(), engagement, colleague_id, with_past=with_past
        )
    except Invalid as invalid:
        return show_failure(wording.say(str(invalid.details["colleague"])), 422)
    return send_to(url_for("home.client", engagement_id=engagement_id))


@bp.post("/clients/<id:engagement_id>/team/<id:member_id>/remove")
def remove_from_team(engagement_id: uuid.UUID, member_id: uuid.UUID) -> Response:
    engagement = engagement_for_team(db(), installation.keyring, person(), engagement_id)
    try:
        services.remove_from_team(
            db(), installation.keyring, clinic(), person(), engagement, member_id
        )
    except Conflict as conflict:
        return show_failure(wording.say(str(conflict.details["reason"])), 409)
    if member_id == person().id:
        return send_to(url_for("home.index"))
    return send_to(url_for("home.client", engagement_id=engagement_id))


def team_rows(engagement_id: uuid.UUID) -> list[dict[str, object]]:
    """The care team as a list with what can be done about each."""
    team = queries.team_of(db(), installation.keyring, engagement_id)
    return [
        {
            "id": short(one.id),
            "name": one.name,
            "role": ROLES[one.role],
            "since": one.since,
            "remove_url": (
                url_for("caseload.remove_from_team", engagement_id=engagement_id, member_id=one.id)
                if len(team) > 2
                else None
            ),
        }
        for one in team
    ]
