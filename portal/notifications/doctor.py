"""Looks at everything that telling people depends on, and says in plain words how it is."""

import datetime as dt
import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError
from rq.worker import BaseWorker, Worker
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal.config import Config
from portal.core import clock
from portal.core.crypto import KeyPair
from portal.core.database import Database, is_sqlite
from portal.core.jobs import CLOCK_FILE, connect_to_queue
from portal.core.schema import is_current
from portal.notifications import health
from portal.notifications.channels import provider_of
from portal.notifications.channels.base import Message, NotSent, Outcome
from portal.notifications.models import Channel
from portal.notifications.queries import Errand
from portal.notifications.wordings import words_for
from portal.notifications.worker_role import readable_tables

CLOCK_TICKS_SECONDS = 60
CLOCKS_APART_SECONDS = 5
UNSENT_MINUTES = 10
LEAST_FREE_BYTES = 500 * 1024 * 1024
DELIVERY_SECONDS = 30

UNSIGNED = "PORTAL_SMS_SECRET is not set: nobody can end them with STOP, and no report is believed"

# What to do about a code, in plain words.
ADVICE = {
    "no_mail_server": "PORTAL_SMTP_URL is not set: no mail goes out",
    "no_sms_gateway": "PORTAL_SMS_URL is not set: no texts go out",
    "mail_not_secure": "the mail server offers no TLS or no sign-in, or its certificate is not for"
    " this name",
    "mail_timeout": "the mail server does not answer within ten seconds",
    "mail_ConnectionRefusedError": "nobody listens there: look at host and port",
    "mail_gaierror": "there is no such host",
    "mail_SSLError": "the mail server does not speak TLS from the start there: smtps:// is for port"
    " 465, smtp+starttls:// for 587",
    "mail_SMTPServerDisconnected": "the mail server hung up: look at the port and at its log",
    "mail_bad_header": "this is not one mail address",
    "smtp_530": "the mail server wants TLS or a sign-in first",
    "smtp_550": "the mail server refuses this sender or this address; its log says why",
    "smtp_553": "the mail server refuses this sender or this address; its log says why",
    "smtp_554": "the mail server refuses this sender or this address; its log says why",
    "smtp_535": "the mail server does not take this user and password",
    "sms_timeout": "the gateway does not answer within ten seconds",
    "sms_certificate": "the gateway's certificate is not for this name",
    "sms_ConnectionRefusedError": "nobody listens there: look at host and port",
    "sms_gaierror": "there is no such host",
    "sms_SSLError": "the gateway does not speak TLS there",
    "sms_401": "the gateway does not take this user and password",
    "sms_403": "the gateway does not take this user and password",
    "sms_404": "the gateway has nothing at this path",
    "sms_410": "there is no such number",
    "sms_422": "this number did not take it",
    "twilio_21211": "there is no such number",
    "twilio_21408": "texts to this country are turned off in Twilio's console",
    "twilio_21606": "this sender is not a number of the account",
    "twilio_21610": "this number said STOP to Twilio",
    "twilio_20003": "Twilio does not take this key and secret",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `is_good` is None where there is nothing to judge."""

    is_good: bool | None
    words: str


def examine(config: Config) -> Iterator[Finding]:
    """Everything, one after the other; what is broken stops nothing that comes after."""
    database = Database(config.database_url)
    try:
        yield from _database(config, database)
        yield from _queue(config)
        yield _clock_process(config.data)
        yield from _keys(config)
        for channel in Channel:
            yield _provider(config, channel)
        if config.sms_url and not config.sms_secret:
            yield Finding(None, f"texts: {UNSIGNED}")
        yield _way_back(config)
        yield from _unsent(database)
        yield _disk(config.data)
    finally:
        database.dispose()


def _database(config: Config, database: Database) -> Iterator[Finding]:
    try:
        current = is_current(database)
    except SQLAlchemyError:
        yield Finding(False, "database: it cannot be reached")
        return
    kind = "SQLite" if is_sqlite(config.database_url) else "PostgreSQL"
    if not current:
        yield Finding(False, f"database: {kind} of another version; run `portal migrate`")
        return
    yield Finding(True, f"database: {kind}, of this version")
    yield from _worker_role(config)
    if not is_sqlite(config.database_url):
        with database.engine.connect() as connection:
            theirs: dt.datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        yield _clocks("the database", theirs.timestamp())


def _worker_role(config: Config) -> Iterator[Finding]:
    if is_sqlite(config.database_url):
        yield Finding(None, "worker's role: SQLite has no roles; the worker can read all tables")
        return
    if config.worker_database_url is None:
        yield Finding(
            False,
            "worker's role: PORTAL_WORKER_DATABASE_URL is not set; the worker can read all tables",
        )
        return
    database = Database(config.worker_database_url)
    try:
        tables = readable_tables(database)
    except SQLAlchemyError:
        yield Finding(False, "worker's role: it cannot connect to the database")
        return
    finally:
        database.dispose()
    if tables:
        yield Finding(False, f"worker's role: it can read {', '.join(tables)}")
    else:
        yield Finding(True, "worker's role: the database gives it no message and no key")


def _clocks(whose: str, theirs: float) -> Finding:
    apart = abs(clock.now().timestamp() - theirs)
    if apart > CLOCKS_APART_SECONDS:
        return Finding(False, f"time: this machine and {whose} are {apart:.0f} seconds apart")
    return Finding(True, f"time: this machine and {whose} agree")


def _queue(config: Config) -> Iterator[Finding]:
    queue = connect_to_queue(config, patience_seconds=2)
    try:
        seconds, micros = queue.time()
        workers = Worker.all(connection=queue)
    except RedisError:
        yield Finding(False, "queue: it cannot be reached; the portal works, and sends nothing")
        return
    finally:
        queue.close()
    yield Finding(True, "queue: it answers")
    yield _clocks("the queue", seconds + micros / 1e6)
    alive = sum(1 for worker in workers if _is_alive(worker))
    if alive:
        yield Finding(True, f"worker: {alive} at work")
    else:
        yield Finding(False, "worker: none is at work; is the portal running?")


def _is_alive(worker: BaseWorker) -> bool:
    """By its process if it is on this machine: a killed one is in the queue's list for minutes."""
    if worker.hostname != socket.gethostname() or not worker.pid:
        return True
    try:
        os.kill(int(worker.pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _way_back(config: Config) -> Finding:
    if config.bounce_domain is None:
        return Finding(
            None, "mail that comes back: PORTAL_BOUNCE_DOMAIN is not set; it is not noticed"
        )
    return Finding(None, f"mail that comes back: to {config.bounce_domain}, if its server gives it")


def _clock_process(data: Path) -> Finding:
    try:
        age = time.time() - (data / CLOCK_FILE).stat().st_mtime
    except OSError:
        return Finding(False, "clock: it has never run on this data folder")
    if age > CLOCK_TICKS_SECONDS:
        return Finding(False, f"clock: it has not run for {age / 60:.0f} minutes")
    return Finding(True, "clock: it runs")


def _keys(config: Config) -> Iterator[Finding]:
    is_pair = config.worker_private_key is not None and (
        KeyPair.of(config.worker_private_key).public == config.worker_public_key
    )
    yield Finding(is_pair, "keys: the worker can open what the web seals to it")
    folder = config.data / "keys"
    loose = [one.name for one in sorted(folder.glob("*.key*")) if one.stat().st_mode & 0o077]
    if loose:
        yield Finding(False, f"keys: others on this machine may read {', '.join(loose)}")


def _provider(config: Config, channel: Channel) -> Finding:
    name = "mail" if channel is Channel.EMAIL else "texts"
    try:
        known = provider_of(config, channel).check()
    except NotSent as failure:
        is_set_up = failure.code not in ("no_mail_server", "no_sms_gateway")
        return Finding(False if is_set_up else None, f"{name}: {advice(failure.code)}")
    return Finding(True, f"{name}: it {known}")


def advice(code: str) -> str:
    """What a code means for whoever has to mend it."""
    return ADVICE.get(code, f"it does not work ({code})")


def _unsent(database: Database) -> Iterator[Finding]:
    try:
        with database.reading() as session:
            states = health.channels(session)
    except SQLAlchemyError:
        return
    for state in states:
        name = "mail" if state.channel is Channel.EMAIL else "texts"
        if state.left_alone_until is not None:
            why = advice(state.last_code or "")
            yield Finding(False, f"{name}: nothing is sent just now: {why}")
        if state.oldest_due_at is None:
            yield Finding(True, f"{name}: nothing is overdue")
            if state.tried:
                yield Finding(None, f"{name}: {state.tried} did not go out, and are tried again")
            continue
        minutes = (clock.now() - state.oldest_due_at).total_seconds() / 60
        words = f"{name}: {state.due} due, the oldest for {minutes:.0f} minutes"
        yield Finding(minutes < UNSENT_MINUTES, words)


def _disk(data: Path) -> Finding:
    free = shutil.disk_usage(data).free
    return Finding(free > LEAST_FREE_BYTES, f"disk: {free / 1024**3:.1f} GiB free")


def send_test(config: Config, channel: Channel, to: str, language: str = "en") -> Iterator[Finding]:
    """Sends one pointer as people get it, and follows it as far as the provider tells."""
    said = words_for(_errand(channel, language), url=config.neutral_url)
    key = str(uuid.uuid4())
    message = Message(key, to, said.body, subject=said.subject, sender_name=said.sender_name)
    try:
        with provider_of(config, channel).open() as line:
            ref = line.send(message)
            yield Finding(True, f"the provider took it{f' and calls it {ref}' if ref else ''}")
            follow = getattr(line, "outcome_of", None)
            if ref is not None and follow is not None:
                yield _follow(lambda: follow(ref))
    except NotSent as failure:
        yield Finding(False, f"it was not sent: {advice(failure.code)}")


def _errand(channel: Channel, language: str) -> Errand:
    """As for somebody who has chosen nothing."""
    nobody = uuid.UUID(int=0)
    return Errand(
        pointer_id=nobody,
        clinic_id=nobody,
        user_id=nobody,
        channel=channel,
        attempts=0,
        kind="waiting",
        language=language,
        wording=None,
        sender_name=None,
        sealed_address=b"",
        sealed_code=None,
    )


def _follow(look: Callable[[], Outcome]) -> Finding:
    end = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < end:
        outcome = look()
        if outcome is not Outcome.UNDER_WAY:
            return Finding(outcome is Outcome.DELIVERED, f"the provider says: {outcome.value}")
        time.sleep(1)
    return Finding(None, "the provider has not said yet whether it arrived")
