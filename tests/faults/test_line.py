"""A line that goes dead: the answer is lost, the send is not, and sending again changes nothing."""

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any

import pytest

from tests.faults.stage import NONCE, Answer, Stage, Visitor

pytestmark = [pytest.mark.faults, pytest.mark.slow]


class Line:
    """Passes everything on between a browser and the portal, until it is told to go dead."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self.lets_pass: int | None = None
        self.passed = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._port)) as far, suppress(OSError):
            up = threading.Thread(target=_pour, args=(near, far), daemon=True)
            up.start()
            self._answer(far, near)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        """The answer, or as much of it as the line lets pass before it goes dead."""
        self.passed = 0
        while block := far.recv(65536):
            rest = len(block) if self.lets_pass is None else self.lets_pass - self.passed
            self.passed += len(block[:rest])
            near.sendall(block[:rest])
            if rest < len(block):
                # Closing alone says nothing as long as the other thread still listens.
                near.shutdown(socket.SHUT_RDWR)
                return

    def close(self) -> None:
        self._door.close()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)


@contextmanager
def a_line(port: int) -> Iterator[Line]:
    line = Line(port)
    try:
        yield line
    finally:
        line.close()


@pytest.fixture
def thread(stage: Stage) -> Any:
    thread_id = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    return thread_id


@pytest.mark.parametrize("htmx", [False, True], ids=["no scripts", "htmx"])
def test_an_answer_cut_at_any_byte_is_one_message_and_the_same_answer(
    stage: Stage, thread: Any, htmx: bool
) -> None:
    url, sent = stage.cast.thread_url(thread), ["First words"]
    with a_line(stage.port) as line:
        dana = Visitor(line.port, stage.visitor("dana").cookie)
        form = dana.open(url).form
        whole = dana.post(url, htmx=htmx, **form, text="Words on a good line.")
        length = line.passed
        assert whole.status == 200
        sent.append("Words on a good line.")
        for number, cut in enumerate([0, 1, 12, 200, length // 2, length - 40, length - 1]):
            text = f"Words, cut for the time number {number}."
            form = dana.open(url).form
            line.lets_pass = cut
            with pytest.raises((OSError, HTTPException)):
                dana.post(url, htmx=htmx, **form, text=text)
            line.lets_pass = None
            again = dana.post(url, htmx=htmx, **form, text=text)
            # Somebody who goes back and sends what the browser has kept in the form.
            once_more = dana.post(url, htmx=htmx, **form, text=text)
            assert again.status == once_more.status == 200
            assert said(again) == said(once_more)
            assert again.text.count(text) == 1
            sent.append(text)
    assert stage.texts("ruth", thread) == sent


@pytest.mark.parametrize("htmx", [False, True], ids=["no scripts", "htmx"])
def test_whoever_goes_back_and_writes_on_loses_nothing(on_sqlite: Stage, htmx: bool) -> None:
    """The form has been sent, but its words are no longer those that were sent."""
    stage = on_sqlite
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    assert dana.post(url, htmx=htmx, **form, text="Before").status == 200
    asked = dana.post(url, htmx=htmx, **form, text="Before, and after")
    assert asked.status == 422
    assert "Before, and after</textarea>" in asked.text
    assert stage.texts("ruth", thread) == ["First words", "Before"]
    again = NONCE.search(asked.text)
    assert again
    form |= {"nonce": again[1], "text": "Before, and after"}
    for _ in range(2):
        assert dana.post(url, htmx=htmx, **form).status == 200
    assert stage.texts("ruth", thread) == ["First words", "Before", "Before, and after"]


def test_whoever_goes_back_and_writes_on_begins_a_second_thread_only_when_asked(
    on_sqlite: Stage,
) -> None:
    stage = on_sqlite
    stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), f"{stage.cast.client_url('dana')}/threads/new"
    form = dana.open(url).form | {"subject": "Sleep"}
    assert dana.post(url, **form, text="Before").status == 200
    asked = dana.post(url, **form, text="Before, and after")
    assert asked.status == 422
    assert "Before, and after</textarea>" in asked.text
    assert stage.count_messages() == 2


@pytest.mark.parametrize("htmx", [False, True], ids=["no scripts", "htmx"])
def test_fifty_taps_at_once_are_one_message_and_the_same_answer(
    stage: Stage, thread: Any, htmx: bool
) -> None:
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form | {"text": "Only once, please."}
    with ThreadPoolExecutor(50) as fingers:
        taps = [fingers.submit(dana.post, url, htmx=htmx, **form) for _ in range(50)]
        answers = [tap.result() for tap in taps]
    assert {answer.status for answer in answers} == {200}
    assert len({said(answer) for answer in answers}) == 1
    assert stage.texts("ruth", thread) == ["First words", "Only once, please."]


def test_fifty_taps_at_once_begin_one_thread(stage: Stage, thread: Any) -> None:
    dana, url = stage.visitor("dana"), f"{stage.cast.client_url('dana')}/threads/new"
    form = dana.open(url).form | {"subject": "Sleep", "text": "A new thread, but one."}
    with ThreadPoolExecutor(50) as fingers:
        taps = [fingers.submit(dana.post, url, **form) for _ in range(50)]
        answers = [tap.result() for tap in taps]
    assert {answer.status for answer in answers} == {200}
    assert len({said(answer) for answer in answers}) == 1
    assert stage.count_messages() == 2


def said(answer: Answer) -> str:
    """An answer without what is new in each: tokens, nonces and the minute."""
    text = re.sub(r'name=(csrf_token|nonce) value="[^"]+"', "", answer.text)
    return re.sub(r"\d\d:\d\d", "", text)
