"""A provider may be away, slow or confused: notes come late then, none is lost, none loops."""

import datetime as dt
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from portal.core import clock
from portal.core.ids import new_id
from portal.notifications import outgoing, pace, problems
from portal.notifications.channels import base
from portal.notifications.models import (
    Address,
    Channel,
    ContactProblem,
    Fault,
    Pointer,
    ProviderState,
    State,
)
from portal.notifications.outcome import PAUSES
from portal.notifications.outgoing import deliver
from portal.notifications.services import sweep
from tests.notifications.desk import Desk
from tests.servers import Gateway, MailServer, free_port

EVERYBODY = ("dana", "mateo", "ruth", "luis", "helen", "tom")


def tell_all(desk: Desk, channel: Channel = Channel.EMAIL, names: Any = EVERYBODY) -> None:
    for number, name in enumerate(names):
        address = f"{name}@example.org" if channel is Channel.EMAIL else f"+1555010{number:04}"
        desk.give_address(name, address, channel)
        desk.point(name)


def run(desk: Desk) -> int:
    """The clock sweeps, and one job runs for each that it woke; returns how many it woke."""
    with desk.database.writing() as session:
        woken = sweep(session, desk.config)
    unfinished = (one for one in desk.pointers() if one.state in (State.PENDING, State.SENDING))
    first = next((one for one in unfinished if one.due_at <= desk.hands.now), None)
    if woken and first is not None:
        deliver(desk.database, desk.config, first.id)
    return woken


def state(desk: Desk, channel: Channel) -> ProviderState:
    with desk.database.reading() as session:
        found = session.get(ProviderState, channel)
        assert found is not None
        return found


def test_one_run_sends_all_that_is_due_over_one_line(desk: Desk, mail_server: MailServer) -> None:
    tell_all(desk)
    deliver(desk.database, desk.config, desk.pointers()[0].id)
    assert {pointer.state for pointer in desk.pointers()} == {State.SENT}
    assert len(mail_server.received) == len(EVERYBODY)
    assert len(mail_server.conversations) == 1


def test_a_run_ends_in_time_and_leaves_the_rest_to_the_next(
    desk: Desk, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "RUN_COUNT", 2)
    tell_all(desk)
    deliver(desk.database, desk.config, desk.pointers()[0].id)
    assert len(mail_server.received) == 2
    assert State.SENDING not in {pointer.state for pointer in desk.pointers()}
    monkeypatch.setattr(outgoing, "RUN_SECONDS", -1.0)
    run_id = next(one.id for one in desk.pointers() if one.state is State.PENDING)
    deliver(desk.database, desk.config, run_id)
    assert len(mail_server.received) == 3


def test_a_provider_is_given_no_more_than_it_takes(desk: Desk, gateway: Gateway) -> None:
    desk.config = replace(desk.config, sms_per_second=10)
    tell_all(desk, Channel.SMS)
    began = time.monotonic()
    deliver(desk.database, desk.config, desk.pointers()[0].id)
    # The clock of the test stands still, so that each waits its whole turn.
    assert time.monotonic() - began > 0.1
    assert len(gateway.received) == len(EVERYBODY)
    gaps = [after - before for before, after in zip(gateway.times, gateway.times[1:], strict=False)]
    assert min(gaps) > 0.08


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda gateway: setattr(gateway, "status", 500), Fault.BROKEN),
        (lambda gateway: setattr(gateway, "status", 401), Fault.SETTINGS),
        (lambda gateway: setattr(gateway, "raw", b"rubbish\r\n"), Fault.GARBLED),
        (lambda gateway: setattr(gateway, "hangs", 0.6), Fault.SILENT),
    ],
    ids=["broken", "settings", "garbled", "silent"],
)
def test_an_outage_delays_loses_nothing_hammers_nobody_and_blames_nobody(
    desk: Desk,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Gateway], None],
    fault: Fault,
) -> None:
    monkeypatch.setattr(base, "TIMEOUT_SECONDS", 0.3 if fault is Fault.SILENT else 10)
    tell_all(desk, Channel.SMS)
    spoil(gateway)
    began, tries = desk.hands.now, 0
    while desk.hands.now - began < dt.timedelta(hours=6):
        run(desk)
        desk.hands.move(minutes=5)
        tries += 1
    assert state(desk, Channel.SMS).failures >= pace.FAILURES_TO_PAUSE
    # Six hours of somebody looking every five minutes: about four tries an hour, and no more.
    assert len(gateway.received) < 40
    assert {pointer.fault for pointer in desk.pointers()} <= {fault, None}
    assert State.FAILED not in {pointer.state for pointer in desk.pointers()}
    with desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ContactProblem)) == 0
    gateway.status, gateway.raw, gateway.hangs = 202, b"", 0.0
    taken_before = sum(gateway.taken.values())
    for _ in range(30):
        run(desk)
        desk.hands.move(minutes=5)
    assert {pointer.state for pointer in desk.pointers()} == {State.SENT}
    if fault in (Fault.BROKEN, Fault.SETTINGS):
        assert taken_before == 0
        assert set(gateway.taken.values()) == {1}


