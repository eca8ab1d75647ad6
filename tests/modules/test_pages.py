"""The pages of given work, as a browser without scripts sees them, and what HTMX is answered."""

import re
import uuid

import pytest

from portal.core.ids import short
from portal.modules.models import Ending
from tests.cast import Cast
from tests.modules import stories
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


def test_somebody_who_says_no_sees_the_ordinary_page(cast: Cast, work: uuid.UUID) -> None:
    dana = cast.browser("dana")
    stories.send(cast, cast.person("dana"), work, "look")
    dana.open(url_of(work, "safe"))
    fill(dana, url_of(work, "safe"), **SAFE)
    assert "get help now" not in dana.page.text


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
