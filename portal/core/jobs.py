"""Work after the answer: the queue that wakes the worker, the worker itself, and the clock.

A row in the database says what is to be done; the queue only says "look now". Whoever can write to
the queue must not gain more than that, so a job is signed JSON, names one of the functions listed
here, and carries nothing but an identifier. What else RQ would take from the queue (callbacks, web
hooks, orders to the worker) is not read at all.
"""

import datetime as dt
import hmac
import json
import logging
import signal
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import DuplicateJobError
from rq.job import Job, JobStatus

from portal.config import Config
from portal.core.crypto import derive
from portal.core.processes import die_with_parent

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from portal.core.database import Database

log = logging.getLogger("portal.jobs")

QUEUE_NAME = "portal"
TAG_BYTES = 32
JOB_SECONDS = 60
FAILURE_KEPT_SECONDS = 60
QUIET_SECONDS = 5
# Touched with every round of the clock, so that somebody who looks can see that it runs.
CLOCK_FILE = "clock.alive"

# Written as text: the features stand on this floor, which must not know them.
# A job is called as function(database, config, identifier).
ALLOWED_JOBS = frozenset({"portal.notifications.jobs.deliver"})


@dataclass(frozen=True)
class Chore:
    """Something the clock does again and again: function(session, config) -> how much it did."""

    name: str
    every: dt.timedelta


CHORES = (
    Chore("portal.notifications.services.sweep", dt.timedelta(seconds=2)),
    Chore("portal.notifications.reminders.remind", dt.timedelta(minutes=10)),
    Chore("portal.modules.services.reminding.remind", dt.timedelta(minutes=1)),
    Chore("portal.modules.services.giving.end_what_is_past", dt.timedelta(minutes=10)),
    Chore("portal.notifications.addresses.forget_expired", dt.timedelta(minutes=10)),
    Chore("portal.core.reserve.take_in", dt.timedelta(seconds=10)),
    Chore("portal.core.audit.sign_checkpoint", dt.timedelta(minutes=1)),
    Chore("portal.accounts.services.purge_expired", dt.timedelta(minutes=1)),
    Chore("portal.notifications.inbound.forget_old_texts", dt.timedelta(hours=1)),
)


class BadJob(Exception):
    """Something in the queue that the portal did not put there."""


class SignedJSON:
    """RQ's serializer: a tag over the bytes, then JSON of one allowed function and one id."""

    def __init__(self, config: Config) -> None:
        self.__qualname__ = type(self).__qualname__  # RQ asks the serializer for its name
        self._keys = [derive(secret, "queue") for _, secret in config.server_keys]

    def dumps(self, content: Any) -> bytes:
        body = json.dumps(content, separators=(",", ":")).encode()
        return hmac.digest(self._keys[0], body, "sha256") + body

    def loads(self, data: bytes) -> Any:
        """Raises BadJob for whatever was not signed by us or is not on the list."""
        tag, body = data[:TAG_BYTES], data[TAG_BYTES:]
        tags = (hmac.digest(key, body, "sha256") for key in self._keys)
        if not any(hmac.compare_digest(tag, known) for known in tags):
            raise BadJob("the signature is wrong")
        content = json.loads(body)
        if content != {} and not _is_allowed(content):
            raise BadJob("the function is not on the list")
        return content


def _is_allowed(content: Any) -> bool:
    match content:
        case [str(name), None, [str()], dict(named)]:
            return name in ALLOWED_JOBS and not named
    return False


class JobQueue:
    """Wakes the worker. When the queue is away it says so in the log and leaves it to the clock."""

    def __init__(self, config: Config) -> None:
        self._queue = Queue(
            QUEUE_NAME,
            connection=connect_to_queue(config, patience_seconds=1),
            serializer=cast(Any, SignedJSON(config)),
        )
        self._quiet_until = 0.0

    def wake(self, function_name: str, identifier: uuid.UUID | str) -> bool:
        """Asks for one run of an allowed function; false when the queue could not be reached."""
        if function_name not in ALLOWED_JOBS:
            raise BadJob(f"{function_name} is not on the list")
        if time.monotonic() < self._quiet_until:
            return False
        try:
            self._enqueue(function_name, str(identifier))
        except RedisError as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("queue away (%s); the clock will see to %s", _kind(error), identifier)
            return False
        return True

    def _enqueue(self, function_name: str, identifier: str) -> None:
        """One wish waits once. Beside one that is running, or died running, another may wait."""
        job_id = f"{function_name.replace('.', '-')}-{identifier}"
        for name in (job_id, f"{job_id}-again"):
            try:
                self._queue.enqueue_call(
                    function_name,
                    args=(identifier,),
                    timeout=JOB_SECONDS,
                    result_ttl=0,
                    failure_ttl=FAILURE_KEPT_SECONDS,
                    description=name,
                    job_id=name,
                    unique=True,
                )
            except DuplicateJobError:
                if self._is_waiting(name):
                    self._put_back_if_lost(name)
                    return
            else:
                return

    def _is_waiting(self, name: str) -> bool:
        status = self._queue.connection.hget(Job.key_for(name), "status")
        return status == JobStatus.QUEUED.encode()

    def _put_back_if_lost(self, name: str) -> None:
        """A job that the queue was handing over when it died says it waits, but is in no line.

        It may also be on its way to the worker just now; then it runs twice, which changes nothing.
        """
        if self._queue.get_job_position(name) is None:
            self._queue.push_job_id(name)


