"""What a provider says later: what arrived has arrived, a dead number is a task for a person."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from portal.core.ids import new_id
from portal.notifications import problems
from portal.notifications.models import Channel, ContactProblem, Fault, OptOut, Pointer, State
from portal.notifications.outgoing import deliver
from tests.notifications.caller import DANA, Provider, latest, rows, told
from tests.notifications.desk import Desk
from tests.servers import Gateway


def test_what_arrived_is_known_to_have_arrived(provider: Provider, desk: Desk) -> None:
    pointer = told(desk)
    assert pointer.state is State.SENT
    assert provider.report(pointer, "delivered").status_code == 204
    assert latest(desk).state is State.DELIVERED
    assert latest(desk).delivered_at == desk.hands.now


def test_a_report_that_is_quicker_than_the_answer_is_not_undone_by_it(
    provider: Provider, desk: Desk
) -> None:
    desk.point("dana")
    with desk.database.writing() as session:
        for pointer in session.scalars(select(Pointer)):
            pointer.state, pointer.tried_at = State.SENDING, desk.hands.now
    provider.report(latest(desk), "delivered")
    from portal.notifications.outcome import note_sent

    with desk.database.writing() as session:
        note_sent(session, latest(desk).id, "SM1")
    assert latest(desk).state is State.DELIVERED
    assert latest(desk).sent_at is not None


def test_repeated_late_and_disordered_reports_are_harmless(provider: Provider, desk: Desk) -> None:
    pointer = told(desk)
    orders = ["sent", "delivered", "delivered", "undelivered", "failed", "queued", "nonsense", ""]
    for status in orders:
        assert provider.report(pointer, status).status_code == 204
        desk.hands.move(hours=1)
    assert latest(desk).state is State.DELIVERED
    assert rows(desk, ContactProblem) == []


def test_a_report_about_something_unknown_is_harmless(provider: Provider, desk: Desk) -> None:
    told(desk)
    stranger = Pointer(id=new_id(), provider_ref="SM-unknown")
    for status in ("delivered", "failed"):
        assert provider.report(stranger, status).status_code == 204
    assert latest(desk).state is State.SENT


def test_a_dead_number_becomes_a_task_and_is_used_no_more(provider: Provider, desk: Desk) -> None:
    pointer = told(desk)
    how = {"reason": "no_such_number"} if provider.name == "gateway" else {"ErrorCode": "30005"}
    provider.report(pointer, "failed", **how)
    assert latest(desk).state is State.FAILED
    (task,) = rows(desk, ContactProblem)
    assert (task.user_id, task.channel, task.code) == (
        desk.cast.ids["dana"],
        Channel.SMS,
        problems.DEAD,
    )
    desk.hands.move(days=1)
    desk.point("dana")
    assert len(desk.pointers()) == 1
    desk.give_address("dana", DANA, Channel.SMS)
    desk.point("dana")
    assert len(desk.pointers()) == 2


def test_three_failures_in_a_row_become_a_task(
    provider: Provider, desk: Desk, gateway: Gateway
) -> None:
    how = {"reason": "unreachable"} if provider.name == "gateway" else {"ErrorCode": "30003"}
    for number in range(3):
        assert len(rows(desk, ContactProblem)) == 0, number
        if provider.name == "gateway":
            gateway.body = b'{"id": "SM-%d"}' % number
        provider.report(told(desk), "failed", **how)
        desk.hands.move(days=1)
    (task,) = rows(desk, ContactProblem)
    assert task.code == problems.FAILING


def test_an_outage_behind_the_provider_is_tried_again_and_blames_nobody(
    provider: Provider, desk: Desk, gateway: Gateway
) -> None:
    pointer = told(desk)
    for number in range(1, 4):
        if provider.name == "gateway":
            gateway.body = b'{"id": "SM1-%d"}' % number
        how = {"ErrorCode": "30008"} if provider.name == "twilio" else {"reason": "outage"}
        provider.report(latest(desk), "failed", **how)
        assert latest(desk).state is State.SENDING
        assert latest(desk).due_at > desk.hands.now
        # What is said twice about the same try is believed once.
        provider.report(pointer, "failed", **how)
        desk.hands.now = latest(desk).due_at
        deliver(desk.database, desk.config, pointer.id)
        assert latest(desk).state is State.SENT
    assert rows(desk, ContactProblem) == []
    assert len(gateway.received) == 4


def test_twilio_says_that_somebody_said_stop(
    desk: Desk, gateway: Gateway, request: pytest.FixtureRequest
) -> None:
    gateway.status, gateway.body = 400, b'{"code": 21610}'
    desk.config = replace(desk.config, sms_url=gateway.twilio_url)
    desk.give_address("dana", DANA, Channel.SMS)
    told(desk)
    assert latest(desk).fault is Fault.OPTED_OUT
    assert len(rows(desk, OptOut)) == 1
    desk.hands.move(days=1)
    desk.point("dana")
    assert len(desk.pointers()) == 1
