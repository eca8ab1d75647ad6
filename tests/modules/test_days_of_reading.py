"""A client is told on which day their counsellor reads what they send."""

import datetime as dt

import pytest

from portal.core import clock
from portal.core.i18n import date_name
from tests.cast import Cast
from tests.modules import stories
from tests.modules.desk import speaks_spanish
from tests.modules.steps_on_pages import LOOK, PLAN, SAFE, Fields, fill, url_of


@pytest.fixture
def wednesday() -> dt.datetime:
    """It is a Wednesday, here and at the clinic."""
    soon = dt.datetime.combine(clock.now().date(), dt.time(18), dt.UTC) + dt.timedelta(days=1)
    wednesday = soon + dt.timedelta(days=(2 - soon.weekday()) % 7)
    wait_until(wednesday)
    return wednesday


def wait_until(moment: dt.datetime) -> None:
    clock.set_clock(lambda: moment)


def days_after(moment: dt.datetime, days: int) -> str:
    return date_name((moment + dt.timedelta(days=days)).date())


@pytest.mark.usefixtures("own_shelf")
@pytest.mark.parametrize(
    ("gate", "then"), [("soft", "Go on if you like."), ("hold", "Then the next one opens.")]
)
def test_a_client_knows_on_which_day_their_counsellor_reads(
    cast: Cast, wednesday: dt.datetime, gate: str, then: str
) -> None:
    ruth, url = cast.browser("ruth"), f"{cast.client_url('dana')}/work/new/calm-days"
    ruth.open(url)
    terms: Fields = {"starts": "2026-01-05", "pace": "in_order", "g.look": gate, "read": "1"}
    work_url = ruth.post(url, **terms, nonce=ruth.nonce).request.path
    assert "read every Tuesday" in ruth.page.text
    dana = cast.browser("dana")
    tuesday = days_after(wednesday, 6)
    assert f"reads this step on {tuesday}. {then}" in dana.open(f"{work_url}/steps/look").text
    fill(dana, f"{work_url}/steps/look", **LOOK)
    sent = "Sent. Your counsellor reads it on"
    assert f"{sent} {tuesday}." in dana.open(work_url).text
    for days, read in ((6, 6), (7, 13)):
        wait_until(wednesday + dt.timedelta(days=days))
        assert f"{sent} {days_after(wednesday, read)}." in cast.browser("dana").open(work_url).text


def test_days_are_small_inside_a_spanish_sentence(sqlite_cast: Cast) -> None:
    ends_at = clock.now() + dt.timedelta(days=10)
    work = stories.give(sqlite_cast, "mateo", "luis", read_weekday=1, ends_at=ends_at)
    speaks_spanish(sqlite_cast, "luis")
    page = sqlite_cast.browser("luis").open(url_of(work)).text
    assert "se lee cada martes" in page
    assert "cerrado desde el" in page
    mateo = sqlite_cast.browser("mateo")
    mateo.open(url_of(work))
    mateo.post(f"{url_of(work)}/reminder", weekday="1", hour="18")
    assert "Recuérdeme: martes, 18:00" in mateo.page.text.replace("&nbsp;", " ")
    assert '<option value="1" selected>Martes' in mateo.page.text, "by itself it stands large"


def test_what_is_sent_on_the_day_of_reading_is_read_a_week_later(
    cast: Cast, wednesday: dt.datetime
) -> None:
    work, dana = stories.give(cast, gates={}, read_weekday=2), cast.browser("dana")
    for step, fields in (("look", LOOK), ("safe", SAFE), ("plan", PLAN)):
        dana.open(url_of(work, step))
        fill(dana, url_of(work, step), **fields)
    in_a_week = days_after(wednesday, 7)
    assert f"Your counsellor reads it on {in_a_week} and writes to you here." in dana.page.text
