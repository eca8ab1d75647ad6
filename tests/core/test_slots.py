"""A few places for heavy work, over all processes of a machine."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from portal.accounts import keys, services
from portal.core.crypto import passphrase_keys
from portal.core.errors import Busy
from portal.core.slots import Slots
from tests.accounts.arrivals import quick_passphrases, sign_in, together
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
    """Two sign-ins take as long as the test wishes; whoever else comes hears that it is busy."""
    quick_passphrases(monkeypatch)
    sqlite_cast.set_passphrase("dana")
    at_work, go_on = [0], threading.Event()

    def slow(*arguments: object) -> object:
        at_work[0] += 1
        assert go_on.wait(30)
        return passphrase_keys(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(services, "passphrase_keys", slow)
    first = [
        threading.Thread(target=sign_in, args=(sqlite_cast, "dana", PASSPHRASE)) for _ in range(2)
    ]
    for thread in first:
        thread.start()
    wait_until(lambda: at_work[0] == 2, "two are at work")
    began = time.monotonic()
    results = together(*[lambda: sign_in(sqlite_cast, "dana", PASSPHRASE)] * 30)
    assert all(isinstance(result, Busy) for result in results)
    assert time.monotonic() - began < 5, "nobody waits in a queue that does not move"
    assert sqlite_cast.browser("ruth").open("/").status_code == 200
    go_on.set()
    for thread in first:
        thread.join(30)
    assert at_work[0] == 2
    assert keys.SALT_BYTES == 16
