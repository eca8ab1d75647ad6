"""Reading: paging by key, checking for new, and who is shown what."""

import datetime as dt
import re

import pytest
from sqlalchemy import update

from portal.core import clock
from portal.core.ids import short
from portal.threads.models import Message
from tests.cast import Browser, Cast
from tests.threads import stories

pytestmark = pytest.mark.slow

OLDER = re.compile(r'id=o href="([^"]+)"')


def test_paging_shows_every_message_once_and_in_order(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", text="[1]")
    people = [cast.person("dana"), cast.person("ruth")]
    for number in range(2, 46):
        stories.send(cast, people[number % 2], thread, f"[{number}]")
    for htmx in (False, True):
        dana = cast.browser("dana")
        dana.open(cast.thread_url(thread))
        seen: list[int] = []
        while True:
            seen = [int(n) for n in re.findall(r"\[(\d+)\]", dana.page.text)] + seen
            older = OLDER.search(dana.page.text)
            if not older:
                break
            dana.open(older[1], htmx=htmx)
        assert seen == list(range(1, 46))


def test_what_comes_while_one_pages_back_does_not_shift_the_pages(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    thread = cast.begin_thread("ruth", "dana", text="[1]")
    person = cast.person("ruth")
    for number in range(2, 31):
        stories.send(cast, person, thread, f"[{number}]")
    dana = cast.browser("dana")
    older = OLDER.search(dana.open(cast.thread_url(thread)).text)
    assert older is not None
    stories.send(cast, person, thread, "[31]")
    page = dana.open(older[1], htmx=True).text
    assert re.findall(r"\[(\d+)\]", page) == [str(number) for number in range(1, 11)]


def test_checking_for_new_costs_almost_nothing_when_there_is_nothing(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    url = f"{cast.thread_url(thread)}/new?after=1"
    dana = cast.browser("dana")
    answer = dana.open(url, htmx=True)
    assert "Nothing new" in answer.text
    assert len(answer.data) <= 300
    cast.send("ruth", thread, "Something new")
    answer = dana.open(url, htmx=True)
    assert "Something new" in answer.text
    assert "First words" not in answer.text
    assert 'value="2"' in answer.text


def test_without_scripts_checking_shows_the_thread(sqlite_cast: Cast) -> None:
    thread = sqlite_cast.begin_thread("ruth", "dana")
    answer = sqlite_cast.browser("dana").open(f"{sqlite_cast.thread_url(thread)}/new?after=1")
    assert "Your message" in answer.text


def state(browser: Browser, url: str) -> str:
    found = re.findall(r"<b>You</b> [\d:]+ · (\w+)", browser.open(url).text)
    return found[-1] if found else ""


def test_the_sender_sees_what_became_of_a_message(cast: Cast) -> None:
    url = cast.thread_url(cast.begin_thread("dana", "dana"))
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    assert state(dana, url) == "received"
    assert "Take back" in dana.page.text
    ruth.open(url)
    assert state(dana, url) == "opened"
    assert "Take back" not in dana.page.text
    ruth.post(url, text="An answer", action="send")
    assert state(dana, url) == "answered"
    assert state(ruth, url) == "opened"


def test_taken_back_it_leaves_the_thread_but_not_the_record(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    url = cast.thread_url(thread)
    cast.send("dana", thread, "I regret this")
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    dana.open(url)
    dana.post(f"{url}/messages/2/take-back")
    assert "I regret this" not in dana.page.text
    assert "Taken back" in dana.page.text
    assert "I regret this" not in ruth.open(url).text
    assert "mark" not in ruth.open("/").text.split("Dana")[1].split("</li>")[0]
    with cast.database.writing() as session:
        assert session.get_one(Message, (thread, 2)).sealed
        # Kept for the record: it opens still, once it is no longer marked as taken back.
        session.execute(update(Message).values(taken_back_at=None))
    assert "I regret this" in ruth.open(url).text


def test_only_ones_own_and_only_unopened_can_be_taken_back(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    thread = cast.begin_thread("dana", "dana")
    url = cast.thread_url(thread)
    for name, status in (("ruth", 404), ("mateo", 404), ("luis", 404)):
        browser = cast.browser(name)
        browser.open("/account")
        assert browser.post(f"{url}/messages/1/take-back").status_code == status
    cast.browser("helen").open(url)
    dana = cast.browser("dana")
    dana.open(url)
    assert dana.post(f"{url}/messages/1/take-back").status_code == 409
    assert "opened already" in dana.page.text


def test_an_answer_taken_back_leaves_the_client_waiting(cast: Cast) -> None:
    noon = dt.datetime(2030, 3, 4, 12, tzinfo=dt.UTC)
    clock.set_clock(lambda: noon)
    thread = cast.begin_thread("dana", "dana", text="Please answer")
    ruth = cast.person("ruth")
    since = stories.waiting(cast, ruth, "dana")
    assert since == noon
    stories.send(cast, ruth, thread, "To somebody else")
    assert stories.waiting(cast, ruth, "dana") is None
    stories.take_back(cast, ruth, thread, 2)
    assert stories.waiting(cast, ruth, "dana") == since


def test_no_reply_needed_ends_the_waiting_until_the_next_message(cast: Cast) -> None:
    thread = cast.begin_thread("dana", "dana", text="Just to tell you")
    dana, ruth = cast.browser("dana"), cast.person("ruth")
    dana.open(cast.thread_url(thread))
    dana.post(f"{cast.thread_url(thread)}/no-reply-needed")
    assert "Dana says no reply is needed" in dana.page.text
    assert stories.waiting(cast, ruth, "dana") is None
    cast.send("dana", thread, "One thing more")
    assert stories.waiting(cast, ruth, "dana") is not None
    assert "no reply is needed" not in dana.open(cast.thread_url(thread)).text


def test_a_strangers_thread_is_like_one_that_does_not_exist(sqlite_cast: Cast) -> None:
    from portal.core.ids import new_id

    cast = sqlite_cast
    thread = cast.begin_thread("ruth", "dana")
    luis = cast.browser("luis")
    for tail in ("", "/new?after=1", "/earlier?before=9"):
        theirs = luis.open(f"{cast.thread_url(thread)}{tail}")
        nobodys = luis.open(f"/threads/{short(new_id())}{tail}")
        assert theirs.status_code == nobodys.status_code == 404
        assert len(theirs.data) == len(nobodys.data)


def test_links_are_safe_and_nothing_typed_is_markup(sqlite_cast: Cast) -> None:
    text = "<script>alert(1)</script>\nSee https://example.org/?a=1&b=2 or javascript:alert(2)"
    thread = sqlite_cast.begin_thread("dana", "dana", text=text, subject="<img src=x>")
    page = sqlite_cast.browser("ruth").open(sqlite_cast.thread_url(thread)).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<img" not in page
    assert re.search(r'<a href="https://example.org/\?a=1&amp;b=2"[^>]*noopener', page)
    assert 'href="javascript' not in page
