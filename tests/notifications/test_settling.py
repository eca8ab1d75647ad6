"""Somebody was not reached: a person of the care team sees to it, and that is kept and shown."""

import re
import uuid

import pytest
from sqlalchemy import select

from portal.core import audit
from portal.core.ids import short
from portal.notifications import problems
from portal.notifications.channels.base import Outcome, Report
from portal.notifications.models import Address, Channel, ContactProblem, Fault, Pointer, State
from portal.notifications.opening import opened
from portal.notifications.outcome import note_report
from portal.notifications.outgoing import deliver
from portal.notifications.reminders import remind
from tests.notifications.caller import DANA, latest, rows
from tests.notifications.desk import Desk
from tests.servers import Gateway, MailServer


def text_dana(desk: Desk) -> Pointer:
    desk.point("dana")
    deliver(desk.database, desk.config, latest(desk).id)
    return latest(desk)


@pytest.fixture
def gone(desk: Desk, gateway: Gateway) -> Gateway:
    """The gateway says that there is no such number as Dana's."""
    gateway.status = 410
    desk.give_address("dana", DANA, Channel.SMS)
    text_dana(desk)
    gateway.status = 202
    return gateway


def page(desk: Desk, name: str = "ruth", client: str = "dana") -> str:
    return desk.cast.browser(name).open(f"{desk.cast.client_url(client)}/contact").text


def settle(
    desk: Desk, name: str = "ruth", client: str = "dana", problem: uuid.UUID | None = None
) -> int:
    """Presses the button, or posts to where the button of another page would."""
    browser = desk.cast.browser(name)
    browser.open("/account")
    problem = problem or rows(desk, ContactProblem)[0].id
    url = f"{desk.cast.client_url(client)}/problems/{short(problem)}/settle"
    return browser.post(url).status_code


def test_a_number_that_works_after_all_is_told_what_did_not_arrive(
    desk: Desk, gone: Gateway
) -> None:
    desk.hands.move(days=1)
    desk.point("dana")
    assert len(desk.pointers()) == 1, "nothing is sent where it cannot arrive"
    assert "Try it again" in page(desk)
    assert settle(desk) == 200
    desk.hands.move(minutes=1)
    assert desk.work() == 1
    assert latest(desk).state is State.SENT
    assert latest(desk).cause_id == desk.pointers()[0].cause_id
    desk.hands.move(days=1)
    assert text_dana(desk).state is State.SENT


def test_what_was_opened_meanwhile_is_not_told_again(desk: Desk, gone: Gateway) -> None:
    with desk.database.writing() as session:
        opened(session, desk.cast.ids["dana"], "thread", latest(desk).cause_id)
    settle(desk)
    assert len(desk.pointers()) == 1


def test_the_telling_keeps_to_quiet_hours(desk: Desk, gone: Gateway) -> None:
    desk.hands.move(hours=10)
    settle(desk)
    assert latest(desk).state is State.PENDING
    assert desk.work() == 0
    desk.hands.now = latest(desk).due_at
    desk.work()
    assert latest(desk).state is State.SENT


def test_a_number_that_is_still_dead_is_a_new_task(desk: Desk, gone: Gateway) -> None:
    gone.status = 410
    settle(desk)
    desk.hands.move(minutes=1)
    desk.work()
    assert [one.resolved_at is None for one in rows(desk, ContactProblem)].count(True) == 1


def test_after_three_failures_and_a_settling_three_more_are_needed(
    desk: Desk, gateway: Gateway
) -> None:
    gateway.status = 422
    desk.give_address("dana", DANA, Channel.SMS)
    for _ in range(3):
        text_dana(desk)
        desk.hands.move(days=1)
    assert [one.code for one in rows(desk, ContactProblem)] == [problems.FAILING]
    settle(desk)
    desk.hands.move(minutes=1)
    desk.work()
    assert latest(desk).state is State.FAILED
    assert "Try it again" not in page(desk)


def test_the_page_says_who_settled_it_and_when(desk: Desk, gone: Gateway) -> None:
    desk.hands.move(hours=2)
    settle(desk, "helen")
    shown = page(desk)
    assert "Not reached by phone. Settled by Helen Wed 4 Mar, 14:00" in shown
    assert "Ask for another number" not in shown
    assert "could not reach" not in desk.cast.browser("dana").open("/").text


