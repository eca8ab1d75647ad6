"""Many at once: one message for one form, and nobody is answered with an error."""

import re
from functools import partial

import pytest
from sqlalchemy import func, select

from portal.threads.models import Draft, Message, Thread
from portal.threads.queries import Sent
from portal.threads.services import marking
from portal.threads.services.sending import ThreadClosed
from tests.cast import Cast
from tests.threads import stories
from tests.threads.stories import together

pytestmark = pytest.mark.slow

MASKED = re.compile(r'(name=(?:csrf_token|nonce) value=")[^"]+')


def count(cast: Cast, table: type) -> int:
    with cast.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_fifty_parallel_posts_of_one_form_are_one_message(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    person = cast.person("dana")
    nonce = stories.nonce_for(cast, person, thread)
    results = together(
        *[partial(stories.send, cast, person, thread, "Only once", nonce) for _ in range(50)]
    )
    assert all(isinstance(result, Sent) for result in results), results
    assert {(sent.thread_id, sent.seq) for sent in results} == {(thread, 2)}
    assert count(cast, Message) == 2


def test_every_parallel_post_gets_the_same_page(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    first = cast.browser("dana")
    first.open(cast.thread_url(thread))
    cookie = first.client.get_cookie("p")
    assert cookie is not None
    form = {"csrf_token": first.token, "nonce": first.nonce, "text": "Only once", "action": "send"}

    def post() -> tuple[int, str]:
        client = cast.app.test_client()
        client.set_cookie("p", cookie.value)
        answer = client.post(cast.thread_url(thread), data=form)
        return answer.status_code, MASKED.sub(r"\1", answer.text)

    answers = together(*[post] * 10)
    assert {answer[0] for answer in answers} == {200}
    pages = {re.sub(r"\d\d:\d\d", "", answer[1]) for answer in answers}
    assert len(pages) == 1
    assert pages.pop().count("Only once") == 1
    assert count(cast, Message) == 2


def test_a_new_thread_begun_twice_at_once_is_one(cast: Cast) -> None:
    person, engagement_id = cast.person("dana"), cast.engagements["dana"]
    nonce = stories.nonce_for(cast, person, engagement_id)

    def begin() -> Sent:
        from portal.threads.services import sending

        with cast.database.writing() as session:
            return sending.begin_thread(
                session,
                cast.keyring,
                cast.clinic,
                person,
                engagement_id,
                subject="Once",
                text="Only once",
                nonce=nonce,
            )

    results = together(*[begin] * 10)
    assert len({sent.thread_id for sent in results}) == 1, results
    assert (count(cast, Thread), count(cast, Message)) == (1, 1)


def test_different_messages_at_once_are_all_there_in_one_order(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    people = [cast.person(name) for name in ("dana", "ruth", "helen")]
    deeds = [
        partial(stories.send, cast, people[number % 3], thread, f"Number {number}")
        for number in range(24)
    ]
    results = together(*deeds)
    assert sorted(sent.seq for sent in results) == list(range(2, 26)), results
    found = stories.messages(cast, people[1], thread)
    assert [one.seq for one in found] == list(range(1, 26))
    assert {one.text for one in found[1:]} == {f"Number {number}" for number in range(24)}


def test_nothing_is_added_to_a_thread_once_it_is_closed(cast: Cast) -> None:
    """A send that waited while the thread was being closed finds it closed."""
    from portal.threads.access import thread_for

    thread = cast.begin_thread("ruth", "dana")
    dana, ruth = cast.person("dana"), cast.person("ruth")

    def close_slowly() -> None:
        with cast.database.writing() as session:
            marking.close(session, ruth, thread)
            closing.set()
            # Long enough for the others to have begun and to wait for their turn.
            holding.wait(0.5)

    import threading

    closing, holding = threading.Event(), threading.Event()

    def send_meanwhile() -> Sent:
        assert closing.wait(10)
        return stories.send(cast, dana, thread, "Too late")

    results = together(close_slowly, *[send_meanwhile] * 3)
    assert [type(result) for result in results[1:]] == [ThreadClosed] * 3
    with cast.database.reading() as session:
        assert thread_for(session, ruth, thread).last_seq == 1


@pytest.mark.parametrize("deed", [stories.close, stories.say_no_reply_needed])
def test_what_two_say_at_once_is_said_once(cast: Cast, deed: object) -> None:
    assert callable(deed)
    thread = cast.begin_thread("dana", "dana")
    people = [cast.person(name) for name in ("ruth", "helen", "ruth", "helen")]
    results = together(*[partial(deed, cast, person, thread) for person in people])
    assert results == [None] * 4


def test_opening_while_others_send_makes_nobody_wait_for_ever(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    url, ruth = cast.thread_url(thread), cast.person("ruth")
    readers = [cast.cookie("dana") for _ in range(3)]

    def read(number: int) -> list[int]:
        client = cast.app.test_client()
        client.set_cookie("p", str(readers[number]))
        return [client.get(url).status_code for _ in range(10)]

    def write() -> list[int]:
        return [stories.send(cast, ruth, thread, "More").seq for _ in range(20)]

    *answers, written = together(*[partial(read, number) for number in range(3)], write)
    assert answers == [[200] * 10] * 3
    assert written == list(range(2, 22))


def test_drafts_from_two_browsers_at_once_are_both_answered(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    browsers = [cast.browser("dana") for _ in range(4)]
    for browser in browsers:
        browser.open(cast.thread_url(thread))

    def save(number: int) -> list[int]:
        browser = browsers[number]
        form = {"csrf_token": browser.token, "nonce": browser.nonce}
        return [
            browser.client.post(
                f"{cast.thread_url(thread)}/draft",
                data={**form, "text": f"{number} {turn}"},
                headers={"HX-Request": "true"},
            ).status_code
            for turn in range(5)
        ]

    assert together(*[partial(save, number) for number in range(4)]) == [[200] * 5] * 4
    assert count(cast, Draft) == 1
