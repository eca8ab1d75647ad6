"""Who lives the story: visitors on a real line, and what their life may leave behind."""

import http.client
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from portal.config import Config
from tests import servers
from tests.cast import NONCE, TOKEN, Cast


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Visitor:
    """A browser without scripts on a real line; it says the mark wherever a browser can."""

    port: int
    mark: str
    cookies: dict[str, str] = field(default_factory=dict)
    page: str = ""

    def go(self, method: str, url: str, body: str = "", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        said = {
            "User-Agent": f"Mozilla/5.0 ({self.mark}) Firefox/1",
            "Referer": f"http://127.0.0.1:{self.port}/?{self.mark}",
            "X-Forwarded-For": f"{self.mark}, 203.0.113.77",
            "Accept-Language": f"en, {self.mark}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        connection.request(method, url, body.encode(), said | headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read().decode())
        connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        self.page = answer.text or self.page
        return answer

    def open(self, url: str) -> Answer:
        answer = self.go("GET", url)
        return self.open(answer.headers["Location"]) if answer.status == 303 else answer

    def post(self, url: str, *, htmx: bool = False, **fields: Any) -> Answer:
        token, nonce = TOKEN.search(self.page), NONCE.search(self.page)
        assert token, "this page has no form"
        own = {"csrf_token": token[1]} | ({"nonce": nonce[1]} if nonce else {})
        headers = {"HX-Request": "true"} if htmx else {}
        answer = self.go("POST", url, urlencode(own | fields), **headers)
        if answer.status == 303:
            return self.open(answer.headers["Location"])
        return answer

    def found(self, pattern: re.Pattern[str]) -> str:
        match = pattern.search(self.page)
        assert match, self.page[-600:]
        return match[1]


@dataclass
class Story:
    """What was lived, and where it may have left traces."""

    config: Config
    mark: str
    process: subprocess.Popen[bytes]
    log: Path
    mails: servers.MailServer
    gateway: servers.Gateway
    cast: Cast
    environ: dict[str, str]
    secrets: list[str] = field(default_factory=list)
    # What was sent back to the telephones from which texts came.
    replies: list[str] = field(default_factory=list)
    thread_url: str = ""

    @property
    def processes(self) -> list[int]:
        return list(_family(self.process.pid))

    def visitor(self, name: str | None = None) -> Visitor:
        cookies = {"p": str(self.cast.cookie(name))} if name else {}
        self.secrets += [value.partition(".")[2] for value in cookies.values()]
        return Visitor(self.config.port, self.mark, cookies)

    def said(self, words: str) -> str:
        """Something typed."""
        return f"{self.mark} {words} {self.mark}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    for child in children:
        yield from _family(int(child))
