"""A portal that dies where a test wants it to: `python -m tests.faults.traps FOLDER web …`.

The steps of a send, and of telling somebody about it, have names. A test sets a trap by writing a
file of that name into the folder; the first process that comes past takes the file away and kills
whom it names: "self", "parent", or the number of a process.
"""

import datetime as dt
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

SEND_STEPS = (
    "asked",
    "turn",
    "begun",
    "reading the thread",
    "storing the message",
    "counting it",
    "forgetting the draft",
    "storing the pointer",
    "page made",
    "auditing",
    "committing",
    "in the commit",
    "committed",
    "turn over",
    "waking",
    "woken",
    "answering",
    "half answered",
    "answered",
)
# What every form comes past before its own steps, and after them. Its answer leads on to another
# page, and has no body to die in.
_BEFORE = ("asked", "turn", "begun")
_AFTER = (
    "page made",
    "auditing",
    "committing",
    "in the commit",
    "committed",
    "turn over",
    "answered",
)
# Where forms can differ: before its own steps none of them has stored anything, and what comes
# between these is the same for all.
_SHORTLY = ("auditing", "in the commit", "committed", "answered")
# Saving a step of given work and leaving it behind; typing in a sheet of paper.
_OF_A_STEP = ("storing the answers", "ending the step", "planning homework")
SAVE_STEPS = (*_BEFORE, *_OF_A_STEP, *_AFTER)
SHEET_STEPS = (*_OF_A_STEP, *_SHORTLY)
# Half a step saves itself, again and again.
KEEP_STEPS = ("storing the answers", *_SHORTLY)
# Saying how homework went.
REPORT_STEPS = ("storing the report", *_SHORTLY)
# Saving a draft of a module and publishing it.
PUBLISH_STEPS = (*_BEFORE, "storing the text", "publishing", *_AFTER)
# Giving a module of the library, saying something to what was sent, sending the whole of it.
GIVE_STEPS = ("publishing", "giving", "storing the pointer", *_SHORTLY)
FEEDBACK_STEPS = ("storing the feedback", "moving on", "storing the pointer", *_SHORTLY)
SUBMIT_STEPS = ("moving on", "storing the pointer", *_SHORTLY)
# Opening a step, or leaving it out.
MARK_STEPS = ("marking the step", "storing the pointer", *_SHORTLY)
WEB_STEPS = {
    *SEND_STEPS, *SAVE_STEPS, *REPORT_STEPS, *PUBLISH_STEPS, *GIVE_STEPS, *FEEDBACK_STEPS,
    *MARK_STEPS,
}  # fmt: skip
TELL_STEPS = (
    "claiming",
    "storing the claim",
    "claimed",
    "connected",
    "mail accepted",
    "mail sent",
    "marking",
    "marked",
)
STATEMENTS = {
    "FROM threads": "reading the thread",
    "INSERT INTO messages": "storing the message",
    "UPDATE threads": "counting it",
    "INSERT INTO responses": "storing the answers",
    "INSERT INTO step_endings": "ending the step",
    "INSERT INTO homework_reports": "storing the report",
    "INSERT INTO feedback": "storing the feedback",
    "INSERT INTO assignments": "giving",
    "UPDATE assignments SET state": "moving on",
    "UPDATE step_terms": "marking the step",
    "INSERT INTO module_revisions": "storing the text",
    "INSERT INTO published_modules": "publishing",
    "FROM homework": "planning homework",
    "DELETE FROM drafts": "forgetting the draft",
    "INSERT INTO pointers": "storing the pointer",
    "INSERT INTO audit_entries": "auditing",
    "UPDATE pointers": "storing the claim",
}
SWEEP = dt.timedelta(seconds=0.2)
LOCK_WAIT_SECONDS = 2


class Traps:
    """Where a process may die. Only a send can die on its way, not the page before it."""

    def __init__(self, folder: Path, steps: Collection[str]) -> None:
        self._folder, self._steps = folder, steps
        self._now = threading.local()

    def spring(self, step: str) -> None:
        if step not in self._steps or getattr(self._now, "is_reading", False):
            return
        trap = self._folder / step
        try:
            victim = trap.read_text()
            trap.unlink()
        except FileNotFoundError:
            return
        if step == "in the commit":
            threading.Thread(target=_kill, args=(victim, random.uniform(0, 0.002))).start()
        else:
            _kill(victim)

    def watch(self, owner: Any, name: str, before: str = "", after: str = "") -> None:
        """Puts a step before or after each call of something."""
        real: Callable[..., Any] = getattr(owner, name)

        @wraps(real)
        def watched(*args: Any, **named: Any) -> Any:
            if before:
                self.spring(before)
            result = real(*args, **named)
            if after:
                self.spring(after)
            return result

        setattr(owner, name, watched)

    def note_method(self, owner: Any) -> None:
        """Lets pages that are only read pass."""
        real = owner.wsgi_app

        def noted(app: Any, environ: Any, start_response: Any) -> Any:
            self._now.is_reading = environ["REQUEST_METHOD"] != "POST"
            self.spring("asked")
            return real(app, environ, start_response)

        owner.wsgi_app = noted


