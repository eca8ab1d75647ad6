"""A step's page while somebody is at work on it: help, tables, diaries, going back, and its end."""

import re
import uuid
from typing import Any

import pytest

from portal.modules.models import Ending, Pace, State
from portal.modules.services import states
from tests.cast import Browser, Cast
from tests.modules import stories
from tests.modules.steps_on_pages import LOOK, SAFE, Fields, fill, url_of
from tests.modules.test_bytes import LIBRARY

BUTTON = re.compile(r'<button[^>]* name=action value="?([^">]+)"?>')
PLACES = re.compile(r'name="(a\.log\.\d\.place)"')
SLEEP_DIARY = (LIBRARY / "sleep-diary.md").read_bytes()
NIGHT: Fields = {
    "a.nights.0.date": "2026-03-02",
    "a.nights.0.to_bed": "22:30",
    "a.nights.0.to_sleep": "20",
    "a.nights.0.awake": "40",
    "a.nights.0.woke": "06:00",
    "a.nights.0.got_up": "06:30",
}


@pytest.fixture
def work(cast: Cast) -> uuid.UUID:
    return stories.give(cast, gates={}, pace=Pace.FREE)


def at(browser: Browser, url: str) -> Any:
    """The page as it is before anything is typed, to be filled in more than once."""
    browser.open(url)
    return browser.page


def danger(**more: Any) -> Fields:
    return {**SAFE, "a.gate": "yes", **more}


def comes_first(text: str, than: str) -> bool:
    return text.index("get help now") < text.index("tel:988") < text.index(than)


@pytest.mark.parametrize("action", ["next", "save", "later", "back", "more.log"])
def test_help_stands_first_whatever_button_was_pressed_and_whatever_is_missing(
    cast: Cast, action: str
) -> None:
    """Two questions must be answered here: one says danger, and the other is left empty."""
    optional = b"{id: alone, type: yes_no,"
    source = stories.CALM.replace(optional, optional + b" required: true,")
    work = stories.give(cast, gates={}, pace=Pace.FREE, source=source)
    dana, url = cast.browser("dana"), url_of(work, "safe")
    page = at(dana, url)
    fill(dana, url, action, **danger(**{"a.alone": ""}))
    text = dana.page.text
    assert comes_first(text[text.index("<main") :], "<h1>")
    assert "You do not have to be alone with this." in text
    dana.page = page
    answer = fill(dana, url, action, htmx=True, **danger(**{"a.alone": "", "a.log.1.place": "x"}))
    to = answer.headers.get("HX-Redirect")
    if to is None:
        assert comes_first(answer.text, "Something is still open" if action == "next" else "Saved")
        assert "autofocus" in answer.text, "it is brought before their eyes"
    else:
        assert "#" not in to, "not past what stands on top"
        text = dana.open(to).text
        assert comes_first(text[text.index("<main") :], "<h1>")


