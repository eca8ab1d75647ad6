"""Work on paper: printed to be filled in by hand, and typed in when it comes back."""

import datetime as dt
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from sqlalchemy import select, update

from portal.core import clock
from portal.core.errors import Invalid, NotFound
from portal.core.i18n import date_name
from portal.core.nonces import Nonce
from portal.modules import paper, queries, shelf
from portal.modules.models import Ending, Gate, Pace, StepTerms
from portal.modules.services import states
from portal.modules.services.answering import Saved
from portal.notifications.models import Channel, Pointer
from portal.notifications.services import set_address
from tests.cast import Browser, Cast
from tests.modules import stories
from tests.modules.steps_on_pages import url_of
from tests.modules.stories import TODAY

Fields = dict[str, Any]
WRITTEN = TODAY - dt.timedelta(days=2)
SHEET: Fields = {"a.best": "From the kitchen table", "a.mood": "6", "a.helped": ["walk"]}


def sheet_of(page: Any) -> str:
    """What is printed: the sheets, without what stands around them on the screen."""
    text: str = page.text
    assert "<table class=p" in text
    return text[text.index("<table class=p") : text.index("<footer")]


def enter(
    cast: Cast,
    work: uuid.UUID,
    step: str = "look",
    answers: Fields | None = None,
    *,
    by: str = "ruth",
    nonce: Nonce | None = None,
    written_on: dt.date | None = WRITTEN,
) -> Saved:
    answers = stories.LOOK if answers is None else answers
    person = cast.person(by)
    return stories.type_in(cast, person, work, step, answers, nonce=nonce, written_on=written_on)


def type_in(browser: Browser, url: str, **fields: Any) -> Any:
    """Posts the form of a sheet as the page that is open has it."""
    based_on = re.search(r'name=based_on value="(\d+)"', browser.page.text)
    hidden: Fields = {"nonce": browser.nonce, "based_on": based_on[1] if based_on else "0"}
    return browser.post(url, **hidden | {"written": WRITTEN.isoformat(), "action": "save"} | fields)


def test_a_sheet_has_room_for_every_answer_and_names_nobody(cast: Cast, work: uuid.UUID) -> None:
    for name in ("dana", "ruth"):
        text = sheet_of(cast.browser(name).open(f"{url_of(work, 'look')}/paper"))
        for words in ("What was good this week?", "A walk", "How was your mood?", "hours"):
            assert words in text
        assert text.count("class=w") >= 4 + 1, "lines to write on"
        assert text.count("<i></i>") == 2, "boxes to tick"
        assert text.count('class="o z"') == 11, "0 to 10 to put a ring around"
        for secret in ("Dana", "Ruth", "Larkspur", "http", "href"):
            assert secret not in text


def test_a_question_about_danger_comes_with_the_numbers_first(cast: Cast, work: uuid.UUID) -> None:
    text = sheet_of(cast.browser("ruth").open(f"{url_of(work, 'safe')}/paper"))
    gate = text.index("Do you think of hurting yourself?")
    numbers = [match.start() for match in re.finditer("988", text)]
    assert numbers[0] < text.index("<h2>") < gate
    assert numbers[-1] < gate < text.index("You do not have to be alone with this.")


def test_every_sheet_carries_the_numbers(cast: Cast, work: uuid.UUID) -> None:
    text = sheet_of(cast.browser("ruth").open(f"{url_of(work)}/paper"))
    for sheet in text.split("<table class=p")[1:]:
        assert "988" in sheet[: sheet.index("<tbody>")], "in the head, which each page repeats"


