"""What works behind the web: worker, clock, and in the demo the postbox.

Each is a process of its own, so that one can fail without the others. They are copies of one
process that has loaded what they share, which costs a third of the memory of three that start
apart; a copy is there again a moment after it was lost.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from threading import Event

from portal.config import Config
from portal.core.children import Bell, Child, Fork, tend
from portal.core.jobs import ALLOWED_JOBS, CHORES, run_clock, run_worker
from portal.core.processes import name_process, settle_memory

POLL_SECONDS = 5.0


def run_backstage(read_config: Callable[..., Config], *, postbox: bool) -> None:
    """Keeps all of them running until a signal comes.

    Each copy reads its own settings: only the worker ever holds the worker's key.
    """
    name_process("backstage")
    end = Event()
    bell = Bell(end.set)
    children = _children(read_config, postbox=postbox)
    _load_what_they_share()
    try:
        while not end.is_set():
            tend(children)
            bell.wait(POLL_SECONDS)
    finally:
        for child in children:
            child.stop()


def _children(read_config: Callable[..., Config], *, postbox: bool) -> list[Child]:
    lives = {
        "worker": lambda: _work(read_config(for_worker=True)),
        "clock": lambda: run_clock(read_config()),
    }
    if postbox:
        lives["postbox"] = lambda: _run_postbox(read_config())
    return [Child(name, partial(Fork, name, life)) for name, life in lives.items()]


def _work(config: Config) -> None:
    if config.worker_database_url is None:
        run_worker(config)
        return
    # Begun anew: a copy keeps the environment it was born with, and in that one there is a way into
    # the database for which no role holds.
    around = os.environ  # noqa: TID251 - handed on to the same process
    environ = {**around, "PORTAL_DATABASE_URL": config.worker_database_url}
    os.execve(sys.executable, [sys.executable, "-m", "portal.cli", "worker"], environ)  # noqa: S606


def _run_postbox(config: Config) -> None:
    from portal.core.postbox import run_postbox

    run_postbox(config)


def _load_what_they_share() -> None:
    for name in (*ALLOWED_JOBS, *(chore.name for chore in CHORES)):
        import_module(name.rpartition(".")[0])
    settle_memory()
