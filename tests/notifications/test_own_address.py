"""An address is used once its owner typed back the code that was sent there."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.notifications import addresses, formats, problems
from portal.notifications.models import Address, AddressProof, Channel
from tests.notifications.desk import Desk, denver
from tests.notifications.own_page import (
    CODE,
    MOBILE,
    at_the_page,
    channels,
    code_from,
    confirm,
    enter,
)
from tests.servers import Gateway, MailServer

pytestmark = pytest.mark.usefixtures("counting_in_this_process")


def test_a_number_is_used_once_its_owner_typed_back_the_code(desk: Desk, gateway: Gateway) -> None:
    dana = at_the_page(desk)
    desk.hands.now = denver(2026, 3, 4, 23)
    dana = at_the_page(desk)
    assert "…42" in enter(dana)
    assert channels(desk) == []
    code = code_from(desk, gateway)
    assert gateway.received[0][1]["to"] == MOBILE, "a code that somebody waits for comes at once"
    assert confirm(dana, f"{code[:3]} {code[3:]}") == 200
    assert channels(desk) == [Channel.SMS]
    assert "…42" in dana.open("/account/notices").text
    desk.point("dana")
    desk.hands.now = denver(2026, 3, 5, 9)
    desk.work()
    assert gateway.received[-1][1] == {"to": MOBILE, "text": "A note is waiting for you."}


def test_a_mail_address_too_and_in_the_language_of_its_owner(
    desk: Desk, mail_server: MailServer
) -> None:
    mateo = at_the_page(desk, "mateo")
    enter(mateo, "Mateo@example.org", "email")
    desk.work()
    (mail,) = mail_server.received
    assert (mail["To"], mail["Subject"]) == ("Mateo@example.org", "Su código")
    found = CODE.search(mail.get_content())
    assert found
    assert confirm(mateo, found[0], "email") == 200
    assert "M…@example.org" in mateo.open("/account/notices").text


def test_the_address_is_nowhere_on_the_page_or_in_the_database(
    desk: Desk, gateway: Gateway
) -> None:
    dana = at_the_page(desk)
    page = enter(dana)
    assert "5550142" not in page
    code = code_from(desk, gateway)
    with desk.database.reading() as session:
        row = session.scalars(select(AddressProof)).one()
        kept = b"".join([row.sealed, row.hint, row.lookup, row.code_sealed, row.code_hash])
    assert b"5550142" not in kept
    assert code.encode() not in kept


NO_ADDRESSES = [
    ("sms", "12"), ("sms", "not a number"), ("sms", "+1 900 555 0142"), ("sms", "9" * 400),
    ("email", "dana"), ("email", "a@b"), ("email", "a@example.org\r\nBcc: x@example.org"),
    ("email", "Dana <dana@example.org>"), ("email", "a@example.org,b@example.org"),
    ("email", ".a@example.org"), ("email", "ñ@example.org"), ("pigeon", "a@example.org"),
]  # fmt: skip


def test_what_is_no_address_is_refused_and_stays_in_its_box(desk: Desk) -> None:
    dana = at_the_page(desk)
    for channel, typed in NO_ADDRESSES:
        page = enter(dana, typed, channel)
        assert dana.page.status_code == 422, typed
        assert channel == "pigeon" or 'aria-describedby="problem"' in page, typed
    assert desk.pointers() == []


def test_a_wrong_code_opens_nothing_and_five_are_the_most(desk: Desk, gateway: Gateway) -> None:
    dana = at_the_page(desk)
    enter(dana)
    code = code_from(desk, gateway)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(addresses.MOST_TRIES):
        assert confirm(dana, wrong) == 422
    assert confirm(dana, code) == 422
    assert channels(desk) == []


def test_a_code_is_good_for_half_an_hour(desk: Desk, gateway: Gateway) -> None:
    dana = at_the_page(desk)
    enter(dana)
    code = code_from(desk, gateway)
    desk.hands.move(minutes=29)
    dana.open("/account/notices")
    desk.hands.move(minutes=1)
    assert confirm(dana, code) == 422
    with desk.database.writing() as session:
        assert addresses.forget_expired(session, desk.config) == 1


def test_a_code_that_the_queue_kept_too_long_is_not_sent(desk: Desk, gateway: Gateway) -> None:
    enter(at_the_page(desk))
    desk.hands.move(minutes=31)
    desk.work()
    assert gateway.received == []
    assert desk.states() == ["dropped"]


def test_of_two_codes_only_the_newer_goes_out_and_works(desk: Desk, gateway: Gateway) -> None:
    dana = at_the_page(desk)
    enter(dana)
    enter(dana, "(303) 555-0199")
    code = code_from(desk, gateway)
    assert [body["to"] for _, body in gateway.received] == ["+13035550199"]
    assert confirm(dana, code) == 200


def test_a_code_is_for_one_person_and_one_channel(desk: Desk, gateway: Gateway) -> None:
    dana, mateo = at_the_page(desk), at_the_page(desk, "mateo")
    enter(dana)
    code = code_from(desk, gateway)
    enter(mateo, "mateo@example.org", "email")
    assert confirm(mateo, code) == 422
    assert confirm(mateo, code, "email") == 422
    with desk.database.writing() as session:
        session.execute(update(AddressProof).values(code_hash=b"\0" * 32))
    assert confirm(dana, code) == 422


def test_nobody_has_codes_sent_to_a_stranger_all_day(desk: Desk) -> None:
    for name in ("dana", "mateo"):
        browser = at_the_page(desk, name)
        for _ in range(2):
            enter(browser)
    assert browser.page.status_code == 429


def stop(desk: Desk, number: str = MOBILE) -> None:
    with desk.database.writing() as session:
        found_by = formats.lookup(desk.cast.keyring, Channel.SMS, number)
        problems.stop(session, found_by, Channel.SMS)


@pytest.mark.parametrize("name", ["dana", "mateo", "ruth"])
def test_a_number_that_said_stop_is_sent_no_code_whoever_enters_it(
    desk: Desk, gateway: Gateway, name: str
) -> None:
    stop(desk)
    if name == "dana":
        desk.give_address("dana", MOBILE, Channel.SMS)
    browser = at_the_page(desk, name)
    page = enter(browser)
    assert browser.page.status_code == 422
    assert "START" in page
    assert (desk.work(), gateway.received, desk.pointers()) == (0, [], [])
    with desk.database.writing() as session:
        problems.start(session, formats.lookup(desk.cast.keyring, Channel.SMS, MOBILE), Channel.SMS)
    enter(browser)
    assert confirm(browser, code_from(desk, gateway)) == 200


def test_a_code_that_is_on_its_way_stays_away_from_a_number_that_says_stop(
    desk: Desk, gateway: Gateway
) -> None:
    enter(at_the_page(desk))
    stop(desk)
    desk.work()
    assert gateway.received == []
    assert desk.states() == ["dropped"]


def test_typing_a_code_does_not_take_back_a_stop(desk: Desk, gateway: Gateway) -> None:
    dana = at_the_page(desk)
    enter(dana)
    code = code_from(desk, gateway)
    stop(desk)
    assert confirm(dana, code) == 200
    assert "You said STOP" in dana.open("/account/notices").text
    desk.point("dana")
    assert len(desk.pointers()) == 1


def test_what_was_proved_is_used_until_the_new_one_is(desk: Desk, gateway: Gateway) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    dana = at_the_page(desk)
    enter(dana, "(303) 555-0199")
    desk.point("dana")
    desk.work()
    assert {body["to"] for _, body in gateway.received} == {MOBILE, "+13035550199"}


def test_an_address_can_be_taken_away(desk: Desk, gateway: Gateway) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    dana = at_the_page(desk)
    dana.post("/account/notices/remove", channel="sms")
    assert dana.page.status_code == 200
    assert (channels(desk), desk.states()) == ([], ["dropped"])


def test_two_people_may_share_a_number(desk: Desk, gateway: Gateway) -> None:
    """Two sisters with one phone, if neither is asked."""
    for name in ("dana", "mateo"):
        browser = at_the_page(desk, name)
        enter(browser)
        assert confirm(browser, code_from(desk, gateway)) == 200
    with desk.database.reading() as session:
        assert _distinct_lookups(session) == 1


def _distinct_lookups(session: Session) -> int:
    return len(set(session.scalars(select(Address.lookup))))