def test_a_client_prints_nothing_that_the_care_team_keeps_shut(cast: Cast) -> None:
    def printed(work: uuid.UUID, name: str = "dana") -> list[str]:
        text = sheet_of(cast.browser(name).open(f"{url_of(work)}/paper"))
        return re.findall(r"<h2>\d+\. ([^<]+)</h2>", text)

    everything = ["A look at the week", "Being safe", "A small plan"]
    held = stories.give(cast)
    assert printed(held) == everything[:2], "what comes after a step that is read first"
    assert printed(held, "ruth") == everything
    assert printed(stories.give(cast, gates={})) == everything
    assert printed(stories.give(cast, gates={}, pace=Pace.WEEKLY)) == everything[:1]
    locked = stories.give(cast, source=stories.TWO_STEPS)
    url = f"{url_of(locked, 'first')}/paper"
    assert cast.browser("dana").open(url).status_code == 404
    stories.unlock(cast, cast.person("ruth"), locked, "first")
    assert cast.browser("dana").open(url).status_code == 200


def test_what_is_done_prints_though_something_before_it_is_still_to_be_read(cast: Cast) -> None:
    work, dana = stories.give(cast, pace=Pace.FREE, gates={}), cast.person("dana")
    stories.send(cast, dana, work, "plan")
    with cast.database.writing() as session:
        session.execute(update(StepTerms).where(StepTerms.step_id == "safe").values(gate=Gate.HOLD))
    assert cast.browser("dana").open(f"{url_of(work, 'plan')}/paper").status_code == 200
    later = stories.give(cast, gates={}, starts_at=clock.now() + dt.timedelta(days=3))
    assert "open to print yet" in cast.browser("dana").open(f"{url_of(later)}/paper").text


def test_answers_stand_on_a_sheet_only_if_asked_for(cast: Cast, work: uuid.UUID) -> None:
    dana, ruth = cast.person("dana"), cast.person("ruth")
    stories.send(cast, dana, work, "look", stories.LOOK | {"helped": ["talk"]})
    stories.send(cast, dana, work, "safe")
    stories.say(cast, ruth, work, "safe")
    for name in ("dana", "ruth"):
        browser = cast.browser(name)
        assert "The walk on Tuesday" not in browser.open(f"{url_of(work)}/paper").text
        text = sheet_of(browser.open(f"{url_of(work)}/paper?answers=1"))
        assert text.count("The walk on Tuesday") == 2, "and where it is recalled"
        assert "<i>×</i>A talk" in text
        assert '"o z y">4<' in text
        assert ">home</td>" in text


def test_what_is_not_sent_is_on_no_sheet_of_the_care_teams(cast: Cast, work: uuid.UUID) -> None:
    dana = cast.person("dana")
    stories.send(cast, dana, work, "look")
    stories.save(cast, dana, work, "look", {"best": "Still thinking"})
    url = f"{url_of(work)}/paper?answers=1"
    assert "Still thinking" in cast.browser("dana").open(url).text
    assert "Still thinking" not in cast.browser("ruth").open(url).text


def test_a_sheet_speaks_the_clients_language_whoever_prints_it(cast: Cast, work: uuid.UUID) -> None:
    ruth = cast.browser("ruth")
    ruth.open(f"{url_of(work, 'look')}/paper?in=es")
    assert "¿Qué fue bueno esta semana?" in ruth.page.text
    assert "Escrito el:" in ruth.page.text
    assert "Your clients" in ruth.open("/").text, "her own pages stay as they were"
    assert ruth.open(f"{url_of(work, 'look')}/paper?in=xx").status_code == 200


@pytest.mark.parametrize("language", ["en", "es"])
def test_everything_in_the_library_prints(sqlite_cast: Cast, language: str) -> None:
    ruth = sqlite_cast.browser("ruth")
    for name in shelf.names():
        answer = ruth.open(f"/modules/library/{name}/paper?in={language}")
        assert answer.status_code == 200
        assert answer.text.count("<table class=p") == len(shelf.load(name).steps)
        for step in shelf.load(name).steps:
            for question in step.questions:
                assert str(escape(question.label[language])) in answer.text


def test_a_table_that_is_too_wide_is_turned(sqlite_cast: Cast) -> None:
    ruth = sqlite_cast.browser("ruth")
    diary = sheet_of(ruth.open("/modules/library/sleep-diary/paper"))
    row = re.search(r"<tr><th class=x scope=row>Date</th>(.*?)</tr>", diary, re.DOTALL)
    assert row
    assert row[1].count("<td") == 7, "a night in each column, for a week"
    values = sheet_of(ruth.open("/modules/library/values/paper"))
    assert "Family</td>" in values, "a row for each choice, where a row is about one of many"


