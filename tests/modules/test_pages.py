"""The pages of given work, as a browser without scripts sees them, and what HTMX is answered."""

import datetime as dt
import re
import uuid

import pytest

from portal.core import clock
from portal.core.i18n import date_name
from portal.core.ids import short
from portal.modules.models import Ending, Pace
from tests.cast import Browser, Cast
from tests.modules import stories
from tests.modules.desk import speaks_spanish
from tests.modules.steps_on_pages import LOOK, PLAN, SAFE, Fields, fill, hidden_in, url_of


def test_a_client_works_through_it_without_scripts(cast: Cast, work: uuid.UUID) -> None:
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    assert "Calm days" in dana.open("/").text
    assert "New for you" in dana.page.text
    dana.open(url_of(work))
    assert f'href="{url_of(work, "look")}"' in dana.page.text
    dana.open(url_of(work, "look"))
    fill(dana, url_of(work, "look"), **LOOK)
    assert "<h1>Being safe</h1>" in dana.page.text
    assert "That is the first step." in dana.page.text, "the canned reply, at once"
    fill(dana, url_of(work, "safe"), **SAFE)
    assert "Opens when your counsellor has read what you sent" in dana.page.text

    ruth.open("/")
    assert "Waiting since" in ruth.page.text
    ruth.open(url_of(work))
    assert "The walk on Tuesday" in ruth.page.text
    assert "A walk, A talk" in ruth.page.text
    assert "<small>Where?</small> At home · <small>How strong?</small> 7" in ruth.page.text
    fields: Fields = {
        "f.alone": "Who could sit with you?",
        "s.noticed": "You named it.",
        "s.link": "best",
    }
    ruth.post(
        f"{url_of(work, 'safe')}/feedback", **hidden_in(ruth, "safe"), **fields, action="send"
    )
    assert "Waiting since" not in cast.browser("ruth").open("/").text

    dana.open(url_of(work, "safe"))
    for words in ("Who could sit with you?", "You named it.", "You wrote: The walk on Tuesday"):
        assert words.replace("You wrote: ", "") in dana.page.text
    dana.open(url_of(work, "plan"))
    assert "The walk on Tuesday" in dana.page.text, "recalled"
    fill(dana, url_of(work, "plan"), **PLAN)
    assert "You sent this." in dana.page.text
    home = dana.open("/")
    assert "You planned: Walk to the lake" in home.text


def test_saving_with_htmx_answers_with_a_few_words(cast: Cast, work: uuid.UUID) -> None:
    dana, url = cast.browser("dana"), url_of(work, "look")
    dana.open(url)
    page = dana.page
    for at, action in ((url, "save"), (f"{url}/draft", "save")):
        dana.page = page
        answer = fill(dana, at, action, htmx=True, **LOOK | {"a.best": f"Words at {at}"})
        assert answer.status_code == 200
        assert re.fullmatch(r"Saved \d\d:\d\d\s*", answer.text)
    dana.page = page
    again = fill(dana, f"{url}/draft", htmx=True, **LOOK | {"a.best": f"Words at {url}/draft"})
    assert again.status_code == 204, "nothing new"
    dana.page = page
    answer = fill(dana, url, htmx=True, **LOOK)
    assert answer.headers["HX-Redirect"] == f"{url_of(work, 'safe')}?from=look"
    assert answer.text == ""


