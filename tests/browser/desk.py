"""A desk with a screen, a keyboard and a Chromium that nobody drives but by its keys.

What steers a browser through its own protocol also changes what that browser keeps: pages survive
a sign-out that would not, and the other way about. So here keys are pressed as on a keyboard, and
what is seen is read off the screen.
"""

import contextlib
import json
import os
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import zstandard

from portal.core.processes import die_with_parent
from tests.browser.fixtures import chromium_path
from tests.servers import wait_until

WIDTH, HEIGHT = 900, 1000
PIXEL = 4
# So many pixels of one colour in a row are no letter and no line.
RUN = 60
# Where the browser shows the address, and where its box to search a page comes up: left, top,
# right, bottom.
ADDRESS, SEARCH, PAGE = (160, 46, 640, 76), (500, 84, 860, 130), (0, 130, WIDTH, HEIGHT)
# Behind the words that were searched for.
FOUND = "ff9632"
# The line around whatever has the keyboard, and how long it is at least around a box.
FOCUS, BOX_WIDTH = "a85f00", 400
PATIENCE_SECONDS, STILL_SECONDS = 30, 0.5
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--password-store=basic",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--window-position=0,0",
    f"--window-size={WIDTH},{HEIGHT}",
)

Area = tuple[int, int, int, int]


