"""Whoever carries texts, as they call the portal: with reports, and with texts that came in."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import create_app
from portal.core.database import Database
from portal.notifications.channels import gateway, twilio
from portal.notifications.models import Pointer
from portal.notifications.outgoing import deliver
from tests.notifications.desk import Desk

SECRET = "0123456789abcdef0123456789abcdef"
BASE = "https://portal.example.org"
DANA = "+15550177"


class Provider:
    """Whoever carries the texts, as it calls the portal."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.desk, self.name = desk, name
        url = desk.database.engine.url.render_as_string(hide_password=False)
        app = create_app(replace(desk.config, database_url=url))
        self.database: Database = app.extensions["portal"].database
        self.client = app.test_client()

    def report(self, pointer: Pointer, status: str, **more: str) -> TestResponse:
        if self.name == "gateway":
            return self.call("report", {"key": str(pointer.id), "status": status, **more})
        fields = {"MessageSid": pointer.provider_ref or "SM0", "MessageStatus": status, **more}
        return self.call("report", fields, query=f"?p={pointer.id}")

    def text(self, words: str, sender: str = DANA, **more: str) -> str | None:
        """A text comes from a telephone; returns what is sent back."""
        # Its provider's own name for it, so that the same words a second time are another text.
        new = (
            {"MessageSid": uuid.uuid4().hex} if self.name == "twilio" else {"id": uuid.uuid4().hex}
        )
        if self.name == "gateway":
            answer = self.call("text", {"from": sender, "text": words, **new})
            assert answer.status_code == 200
            reply: str | None = answer.get_json()["reply"]
            return reply
        answer = self.call("text", {"From": sender, "Body": words, **new, **more})
        assert answer.status_code == 200
        _, _, rest = answer.text.partition("<Message>")
        return rest.partition("</Message>")[0] or None

    def call(
        self,
        what: str,
        fields: dict[str, str],
        *,
        query: str = "",
        secret: str = SECRET,
        spoil: Callable[[bytes], bytes] = bytes,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        path = f"/notices/{self.name}/{what}"
        if self.name == "gateway":
            body = json.dumps(fields).encode()
            seconds = int(self.desk.hands.now.timestamp())
            signed = {"X-Signature": gateway.sign(secret, seconds, path, body)}
        else:
            body = urlencode(fields).encode()
            signed = {"X-Twilio-Signature": twilio.sign(secret, f"{BASE}{path}{query}", fields)}
        kind = "application/json" if self.name == "gateway" else "application/x-www-form-urlencoded"
        return self.client.post(
            path + query, data=spoil(body), headers=signed | (headers or {}), content_type=kind
        )


def told(desk: Desk) -> Pointer:
    """Dana is told of something by text; the pointer as it stands then."""
    desk.point("dana")
    pointer = desk.pointers()[-1]
    deliver(desk.database, desk.config, pointer.id)
    return desk.pointers()[-1]


def latest(desk: Desk) -> Pointer:
    return desk.pointers()[-1]


def rows(desk: Desk, model: Any) -> list[Any]:
    with desk.database.reading() as session:
        return list(session.scalars(select(model)))
