"""The first page of each role, a client's page for the care team, and the administrator's pages."""

import datetime as dt
import uuid
from collections import defaultdict
from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.accounts import queries as people
from portal.accounts import services as accounts
from portal.accounts.browser import clinic, person
from portal.accounts.models import Role
from portal.accounts.queries import PersonFacts
from portal.accounts.routes import pending_notices
from portal.accounts.services import INVITATION_LASTS
from portal.caseload import queries as caseload
from portal.caseload import services as caseload_services
from portal.caseload.access import engagement_for_team
from portal.caseload.forms import checked_name
from portal.caseload.models import Engagement
from portal.caseload.routes import colleagues, team_rows
from portal.caseload.wording import ROLES
from portal.core import audit, clock, wording
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.failures import show_failure
from portal.core.i18n import LANGUAGES, _, _n
from portal.core.web import db, installation, page
from portal.home.wording import CHANNELS, NOT_REACHED, PROVIDERS, STATES
from portal.modules import pages as work_pages
from portal.modules import queries as work
from portal.notifications import health, problems
from portal.notifications import queries as notices
from portal.threads import pages as threads_pages
from portal.threads import queries as threads
from portal.vault.queries import was_ever_a_holder

bp = Blueprint("home", __name__)

# What every feature offers for the care team's list, oldest first; a new feature is added here.
QUEUES = (threads.waiting_items, work.waiting_items)
STAFF_ROLES = (Role.CLINICIAN, Role.SUPERVISOR, Role.ADMINISTRATOR)


@bp.get("/")
def index() -> Response:
    if person().role is Role.CLIENT:
        return _client_home()
    if person().role is Role.ADMINISTRATOR:
        return _people_page()
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
        unreachable=_unreachable(person().id, url_for("notices.show"), is_own=True),
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


def _unreachable(user_id: uuid.UUID, url: str, *, is_own: bool) -> list[dict[str, str]]:
    """Where we could not tell somebody anything, for themself or for their care team."""
    found = problems.open_problems(db(), [user_id])
    return [{"words": words, "url": url} for words in _words_for(found, is_own=is_own)]


def _words_for(found: list[problems.Problem], *, is_own: bool = False) -> list[str]:
    """What is said of these, each once."""
    codes = (problems.wording_code(one, is_own=is_own) for one in found)
    return [wording.say(code) for code in dict.fromkeys(codes) if code]


def _my_silences() -> list[dict[str, str]]:
    """Where alarms do not reach somebody of the staff, for themself."""
    url = url_for("notices.show")
    if person().is_clinical and not notices.has_address(db(), person().id):
        return [{"words": wording.say("no_address"), "url": url}]
    codes = [one.wording_code for one in problems.silences(db(), person().id)]
    return [{"words": wording.say(code), "url": url} for code in codes]


def _unsent(engagement_id: uuid.UUID, vault_id: uuid.UUID) -> list[dict[str, str]]:
    return threads_pages.unsent_lines(db(), person(), engagement_id, vault_id)


def _queue() -> Response:
    audit.note(db(), person().clinic_id, person().id, "queue:open", person().id)
    return page(
        "caseload/index.html",
        rows=_queue_rows(),
        invite_url=url_for("caseload.invite"),
        sheet_url=url_for("modules.find_sheet"),
        progress_url=url_for("modules.clinic_progress"),
        unreachable=_my_silences(),
        notices=pending_notices(),
    )


def _queue_rows() -> list[dict[str, Any]]:
    """Clients for whom there is something to do, be it an answer or another way to reach them, the
    oldest first; then the others, the latest first."""
    items = _items()
    engagements = caseload.engagements_of_team_member(db(), installation.keyring, person())
    not_reached = _clients_not_reached([one.client_id for one in engagements])
    rows = [_queue_row(one, items.get(one.id), not_reached[one.client_id]) for one in engagements]
    waiting = sorted((r for r in rows if r["since"]), key=lambda r: r["since"])
    long_ago = dt.datetime.min.replace(tzinfo=dt.UTC)
    others = [row for row in rows if not row["since"]]
    return waiting + sorted(others, key=lambda r: r["last_at"] or long_ago, reverse=True)


def _items() -> dict[uuid.UUID, caseload.Waiting]:
    """What every feature has for the care team, put together for each engagement."""
    items: dict[uuid.UUID, caseload.Waiting] = {}
    for item in (item for queue in QUEUES for item in queue(db(), person())):
        known = items.get(item.engagement_id)
        items[item.engagement_id] = item.beside(known) if known else item
    return items


def _clients_not_reached(
    client_ids: list[uuid.UUID],
) -> defaultdict[uuid.UUID, list[problems.Problem]]:
    """What keeps which of these from being told anything, in one look-up for all."""
    found: defaultdict[uuid.UUID, list[problems.Problem]] = defaultdict(list)
    for one in problems.open_problems(db(), client_ids):
        found[one.user_id].append(one)
    return found


def _queue_row(
    engagement: caseload.EngagementFacts,
    item: caseload.Waiting | None,
    not_reached: list[problems.Problem],
) -> dict[str, Any]:
    waiting_since = item.waiting_since if item else None
    begun = [one for one in (waiting_since, *(one.since for one in not_reached)) if one]
    since = min(begun, default=None)
    return {
        "url": url_for("home.client", engagement_id=engagement.id),
        "name": engagement.client_name,
        "since": since,
        "how_long": _how_long(since) if since else "",
        "waiting_since": waiting_since,
        "not_reached": _words_for(not_reached),
        "last_at": item.last_at if item else None,
        "team": "",
    }