_queue: JobQueue | None = None


def open_queue(config: Config) -> JobQueue:
    """Gives this process the queue that `wake_after_commit` uses."""
    global _queue  # noqa: PLW0603 - a process has one queue, as it has one clock
    _queue = JobQueue(config)
    return _queue


def wake_after_commit(session: "Session", function_name: str, identifier: uuid.UUID) -> None:
    """Has the worker woken once the row is stored, and never if it is not.

    In a process without a queue the clock finds the row.
    """
    from portal.core.database import after_commit

    if _queue is not None:
        after_commit(session, partial(_queue.wake, function_name, identifier))


def connect_to_queue(config: Config, *, patience_seconds: float | None) -> "Redis":
    """A connection to the queue's server; nobody waits longer than `patience_seconds` for it."""
    return Redis.from_url(
        config.queue_url,
        socket_connect_timeout=patience_seconds or 5,
        socket_timeout=patience_seconds,
        # A request must not wait for a queue that is away: the row is already safe.
        retry=Retry(NoBackoff(), 1),
    )


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _resolve(name: str) -> Callable[..., Any]:
    module, _, function = name.rpartition(".")
    return cast(Callable[..., Any], getattr(import_module(module), function))


@dataclass
class _Workplace:
    """What a job is given beside its identifier."""

    config: Config
    database: "Database"


class _AllowedJob(Job):
    """A job that can only be what `wake` made."""

    READ = frozenset(
        {
            "created_at", "data", "ended_at", "enqueued_at", "failure_ttl", "last_heartbeat",
            "origin", "result_ttl", "started_at", "status", "timeout", "worker_name",
        }
    )  # fmt: skip
    workplace: ClassVar[_Workplace]

    def restore(self, raw_data: dict[bytes, Any]) -> Any:
        return super().restore({k: v for k, v in raw_data.items() if k.decode() in self.READ})

    def _execute(self) -> None:
        name, identifier = str(self.func_name), uuid.UUID(self.args[0])
        _resolve(name)(self.workplace.database, self.workplace.config, identifier)


class _PortalWorker(Worker):
    """RQ's worker, silent about everything but ids, and deaf to orders from the queue."""

    max_connection_wait_time = 2.0
    log_result_lifespan = False

    def subscribe(self) -> None:
        """Takes no orders: whoever can write to the queue must not be able to stop the worker."""

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        die_with_parent()
        super().main_work_horse(job, queue)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        log.error("job %s failed: %s", job.id, exc_info[0].__name__)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        # A traceback can quote an address; the queue keeps none.
        kwargs["exc_string"] = ""
        super().handle_job_failure(job, queue, *args, **kwargs)


def run_worker(config: Config) -> None:
    """Works off the queue until a signal comes, however often the queue goes away and returns."""
    from portal.core.database import Database

    # With a role of its own, if it has one: what the worker does not need it cannot read.
    url = config.worker_database_url or config.database_url
    _AllowedJob.workplace = _Workplace(config, Database(url))
    for name in ALLOWED_JOBS:
        _resolve(name)
    for name in ("rq.worker", "rq.job", "rq.registry"):
        logging.getLogger(name).setLevel(logging.ERROR)
    while not _work(config):
        time.sleep(0.5)


def _work(config: Config) -> bool:
    """Works until the queue is lost (false) or a signal asks for the end (true)."""
    serializer = cast(Any, SignedJSON(config))
    try:
        worker = _PortalWorker(
            [QUEUE_NAME],
            connection=connect_to_queue(config, patience_seconds=None),
            job_class=_AllowedJob,
            serializer=serializer,
            log_job_description=False,
            maintenance_interval=30,
        )
        worker.work(logging_level="ERROR")
    except RedisError as error:
        log.warning("queue away (%s); trying again", _kind(error))
        return False
    return worker._shutdown_requested_date is not None


def run_clock(config: Config) -> None:
    """Does each chore in its turn until a signal comes. A chore that fails stops no other."""
    from portal.core.database import Database

    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    open_queue(config)
    rounds = Rounds(config, Database(config.database_url))
    while not end.wait(rounds.seconds_to_next()):
        rounds.run_due()
        with suppress(OSError):
            (config.data / CLOCK_FILE).touch()


@dataclass
class Rounds:
    """What the clock knows: when each chore is due, and which of them failed last time."""

    config: Config
    database: "Database"
    chores: tuple[Chore, ...] = CHORES
    _due: dict[str, float] = field(default_factory=dict)
    _failing: set[str] = field(default_factory=set)

    def seconds_to_next(self) -> float:
        soonest = min(self._due.get(chore.name, 0.0) for chore in self.chores)
        return max(0.0, soonest - time.monotonic())

    def run_due(self) -> None:
        """Does every chore whose time has come."""
        for chore in self.chores:
            if self._due.get(chore.name, 0.0) <= time.monotonic():
                self._run(chore)
                self._due[chore.name] = time.monotonic() + chore.every.total_seconds()

    def _run(self, chore: Chore) -> None:
        try:
            with self.database.writing() as session:
                _resolve(chore.name)(session, self.config)
        except Exception as error:  # noqa: BLE001 - whatever it was, the other chores go on
            if chore.name not in self._failing:
                log.error("chore %s fails: %s", chore.name, _kind(error))
            self._failing.add(chore.name)
        else:
            if chore.name in self._failing:
                log.warning("chore %s works again", chore.name)
            self._failing.discard(chore.name)
