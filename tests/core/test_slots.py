"""A few places for heavy work, over all processes of a machine."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from portal.accounts.services import entry
from portal.core.crypto import passphrase_keys
from portal.core.errors import Busy, DomainError, Refused
from portal.core.slots import Slots
from portal.features import SIGN_IN_PLACES, SIGN_IN_WAITING
from tests.accounts.arrivals import quick_passphrases, sign_in
from tests.cast import PASSPHRASE, Cast
from tests.servers import wait_until

# Takes a place again and again, and writes down when it came and when it went.
WORKER = """
import sys, time
from pathlib import Path
from portal.core.errors import Busy
from portal.core.slots import Slots
slots = Slots(Path(sys.argv[1]), "x", places=2, waiting=2, seconds=30)
with open(sys.argv[2], "a") as log:
    for _ in range(15):
        with slots.take():
            log.write(f"{time.monotonic_ns()} 1\\n")
            time.sleep(0.005)
            log.write(f"{time.monotonic_ns()} -1\\n")
"""


def test_never_more_than_two_at_work_over_processes(tmp_path: Path) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(5)]
    running = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path / "slots"), str(log)])
        for log in logs
    ]
    assert [one.wait(60) for one in running] == [0] * 5
    lines = [line.split() for log in logs for line in log.read_text().splitlines()]
    at_work, most = 0, 0
    for _, change in sorted((int(moment), int(change)) for moment, change in lines):
        at_work += change
        most = max(most, at_work)
    assert len(lines) == 5 * 15 * 2
    assert most == 2


def test_a_process_that_dies_at_work_leaves_its_place(tmp_path: Path) -> None:
    script = WORKER.replace("time.sleep(0.005)", "log.flush(); time.sleep(600)")
    log = tmp_path / "log"
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "slots"), str(log)])
    wait_until(lambda: log.exists() and log.read_text(), "it is at work", 30)
    slots = Slots(tmp_path / "slots", "x", places=1, waiting=1, seconds=0.05)
    with pytest.raises(Busy), slots.take():
        pass
    process.kill()
    process.wait()
    with slots.take():
        pass


def test_whoever_finds_no_place_in_time_is_told_so(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "x", places=1, waiting=2, seconds=0.1)
    with slots.take(), pytest.raises(Busy), slots.take():
        pass
    with slots.take():
        pass


def test_a_place_is_free_again_after_a_mishap(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "x", places=1, waiting=1, seconds=0.1)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), slots.take():
            _ = 1 / 0
    with slots.take():
        pass


def test_a_flood_of_sign_ins_is_turned_away_while_reading_goes_on(
    sqlite_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sign-ins take as long as the test wishes. A few wait; the rest hear at once of it."""
    quick_passphrases(monkeypatch)
    at_work, go_on, outcomes = [0], threading.Event(), list[DomainError]()

    def slow(*arguments: object) -> object:
        at_work[0] += 1
        assert go_on.wait(30)
        return passphrase_keys(*arguments)  # type: ignore[arg-type]

    def attempt(number: int) -> None:
        with pytest.raises(DomainError) as told:
            sign_in(sqlite_cast, f"nobody-{number}", PASSPHRASE, f"172.16.{number}.7")
        outcomes.append(told.value)

    monkeypatch.setattr(entry, "passphrase_keys", slow)
    flood = [threading.Thread(target=attempt, args=(number,)) for number in range(30)]
    for thread in flood:
        thread.start()
    wait_until(lambda: len(outcomes) == 30 - SIGN_IN_WAITING, "the others are turned away")
    assert all(isinstance(outcome, Busy) for outcome in outcomes)
    assert at_work[0] == SIGN_IN_PLACES
    assert sqlite_cast.browser("ruth").open("/").status_code == 200
    go_on.set()
    for thread in flood:
        thread.join(30)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == SIGN_IN_WAITING
    assert at_work[0] == SIGN_IN_WAITING
