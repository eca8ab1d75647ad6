"""What was typed on a page of given work and was not saved, sent or understood, is still there."""

import datetime as dt
import re
import uuid

from portal.core import clock
from portal.modules.models import Pace
from tests.cast import Browser, Cast
from tests.modules import stories
from tests.modules.steps_on_pages import LOOK, SAFE, Fields, fill, hidden_in, url_of


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
