"""The queue is away, emptied or full: writing is quick as ever, mail comes late and comes once."""

import signal
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from portal.core.jobs import JobQueue
from portal.notifications.services import DELIVER
from tests.cast import PASSPHRASE, TOKEN
from tests.faults.stage import Stage
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

# Far less than any waiting for a server that does not answer, far more than a busy machine needs.
AT_ONCE_SECONDS = 1.5


@pytest.fixture
def stage(on_sqlite: Stage) -> Stage:
    return on_sqlite


@pytest.fixture
def thread(stage: Stage) -> Any:
    thread_id = stage.cast.begin_thread("ruth", "dana")
    stage.tell_by_mail("ruth")
    return thread_id


def write(stage: Stage, thread: Any, *texts: str) -> None:
    """Dana sends texts, each at once."""
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    for text in texts:
        began = time.monotonic()
        answer = dana.post(url, **form, text=text)
        took = time.monotonic() - began
        assert answer.status == 200
        assert took < AT_ONCE_SECONDS
        form = answer.form


def test_the_queue_is_killed_while_people_write(stage: Stage, thread: Any) -> None:
    stage.queue.start()
    stage.start("web", "worker", "clock")
    write(stage, thread, "Before")
    stage.wait_for_mail()
    stage.queue.kill()
    write(stage, thread, "One", "Two", "Three")
    assert [pointer.sent_at is None for pointer in stage.pointers()] == [False, True]
    stage.queue.start()
    stage.wait_for_mail()
    assert list(stage.mails().values()) == [1, 1]
    assert stage.texts("ruth", thread)[1:] == ["Before", "One", "Two", "Three"]


def test_the_portal_starts_without_a_queue(stage: Stage, thread: Any) -> None:
    stage.start("web", "worker", "clock")
    write(stage, thread, "Is anybody there?")
    stage.queue.start()
    stage.wait_for_mail()
    assert list(stage.mails().values()) == [1]


def test_the_queue_is_stopped_dead_and_answers_nothing(stage: Stage, thread: Any) -> None:
    """Worse than away: connections are taken and nobody speaks."""
    stage.queue.start()
    stage.start("web", "worker", "clock")
    assert stage.queue.process is not None
    stage.queue.process.send_signal(signal.SIGSTOP)
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    began = time.monotonic()
    for number in range(5):
        assert dana.post(url, **dana.open(url).form, text=f"Words {number}").status == 200
    # One patient second for all of them together, and not one each.
    assert time.monotonic() - began < 4
    stage.queue.process.send_signal(signal.SIGCONT)
    stage.wait_for_mail()
    assert set(stage.mails().values()) == {1}


def test_the_queue_is_emptied(stage: Stage, thread: Any) -> None:
    stage.queue.start()
    stage.start("web")
    write(stage, thread, "One", "Two")
    with stage.queue.client() as client:
        assert client.llen("rq:queue:portal") == 1
        client.flushall()
    stage.start("worker", "clock")
    stage.wait_for_mail()
    write(stage, thread, "Three")
    with stage.queue.client() as client:
        client.flushall()
    stage.wait_for_mail()
    assert list(stage.mails().values()) == [1, 1]


def test_the_queue_is_full(stage: Stage, thread: Any) -> None:
    stage.queue.start()
    stage.start("web", "worker", "clock")
    with stage.queue.client() as client:
        client.config_set("maxmemory", 1)
        write(stage, thread, "One", "Two", "Three")
        assert stage.pointers()[-1].sent_at is None
        client.config_set("maxmemory", 0)
    stage.wait_for_mail()
    assert list(stage.mails().values()) == [1]


def test_signing_in_needs_no_queue(stage: Stage) -> None:
    stage.cast.set_passphrase("dana")
    stage.start("web")
    sign_in(stage)


def test_signing_in_goes_on_when_the_queue_goes_away(stage: Stage) -> None:
    stage.cast.set_passphrase("dana")
    stage.queue.start()
    stage.start("web")
    sign_in(stage)
    stage.queue.kill()
    sign_in(stage)
    stage.queue.start()
    with stage.queue.client() as client:
        client.config_set("maxmemory", 1)
        sign_in(stage)


def sign_in(stage: Stage) -> None:
    """By the form, as a person does."""
    connection = HTTPConnection("127.0.0.1", stage.port, timeout=30)
    connection.request("GET", "/sign-in")
    page = connection.getresponse()
    cookie = str(page.getheader("Set-Cookie")).partition(";")[0]
    token = TOKEN.search(page.read().decode())
    assert token
    fields = {"csrf_token": token[1], "user_name": "dana", "passphrase": PASSPHRASE}
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", urlencode(fields), headers)
    answer = connection.getresponse()
    assert answer.status == 303, answer.read()
    connection.close()


def test_what_the_queue_lost_while_handing_it_over_is_put_back(stage: Stage, thread: Any) -> None:
    """It says that it waits, but is in no line: the queue died between two lists."""
    stage.queue.start()
    stage.start("web")
    write(stage, thread, "One")
    (pointer,) = stage.pointers()
    with stage.queue.client() as client:
        job = client.lmove("rq:queue:portal", "rq:queue:portal:intermediate")
        assert str(pointer.id).encode() in bytes(job)
        assert JobQueue(stage.config).wake(DELIVER, pointer.id)
        assert client.lrange("rq:queue:portal", 0, -1) == [job]
    stage.start("worker")
    stage.wait_for_mail()
    assert list(stage.mails().values()) == [1]


def test_nothing_of_the_people_is_in_the_queues_files(stage: Stage, thread: Any) -> None:
    stage.queue.start()
    stage.start("web", "worker", "clock")
    write(stage, thread, "canary-in-the-text")
    stage.wait_for_mail()
    files = [file for file in Path(stage.config.data / "queue").rglob("*") if file.is_file()]
    wait_until(lambda: bool(files), "the queue has written something")
    content = b"".join(file.read_bytes() for file in files)
    assert b"deliver" in content
    for canary in (b"canary", b"ruth", b"mail.example.org"):
        assert canary not in content
