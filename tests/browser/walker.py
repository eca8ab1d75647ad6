"""A person in front of a browser, who notices whatever goes wrong in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

from portal.accounts.sessions import Cookie
from portal.core.i18n import speaker
from tests.browser.running import RunningPortal
from tests.servers import wait_until

PATIENCE_MS = 20_000
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
LOCALES = {"en": "en-US", "es": "es-MX"}
# Regular 2G as the DevTools have it: bytes a second and milliseconds.
ANY_LINE = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1, "latency": 0}
SLOW_LINE = {
    "offline": False, "downloadThroughput": 31_250, "uploadThroughput": 6_250, "latency": 300,
}  # fmt: skip

expect.set_options(timeout=PATIENCE_MS)


class Walker:
    """Goes through pages by what stands on them, in either language.

    Everything that a page complains of, and every request that fails, is trouble; whoever expects
    a refusal says so beforehand by `expects`.
    """

    def __init__(
        self,
        browser: Browser,
        portal: RunningPortal,
        *,
        language: str = "en",
        scripts: bool = True,
        slow: bool = False,
        url: str = "",
        **options: Any,
    ) -> None:
        self.portal, self.scripts, self.url = portal, scripts, url or portal.url
        self._touches = bool(options.get("has_touch"))
        self.say, self.count = speaker(language).say, speaker(language).count
        self.context: BrowserContext = browser.new_context(
            base_url=self.url,
            java_script_enabled=scripts,
            locale=LOCALES[language],
            **(DESK | options),
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.trouble: list[str] = []
        self.requests: list[Request] = []
        self._expected: set[int] = set()
        self._presses_twice = False
        self.page: Page = self.context.new_page()
        self._line = self.context.new_cdp_session(self.page)
        self._condition = SLOW_LINE if slow else ANY_LINE
        self._is_cut = False
        self._line.send("Network.emulateNetworkConditions", self._condition)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", self._ask)
        self.page.on("requestfailed", self._fail)
        self.page.on("response", self._receive)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self.context.close()
        if kind is None:
            assert not self.trouble, "\n".join(self.trouble)

    def expects(self, status: int) -> None:
        """A refusal is to come, and to be shown calmly."""
        self._expected.add(status)

    def presses_twice(self, button: str) -> None:
        """As people do on a slow line; the browser gives the first of the two sendings up."""
        self._presses_twice = True
        self.button(button).dblclick()

    @contextmanager
    def without_a_line(self) -> Iterator[None]:
        """As in a valley that no mast reaches. What is asked for meanwhile fails: no fault."""
        self._is_cut = True
        self._line.send("Network.emulateNetworkConditions", self._condition | {"offline": True})
        yield
        self._line.send("Network.emulateNetworkConditions", self._condition)
        self._is_cut = False

    def has_scripts(self) -> None:
        """Waits until they have come. Asked from outside: the page itself may evaluate nothing."""
        wait_until(lambda: self.page.evaluate("!!window.htmx"), "the scripts come")

    def _hear(self, message: ConsoleMessage) -> None:
        if self._is_cut:
            return
        told = re.search(r"status of (\d+)", message.text)
        if message.type in ("error", "warning") and not (told and int(told[1]) in self._expected):
            self.trouble.append(f"{message.text} ({self.page.url})")

    def _ask(self, request: Request) -> None:
        self.requests.append(request)

    def _fail(self, request: Request) -> None:
        # Whoever goes on before a script has come does without it.
        if request.resource_type == "script" and request.failure == "net::ERR_ABORTED":
            return
        # A draft that was still on its way when its words were sent, or the page left: what is in
        # the box then goes by a request of its own.
        if request.url.endswith("/draft") and request.failure == "net::ERR_ABORTED":
            return
        if self._is_cut or (self._presses_twice and request.method == "POST"):
            return
        self.trouble.append(f"{request.method} {request.url}: {request.failure}")

    def _receive(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.trouble.append(f"{response.url}: {response.status}")
        if not response.url.startswith((self.url, "data:")):
            self.trouble.append(f"a stranger was asked: {response.url}")

    # What people do.

    def open(self, path: str) -> None:
        self.page.goto(path)

    def carry(self, cookie: Cookie) -> None:
        """Is signed in with a session that was begun elsewhere."""
        self.context.add_cookies(
            [
                {
                    "name": "p",
                    "value": str(cookie),
                    "url": self.url,
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
            ]
        )

    def sign_in(self, user_name: str, passphrase: str | None = None) -> None:
        self.open("/")
        self.fill("User name", user_name)
        self.fill("Passphrase", passphrase or self.portal.passphrases[user_name])
        self.press("Sign in")
        self.sees_button("Sign out")

    def fill(self, label: str, text: str) -> None:
        self.box(label).fill(text)

    def type(self, label: str, text: str) -> None:
        """Key by key, as people do."""
        self.box(label).press_sequentially(text)

    def press(self, name: str, /, **values: object) -> None:
        self._touch(self.button(name, **values))

    def follow(self, name: str) -> None:
        self._touch(self.link(self.say(name)))

    def pick(self, text: str) -> None:
        """Follows a link by what somebody wrote, not by a word of the portal's."""
        self._touch(self.link(text))

    def _touch(self, one: Locator) -> None:
        one.tap() if self._touches else one.click()

    # What people see.

    def box(self, label: str) -> Locator:
        return self.page.get_by_label(self.say(label), exact=True)

    def button(self, name: str, /, **values: object) -> Locator:
        return self.page.get_by_role("button", name=self.say(name, **values), exact=True)

    def link(self, text: str) -> Locator:
        return self.page.get_by_role("link", name=text, exact=True)

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def sees_words(self, message: str, **values: object) -> None:
        self.sees(self.say(message, **values))

    def sees_button(self, name: str) -> None:
        expect(self.button(name)).to_be_visible()

    def sees_not(self, text: str) -> None:
        expect(self.page.get_by_text(text)).to_have_count(0)

    def sees_time_after(self, message: str) -> None:
        """A word of the portal's with the time of day in its %(time)s place."""
        pattern = re.escape(self.say(message, time="#")).replace(r"\#", r"\d{1,2}:\d\d")
        expect(self.page.get_by_text(re.compile(pattern)).first).to_be_visible()

    @contextmanager
    def staying(self) -> Iterator[list[Request]]:
        """Whatever is done meanwhile leaves the page where it is. Gives what it asked for."""
        self.page.evaluate("window.still = true")
        before, asked = len(self.requests), list[Request]()
        yield asked
        self.page.wait_for_load_state("networkidle")
        asked += self.requests[before:]
        assert self.page.evaluate("window.still"), "the page was left"

    def stored(self) -> dict[str, object]:
        """What this browser keeps for the portal beside its cookies."""
        kept: dict[str, object] = self.page.evaluate(
            """async () => ({
                local: {...localStorage}, session: {...sessionStorage},
                databases: await indexedDB.databases(),
                caches: self.caches ? await caches.keys() : [],
                workers: navigator.serviceWorker
                    ? (await navigator.serviceWorker.getRegistrations()).length : 0,
            })"""
        )
        return kept


NOTHING_STORED: dict[str, object] = {
    "local": {}, "session": {}, "databases": [], "caches": [], "workers": 0,
}  # fmt: skip