def test_a_provider_that_is_away_is_asked_by_one_at_a_time(desk: Desk, gateway: Gateway) -> None:
    desk.config = replace(desk.config, sms_url=f"http://127.0.0.1:{free_port()}/")
    tell_all(desk, Channel.SMS)
    for _ in range(3):
        run(desk)
    assert state(desk, Channel.SMS).open_until is not None
    assert run(desk) == 0, "while it is left alone nobody is woken"
    desk.hands.move(minutes=1)
    with desk.database.writing() as session:
        waiting = session.scalars(select(Pointer.id).order_by(Pointer.due_at)).all()
    claims = [
        outgoing._claim(desk.database, desk.config, select(Pointer.id).where(Pointer.id == one))
        for one in waiting
    ]
    assert sum(claim is not None for claim in claims) == 1


def test_mail_goes_out_while_the_texts_cannot(
    desk: Desk, gateway: Gateway, mail_server: MailServer
) -> None:
    gateway.status = 503
    tell_all(desk, Channel.SMS, ("dana", "mateo", "luis"))
    tell_all(desk, Channel.EMAIL, ("ruth", "helen"))
    for pointer in desk.pointers():
        deliver(desk.database, desk.config, pointer.id)
    assert len(mail_server.received) == 2


def test_a_provider_that_asks_for_patience_is_given_it(desk: Desk, gateway: Gateway) -> None:
    gateway.status, gateway.headers = 429, {"Retry-After": "1800"}
    tell_all(desk, Channel.SMS)
    run(desk)
    assert len(gateway.received) == 1
    gateway.status, gateway.headers = 202, {}
    for _ in range(5):
        desk.hands.move(minutes=5)
        assert run(desk) == 0
    desk.hands.move(minutes=6)
    for _ in range(3):
        run(desk)
        desk.hands.move(minutes=1)
    assert {pointer.state for pointer in desk.pointers()} == {State.SENT}
    assert set(gateway.taken.values()) == {1}


def test_a_dead_address_is_a_task_and_stops_nobody_else(
    desk: Desk, mail_server: MailServer
) -> None:
    tell_all(desk, names=("dana", "ruth"))
    mail_server.answer = "550 5.1.1 nobody here"
    first = desk.pointers()[0]
    deliver(desk.database, replace(desk.config, mail_per_second=1000), first.id)
    with desk.database.reading() as session:
        found = problems.open_problems(session, list(desk.cast.ids.values()))
    assert [one.code for one in found] == [problems.DEAD, problems.DEAD]
    assert state(desk, Channel.EMAIL).failures == 0


