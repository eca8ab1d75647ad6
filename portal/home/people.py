"""Everybody who has an account, as the administrator sees them."""

from typing import Any

from flask import Response, request, url_for

from portal.accounts import queries as people
from portal.accounts.browser import person
from portal.accounts.models import Role
from portal.accounts.queries import PersonFacts
from portal.accounts.routes import pending_notices
from portal.caseload.wording import ROLES
from portal.core import audit
from portal.core.i18n import LANGUAGES
from portal.core.web import db, installation, page
from portal.home.reach import my_silences, never_told, staff_not_reached
from portal.home.wording import NOT_REACHED, STATES

STAFF_ROLES = (Role.CLINICIAN, Role.SUPERVISOR, Role.ADMINISTRATOR)


def people_page(*, problem: str | None = None) -> Response:
    audit.note(db(), person().clinic_id, person().id, "people:open", person().clinic_id)
    everybody = people.people_of(db(), installation.keyring, person().clinic_id)
    not_reached = staff_not_reached()
    for one_id in never_told():
        not_reached[one_id].append(str(NOT_REACHED["nowhere"]))
    return page(
        "home/people.html",
        status=422 if problem else 200,
        people=[person_row(one) | {"not_reached": not_reached[one.id]} for one in everybody],
        invite_url=url_for("home.invite"),
        roles={role.value: ROLES[role.value] for role in STAFF_ROLES},
        role=request.form.get("role"),
        name=request.form.get("name"),
        languages=LANGUAGES,
        problem=problem,
        unreachable=my_silences(),
        notices=pending_notices(),
    )


def person_row(one: PersonFacts) -> dict[str, Any]:
    return {
        "url": url_for("home.show_person", user_id=one.id),
        "name": one.name,
        "user_name": one.user_name,
        "role": ROLES[one.role.value],
        "state": STATES[one.state],
        "since": one.since,
    }
