"""Drafts: saved by themselves or by a button, the same in every browser, gone once sent."""

import re
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.threads.models import Draft
from tests.cast import Browser, Cast

BOX = re.compile(r"<textarea[^>]*>\n(.*?)</textarea>", re.DOTALL)


def box(browser: Browser) -> str:
    """What is in the box."""
    found = BOX.search(browser.page.text)
    assert found is not None
    return found[1]


def test_a_draft_follows_from_phone_to_office(cast: Cast) -> None:
    url = cast.thread_url(cast.begin_thread("ruth", "dana"))
    phone, office = cast.browser("dana"), cast.browser("dana")
    phone.open(url)
    phone.post(f"{url}/draft", htmx=True, text="Half a sentence")
    assert re.search(r"Saved \d\d:\d\d", phone.page.text)
    assert len(phone.page.data) < 100
    office.open(url)
    assert box(office) == "Half a sentence"
    assert re.search(r"Saved \d\d:\d\d", office.page.text)
    office.post(url, text="Half a sentence, and the rest", action="save")
    phone.open(url)
    assert box(phone) == "Half a sentence, and the rest"


def test_the_button_saves_without_scripts(sqlite_cast: Cast) -> None:
    url = sqlite_cast.thread_url(sqlite_cast.begin_thread("ruth", "dana"))
    dana = sqlite_cast.browser("dana")
    dana.open(url)
    dana.post(url, text="<b>one</b>\r\ntwo", action="save")
    assert dana.page.status_code == 200
    assert box(dana) == "&lt;b&gt;one&lt;/b&gt;\ntwo"
    assert "Saved" in dana.page.text


def test_nobody_else_sees_a_draft(sqlite_cast: Cast) -> None:
    url = sqlite_cast.thread_url(sqlite_cast.begin_thread("ruth", "dana"))
    ruth, helen = sqlite_cast.browser("ruth"), sqlite_cast.browser("helen")
    ruth.open(url)
    ruth.post(url, text="Not for other eyes", action="save")
    assert box(ruth) == "Not for other eyes"
    for other in (helen, sqlite_cast.browser("dana")):
        assert "Not for other eyes" not in other.open(url).text


def test_sending_empties_the_box_everywhere(cast: Cast) -> None:
    url = cast.thread_url(cast.begin_thread("ruth", "dana"))
    phone, office = cast.browser("dana"), cast.browser("dana")
    phone.open(url)
    phone.post(f"{url}/draft", htmx=True, text="Nearly done")
    office.open(url)
    office.post(url, text="Nearly done, now done", action="send")
    assert box(office) == ""
    phone.open(url)
    assert box(phone) == ""


def sent_unheard(cast: Cast, url: str, text: str) -> tuple[Browser, dict[str, Any]]:
    """Dana has sent the form of a page, and the answer was lost: the page is as it was."""
    dana = cast.browser("dana")
    dana.open(url)
    form: dict[str, Any] = {"csrf_token": dana.token, "nonce": dana.nonce, "subject": "Sleep"}
    assert dana.client.post(url, data={**form, "text": text, "action": "send"}).status_code == 200
    return dana, form


def drafts(cast: Cast) -> int:
    with cast.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Draft)) or 0


@pytest.mark.parametrize("late_text", ["All I wanted to say", "All I wanted\r\n", ""])
def test_a_draft_saved_late_does_not_come_back_after_the_send(cast: Cast, late_text: str) -> None:
    """The autosave of a form that has been sent meanwhile, on a line that held it up."""
    url = cast.thread_url(cast.begin_thread("ruth", "dana"))
    dana, form = sent_unheard(cast, url, "All I wanted\r\nto say")
    text = late_text.replace("wanted to", "wanted\r\nto")
    late = dana.client.post(
        f"{url}/draft", data={**form, "text": text}, headers={"HX-Request": "true"}
    )
    assert late.status_code == 200
    assert re.fullmatch(r"\s*Sent \d\d:\d\d\s*", late.text), "and the page says so"
    dana.open(url)
    assert box(dana) == ""
    assert drafts(cast) == 0