class Screen:
    """A screen in memory, whose pixels are a file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        number, told = os.pipe()
        size = f"{WIDTH}x{HEIGHT}x24"
        options = ("-screen", "0", size, "-fbdir", str(folder), "-nolisten", "tcp")
        self._process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(told), *options],
            pass_fds=(told,),
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
        )
        os.close(told)
        with os.fdopen(number) as answer:
            self.name = f":{answer.readline().strip()}"
        self._pixels = folder / "Xvfb_screen0"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def shows(self, colour: str, run: int = RUN) -> bool:
        """Whether there is an area of this colour, such as "fdedd0", so many pixels wide."""
        red, green, blue = bytes.fromhex(colour)
        return bytes([blue, green, red, 255]) * run in self._now()

    def part(self, area: Area) -> list[bytes]:
        """The pixels of an area as they are now, row by row."""
        image, (left, top, right, bottom) = self._now(), area
        starts = [row * WIDTH for row in range(top, bottom)]
        return [image[(row + left) * PIXEL : (row + right) * PIXEL] for row in starts]

    def _now(self) -> bytes:
        image = self._pixels.read_bytes()
        header, colours = struct.unpack_from(">I", image)[0], struct.unpack_from(">I", image, 76)[0]
        return image[header + 12 * colours :]

    @contextlib.contextmanager
    def watched_for(self, colour: str) -> Iterator[None]:
        """Fails if this colour is on the screen for as little as a moment."""
        seen, done = threading.Event(), threading.Event()

        def watch() -> None:
            while not done.is_set() and not seen.is_set():
                if self.shows(colour):
                    seen.set()

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            done.set()
            watching.join()
        assert not seen.is_set(), "it was on the screen"


class Desk:
    """One browser profile in front of a screen. It can be closed and opened again."""

    def __init__(self, folder: Path, *, scripts: bool = True) -> None:
        self.profile, self.scripts = folder / "profile", scripts
        self.screen = Screen(folder / "screen")
        self._process: subprocess.Popen[bytes] | None = None
        self._settle()

    def _settle(self) -> None:
        """What somebody would choose in the browser's settings."""
        chosen = {"javascript": 1 if self.scripts else 2}
        settings = {
            "credentials_enable_service": False,
            "profile": {"default_content_setting_values": chosen},
        }
        (self.profile / "Default").mkdir(parents=True)
        (self.profile / "Default/Preferences").write_text(json.dumps(settings))

    def start(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [chromium_path(), *FLAGS, f"--user-data-dir={self.profile}", *arguments],
            env=os.environ | {"DISPLAY": self.screen.name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
        )

    def close_browser(self) -> None:
        """As when the window is closed: what it wants to keep is on disk afterwards."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        try:
            self.close_browser()
        finally:
            self.screen.close()

    # What hands do.

    def press(self, *keys: str) -> None:
        self._xdotool("key", "--delay", "40", *keys)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "15", text)

    def _xdotool(self, *arguments: str) -> None:
        environ = os.environ | {"DISPLAY": self.screen.name}
        subprocess.run(["xdotool", *arguments], env=environ, check=True)

    def go_to(self, address: str) -> None:
        """By the address bar; Delete takes away what the browser would like to complete."""
        self.press("ctrl+l")
        self.type(address)
        self.press("Delete", "Return")

    def fill(self, text: str) -> None:
        """Types into the box that has the keyboard, once it shows that it has."""
        self.wait_for(FOCUS, BOX_WIDTH)
        self.type(text)

    def find(self, text: str) -> None:
        """Lets the keyboard go on from where this text stands on the page."""
        with self._other(SEARCH):
            self.press("ctrl+f")
        self.type(text)
        self.wait_for(FOUND, 20)
        self.press("Escape")
        self.wait_without(FOUND, 20)

    def move(self, *keys: str) -> None:
        """To another page by these keys, until it is there and stands still."""
        with self._other(ADDRESS):
            self.press(*keys)
        self._wait_still()

    # What eyes do.

    def wait_for(self, colour: str, run: int = RUN) -> None:
        wait_until(lambda: self.screen.shows(colour, run), colour, PATIENCE_SECONDS)

    def wait_without(self, colour: str, run: int = RUN) -> None:
        wait_until(lambda: not self.screen.shows(colour, run), f"no {colour}", PATIENCE_SECONDS)

    @contextlib.contextmanager
    def _other(self, area: Area) -> Iterator[None]:
        before = self.screen.part(area)
        yield
        wait_until(lambda: self.screen.part(area) != before, "a change", PATIENCE_SECONDS)

    def _wait_still(self) -> None:
        last, since = self.screen.part(PAGE), time.monotonic()

        def is_still() -> bool:
            nonlocal last, since
            now = self.screen.part(PAGE)
            if now != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > STILL_SECONDS

        wait_until(is_still, "the page stands still", PATIENCE_SECONDS)

    # What is left on disk.

    def files_with(self, *texts: str, place: str = "") -> set[str]:
        """Files of the profile, or of a place in it, with a text in the encodings of browsers."""
        forms = [form for text in texts for form in (text.encode(), text.encode("utf-16-le"))]
        return {
            path.relative_to(self.profile).as_posix()
            for path in self._files(place)
            if any(form in content for content in _contents(path) for form in forms)
        }

    def _files(self, place: str) -> Iterator[Path]:
        # Unlike rglob, this bears with folders that a browser at work takes away meanwhile.
        for folder, _, names in os.walk(self.profile):
            paths = (Path(folder, name) for name in names)
            yield from (path for path in paths if place in str(path.relative_to(self.profile)))

    def wait_for_file(self, text: str, place: str) -> None:
        """Until a place in the profile holds this text."""
        wait_until(lambda: self.files_with(text, place=place), place, PATIENCE_SECONDS)

    def cached(self, url: str) -> set[str]:
        """The paths below an address that the browser holds a copy of."""
        entries = [_entry(path) for path in self._files("/Cache_Data/")]
        keys = [key.rpartition(url) for key, _ in entries]
        return {path for _, found, path in keys if found}


# How an entry of the browser's cache begins, and how the end of its body is marked.
ENTRY = struct.Struct("<QIIII")
ENTRY_BEGINS, BODY_ENDS = 0xFCFB6D1BA7725C30, struct.pack("<Q", 0xF4FA6F45970D41D8)


def _contents(path: Path) -> Iterator[bytes]:
    """What a file holds, and what it holds packed."""
    yield _content(path)
    yield from _unpacked(_entry(path)[1])


def _content(path: Path) -> bytes:
    """What a file holds; nothing if it is none, or has just gone."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def _entry(path: Path) -> tuple[str, bytes]:
    """The key and the body in a file of the browser's cache; nothing if it is no such file."""
    content = _content(path)
    if len(content) < ENTRY.size:
        return "", b""
    begins, _, key_length, _, _ = ENTRY.unpack_from(content)
    if begins != ENTRY_BEGINS:
        return "", b""
    key, rest = content[ENTRY.size :][:key_length], content[ENTRY.size + key_length :]
    return key.decode("utf-8", "replace"), rest.partition(BODY_ENDS)[0]


def _unpacked(body: bytes) -> Iterator[bytes]:
    """The body of an answer in whatever way it was compressed."""
    ways: list[Callable[[bytes], bytes]] = [
        brotli.decompress,
        lambda packed: zlib.decompress(packed, wbits=31),
        lambda packed: zstandard.ZstdDecompressor().decompressobj().decompress(packed),
    ]
    for unpack in ways:
        with contextlib.suppress(brotli.error, zlib.error, zstandard.ZstdError):
            yield unpack(body)