def _kill(victim: str, after_seconds: float = 0.0) -> None:
    time.sleep(after_seconds)
    if victim in ("self", "parent"):
        os.kill(os.getpid() if victim == "self" else os.getppid(), signal.SIGKILL)
        # The kernel ends a child right after its parent; it must not get any further until then.
        signal.pause()
    os.kill(int(victim), signal.SIGKILL)


def set_in_the_database(traps: Traps) -> None:
    import psycopg
    from sqlalchemy import Connection, Engine, event
    from sqlalchemy.pool import Pool

    from portal.core import database, gate

    def before_statement(statement: str) -> None:
        for words, step in STATEMENTS.items():
            if words in statement:
                traps.spring(step)

    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *values: Any, **named: Any) -> Any:
            before_statement(str(query))
            return super().execute(query, *values, **named)

    def listen(connection: Any, _record: object) -> None:
        """To the driver itself: not every statement goes through all of SQLAlchemy."""
        if isinstance(connection, psycopg.Connection):
            connection.cursor_factory = Cursor
        else:
            connection.set_trace_callback(before_statement)

    def before_commit(_connection: Any) -> None:
        traps.spring("committing")
        traps.spring("in the commit")

    event.listen(Pool, "connect", listen)
    event.listen(Engine, "commit", before_commit)
    traps.watch(Connection, "_commit_impl", after="committed")
    traps.watch(gate.WriteGate, "acquire", after="turn")
    traps.watch(gate.OpenGate, "acquire", after="turn")
    traps.watch(database.Unit, "write", after="begun")
    traps.watch(database.Unit, "commit", before="page made")
    traps.watch(database.Unit, "_leave", after="turn over")


def set_in_the_web(traps: Traps) -> None:
    from gunicorn.http.wsgi import Response

    from portal.core import gate
    from portal.core.jobs import JobQueue
    from portal.core.web import Portal

    set_in_the_database(traps)
    gate.LOCK_WAIT_SECONDS = LOCK_WAIT_SECONDS
    traps.note_method(Portal)
    traps.watch(JobQueue, "wake", before="waking", after="woken")

    send_body = Response._emit_body

    def send_in_halves(response: Any, body: bytes) -> None:
        send_body(response, body[: len(body) // 2])
        traps.spring("half answered")
        send_body(response, body[len(body) // 2 :])

    Response._emit_body = send_in_halves
    traps.watch(Response, "write", before="answering")
    traps.watch(Response, "close", after="answered")


def set_in_the_worker(traps: Traps) -> None:
    import smtplib

    from portal.notifications import outgoing
    from portal.notifications.channels.smtp import MailLine

    set_in_the_database(traps)
    traps.watch(outgoing, "_claim", before="claiming", after="claimed")
    traps.watch(outgoing, "_note_success", before="marking", after="marked")
    traps.watch(MailLine, "connect", after="connected")
    traps.watch(MailLine, "send", after="mail sent")
    traps.watch(smtplib.SMTP, "data", after="mail accepted")


def run_worker_again_and_again() -> None:
    """Forks the worker off a parent that has imported everything, so that it is back at once."""
    from portal.config import Config
    from portal.core.jobs import run_worker
    from portal.core.processes import die_with_parent

    config = Config.from_env(for_worker=True)
    while True:
        child = os.fork()
        if child == 0:
            die_with_parent()
            run_worker(config)
            os._exit(0)
        os.waitpid(child, 0)


def run_clock() -> None:
    """The clock, more eager than usual, so that no test waits for it."""
    from portal.config import Config
    from portal.core.database import Database
    from portal.core.jobs import CHORES, Rounds, open_queue

    config = Config.from_env()
    open_queue(config)
    sweep, *others = CHORES
    eager = (replace(sweep, every=SWEEP), *others)
    rounds = Rounds(config, Database(config.database_url), chores=eager)
    while True:
        time.sleep(rounds.seconds_to_next())
        rounds.run_due()


def run_web(bind: str) -> None:
    from portal.cli import cli

    cli(["web", "--bind", bind])


def main(folder: str, role: str, *arguments: str) -> None:
    if role == "web":
        set_in_the_web(Traps(Path(folder), WEB_STEPS))
        run_web(*arguments)
    elif role == "worker":
        set_in_the_worker(Traps(Path(folder), TELL_STEPS))
        run_worker_again_and_again()
    else:
        run_clock()


if __name__ == "__main__":
    main(*sys.argv[1:])
