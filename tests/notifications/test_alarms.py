"""A danger alarm never vanishes: it is tried whatever failed before, and whoever cannot be reached
knows it, as does the administrator."""

import re

import pytest
from sqlalchemy import select

from portal.accounts.models import Disablement
from portal.core.ids import short
from portal.notifications import problems
from portal.notifications.models import Address, Channel, ContactProblem, Fault, State
from portal.notifications.queries import staff_without_address
from tests.notifications.caller import latest, rows
from tests.notifications.desk import Desk, denver
from tests.notifications.own_page import at_the_page, code_from, confirm, enter
from tests.servers import Gateway, MailServer

GONE = "550 5.1.1 nobody here"
MAIL_FAILS = "We could not reach your mail address. Please check it here."
NO_MESSAGE = "These colleagues get no message"
NO_ADDRESS = "No message reaches you, not even an alarm."


@pytest.fixture
def ruths_dead_mail(desk: Desk, mail_server: MailServer) -> MailServer:
    """Ruth's mail address is used no more; the mail server has got over it."""
    desk.give_address("ruth", "ruth@example.org")
    desk.point("ruth")
    mail_server.answer = GONE
    desk.work()
    assert latest(desk).fault is Fault.DEAD
    mail_server.answer = "250 OK"
    desk.hands.move(days=1)
    return mail_server


def stop(desk: Desk, name: str) -> None:
    with desk.database.writing() as session:
        lookup = session.scalar(
            select(Address.lookup).where(Address.user_id == desk.cast.ids[name])
        )
        assert lookup is not None
        problems.stop(session, lookup, Channel.SMS)


def test_an_alarm_is_tried_even_where_mail_was_refused_before(
    desk: Desk, ruths_dead_mail: MailServer
) -> None:
    desk.point("ruth")
    assert len(desk.pointers()) == 1, "what is no alarm is not sent there"
    desk.point("ruth", urgent=True)
    assert desk.work() == 1
    assert latest(desk).state is State.SENT
    assert len(ruths_dead_mail.received) == 1


def test_an_alarm_that_joins_what_waits_is_tried_too(desk: Desk, mail_server: MailServer) -> None:
    """The address turned out to be dead while something waited for the morning."""
    desk.give_address("ruth", "ruth@example.org")
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("ruth")
    with desk.database.writing() as session:
        problems.open_task(session, session.merge(latest(desk)), problems.DEAD)
    desk.point("ruth", urgent=True)
    desk.work()
    assert desk.states() == ["sent"]


def test_each_alarm_is_tried_and_makes_no_second_task(
    desk: Desk, ruths_dead_mail: MailServer
) -> None:
    ruths_dead_mail.answer = GONE
    for _ in range(2):
        desk.point("ruth", urgent=True)
        desk.work()
        desk.hands.move(hours=1)
    assert desk.states() == ["failed"] * 3
    assert len(rows(desk, ContactProblem)) == 1


