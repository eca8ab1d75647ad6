"""The queue wakes the worker, and whoever can write to the queue can do no more than that."""

import datetime as dt
import logging
import multiprocessing
import signal
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from rq import Queue
from rq.job import Job

from portal.config import Config
from portal.core import jobs
from portal.core.database import Database
from portal.core.jobs import BadJob, Chore, JobQueue, Rounds, SignedJSON
from tests.servers import QueueServer, wait_until

DELIVER = "portal.notifications.jobs.deliver"
JOB: list[object] = [DELIVER, None, ["a1"], {}]
marks: list[str] = []


def leave_a_mark(_database: Database, config: Config, identifier: uuid.UUID) -> None:
    """What the worker of these tests runs."""
    with (config.data / "marks").open("a") as file:
        file.write(f"{identifier}\n")


def fail_with_an_address(_database: Database, config: Config, _identifier: uuid.UUID) -> None:
    """A job that fails with something that must not be written down."""
    (config.data / "marks").write_text("tried\n")
    raise ValueError("maria@example.org")


def die(_database: Database, config: Config, identifier: uuid.UUID) -> None:
    """A job whose process is killed, the first time."""
    first = not (config.data / "marks").exists()
    leave_a_mark(_database, config, identifier)
    if first:
        signal.raise_signal(signal.SIGKILL)


LEAVE_A_MARK = f"{__name__}.leave_a_mark"


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the worker run the functions of this file too."""
    names = {LEAVE_A_MARK, f"{__name__}.fail_with_an_address", f"{__name__}.die"}
    monkeypatch.setattr(jobs, "ALLOWED_JOBS", jobs.ALLOWED_JOBS | names)


def work(config: Config) -> None:
    logging.basicConfig(filename=config.data / "worker.log", level=logging.DEBUG, force=True)
    jobs.run_worker(config)


@pytest.fixture
def worker(config: Config, allowed: None, queue_server: QueueServer) -> Iterator[Any]:
    """A worker in a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=work, args=(config,))
    process.start()
    yield process
    process.kill()
    process.join()


def marks_of(config: Config) -> list[str]:
    path = config.data / "marks"
    return path.read_text().split() if path.exists() else []


# What the serializer lets through


def test_a_job_comes_back_as_it_went(config: Config) -> None:
    serializer = SignedJSON(config)
    assert serializer.loads(serializer.dumps(JOB)) == JOB


@pytest.mark.parametrize("position", [0, 31, 32, 40, -1])
def test_a_changed_byte_is_refused(config: Config, position: int) -> None:
    data = bytearray(SignedJSON(config).dumps(JOB))
    data[position] ^= 1
    with pytest.raises(BadJob, match="signature"):
        SignedJSON(config).loads(bytes(data))


@pytest.mark.parametrize("data", [b"", b"{}", b"\x80\x04."])
def test_unsigned_bytes_are_refused(config: Config, data: bytes) -> None:
    with pytest.raises(BadJob, match="signature"):
        SignedJSON(config).loads(data)


@pytest.mark.parametrize(
    "content",
    [
        ["os.system", None, ["true"], {}],
        [DELIVER, "instance", ["a1"], {}],
        [DELIVER, None, ["a1", "b2"], {}],
        [DELIVER, None, ["a1"], {"extra": 1}],
        [DELIVER, None, [{"a": 1}], {}],
        "text",
        None,
    ],
)
def test_even_a_signed_job_must_be_on_the_list(config: Config, content: object) -> None:
    data = SignedJSON(config).dumps(content)
    with pytest.raises(BadJob, match="list"):
        SignedJSON(config).loads(data)


def test_a_job_signed_with_the_former_key_is_still_good(config: Config) -> None:
    data = SignedJSON(config).dumps(JOB)
    changed = replace(config, server_keys=(("k2", b"\2" * 32), *config.server_keys))
    assert SignedJSON(changed).loads(data) == JOB


def test_a_function_that_is_not_on_the_list_cannot_be_asked_for(config: Config) -> None:
    with pytest.raises(BadJob):
        JobQueue(config).wake("os.system", uuid.uuid4())


