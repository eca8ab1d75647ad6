"""Reading: paging by key, checking for new, and who is shown what."""

import datetime as dt
import re
import uuid
from functools import partial
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select, update

from portal.core import clock
from portal.core.ids import new_id, short
from portal.notifications.models import Channel, Pointer
from portal.notifications.services import set_address
from portal.threads import queries
from portal.threads.models import Message
from portal.threads.services import marking
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
            dana.open(unescape(older[1]), htmx=htmx)
        assert seen == list(range(1, 46))


def test_what_comes_while_one_pages_back_does_not_shift_the_pages(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", text="[1]")
    person = cast.person("ruth")
    for number in range(2, 31):
        stories.send(cast, person, thread, f"[{number}]")
    dana = cast.browser("dana")
    older = OLDER.search(dana.open(cast.thread_url(thread)).text)
    assert older is not None
    stories.send(cast, person, thread, "[31]")
    page = dana.open(unescape(older[1]), htmx=True).text
    assert re.findall(r"\[(\d+)\]", page) == [str(number) for number in range(1, 11)]
    ruth = cast.browser("ruth")
    assert state(ruth, cast.thread_url(thread)) == "received", "nobody has been shown it"
    assert "Take back" in ruth.page.text
    assert "New" in dana.open("/").text
    assert "[31]" in dana.open(cast.thread_url(thread)).text
    assert state(ruth, cast.thread_url(thread)) == "opened"
    assert "<mark>" not in dana.open("/").text


def open_pointers(cast: Cast, name: str) -> int:
    """How many tellings are ahead of somebody."""
    with cast.database.reading() as session:
        query = select(func.count()).select_from(Pointer)
        mine = query.where(Pointer.recipient_id == cast.ids[name], Pointer.opened_at.is_(None))
        return session.scalar(mine) or 0


def wants_mail(cast: Cast, name: str) -> None:
    person = cast.person(name)
    with cast.database.writing() as session:
        set_address(
            session,
            cast.app.extensions["portal"].config,
            clinic_id=person.clinic_id,
            user_id=person.id,
            channel=Channel.EMAIL,
            address="ruth@example.org",
        )


def write_many(cast: Cast, name: str, thread: uuid.UUID, numbers: range) -> None:
    person = cast.person(name)
    for number in numbers:
        stories.send(cast, person, thread, f"[{number}]")


def shown(browser: Browser) -> list[int]:
    return [int(number) for number in re.findall(r"\[(\d+)\]", browser.page.text)]


@pytest.mark.parametrize("htmx", [False, True], ids=["no scripts", "htmx"])
def test_what_does_not_fit_on_a_page_is_opened_once_all_of_it_was_shown(
    cast: Cast, htmx: bool
) -> None:
    thread = cast.begin_thread("ruth", "dana", text="[1]")
    write_many(cast, "ruth", thread, range(2, 46))
    dana, ruth, url = cast.browser("dana"), cast.browser("ruth"), cast.thread_url(thread)
    dana.open(url)
    for numbers in (range(26, 46), range(6, 26)):
        assert shown(dana) == list(numbers)
        assert state(ruth, url) == "received", "something before it was not shown"
        older = OLDER.search(dana.page.text)
        assert older is not None
        dana.open(unescape(older[1]), htmx=htmx)
    assert shown(dana) == [1, 2, 3, 4, 5]
    assert state(ruth, url) == "opened"
    assert "<mark>" not in dana.open("/").text


def test_ones_own_messages_in_between_hold_up_nothing(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", text="[1]")
    dana, ruth, url = cast.browser("dana"), cast.browser("ruth"), cast.thread_url(thread)
    dana.open(url)
    write_many(cast, "dana", thread, range(2, 30))
    write_many(cast, "ruth", thread, range(30, 31))
    dana.open(url)
    assert shown(dana) == list(range(11, 31))
    assert state(ruth, url) == "opened"


def test_what_was_taken_back_and_not_shown_holds_up_nothing(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    thread = cast.begin_thread("ruth", "dana", text="[1]")
    dana, ruth, url = cast.browser("dana"), cast.browser("ruth"), cast.thread_url(thread)
    dana.open(url)
    write_many(cast, "ruth", thread, range(2, 3))
    stories.take_back(cast, cast.person("ruth"), thread, 2)
    write_many(cast, "ruth", thread, range(3, 23))
    dana.open(url)
    assert shown(dana) == list(range(3, 23))
    assert state(ruth, url) == "opened"


def test_what_a_page_is_asked_for_by_head_is_not_opened(cast: Cast) -> None:
    url = cast.thread_url(cast.begin_thread("dana", "dana"))
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    for tail in ("", "/earlier?before=9", "/new?after=0"):
        ruth.client.head(f"{url}{tail}")
        ruth.client.head(f"{url}{tail}", headers={"HX-Request": "true"})
    assert state(dana, url) == "received"
    ruth.open(url)
    assert state(dana, url) == "opened"


def test_a_send_without_scripts_shows_all_that_came_meanwhile(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", text="[1]")
    dana, ruth, url = cast.browser("dana"), cast.browser("ruth"), cast.thread_url(thread)
    dana.open(url)
    write_many(cast, "ruth", thread, range(2, 6))
    dana.post(url, text="[6]", action="send")
    assert shown(dana) == [2, 3, 4, 5, 6]
    assert state(ruth, url) == "answered"
    assert "<mark>" not in dana.open("/").text


@pytest.mark.parametrize("htmx", [False, True], ids=["no scripts", "htmx"])
def test_more_than_a_page_of_what_came_meanwhile_is_not_opened_by_a_send(
    cast: Cast, htmx: bool
) -> None:
    thread = cast.begin_thread("ruth", "dana", text="[1]")
    dana, url = cast.browser("dana"), cast.thread_url(thread)
    dana.open(url)
    write_many(cast, "ruth", thread, range(2, 27))
    dana.post(url, text="[27]", action="send", htmx=htmx, after="1")
    assert shown(dana) == list(range(2, 22) if htmx else range(25, 28))
    assert "<mark>" in cast.browser("dana").open("/").text
    if htmx:
        after = re.search(r'name=after value="(\d+)"', dana.page.text)
        assert after is not None
        dana.open(f"{url}/new?after={after[1]}", htmx=True)
        assert shown(dana) == list(range(22, 28)), "and nothing is left out"
    for numbers in () if htmx else (range(5, 25), range(1, 5)):
        assert "<mark>" in cast.browser("dana").open("/").text
        older = OLDER.search(dana.page.text)
        assert older is not None
        dana.open(unescape(older[1]))
        assert shown(dana) == list(numbers)
    assert "<mark>" not in cast.browser("dana").open("/").text


def test_the_pointer_to_what_was_not_shown_stays_open(cast: Cast) -> None:
    wants_mail(cast, "ruth")
    thread = cast.begin_thread("dana", "dana", text="[1]")
    write_many(cast, "dana", thread, range(2, 26))
    ruth, url = cast.browser("ruth"), cast.thread_url(thread)
    open_before = open_pointers(cast, "ruth")
    assert open_before
    ruth.open(url)
    assert open_pointers(cast, "ruth") == open_before
    older = OLDER.search(ruth.page.text)
    assert older is not None
    ruth.open(unescape(older[1]), htmx=True)
    assert not open_pointers(cast, "ruth")


def test_what_comes_between_the_look_and_the_mark_is_not_opened(cast: Cast) -> None:
    """The page is made; before it is marked that it was shown, one more message is stored."""
    wants_mail(cast, "ruth")
    thread = cast.begin_thread("dana", "dana", text="[1]")
    ruth = cast.person("ruth")
    seen = stories.look(cast, ruth, thread)
    stories.send(cast, cast.person("dana"), thread, "[2]")
    with cast.database.writing() as session:
        marking.mark_opened(session, ruth, seen, 1)
    assert stories.look(cast, ruth, thread).opened_by_own_seq == 1
    assert open_pointers(cast, "ruth"), "of the second she is still to be told"


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


EARLIER = re.compile(r'href="([^"]+)">Show earlier threads')


@pytest.mark.parametrize("name", ["dana", "ruth"])
def test_every_thread_is_on_a_list_however_many_there_are(cast: Cast, name: str) -> None:
    noon = dt.datetime(2030, 3, 4, 12, tzinfo=dt.UTC)
    expected = []
    for number in range(queries.THREADS * 2 + 5):
        # Several of the same moment, across the end of a page too.
        clock.set_clock(partial(noon.__add__, dt.timedelta(minutes=number // 7)))
        cast.begin_thread("ruth", "dana", subject=f"[{number}]")
        expected.append(number)
    clock.set_clock(None)
    browser, seen = cast.browser(name), list[int]()
    browser.open("/" if name == "dana" else cast.client_url("dana"))
    for count in (queries.THREADS, queries.THREADS, 5):
        assert len(shown(browser)) == count
        seen += shown(browser)
        earlier = EARLIER.search(browser.page.text)
        if earlier is not None:
            browser.open(earlier[1])
    assert earlier is None
    assert seen == expected[::-1]


def test_words_wait_in_a_thread_on_a_later_list_too(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    url = cast.thread_url(cast.begin_thread("ruth", "dana", subject="Long ago"))
    dana = cast.browser("dana")
    dana.open(url)
    form: dict[str, Any] = {"csrf_token": dana.token, "nonce": dana.nonce, "text": "Words"}
    for _ in range(queries.THREADS):
        cast.begin_thread("ruth", "dana")
    dana.post("/sign-out")
    dana.post(url, **form)
    assert "Long ago" in cast.browser("dana").open("/").text


def test_a_list_begins_at_no_thread_of_somebody_else(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    theirs = short(cast.begin_thread("luis", "mateo"))
    for before in (theirs, short(new_id())):
        assert cast.browser("dana").open(f"/?before={before}").status_code == 404
        page = cast.browser("ruth").open(f"{cast.client_url('dana')}?before={before}")
        assert page.status_code == 404
    assert cast.browser("dana").open("/?before=nonsense").status_code == 200


def test_a_strangers_thread_is_like_one_that_does_not_exist(sqlite_cast: Cast) -> None:
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
