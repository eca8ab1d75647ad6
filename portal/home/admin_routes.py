"""The administrator's pages: who has an account, and how mail and texts are going."""

import uuid
from typing import Any

from flask import Response, request, url_for

from portal.accounts import queries as people
from portal.accounts import services as accounts
from portal.accounts.browser import clinic, person
from portal.accounts.models import Role
from portal.accounts.queries import PersonFacts
from portal.accounts.services import INVITATION_LASTS
from portal.caseload import services as caseload_services
from portal.caseload.forms import checked_name
from portal.core import audit, clock, wording
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.failures import show_failure
from portal.core.i18n import LANGUAGES
from portal.core.web import db, installation, page
from portal.home.delivery import channel_row
from portal.home.people import STAFF_ROLES, people_page, person_row
from portal.home.reach import never_told, staff_not_reached
from portal.home.routes import bp
from portal.notifications import health
from portal.vault.queries import was_ever_a_holder

__all__ = ["bp"]


def _administrator() -> None:
    if person().role is not Role.ADMINISTRATOR:
        raise NotFound


@bp.get("/people", endpoint="people")
def show_people() -> Response:
    _administrator()
    return people_page()


@bp.post("/people")
def invite() -> Response:
    _administrator()
    try:
        name, role = checked_name(request.form.get("name")), _staff_role()
    except Invalid as invalid:
        return people_page(problem=wording.say(str(next(iter(invalid.details.values())))))
    language = request.form.get("language", "en")
    invited = accounts.invite(
        db(), installation.keyring, clinic(), role=role, name=name,
        language=language if language in LANGUAGES else "en", by=person(),
    )  # fmt: skip
    return _invited_page(name, invited.code)


def _staff_role() -> Role:
    """Clients are invited by those who will write to them, never here. Raises Invalid."""
    chosen = request.form.get("role", "")
    if chosen not in {role.value for role in STAFF_ROLES}:
        raise Invalid(role="invalid")
    return Role(chosen)


def _invited_page(name: str, code: str) -> Response:
    return page(
        "caseload/invited.html",
        name=name,
        code=code,
        link=f"{installation.config.base_url}{url_for('accounts.invitation')}",
        expires_at=clock.now() + INVITATION_LASTS,
        continue_url=url_for("home.people"),
    )


@bp.get("/people/<id:user_id>")
def show_person(user_id: uuid.UUID) -> Response:
    _administrator()
    return _person_page(user_id)


def _person_page(user_id: uuid.UUID, *, notice: str | None = None) -> Response:
    one = _someone(user_id)
    is_oneself = one.id == person().id
    audit.note(db(), person().clinic_id, person().id, "person:open", one.id)
    return page(
        "home/person.html",
        someone=person_row(one),
        is_client=one.role is Role.CLIENT,
        invite_url=_action("home.invite_again", one, one.state == "invited" and one.role.is_staff),
        disable_url=_action("home.disable", one, one.state != "disabled" and not is_oneself),
        enable_url=_action("home.enable", one, one.state == "disabled"),
        notice=notice,
    )


def _action(endpoint: str, one: PersonFacts, condition: bool) -> str | None:
    return url_for(endpoint, user_id=one.id) if condition else None


def _someone(user_id: uuid.UUID) -> PersonFacts:
    one = people.find_person(db(), installation.keyring, person().clinic_id, user_id)
    if one is None:
        raise NotFound
    return one


@bp.post("/people/<id:user_id>/disable")
def disable(user_id: uuid.UUID) -> Response:
    _administrator()
    try:
        caseload_services.disable_person(db(), person(), user_id)
    except Conflict as conflict:
        return show_failure(wording.say(str(conflict.details["reason"])), 409)
    return _person_page(user_id, notice=wording.say("account_off"))


@bp.post("/people/<id:user_id>/enable")
def enable(user_id: uuid.UUID) -> Response:
    _administrator()
    accounts.enable(db(), _someone(user_id).id, person())
    return _person_page(user_id, notice=wording.say("account_on"))


@bp.post("/people/<id:user_id>/invitation")
def invite_again(user_id: uuid.UUID) -> Response:
    _administrator()
    one = _someone(user_id)
    if not one.role.is_staff:
        raise NotFound
    if was_ever_a_holder(db(), one.id):
        # A new key pair, which no holder is here to seal their records to.
        return show_failure(wording.say("on_a_team_already"), 409)
    invited = accounts.invite_again(db(), clinic(), one.id, person())
    return _invited_page(one.name, invited.code)


@bp.get("/delivery")
def delivery() -> Response:
    """How mail and texts are going, for whoever has to mend it."""
    _administrator()
    audit.note(db(), person().clinic_id, person().id, "delivery:open", person().clinic_id)
    states = health.channels(db(), person().clinic_id)
    not_reached, without_address = staff_not_reached(), never_told()
    everybody = {*not_reached, *without_address}
    names = people.names_of(db(), installation.keyring, everybody)
    return page(
        "home/delivery.html",
        channels=[channel_row(state) for state in states],
        not_reached=[_named(names, one) | {"places": not_reached[one]} for one in not_reached],
        never_told=[_named(names, one) for one in without_address],
    )


def _named(names: dict[uuid.UUID, str], user_id: uuid.UUID) -> dict[str, Any]:
    return {"name": names[user_id], "url": url_for("home.show_person", user_id=user_id)}
