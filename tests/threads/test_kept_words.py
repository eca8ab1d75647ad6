"""Words that come when nobody is signed in any more wait, sealed, for the one who wrote them."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from portal import create_app
from portal.core import clock
from portal.core.crypto import Unreadable, open_with
from portal.core.ids import short
from portal.threads import queries
from portal.threads.models import Draft, KeptText, Message
from tests.cast import Browser, Cast
from tests.threads.test_drafts import box

pytestmark = pytest.mark.slow

WORDS = "What took me an hour to write"


def composing(cast: Cast, name: str = "dana") -> tuple[Browser, str, dict[str, Any]]:
    """Somebody with a thread open and something written in its box, not sent yet."""
    url = cast.thread_url(cast.begin_thread("ruth", "dana", subject="About sleep"))
    browser = cast.browser(name)
    browser.open(url)
    form: dict[str, Any] = {
        "csrf_token": browser.token,
        "nonce": browser.nonce,
        "text": WORDS,
        "action": "send",
    }
    return browser, url, form


def stranger(cast: Cast) -> Browser:
    """A browser in which nobody is signed in."""
    browser = Browser(cast.app)
    browser.open("/sign-in")
    return browser


def kept(cast: Cast) -> list[KeptText]:
    with cast.database.reading() as session:
        return list(session.scalars(select(KeptText)))


def offers(cast: Cast, url: str) -> Browser:
    """Dana has signed in again, and finds what she wrote."""
    dana = cast.browser("dana")
    assert "About sleep" in dana.open("/").text
    assert "were not sent" in dana.page.text
    assert WORDS in dana.open(url).text
    assert box(dana) == ""
    dana.post(f"{url}/kept", action="restore")
    assert box(dana) == WORDS
    assert not kept(cast)
    dana.post(url, text=WORDS, action="send")
    assert dana.page.status_code == 200
    return dana


def test_after_the_session_has_expired(cast: Cast) -> None:
    dana, url, form = composing(cast)
    later = clock.now() + dt.timedelta(hours=3)
    clock.set_clock(lambda: later)
    dana.post(url, **form)
    assert dana.page.status_code == 401
    assert "Your words are safe" in dana.page.text
    assert WORDS not in dana.page.text, "whoever sits there now may be somebody else"
    assert len(kept(cast)) == 1
    offers(cast, url)


def test_a_whole_book_is_kept_too(sqlite_cast: Cast) -> None:
    dana, url, form = composing(sqlite_cast)
    dana.post("/sign-out")
    book = "All of it. " * 30_000
    dana.post(url, **{**form, "text": book})
    assert dana.page.status_code == 401
    assert book.strip() in sqlite_cast.browser("dana").open(url).text


def test_after_signing_out_in_another_tab(cast: Cast) -> None:
    dana, url, form = composing(cast)
    dana.post("/sign-out")
    dana.post(url, **form)
    assert dana.page.status_code == 401
    offers(cast, url)


def test_whoever_signs_in_next_at_this_browser_never_sees_it(cast: Cast) -> None:
    browser, url, form = composing(cast)
    browser.carry(cast.cookie("mateo"))
    browser.post(url, **form)
    assert browser.page.status_code == 401
    assert WORDS not in browser.page.text
    for page in ("/", f"{cast.client_url('mateo')}/threads/new", url):
        assert WORDS not in browser.open(page).text
        assert "were not sent" not in browser.page.text
    offers(cast, url)


def test_a_stale_token_of_the_same_person_keeps_the_words(sqlite_cast: Cast) -> None:
    dana, url, form = composing(sqlite_cast)
    dana.carry(sqlite_cast.cookie("dana"))
    dana.post(url, **form)
    assert dana.page.status_code == 200
    assert WORDS in dana.page.text, "she is signed in, so they are offered at once"
    offers(sqlite_cast, url)


def test_a_server_that_was_started_again_loses_nothing(cast: Cast) -> None:
    dana, url, form = composing(cast)
    config = cast.app.extensions["portal"].config
    again = create_app(replace(config))
    cookie = dana.client.get_cookie("p")
    assert cookie is not None
    browser = Browser(again)
    browser.client.set_cookie("p", cookie.value)
    browser.open("/account")
    answer = browser.post(url, **form)
    assert answer.status_code == 200
    assert WORDS in browser.open(url).text
    again.extensions["portal"].database.dispose()


def test_a_server_with_a_newer_key_still_knows_the_form(sqlite_cast: Cast) -> None:
    dana, url, form = composing(sqlite_cast)
    config = sqlite_cast.app.extensions["portal"].config
    rotated = create_app(replace(config, server_keys=(("k2", b"\2" * 32), *config.server_keys)))
    browser = Browser(rotated)
    browser.open("/sign-in")
    browser.post(url, **form)
    assert browser.page.status_code == 401
    assert len(kept(sqlite_cast)) == 1
    rotated.extensions["portal"].database.dispose()
    assert dana.app is not rotated


def test_an_autosave_that_comes_too_late_keeps_the_words_too(sqlite_cast: Cast) -> None:
    dana, url, form = composing(sqlite_cast)
    dana.post("/sign-out")
    answer = dana.post(f"{url}/draft", htmx=True, **form)
    assert answer.headers["HX-Redirect"].startswith("/sign-in?why=words_kept")
    offers(sqlite_cast, url)


def test_the_words_of_one_form_are_kept_once_and_the_last_of_them(sqlite_cast: Cast) -> None:
    dana, url, form = composing(sqlite_cast)
    dana.post("/sign-out")
    for text in ("First", "First and second", WORDS):
        dana.post(url, **{**form, "text": text})
    assert len(kept(sqlite_cast)) == 1
    offers(sqlite_cast, url)


def test_what_was_sent_already_is_not_offered_and_goes_by_itself(cast: Cast) -> None:
    dana, url, form = composing(cast)
    dana.post(url, **form)
    dana.open(url)
    dana.post("/sign-out")
    dana.post(url, **form)
    assert dana.page.status_code == 401
    back = cast.browser("dana")
    assert "were not sent" not in back.open("/").text
    assert not kept(cast), "she has seen that it was sent"
    dana.post(url, **form)
    assert len(kept(cast)) == 1, "who cannot open them cannot tell whether they are the same words"
    assert "was not sent" not in back.open(url).text
    assert back.page.text.count(WORDS) == 1
    assert not kept(cast)


def test_what_was_written_on_after_a_send_whose_answer_was_lost_is_kept(cast: Cast) -> None:
    dana, url, form = composing(cast)
    dana.client.post(url, data=form)
    dana.post("/sign-out")
    more = f"{WORDS}, and another hour"
    dana.post(url, **{**form, "text": more})
    assert dana.page.status_code == 401
    assert "Your words are safe" in dana.page.text
    back = cast.browser("dana")
    assert "were not sent" in back.open("/").text
    assert "was not sent" in back.open(url).text
    back.post(f"{url}/kept", action="restore")
    assert box(back) == more
    assert not kept(cast)


def test_what_was_written_on_after_a_thread_was_begun_is_kept_too(cast: Cast) -> None:
    url = f"{cast.client_url('dana')}/threads/new"
    dana = cast.browser("dana")
    dana.open(url)
    form: dict[str, Any] = {"csrf_token": dana.token, "nonce": dana.nonce, "subject": "School"}
    dana.client.post(url, data={**form, "text": WORDS, "action": "send"})
    dana.post("/sign-out")
    dana.post(url, text=WORDS, **form)
    back = cast.browser("dana")
    assert "was not sent" not in back.open(url).text
    assert not kept(cast)
    more = f"{WORDS}, and another hour"
    dana.post(url, text=more, **form)
    assert "were not sent" in back.open("/").text
    back.open(url)
    back.post(f"{url}/kept", action="restore")
    assert box(back) == more


def test_words_that_were_sent_and_taken_back_are_offered_and_not_thrown_away(
    sqlite_cast: Cast,
) -> None:
    dana, url, form = composing(sqlite_cast)
    dana.client.post(url, data=form)
    dana.open(url)
    dana.post(f"{url}/messages/2/take-back")
    dana.post("/sign-out")
    dana.post(url, **form)
    assert WORDS in sqlite_cast.browser("dana").open(url).text


def test_only_its_author_opens_what_is_kept(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    dana, url, form = composing(cast)
    dana.post("/sign-out")
    dana.post(url, **form)
    (row,) = kept(cast)
    assert WORDS.encode() not in row.sealed
    place = queries.kept_label(row.clinic_id, row.place_id, row.id)
    assert WORDS.encode() in open_with(cast.person("dana").private_key, row.sealed, place)
    for name in ("ruth", "helen", "mateo"):
        with pytest.raises(Unreadable):
            open_with(cast.person(name).private_key, row.sealed, place)


@pytest.mark.parametrize("nonce", ["", "nothing", "A" * 38])
def test_a_stranger_cannot_leave_words_in_somebodys_name(sqlite_cast: Cast, nonce: str) -> None:
    cast = sqlite_cast
    _, url, form = composing(cast)
    browser = stranger(cast)
    browser.post(url, **{**form, "nonce": nonce})
    assert browser.page.status_code == 401
    assert not kept(cast)
    assert WORDS in browser.page.text, "what cannot be kept is shown again"


def test_a_form_of_one_thread_keeps_nothing_in_another(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    _, _, form = composing(cast)
    other = cast.thread_url(cast.begin_thread("luis", "mateo"))
    stranger(cast).post(other, **form)
    assert not kept(cast)


def test_nobody_fills_the_database_with_kept_words(sqlite_cast: Cast) -> None:
    from portal.threads.services.unsent import MOST_KEPT_TEXTS

    cast = sqlite_cast
    thread = cast.begin_thread("ruth", "dana")
    from tests.threads.stories import nonce_for

    person = cast.person("dana")
    for number in range(MOST_KEPT_TEXTS + 3):
        browser = stranger(cast)
        nonce = str(nonce_for(cast, person, thread))
        browser.post(cast.thread_url(thread), csrf_token="", nonce=nonce, text=WORDS)
        assert browser.page.status_code == (401 if number < MOST_KEPT_TEXTS else 409)
    assert WORDS in browser.page.text
    assert len(kept(cast)) == MOST_KEPT_TEXTS


def test_kept_words_of_a_new_thread_keep_their_subject(cast: Cast) -> None:
    url = f"{cast.client_url('dana')}/threads/new"
    dana = cast.browser("dana")
    dana.open(url)
    form: dict[str, Any] = {
        "csrf_token": dana.token,
        "nonce": dana.nonce,
        "text": WORDS,
        "subject": "School",
    }
    dana.post("/sign-out")
    dana.post(url, action="send", **form)
    assert dana.page.status_code == 401
    back = cast.browser("dana")
    assert "were not sent" in back.open("/").text
    back.open(url)
    back.post(f"{url}/kept", action="restore")
    assert box(back) == WORDS
    assert 'value="School"' in back.page.text


def test_thrown_away_they_are_gone(sqlite_cast: Cast) -> None:
    dana, url, form = composing(sqlite_cast)
    dana.post("/sign-out")
    dana.post(url, **form)
    back = sqlite_cast.browser("dana")
    back.open(url)
    back.post(f"{url}/kept", action="discard")
    assert WORDS not in back.page.text
    assert not kept(sqlite_cast)
    with sqlite_cast.database.reading() as session:
        assert len(session.scalars(select(Message)).all()) == 1


def test_what_was_written_for_a_thread_that_closed_goes_along_into_a_new_one(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    dana.open(cast.thread_url(thread))
    dana.post(cast.thread_url(thread), text="Half a thought", action="save")
    ruth.open(cast.thread_url(thread))
    ruth.post(f"{cast.thread_url(thread)}/close")
    assert "Half a thought" in dana.open(cast.thread_url(thread)).text
    new_page = dana.post(f"{cast.thread_url(thread)}/kept", action="restore")
    assert new_page.request.path.endswith("/threads/new")
    assert "Half a thought" in new_page.text
    assert "Half a thought" not in dana.open(cast.thread_url(thread)).text


def test_no_draft_is_sealed_under_a_key_that_somebody_left_with(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    tom, dana = cast.browser("tom"), cast.browser("dana")
    tom.open("/people")
    tom.post(f"/people/{short(cast.ids['helen'])}/disable")
    dana.open(cast.thread_url(thread))
    dana.post(cast.thread_url(thread), text="For Ruth alone", action="save")
    with cast.database.reading() as session:
        assert session.scalars(select(Draft.epoch)).all() == [2]
