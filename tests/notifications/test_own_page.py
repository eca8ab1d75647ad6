"""One's own page about being told: an address is used once its owner typed back the code."""

import re
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.core.throttle import Throttle
from portal.notifications import addresses, formats, ownership, problems
from portal.notifications.models import (
    Address,
    AddressProof,
    Channel,
    HoldReason,
    NoticePreference,
)
from tests.cast import Browser
from tests.guards.filled_forms import CHOICE
from tests.notifications.desk import Desk, denver
from tests.servers import Gateway, MailServer

MOBILE, TYPED = "+13035550142", "(303) 555-0142"
CODE = re.compile(r"\b\d{6}\b")


@pytest.fixture(autouse=True)
def _counting_in_this_process(desk: Desk) -> None:
    throttle: Throttle = desk.cast.app.extensions["guard"].throttle
    throttle._shared = throttle._local


def at_the_page(desk: Desk, name: str = "dana") -> Browser:
    browser = desk.cast.browser(name)
    assert browser.open("/account/notices").status_code == 200
    return browser


def enter(browser: Browser, typed: str = TYPED, channel: str = "sms", **more: Any) -> str:
    return browser.post("/account/notices/address", channel=channel, address=typed, **more).text


def confirm(browser: Browser, code: str, channel: str = "sms") -> int:
    return browser.post("/account/notices/code", channel=channel, code=code).status_code


def code_from(desk: Desk, gateway: Gateway) -> str:
    desk.work()
    found = CODE.search(gateway.received[-1][1]["text"])
    assert found
    return found[0]


def channels(desk: Desk, name: str = "dana") -> list[Channel]:
    with desk.database.reading() as session:
        return addresses.confirmed_channels(session, desk.cast.ids[name])


def hold(desk: Desk, name: str = "dana") -> HoldReason | None:
    with desk.database.reading() as session:
        return ownership.hold_of(session, desk.cast.ids[name])


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


def ask_dana(desk: Desk) -> None:
    ruth = desk.cast.browser("ruth")
    ruth.open(f"{desk.cast.client_url('dana')}/contact")
    ruth.post(f"{desk.cast.client_url('dana')}/contact/ask", ask="yes")
    assert ruth.page.status_code == 200


def add_guardian(desk: Desk, typed: str) -> Browser:
    ruth = desk.cast.browser("ruth")
    ruth.open(f"{desk.cast.client_url('dana')}/contact")
    ruth.post(f"{desk.cast.client_url('dana')}/guardians", address=typed)
    return ruth


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


def test_what_somebody_chooses_is_kept_and_shown_again(desk: Desk) -> None:
    dana = at_the_page(desk)
    dana.post("/account/notices", **CHOICE)
    assert dana.page.status_code == 200
    row = preference(desk)
    assert (row.contact, row.voicemail_ok, row.time_zone) == ("none", True, "America/Chicago")
    assert (row.quiet_until, row.quiet_from, row.days) == (8 * 60, 20 * 60 + 30, 8)
    assert (row.rhythm, row.wording, row.sender_name) == ("weekly", "look", "notes")
    shown = dana.open("/account/notices").text
    for line in ('value="none" checked', 'value="20:30"', 'value="look" checked'):
        assert line in shown


def preference(desk: Desk) -> NoticePreference:
    with desk.database.reading() as session:
        return session.get_one(NoticePreference, desk.cast.ids["dana"])


NO_CHOICES: list[dict[str, Any]] = [
    {"day": []}, {"time_zone": "Mars/Olympus"}, {"time_zone": "../../etc/passwd"},
    {"time_zone": "America"}, {"time_zone": "z" * 5000},
    {"from": "x"}, {"from": "24:00"}, {"until": "9:60"}, {"from": "-1"}, {"until": ""},
    {"time_zone": "other"}, {"rhythm": "hourly"}, {"wording": "We saw your letter"},
    {"sender_name": "Dr. Ruth"}, {"contact": "loudly"}, {"day": "x"},
]  # fmt: skip


def test_what_is_no_choice_is_refused(desk: Desk) -> None:
    dana = at_the_page(desk)
    for wrong in NO_CHOICES:
        dana.post("/account/notices", **CHOICE | wrong)
        assert dana.page.status_code == 422, wrong
    with desk.database.reading() as session:
        assert session.get(NoticePreference, desk.cast.ids["dana"]) is None


def test_equal_hours_are_no_answer_and_any_hour_is_one(desk: Desk) -> None:
    dana = at_the_page(desk)
    page = dana.post("/account/notices", **CHOICE | {"from": "09:00", "until": "09:00"}).text
    assert dana.page.status_code == 422
    assert "At any hour" in page
    with desk.database.reading() as session:
        assert session.get(NoticePreference, desk.cast.ids["dana"]) is None
    dana.post("/account/notices", **CHOICE | {"any": "yes"})
    assert dana.page.status_code == 200
    row = preference(desk)
    assert row.quiet_from == row.quiet_until
    shown = dana.open("/account/notices").text
    assert "name=any value=yes checked" in shown
    assert 'value="09:00"' in shown, "what holds when it is taken out again"