def test_the_code_on_a_sheet_leads_to_its_form(cast: Cast, work: uuid.UUID) -> None:
    ruth = cast.browser("ruth")
    code = paper.code_of(work, 2)
    assert code in sheet_of(ruth.open(f"{url_of(work)}/paper"))
    stories.give(cast)
    for typed in (code, code.lower(), code.replace("-", " "), code.replace("0", "O")):
        ruth.open(f"/work/sheet?code={typed}")
        assert "On paper: Being safe" in ruth.page.text
    for typed in ("-", "ZZZZZZ-1", f"{code}9999", "é" * 9):
        assert "has this code" in ruth.open(f"/work/sheet?code={typed}").text
    luis = cast.browser("luis").open(f"/work/sheet?code={code}")
    assert "has this code" in luis.text, "it is nobody's of his clients"


def test_codes_are_read_as_people_write_them() -> None:
    assert paper.read_code("7k2-m9q 3") == ("7K2M9Q", 3)
    assert paper.read_code("OIL111-2") == ("011111", 2)
    assert paper.read_code("7K2M9Q") == ("7K2M9Q", 1)
    assert paper.read_code("7K2M9") is None
    assert paper.read_code("7K2M9Q-x") is None


def test_what_came_on_paper_is_typed_in_and_both_sides_see_by_whom(
    cast: Cast, work: uuid.UUID
) -> None:
    ruth, dana, url = cast.browser("ruth"), cast.browser("dana"), f"{url_of(work, 'look')}/sheet"
    assert f'href="{url}"' in ruth.open(url_of(work)).text
    ruth.open(url)
    type_in(ruth, url, **SHEET)
    assert f"Ruth typed this in from a sheet of {date_name(WRITTEN)}." in ruth.page.text
    assert "From the kitchen table" in ruth.page.text
    dana.open(url_of(work, "look"))
    assert f"Ruth typed this in from your sheet of {date_name(WRITTEN)}." in dana.page.text
    assert "From the kitchen table</textarea>" in dana.page.text
    assert "Sent" in dana.open(url_of(work)).text


def test_a_slip_in_what_was_typed_in_is_put_right(cast: Cast, work: uuid.UUID) -> None:
    ruth, url = cast.browser("ruth"), f"{url_of(work, 'look')}/sheet"
    for words in ("From the kitchin table", "From the kitchen table"):
        ruth.open(url)
        type_in(ruth, url, **SHEET | {"a.best": words})
    assert "From the kitchen table" in ruth.open(url).text, "as it was typed in last"
    page = ruth.open(url_of(work)).text
    assert "kitchin" not in page, "she knew it when she put it right"


def test_what_does_not_fit_or_is_missing_is_said_and_nothing_typed_is_lost(
    cast: Cast, work: uuid.UUID
) -> None:
    ruth, url = cast.browser("ruth"), f"{url_of(work, 'look')}/sheet"
    ruth.open(url)
    for wrong in (
        {"a.sleep_hours": "about six"},
        {"written": ""},
        {"written": (TODAY + dt.timedelta(days=3)).isoformat()},
        {"written": "soon"},
    ):
        type_in(ruth, url, **SHEET | wrong)
        assert ruth.page.status_code == 422, wrong
        assert "From the kitchen table" in ruth.page.text
        assert next(iter(wrong.values())) in ruth.page.text
    type_in(ruth, url)
    assert "Nothing is typed in yet." in ruth.page.text
    assert stories.revisions(cast, cast.person("dana"), work, "look") == []
    type_in(ruth, url, **{"a.mood": "3"})
    assert "Ruth typed this in" in ruth.page.text, "a sheet cannot be asked again"


