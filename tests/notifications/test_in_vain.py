"""Whatever is tried and never arrives is a task for a person, and nothing is tried for ever."""

import datetime as dt
from dataclasses import replace

import pytest

from portal.notifications import problems
from portal.notifications.channels.base import NotSent
from portal.notifications.channels.twilio import TwilioLine
from portal.notifications.models import Channel, ContactProblem, Fault, State
from tests.notifications.caller import Provider, latest, rows, told
from tests.notifications.desk import Desk, denver
from tests.servers import Gateway, MailServer

FULL = "452 4.2.2 mailbox full"
MOBILE = "+13035550142"
# Pauses are never the same, so that the try after three days may come on the fourth.
THREE_DAYS = (3, 4)


def days_until_a_task(desk: Desk, *, days: int, every: int = 1) -> int | None:
    """Something happens each so many days, and the worker looks four times a day; on which day
    there is a task, if there is one."""
    for hour in range(0, days * 24, 6):
        if hour % (every * 24) == 0:
            desk.point("dana")
        desk.work()
        if rows(desk, ContactProblem):
            return hour // 24
        desk.hands.move(hours=6)
    return None


def codes(desk: Desk) -> list[str]:
    return [one.code for one in rows(desk, ContactProblem)]


@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_mailbox_that_is_full_for_three_days_is_a_task_however_much_happens(
    desk: Desk, mail_server: MailServer, every: int
) -> None:
    """Even if each note gives way to the next one before its own three days are over."""
    desk.give_address("dana")
    mail_server.answer = FULL
    assert days_until_a_task(desk, days=6, every=every) in THREE_DAYS
    assert codes(desk) == [problems.FAILING]
    desk.hands.move(days=1)
    before = len(desk.pointers())
    desk.point("dana")
    assert len(desk.pointers()) == before, "it is used no more"


