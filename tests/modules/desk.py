"""A clinician at the page on which a module is written, without scripts."""

import io
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from portal.accounts.services import choose_language
from tests.cast import Browser, Cast
from tests.modules.files import WHOLE

BOX = re.compile(r"<textarea[^>]*>\n(.*?)</textarea>", re.DOTALL)
BASED_ON = re.compile(r'name=based_on value="(\d+)"')


@dataclass
class Desk:
    """What somebody does with one draft."""

    browser: Browser
    url: str = ""

    @property
    def page(self) -> str:
        return self.browser.page.text

    @property
    def box(self) -> str:
        """What stands in the box to write in."""
        found = BOX.search(self.page)
        assert found, "there is no box"
        return unescape(found[1])

    def begin(self, of: str = "") -> None:
        """A new draft: of the template, or a copy of another module."""
        self.browser.open("/modules")
        self.browser.post("/modules/drafts", of=of, nonce=self.browser.nonce)
        self.url = self.browser.page.request.path

    def open(self, more: str = "") -> TestResponse:
        return self.browser.open(f"{self.url}{more}")

    def form(self, text: str, action: str) -> dict[str, Any]:
        """The form of the page that is open, filled in."""
        based_on, nonce = (
            BASED_ON.search(self.page),
            re.findall(r'name=nonce value="([^"]+)"', self.page),
        )
        assert based_on
        return {"text": text, "action": action, "based_on": based_on[1], "nonce": nonce[-1]}

    def press(self, action: str, text: str | None = None, *, htmx: bool = False) -> TestResponse:
        form = self.form(self.box if text is None else text, action)
        url = f"{self.url}/draft" if htmx else self.url
        return self.browser.post(url, htmx=htmx, **form)

    @property
    def mistakes(self) -> list[tuple[int, str]]:
        """What the page says is wrong, with its lines."""
        found = re.findall(r'<a href="#text">Line (\d+)</a> ([^\n]*)', self.page)
        return [(int(line), unescape(words)) for line, words in found]


def desk(cast: Cast, name: str = "ruth", text: str = "") -> Desk:
    """Somebody with a new draft before them, with this text in it."""
    made = Desk(cast.browser(name))
    made.begin()
    if text:
        made.press("save", text)
    return made


def published(cast: Cast, name: str = "ruth", text: str = WHOLE) -> str:
    """The address of a module that somebody has published."""
    made = desk(cast, name)
    made.press("publish", text)
    assert made.browser.page.request.path.startswith("/modules/own/"), made.mistakes
    return made.browser.page.request.path


def take_in(browser: Browser, content: bytes) -> TestResponse:
    """Somebody hands over a file with this in it."""
    browser.open("/modules")
    fields = {"csrf_token": browser.token, "nonce": browser.nonce}
    boundary, body = encode_multipart(fields | {"file": FileStorage(io.BytesIO(content), "x.md")})
    kind = f"multipart/form-data; boundary={boundary}"
    return browser._go(
        "POST", "/modules/import", htmx=False, follow=True, data=body, content_type=kind
    )


def speaks_spanish(cast: Cast, name: str) -> None:
    """From now on the pages of this one of the team are in Spanish."""
    person = cast.person(name)
    with cast.database.writing() as session:
        choose_language(session, person, "es")


def count(cast: Cast, model: Any) -> int:
    """How many rows there are."""
    with cast.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0
