"""A shared computer: what whoever sits down next can still find, on the screen and on disk."""

import gzip
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import brotli
import pytest
import zstandard

from tests.browser.desk import Desk
from tests.browser.running import Newcomer, RunningPortal
from tests.servers import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.longest, pytest.mark.xdist_group("desk")]

# Colours by which pages are told apart: behind one's own messages, and around a box to type in.
OWN_MESSAGE, BOX = "fdedd0", "8d8172"
# Enough to write half a message on a busy machine, not enough to wonder whether anything happens.
IDLE_SECONDS = 15

PACKED = {"/br": brotli.compress, "/gzip": gzip.compress, "/zstd": zstandard.compress}
PAGE = """<!doctype html><title>WORD</title><link rel=icon href="data:,"><body>
<textarea></textarea><script src="/script"></script>"""
SCRIPT = f"""localStorage.word = 'WORD'; document.querySelector('textarea').value = 'WORD';
Promise.all({list(PACKED)}.map((path) => fetch(path).then((copy) => copy.text())))
.then(() => {{ document.body.style.background = '#{OWN_MESSAGE}'; }});"""

with_and_without_scripts = pytest.mark.parametrize(
    "scripts", [True, False], ids=["scripts", "no scripts"]
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    with ExitStack() as stack:

        def begin(*, scripts: bool = True) -> Desk:
            desk = Desk(tmp_path / "desk", scripts=scripts)
            stack.callback(desk.close)
            return desk

        (tmp_path / "desk").mkdir()
        yield begin


class Client:
    """A client at the desk, whose every word is one that stands nowhere else."""

    def __init__(self, desk: Desk, portal: RunningPortal) -> None:
        self.desk, self.portal = desk, portal
        self.words = {name: secrets.token_hex(8) for name in ("mine", "answer", "subject", "draft")}
        self.who: Newcomer = portal.newcomer("Ada Lind")
        self.thread = portal.thread(
            self.who,
            [self.words["mine"], self.words["answer"], f"{self.words['mine']}\n" * 9],
            subject=self.words["subject"],
        )

    def sign_in(self) -> None:
        self.desk.start(self.portal.url)
        self.desk.wait_for(BOX)
        self.desk.press("Tab", "Tab", "Tab", "Tab")
        self.desk.fill(self.who.user_name)
        self.desk.press("Tab")
        self.desk.fill(self.who.passphrase)
        self.desk.press("Return")
        self.desk.wait_without(BOX)
        # By the second page of a visit all its cookies are there, and no later one is a change.
        self.desk.go_to(f"{self.portal.url}/account")
        self.desk.wait_for(BOX)

    def read(self) -> None:
        self.desk.go_to(f"{self.portal.url}{self.thread}")
        self.desk.wait_for(OWN_MESSAGE)

    def begin_to_write(self) -> None:
        """Half a message; with scripts, until it has been kept as a draft."""
        saved = self.portal.answers("threads.save_draft")
        self.desk.find("Your message")
        self.desk.press("Tab")
        self.desk.fill(self.words["draft"])
        if self.desk.scripts:
            wait_until(lambda: self.portal.answers("threads.save_draft") > saved, "a draft", 30)

    def sign_out(self) -> None:
        self.desk.find("Account")
        self.desk.press("Tab", "Return")
        self.desk.wait_without(OWN_MESSAGE)
        self.desk.wait_for(BOX)


def _look_around(desk: Desk) -> None:
    """Back, Forward, and the tab that was closed: never a word, not for a moment."""
    with desk.screen.watched_for(OWN_MESSAGE):
        for keys in ("alt+Left", "alt+Left", "alt+Right", "alt+Right"):
            desk.move(keys)
        for keys in ("ctrl+t", "ctrl+shift+Tab", "ctrl+w", "ctrl+shift+t", "alt+Left"):
            desk.move(keys)
    desk.wait_for(BOX)


def _look_on_disk(client: Client) -> None:
    """Not a word in the profile, nothing but static files in its cache, nothing stored."""
    desk, portal = client.desk, client.portal
    # Browsers write down where one has been when they find the time: when the last of it is there,
    # so is all that came before.
    last = secrets.token_hex(8)
    desk.go_to(f"{portal.url}/?{last}")
    for place in ("Sessions", "History"):
        desk.wait_for_file(last, place)
    assert desk.files_with(client.thread, place="History")
    desk.close_browser()
    for name, word in client.words.items():
        assert desk.files_with(word) == set(), name
    assert all(path.startswith("/static/") for path in desk.cached(portal.url))
    address = portal.url.removeprefix("http://")
    for store in ("Local Storage", "Session Storage", "IndexedDB", "Service Worker"):
        assert desk.files_with(address, place=store) == set(), store


def _open_it_again(desk: Desk) -> None:
    """The browser brings back every page it can."""
    with desk.screen.watched_for(OWN_MESSAGE):
        desk.start("--restore-last-session")
        desk.wait_for(BOX)
        desk.move("alt+Left")


@with_and_without_scripts
def test_nothing_is_left_after_signing_out(
    desk: Callable[..., Desk], portal: RunningPortal, scripts: bool
) -> None:
    client = Client(desk(scripts=scripts), portal)
    client.sign_in()
    client.read()
    client.begin_to_write()
    client.sign_out()
    _look_around(client.desk)
    _look_on_disk(client)
    _open_it_again(client.desk)


def test_a_page_goes_by_itself_when_its_session_has_died(
    desk: Callable[..., Desk], portal: RunningPortal
) -> None:
    client = Client(desk(), portal)
    client.sign_in()
    portal.shorten_idle(client.who.person, IDLE_SECONDS)
    client.read()
    client.begin_to_write()
    client.desk.wait_without(OWN_MESSAGE)
    client.desk.wait_for(BOX)
    _look_around(client.desk)
    _look_on_disk(client)
    _open_it_again(client.desk)


def test_without_scripts_too_nothing_is_left_behind_the_page_that_goes(
    desk: Callable[..., Desk], portal: RunningPortal
) -> None:
    client = Client(desk(scripts=False), portal)
    client.sign_in()
    client.read()
    portal.shorten_idle(client.who.person, 5)
    client.desk.go_to(portal.url)
    client.desk.wait_without(OWN_MESSAGE)
    client.desk.wait_for(BOX)
    _look_around(client.desk)
    _look_on_disk(client)


def test_a_session_that_died_on_the_server_alone_shows_nothing_on_the_way_back(
    desk: Callable[..., Desk], portal: RunningPortal
) -> None:
    client = Client(desk(), portal)
    client.sign_in()
    client.read()
    client.desk.go_to(f"{portal.url}/account")
    client.desk.wait_without(OWN_MESSAGE)
    client.desk.wait_for(BOX)
    portal.let_idle(client.who.person)
    _look_around(client.desk)


def test_the_desk_sees_what_other_sites_leave_behind(desk: Callable[..., Desk]) -> None:
    """The proof that the tests above could fail: a careless page is found by all the same means."""
    word, at_desk = secrets.token_hex(8), desk()
    with _careless_site(word) as url:
        at_desk.start(url)
        at_desk.wait_for(OWN_MESSAGE)
        at_desk.go_to(f"{url}/elsewhere")
        at_desk.wait_without(OWN_MESSAGE)
        at_desk.press("alt+Left")
        at_desk.wait_for(OWN_MESSAGE)
        for place in ("Sessions", "Local Storage", "History"):
            at_desk.wait_for_file(word, place)
    assert at_desk.cached(url) == {"/script", *PACKED}
    assert len(at_desk.files_with(word, place="Cache_Data")) == 1 + len(PACKED)


@contextmanager
def _careless_site(word: str) -> Iterator[str]:
    """Answers each address once, so that what comes again comes from the browser."""
    pages = {
        "/": ("text/html", "no-store", "", PAGE.replace("WORD", word).encode()),
        "/script": ("text/javascript", "no-cache", "", SCRIPT.replace("WORD", word).encode()),
    }
    for path, pack in PACKED.items():
        pages[path] = ("text/plain", "max-age=600", path[1:], pack(word.encode() * 9))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gone = ("text/plain", "no-store", "", b"gone")
            kind, keeping, coding, body = pages.pop(self.path, gone)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", keeping)
            if coding:
                self.send_header("Content-Encoding", coding)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