def test_greylisting_waits_and_is_no_task(desk: Desk, mail_server: MailServer) -> None:
    tell_all(desk, names=("dana",))
    mail_server.answer = "451 4.7.1 come back in five minutes"
    run(desk)
    assert desk.pointers()[0].due_at - desk.hands.now > dt.timedelta(minutes=3)
    mail_server.answer = "250 OK"
    desk.hands.move(minutes=7)
    run(desk)
    assert desk.states() == ["sent"]


def test_a_fault_of_ours_is_no_fault_of_the_provider(desk: Desk, mail_server: MailServer) -> None:
    tell_all(desk, names=("dana", "ruth", "helen", "luis"))
    with desk.database.writing() as session:
        session.execute(update(Address).values(sealed=b"\1" + b"\0" * 100))
    for pointer in desk.pointers():
        deliver(desk.database, desk.config, pointer.id)
    assert {pointer.state for pointer in desk.pointers()} == {State.FAILED}
    assert state(desk, Channel.EMAIL).failures == 0


@pytest.mark.parametrize("days", [-400, 400])
def test_a_pause_noted_under_a_wrong_clock_holds_nobody_up(
    desk: Desk, gateway: Gateway, days: int
) -> None:
    right = desk.hands.now
    desk.hands.move(days=days)
    gateway.status = 500
    tell_all(desk, Channel.SMS, ("dana", "mateo", "luis"))
    for _ in range(4):
        run(desk)
    gateway.status = 202
    desk.hands.now = right
    for _ in range(4):
        desk.hands.move(minutes=20)
        run(desk)
    desk.hands.move(days=1)
    desk.point("dana")
    deliver(desk.database, desk.config, desk.pointers()[-1].id)
    assert desk.pointers()[-1].state is State.SENT


@pytest.mark.parametrize("fault", PAUSES, ids=str)
def test_pauses_grow_and_end(fault: Fault) -> None:
    from portal.notifications.outcome import _pause

    first, longest = PAUSES[fault]
    assert first * 0.8 <= _pause(fault, 1, 0) <= first * 1.2
    assert _pause(fault, 500, 0) <= longest * 1.2
    assert _pause(fault, 1, 90_000) == dt.timedelta(seconds=90_000)
    assert len({_pause(fault, 3, 0) for _ in range(10)}) > 1, "never the same for all"


@pytest.mark.slow
@pytest.mark.longest
def test_ten_thousand_at_once_all_arrive_once_in_little_memory(
    desk: Desk, gateway: Gateway
) -> None:
    tell_all(desk, Channel.SMS)
    count, config = 10_000, replace(desk.config, sms_per_second=1000)
    columns = [one.key for one in Pointer.__table__.columns]
    rows = [{name: getattr(row, name) for name in columns} for row in desk.pointers()]
    # One person cannot have many pointers ahead, so these wait to be tried again, each as urgent
    # as any; the rule that drops older ones is for those that have an error.
    copies = [
        row | {"id": new_id(), "state": State.SENDING, "kind": "urgent", "cause_id": new_id()}
        for row, _ in zip(cycle(rows), range(count), strict=False)
    ]
    with desk.database.writing() as session:
        for start in range(0, count, 500):
            session.execute(insert(Pointer), copies[start : start + 500])
        patterns = update(Pointer).where(Pointer.id.in_([row["id"] for row in rows]))
        session.execute(patterns.values(state=State.SENT))
    # Under the real clock: turns are waited for, and a clock that stands still would never come.
    clock.set_clock(None)
    deliver(desk.database, config, copies[0]["id"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    while True:
        with desk.database.writing() as session:
            left = session.scalars(
                select(Pointer.id).where(Pointer.state == State.SENDING).limit(1)
            ).one_or_none()
        if left is None:
            break
        deliver(desk.database, config, left)
    seconds = time.monotonic() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert len(gateway.taken) == count
    assert set(gateway.taken.values()) == {1}
    assert grown < 60 * 1024, f"{grown} KiB more"
    assert count / seconds <= 1000
    print(f"{count / seconds:.0f} a second, {grown} KiB more")  # noqa: T201
