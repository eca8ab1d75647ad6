"""Where the demo shows the mail and the texts that it caught, and where texts can be answered."""

import datetime as dt
import json
from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.accounts.browser import public
from portal.core.errors import Invalid
from portal.core.ids import new_id
from portal.core.web import db, installation, page, send_to
from portal.notifications import inbound
from portal.notifications.channels.base import Incoming, Unreadable

bp = Blueprint("demo", __name__)
MOST = 100
LONGEST_TEXT = 480


@bp.get("/postbox")
@public
def postbox() -> Response:
    texts = _caught("sms")
    return page(
        "demo/postbox.html",
        mails=_caught("mail"),
        texts=texts,
        numbers=sorted({text["to"] for text in texts}),
    )


@bp.post("/postbox/answer")
@public
def answer() -> Response:
    """As if somebody answered a text from their telephone; what comes back is caught, too."""
    sender, words = request.form.get("number", ""), request.form.get("words", "")
    try:
        heard = Incoming(sender, words[:LONGEST_TEXT], mark=new_id().hex)
        said = inbound.hear(db(), installation.keyring, heard)
    except Unreadable:
        raise Invalid(number="mobile_unknown") from None
    if said is not None:
        _catch(sender, said)
    return send_to(url_for("demo.postbox"))


def _catch(to: str, body: str) -> None:
    # Late: it brings a mail server along.
    from portal.core.postbox import Postbox

    Postbox(installation.config.data / "postbox").keep("sms", {"to": to, "body": body})


def _caught(kind: str) -> list[dict[str, Any]]:
    """What was caught, the latest first."""
    path = installation.config.data / "postbox" / f"{kind}.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    caught = [json.loads(line) for line in lines[-MOST:]]
    return [one | {"at": dt.datetime.fromisoformat(one["at"])} for one in reversed(caught)]
