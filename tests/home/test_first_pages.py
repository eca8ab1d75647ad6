"""The first page of each role, and the administrator's people."""

import datetime as dt
import re

import pytest
from sqlalchemy import select

from portal.accounts.models import User
from portal.core import clock
from portal.core.ids import short
from tests.cast import Cast

pytestmark = pytest.mark.slow

MONDAY = dt.datetime(2030, 3, 4, 15, tzinfo=dt.UTC)


def names_in_order(page: str) -> list[str]:
    return re.findall(r'<li><a href="/clients/[^"]+">([^<]+)</a>', page)


def test_clients_who_wait_come_first_the_longest_waiting_before_all(cast: Cast) -> None:
    moments = {"dana": 3, "mateo": 1}
    for client, day in moments.items():
        clock.set_clock(lambda day=day: MONDAY + dt.timedelta(days=day))  # type: ignore[misc]
        cast.begin_thread(client, client)
    clock.set_clock(lambda: MONDAY + dt.timedelta(days=5))
    ruth = cast.browser("ruth")
    page = ruth.open("/").text
    assert names_in_order(page) == ["Mateo", "Dana"]
    assert "4 days" in page
    assert "2 days" in page
    thread = cast.begin_thread("mateo", "mateo")
    cast.send("ruth", thread, "An answer")
    assert names_in_order(ruth.open("/").text) == ["Mateo", "Dana"], "the first still waits"


def test_who_has_been_answered_waits_no_longer(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    thread = cast.begin_thread("dana", "dana")
    helen = cast.browser("helen")
    assert "Waiting since" in helen.open("/").text
    cast.send("ruth", thread, "An answer")
    assert "Waiting since" not in helen.open("/").text
    assert "Last message" in helen.page.text


def test_a_clinician_sees_their_own_clients_only(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    assert cast.other_clinic.name == "Fjord House"
    seen = {name: names_in_order(cast.browser(name).open("/").text) for name in ("ruth", "luis")}
    assert sorted(seen["ruth"]) == ["Dana", "Mateo"]
    assert seen["luis"] == ["Mateo"]
    assert names_in_order(cast.browser("olga").open("/").text) == ["Pavel"]


def test_a_client_sees_their_own_threads_with_their_state(cast: Cast) -> None:
    cast.begin_thread("ruth", "dana", subject="About sleep")
    mine = cast.begin_thread("dana", "dana", subject="About school")
    dana = cast.browser("dana")
    page = dana.open("/").text
    assert page.index("About school") < page.index("About sleep"), "the latest first"
    assert "<mark>New</mark>" in page.split("About sleep")[1]
    assert "Received" in page
    cast.browser("helen").open(cast.thread_url(mine))
    assert "Opened" in dana.open("/").text
    cast.send("ruth", mine, "An answer")
    dana.open(cast.thread_url(mine))
    assert "Answered" in dana.open("/").text
    assert "About sleep" not in cast.browser("mateo").open("/").text


def test_the_administrator_sees_people_and_no_client_record(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    tom = cast.browser("tom")
    page = tom.open("/").text
    for name in ("Ruth", "Luis", "Helen", "Tom", "Dana", "Mateo"):
        assert f">{name}</a>" in page
    assert tom.open(cast.client_url("dana")).status_code == 404
    assert tom.open(cast.thread_url(cast.begin_thread("ruth", "dana"))).status_code == 404


@pytest.mark.parametrize("name", ["dana", "ruth", "helen"])
def test_the_people_page_is_the_administrators(sqlite_cast: Cast, name: str) -> None:
    browser = sqlite_cast.browser(name)
    luis = f"/people/{short(sqlite_cast.ids['luis'])}"
    assert browser.open("/people").status_code == 404
    assert browser.open(luis).status_code == 404
    for action in ("disable", "enable", "invitation"):
        browser.open("/account")
        assert browser.post(f"{luis}/{action}").status_code == 404
    assert sqlite_cast.browser("luis").open("/account", follow=False).status_code == 200


def test_nobody_turns_off_their_own_account_or_somebody_elses_clinic(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    assert cast.other_clinic.name == "Fjord House"
    tom = cast.browser("tom")
    for name, status in (("tom", 409), ("olga", 404), ("pavel", 404)):
        tom.open("/people")
        assert tom.post(f"/people/{short(cast.ids[name])}/disable").status_code == status
    assert cast.browser("olga").open("/account", follow=False).status_code == 200


def test_who_never_came_but_holds_records_gets_no_new_key(sqlite_cast: Cast) -> None:
    """Nothing would open for them, and nobody could be added to those records any more."""
    cast, tom = sqlite_cast, sqlite_cast.browser("tom")
    for team, status in ((False, 200), (True, 409)):
        tom.open("/people")
        tom.post("/people", name="Ida", role="clinician", language="en")
        with cast.database.reading() as session:
            ida = session.scalars(select(User.id).order_by(User.created_at.desc())).first()
        assert ida is not None
        ruth, url = cast.browser("ruth"), cast.client_url("dana")
        ruth.open(url)
        if team:
            assert ruth.post(f"{url}/team", person=short(ida), past="all").status_code == 200
        tom.open(f"/people/{short(ida)}")
        assert tom.post(f"/people/{short(ida)}/invitation").status_code == status
    assert "invite them anew" in tom.page.text
    ruth.open(url)
    luis = short(cast.ids["luis"])
    assert ruth.post(f"{url}/team", person=luis, past="all").status_code == 200


def test_staff_are_invited_here_and_clients_never(sqlite_cast: Cast) -> None:
    tom = sqlite_cast.browser("tom")
    for role, status in (("clinician", 200), ("administrator", 200), ("client", 422), ("", 422)):
        tom.open("/people")
        tom.post("/people", name="Ida", role=role, language="en")
        assert tom.page.status_code == status, role
    tom.open("/people")
    tom.post("/people", name="  ", role="clinician", language="en")
    assert tom.page.status_code == 422
