"""When pointers go out: in the hours that somebody chose, not too often, and not for nothing."""

import datetime as dt

import pytest
from sqlalchemy import delete, select, update

from portal.core.ids import new_id
from portal.notifications.models import (
    Address,
    Channel,
    Contact,
    ContactProblem,
    HoldReason,
    JoinedCause,
    Pointer,
    PointerHold,
    Rhythm,
)
from portal.notifications.opening import opened
from portal.notifications.preferences import move_pending
from portal.notifications.reminders import PAUSE, remind
from portal.notifications.services import sweep
from tests.notifications.desk import Desk, denver
from tests.servers import Gateway, MailServer

MOBILE = "+13035550142"


def test_what_comes_at_ten_in_the_evening_is_told_at_nine_in_the_morning(
    desk: Desk, gateway: Gateway
) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    desk.hands.now = denver(2026, 3, 4, 22)
    thread = desk.cast.begin_thread("ruth", "dana", text="Not for a lock screen")
    desk.cast.send("ruth", thread, "And one more thing")
    assert desk.work() == 0
    desk.hands.now = denver(2026, 3, 5, 8, 59)
    assert desk.work() == 0
    desk.hands.now = denver(2026, 3, 5, 9)
    assert desk.work() == 1
    ((_, body),) = gateway.received
    assert body == {"to": MOBILE, "text": "A note is waiting for you."}
    assert desk.work() == 0


def test_somebody_elsewhere_is_told_by_their_own_clock(desk: Desk) -> None:
    desk.give_address("dana")
    desk.prefer("dana", time_zone="America/New_York")
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    assert desk.pointers()[0].due_at == denver(2026, 3, 5, 7)


def test_one_day_has_one_telling_however_much_happens(desk: Desk, mail_server: MailServer) -> None:
    desk.give_address("dana")
    for _ in range(5):
        desk.point("dana")
        desk.work()
        desk.hands.move(hours=1)
    assert len(mail_server.received) == 1
    desk.hands.now = denver(2026, 3, 5, 9)
    desk.work()
    assert len(mail_server.received) == 2
    assert desk.states() == ["sent", "sent"]


@pytest.mark.parametrize(
    ("choice", "due"),
    [
        ({"rhythm": Rhythm.EACH}, denver(2026, 3, 4, 12)),
        ({"rhythm": Rhythm.WEEKLY}, denver(2026, 3, 11, 9)),
        ({"days": 0b1000000}, denver(2026, 3, 8, 9)),
        ({"quiet_from": 11 * 60, "quiet_until": 18 * 60}, denver(2026, 3, 5, 0)),
    ],
)
def test_people_choose_days_and_how_often(
    desk: Desk, choice: dict[str, object], due: dt.datetime
) -> None:
    desk.give_address("dana")
    desk.prefer("dana", **choice | {"quiet_from": 21 * 60} if "days" in choice else choice)
    with desk.database.writing() as session:
        desk_row = _pointer_sent_at(desk, denver(2026, 3, 4, 10))
        session.add(desk_row)
    desk.point("dana")
    assert desk.pointers()[-1].due_at == due


def _pointer_sent_at(desk: Desk, moment: dt.datetime) -> Pointer:
    return Pointer(
        id=new_id(),
        clinic_id=desk.cast.clinic.id,
        recipient_id=desk.cast.ids["dana"],
        channel=Channel.EMAIL,
        kind="waiting",
        cause_kind="thread",
        cause_id=new_id(),
        created_at=moment,
        due_at=moment,
        state="sent",
        attempts=1,
        sent_at=moment,
    )


@pytest.mark.parametrize("how", ["chosen", "held", "no address"])
def test_whoever_is_not_to_be_told_is_not(desk: Desk, how: str) -> None:
    desk.give_address("dana")
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    if how == "chosen":
        desk.prefer("dana", contact=Contact.NONE)
    elif how == "held":
        with desk.database.writing() as session:
            session.add(
                PointerHold(
                    user_id=desk.cast.ids["dana"],
                    clinic_id=desk.cast.clinic.id,
                    reason=HoldReason.SOMEBODY_ELSE,
                    since=desk.hands.now,
                )
            )
    else:
        with desk.database.writing() as session:
            session.execute(delete(Address))
    desk.hands.now = denver(2026, 3, 5, 9)
    desk.work()
    assert desk.states() == ["dropped"]
    desk.point("dana")
    assert desk.states() == ["dropped"]


