"""The database: one commit, writers in turn, values that come back as they went in."""

import datetime as dt
import subprocess
import sys
import threading
import time
import uuid
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text

from portal.config import Config
from portal.core.audit import AuditEntry
from portal.core.database import Database, after_commit, at_the_end
from portal.core.gate import WriteGate
from portal.core.ids import new_id
from tests.accounts.arrivals import together

CLINIC = uuid.UUID(int=7)


def entry(seq: int, at: dt.datetime | None = None) -> AuditEntry:
    """Any row will do; this one has every type of column."""
    return AuditEntry(
        clinic_id=CLINIC,
        seq=seq,
        at=at or dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC),
        actor_id=None,
        action="test",
        object_id=new_id(),
        detail="",
        digest=b"\0\xff",
    )


def seqs(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(select(AuditEntry.seq).order_by(AuditEntry.seq)))


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime(2026, 3, 8, 2, 30, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=-7))),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
        dt.datetime(2099, 1, 1, tzinfo=dt.UTC),
    ],
)
def test_a_moment_comes_back_to_the_microsecond_and_in_utc(
    database: Database, moment: dt.datetime
) -> None:
    with database.writing() as session:
        session.add(entry(1, moment))
    with database.reading() as session:
        found = session.scalars(select(AuditEntry)).one()
    assert found.at == moment
    assert found.at.utcoffset() == dt.timedelta(0)
    assert found.digest == b"\0\xff"
    assert found.clinic_id == CLINIC


def test_what_fails_leaves_nothing_and_lets_the_next_one_write(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.add(entry(1))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.writing() as session:
        session.add(entry(2))
    assert seqs(database) == [2]


def test_last_things_are_in_the_same_transaction(database: Database) -> None:
    told: list[str] = []
    with database.reading() as session:
        at_the_end(session, lambda s: s.add(entry(9)))
        after_commit(session, lambda: told.append("read"))
    assert seqs(database) == []
    assert not told, "nothing was stored, so nothing is told"
    unit = database.unit()
    at_the_end(unit.session, lambda s: s.add(entry(1)))
    at_the_end(unit.session, lambda _: told.append(str(len(seqs(database)))))
    after_commit(unit.session, lambda: told.append("stored"))
    unit.commit()
    unit.close()
    assert told == ["0", "stored"]
    assert seqs(database) == [1]


def test_a_failing_last_thing_takes_everything_with_it(database: Database) -> None:
    def fail(_session: Any) -> None:
        raise ZeroDivisionError

    told: list[str] = []
    unit = database.unit()
    unit.write()
    unit.session.add(entry(1))
    at_the_end(unit.session, fail)
    after_commit(unit.session, lambda: told.append("stored"))
    with pytest.raises(ZeroDivisionError):
        unit.commit()
    unit.close()
    assert seqs(database) == []
    assert not told
    with database.writing() as session:
        session.add(entry(2))
    assert seqs(database) == [2]


def test_twenty_parallel_writers_all_write(database: Database) -> None:
    def write(number: int) -> None:
        for turn in range(5):
            with database.writing() as session:
                session.add(entry(number * 100 + turn))

    assert together(*[partial(write, number) for number in range(20)]) == [None] * 20
    assert len(seqs(database)) == 100


def test_reading_goes_on_while_somebody_writes(database: Database) -> None:
    with database.writing() as session:
        session.add(entry(1))
        session.flush()
        assert seqs(database) == []
    assert seqs(database) == [1]


def test_sqlite_keeps_what_it_acknowledged_and_overwrites_what_was_deleted(
    config: Config,
) -> None:
    database = Database(config.database_url)
    with database.reading() as session:
        kept = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "secure_delete",
                "trusted_schema",
            )
        }
    database.dispose()
    assert kept == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
    }


def test_writers_of_other_processes_wait_at_the_gate(config: Config) -> None:
    path = config.data / "portal.sqlite.gate"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path\n"
            "from portal.core.gate import WriteGate\n"
            "gate = WriteGate(Path(sys.argv[1])); gate.acquire()\n"
            "print('held', flush=True); sys.stdin.read(); gate.release()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"held\n"
    gate, entered = WriteGate(path), threading.Event()

    def enter() -> None:
        gate.acquire()
        entered.set()
        gate.release()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.2)
    holder.stdin.close()
    assert entered.wait(10)
    waiting.join()
    assert holder.wait(10) == 0
    holder.stdout.close()


def test_the_gate_opens_in_the_order_in_which_writers_came(config: Config) -> None:
    gate = WriteGate(config.data / "gate")
    order: list[int] = []

    def write(number: int) -> None:
        gate.acquire()
        order.append(number)
        gate.release()

    gate.acquire()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0)
    assert order == []
    gate.release()
    for thread in threads:
        thread.join(10)
    assert sorted(order) == list(range(5))
