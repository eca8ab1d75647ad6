"""One's own page about being told, and what the care team and a slip of paper say of it."""

import re
from typing import Any

import pytest

from portal.notifications.models import Channel, NoticePreference
from tests.guards.filled_forms import CHOICE
from tests.notifications.desk import Desk, denver
from tests.notifications.own_page import MOBILE, add_guardian, at_the_page


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


def test_the_slip_says_where_and_on_which_days_in_the_clients_language(desk: Desk) -> None:
    luis = desk.cast.browser("luis")
    page = luis.open(f"{desk.cast.client_url('mateo')}/contact/slip?day=0&day=3").text
    main = page.partition("<main")[2].partition("</main>")[0]
    assert "Lunes, jueves" in main
    assert desk.config.base_url in main
    for word in ("Mateo", "Luis", "Larkspur"):
        assert word not in main


def test_days_in_a_row_are_small_in_spanish_after_the_first(desk: Desk) -> None:
    desk.give_address("mateo", "mateo@example.org")
    desk.prefer("mateo", days=0b1000101)
    url = f"{desk.cast.client_url('mateo')}/contact"
    luis = desk.cast.browser("luis")
    assert "Monday, Wednesday, Sunday · 09:00" in luis.open(url).text
    luis.open("/account")
    luis.post("/account/language", language="es")
    assert "Lunes, miércoles, domingo · 09:00" in luis.open(url).text


def test_whoever_comes_for_the_first_time_is_offered_it_and_may_skip(desk: Desk) -> None:
    page = desk.cast.browser("dana").open("/account/notices?first=1").text
    assert "How may we tell you that something waits?" in page
    assert "Skip this for now" in page