def test_it_is_in_the_audit_trail_once(desk: Desk, gone: Gateway) -> None:
    assert settle(desk) == 200
    desk.hands.move(hours=1)
    assert settle(desk, "helen") == 200, "a second time changes nothing"
    with desk.database.reading() as session:
        entries = session.scalars(select(audit.AuditEntry)).all()
    (entry,) = (one for one in entries if one.action == "contact:settle")
    assert (entry.actor_id, entry.object_id) == (desk.cast.ids["ruth"], desk.cast.ids["dana"])
    assert entry.detail == problems.DEAD
    (task,) = rows(desk, ContactProblem)
    assert task.resolved_by == desk.cast.ids["ruth"]


@pytest.mark.parametrize(
    ("name", "client"),
    [("luis", "dana"), ("luis", "mateo"), ("tom", "dana"), ("dana", "dana"), ("mateo", "dana")],
)
def test_only_the_clients_own_team_can(desk: Desk, gone: Gateway, name: str, client: str) -> None:
    """Nor can the problem of one client be reached by way of another."""
    assert settle(desk, name, client) == 404
    (task,) = rows(desk, ContactProblem)
    assert task.resolved_at is None


def test_nobody_settles_a_stop(desk: Desk, gone: Gateway) -> None:
    with desk.database.writing() as session:
        lookup = rows(desk, Address)[0].lookup
        problems.stop(session, lookup, Channel.SMS)
    assert "They said STOP to our texts. Only they can undo it." in page(desk)
    settle(desk)
    desk.hands.move(days=1)
    desk.point("dana")
    assert len(desk.pointers()) == 1
    assert "They said STOP" in page(desk)
    assert "You said STOP" in desk.cast.browser("dana").open("/account/notices").text


def test_a_silence_that_was_seen_to_begins_anew(desk: Desk, mail_server: MailServer) -> None:
    desk.give_address("dana")
    desk.prefer("dana", rhythm="each")
    desk.point("dana")
    desk.work()
    _nobody_opens(desk)
    (task,) = rows(desk, ContactProblem)
    assert task.code == problems.UNOPENED
    assert "I have seen to it" in page(desk)
    settle(desk)
    _nobody_opens(desk)
    assert len(rows(desk, ContactProblem)) == 1, "the same silence is no new task"
    sent = len(mail_server.received)
    desk.point("dana")
    desk.work()
    _nobody_opens(desk)
    assert len(mail_server.received) == sent + 2, "something new, and one reminder of it"
    assert len(rows(desk, ContactProblem)) == 2
    assert "Settled by Ruth" in page(desk)


def _nobody_opens(desk: Desk, days: int = 12) -> None:
    for _ in range(days):
        desk.hands.move(days=1)
        with desk.database.writing() as session:
            remind(session, desk.config)
        desk.work()


def test_one_that_settled_itself_says_so(desk: Desk, gone: Gateway) -> None:
    with desk.database.writing() as session:
        problems.resolve(session, desk.cast.ids["dana"], problems.SHUTTING, by=None)
    assert re.search(r"Not reached by phone\. Settled itself Wed", page(desk))


def test_in_spanish(desk: Desk, gone: Gateway) -> None:
    ruth = desk.cast.browser("ruth")
    ruth.open("/account")
    ruth.post("/account/language", language="es")
    shown = ruth.open(f"{desk.cast.client_url('dana')}/contact").text
    assert "Probar otra vez" in shown
    settle(desk)
    shown = ruth.open(f"{desk.cast.client_url('dana')}/contact").text
    assert "No llegamos al teléfono. Lo resolvió Ruth el mié" in shown


def test_a_report_about_a_number_that_was_replaced_since_blames_nobody(
    desk: Desk, gateway: Gateway
) -> None:
    desk.give_address("dana", DANA, Channel.SMS)
    pointer = text_dana(desk)
    desk.hands.move(hours=1)
    desk.give_address("dana", "+15550178", Channel.SMS)
    with desk.database.writing() as session:
        assert note_report(session, Report(pointer.id, None, Outcome.FAILED, Fault.DEAD, "x"))
    assert latest(desk).state is State.FAILED
    assert rows(desk, ContactProblem) == []