def _how_long(since: dt.datetime) -> str:
    hours = int((clock.now() - since).total_seconds() // 3600)
    if hours < 24:
        return _n("%(num)s hour", "%(num)s hours", max(hours, 1))
    return _n("%(num)s day", "%(num)s days", hours // 24)


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
        unreachable=_unreachable(engagement.client_id, contact_url, is_own=False),
        team=team,
        people=[one for one in colleagues() if one["id"] not in on_team],
        add_url=url_for("caseload.add_to_team", engagement_id=engagement_id),
        contact_url=contact_url,
        new_url=threads_pages.new_thread_url(engagement_id),
    )


def _administrator() -> None:
    if person().role is not Role.ADMINISTRATOR:
        raise NotFound


@bp.get("/people", endpoint="people")
def show_people() -> Response:
    _administrator()
    return _people_page()


def _people_page(*, problem: str | None = None) -> Response:
    audit.note(db(), person().clinic_id, person().id, "people:open", person().clinic_id)
    everybody = people.people_of(db(), installation.keyring, person().clinic_id)
    not_reached = _staff_not_reached()
    for one in _never_told():
        not_reached[one].append(str(NOT_REACHED["nowhere"]))
    return page(
        "home/people.html",
        status=422 if problem else 200,
        people=[_person_row(one) | {"not_reached": not_reached[one.id]} for one in everybody],
        invite_url=url_for("home.invite"),
        roles={role.value: ROLES[role.value] for role in STAFF_ROLES},
        role=request.form.get("role"),
        name=request.form.get("name"),
        languages=LANGUAGES,
        problem=problem,
        unreachable=_my_silences(),
        notices=pending_notices(),
    )


def _staff_not_reached() -> defaultdict[uuid.UUID, list[str]]:
    """Where alarms do not reach which of the staff, for whoever has to ask them for another way."""
    found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    for one in problems.silences_of_staff(db(), person().clinic_id):
        found[one.user_id].append(str(NOT_REACHED[one.channel.value]))
    return found


def _never_told() -> list[uuid.UUID]:
    return notices.staff_without_address(db(), person().clinic_id)


def _person_row(one: PersonFacts) -> dict[str, Any]:
    return {
        "url": url_for("home.show_person", user_id=one.id),
        "name": one.name,
        "user_name": one.user_name,
        "role": ROLES[one.role.value],
        "state": STATES[one.state],
        "since": one.since,
    }


@bp.post("/people")
def invite() -> Response:
    _administrator()
    try:
        name, role = checked_name(request.form.get("name")), _staff_role()
    except Invalid as invalid:
        return _people_page(problem=wording.say(str(next(iter(invalid.details.values())))))
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
        someone=_person_row(one),
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
    not_reached, never_told = _staff_not_reached(), _never_told()
    names = people.names_of(db(), installation.keyring, {*not_reached, *never_told})
    return page(
        "home/delivery.html",
        channels=[_channel_row(state) for state in states],
        not_reached=[_named(names, one) | {"places": not_reached[one]} for one in not_reached],
        never_told=[_named(names, one) for one in never_told],
    )


def _named(names: dict[uuid.UUID, str], user_id: uuid.UUID) -> dict[str, Any]:
    return {"name": names[user_id], "url": url_for("home.show_person", user_id=user_id)}


def _channel_row(state: health.ChannelHealth) -> dict[str, Any]:
    provider = _standing(state)
    return {
        "name": CHANNELS[state.channel.value],
        "provider": PROVIDERS[provider],
        "is_wrong": provider not in ("works", "unknown"),
        "until": state.left_alone_until,
        "code": state.last_code if provider in ("resting", "failing") else None,
        "rows": [
            (_("Waiting for their time"), state.waiting - state.due - state.tried, False),
            (_("Due now"), state.due, state.is_overdue),
            (_("Tried, and tried again later"), state.tried, False),
            (_("The oldest of these has waited for"), *_lag(state)),
            (_("Sent in 7 days"), state.sent, False),
            (_("Known to have arrived"), state.delivered, False),
            (_("Failed in 7 days"), state.failed, False),
        ],
        "reasons": state.reasons,
    }


def _standing(state: health.ChannelHealth) -> str:
    if state.left_alone_until:
        return "resting"
    if state.is_overdue:
        return "stuck"
    if state.failed_at and (state.worked_at is None or state.failed_at > state.worked_at):
        return "failing"
    if state.is_partly_unsent:
        return "partly"
    return "works" if state.worked_at else "unknown"


def _lag(state: health.ChannelHealth) -> tuple[str, bool]:
    """For how long something has been waiting that should have gone out, and whether too long."""
    oldest = state.oldest_unsent_at
    if oldest is None:
        return "–", False
    minutes = max(int((clock.now() - oldest).total_seconds() // 60), 0)
    is_wrong = state.is_overdue or state.is_partly_unsent
    if minutes < 120:
        return _n("%(num)s minute", "%(num)s minutes", minutes), is_wrong
    return _how_long(oldest), is_wrong
