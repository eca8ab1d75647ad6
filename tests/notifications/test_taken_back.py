"""A message that is taken back takes its telling with it, unless something else waits."""

import uuid

import pytest

from portal.notifications.models import State
from portal.notifications.reminders import remind
from tests.notifications.caller import latest
from tests.notifications.desk import Desk, denver
from tests.servers import MailServer
from tests.threads import stories


@pytest.fixture
def evening(desk: Desk) -> Desk:
    """Ten in the evening: whoever is told now is told in the morning."""
    for name in ("dana", "ruth", "helen"):
        desk.give_address(name, f"{name}@example.org")
    desk.hands.now = denver(2026, 3, 4, 22)
    return desk


def take_back(desk: Desk, name: str, thread: uuid.UUID, seq: int = 1) -> None:
    stories.take_back(desk.cast, desk.cast.person(name), thread, seq)


def morning(desk: Desk) -> int:
    desk.hands.now = denver(2026, 3, 5, 9)
    return desk.work()


def test_what_was_taken_back_in_the_evening_is_not_told_in_the_morning(
    evening: Desk, mail_server: MailServer
) -> None:
    thread = evening.cast.begin_thread("ruth", "dana")
    take_back(evening, "ruth", thread)
    assert morning(evening) == 0
    assert mail_server.received == []
    shown = evening.cast.browser("dana").open("/account/notices").text
    assert "By mail: not sent" in shown
    assert "opened" not in shown


def test_nor_is_the_team_told_of_what_a_client_took_back(
    evening: Desk, mail_server: MailServer
) -> None:
    thread = evening.cast.begin_thread("dana", "dana")
    assert evening.states() == ["pending", "pending"]
    take_back(evening, "dana", thread)
    morning(evening)
    assert mail_server.received == []


def test_what_else_waits_in_that_thread_is_told(evening: Desk, mail_server: MailServer) -> None:
    thread = evening.cast.begin_thread("ruth", "dana")
    evening.cast.send("ruth", thread, "And this")
    take_back(evening, "ruth", thread, 2)
    morning(evening)
    assert len(mail_server.received) == 1


def test_what_a_colleague_wrote_there_is_told(evening: Desk, mail_server: MailServer) -> None:
    thread = evening.cast.begin_thread("ruth", "dana")
    evening.cast.send("helen", thread, "And this")
    take_back(evening, "ruth", thread)
    morning(evening)
    assert len(mail_server.received) == 1


@pytest.mark.parametrize("which", [0, 1])
def test_what_waits_in_another_thread_is_told(
    evening: Desk, mail_server: MailServer, which: int
) -> None:
    threads = [evening.cast.begin_thread("ruth", "dana") for _ in range(2)]
    take_back(evening, "ruth", threads[which])
    assert latest(evening).cause_id == threads[1 - which]
    morning(evening)
    assert len(mail_server.received) == 1
    evening.cast.browser("dana").open(evening.cast.thread_url(threads[1 - which]))
    assert latest(evening).opened_at is not None


def test_what_is_to_be_tried_again_is_tried_no_more(desk: Desk, mail_server: MailServer) -> None:
    desk.give_address("dana")
    mail_server.answer = "451 later"
    thread = desk.cast.begin_thread("ruth", "dana")
    desk.work()
    take_back(desk, "ruth", thread)
    mail_server.answer = "250 OK"
    desk.hands.move(hours=1)
    desk.work()
    assert mail_server.received == []
    assert desk.states() == ["dropped"]


def test_nobody_is_reminded_of_it(desk: Desk, mail_server: MailServer) -> None:
    """The note had gone out before. That stays to be seen, and counts for how often."""
    desk.give_address("dana")
    thread = desk.cast.begin_thread("ruth", "dana")
    desk.work()
    take_back(desk, "ruth", thread)
    for _ in range(8):
        desk.hands.move(days=1)
        with desk.database.writing() as session:
            remind(session, desk.config)
        desk.work()
    assert len(mail_server.received) == 1
    assert "By mail: sent" in desk.cast.browser("dana").open("/account/notices").text


def test_somebody_told_today_is_told_again_tomorrow_only(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    take_back(desk, "ruth", _told_of(desk))
    desk.cast.begin_thread("ruth", "dana")
    assert desk.work() == 0
    assert latest(desk).state is State.PENDING
    assert morning(desk) == 1


def _told_of(desk: Desk) -> uuid.UUID:
    thread: uuid.UUID = desk.cast.begin_thread("ruth", "dana")
    desk.work()
    return thread


def test_what_had_been_opened_before_stays_opened(desk: Desk, mail_server: MailServer) -> None:
    desk.give_address("dana")
    thread = _told_of(desk)
    desk.cast.browser("dana").open(desk.cast.thread_url(thread))
    desk.hands.move(days=1)
    desk.cast.send("ruth", thread, "This one not")
    take_back(desk, "ruth", thread, 2)
    assert desk.states() == ["sent", "dropped"]
