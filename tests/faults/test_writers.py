"""Twenty people write at once, over several web processes: nobody sees an error, all is stored."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stage import Stage

pytestmark = [pytest.mark.faults, pytest.mark.slow]

WRITERS, EACH = 20, 12


@pytest.fixture
def three_processes(on_sqlite: Stage) -> Stage:
    on_sqlite.environ["PORTAL_WEB_WORKERS"] = "3"
    return on_sqlite


def test_twenty_parallel_writers_see_no_error(three_processes: Stage) -> None:
    stage = three_processes
    threads = [stage.cast.begin_thread("ruth", "dana"), stage.cast.begin_thread("luis", "mateo")]
    stage.tell_by_mail("dana", "mateo")
    stage.queue.start()
    stage.start("web", "worker", "clock")
    people = [
        ("dana", threads[0]),
        ("ruth", threads[0]),
        ("mateo", threads[1]),
        ("luis", threads[1]),
    ]

    def write(number: int) -> tuple[list[int], list[str]]:
        name, thread = people[number % len(people)]
        return write_for_a_while(stage, name, thread, number)

    with ThreadPoolExecutor(WRITERS) as pool:
        results = list(pool.map(write, range(WRITERS)))
    assert {status for statuses, _ in results for status in statuses} == {200}
    stored = stage.texts("ruth", threads[0])[1:] + stage.texts("luis", threads[1])[1:]
    assert Counter(stored) == Counter(text for _, texts in results for text in texts)
    assert len(stored) == WRITERS * EACH
    stage.wait_for_mail()
    stage.check_the_trail()


def write_for_a_while(
    stage: Stage, name: str, thread: Any, number: int
) -> tuple[list[int], list[str]]:
    visitor, url = stage.visitor(name), stage.cast.thread_url(thread)
    form = visitor.open(url).form
    statuses, texts = [], []
    for turn in range(EACH):
        text = f"Words {turn} of writer {number}."
        answer = visitor.post(url, **form, text=text)
        statuses.append(answer.status)
        texts.append(text)
        form = answer.form
    return statuses, texts


def test_a_writer_that_dies_holding_the_turn_holds_up_nobody(three_processes: Stage) -> None:
    stage = three_processes
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, ruth, url = stage.visitor("dana"), stage.visitor("ruth"), stage.cast.thread_url(thread)
    form, other = dana.open(url).form, ruth.open(url).form
    stage.set_trap("turn")
    with pytest.raises(OSError, match=r"without response|reset"):
        dana.post(url, **form, text="Never mind.")
    assert ruth.post(url, **other, text="My turn.").status == 200
    assert Path(stage.config.data / "portal.sqlite.gate").exists()
    assert stage.texts("ruth", thread) == ["First words", "My turn."]
