"""The database is away or held: a calm page with the words still in it, and then all is well."""

import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from portal.core.database import Database
from portal.core.schema import upgrade
from tests import servers
from tests.faults.stage import Answer, Stage, set_stage
from tests.faults.traps import LOCK_WAIT_SECONDS
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

WORDS = "Words that must not be lost & <b>not</b> be changed."
SHOWN = "Words that must not be lost &amp; &lt;b&gt;not&lt;/b&gt; be changed."


@pytest.fixture
def server() -> Iterator[servers.PostgreSQL]:
    """A PostgreSQL that only this test has, to be killed."""
    with tempfile.TemporaryDirectory(prefix="portal-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = servers.PostgreSQL(Path(folder), servers.find_postgresql(Path(folder)))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def stage(server: servers.PostgreSQL, tmp_path: Path) -> Iterator[Stage]:
    url = server.create("stage")
    database = Database(url)
    upgrade(database)
    database.dispose()
    with set_stage(tmp_path, prepare=lambda _data: None, database_url=url) as stage:
        yield stage


def is_calm(answer: Answer) -> bool:
    """The page that says what to do, in whole and with the words still in the box."""
    return (
        answer.status == 503
        and SHOWN in answer.text
        and "Your words are still in the box" in answer.text
        and "988" in answer.text
    )


def kill(server: servers.PostgreSQL) -> None:
    """As the kernel does when memory is short. The rest of the server then ends by itself."""
    assert server.process is not None
    postmaster = server.process.pid
    family = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    server.kill(signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, family)), "all of the server has ended", 30)


def is_running(pid: str) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_postgresql_is_killed_and_comes_back(stage: Stage, server: servers.PostgreSQL) -> None:
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    kill(server)
    for htmx in (False, True):
        refused = dana.post(url, htmx=htmx, **form, text=WORDS)
        assert is_calm(refused)
    assert dana.open(url).status == 503
    assert dana.open("/").status == 503
    assert dana.open("/nothing-there").status == 404
    server.start()
    for _ in range(2):
        sent = dana.post(url, **refused.form, text=WORDS)
        assert sent.status == 200
    assert stage.texts("ruth", thread) == ["First words", WORDS]


def test_postgresql_is_killed_in_the_middle_of_a_send(
    stage: Stage, server: servers.PostgreSQL
) -> None:
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    answers: list[Answer] = []
    with psycopg.connect(server.address("stage")) as holder:
        holder.execute("SELECT FROM threads FOR UPDATE")
        sending = threading.Thread(
            target=lambda: answers.append(dana.post(url, **form, text=WORDS))
        )
        sending.start()
        wait_until(lambda: somebody_waits(server), "the send waits for the thread")
        kill(server)
        sending.join()
        holder.close()
    assert is_calm(answers[0])
    server.start()
    assert stage.texts("ruth", thread) == ["First words"]
    assert dana.post(url, **form, text=WORDS).status == 200
    assert stage.texts("ruth", thread) == ["First words", WORDS]


def somebody_waits(server: servers.PostgreSQL) -> bool:
    with psycopg.connect(server.address("stage")) as visitor:
        row = visitor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return bool(row and row[0])


def test_somebody_holds_a_thread_in_postgresql_for_long(
    stage: Stage, server: servers.PostgreSQL
) -> None:
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    with psycopg.connect(server.address("stage")) as holder:
        holder.execute("SELECT FROM threads FOR UPDATE")
        began = time.monotonic()
        assert is_calm(dana.post(url, **form, text=WORDS))
        assert time.monotonic() - began < 3 * LOCK_WAIT_SECONDS
        assert "First words" in dana.open(url).text
        holder.rollback()
    assert dana.post(url, **form, text=WORDS).status == 200
    assert stage.texts("ruth", thread) == ["First words", WORDS]


def test_somebody_holds_sqlite_for_long(on_sqlite: Stage) -> None:
    stage, thread = on_sqlite, on_sqlite.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    with closing(hold(stage)) as holder:
        began = time.monotonic()
        assert is_calm(dana.post(url, **form, text=WORDS))
        # One wait, and not another one to make the page that says so.
        assert time.monotonic() - began < 1.8 * LOCK_WAIT_SECONDS
        assert "First words" in dana.open(url).text
        assert dana.open("/threads/AAAAAAAAAAAAAAAAAAAAAA").status == 404
        holder.rollback()
    assert dana.post(url, **form, text=WORDS).status == 200
    assert stage.texts("ruth", thread) == ["First words", WORDS]


def hold(stage: Stage) -> sqlite3.Connection:
    holder = sqlite3.connect(stage.config.data / "portal.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    return holder


def test_many_wait_for_sqlite_and_each_gets_an_answer(on_sqlite: Stage) -> None:
    stage, thread = on_sqlite, on_sqlite.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    forms = [dana.open(url).form for _ in range(8)]
    answers: list[Any] = []
    with closing(hold(stage)) as holder:
        senders = [
            threading.Thread(
                target=lambda form=form: answers.append(dana.post(url, **form, text=WORDS))
            )
            for form in forms
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        holder.rollback()
    assert len(answers) == len(forms)
    assert all(map(is_calm, answers))
    for form in forms:
        assert dana.post(url, **form, text=WORDS).status == 200
    assert stage.count_messages() == 1 + len(forms)


def test_a_page_that_says_so_speaks_the_language_of_the_browser(on_sqlite: Stage) -> None:
    stage, thread = on_sqlite, on_sqlite.cast.begin_thread("luis", "mateo")
    stage.start("web")
    mateo, url = stage.visitor("mateo"), stage.cast.thread_url(thread)
    form = mateo.open(url).form
    mateo.cookie += "; lang=es"
    with closing(hold(stage)):
        answer = mateo.post(url, **form, text=WORDS)
    assert answer.status == 503
    assert '<html lang="es"' in answer.text
    assert SHOWN in answer.text