def test_what_is_missing_or_does_not_fit_is_said_and_nothing_typed_is_lost(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, url = cast.browser("dana"), url_of(work, "look")
    dana.open(url)
    page = dana.page
    about: Fields = {"a.sleep_hours": "about six", "a.mood": "3"}
    fill(dana, url, **about)
    assert dana.page.status_code == 422
    assert 'value="about six"' in dana.page.text
    assert "Please answer this one" in dana.page.text
    assert '<a href="#a.best">What was good this week?</a>' in dana.page.text
    assert 'id="a.best"' in dana.page.text
    assert "Please write a number" in dana.page.text
    dana.page = page
    mood: Fields = {"a.mood": "3"}
    answer = fill(dana, url, htmx=True, **mood)
    assert answer.status_code == 422
    assert "What was good this week?" in answer.text
    dana.page = page
    fill(dana, url, "later", **mood)
    assert "<h1>Being safe</h1>" in dana.page.text
    assert "Put off" in dana.open(url_of(work)).text


def test_what_is_missing_can_be_put_off_only_in_a_step_that_was_not_sent(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, url = cast.browser("dana"), url_of(work, "look")
    for is_sent in (False, True):
        dana.open(url)
        fill(dana, url)
        assert dana.page.status_code == 422
        assert "Please answer this one" in dana.page.text
        assert ("value=later" in dana.page.text) is not is_sent
        assert ("or press “Not now”" in dana.page.text) is not is_sent
        stories.send(cast, cast.person("dana"), work, "look")


@pytest.mark.parametrize("answer", ["yes", "unsure"])
def test_help_stands_first_when_somebody_may_be_in_danger(
    cast: Cast, work: uuid.UUID, answer: str
) -> None:
    dana = cast.browser("dana")
    stories.send(cast, cast.person("dana"), work, "look")
    dana.open(url_of(work, "safe"))
    gate = dana.page.text.index("Do you think of hurting yourself?")
    assert dana.page.text.index("tel:988") > gate, "beside the question"
    fill(dana, url_of(work, "safe"), **SAFE | {"a.gate": answer})
    text = dana.page.text
    main = text[text.index("<main") :]
    assert main.index("get help now") < main.index("tel:988") < main.index("<h1>")
    assert "You do not have to be alone with this." in text
    assert text.count("tel:988") == 1


def test_the_counsellor_sees_first_what_a_safety_question_brought(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    stories.send(cast, cast.person("dana"), work, "look")
    stories.save(cast, cast.person("dana"), work, "safe", {**stories.SAFE, "gate": "yes"})
    page = ruth.open(f"/work/{short(work)}").text
    assert "A safety question" in page
    assert "Hard moments" not in page, "it was not sent"
    assert "A safety question" not in dana.open(f"/work/{short(work)}").text
    ruth.post(f"/work/{short(work)}/steps/safe/seen", **hidden_in(ruth, "safe", "seen"))
    assert "A safety question" not in ruth.open(f"/work/{short(work)}").text


def test_somebody_who_says_no_sees_the_ordinary_page(cast: Cast, work: uuid.UUID) -> None:
    dana = cast.browser("dana")
    stories.send(cast, cast.person("dana"), work, "look")
    dana.open(url_of(work, "safe"))
    fill(dana, url_of(work, "safe"), **SAFE)
    assert "get help now" not in dana.page.text


def test_answers_after_the_session_died_are_given_back_to_their_author(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, url = cast.browser("dana"), url_of(work, "look")
    dana.open(url)
    later = clock.now() + dt.timedelta(hours=3)
    clock.set_clock(lambda: later)
    fill(dana, url, **LOOK)
    assert dana.page.status_code == 401
    assert "Your words are safe" in dana.page.text
    assert "The walk" not in dana.page.text
    again, luis = cast.browser("dana"), cast.browser("luis")
    assert luis.open(url).status_code == 404
    assert "were not saved" in again.open("/").text
    assert "The walk on Tuesday" in again.open(url).text
    again.post(f"{url}/kept", action="restore")
    assert 'name="a.sleep_hours" value="6.5"' in again.page.text
    assert "were not saved" not in again.open("/").text


def test_two_devices_see_what_the_other_wrote(cast: Cast, work: uuid.UUID) -> None:
    phone, desk = cast.browser("dana"), cast.browser("dana")
    url = url_of(work, "look")
    for browser in (phone, desk):
        browser.open(url)
    fill(desk, url, "save", **LOOK | {"a.best": "At the desk"})
    fill(phone, url, "save", **LOOK | {"a.best": "On the phone"})
    assert "On the phone</textarea>" in phone.page.text
    assert re.search(r"You also wrote at \d\d:\d\d: At the desk", phone.page.text)


def test_the_counsellor_sees_what_changed_after_feedback(cast: Cast, work: uuid.UUID) -> None:
    dana, ruth = cast.person("dana"), cast.person("ruth")
    stories.send(cast, dana, work, "look", {"best": "Little"})
    stories.say(cast, ruth, work, "look", beside={"best": "Say more?"})
    stories.send(cast, dana, work, "look", {"best": "More than that"})
    page = cast.browser("ruth").open(url_of(work)).text
    assert "More than that" in page
    assert re.search(r"Before:.*Little", page)


def test_what_was_not_sent_is_not_shown_to_the_counsellor(cast: Cast, work: uuid.UUID) -> None:
    stories.save(cast, cast.person("dana"), work, "look", {"best": "Still thinking"})
    assert "Still thinking" not in cast.browser("ruth").open(url_of(work)).text


@pytest.mark.usefixtures("own_shelf")
def test_work_is_chosen_looked_at_and_given(cast: Cast) -> None:
    ruth, dana = cast.browser("ruth"), cast.browser("dana")
    ruth.open(f"{cast.client_url('dana')}/work/new")
    assert "Calm days" in ruth.page.text
    url = f"{cast.client_url('dana')}/work/new/calm-days"
    ruth.open(url)
    assert "What was good this week?" in ruth.page.text
    fields: Fields = {
        "starts": "2026-01-05",
        "pace": "in_order",
        "g.safe": "free",
        "read": "4",
        "nonce": ruth.nonce,
    }
    for nonsense in ({"starts": "soon"}, {"read": "7"}):
        ruth.post(url, **fields | nonsense)
        assert ruth.page.status_code == 422
        assert "Please choose a day" in ruth.page.text
    ruth.post(url, **fields | {"starts": "soon"})
    assert '<option value="4" selected>Friday' in ruth.page.text, "what was chosen is still there"
    for _ in range(2):
        ruth.post(url, **fields)
    assert "Given, not opened yet" in ruth.page.text
    assert dana.open("/").text.count("Calm days") == 1
    assert ruth.open(f"{cast.client_url('dana')}/work/new/nothing").status_code == 404


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


def test_homework_is_told_once_it_was_tried(cast: Cast, work: uuid.UUID) -> None:
    person = cast.person("dana")
    stories.send(cast, person, work, "look", stories.LOOK | {"mood": 9})
    stories.send(cast, person, work, "plan")
    url, today = f"{url_of(work)}/homework/act", clock.now()
    for day, obstacle in enumerate(("It rained", "It rained again")):
        wait_until(today + dt.timedelta(days=day))
        dana = cast.browser("dana")
        dana.open("/")
        form: Fields = {"nonce": dana.nonce, "action": "not_yet", "h.obstacle": obstacle}
        dana.post(url, **form)
    wait_until(today + dt.timedelta(days=3))
    assert "You planned" not in cast.browser("dana").open("/").text, "not asked a third time"
    ruth = cast.browser("ruth")
    ruth.open(url_of(work))
    assert "It rained again" in ruth.page.text
    ruth.post(f"{url_of(work)}/seen")
    assert "I have seen it" not in ruth.page.text


LONG_LETTER = "It was a long week. " * 250
BARN = ("In the barn, up where the hay was. " * 9).strip()
MESS: Fields = SAFE | {"a.log.1.place": BARN, "a.log.1.strength": "9"}


def test_what_does_not_fit_is_saved_as_it_was_typed(cast: Cast, work: uuid.UUID) -> None:
    phone, url = cast.browser("dana"), url_of(work, "look")
    phone.open(url)
    assert "maxlength" not in phone.page.text, "a browser would cut what is pasted, and say nothing"
    answer = fill(phone, f"{url}/draft", "save", htmx=True, **LOOK | {"a.best": LONG_LETTER})
    assert "Saved" in answer.text
    desk = cast.browser("dana")
    page = desk.open(url).text
    assert LONG_LETTER.strip() in page
    assert "This is too long" in page
    assert "6.5" in page, "what fits is an answer"
    assert "best" not in stories.progress(cast, cast.person("dana"), work).answers
    told = fill(desk, url, htmx=True, **LOOK | {"a.best": LONG_LETTER})
    assert told.status_code == 422
    assert "What was good this week?</a> This is too long." in told.text


def test_a_table_with_one_wrong_cell_is_not_lost(cast: Cast) -> None:
    work = stories.give(cast, gates={}, pace=Pace.FREE)
    url, phone = url_of(work, "safe"), cast.browser("dana")
    phone.open(url)
    fill(phone, f"{url}/draft", "save", htmx=True, **MESS)
    desk = cast.browser("dana")
    page = desk.open(url).text
    for words in ("At home", BARN):
        assert f'value="{words}"' in page
    fill(desk, url, **MESS | {"a.log.1.place": "In the barn"})
    answers = stories.progress(cast, cast.person("dana"), work).answers
    assert [row["place"] for row in answers["log"]] == ["At home", "In the barn"]
    assert "hay" not in cast.browser("ruth").open(url_of(work)).text


def test_what_does_not_fit_waits_for_its_author_too(cast: Cast, work: uuid.UUID) -> None:
    dana, url = cast.browser("dana"), url_of(work, "look")
    dana.open(url)
    late = dana.page
    dana.post("/sign-out")
    dana.page = late
    fill(dana, url, **LOOK | {"a.best": LONG_LETTER, "a.sleep_hours": "about six"})
    again = cast.browser("dana")
    page = again.open(url).text
    assert LONG_LETTER.strip() in page
    assert "about six" in page
    again.post(f"{url}/kept", action="restore")
    page = again.open(url).text
    assert "You wrote this on" not in page
    assert 'value="about six"' in page
    assert LONG_LETTER.strip() in page
    assert stories.progress(cast, cast.person("dana"), work).answers["mood"] == 4


def test_work_that_was_taken_back_keeps_what_was_typed(cast: Cast, work: uuid.UUID) -> None:
    dana, ruth, url = cast.browser("dana"), cast.browser("ruth"), url_of(work, "look")
    dana.open(url)
    ruth.open(url_of(work))
    ruth.post(f"{url_of(work)}/withdraw")
    fill(dana, url, **LOOK)
    assert dana.page.status_code == 409
    assert "The walk on Tuesday" in dana.page.text
    assert "Your answers are saved" in dana.page.text
    assert stories.progress(cast, cast.person("dana"), work).answers["mood"] == 4


def test_a_spanish_reader_gets_the_spanish_course(cast: Cast) -> None:
    work = stories.give(cast, "mateo", "luis")
    page = cast.browser("mateo").open(url_of(work, "look")).text
    assert "¿Qué fue bueno esta semana?" in page
    assert "Enviar y seguir" in page
    assert "What was good" not in page


def test_a_step_that_is_not_there_is_not_found(cast: Cast, work: uuid.UUID) -> None:
    assert cast.browser("dana").open(url_of(work, "nothing")).status_code == 404
    stories.save(cast, cast.person("dana"), work, "look", stories.LOOK, ending=Ending.SENT)
    assert cast.browser("ruth").open(url_of(work, "look")).status_code == 404


def test_feedback_that_came_after_signing_out_is_in_the_boxes_again(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, ruth = cast.person("dana"), cast.browser("ruth")
    stories.send(cast, dana, work, "look")
    stories.send(cast, dana, work, "safe")
    ruth.open(url_of(work))
    for step, words in (("look", "You looked"), ("safe", "You named it")):
        fields: Fields = {"s.noticed": words, "s.task": "Walk", "csrf_token": "stale"}
        form = fields | hidden_in(ruth, step) | {"action": "send"}
        url = f"{url_of(work, step)}/feedback"
        late = Browser(cast.app).client.post(url, data=form)
        assert late.status_code == 401
        assert "Your words are safe" in late.text
        assert words not in late.text
    assert "You have words here that were not saved." in ruth.open(cast.client_url("dana")).text
    for name in ("helen", "dana"):
        assert "You looked" not in cast.browser(name).open(url_of(work)).text, "they are Ruth's"
    ruth.open(url_of(work))
    assert ruth.page.text.count("It is in the boxes again.") == 2
    assert "You looked</textarea>" in ruth.page.text
    sent: Fields = {"s.noticed": "You looked", "action": "send"}
    ruth.post(f"{url_of(work, 'look')}/feedback", **hidden_in(ruth, "look"), **sent)
    assert ruth.page.text.count("It is in the boxes again.") == 1, "what is sent waits no more"
    ruth.post(f"{url_of(work, 'safe')}/kept", action="discard")
    assert "You named it" not in ruth.page.text


def test_a_clients_nonce_keeps_no_feedback(cast: Cast, work: uuid.UUID) -> None:
    dana, url = cast.person("dana"), f"{url_of(work, 'look')}/feedback"
    stories.send(cast, dana, work, "look")
    nonce = str(stories.nonce_for(cast, dana, work))
    form: Fields = {"s.noticed": "Forged", "nonce": nonce, "csrf_token": "x"}
    assert Browser(cast.app).client.post(url, data=form).status_code == 401
    assert "Forged" not in cast.browser("ruth").open(url_of(work)).text


def test_somebody_who_was_given_nothing_yet_can_begin_with_something_small(cast: Cast) -> None:
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    home = dana.open("/").text
    assert "Something small to begin with" in home
    nonce = dana.nonce
    assert "<h1>" in dana.post("/work/first", nonce=nonce).text
    where = dana.page.request.path
    assert "/steps/" in where
    dana.open("/")
    assert "Something small to begin with" not in dana.page.text
    assert dana.post("/work/first", nonce=nonce).request.path == where, "there is one"
    assert "Back to here and now" in ruth.open(f"/clients/{short(cast.engagements['dana'])}").text
    assert stories.waiting(cast, cast.person("ruth")) is None
