"""One's own page about being told: where, when and in which words."""

from flask import Blueprint, Response, request, url_for

from portal.accounts.browser import clinic, guard, person
from portal.core import wording
from portal.core.errors import Invalid, Refused
from portal.core.i18n import weekdays
from portal.core.web import db, installation, page, send_to
from portal.notifications import addresses, forms, ownership, preferences, problems
from portal.notifications.models import HoldReason
from portal.notifications.pages import (
    choices_for,
    slip_words,
    tellings,
    time_zones,
)
from portal.notifications.preferences import Choice

bp = Blueprint("notices", __name__)


@bp.get("/account/notices")
def show() -> Response:
    return _page(is_first="first" in request.args)


def _page(
    *,
    notice: str | None = None,
    problem: tuple[str, str] | None = None,
    choice: Choice | None = None,
    is_first: bool = False,
) -> Response:
    """`problem` is a field and what is wrong with it."""
    me, facts = person(), clinic()
    choice = choice or preferences.choice_of(db(), me.id)
    hold = ownership.hold_of(db(), me.id)
    silences = problems.silences(db(), me.id)
    return page(
        "notifications/show.html",
        status=422 if problem else 200,
        is_first=is_first,
        notice=notice,
        problem=problem,
        hold=wording.say(f"hold_{hold.value}") if hold else None,
        is_unanswered=hold is HoldReason.UNANSWERED,
        is_asked=not me.is_staff and ownership.is_asked(db(), me.id, me.clinic_id),
        addresses=addresses.own_addresses(db(), installation.keyring, me.id),
        silent={one.channel for one in silences},
        unreachable=[
            {"words": wording.say(one.wording_code), "url": f"#{one.channel.value}_address"}
            for one in silences
            if not one.is_stopped
        ],
        typed=request.form,
        choice=choice,
        days=weekdays(me.language),
        zones=time_zones(facts.time_zone, choice.time_zone, me.language),
        tellings=tellings(db(), me.id),
        words=choices_for(me.language, installation.config.neutral_url),
    )


@bp.post("/account/notices")
def choose() -> Response:
    choice = None
    try:
        choice = forms.choice_of(request.form, is_staff=person().is_staff)
        preferences.choose(db(), person(), choice)
    except Invalid as invalid:
        return _page(problem=_problem(invalid), choice=choice)
    return _page(notice=wording.say("notices_saved"))


def _problem(invalid: Invalid) -> tuple[str, str]:
    field, code = next(iter(invalid.details.items()))
    return field, wording.say(str(code))


@bp.post("/account/notices/address")
def enter() -> Response:
    entry = forms.entry_of(request.form)
    try:
        is_sent = addresses.enter(
            db(), installation.config, installation.keyring, guard().throttle, person(), entry,
            time_zone=clinic().time_zone,
        )  # fmt: skip
    except Invalid as invalid:
        return _page(problem=(f"{entry.channel.value}_address", _problem(invalid)[1]))
    return _page(notice=wording.say("code_sent") if is_sent else None)


@bp.post("/account/notices/code")
def confirm() -> Response:
    channel = forms.channel_of(request.form)
    try:
        is_used = addresses.confirm(
            db(), installation.keyring, person(), channel, request.form.get("code", "")
        )
    except Refused:
        return _page(problem=(f"{channel.value}_code", wording.say("address_code_refused")))
    return _page(notice=_confirmed() if is_used else None)


def _confirmed() -> str:
    is_held = ownership.hold_of(db(), person().id) is not None
    return wording.say("address_confirmed_but_held" if is_held else "address_confirmed")


@bp.post("/account/notices/remove")
def remove() -> Response:
    addresses.remove(db(), person(), forms.channel_of(request.form))
    return _page(notice=wording.say("address_removed"))


@bp.post("/account/notices/who-else")
def answer() -> Response:
    ownership.answer(db(), person(), request.form.get("who_else", ""))
    return send_to(url_for("notices.show"))


@bp.get("/account/notices/slip")
def slip() -> Response:
    return page(
        "notifications/slip.html", **slip_words(person().language, forms.days_of(request.args))
    )