def test_help_stands_first_on_a_step_that_says_danger_for_as_long_as_it_does(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, url = cast.browser("dana"), url_of(work, "safe")
    dana.open(url)
    fill(dana, url, "save", **danger())
    dana.open("/")
    assert "get help now" in dana.open(url).text
    fill(dana, url, "save", **SAFE)
    assert "get help now" not in dana.open(url).text


def test_help_stays_while_somebody_goes_on_writing_and_does_not_interrupt_them(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, url = cast.browser("dana"), url_of(work, "safe")
    dana.open(url)
    answer = fill(dana, f"{url}/draft", htmx=True, **danger())
    assert comes_first(answer.text, "Saved")
    for unrest in ("autofocus", "role=alert"):
        assert unrest not in answer.text


def test_a_table_gets_one_more_row_and_keeps_what_was_typed(cast: Cast, work: uuid.UUID) -> None:
    dana, url = cast.browser("dana"), url_of(work, "safe")
    dana.open(url)
    assert PLACES.findall(dana.page.text) == ["a.log.0.place"]
    fill(dana, url, "more.log", **SAFE)
    assert PLACES.findall(dana.page.text) == ["a.log.0.place", "a.log.1.place"]
    assert 'value="At home"' in dana.page.text
    assert 'value="more.log"' in dana.page.text
    # A second row that is still empty is no reason to give none.
    fill(dana, url, "more.log", **SAFE | {"a.log.1.place": ""})
    assert len(PLACES.findall(dana.page.text)) == 3
    assert 'value="more.log"' not in dana.page.text, "the table is full"
    rows = {f"a.log.{number}.place": f"Place {number}" for number in range(3)}
    fill(dana, url, "more.log", **SAFE | rows)
    assert len(PLACES.findall(dana.page.text)) == 3
    found = stories.progress(cast, cast.person("dana"), work).answers["log"]
    assert [row["place"] for row in found] == ["Place 0", "Place 1", "Place 2"]


def test_with_scripts_too_the_page_comes_back_at_the_new_row(cast: Cast, work: uuid.UUID) -> None:
    dana, url = cast.browser("dana"), url_of(work, "safe")
    dana.open(url)
    to = fill(dana, url, "more.log", htmx=True, **SAFE).headers["HX-Redirect"]
    assert to == f"{url}?more=log.2#a.log.1.place"
    assert 'id="a.log.1.place"' in dana.open(to).text
    assert dana.open(f"{url}?more=log.99").text.count("a.log.2.place") > 0
    for nonsense in ("log.-1", "log.", "best.3", ".", "log.1e9", "log." + "9" * 5000):
        assert dana.open(f"{url}?more={nonsense}").status_code == 200
    assert fill(dana, url, "more.nothing", **SAFE).status_code == 200


def test_enter_saves_where_the_first_button_would_add_a_row(cast: Cast, work: uuid.UUID) -> None:
    dana = cast.browser("dana")
    assert BUTTON.findall(dana.open(url_of(work, "safe")).text)[:2] == ["save", "more.log"]
    assert BUTTON.findall(dana.open(url_of(work, "look")).text)[0] == "next"


def test_what_does_not_fit_keeps_nobody_from_one_more_row(cast: Cast, work: uuid.UUID) -> None:
    dana, url = cast.browser("dana"), url_of(work, "safe")
    dana.open(url)
    fill(dana, url, "more.log", **SAFE | {"a.log.0.place": "In the barn. " * 40})
    assert dana.page.status_code == 200
    assert "In the barn. In the barn." in dana.page.text
    assert len(PLACES.findall(dana.page.text)) == 2


def test_a_long_table_leads_to_its_empty_row(cast: Cast, work: uuid.UUID) -> None:
    dana, url = cast.browser("dana"), url_of(work, "safe")
    dana.open(url)
    fill(dana, url, "save", **SAFE)
    assert "To the next empty row" not in dana.page.text, "it is in sight"
    fill(dana, url, "save", **SAFE | {"a.log.1.place": "In the barn"})
    assert '<a href="#a.log.2.place">To the next empty row</a>' in dana.page.text


def test_who_writes_one_night_at_a_time_is_offered_to_save_first(cast: Cast) -> None:
    work = stories.give(cast, source=SLEEP_DIARY)
    dana, url = cast.browser("dana"), url_of(work, "nights")
    dana.open(url)
    assert BUTTON.findall(dana.page.text)[-3:] == ["save", "next", "later"]
    assert "Save for today" in dana.page.text
    assert "Send it when you are done." in dana.page.text
    fill(dana, url, "save", **NIGHT)
    assert 'name="a.nights.1.date"' in dana.page.text, "room for tomorrow"
    assert stories.look(cast, cast.person("dana"), work).state is State.IN_PROGRESS
    full = [{"date": f"2026-03-{day:02}"} for day in range(1, 29)]
    stories.save(cast, cast.person("dana"), work, "nights", {"nights": full})
    dana.open(url)
    assert BUTTON.findall(dana.page.text)[-3:] == ["next", "save", "later"]
    assert "Save for today" not in dana.page.text


@pytest.mark.parametrize(
    ("module", "step", "is_over_days"),
    [("activity-schedule", "week", True), ("low-mood", "schedule", False), ("values", None, False)],
)
def test_a_week_that_is_planned_alone_is_filled_in_over_days(
    cast: Cast, module: str, step: str | None, is_over_days: bool
) -> None:
    source = (LIBRARY / f"{module}.md").read_bytes()
    work = stories.give(cast, source=source, gates={}, pace=Pace.FREE)
    steps = stories.look(cast, cast.person("dana"), work).module.steps
    page = cast.browser("dana").open(url_of(work, step or steps[0].id)).text
    assert ("Save for today" in page) is is_over_days


def test_whoever_puts_a_step_off_is_not_asked_to_mend_it_first(cast: Cast, work: uuid.UUID) -> None:
    dana, url = cast.browser("dana"), url_of(work, "look")
    page = at(dana, url)
    for htmx in (False, True):
        dana.page = page
        answer = fill(dana, url, "later", htmx=htmx, **LOOK | {"a.sleep_hours": "about six"})
        assert answer.status_code == 200
    marks = stories.progress(cast, cast.person("dana"), work).marks
    assert marks["look"].ending is Ending.NOT_NOW
    assert 'value="about six"' in dana.open(url).text, "it waits as it was typed"


@pytest.mark.parametrize("htmx", [False, True], ids=["page", "htmx"])
def test_back_saves_what_was_typed(cast: Cast, work: uuid.UUID, htmx: bool) -> None:
    dana, url = cast.browser("dana"), url_of(work, "safe")
    dana.open(url)
    answer = fill(dana, url, "back", htmx=htmx, **SAFE | {"a.log.0.strength": "eleven"})
    if htmx:
        assert answer.headers["HX-Redirect"] == url_of(work, "look")
    else:
        assert "<h1>A look at the week</h1>" in dana.page.text
    found = stories.progress(cast, cast.person("dana"), work)
    assert found.answers == {"gate": "no", "alone": True}
    assert found.latest["safe"].unfit["log"]["a.log.0.place"] == ["At home"]
    assert found.marks["safe"].ending is None
    assert "value=back" not in dana.open(url_of(work, "look")).text, "it is the first"


def take_back(cast: Cast, work: uuid.UUID) -> None:
    ruth = cast.person("ruth")
    with cast.database.writing() as session:
        states.withdraw(session, cast.keyring, ruth, work)


def leave_out(cast: Cast, work: uuid.UUID) -> None:
    dana = cast.person("dana")
    with cast.database.writing() as session:
        states.skip(session, cast.keyring, dana, work)


def send_all(cast: Cast, work: uuid.UUID) -> None:
    dana = cast.person("dana")
    stories.send(cast, dana, work, "plan")
    with cast.database.writing() as session:
        states.submit(session, cast.keyring, dana, work)


SHUT = [
    (take_back, "Your counsellor took this back."),
    (leave_out, "You left this out."),
    (send_all, "You sent this."),
]


@pytest.mark.parametrize(("shut", "says"), SHUT, ids=["taken back", "left out", "sent"])
def test_what_is_over_is_read_and_not_filled_in(
    cast: Cast, work: uuid.UUID, shut: Any, says: str
) -> None:
    dana, url = cast.browser("dana"), url_of(work, "look")
    long = {"a.best": "The walk on Tuesday. " * 300}
    page = at(dana, url)
    fill(dana, url, "save", **LOOK | long)
    shut(cast, work)
    text = dana.open(url).text
    assert says in text
    assert "The walk on Tuesday. The walk" in text, "what does not fit is there too"
    assert "A walk, A talk" in text
    for field in ("<textarea", "name=action", 'name="a.'):
        assert field not in text
    assert f'href="{url}"' in dana.open(url_of(work)).text, "what was written is found again"
    dana.page = page
    fill(dana, url, "save", **LOOK | {"a.best": "Typed while it was taken back"})
    assert dana.page.status_code == 409
    assert "Your answers are saved. They cannot be sent now." in dana.page.text
    assert "Typed while it was taken back" in dana.page.text
    assert "name=action" not in dana.page.text
    dana.page = page
    for action in ("save", "next", "later"):
        told = fill(dana, url, action, htmx=True, **LOOK | {"a.best": "Once more"})
        assert told.status_code == 422
        assert "They cannot be sent now." in told.text
        dana.page = page
    assert stories.progress(cast, cast.person("dana"), work).answers["best"] == "Once more"


def test_what_was_saved_on_a_step_that_is_shut_is_found_again(cast: Cast) -> None:
    """As after a branch led elsewhere, or from a page that was open for long."""
    work, dana = stories.give(cast, gates={}), cast.browser("dana")
    stories.save(cast, cast.person("dana"), work, "safe", {"alone": True})
    leave_out(cast, work)
    assert f'href="{url_of(work, "safe")}"' in dana.open(url_of(work)).text
    assert "Were you alone?" in dana.open(url_of(work, "safe")).text
    assert "<h1>Calm days</h1>" in dana.open(url_of(work, "look")).text, "nothing is written there"


def test_feedback_stands_beside_what_can_only_be_read(cast: Cast, work: uuid.UUID) -> None:
    dana = cast.person("dana")
    stories.send(cast, dana, work, "look")
    stories.say(cast, cast.person("ruth"), work, "look", beside={"best": "Say more?"})
    leave_out(cast, work)
    text = cast.browser("dana").open(url_of(work, "look")).text
    assert text.index("The walk on Tuesday") < text.index("Say more?") < text.index("your mood")
