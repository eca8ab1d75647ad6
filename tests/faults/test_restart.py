"""The server is started anew while people write: what is posted is sent, kept or shown again."""

import fcntl
import os
import signal
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import pytest
from sqlalchemy import delete

from portal.accounts.models import BrowserSession
from portal.core.ids import short
from tests.faults.stage import Stage
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

WORDS = "Words that were begun before the server was started anew."


@pytest.fixture
def stage(on_sqlite: Stage) -> Stage:
    return on_sqlite


@pytest.fixture
def thread(stage: Stage) -> Any:
    return stage.cast.begin_thread("ruth", "dana")


def test_a_page_opened_before_is_sent_after(stage: Stage, thread: Any) -> None:
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    stage.stop("web")
    stage.start("web")
    for _ in range(2):
        assert dana.post(url, **form, text=WORDS).status == 200
    assert stage.texts("ruth", thread) == ["First words", WORDS]


def test_a_post_that_comes_in_between_waits_at_the_door(stage: Stage, thread: Any) -> None:
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    stage.stop("web")
    answers: list[int] = []
    sending = threading.Thread(
        target=lambda: answers.append(dana.post(url, **form, text=WORDS).status)
    )
    sending.start()
    stage.start("web")
    sending.join()
    assert answers == [200]
    assert stage.texts("ruth", thread) == ["First words", WORDS]


def test_nobody_loses_a_word_over_many_restarts(stage: Stage, thread: Any) -> None:
    """Every answer is a message sent; where the line went dead, trying again is."""
    stage.start("web")
    url, end = stage.cast.thread_url(thread), threading.Event()
    sent: list[str] = []
    wrong: list[int] = []

    def write() -> None:
        dana = stage.visitor("dana")
        while not end.is_set():
            text = f"Words {len(sent)}."
            with suppress(OSError, HTTPException):
                answer = dana.insist(url, **dana.open(url).form, text=text)
                sent.append(text)
                if answer.status != 200 or answer.text.count(text) != 1:
                    wrong.append(answer.status)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(4):
        so_far = len(sent)
        wait_until(lambda: len(sent) > so_far + 2, "life goes on", 30)  # noqa: B023
        stage.stop("web")
        stage.start("web")
    for _ in range(4):
        # The web processes alone, as after a change of the settings.
        so_far, before = len(sent), stage.children("web")
        os.kill(stage.processes["web"].pid, signal.SIGHUP)
        wait_until(lambda: stage.children("web") != before, "new web processes", 30)  # noqa: B023
        wait_until(lambda: len(sent) > so_far + 2, "life goes on", 30)  # noqa: B023
    end.set()
    writer.join(30)
    assert wrong == []
    assert stage.texts("ruth", thread) == ["First words", *sent]


@pytest.mark.parametrize("what", ["a new key", "another key"])
def test_the_servers_key_is_changed_meanwhile(stage: Stage, thread: Any, what: str) -> None:
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    stage.stop("web")
    keys = stage.config.data / "keys" / "server.keys"
    old, new = keys.read_text().strip(), "k2:" + "A" * 43 + "="
    keys.write_text(f"{new}\n{old}\n")
    if what == "another key":
        # Nobody can be asked to do this, but a page made before it looks no different then.
        form["nonce"] = form["nonce"][:-4] + "AAAA"
    stage.start("web")
    answer = dana.post(url, **form, text=WORDS)
    if what == "another key":
        assert answer.status == 422
        assert WORDS in answer.text
        answer = dana.post(url, **answer.form, text=WORDS)
    assert answer.status == 200
    assert stage.texts("ruth", thread) == ["First words", WORDS]


def test_a_restart_that_also_ended_the_session_keeps_the_words(stage: Stage, thread: Any) -> None:
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    stage.stop("web")
    with stage.database.writing() as session:
        session.execute(delete(BrowserSession))
    stage.start("web")
    answer = dana.post(url, **form, text=WORDS)
    assert answer.status == 401
    assert "kept" in answer.text
    again = stage.visitor("dana").open(f"/threads/{short(thread)}")
    assert WORDS in again.text
    assert stage.texts("ruth", thread) == ["First words"]


def test_stopping_lets_an_answer_be_finished(stage: Stage, thread: Any) -> None:
    """SIGTERM in the middle of a send: that send is answered before the process goes."""
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    answers: list[int] = []
    hold = stage.config.data / "portal.sqlite.gate"
    with hold.open("ab") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        sending = threading.Thread(
            target=lambda: answers.append(dana.post(url, **form, text=WORDS).status)
        )
        sending.start()
        time.sleep(0.5)
        stage.processes["web"].send_signal(signal.SIGTERM)
        time.sleep(0.2)
    sending.join()
    stage.processes.pop("web").wait(30)
    assert answers == [200]
    assert stage.texts("ruth", thread) == ["First words", WORDS]