# The queue server


def test_nothing_in_the_queue_is_pickled_or_tells_more_than_an_id(
    config: Config, queue_server: QueueServer
) -> None:
    identifier = uuid.uuid4()
    assert JobQueue(config).wake(DELIVER, identifier)
    client = queue_server.client()
    (key,) = client.keys("rq:job:*")
    stored = cast(dict[bytes, bytes], client.hgetall(key))
    job = SignedJSON(config).loads(zlib.decompress(stored[b"data"]))
    assert job == [DELIVER, None, [str(identifier)], {}]
    assert stored[b"description"].decode() == f"{DELIVER.replace('.', '-')}-{identifier}"
    assert not any(value.startswith(b"\x80") for value in stored.values())
    client.close()


def test_the_same_wish_waits_in_the_queue_once(config: Config, queue_server: QueueServer) -> None:
    queue, identifier = JobQueue(config), uuid.uuid4()
    assert all(queue.wake(DELIVER, identifier) for _ in range(20))
    assert queue_server.client().llen("rq:queue:portal") == 1


def test_a_queue_that_is_away_is_no_error(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    assert not JobQueue(config).wake(DELIVER, uuid.uuid4())
    assert "queue away" in caplog.text


def test_a_queue_that_is_killed_keeps_what_waits(config: Config, queue_server: QueueServer) -> None:
    queue = JobQueue(config)
    identifiers = [uuid.uuid4() for _ in range(100)]
    assert all(queue.wake(DELIVER, identifier) for identifier in identifiers)
    queue_server.kill()
    queue_server.start()
    assert queue_server.client().llen("rq:queue:portal") == 100


def test_only_this_user_can_reach_the_queue(config: Config, queue_server: QueueServer) -> None:
    socket_path = Path(config.queue_url.removeprefix("unix://"))
    assert socket_path.parent.stat().st_mode & 0o777 == 0o700
    assert socket_path.stat().st_mode & 0o077 == 0


# The worker


def test_the_worker_does_what_is_asked(config: Config, worker: Any) -> None:
    identifier = uuid.uuid4()
    JobQueue(config).wake(LEAVE_A_MARK, identifier)
    wait_until(lambda: marks_of(config) == [str(identifier)], "the job is done")


def test_the_same_job_can_be_asked_for_again_once_it_is_done(config: Config, worker: Any) -> None:
    identifier = uuid.uuid4()
    for count in (1, 2):
        JobQueue(config).wake(LEAVE_A_MARK, identifier)
        wait_until(lambda count=count: len(marks_of(config)) == count, "the job is done")


def test_the_worker_runs_nothing_that_others_put_into_the_queue(
    config: Config, worker: Any, queue_server: QueueServer, tmp_path: Path
) -> None:
    client = queue_server.client()
    bait = tmp_path / "bait"
    foreign = Queue("portal", connection=client, serializer="json")
    foreign.enqueue("os.system", f"touch {bait}")
    Queue("portal", connection=client).enqueue("os.system", f"touch {bait}")
    JobQueue(config).wake(LEAVE_A_MARK, uuid.uuid4())
    wait_until(lambda: len(marks_of(config)) == 1, "the portal's own job is done")
    assert not bait.exists()


def test_the_worker_calls_nothing_that_others_hang_on_its_jobs(
    config: Config, worker: Any, queue_server: QueueServer, tmp_path: Path
) -> None:
    bait = tmp_path / "bait"
    spoilt: dict[Any, Any] = {
        "success_callback_name": f"{__name__}.bite",
        "failure_callback_name": f"{__name__}.bite",
        "webhooks": '[{"url": "http://127.0.0.1:9/", "job_status": "finished"}]',
        "description": str(bait),
    }
    client = queue_server.client()
    queue = JobQueue(config)
    for name in (LEAVE_A_MARK, f"{__name__}.fail_with_an_address"):
        identifier = uuid.uuid4()
        client.hset(f"rq:job:{name.replace('.', '-')}-{identifier}", mapping=spoilt)
        # The portal's own half comes after: as if the queue were written to between two commands.
        data = SignedJSON(config).dumps([name, None, [str(identifier)], {}])
        job_id = f"{name.replace('.', '-')}-{identifier}"
        client.hset(f"rq:job:{job_id}", mapping={"data": zlib.compress(data), "origin": "portal"})
        client.rpush("rq:queue:portal", job_id)
    queue.wake(LEAVE_A_MARK, uuid.uuid4())
    wait_until(lambda: len(marks_of(config)) >= 2, "the jobs are done")
    assert not bait.exists()


def bite(job: Job, *_args: object) -> None:
    Path(str(job.description)).touch()


def test_the_worker_takes_no_orders_from_the_queue(
    config: Config, worker: Any, queue_server: QueueServer
) -> None:
    JobQueue(config).wake(LEAVE_A_MARK, uuid.uuid4())
    wait_until(lambda: len(marks_of(config)) == 1, "the worker is there")
    assert queue_server.client().pubsub_channels("rq:pubsub:*") == []


def test_what_went_wrong_is_written_down_without_what_it_was_about(
    config: Config, worker: Any, queue_server: QueueServer
) -> None:
    JobQueue(config).wake(f"{__name__}.fail_with_an_address", uuid.uuid4())
    log = config.data / "worker.log"
    wait_until(lambda: "ValueError" in log.read_text(), "the failure is logged")
    assert "maria" not in log.read_text()
    client = queue_server.client()
    kept = [client.dump(key) for key in client.keys("*")]
    assert not any(b"maria" in value for value in kept if value)
    assert not any(zlib.compress(b"maria")[2:5] in value for value in kept if value)


def test_the_worker_goes_on_when_the_queue_comes_back(
    config: Config, worker: Any, queue_server: QueueServer
) -> None:
    queue_server.kill()
    queue_server.start()
    JobQueue(config).wake(LEAVE_A_MARK, uuid.uuid4())
    wait_until(lambda: len(marks_of(config)) == 1, "the job is done")
    assert worker.is_alive()


def test_a_job_that_died_can_be_asked_for_again(config: Config, worker: Any) -> None:
    identifier = uuid.uuid4()
    for count in (1, 2):
        JobQueue(config).wake(f"{__name__}.die", identifier)
        wait_until(lambda count=count: len(marks_of(config)) == count, "the job has run")


def test_the_worker_ends_when_asked(config: Config, worker: Any) -> None:
    JobQueue(config).wake(LEAVE_A_MARK, uuid.uuid4())
    wait_until(lambda: len(marks_of(config)) == 1, "the worker is there")
    worker.terminate()
    worker.join(5)
    assert worker.exitcode == 0


# The clock


def ring(_session: object, _config: Config) -> int:
    marks.append("ring")
    return 1


def stumble(_session: object, _config: Config) -> int:
    raise RuntimeError("maria@example.org")


@pytest.fixture
def rounds(config: Config) -> Rounds:
    marks.clear()
    chores = (
        Chore(f"{__name__}.stumble", dt.timedelta()),
        Chore(f"{__name__}.ring", dt.timedelta()),
        Chore(f"{__name__}.absent", dt.timedelta()),
    )
    return Rounds(config, Database(config.database_url), chores)


def test_a_chore_that_fails_stops_no_other(
    rounds: Rounds, caplog: pytest.LogCaptureFixture
) -> None:
    rounds.run_due()
    rounds.run_due()
    assert marks == ["ring", "ring"]
    assert caplog.text.count("stumble fails: RuntimeError") == 1
    assert "maria" not in caplog.text
    rounds.database.dispose()


def test_every_queue_of_the_portal_has_our_serializer() -> None:
    """RQ's own default would be pickle."""
    package = Path(jobs.__file__).parents[1]
    makers = [path.name for path in package.rglob("*.py") if " Queue(" in path.read_text()]
    assert makers == ["jobs.py"]
