"""The clinic's own numbers, on every page."""

import pytest

from portal.clinics import crisis
from portal.clinics.crisis import CrisisLine
from portal.clinics.models import Clinic
from portal.core.keyring import name_place
from tests.cast import Browser, Cast

LOCAL = (CrisisLine("Valley night line 555 0100", "(970) 555-0100"), CrisisLine("988", "988", True))


def give_local_numbers(cast: Cast) -> None:
    place = name_place("clinics", "crisis", cast.clinic.id)
    with cast.database.writing() as session:
        clinic = session.get_one(Clinic, cast.clinic.id)
        clinic.crisis_sealed = cast.keyring.seal_text(crisis.dump(LOCAL), place)
    cast.app.extensions["clinics"].forget()


@pytest.mark.parametrize("name", ["dana", "ruth", "tom", None])
def test_the_clinics_own_numbers_are_on_every_page(sqlite_cast: Cast, name: str | None) -> None:
    give_local_numbers(sqlite_cast)
    browser = sqlite_cast.browser(name)
    for url in ("/", "/account", "/nothing/here", "/sign-in"):
        page = browser.open(url).text
        assert '<a href="tel:9705550100">Call Valley night line 555 0100</a>' in page
        assert '<a href="sms:988">Text 988</a>' in page


def test_they_stand_where_a_client_writes(sqlite_cast: Cast) -> None:
    give_local_numbers(sqlite_cast)
    url = sqlite_cast.thread_url(sqlite_cast.begin_thread("ruth", "dana"))
    page = sqlite_cast.browser("dana").open(url).text
    form = page[page.index("<textarea") : page.index("Save draft")]
    assert "tel:9705550100" in form


def test_until_a_clinic_says_otherwise_the_national_lines_are_shown(sqlite_cast: Cast) -> None:
    page = Browser(sqlite_cast.app).open("/sign-in").text
    assert "tel:988" in page
    assert "tel:911" in page


def test_with_two_clinics_a_visitor_sees_the_national_lines(sqlite_cast: Cast) -> None:
    give_local_numbers(sqlite_cast)
    assert sqlite_cast.other_clinic.name == "Fjord House"
    assert "tel:9705550100" not in Browser(sqlite_cast.app).open("/sign-in").text
    assert "tel:988" in sqlite_cast.browser("olga").open("/").text
    assert "tel:9705550100" in sqlite_cast.browser("dana").open("/").text
