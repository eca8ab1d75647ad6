"""The demo's post office keeps what goes out, for anybody to look at."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from portal.config import Config
from portal.core import clock
from portal.core.postbox import open_postbox, report
from portal.notifications.channels import gateway, provider_of
from portal.notifications.channels.base import Call, Message, Outcome
from portal.notifications.models import Channel
from tests.servers import free_port, wait_until

SECRET = "0123456789abcdef"


@pytest.fixture
def demo(config: Config) -> Iterator[Config]:
    demo = replace(
        config,
        smtp_url=f"smtp://127.0.0.1:{free_port()}",
        sms_url=f"http://127.0.0.1:{free_port()}/",
    )
    mails, texts = open_postbox(demo)
    yield demo
    mails.stop()
    texts.shutdown()
    texts.server_close()


def caught(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_mail_and_texts_end_in_the_postbox(demo: Config, caplog: pytest.LogCaptureFixture) -> None:
    with provider_of(demo, Channel.EMAIL).open() as line:
        line.send(Message(to="maria@example.org", subject="Una nota", body="¡Hola!\n", key="1"))
    with provider_of(demo, Channel.SMS).open() as line:
        line.send(Message(to="+15550100", body="Hay una nota.", key="2"))
    (letter,) = caught(demo.data / "postbox" / "mail.jsonl")
    assert letter["to"] == "maria@example.org"
    assert letter["subject"] == "Una nota"
    assert letter["body"].strip() == "¡Hola!"
    (text,) = caught(demo.data / "postbox" / "sms.jsonl")
    assert (text["to"], text["body"]) == ("+15550100", "Hay una nota.")
    assert "maria" not in caplog.text


def test_the_postbox_reports_a_text_as_a_gateway_does(
    demo: Config,
) -> None:
    """Signed with the secret of the settings, to the address of the portal."""
    calls: list[Call] = []

    class Portal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            url = f"http://127.0.0.1{self.path}"
            calls.append(Call(url, dict(self.headers), body, clock.now()))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Portal) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        base_url = f"http://127.0.0.1:{server.server_address[1]}"
        report(replace(demo, base_url=base_url, sms_secret=SECRET), "0190-key")
        wait_until(lambda: calls, "the report comes")
    assert gateway.is_genuine(SECRET, calls[0])
    assert gateway.read_report(calls[0]).outcome is Outcome.DELIVERED
    assert not gateway.is_genuine(SECRET[::-1], calls[0])
