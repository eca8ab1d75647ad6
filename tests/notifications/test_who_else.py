"""Who else can open what somebody reads: when it is asked, and what comes of the answer."""

import re

import pytest

from portal.notifications import ownership
from portal.notifications.models import Channel, HoldReason
from tests.notifications.desk import Desk, denver
from tests.notifications.own_page import (
    MOBILE,
    TYPED,
    add_guardian,
    at_the_page,
    channels,
    code_from,
    confirm,
    enter,
    hold,
)
from tests.servers import Gateway

pytestmark = pytest.mark.usefixtures("counting_in_this_process")


def ask_dana(desk: Desk) -> None:
    ruth = desk.cast.browser("ruth")
    ruth.open(f"{desk.cast.client_url('dana')}/contact")
    ruth.post(f"{desk.cast.client_url('dana')}/contact/ask", ask="yes")
    assert ruth.page.status_code == 200


@pytest.mark.parametrize("said", ["somebody", "unsure", ""])
def test_whoever_is_asked_and_shares_a_phone_is_sent_nothing(
    desk: Desk, gateway: Gateway, said: str
) -> None:
    ask_dana(desk)
    dana = at_the_page(desk)
    assert "Who else can open this?" in dana.page.text
    page = enter(dana, who_else=said)
    assert "We send you nothing" in page
    assert "/account/notices/slip" in page
    desk.point("dana")
    assert desk.work() == 0
    assert (hold(desk), gateway.received) == (HoldReason.SOMEBODY_ELSE, [])


def test_whoever_is_asked_and_shares_with_nobody_goes_on(desk: Desk, gateway: Gateway) -> None:
    ask_dana(desk)
    dana = at_the_page(desk)
    enter(dana, who_else="somebody")
    enter(dana, who_else="only_me")
    assert confirm(dana, code_from(desk, gateway)) == 200
    assert (channels(desk), hold(desk)) == ([Channel.SMS], None)


@pytest.mark.parametrize("said", ["somebody", ""])
def test_whoever_has_a_guardian_is_asked_without_anybody_asking_for_it(
    desk: Desk, gateway: Gateway, said: str
) -> None:
    ruth = add_guardian(desk, "+1 303 555 0199")
    assert "Ask who else can open it" in ruth.page.text, "which still makes a difference"
    dana = at_the_page(desk)
    assert dana.page.text.count("Who else can open this?") == 2
    assert "We send you nothing" in enter(dana, who_else=said)
    assert (desk.pointers(), hold(desk)) == ([], HoldReason.SOMEBODY_ELSE)
    enter(dana, who_else="only_me")
    assert confirm(dana, code_from(desk, gateway)) == 200
    assert hold(desk) is None


def test_whoever_is_on_hold_is_asked_before_a_code_goes_to_another_number(
    desk: Desk, gateway: Gateway
) -> None:
    desk.give_address("dana", "+13035550199", Channel.SMS)
    add_guardian(desk, "+1 303 555 0199")
    ruth = desk.cast.browser("ruth")
    ruth.open(f"{desk.cast.client_url('dana')}/contact")
    found = re.search(r'action="([^"]+/guardians/[^"]+/remove)"', ruth.page.text)
    assert found
    ruth.post(found[1])
    assert hold(desk) is HoldReason.GUARDIAN
    dana = at_the_page(desk)
    assert "Who else can open this?" in dana.page.text
    enter(dana)
    assert (gateway.received, desk.pointers()) == ([], [])


def test_what_is_held_is_not_said_to_be_used(desk: Desk) -> None:
    desk.give_address("dana")
    desk.give_address("dana", MOBILE, Channel.SMS)
    add_guardian(desk, MOBILE)
    page = at_the_page(desk).page.text
    assert "We send you nothing" in page
    assert "d…@example.org" in page
    assert "We tell you at" not in page


def test_whoever_has_answered_for_all_their_addresses_is_not_asked_once_more(
    desk: Desk, gateway: Gateway
) -> None:
    desk.give_address("dana", "+13035550199", Channel.SMS)
    ask_dana(desk)
    dana = at_the_page(desk)
    enter(dana, who_else="only_me")
    assert confirm(dana, code_from(desk, gateway)) == 200
    assert hold(desk) is None


@pytest.mark.parametrize("has_one", [True, False])
def test_a_code_that_was_sent_before_the_question_does_not_answer_it(
    desk: Desk, gateway: Gateway, has_one: bool
) -> None:
    if has_one:
        desk.give_address("dana", "+13035550199", Channel.SMS)
    dana = at_the_page(desk)
    enter(dana)
    code = code_from(desk, gateway)
    desk.hands.move(minutes=1)
    ask_dana(desk)
    assert confirm(dana, code) == 200
    assert hold(desk) is HoldReason.UNANSWERED
    desk.point("dana")
    assert len(desk.pointers()) == 1, "the code alone"


def test_what_is_still_asked_about_another_address_is_said(desk: Desk, gateway: Gateway) -> None:
    desk.give_address("dana")
    ask_dana(desk)
    dana = at_the_page(desk)
    enter(dana, who_else="only_me")
    assert confirm(dana, code_from(desk, gateway)) == 200
    assert "From now on we can tell you there" not in dana.page.text
    assert "Until you answer the question below, we send nothing." in dana.page.text
    assert hold(desk) is HoldReason.UNANSWERED