def test_an_alarm_to_be_tried_again_does_not_wait_for_the_morning_because_of_a_note(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.give_address("ruth", "ruth@example.org")
    desk.prefer("ruth", rhythm="each")
    mail_server.answer = "451 4.7.1 come back later"
    desk.hands.now = denver(2026, 3, 4, 20, 50)
    desk.point("ruth", urgent=True)
    desk.work()
    desk.point("ruth")
    desk.work()
    mail_server.answer = "250 OK"
    desk.hands.now = denver(2026, 3, 4, 23)
    desk.work()
    assert len(mail_server.received) == 1


def test_a_stop_holds_for_alarms_too_and_is_not_kept_quiet(desk: Desk, gateway: Gateway) -> None:
    """Whoever has that number now may not be the one who works here."""
    desk.give_address("ruth", "+13035550142", Channel.SMS)
    stop(desk, "ruth")
    desk.point("ruth", urgent=True)
    assert desk.pointers() == []
    assert "No alarm reaches you by text" in desk.cast.browser("ruth").open("/").text
    assert "Not reached by phone" in desk.cast.browser("tom").open("/people").text


@pytest.mark.parametrize("page", ["/", "/account/notices"])
def test_staff_see_that_their_own_address_does_not_work(
    desk: Desk, ruths_dead_mail: MailServer, page: str
) -> None:
    ruth = desk.cast.browser("ruth")
    assert MAIL_FAILS in ruth.open(page).text
    assert "could not reach" not in desk.cast.browser("helen").open(page).text
    desk.give_address("ruth", "ruth@example.org")
    assert MAIL_FAILS not in ruth.open(page).text


def test_an_administrator_sees_that_of_their_own_address(
    desk: Desk, mail_server: MailServer
) -> None:
    mail_server.answer = GONE
    desk.give_address("tom", "tom@example.org")
    desk.point("tom")
    desk.work()
    assert MAIL_FAILS in desk.cast.browser("tom").open("/").text


@pytest.mark.parametrize("page", ["/people", "/delivery"])
def test_the_administrator_sees_which_of_the_staff_are_not_reached(
    desk: Desk, ruths_dead_mail: MailServer, page: str
) -> None:
    shown = desk.cast.browser("tom").open(page).text
    before, found, _ = shown.partition("Not reached by mail")
    assert found
    assert before.rindex(">Ruth<") > max(before.rfind(f">{name}<") for name in ("Helen", "Luis"))
    desk.give_address("ruth", "ruth@example.org")
    assert "Not reached" not in desk.cast.browser("tom").open(page).text


@pytest.mark.parametrize("page", ["/people", "/delivery"])
def test_of_clients_the_administrator_sees_no_such_thing(
    desk: Desk, mail_server: MailServer, page: str
) -> None:
    mail_server.answer = GONE
    desk.give_address("dana")
    desk.point("dana")
    desk.work()
    assert "Not reached" not in desk.cast.browser("tom").open(page).text


def test_whoever_has_left_is_not_named(desk: Desk, ruths_dead_mail: MailServer) -> None:
    with desk.database.writing() as session:
        session.add(
            Disablement(
                user_id=desk.cast.ids["ruth"],
                clinic_id=desk.cast.clinic.id,
                disabled_by=desk.cast.ids["tom"],
                disabled_at=desk.hands.now,
            )
        )
    assert "Not reached" not in desk.cast.browser("tom").open("/delivery").text


def test_another_clinics_staff_are_not_named(desk: Desk, ruths_dead_mail: MailServer) -> None:
    other = desk.cast.other_clinic
    with desk.database.reading() as session:
        assert problems.silences_of_staff(session, other.id) == []
        assert len(problems.silences_of_staff(session, desk.cast.clinic.id)) == 1


def test_a_client_is_told_on_the_page_where_it_can_be_mended(desk: Desk, gateway: Gateway) -> None:
    gateway.status = 410
    desk.give_address("dana", "+15550177", Channel.SMS)
    dana = desk.cast.browser("dana")
    assert "We tell you at" in dana.open("/account/notices").text
    desk.point("dana")
    desk.work()
    shown = dana.open("/account/notices").text
    assert "We could not reach your phone. Please check the number here." in shown
    assert "We tell you at" not in shown


def never_told(desk: Desk) -> list[str]:
    """Whom the administrator sees in the list of those who are told nothing."""
    page = desk.cast.browser("tom").open("/delivery").text
    shown = page.partition(NO_MESSAGE)[2].partition("</ul>")[0]
    return re.findall(r'<a href="/people/[^"]+">([^<]+)</a>', shown)


@pytest.mark.usefixtures("counting_in_this_process")
def test_the_administrator_sees_by_name_who_has_no_address_at_all(
    desk: Desk, gateway: Gateway
) -> None:
    desk.give_address("helen", "helen@example.org")
    assert never_told(desk) == ["Ruth", "Luis"]
    assert desk.cast.browser("tom").open("/people").text.count("Gets no message") == 2
    desk.give_address("luis", "+13035550199", Channel.SMS)
    ruth = at_the_page(desk, "ruth")
    enter(ruth)
    assert never_told(desk) == ["Ruth"], "an address that is yet to be proved tells nobody anything"
    assert confirm(ruth, code_from(desk, gateway)) == 200
    assert NO_MESSAGE not in desk.cast.browser("tom").open("/delivery").text


def test_whoever_has_no_address_is_told_so_where_they_begin(desk: Desk) -> None:
    ruth = desk.cast.browser("ruth")
    assert NO_ADDRESS in ruth.open("/").text
    desk.give_address("ruth", "ruth@example.org")
    assert NO_ADDRESS not in ruth.open("/").text
    for name in ("dana", "tom"):
        assert NO_ADDRESS not in desk.cast.browser(name).open("/").text, "to whom no alarm goes"


def test_of_those_who_left_or_have_not_come_or_work_elsewhere_nobody_is_named(desk: Desk) -> None:
    assert desk.cast.other_clinic.name == "Fjord House"
    tom = desk.cast.browser("tom")
    tom.open("/people")
    tom.post("/people", name="Quentin", role="clinician", language="en")
    tom.post(f"/people/{short(desk.cast.ids['ruth'])}/disable")
    assert never_told(desk) == ["Luis", "Helen"]
    with desk.database.reading() as session:
        theirs = staff_without_address(session, desk.cast.other_clinic.id)
    assert set(theirs) == {desk.cast.ids["olga"], desk.cast.ids["nils"]}
