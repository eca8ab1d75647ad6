"""Where the demo shows the mail and the texts that it caught."""

import datetime as dt
import json
from typing import Any

from flask import Blueprint, Response

from portal.accounts.browser import public
from portal.core.web import installation, page

bp = Blueprint("demo", __name__)
MOST = 100


@bp.get("/postbox")
@public
def postbox() -> Response:
    return page("demo/postbox.html", mails=_caught("mail"), texts=_caught("sms"))


def _caught(kind: str) -> list[dict[str, Any]]:
    """What was caught, the latest first."""
    path = installation.config.data / "postbox" / f"{kind}.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    caught = [json.loads(line) for line in lines[-MOST:]]
    return [one | {"at": dt.datetime.fromisoformat(one["at"])} for one in reversed(caught)]