def test_who_is_asked_later_is_sent_nothing_before_the_answer(desk: Desk) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    ask_dana(desk)
    assert hold(desk) is HoldReason.UNANSWERED
    dana = at_the_page(desk)
    assert dana.page.text.count("Only I can") == 3, "for both channels, and for what there is"
    dana.post("/account/notices/who-else", who_else="only_me")
    assert (channels(desk), hold(desk)) == ([Channel.SMS], None)
    dana.post("/account/notices/who-else", who_else="somebody")
    assert (channels(desk), hold(desk)) == ([], HoldReason.SOMEBODY_ELSE)


@pytest.mark.parametrize(
    ("guardians", "own", "channel"),
    [
        ("+1 303-555-0142", TYPED, "sms"),
        ("Mum@Example.org", "mum+me@example.org", "email"),
        ("m.u.m@gmail.com", "MUM@gmail.com", "email"),
    ],
)
def test_a_guardians_address_is_never_used(
    desk: Desk, gateway: Gateway, guardians: str, own: str, channel: str
) -> None:
    assert add_guardian(desk, guardians).page.status_code == 200
    dana = at_the_page(desk)
    assert "We send you nothing" in enter(dana, own, channel)
    assert (hold(desk), desk.pointers()) == (HoldReason.GUARDIAN, [])


def test_a_guardian_who_is_entered_later_is_compared_too(desk: Desk, gateway: Gateway) -> None:
    dana = at_the_page(desk)
    enter(dana)
    add_guardian(desk, MOBILE)
    assert confirm(dana, code_from(desk, gateway)) == 200
    assert (channels(desk), hold(desk)) == ([], HoldReason.GUARDIAN)


def test_a_guardian_of_an_address_in_use_turns_it_off(desk: Desk) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    desk.hands.now = denver(2026, 3, 4, 22)
    desk.point("dana")
    add_guardian(desk, MOBILE)
    assert (channels(desk), hold(desk), desk.states()) == ([], HoldReason.GUARDIAN, ["dropped"])


def test_the_guardian_of_another_client_is_nobodys_business(desk: Desk, gateway: Gateway) -> None:
    add_guardian(desk, MOBILE)
    mateo = at_the_page(desk, "mateo")
    enter(mateo)
    assert confirm(mateo, code_from(desk, gateway)) == 200


def test_a_clinic_may_ask_all_its_clients(desk: Desk) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    desk.give_address("ruth", "ruth@example.org")
    with desk.database.writing() as session:
        ownership.ask_everybody(session, desk.cast.clinic.id)
    assert (hold(desk), hold(desk, "mateo"), hold(desk, "ruth")) == (
        HoldReason.UNANSWERED, None, None,
    )  # fmt: skip
    assert "¿Quién más puede abrir esto?" in at_the_page(desk, "mateo").page.text
    assert "Who else can open this?" not in at_the_page(desk, "ruth").page.text
    with desk.database.writing() as session:
        ownership.ask_only_some(session, desk.cast.clinic.id)
    assert hold(desk) is None


def test_nobody_stops_for_one_client_what_the_clinic_asks_of_all(desk: Desk) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    with desk.database.writing() as session:
        ownership.ask_everybody(session, desk.cast.clinic.id)
    ruth, contact = desk.cast.browser("ruth"), f"{desk.cast.client_url('dana')}/contact"
    assert "Your clinic asks every client." in ruth.open(contact).text
    assert "Stop asking" not in ruth.page.text
    ruth.post(f"{contact}/ask", ask="no")
    assert hold(desk) is HoldReason.UNANSWERED
    with desk.database.writing() as session:
        ownership.ask_only_some(session, desk.cast.clinic.id)
    assert "Your clinic asks every client." not in ruth.open(contact).text


def test_staff_may_use_the_address_of_a_guardian(desk: Desk, gateway: Gateway) -> None:
    add_guardian(desk, MOBILE)
    ruth = at_the_page(desk, "ruth")
    enter(ruth)
    assert confirm(ruth, code_from(desk, gateway)) == 200


def test_a_guardians_contact_can_be_forgotten_by_their_own_team_alone(desk: Desk) -> None:
    ruth = add_guardian(desk, MOBILE)
    found = re.search(r'action="([^"]+/guardians/[^"]+/remove)"', ruth.page.text)
    assert found
    assert "…42" in ruth.page.text
    mateos = found[1].replace(desk.cast.client_url("dana"), desk.cast.client_url("mateo"))
    assert ruth.post(mateos).status_code == 404, "not that client's"
    ruth.open(f"{desk.cast.client_url('dana')}/contact")
    ruth.post(found[1])
    assert "…42" not in ruth.page.text


def test_there_is_an_end_to_guardians(desk: Desk) -> None:
    for number in range(ownership.MOST_CONTACTS):
        add_guardian(desk, f"mum{number}@example.org")
    assert add_guardian(desk, "one.more@example.org").page.status_code == 422
    assert add_guardian(desk, "nobody").page.status_code == 422
