"""What went wrong is seen by those who can mend it: client, care team, administrator."""

import re
from dataclasses import replace

from sqlalchemy import delete, update

from bench.plans import recorded
from portal.core.ids import short
from portal.notifications import ownership
from portal.notifications.models import Address, Channel, HoldReason, Pointer, State
from portal.notifications.opening import opened
from portal.notifications.outgoing import deliver
from portal.notifications.reminders import remind
from tests.home.test_first_pages import names_in_order
from tests.notifications.desk import Desk, denver
from tests.servers import Gateway, MailServer


def a_dead_number(desk: Desk, gateway: Gateway) -> None:
    gateway.status = 410
    desk.give_address("dana", "+15550177", Channel.SMS)
    desk.point("dana")
    deliver(desk.database, desk.config, desk.pointers()[-1].id)


def test_client_and_team_see_that_the_phone_was_not_reached(desk: Desk, gateway: Gateway) -> None:
    a_dead_number(desk, gateway)
    assert "We could not reach your phone" in desk.cast.browser("dana").open("/").text
    page = desk.cast.browser("ruth").open(desk.cast.client_url("dana")).text
    assert "We could not reach their phone" in page
    desk.give_address("dana", "+15550178", Channel.SMS)
    assert "could not reach" not in desk.cast.browser("dana").open("/").text


