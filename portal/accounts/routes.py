"""Signing in and out, invitations, recovery, and one's own account."""

import uuid

from flask import Blueprint, Response, request, url_for

from portal.accounts import forms, passphrases, queries, services, sessions
from portal.accounts.browser import (
    begin_session,
    finish_session,
    forget_dead_session,
    guard,
    here,
    person,
    person_or_none,
    public,
)
from portal.accounts.services import Offer
from portal.core import wording
from portal.core.errors import Invalid, Refused, Throttled
from portal.core.i18n import LANGUAGES
from portal.core.web import db, page, reads_first, send_to, unit

bp = Blueprint("accounts", __name__)


@bp.get("/sign-in")
@public
def sign_in() -> Response:
    if person_or_none() is not None:
        return send_to(url_for("home.index"))
    # A browser keeps whole pages for Back as long as it holds the cookie they came with.
    forget_dead_session()
    why = request.args.get("why", "")
    notice = wording.say(why) if why in ("signed_out_idle", "words_kept") else None
    return _sign_in_page(forms.SignInForm(request.args), notice=notice)


@bp.post("/sign-in")
@public
@reads_first
def enter() -> Response:
    form = forms.SignInForm()
    try:
        _, cookie = services.sign_in(
            unit(), guard(), form.user_name.data or "", form.passphrase.data or "", here()
        )
    except Refused:
        return _sign_in_page(form, problem=wording.say("sign_in_refused"), status=422)
    except Throttled:
        return _sign_in_page(form, problem=wording.say("sign_in_throttled"), status=429)
    begin_session(cookie)
    return send_to(form.next_url() or url_for("home.index"))


