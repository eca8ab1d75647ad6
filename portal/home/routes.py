"""The first page of each role, and a client's page for the care team."""

import uuid
from typing import Any

from flask import Blueprint, Response, url_for

from portal.accounts.browser import person
from portal.accounts.models import Role
from portal.accounts.routes import pending_notices
from portal.caseload import queries as caseload
from portal.caseload.access import engagement_for_team
from portal.caseload.models import Engagement
from portal.caseload.routes import colleagues, team_rows
from portal.core import audit, clock
from portal.core.web import db, installation, page
from portal.home.people import people_page
from portal.home.queue import queue_rows
from portal.home.reach import my_silences, unreachable
from portal.modules import pages as work_pages
from portal.threads import pages as threads_pages
from portal.threads import queries as threads

bp = Blueprint("home", __name__)


@bp.get("/")
def index() -> Response:
    if person().role is Role.CLIENT:
        return _client_home()
    if person().role is Role.ADMINISTRATOR:
        return people_page()
    return _queue()


def _client_home() -> Response:
    engagement = caseload.engagement_of_client(db(), person().id)
    if engagement is None:
        return page("home/client.html", threads=[], notices=pending_notices())
    audit.note(db(), person().clinic_id, person().id, "threads:list", engagement.id)
    shown: dict[str, Any] = {}
    for part in CLIENTS_PARTS:
        shown |= part(engagement)
    return page(
        "home/client.html",
        reading_url=url_for("caseload.reading", engagement_id=engagement.id),
        unreachable=unreachable(person().id, url_for("notices.show"), is_own=True),
        notices=pending_notices(),
        **shown,
    )


def _clients_threads(engagement: Engagement) -> dict[str, Any]:
    names = threads.team_names(db(), installation.keyring, engagement.id)
    return {
        **threads_pages.thread_list(db(), person(), engagement.id, engagement.vault_id, names),
        "unsent": _unsent(engagement.id, engagement.vault_id),
        "new_url": threads_pages.new_thread_url(engagement.id),
    }


def _clients_work(engagement: Engagement) -> dict[str, Any]:
    return work_pages.client_home(
        db(), installation.keyring, person(), engagement.id, engagement.vault_id, clock.now()
    )


# What every feature shows on a client's first page; a new feature is added here.
CLIENTS_PARTS = (_clients_threads, _clients_work)


def _unsent(engagement_id: uuid.UUID, vault_id: uuid.UUID) -> list[dict[str, str]]:
    return threads_pages.unsent_lines(db(), person(), engagement_id, vault_id)


def _queue() -> Response:
    audit.note(db(), person().clinic_id, person().id, "queue:open", person().id)
    return page(
        "caseload/index.html",
        rows=queue_rows(),
        invite_url=url_for("caseload.invite"),
        sheet_url=url_for("modules.find_sheet"),
        progress_url=url_for("modules.clinic_progress"),
        unreachable=my_silences(),
        notices=pending_notices(),
    )


@bp.get("/clients/<id:engagement_id>")
def client(engagement_id: uuid.UUID) -> Response:
    engagement = engagement_for_team(db(), installation.keyring, person(), engagement_id)
    audit.note(db(), person().clinic_id, person().id, "engagement:open", engagement.id)
    team = team_rows(engagement_id)
    on_team = {member["id"] for member in team}
    contact_url = url_for("contact.show", engagement_id=engagement_id)
    return page(
        "caseload/show.html",
        client={"name": engagement.client_name, "has_come": engagement.client_has_come},
        invite_url=(
            None
            if engagement.client_has_come
            else url_for("caseload.invite_again", engagement_id=engagement_id)
        ),
        **work_pages.team_part(db(), installation.keyring, person(), engagement_id, clock.now()),
        **threads_pages.thread_list(db(), person(), engagement.id, engagement.vault_id, []),
        unsent=_unsent(engagement.id, engagement.vault_id),
        unreachable=unreachable(engagement.client_id, contact_url, is_own=False),
        team=team,
        people=[one for one in colleagues() if one["id"] not in on_team],
        add_url=url_for("caseload.add_to_team", engagement_id=engagement_id),
        contact_url=contact_url,
        new_url=threads_pages.new_thread_url(engagement_id),
    )