def test_what_the_queue_kept_until_the_evening_waits_for_the_morning(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    desk.point("dana")
    desk.hands.now = denver(2026, 3, 4, 23)
    desk.work()
    assert mail_server.received == []
    (pointer,) = desk.pointers()
    assert (pointer.due_at, pointer.attempts) == (denver(2026, 3, 5, 9), 0)
    desk.hands.now = pointer.due_at
    desk.work()
    assert len(mail_server.received) == 1


def test_what_could_not_be_sent_in_the_evening_makes_room_for_what_came_since(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    desk.hands.now = denver(2026, 3, 4, 20, 59)
    desk.point("dana")
    mail_server.answer = "451 later"
    desk.work()
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    desk.work()
    assert desk.states() == ["dropped", "pending"]
    mail_server.answer = "250 OK"
    desk.hands.now = denver(2026, 3, 5, 9)
    desk.work()
    assert len(mail_server.received) == 1


def test_a_clock_that_ran_ahead_holds_nobody_up_and_keeps_nothing_busy(desk: Desk) -> None:
    desk.give_address("dana")
    desk.hands.now = denver(2036, 3, 4, 22)
    desk.point("dana")
    desk.hands.now = denver(2026, 3, 4, 22)
    assert desk.work() == 1
    assert desk.pointers()[0].due_at == denver(2026, 3, 5, 9)
    assert desk.work() == 0


def test_an_alarm_reaches_staff_at_any_hour(desk: Desk, mail_server: MailServer) -> None:
    desk.give_address("ruth", "ruth@example.org")
    desk.hands.now = denver(2026, 3, 4, 23)
    desk.point("ruth")
    assert desk.work() == 0
    desk.point("ruth", urgent=True)
    assert desk.work() == 1
    assert len(mail_server.received) == 1
    assert desk.states() == ["sent"], "what waited for the morning went along"


def test_an_alarm_is_never_for_a_client(desk: Desk) -> None:
    desk.give_address("dana")
    with pytest.raises(ValueError, match="only staff"):
        desk.point("dana", urgent=True)
    assert desk.pointers() == []


def test_what_was_opened_before_the_morning_is_not_told(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    desk.hands.now = denver(2026, 3, 4, 22)
    thread = desk.cast.begin_thread("ruth", "dana")
    desk.cast.browser("dana").open(desk.cast.thread_url(thread))
    assert desk.states() == ["dropped"]
    desk.hands.now = denver(2026, 3, 5, 9)
    desk.work()
    assert mail_server.received == []


def test_what_was_told_is_known_to_be_opened(desk: Desk) -> None:
    desk.give_address("dana")
    thread = desk.cast.begin_thread("ruth", "dana")
    desk.work()
    desk.hands.move(hours=2)
    desk.cast.browser("dana").open(desk.cast.thread_url(thread))
    (pointer,) = desk.pointers()
    assert (pointer.state, pointer.opened_at) == ("sent", desk.hands.now)


def test_what_one_of_the_team_has_opened_none_of_them_is_told(desk: Desk) -> None:
    desk.give_address("ruth", "ruth@example.org")
    desk.give_address("helen", "helen@example.org")
    desk.hands.now = denver(2026, 3, 4, 22)
    thread = desk.cast.begin_thread("dana", "dana")
    assert desk.states() == ["pending", "pending"]
    desk.cast.browser("ruth").open(desk.cast.thread_url(thread))
    assert desk.states() == ["dropped", "dropped"]


@pytest.mark.parametrize("first", [0, 1])
def test_a_telling_of_two_things_waits_until_both_are_opened(desk: Desk, first: int) -> None:
    desk.give_address("dana")
    desk.hands.now = denver(2026, 3, 4, 22)
    causes = [desk.point("dana"), desk.point("dana")]
    assert desk.states() == ["pending"]
    _open(desk, causes[first])
    assert desk.states() == ["pending"]
    _open(desk, causes[1 - first])
    assert desk.states() == ["dropped"]
    with desk.database.reading() as session:
        assert session.scalars(select(JoinedCause)).all() == []


def _open(desk: Desk, cause: object) -> None:
    with desk.database.writing() as session:
        opened(session, desk.cast.ids["dana"], "thread", cause)  # type: ignore[arg-type]


def test_a_thing_that_is_opened_between_two_tries_is_not_tried_again(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    cause = desk.point("dana")
    mail_server.answer = "451 later"
    desk.work()
    _open(desk, cause)
    mail_server.answer = "250 OK"
    desk.hands.move(hours=1)
    desk.work()
    assert desk.states() == ["dropped"]
    assert mail_server.received == []


def test_a_page_with_nothing_new_asks_nothing_about_pointers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.give_address("dana")
    thread = desk.cast.begin_thread("ruth", "dana")
    dana = desk.cast.browser("dana")
    asked: list[object] = []
    monkeypatch.setattr("portal.threads.services.marking.opened", lambda *args: asked.append(args))
    for _ in range(3):
        dana.open(desk.cast.thread_url(thread))
    assert len(asked) == 1


def test_a_new_choice_moves_what_is_on_its_way(desk: Desk) -> None:
    desk.give_address("dana")
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    desk.prefer("dana", quiet_from=0, quiet_until=0)
    with desk.database.writing() as session:
        move_pending(session, desk.cast.ids["dana"])
    assert desk.pointers()[0].due_at == desk.hands.now
    desk.prefer("dana", contact=Contact.NONE)
    with desk.database.writing() as session:
        move_pending(session, desk.cast.ids["dana"])
    assert desk.states() == ["dropped"]


def reminded(desk: Desk) -> int:
    with desk.database.writing() as session:
        return remind(session, desk.config)


def problems(desk: Desk) -> list[ContactProblem]:
    with desk.database.reading() as session:
        return list(session.scalars(select(ContactProblem).order_by(ContactProblem.id)))


def test_what_stays_unopened_is_reminded_of_once_and_then_a_person_is_told(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    desk.point("dana")
    desk.work()
    assert reminded(desk) == 0, "not at once"
    desk.hands.move(days=3)
    assert reminded(desk) == 1
    assert reminded(desk) == 0, "once"
    desk.work()
    assert [pointer.reminder for pointer in desk.pointers()] == [0, 1]
    assert mail_server.received[0].get_content() == mail_server.received[1].get_content()
    desk.hands.move(days=3)
    reminded(desk)
    (problem,) = problems(desk)
    assert (problem.code, problem.channel) == ("unopened", Channel.EMAIL)
    desk.hands.move(days=30)
    reminded(desk)
    desk.work()
    assert len(mail_server.received) == 2
    assert len(problems(desk)) == 1


def test_three_reminders_in_a_row_are_the_most(desk: Desk) -> None:
    desk.give_address("dana")
    for _ in range(5):
        desk.point("dana")
        desk.work()
        desk.hands.now += PAUSE
        reminded(desk)
        desk.work()
        desk.hands.move(days=1)
    assert max(pointer.reminder for pointer in desk.pointers()) == 3
    assert len(problems(desk)) == 1


def test_opening_anything_begins_the_count_anew_and_ends_the_task(desk: Desk) -> None:
    desk.give_address("dana")
    cause = desk.point("dana")
    for _ in range(2):
        desk.work()
        desk.hands.now += PAUSE
        reminded(desk)
    assert problems(desk)[0].resolved_at is None
    _open(desk, cause)
    assert problems(desk)[0].resolved_by == desk.cast.ids["dana"]
    desk.point("dana")
    desk.work()
    desk.hands.now += PAUSE
    reminded(desk)
    assert desk.pointers()[-1].reminder == 1


def test_a_task_that_a_person_has_dealt_with_does_not_come_back(desk: Desk) -> None:
    desk.give_address("dana")
    desk.point("dana")
    for _ in range(2):
        desk.work()
        desk.hands.now += PAUSE
        reminded(desk)
    with desk.database.writing() as session:
        session.execute(update(ContactProblem).values(resolved_at=desk.hands.now))
    desk.hands.move(days=5)
    assert reminded(desk) == 0
    assert len(problems(desk)) == 1


def test_staff_are_not_reminded(desk: Desk) -> None:
    desk.give_address("ruth", "ruth@example.org")
    desk.point("ruth")
    desk.work()
    desk.hands.move(days=10)
    assert reminded(desk) == 0


def test_whoever_is_no_longer_to_be_told_is_not_reminded(desk: Desk) -> None:
    desk.give_address("dana")
    desk.point("dana")
    desk.work()
    desk.prefer("dana", contact=Contact.NONE)
    desk.hands.move(days=4)
    assert reminded(desk) == 0


def test_what_waits_until_morning_wakes_nobody(desk: Desk) -> None:
    desk.give_address("dana")
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    with desk.database.writing() as session:
        assert sweep(session, desk.config) == 0