def _sign_in_page(
    form: forms.SignInForm,
    *,
    notice: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    return page(
        "accounts/sign_in.html",
        status=status,
        user_name=form.user_name.data,
        next=form.next_url(),
        notice=notice,
        problem=problem,
        scripts=False,
    )


@bp.post("/sign-out")
def sign_out() -> Response:
    services.sign_out(db(), person())
    finish_session()
    return send_to(url_for("accounts.sign_in"))


@bp.get("/invitation")
@public
def invitation() -> Response:
    return page("accounts/invitation.html", code="", problem=None)


@bp.post("/invitation")
@public
@reads_first
def open_invitation() -> Response:
    form = forms.CodeForm()
    try:
        offer = services.offer_for_code(unit(), guard(), form.code.data or "", here())
    except Refused:
        problem = wording.say("code_refused")
        return page("accounts/invitation.html", status=422, code=form.code.data, problem=problem)
    return _welcome(offer, form.code.data or "", url_for("accounts.accept"))


def _welcome(
    offer: Offer, code: str, accept_url: str, *, problem: str | None = None, status: int = 200
) -> Response:
    return page(
        "accounts/welcome.html",
        status=status,
        offer=offer,
        code=code,
        accept_url=accept_url,
        problem=problem,
        mode="recovered" if accept_url == url_for("accounts.recover_accept") else "invited",
    )


@bp.post("/invitation/accept")
@public
@reads_first
def accept() -> Response:
    form = forms.AcceptForm()
    code, choice = form.code.data or "", form.choice()
    try:
        cookie = services.redeem(unit(), guard(), _clinic_name(), code, choice, here())
    except Invalid as invalid:
        unit().rollback()
        offer = services.offer_for_code(unit(), guard(), code, here())
        return _ask_again(offer, form, code, url_for("accounts.accept"), invalid)
    begin_session(cookie)
    return send_to(url_for("notices.show", first=1))


def _ask_again(
    offer: Offer, form: forms.AcceptForm, code: str, url: str, invalid: Invalid
) -> Response:
    kept = Offer(
        form.user_name.data or offer.user_name,
        offer.user_name_is_fixed,
        offer.passphrase,
        form.recovery_code.data or offer.recovery_code,
    )
    problem = wording.say(str(next(iter(invalid.details.values()))))
    return _welcome(kept, code, url, problem=problem, status=422)


def _clinic_name() -> str:
    from portal.accounts.browser import clinic_or_none

    clinic = clinic_or_none()
    return clinic.name if clinic else ""


@bp.get("/recover")
@public
def recover() -> Response:
    return page("accounts/recover.html", user_name="", problem=None)


@bp.post("/recover")
@public
@reads_first
def open_recovery() -> Response:
    form = forms.RecoverForm()
    user_name, code = form.user_name.data or "", form.code.data or ""
    try:
        offer = services.offer_for_recovery(unit(), guard(), user_name, code, here())
    except Refused:
        problem = wording.say("recovery_refused")
        return page("accounts/recover.html", status=422, user_name=user_name, problem=problem)
    return _welcome(offer, code, url_for("accounts.recover_accept"))


@bp.post("/recover/accept")
@public
@reads_first
def recover_accept() -> Response:
    form = forms.AcceptForm()
    code, choice = form.code.data or "", form.choice()
    try:
        cookie = services.recover(unit(), guard(), _clinic_name(), code, choice, here())
    except Invalid as invalid:
        unit().rollback()
        offer = services.offer_for_recovery(unit(), guard(), choice.user_name, code, here())
        return _ask_again(offer, form, code, url_for("accounts.recover_accept"), invalid)
    begin_session(cookie)
    return send_to(url_for("home.index"))


@bp.get("/account")
def show() -> Response:
    return _account()


def _account(
    *, notice: str | None = None, problems: dict[str, str] | None = None, status: int = 200
) -> Response:
    return page(
        "accounts/show.html",
        status=status,
        sessions=sessions.list_for(db(), person()),
        languages=LANGUAGES,
        notice=notice,
        problems=problems or {},
    )


@bp.post("/account/language")
def language() -> Response:
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        raise Invalid(language="invalid")
    services.choose_language(db(), person(), chosen)
    return send_to(url_for("accounts.show"))


@bp.post("/account/passphrase")
@reads_first
def passphrase() -> Response:
    form = forms.PassphraseForm()
    if not form.new.data:
        offered = passphrases.generate(services.words_for(person().role), person().language)
        return _account(notice=wording.say("passphrase_offered", passphrase=offered))
    try:
        services.change_passphrase(
            unit(), guard(), person(), _clinic_name(),
            current=form.current.data or "", new=form.new.data,
        )  # fmt: skip
    except Refused:
        return _account(problems={"current": wording.say("passphrase_refused")}, status=422)
    except Invalid as invalid:
        problem = wording.say(str(invalid.details["passphrase"]))
        return _account(problems={"new": problem}, status=422)
    return _account(notice=wording.say("passphrase_changed"))


@bp.post("/account/recovery-code")
@reads_first
def recovery_code() -> Response:
    form = forms.ConfirmForm()
    try:
        code = services.new_recovery_code(
            unit(), guard(), person(), current=form.passphrase.data or ""
        )
    except Refused:
        return _account(problems={"passphrase": wording.say("passphrase_refused")}, status=422)
    return page("accounts/recovery_code.html", recovery_code=code)


@bp.post("/account/sessions/<id:session_id>/end")
def end_session(session_id: uuid.UUID) -> Response:
    services.end_session(db(), person(), session_id)
    return _account(notice=wording.say("session_ended"))


@bp.post("/account/sessions/end-others")
def end_other_sessions() -> Response:
    services.end_other_sessions(db(), person())
    return _account(notice=wording.say("session_ended"))


def pending_notices() -> list[str]:
    """What the person must be told about their account; told once, on the first page they see."""
    notices = queries.unseen_notices(db(), person().id)
    if notices:
        unit().write()
        services.mark_notices_seen(db(), notices)
    return [f"{wording.say(notice.code)}" for notice in notices]
