"""The demo's post office: catches every mail and text that goes out, and delivers none.

One process with an SMTP server and an HTTP gateway. Each catch is a line of JSON in
DATA/postbox/mail.jsonl or DATA/postbox/sms.jsonl. For each text the gateway reports a moment later
that it has arrived, signed as a real one would.
"""

import hmac
import json
import logging
import signal
import threading
from contextlib import suppress
from email import message_from_bytes
from email.policy import default as modern
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller

from portal.config import Config
from portal.core.clock import now

LONGEST_TEXT = 64 * 1024
# Where reports go, and how long a text takes to arrive.
REPORTS = "/notices/gateway/report"
REPORT_AFTER_SECONDS = 1.5


class Postbox:
    """Two files that grow by a line for each catch."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, kind: str, catch: dict[str, str]) -> None:
        line = json.dumps({**catch, "at": now().isoformat()}, ensure_ascii=False)
        with self._lock, (self._folder / f"{kind}.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class MailCatcher:
    """What aiosmtpd calls for each mail."""

    def __init__(self, postbox: Postbox) -> None:
        self._postbox = postbox

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=modern)
        part = message.get_body(("plain",))
        catch = {
            "to": ", ".join(envelope.rcpt_tos),
            "subject": str(message["Subject"]),
            "body": part.get_content() if part is not None else "",
        }
        self._postbox.keep("mail", catch)
        return "250 kept"


class TextCatcher(BaseHTTPRequestHandler):
    """What the HTTP server calls for each text."""

    postbox: ClassVar[Postbox]
    config: ClassVar[Config]
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or ""
        if not length.isdecimal() or int(length) > LONGEST_TEXT:
            self.send_error(411)
            return
        try:
            content = json.loads(self.rfile.read(int(length)))
            catch = {"to": str(content["to"]), "body": str(content["text"])}
        except (ValueError, KeyError, TypeError):
            self.send_error(400)
            return
        self.postbox.keep("sms", catch)
        key = self.headers.get("Idempotency-Key", "")
        threading.Timer(REPORT_AFTER_SECONDS, report, (self.config, key)).start()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's word
        """Says nothing: what is caught is in the file."""


def report(config: Config, key: str) -> None:
    """Calls back as a gateway does: the text of this key has arrived."""
    if not config.sms_secret or not key:
        return
    body = json.dumps({"key": key, "status": "delivered"}).encode()
    seconds = int(now().timestamp())
    signed = hmac.digest(
        config.sms_secret.encode(), f"{seconds}.{REPORTS}.".encode() + body, "sha256"
    )
    headers = {"X-Signature": f"t={seconds},v1={signed.hex()}", "Content-Type": "application/json"}
    parts = urlsplit(config.base_url)
    connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=10)
    # A report that gets lost is one that gets lost, as with any provider.
    with suppress(OSError, HTTPException):
        connection.request("POST", REPORTS, body, headers)
        connection.getresponse().read()
    connection.close()


def run_postbox(config: Config) -> None:
    """Catches mail and texts at the addresses of the settings until a signal comes."""
    # It would log who mail is for.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    mail, texts = open_postbox(config)
    end.wait()
    mail.stop()
    texts.shutdown()


def open_postbox(config: Config) -> tuple[Controller, ThreadingHTTPServer]:
    """Starts both servers in threads of this process, where PORTAL_SMTP_URL and _SMS_URL point."""
    # The library would log every address.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    postbox = Postbox(config.data / "postbox")
    smtp, sms = urlsplit(config.smtp_url or ""), urlsplit(config.sms_url or "")
    mail = Controller(MailCatcher(postbox), hostname=smtp.hostname, port=smtp.port or 25)
    mail.start()
    handler = type("Catcher", (TextCatcher,), {"postbox": postbox, "config": config})
    texts = ThreadingHTTPServer((sms.hostname or "127.0.0.1", sms.port or 0), handler)
    threading.Thread(target=texts.serve_forever, daemon=True).start()
    return mail, texts
