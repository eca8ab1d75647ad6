"""Bytes on the wire, page by page, in a real browser through the real proxy."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext

from bench.letters import LETTERS, PAGE, letters
from bench.relay import Relay
from bench.report import Line, Section
from bench.stage import Correspondent, Stage, free_port
from bench.wire import Fetched, Wire, chromium, open_wire, total
from deploy.trial import Trial, find_nginx
from portal.core.compress import compress

SIGN_IN_BYTES, THREAD_BYTES, SCRIPT_BYTES = 5_000, 7_500, 18_000
SENT_BYTES, SENT_UP_BYTES, SENT_PLAIN_BYTES = 1_000, 1_000, 3_600
NOTHING_NEW_BYTES, COOKIE_BYTES, TEXT_RATIO = 300, 120, 1.7
TEXT = LETTERS[0]


@dataclass(frozen=True)
class Road:
    """How the browser reaches the portal, and what counts the bytes on the way."""

    url: str
    relay: Relay
    browser: Browser
    how: str


@contextmanager
def road(folder: Path) -> Iterator[tuple[Road, Stage]]:
    """A clinic being served: over TLS and HTTP/2 where there is nginx, else over plain HTTP."""
    with ExitStack() as stack:
        port = free_port()
        inner = free_port() if find_nginx() else port
        relay = stack.enter_context(Relay(inner))
        secure = find_nginx() is not None
        base_url = f"https://localhost:{relay.port}" if secure else f"http://localhost:{relay.port}"
        stage = stack.enter_context(Stage(folder / "data", base_url=base_url, port=port))
        stack.enter_context(stage.serving())
        static = stage.write_static(folder / "static")
        pin = ""
        if secure:
            upstream = f"127.0.0.1:{port}"
            proxy = Trial(upstream, inner, folder / "proxy", static, relay.port)
            pin = stack.enter_context(proxy).pin
        how = "over TLS 1.3 and HTTP/2, nginx in front" if secure else "over http://localhost"
        browser = stack.enter_context(chromium(pin))
        yield Road(base_url, relay, browser, how), stage


def measure(folder: Path) -> Section:
    """Every budget of the issue, each in the state of the browser that it speaks of."""
    with road(folder) as (line, stage):
        reader = stage.correspondent("Ada Lind", 2 * PAGE)
        lines = [
            *_first_visit(line),
            *_cold_thread(line, stage, reader),
            *_running_visit(line, reader),
            *_without_scripts(line, reader),
            *_save_data(line, stage, reader),
        ]
        how = f"Counted by Chromium {line.browser.version} {line.how}; up: everything on the line."
    return Section("Bytes on the wire", how, tuple(lines))


def _first_visit(line: Road) -> Iterator[Line]:
    with _context(line) as context:
        wire = open_wire(context)
        wire.page.goto(line.url)
        fetched = wire.take()
        counted = line.relay.take()
    yield Line("first visit, sign-in page: requests", len(fetched), limit=1)
    yield Line("first visit, sign-in page: down", total(fetched), "B", SIGN_IN_BYTES)
    yield Line("first visit with its handshakes: down", counted.down, "B")
    yield Line("first visit with its handshakes: up", counted.up, "B")
    yield Line("first visit: connections", counted.connections)


def _cold_thread(line: Road, stage: Stage, who: Correspondent) -> Iterator[Line]:
    with _context(line) as context:
        _let_in(context, line, stage, who)
        wire = open_wire(context)
        wire.page.goto(line.url + who.path)
        pages, scripts = _apart(wire.take())
    yield Line(f"thread of {PAGE}, cold: requests", len(pages), limit=1)
    yield Line(f"thread of {PAGE}, cold: down", total(pages), "B", THREAD_BYTES)
    yield Line("scripts, once: down", total(scripts), "B", SCRIPT_BYTES)


def _running_visit(line: Road, who: Correspondent) -> Iterator[Line]:
    with _context(line) as context:
        wire = open_wire(context)
        _sign_in(wire, line, who)
        for _ in range(2):
            wire.page.goto(line.url + who.path)
            pages, _ = _apart(wire.take())
        bare = _bare_text(who, pages[0].encoding)
        yield Line(f"thread of {PAGE}, in a visit: requests", len(pages), limit=1)
        yield Line(f"thread of {PAGE}, in a visit: down", total(pages), "B")
        yield Line(f"bare text, the same {pages[0].encoding}", bare, "B")
        yield Line("thread in a visit / bare text", total(pages) / bare, "×", TEXT_RATIO)
        yield from _send(line, wire, "send with HTMX", SENT_BYTES)
        yield from _check_for_new(wire)
        cookies = [f"{one['name']}={one['value']}" for one in context.cookies()]
        yield Line("cookies a request carries", len("; ".join(cookies)), "B", COOKIE_BYTES)


def _without_scripts(line: Road, who: Correspondent) -> Iterator[Line]:
    with _context(line, java_script_enabled=False) as context:
        wire = open_wire(context)
        _sign_in(wire, line, who)
        wire.page.goto(line.url + who.path)
        wire.take()
        yield from _send(line, wire, "send without scripts", SENT_PLAIN_BYTES)


def _send(line: Road, wire: Wire, name: str, limit: int) -> Iterator[Line]:
    wire.page.get_by_label("Your message").fill(TEXT)
    line.relay.take()
    wire.page.get_by_role("button", name="Send", exact=True).click()
    wire.page.get_by_text(TEXT[:40]).first.wait_for()
    fetched = wire.take()
    beside = line.relay.take().up - len(urlencode({"text": TEXT}))
    yield Line(f"{name}: requests", len(fetched), limit=1)
    yield Line(f"{name}: down", total(fetched), "B", limit)
    yield Line(f"{name}: up, beside the text", beside, "B", SENT_UP_BYTES)


def _check_for_new(wire: Wire) -> Iterator[Line]:
    wire.page.get_by_role("link", name="Check for new").click()
    fetched = wire.take()
    yield Line("check for new, nothing new: requests", len(fetched), limit=1)
    yield Line("check for new, nothing new: down", total(fetched), "B", NOTHING_NEW_BYTES)


def _save_data(line: Road, stage: Stage, who: Correspondent) -> Iterator[Line]:
    with _context(line, extra_http_headers={"Save-Data": "on"}) as context:
        _let_in(context, line, stage, who)
        wire = open_wire(context)
        wire.page.goto(line.url + who.path)
        _, scripts = _apart(wire.take())
    yield Line("scripts fetched under Save-Data", len(scripts), limit=0)


@contextmanager
def _context(line: Road, **options: object) -> Iterator[BrowserContext]:
    context = line.browser.new_context(locale="en-US", **options)  # type: ignore[arg-type]
    line.relay.take()
    try:
        yield context
    finally:
        context.close()


def _let_in(context: BrowserContext, line: Road, stage: Stage, who: Correspondent) -> None:
    """Gives a browser that has nothing else the session of somebody signed in."""
    name = "__Host-p" if stage.config.secure_cookies else "p"
    cookie = f"{name}={who.cookie}"
    context.add_cookies(
        [
            {
                "name": name,
                "value": cookie.partition("=")[2],
                "url": line.url,
                "secure": stage.config.secure_cookies,
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )


def _sign_in(wire: Wire, line: Road, who: Correspondent) -> None:
    page = wire.page
    page.goto(line.url)
    page.get_by_label("User name").fill(who.user_name)
    page.get_by_label("Passphrase").fill(who.passphrase)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    wire.take()


def _apart(fetched: list[Fetched]) -> tuple[list[Fetched], list[Fetched]]:
    """Pages with what they need, and scripts, which come after and are not needed."""
    scripts = [one for one in fetched if one.kind == "Script"]
    return [one for one in fetched if one.kind != "Script"], scripts


def _bare_text(who: Correspondent, encoding: str) -> int:
    text = "\n".join(letters(who.count)[-PAGE:]).encode()
    return len(compress(text, encoding)[0])
