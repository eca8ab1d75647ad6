"""What went wrong is seen by those who can mend it: client, care team, administrator."""

from dataclasses import replace

from portal.core.ids import short
from portal.notifications.models import Channel
from portal.notifications.opening import opened
from portal.notifications.outgoing import deliver
from tests.notifications.desk import Desk
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


def test_nobody_else_sees_it(desk: Desk, gateway: Gateway) -> None:
    a_dead_number(desk, gateway)
    assert "could not reach" not in desk.cast.browser("mateo").open("/").text
    assert (
        "could not reach" not in desk.cast.browser("luis").open(desk.cast.client_url("mateo")).text
    )


def test_the_administrator_sees_what_waits_and_why(
    desk: Desk, gateway: Gateway, mail_server: MailServer
) -> None:
    tom = desk.cast.browser("tom")
    assert "Nothing has been sent yet." in tom.open("/delivery").text
    desk.give_address("ruth", "ruth@example.org")
    desk.point("ruth")
    deliver(desk.database, desk.config, desk.pointers()[-1].id)
    gateway.status = 503
    for number, name in enumerate(("dana", "mateo", "luis", "helen")):
        desk.give_address(name, f"+1555010000{number}", Channel.SMS)
        desk.point(name)
        deliver(desk.database, desk.config, desk.pointers()[-1].id)
    desk.hands.move(minutes=5)
    page = tom.open("/delivery").text
    assert "It works." in page
    assert "The last try did not work." in page or "Nothing is lost" in page
    assert "sms_503: 3" in page
    assert "minutes" in page


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