def test_a_few_minutes_of_greylisting_are_none_however_much_happens(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    desk.prefer("dana", rhythm="each")
    mail_server.answer = "451 4.7.1 come back in ten minutes"
    for _ in range(6):
        desk.point("dana")
        desk.work()
        desk.hands.move(minutes=1)
    mail_server.answer = "250 OK"
    desk.hands.move(minutes=15)
    desk.work()
    assert latest(desk).state is State.SENT
    assert rows(desk, ContactProblem) == []


def test_one_that_arrives_begins_the_count_anew(desk: Desk, gateway: Gateway) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    for status in (422, 422, 202, 422, 422):
        gateway.status = status
        desk.point("dana")
        desk.work()
        desk.hands.move(days=1)
    assert desk.states() == ["failed", "failed", "sent", "failed", "failed"]
    assert rows(desk, ContactProblem) == []


def test_what_was_tried_at_another_address_counts_for_nothing(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    mail_server.answer = FULL
    assert days_until_a_task(desk, days=3) is None
    desk.give_address("dana", "another@example.org")
    assert days_until_a_task(desk, days=8) in THREE_DAYS, "its own three days"


def test_what_waits_for_the_morning_goes_on_where_the_evening_ended(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    mail_server.answer = FULL
    desk.hands.now = denver(2026, 3, 4, 20, 50)
    desk.point("dana")
    desk.work()
    begun = latest(desk).tried_at
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    desk.work()
    assert desk.states() == ["dropped", "pending"]
    desk.hands.now = denver(2026, 3, 5, 9)
    desk.work()
    assert latest(desk).tried_at == begun


@pytest.mark.parametrize(
    "why",
    [
        {"gateway": {}, "twilio": {}},
        {"gateway": {"reason": "spam"}, "twilio": {"ErrorCode": "30007"}},
        {"gateway": {"reason": "refused"}, "twilio": {"ErrorCode": "30034"}},
        {"gateway": {"reason": ""}, "twilio": {"ErrorCode": "39999"}},
    ],
    ids=["nothing", "filtered", "refused", "unknown"],
)
def test_reports_of_failure_for_whatever_reason_are_a_task_and_no_flood_of_texts(
    provider: Provider, desk: Desk, gateway: Gateway, why: dict[str, dict[str, str]]
) -> None:
    for number in range(3):
        assert rows(desk, ContactProblem) == []
        if provider.name == "gateway":
            gateway.body = b'{"id": "SM-%d"}' % number
        provider.report(told(desk), "failed", **why[provider.name])
        for _ in range(4):
            desk.hands.move(hours=6)
            desk.work()
    assert codes(desk) == [problems.FAILING]
    assert len(gateway.received) == 3


def test_a_country_that_is_not_turned_on_is_a_task(desk: Desk, gateway: Gateway) -> None:
    gateway.status, gateway.body = 400, b'{"code": 21408}'
    desk.config = replace(desk.config, sms_url=gateway.twilio_url)
    desk.give_address("dana", MOBILE, Channel.SMS)
    assert days_until_a_task(desk, days=5) == 2
    assert len(gateway.received) == 3


@pytest.mark.parametrize("is_for_all", [True, False])
def test_what_looks_like_the_providers_fault_is_a_task_only_if_others_are_reached(
    desk: Desk, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, is_for_all: bool
) -> None:
    """An answer that is on no list, day after day for one number, or for all of them."""
    desk.config = replace(desk.config, sms_url=gateway.twilio_url)
    gateway.status, gateway.body = 201, b'{"sid": "SM1"}'
    send = TwilioLine.send

    def sometimes(line: TwilioLine, message: object) -> str | None:
        if is_for_all or message.to == MOBILE:  # type: ignore[attr-defined]
            raise NotSent("twilio_29999", Fault.SETTINGS)
        return send(line, message)  # type: ignore[arg-type]

    monkeypatch.setattr(TwilioLine, "send", sometimes)
    desk.give_address("dana", MOBILE, Channel.SMS)
    desk.give_address("mateo", "+13035550143", Channel.SMS)
    found = False
    for _ in range(12):
        for name in ("dana", "mateo"):
            desk.point(name)
        for _ in range(6):
            desk.work()
            desk.hands.move(hours=4)
        found = found or bool(rows(desk, ContactProblem))
    assert found is not is_for_all
    assert {one.user_id for one in rows(desk, ContactProblem)} <= {desk.cast.ids["dana"]}
    assert State.FAILED in {one.state for one in desk.pointers()}, "nothing is tried for ever"


@pytest.mark.parametrize("others_arrive", [True, False])
def test_a_text_that_is_lost_again_and_again_is_a_task_if_others_arrive(
    provider: Provider, desk: Desk, gateway: Gateway, others_arrive: bool
) -> None:
    how = {"ErrorCode": "30008"} if provider.name == "twilio" else {"reason": "outage"}
    name = "sid" if provider.name == "twilio" else "id"
    desk.give_address("mateo", "+13035550143", Channel.SMS)
    for number in range(3):
        assert rows(desk, ContactProblem) == []
        gateway.body = b'{"%s": "SM-%d"}' % (name.encode(), number)
        told(desk)
        for try_ in range(5):
            gateway.body = b'{"%s": "SM-%d-%d"}' % (name.encode(), number, try_)
            provider.report(latest(desk), "failed", **how)
            desk.hands.move(minutes=15)
            desk.work()
        provider.report(latest(desk), "failed", **how)
        assert latest(desk).state is State.FAILED
        desk.hands.move(days=1)
        if others_arrive and number < 2:
            desk.point("mateo")
            desk.work()
            provider.report(latest(desk), "delivered")
    assert codes(desk) == ([problems.FAILING] if others_arrive else [])


def test_an_outage_of_a_week_is_no_task_though_something_happens_every_day(
    desk: Desk, gateway: Gateway
) -> None:
    gateway.status = 503
    desk.give_address("dana", MOBILE, Channel.SMS)
    assert days_until_a_task(desk, days=7) is None
    gateway.status = 202
    desk.hands.move(hours=6)
    desk.work()
    assert latest(desk).state is State.SENT


def test_an_outage_that_outlasts_everything_ends_and_blames_nobody(
    desk: Desk, gateway: Gateway
) -> None:
    gateway.status = 503
    desk.give_address("dana", MOBILE, Channel.SMS)
    desk.point("dana")
    for _ in range(11 * 4):
        desk.work()
        desk.hands.move(hours=6)
    assert latest(desk).state is State.FAILED
    assert latest(desk).sent_at is None
    tried_at = latest(desk).tried_at
    assert tried_at is not None
    assert desk.hands.now - tried_at > dt.timedelta(days=10)
    assert rows(desk, ContactProblem) == []


def test_what_was_opened_meanwhile_is_no_failure(desk: Desk, mail_server: MailServer) -> None:
    """Somebody who comes by themself need not be reached."""
    desk.give_address("dana")
    mail_server.answer = FULL
    for _ in range(5):
        thread = desk.cast.begin_thread("ruth", "dana")
        desk.work()
        desk.cast.browser("dana").open(desk.cast.thread_url(thread))
        desk.hands.move(days=1)
        desk.work()
    assert set(desk.states()) == {"dropped"}
    assert rows(desk, ContactProblem) == []