@pytest.mark.parametrize("way", ["by itself", "by the button", "by the button, with htmx"])
@pytest.mark.parametrize("is_new_thread", [False, True], ids=["a thread", "a new thread"])
def test_what_was_written_on_after_a_send_whose_answer_was_lost_is_a_draft(
    cast: Cast, way: str, is_new_thread: bool
) -> None:
    thread_url = cast.thread_url(cast.begin_thread("ruth", "dana"))
    url = f"{cast.client_url('dana')}/threads/new" if is_new_thread else thread_url
    dana, form = sent_unheard(cast, url, "All I wanted")
    more = "All I wanted, and an hour more"
    if way == "by itself":
        saved = dana.client.post(
            f"{url}/draft", data={**form, "text": more}, headers={"HX-Request": "true"}
        )
        assert "Saved" in saved.text
    else:
        headers = {"HX-Request": "true"} if "htmx" in way else {}
        form |= {"action": "save", "text": more}
        dana.client.post(url, data=form, headers=headers)
    dana.open(url)
    assert box(dana) == more
    dana.post(url, text=more, subject="Sleep", action="send")
    assert dana.page.status_code == 200
    assert drafts(cast) == 0


def test_whoever_shortens_what_was_sent_and_saves_it_has_it_in_the_box(sqlite_cast: Cast) -> None:
    """A button is pressed on purpose: what it saves is what is there."""
    url = sqlite_cast.thread_url(sqlite_cast.begin_thread("ruth", "dana"))
    dana, form = sent_unheard(sqlite_cast, url, "All I wanted to say")
    dana.client.post(url, data={**form, "text": "All I wanted", "action": "save"})
    dana.open(url)
    assert box(dana) == "All I wanted"


@pytest.mark.parametrize("action", ["save", "send"])
def test_what_was_sent_is_saved_by_no_button_either(sqlite_cast: Cast, action: str) -> None:
    url = sqlite_cast.thread_url(sqlite_cast.begin_thread("ruth", "dana"))
    dana, form = sent_unheard(sqlite_cast, url, "All I wanted")
    dana.client.post(url, data={**form, "text": "All I wanted", "action": action})
    dana.open(url)
    assert box(dana) == ""
    assert dana.page.text.count("All I wanted") == 1


def test_a_new_thread_has_a_draft_with_its_subject(sqlite_cast: Cast) -> None:
    url = f"{sqlite_cast.client_url('dana')}/threads/new"
    phone, office = sqlite_cast.browser("dana"), sqlite_cast.browser("dana")
    phone.open(url)
    phone.post(f"{url}/draft", htmx=True, text="To begin with", subject="About school")
    office.open(url)
    assert box(office) == "To begin with"
    assert 'value="About school"' in office.page.text
    office.post(url, text="To begin with", subject="About school", action="send")
    assert office.page.status_code == 200
    phone.open(url)
    assert box(phone) == ""


def test_over_the_limit_nothing_is_sent_and_nothing_is_lost(cast: Cast) -> None:
    url = cast.thread_url(cast.begin_thread("ruth", "dana"))
    dana = cast.browser("dana")
    dana.open(url)
    text = "ñ" * 8004
    dana.post(url, text=text, action="send")
    assert dana.page.status_code == 422
    assert "4 letters too long" in dana.page.text
    assert box(dana) == text
    dana.post(url, text=text[4:], action="send")
    assert dana.page.status_code == 200
    assert "ñ" * 8000 in dana.page.text