def test_client_and_team_see_what_became_of_each_telling(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    cause = desk.point("dana")
    desk.work()
    desk.hands.move(hours=2)
    assert "By mail: sent" in desk.cast.browser("dana").open("/account/notices").text
    with desk.database.writing() as session:
        opened(session, desk.cast.ids["dana"], "thread", cause)
    desk.point("dana")
    for name, address in (
        ("dana", "/account/notices"),
        ("ruth", f"{desk.cast.client_url('dana')}/contact"),
    ):
        page = desk.cast.browser(name).open(address).text
        assert "By mail: sent, opened" in page
        assert "By mail: goes out" in page
    assert len(mail_server.received) == 1
    with desk.database.writing() as session:
        opened(session, desk.cast.ids["dana"], "thread", desk.pointers()[-1].cause_id)
    page = desk.cast.browser("dana").open("/account/notices").text
    assert "By mail: not needed, it was opened before" in page
    assert "By mail:" not in desk.cast.browser("mateo").open("/account/notices").text


def test_a_dead_number_stands_in_the_list(desk: Desk, gateway: Gateway) -> None:
    a_dead_number(desk, gateway)
    page = desk.cast.browser("ruth").open(f"{desk.cast.client_url('dana')}/contact").text
    assert "By text message: did not arrive" in page
    assert "5550177" not in page


def row_of(page: str, name: str) -> str:
    """What stands in the clinician's list about a client."""
    return page.partition(f">{name}</a>")[2].partition("<li>")[0]


def test_the_care_teams_list_says_whose_phone_does_not_work(desk: Desk, gateway: Gateway) -> None:
    assert "could not reach" not in desk.cast.browser("ruth").open("/").text
    a_dead_number(desk, gateway)
    desk.hands.move(days=2)
    ruth, helen, luis = (desk.cast.browser(name) for name in ("ruth", "helen", "luis"))
    for browser in (ruth, helen):
        row = row_of(browser.open("/").text, "Dana")
        assert "We could not reach their phone. Ask for another number." in row
        assert "<mark>2 days</mark>" in row
        assert "Waiting since" not in row, "nobody waits for an answer"
    assert "could not reach" not in row_of(ruth.open("/").text, "Mateo")
    assert "could not reach" not in luis.open("/").text
    desk.give_address("dana", "+15550178", Channel.SMS)
    assert "could not reach" not in ruth.open("/").text


def test_the_list_says_who_opens_nothing_once_for_all_ways(
    desk: Desk, gateway: Gateway, mail_server: MailServer
) -> None:
    desk.give_address("dana")
    desk.give_address("dana", "+15550177", Channel.SMS)
    desk.point("dana")
    for _ in range(9):
        desk.work()
        with desk.database.writing() as session:
            remind(session, desk.config)
        desk.hands.move(days=1)
    row = row_of(desk.cast.browser("ruth").open("/").text, "Dana")
    assert row.count("They opened none of our last notes. Please try another way.") == 1
    with desk.database.writing() as session:
        opened(session, desk.cast.ids["dana"], "thread", desk.pointers()[0].cause_id)
    assert "opened none" not in desk.cast.browser("ruth").open("/").text


def test_whoever_is_not_reached_stands_among_those_who_wait_by_how_long(
    desk: Desk, gateway: Gateway
) -> None:
    desk.cast.begin_thread("mateo", "mateo")
    desk.hands.move(days=1)
    a_dead_number(desk, gateway)
    desk.hands.move(hours=1)
    ruth = desk.cast.browser("ruth")
    assert names_in_order(ruth.open("/").text) == ["Mateo", "Dana"]
    desk.cast.begin_thread("dana", "dana")
    row = row_of(ruth.open("/").text, "Dana")
    assert "could not reach" in row
    assert "Waiting since" in row
    assert "<mark>1 hour</mark>" in row


def test_the_longest_silent_of_all_stands_first(desk: Desk, gateway: Gateway) -> None:
    a_dead_number(desk, gateway)
    desk.hands.move(hours=2)
    desk.cast.begin_thread("mateo", "mateo")
    assert names_in_order(desk.cast.browser("ruth").open("/").text) == ["Dana", "Mateo"]


def test_the_list_looks_once_for_all_who_are_not_reached(desk: Desk, gateway: Gateway) -> None:
    desk.give_address("ruth", "ruth@example.org")
    ruth = desk.cast.browser("ruth")
    ruth.open("/")
    numbers: list[int] = []
    for name in ("", "dana", "mateo"):
        if name:
            desk.give_address(name, f"+1555017{len(name)}", Channel.SMS)
            gateway.status = 410
            desk.point(name)
            desk.work()
        with recorded(desk.database.engine) as asked:
            shown = ruth.open("/").text
        assert shown.count("could not reach") == len(numbers)
        numbers.append(len(asked))
        about = [one.statement for one in asked if "contact_problems" in one.statement]
        assert len(about) == 2, "the clients', and one's own"
        assert not any("max(" in one.lower() or "count(" in one.lower() for one in about)
    assert len(set(numbers)) == 1


def test_the_team_is_not_told_of_a_way_that_does_not_work(desk: Desk, gateway: Gateway) -> None:
    desk.give_address("dana")
    url = f"{desk.cast.client_url('dana')}/contact"
    ways = re.compile("<li><b>(.*?)</b>")

    def standing() -> str | None:
        found = ways.search(desk.cast.browser("ruth").open(url).text)
        return found and found[1]

    assert standing() == "By mail"
    a_dead_number(desk, gateway)
    assert standing() == "By mail"
    with desk.database.writing() as session:
        session.execute(delete(Address).where(Address.channel == Channel.EMAIL))
    assert standing() == "No place of theirs works. Nothing reaches them."
    with desk.database.writing() as session:
        session.execute(delete(Address))
    assert standing() == "Has given no place yet. Looks in here."


def test_whoever_is_sent_nothing_does_not_read_that_we_tell_them_somewhere(desk: Desk) -> None:
    desk.give_address("dana")
    assert "We tell you at" in desk.cast.browser("dana").open("/account/notices").text
    with desk.database.writing() as session:
        ownership.hold(session, desk.cast.ids["dana"], desk.cast.clinic.id, HoldReason.GUARDIAN)
    shown = desk.cast.browser("dana").open("/account/notices").text
    assert "We send you nothing" in shown
    assert "We tell you at" not in shown


def test_nobody_else_sees_it(desk: Desk, gateway: Gateway) -> None:
    a_dead_number(desk, gateway)
    assert "could not reach" not in desk.cast.browser("mateo").open("/").text
    assert (
        "could not reach" not in desk.cast.browser("luis").open(desk.cast.client_url("mateo")).text
    )


def delivery(desk: Desk, channel: str) -> tuple[str, dict[str, str]]:
    """What the administrator's page says of a channel: how it goes, and the figures, marked with
    an exclamation mark if they are marked there."""
    page = desk.cast.browser("tom").open("/delivery").text
    part = page.partition(f"<h2>{channel}</h2>")[2].partition("<h2>")[0]
    rows = re.findall(r"<tr><td>(.*?)</td><td>(<mark>|<b>)(.*?)</", part)
    return part, {name: value + ("!" if mark == "<mark>" else "") for name, mark, value in rows}


def test_the_administrator_sees_what_waits_and_why(
    desk: Desk, gateway: Gateway, mail_server: MailServer
) -> None:
    assert "Nothing has been sent yet." in delivery(desk, "Mail")[0]
    desk.give_address("ruth", "ruth@example.org")
    desk.point("ruth")
    deliver(desk.database, desk.config, desk.pointers()[-1].id)
    gateway.status = 503
    for number, name in enumerate(("dana", "mateo", "luis", "helen")):
        desk.give_address(name, f"+1555010000{number}", Channel.SMS)
        desk.point(name)
        deliver(desk.database, desk.config, desk.pointers()[-1].id)
    mail, figures = delivery(desk, "Mail")
    assert "<mark>" not in mail
    assert "It works." in mail
    assert (figures["Sent in 7 days"], figures["Due now"]) == ("1", "0")
    texts, figures = delivery(desk, "Texts")
    assert "<mark>It does not work. Nothing is lost; all waits.</mark>" in texts
    assert "sms_503: 3" in texts
    assert figures["Tried, and tried again later"] == "3"
    assert figures["Due now"] == "1"
    assert figures["Waiting for their time"] == "0"
    assert figures["The oldest of these has waited for"] == "0 minutes"
    desk.hands.move(minutes=5)
    assert delivery(desk, "Texts")[1]["The oldest of these has waited for"] == "5 minutes"
    desk.hands.move(minutes=6)
    assert delivery(desk, "Texts")[1]["The oldest of these has waited for"] == "11 minutes!"


def test_what_is_tried_again_and_again_is_seen_by_its_first_try(
    desk: Desk, mail_server: MailServer
) -> None:
    """Also if each note gives way to the one of the next day."""
    desk.give_address("ruth", "ruth@example.org")
    desk.give_address("dana")
    desk.point("ruth")
    desk.work()
    mail_server.answer = "452 4.2.2 mailbox full"
    for _ in range(2):
        desk.point("dana")
        for _ in range(4):
            desk.work()
            desk.hands.move(hours=6)
    desk.hands.move(hours=3)
    desk.work()
    shown, figures = delivery(desk, "Mail")
    assert "<mark>It works, but not for all: some are tried again.</mark>" in shown
    assert figures["Tried, and tried again later"] == "1"
    assert figures["Due now"] == "0"
    assert figures["The oldest of these has waited for"] == "2 days!"


def test_what_nobody_sends_is_marked(desk: Desk, mail_server: MailServer) -> None:
    desk.give_address("ruth", "ruth@example.org")
    desk.point("ruth")
    desk.work()
    desk.give_address("dana")
    desk.point("dana")
    desk.hands.move(minutes=9)
    shown, figures = delivery(desk, "Mail")
    assert "It works." in shown
    assert figures["Due now"] == "1"
    desk.hands.move(hours=5)
    shown, figures = delivery(desk, "Mail")
    assert "<mark>Nothing goes out. See whether the worker runs.</mark>" in shown
    assert figures["Due now"] == "1!"
    assert figures["The oldest of these has waited for"] == "5 hours!"


def test_a_claim_whose_worker_died_is_overdue(desk: Desk, mail_server: MailServer) -> None:
    desk.give_address("dana")
    desk.point("dana")
    with desk.database.writing() as session:
        session.execute(
            update(Pointer).values(
                state=State.SENDING, tried_at=desk.hands.now, due_at=desk.hands.now
            )
        )
    desk.hands.move(minutes=30)
    assert "Nothing goes out." in delivery(desk, "Mail")[0]


def test_what_waits_for_the_morning_is_not_late(desk: Desk, mail_server: MailServer) -> None:
    desk.give_address("dana")
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    desk.hands.move(hours=5)
    shown, figures = delivery(desk, "Mail")
    assert "<mark>" not in shown
    assert figures["Waiting for their time"] == "1"
    assert figures["The oldest of these has waited for"] == "–"


def test_the_page_names_nobody(desk: Desk, gateway: Gateway) -> None:
    a_dead_number(desk, gateway)
    page = desk.cast.browser("tom").open("/delivery").text
    assert "Dana" not in page
    assert "5550177" not in page
    assert short(desk.cast.ids["dana"]) not in page


def test_an_administrator_sees_only_their_own_clinics_numbers(desk: Desk) -> None:
    from portal.notifications import health

    desk.config = replace(desk.config, smtp_url=None)
    desk.give_address("dana")
    desk.point("dana")
    with desk.database.reading() as session:
        own = health.channels(session, desk.cast.clinic.id)
        another = health.channels(session, desk.cast.ids["dana"])
    assert [one.due for one in own] == [1, 0]
    assert [one.due for one in another] == [0, 0]
