"""kill -9 at every step of a send: what was acknowledged is there once, and so is each retry."""

import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import pytest

from tests.faults.kills import die_on_the_way
from tests.faults.stage import PATIENCE_SECONDS, Stage
from tests.faults.traps import SEND_STEPS, TELL_STEPS
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

ROUNDS = {"sqlite": 6, "postgresql": 2}
RANDOM_KILLS = {"sqlite": 50, "postgresql": 20}
VICTIMS = ("self", "parent")
QUEUE_STEPS = ("asked", "storing the message", "committed", "waking", "woken")
QUEUE_ROUNDS = 3
assert (
    sum(ROUNDS.values()) * len(SEND_STEPS)
    + sum(RANDOM_KILLS.values())
    + len(ROUNDS) * len(VICTIMS) * len(TELL_STEPS)
    + len(QUEUE_STEPS) * QUEUE_ROUNDS
) >= 200


def kind(stage: Stage) -> str:
    return stage.config.database_url.partition(":")[0]


@pytest.fixture
def thread(stage: Stage) -> Any:
    """Ruth and Dana write to each other, and both are told by mail."""
    thread_id = stage.cast.begin_thread("ruth", "dana")
    stage.tell_by_mail("ruth", "dana")
    return thread_id


def test_a_send_survives_the_death_of_the_web_process_at_every_step(
    stage: Stage, thread: Any
) -> None:
    stage.queue.start()
    stage.start("web", "worker", "clock")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    rounds = ROUNDS[kind(stage)]
    sent, acknowledged = ["First words"], Counter[str]()
    for number in range(rounds):
        for step in SEND_STEPS:
            text = f"Words {number}, {step}."
            form = dana.open(url).form | {"text": text}
            if step in ("waking", "woken"):
                # The worker is woken only if nobody is about to be told anyway.
                stage.wait_for_mail()
            first = die_on_the_way(stage, step, dana, url, form)
            if first is not None:
                acknowledged[step] += 1
                assert first.status == 200
                assert dana.open(url).text.count(text) == 1
            again = dana.insist(url, **form)
            assert again.status == 200
            assert again.text.count(text) == 1
            sent.append(text)
    assert stage.texts("ruth", thread) == sent
    assert stage.count_drafts() == 0
    # Killed when all is said, a web process has still answered; killed earlier, it has not.
    assert acknowledged["answered"] == rounds
    assert set(acknowledged) <= {"in the commit", "answered"}
    stage.wait_for_mail()
    assert set(stage.mails().values()) == {1}
    stage.check_the_trail()


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_telling_survives_the_death_of_the_worker_at_every_step(
    stage: Stage, thread: Any, victim: str
) -> None:
    stage.queue.start()
    stage.start("web", "worker", "clock")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    for step in TELL_STEPS:
        before = stage.mails()
        form = dana.open(url).form | {"text": f"Words at {step}."}
        stage.set_trap(step, victim)
        assert dana.post(url, **form).status == 200
        wait_until(lambda: stage.is_sprung(step), f"the worker comes past {step!r}", 30)  # noqa: B023
        stage.let_claims_run_out()
        stage.wait_for_mail()
        ((_key, times),) = [(key, n) for key, n in stage.mails().items() if key not in before]
        was_accepted = step in ("mail accepted", "mail sent", "marking")
        assert times == (2 if was_accepted else 1), step
    assert len(stage.mails()) == len(stage.pointers()) == len(TELL_STEPS)


def test_a_send_survives_the_death_of_the_queue_at_every_step(on_sqlite: Stage) -> None:
    stage, thread = on_sqlite, on_sqlite.cast.begin_thread("ruth", "dana")
    stage.tell_by_mail("ruth")
    stage.queue.start()
    stage.start("web", "worker", "clock")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    for step in QUEUE_STEPS * QUEUE_ROUNDS:
        form = dana.open(url).form | {"text": f"Words at {step}."}
        assert stage.queue.process is not None
        stage.set_trap(step, stage.queue.process.pid)
        assert dana.post(url, **form).status == 200
        assert stage.is_sprung(step)
        stage.queue.kill()
        stage.queue.start()
        stage.wait_for_mail()
    expected = [f"Words at {step}." for step in QUEUE_STEPS * QUEUE_ROUNDS]
    assert stage.texts("ruth", thread)[1:] == expected
    assert list(stage.mails().values()) == [1] * len(expected)


def test_anything_may_die_at_any_time(stage: Stage, thread: Any) -> None:
    """Two people write without a pause while somebody kills whatever comes to hand."""
    stage.queue.start()
    stage.start("web", "worker", "clock")
    url, end = stage.cast.thread_url(thread), threading.Event()
    sent: dict[str, list[str]] = {"dana": [], "ruth": []}
    wrong: list[str] = []

    def write(name: str) -> None:
        visitor = stage.visitor(name)
        while not end.is_set():
            text = f"Words {len(sent[name])} of {name}."
            with suppress(OSError, HTTPException):
                form = visitor.open(url).form | {"text": text}
                answer = visitor.insist(url, **form)
                if answer.status != 200 or answer.text.count(text) != 1:
                    wrong.append(f"{answer.status} for {text}")
                sent[name].append(text)

    writers = [threading.Thread(target=write, args=(name,)) for name in sent]
    for writer in writers:
        writer.start()
    for _ in range(RANDOM_KILLS[kind(stage)]):
        so_far = sum(map(len, sent.values()))
        wait_until(lambda: sum(map(len, sent.values())) > so_far, "life goes on", 30)  # noqa: B023
        time.sleep(random.uniform(0, 0.1))
        kill_something(stage)
    end.set()
    for writer in writers:
        writer.join(PATIENCE_SECONDS)
    assert wrong == []
    stored = stage.texts("ruth", thread)[1:]
    assert Counter(stored) == Counter(sent["dana"] + sent["ruth"])
    for name, texts in sent.items():
        assert [text for text in stored if text.endswith(f"{name}.")] == texts
    wait_until(lambda: is_told(stage), "everybody is told", PATIENCE_SECONDS)
    keys = {f"<{pointer.id}@portal.example.org>": pointer for pointer in stage.pointers()}
    assert (
        {key for key, pointer in keys.items() if pointer.sent_at} <= set(stage.mails()) <= set(keys)
    )
    stage.check_the_trail()


def kill_something(stage: Stage) -> None:
    role = random.choice(("web", "web", "worker", "queue"))
    if role == "queue":
        stage.queue.kill()
        stage.queue.start()
    for child in stage.children(role) if role != "queue" else []:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def is_told(stage: Stage) -> bool:
    """Or has opened meanwhile what they were to be told of."""
    stage.let_claims_run_out()
    time.sleep(0.5)
    return all(pointer.sent_at or pointer.opened_at for pointer in stage.pointers())