def test_a_sheet_is_typed_in_once_however_often_it_is_sent(cast: Cast, work: uuid.UUID) -> None:
    nonce = stories.nonce_for(cast, cast.person("ruth"), work)
    for _ in range(3):
        assert enter(cast, work, nonce=nonce).ended
    (one,) = stories.revisions(cast, cast.person("dana"), work, "look")
    assert (one.author_id, one.written_on) == (cast.ids["ruth"], WRITTEN)
    corrected = enter(cast, work, nonce=nonce, answers=stories.LOOK | {"mood": 9})
    assert corrected.ended
    assert len(stories.revisions(cast, cast.person("dana"), work, "look")) == 2


def test_what_the_client_answered_meanwhile_is_kept_and_the_difference_shows(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    stories.send(cast, cast.person("dana"), work, "look", {"best": "On the phone", "mood": 4})
    enter(cast, work, answers={"best": "On the sheet", "mood": 4})
    page = dana.open(url_of(work, "look")).text
    assert "On the sheet</textarea>" in page
    assert re.search(r"You also wrote at \d\d:\d\d: On the phone", page)
    assert "wrote at" not in page[page.index("How was your mood") :], "where it is the same"
    assert re.search(r"Also written, .*: On the phone", ruth.open(url_of(work)).text)
    found = stories.revisions(cast, cast.person("dana"), work, "look")
    assert [(one.answers or {})["best"] for one in found] == ["On the phone", "On the sheet"]


def test_a_client_who_was_writing_finds_both(cast: Cast, work: uuid.UUID) -> None:
    """The page was open when the sheet was typed in; what is saved from it counts, as the later."""
    dana = cast.person("dana")
    stories.save(cast, dana, work, "look", {"best": "Half"})
    enter(cast, work, answers={"best": "On the sheet"})
    stories.save(cast, dana, work, "look", {"best": "Whole"}, ending=Ending.SENT, based_on=1)
    found = stories.revisions(cast, dana, work, "look")
    assert [(one.answers or {})["best"] for one in queries.rivals(found)] == ["On the sheet"]
    assert "On your sheet of" in cast.browser("dana").open(url_of(work, "look")).text
    assert "On a sheet of" in cast.browser("ruth").open(url_of(work)).text


def test_what_a_client_still_writes_is_not_shown_because_a_sheet_came(
    cast: Cast, work: uuid.UUID
) -> None:
    stories.save(cast, cast.person("dana"), work, "look", {"best": "Still thinking"})
    ruth = cast.browser("ruth")
    assert "Still thinking" not in ruth.open(f"{url_of(work, 'look')}/sheet").text
    enter(cast, work)
    assert "Still thinking" not in ruth.open(url_of(work)).text
    assert "Still thinking" in cast.browser("dana").open(url_of(work, "look")).text


def test_the_same_words_on_paper_are_marked_all_the_same(cast: Cast, work: uuid.UUID) -> None:
    stories.send(cast, cast.person("dana"), work, "look")
    enter(cast, work)
    assert "typed this in" in cast.browser("dana").open(url_of(work, "look")).text


def test_a_plan_on_paper_is_asked_about_and_the_work_is_sent_when_it_is_whole(
    cast: Cast, work: uuid.UUID
) -> None:
    for step, answers in stories.WAY.items():
        enter(cast, work, step, dict(answers))
    assert stories.history(cast, work) == ["assigned", "opened", "in_progress", "submitted"]
    assert stories.waiting(cast, cast.person("ruth")) is not None
    assert "You planned: Walk to the lake" in cast.browser("dana").open("/").text


def test_the_last_step_on_paper_sends_the_work_though_it_was_put_off_before(
    cast: Cast, work: uuid.UUID
) -> None:
    dana = cast.person("dana")
    stories.send(cast, dana, work, "look", stories.LOOK | {"mood": 9})
    stories.save(cast, dana, work, "plan", {}, ending=Ending.NOT_NOW)
    enter(cast, work, "plan", stories.PLAN)
    assert stories.history(cast, work)[-1] == "submitted"


def test_whoever_types_it_in_is_not_told_but_the_others_are(cast: Cast, work: uuid.UUID) -> None:
    config: Any = cast.app.extensions["portal"].config
    with cast.database.writing() as session:
        for name in ("ruth", "helen"):
            set_address(
                session, config, clinic_id=cast.clinic.id, user_id=cast.ids[name],
                channel=Channel.EMAIL, address=f"{name}@example.org",
            )  # fmt: skip
    enter(cast, work, "safe", dict(stories.SAFE))
    with cast.database.reading() as session:
        told = {row.recipient_id for row in session.scalars(select(Pointer))}
    assert told == {cast.ids["helen"]}


def test_danger_on_a_sheet_waits_until_somebody_has_looked(cast: Cast, work: uuid.UUID) -> None:
    ruth, url = cast.browser("ruth"), f"{url_of(work, 'safe')}/sheet"
    ruth.open(url)
    type_in(ruth, url, **{"a.gate": "yes"})
    assert "A safety question," in ruth.page.text
    assert stories.waiting(cast, cast.person("ruth")) is not None


def test_a_sheet_typed_in_after_the_session_died_is_given_back(cast: Cast, work: uuid.UUID) -> None:
    ruth, url = cast.browser("ruth"), f"{url_of(work, 'look')}/sheet"
    ruth.open(url)
    later = clock.now() + dt.timedelta(hours=3)
    clock.set_clock(lambda: later)
    type_in(ruth, url, **SHEET | {"written": "2026-03-11", "a.sleep_hours": "about six"})
    assert ruth.page.status_code == 401
    assert "kitchen" not in ruth.page.text
    again = cast.browser("ruth")
    for browser in (cast.browser("helen"), cast.browser("dana")):
        assert "kitchen" not in browser.open(url).text
    again.open(url)
    assert "It was not saved" in again.page.text
    for words in ("From the kitchen table", 'value="2026-03-11"', 'value="about six"'):
        assert words in again.page.text
    again.post(url, action="discard")
    assert "kitchen" not in again.page.text


def test_work_that_is_over_takes_no_sheet_and_keeps_what_was_typed(
    cast: Cast, work: uuid.UUID
) -> None:
    ruth, url, helen = cast.browser("ruth"), f"{url_of(work, 'look')}/sheet", cast.person("helen")
    ruth.open(url)
    with cast.database.writing() as session:
        states.withdraw(session, cast.keyring, helen, work)
    type_in(ruth, url, **SHEET)
    assert ruth.page.status_code == 409
    assert "From the kitchen table" in ruth.page.text
    assert "/sheet" not in ruth.open(url_of(work)).text


def test_only_the_care_team_types_in_sheets(cast: Cast, work: uuid.UUID) -> None:
    for name in ("dana", "luis", "tom"):
        with pytest.raises(NotFound):
            enter(cast, work, by=name)
    with pytest.raises(Invalid):
        enter(cast, work, nonce=stories.nonce_for(cast, cast.person("dana"), work))
    with pytest.raises(Invalid):
        enter(cast, work, written_on=None)


def test_a_plans_worksheet_is_offered_to_the_clinician_only(sqlite_cast: Cast) -> None:
    source = (Path(shelf.LIBRARY) / "low-mood.md").read_bytes()
    module = shelf.load("low-mood")
    plan = next(p for s in module.steps for p in s.questions if getattr(p, "worksheet", None))
    step = next(s for s in module.steps if plan in s.questions)
    work = stories.give(sqlite_cast, source=source, pace=Pace.FREE, gates={"x": Gate.FREE})
    enter(sqlite_cast, work, step.id, {plan.id: {"what": "Walk"}})
    url = f"/work/new/{plan.worksheet}"  # type: ignore[attr-defined]
    ruth = sqlite_cast.browser("ruth")
    found = re.search(rf'href="([^"]+{url})"', ruth.open(url_of(work)).text)
    assert found
    assert ruth.open(found[1]).status_code == 200
    dana = sqlite_cast.browser("dana")
    assert url not in dana.open("/").text + dana.open(url_of(work)).text