def test_hours_are_shown_to_the_minute(desk: Desk) -> None:
    desk.prefer("ruth", quiet_from=17 * 60 + 30, quiet_until=8 * 60)
    shown = at_the_page(desk, "ruth").page.text
    assert 'name="until" type=time value="17:30"' in shown
    assert "name=any value=yes>" in shown


def test_what_was_chosen_stays_chosen_when_something_is_missing(desk: Desk) -> None:
    dana = at_the_page(desk)
    wrongs: list[dict[str, Any]] = [{"day": []}, {"from": "x"}, {"time_zone": "other"}]
    for wrong in wrongs:
        page = dana.post("/account/notices", **CHOICE | wrong).text
        assert dana.page.status_code == 422
        for line in (
            'value="none" checked', 'value="look" checked', 'value="weekly" checked',
            'name="voicemail" value="yes" checked', 'value="20:30"',
        ):  # fmt: skip
            assert line in page, (wrong, line)
        assert wrong == {"day": []} or 'name=day value="3" checked' in page
        assert wrong != {"day": []} or 'name=day value="3" checked' not in page


def test_every_place_with_a_clock_can_be_chosen_in_a_second_step(desk: Desk) -> None:
    mateo = at_the_page(desk, "mateo")
    assert "America/Lima" not in mateo.page.text, "the usual page stays short"
    page = mateo.post("/account/notices", **CHOICE | {"time_zone": "other"}).text
    places = re.findall(r'<option value="([^"]+/[^"]+)"[^>]*>(.+)', page)
    assert len(places) > 400
    assert {"America/Lima": "Lima", "Europe/Lisbon": "Lisboa"}.items() <= dict(places).items()
    mateo.post("/account/notices", **CHOICE | {"time_zone": "America/Lima"})
    assert mateo.page.status_code == 200
    assert 'value="America/Lima" selected>Lima' in mateo.open("/account/notices").text


def test_times_are_told_by_the_clock_that_somebody_chose(desk: Desk) -> None:
    desk.give_address("dana")
    desk.prefer("dana", time_zone="America/New_York")
    desk.hands.now = denver(2026, 3, 4, 20)
    desk.point("dana")
    for page in (
        at_the_page(desk).page.text,
        desk.cast.browser("ruth").open(f"{desk.cast.client_url('dana')}/contact").text,
    ):
        assert "goes out Thu 5 Mar, 09:00" in page
        assert "Wed 4 Mar, 22:00" in page


@pytest.mark.parametrize(
    "query", ["day=1&day=x", "day=x", f"day={'9' * 5000}", "day=", "day=-1", "day=%F0%9D%9F%8F"]
)
def test_an_odd_question_for_a_slip_is_answered_with_working_days(desk: Desk, query: str) -> None:
    page = at_the_page(desk).open(f"/account/notices/slip?{query}")
    assert page.status_code == 200
    assert "Monday, Tuesday, Wednesday, Thursday, Friday" in page.text


def test_staff_are_not_asked_what_is_only_for_clients(desk: Desk) -> None:
    ruth = at_the_page(desk, "ruth")
    assert "May we tell you?" not in ruth.page.text
    ruth.post("/account/notices", **CHOICE)
    with desk.database.reading() as session:
        row = session.get_one(NoticePreference, desk.cast.ids["ruth"])
    assert (row.contact, row.voicemail_ok) == ("pointers", False)


def test_staff_may_use_the_address_of_a_guardian(desk: Desk, gateway: Gateway) -> None:
    add_guardian(desk, MOBILE)
    ruth = at_the_page(desk, "ruth")
    enter(ruth)
    assert confirm(ruth, code_from(desk, gateway)) == 200


def test_the_care_team_sees_the_choice_and_never_the_address(desk: Desk) -> None:
    desk.give_address("dana", MOBILE, Channel.SMS)
    ruth = desk.cast.browser("ruth")
    url = f"{desk.cast.client_url('dana')}/contact"
    page = ruth.open(url).text
    assert "By text message" in page
    assert "Leave no voice message." in page
    assert "42" not in page.partition("<main")[2].partition("Guardians")[0]
    desk.prefer("dana", contact="none", voicemail_ok=True)
    page = ruth.open(url).text
    assert "Wants no messages." in page
    assert "A voice message is fine." in page
    add_guardian(desk, MOBILE)
    assert "Nothing is sent: somebody else could see it." in ruth.open(url).text


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


def test_the_slip_says_where_and_on_which_days_in_the_clients_language(desk: Desk) -> None:
    luis = desk.cast.browser("luis")
    page = luis.open(f"{desk.cast.client_url('mateo')}/contact/slip?day=0&day=3").text
    main = page.partition("<main")[2].partition("</main>")[0]
    assert "Lunes, Jueves" in main
    assert desk.config.base_url in main
    for word in ("Mateo", "Luis", "Larkspur"):
        assert word not in main


def test_whoever_comes_for_the_first_time_is_offered_it_and_may_skip(desk: Desk) -> None:
    page = desk.cast.browser("dana").open("/account/notices?first=1").text
    assert "How may we tell you that something waits?" in page
    assert "Skip this for now" in page


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
