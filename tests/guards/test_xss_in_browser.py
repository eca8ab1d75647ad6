"""The corpus in a real browser, with scripts: nothing runs, nothing is asked of anybody else."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from portal.threads.services import sending, unsent
from tests.guards.filled_forms import ROLES
from tests.guards.test_xss import PAYLOADS, bundles, call
from tests.guards.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

pytestmark = [pytest.mark.browser]

WATCH = """\
window.seen = [];
for (const name of ['alert', 'confirm', 'prompt']) window[name] = () => window.seen.push(name);
document.addEventListener('securitypolicyviolation', (event) => window.seen.push(
    `${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
addEventListener('error', (event) => window.seen.push(`error ${event.message}`));
"""
NEVER_OURS = (
    "main *:is(script,style,img,svg,math,iframe,object,embed,video,audio,base,meta,link,template,"
    "marquee,table,font,center,dialog,details:not(:has(>summary)),[style],[onerror],[onload],"
    "[onclick],[onfocus],[onmouseover],[autofocus],[hx-get],[hx-post],[hx-trigger],[srcdoc])"
)


class Quiet(WSGIRequestHandler):
    def log_request(self, *_args: Any) -> None:
        return


@pytest.fixture
def address(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The world on a real line, with the corpus in every place where words are kept."""
    monkeypatch.setattr(sending, "LONGEST_SUBJECT", 10_000)
    _fill(world)
    server = make_server("127.0.0.1", 0, world.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _fill(world: World) -> None:
    thread = world.threads["client"]
    for number, text in enumerate(bundles(PAYLOADS, 300)):
        world.send("dana" if number % 2 else "ruth", thread, text)
    for text in bundles(PAYLOADS):
        world.begin_thread("ruth", "dana", subject=text, text=text)
        with world.database.writing() as session:
            nonce = world.nonce("client", thread)
            unsent.keep_for_author(session, world.keyring, thread, text, nonce, subject=text)
    for name, text in zip([*ROLES.values(), "luis", "sam"], bundles(PAYLOADS, 3000), strict=False):
        call(world, name, text)


class Watched:
    """A page of somebody's, and everything about it that should not be."""

    def __init__(self, context: "BrowserContext", address: str) -> None:
        self.address, self.strangers, self.said = address, [], []
        self.page: Page = context.new_page()
        self.page.add_init_script(WATCH)
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    strangers: list[str]
    said: list[str]

    def _note(self, url: str) -> None:
        if not url.startswith(("data:,", self.address)):
            self.strangers.append(url)

    def _hear(self, line: "ConsoleMessage") -> None:
        """What the browser complains of, but for answers that are refusals."""
        if line.type == "error" and not line.text.startswith("Failed to load resource"):
            self.said.append(line.text)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)
        self.page.wait_for_load_state("networkidle")

    def until(self, expression: str) -> None:
        """Waits without what the policy of the page forbids."""
        for _ in range(500):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(expression)

    def is_clean(self) -> None:
        assert self.page.evaluate("window.seen") == []
        assert self.said == []
        assert self.strangers == []
        assert self.page.locator(NEVER_OURS).count() == 0
        assert urlsplit(self.page.url)[:2] == urlsplit(self.address)[:2]
        assert self.page.title() == "Notes"


@pytest.fixture
def context(chromium: "Browser") -> Iterator["BrowserContext"]:
    context = chromium.new_context()
    yield context
    context.close()


def as_(context: "BrowserContext", world: World, role: str, address: str) -> Watched:
    value = str(world.cookies[role])
    context.add_cookies([{"name": "p", "value": value, "url": address}])
    return Watched(context, address)


def test_the_watch_sees_what_would_run(
    world: World, address: str, context: "BrowserContext"
) -> None:
    """A script that is put into a page of ours is stopped, and noticed."""
    dana = as_(context, world, "client", address)
    dana.open("/account")
    dana.is_clean()
    dana.page.evaluate("document.querySelector('main').innerHTML = '<img src=x onerror=alert(1)>'")
    dana.until("window.seen.length > 0")
    with pytest.raises(AssertionError):
        dana.is_clean()
    assert "alert" not in dana.page.evaluate("window.seen"), "the policy alone stops it"


@pytest.mark.parametrize("role", ROLES)
def test_no_page_runs_what_was_typed(
    world: World, address: str, context: "BrowserContext", role: str
) -> None:
    client, thread = world.client_url("dana"), world.thread_url(world.threads["client"])
    somebody = as_(context, world, role, address)
    for path in ("/", "/account", "/people", "/clients/invite", client, f"{client}/reading",
                 f"{client}/threads/new", thread):  # fmt: skip
        somebody.open(path)
        somebody.is_clean()


def test_nothing_runs_while_people_write_with_scripts(
    world: World, address: str, context: "BrowserContext"
) -> None:
    """Earlier messages, new messages, a draft that saves itself, a send, a refused send."""
    thread, dana = world.threads["client"], as_(context, world, "client", address)
    dana.open(world.thread_url(thread))
    dana.until("window.htmx !== undefined")
    for _ in range(2):
        before = dana.page.locator("#m > li").count()
        dana.page.locator("#o").click()
        dana.until(f"document.querySelectorAll('#m > li').length > {before}")
        dana.is_clean()
    world.send("ruth", thread, bundles(PAYLOADS, 7000)[1])
    dana.page.get_by_text("Check for new").click()
    dana.page.get_by_text("1 new message").wait_for()
    dana.is_clean()
    for text in bundles(PAYLOADS, 7000):
        with dana.page.expect_response("**/draft"):
            dana.page.locator("#text").fill(text)
        dana.page.get_by_role("button", name="Send", exact=True).click()
        dana.until("document.querySelector('#text').value === ''")
        dana.is_clean()
    dana.page.locator("#text").fill("<img src=x onerror=alert(1)>" * 400)
    dana.page.get_by_role("button", name="Send", exact=True).click()
    dana.page.locator("#problem").wait_for()
    assert dana.page.locator("#text").input_value().startswith("<img src=x")
    dana.is_clean()


def test_no_link_in_what_was_typed_runs_anything(
    world: World, address: str, context: "BrowserContext"
) -> None:
    dana = as_(context, world, "client", address)
    dana.open(world.thread_url(world.threads["client"]))
    targets = dana.page.locator("main ol a").evaluate_all("all => all.map(one => one.href)")
    assert targets
    for target in targets:
        assert urlsplit(target).scheme in ("http", "https", "tel")
