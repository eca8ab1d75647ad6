"""Where providers call us: what became of a message, and texts that people send.

No browser comes here. What a call says is believed only with the signature of the secret that the
provider and the portal share; without such a secret in the settings these addresses do not exist.
"""

from flask import Blueprint, Response, request

from portal.accounts.browser import signed_call
from portal.core import clock
from portal.core.errors import NotFound
from portal.core.web import db, installation, reads_first, unit
from portal.notifications import inbound, outcome
from portal.notifications.channels import CALLERS, caller_name
from portal.notifications.channels.base import Call, Caller, Unreadable

bp = Blueprint("calls", __name__)

MOST_BYTES = 16 * 1024


@bp.post("/notices/gateway/report")
@signed_call
@reads_first
def gateway_report() -> Response:
    return _take_report("gateway")


@bp.post("/notices/gateway/text")
@signed_call
@reads_first
def gateway_text() -> Response:
    return _take_text("gateway")


@bp.post("/notices/twilio/report")
@signed_call
@reads_first
def twilio_report() -> Response:
    return _take_report("twilio")


@bp.post("/notices/twilio/text")
@signed_call
@reads_first
def twilio_text() -> Response:
    return _take_text("twilio")


def _take_report(name: str) -> Response:
    caller, call = _genuine(name)
    try:
        said = caller.read_report(call)
    except Unreadable:
        return _plain("", 400)
    unit().write()
    outcome.note_report(db(), said)
    return _plain("", 204)


def _take_text(name: str) -> Response:
    caller, call = _genuine(name)
    try:
        heard = caller.read_text(call)
        unit().write()
        said = inbound.hear(db(), installation.keyring, heard)
    except Unreadable:
        return _plain("", 400)
    body, kind = caller.reply(said)
    return _plain(body, 200, kind)


def _genuine(name: str) -> tuple[Caller, Call]:
    """The call, if it is from the provider of the settings; raises NotFound."""
    secret, caller = installation.config.sms_secret, CALLERS[name]
    # Before anything is read: a stranger's long body costs nothing.
    length = request.content_length
    if secret is None or name != caller_name(installation.config):
        raise NotFound
    if length is None or length > MOST_BYTES:
        raise NotFound
    call = Call(
        url=f"{installation.config.base_url}{request.full_path.removesuffix('?')}",
        headers=dict(request.headers),
        body=request.get_data(cache=False, parse_form_data=False),
        now=clock.now(),
    )
    if not caller.is_genuine(secret, call):
        raise NotFound
    return caller, call


def _plain(body: str, status: int, kind: str = "text/plain") -> Response:
    return Response(body, status, content_type=f"{kind}; charset=utf-8")