HUGE = {"letters": "All of it. " * 30_000, "emoji": "\N{SLIGHTLY SMILING FACE}" * 30_000}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("htmx", [False, True], ids=["no scripts", "htmx"])
def test_a_whole_book_is_not_lost_either(sqlite_cast: Cast, text: str, htmx: bool) -> None:
    cast = sqlite_cast
    url, dana = cast.thread_url(cast.begin_thread("ruth", "dana")), cast.browser("dana")
    dana.open(url)
    dana.post(url, text=text, action="send", htmx=htmx)
    assert dana.page.status_code == 422
    assert box(dana) == text
    dana.open(url)
    dana.post(f"{url}/draft" if htmx else url, text=text, action="save", htmx=htmx)
    assert dana.page.status_code == 200
    dana.open(url)
    assert box(dana) == text


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_a_new_thread_may_be_begun_with_a_whole_book_in_the_box(
    sqlite_cast: Cast, text: str
) -> None:
    url, dana = f"{sqlite_cast.client_url('dana')}/threads/new", sqlite_cast.browser("dana")
    dana.open(url)
    dana.post(url, text=text, subject="A book", action="send")
    assert dana.page.status_code == 422
    assert box(dana) == text
    dana.post(f"{url}/draft", text=text, subject="A book", htmx=True)
    assert dana.page.status_code == 200
    dana.open(url)
    assert box(dana) == text


def test_one_letter_too_many_is_said_in_the_singular(sqlite_cast: Cast) -> None:
    url = sqlite_cast.thread_url(sqlite_cast.begin_thread("ruth", "dana"))
    dana = sqlite_cast.browser("dana")
    for over, words in ((1, "1 letter too long"), (2, "2 letters too long")):
        dana.open(url)
        dana.post(url, text="a" * (8000 + over), action="send")
        assert words in dana.page.text


def test_line_breaks_and_edges_do_not_count_against_the_limit(sqlite_cast: Cast) -> None:
    url = sqlite_cast.thread_url(sqlite_cast.begin_thread("ruth", "dana"))
    dana = sqlite_cast.browser("dana")
    dana.open(url)
    dana.post(url, text="  " + "a\r\n" * 3999 + "ab  ", action="send")
    assert dana.page.status_code == 200


def test_an_empty_message_is_not_sent(sqlite_cast: Cast) -> None:
    url = sqlite_cast.thread_url(sqlite_cast.begin_thread("ruth", "dana"))
    dana = sqlite_cast.browser("dana")
    for text in ("", " \r\n ", "\0"):
        dana.open(url)
        dana.post(url, text=text, action="send")
        assert dana.page.status_code == 422
        assert "nothing in the box yet" in dana.page.text


def test_a_closed_thread_offers_a_new_one_with_the_text(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", subject="About sleep")
    url, new_url = cast.thread_url(thread), f"{cast.client_url('dana')}/threads/new"
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    dana.open(url)
    ruth.open(url)
    ruth.post(f"{url}/close")
    assert "closed this thread" in ruth.page.text
    form: dict[str, Any] = {"csrf_token": dana.token, "nonce": dana.nonce, "text": "One more thing"}
    dana.post(url, action="send", **form)
    assert dana.page.status_code == 409
    assert box(dana) == "One more thing"
    assert 'value="About sleep"' in dana.page.text
    assert f'action="{new_url}"' in dana.page.text
    cast.browser("dana").open(new_url)
    dana.post(new_url, text="One more thing", subject="About sleep", action="send")
    assert dana.page.status_code == 200
    assert "One more thing" in dana.page.text
    assert "<textarea" not in dana.open(url).text


def test_what_is_typed_for_a_closed_thread_does_not_replace_another_draft(
    sqlite_cast: Cast,
) -> None:
    cast = sqlite_cast
    thread = cast.begin_thread("ruth", "dana", subject="About sleep")
    url, new_url = cast.thread_url(thread), f"{cast.client_url('dana')}/threads/new"
    dana = cast.browser("dana")
    dana.open(new_url)
    dana.post(new_url, text="A thread I began", subject="School", action="save")
    dana.open(url)
    form: dict[str, Any] = {"csrf_token": dana.token, "nonce": dana.nonce, "text": "One more thing"}
    ruth = cast.browser("ruth")
    ruth.open(url)
    ruth.post(f"{url}/close")
    for _ in range(2):
        dana.post(url, action="send", **form)
        assert box(dana) == "A thread I began\n\nOne more thing"
    dana.open(new_url)
    assert box(dana) == "A thread I began\n\nOne more thing"
    assert 'value="School"' in dana.page.text
