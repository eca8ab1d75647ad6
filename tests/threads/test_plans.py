"""Every statement of the pages that people open all day looks things up: nothing is read from end
to end, nothing is skipped, and no messages are counted."""

import uuid
from collections.abc import Iterator

import pytest

from bench.plans import recorded
from portal.core.ids import short
from tests.cast import Browser, Cast
from tests.plans import Visit, crowd, looked_up
from tests.threads import stories

pytestmark = pytest.mark.slow


@pytest.fixture
def thread(cast: Cast) -> uuid.UUID:
    """One thread long enough to be paged."""
    thread_id: uuid.UUID = cast.begin_thread("ruth", "dana")
    people = [cast.person("dana"), cast.person("ruth")]
    for number in range(25):
        stories.send(cast, people[number % 2], thread_id, f"Number {number}")
    return thread_id


def many_threads(cast: Cast) -> str:
    """Further threads, and the place of one of them in a list."""
    threads = [cast.begin_thread("ruth", "dana") for _ in range(3)]
    return f"?before={short(threads[0])}"


def visits(cast: Cast, thread: uuid.UUID) -> Iterator[Visit]:
    """Each page, and what it asked of the database."""
    url, client_url = cast.thread_url(thread), cast.client_url("dana")
    before = many_threads(cast)
    pages = {
        "dana": [
            "/",
            f"/{before}",
            url,
            f"{url}/earlier?before=9",
            f"{url}/new?after=26",
            f"{url}/new?after=20",
        ],
        "ruth": [
            "/",
            client_url,
            f"{client_url}{before}",
            url,
            f"{client_url}/threads/new",
            f"{client_url}/reading",
        ],
    }
    for name, urls in pages.items():
        browser = cast.browser(name)
        for one in urls:
            with recorded(cast.database.engine) as asked:
                browser.open(one, htmx="after=" in one or "before=9" in one)
            assert browser.page.status_code == 200, one
            yield f"{name} opens {one}", asked
        yield from _writing(cast, browser, url)


def _writing(cast: Cast, browser: Browser, url: str) -> Iterator[Visit]:
    browser.open(url)
    for action in ("save", "send"):
        with recorded(cast.database.engine) as asked:
            browser.post(url, text="And one more", action=action)
        assert browser.page.status_code == 200
        yield f"somebody {action}s", asked


def test_every_statement_of_the_hot_pages_uses_an_index(cast: Cast, thread: uuid.UUID) -> None:
    crowd(cast)
    seen = looked_up(cast, visits(cast, thread))
    assert len(seen) > 25


def test_a_page_of_twenty_messages_asks_a_dozen_things_at_most(
    cast: Cast, thread: uuid.UUID
) -> None:
    stories.open_thread(cast, cast.person("dana"), thread)
    dana = cast.browser("dana")
    dana.open(cast.thread_url(thread))
    cast.send("ruth", thread, "And one that is new")
    with recorded(cast.database.engine) as asked:
        dana.open(cast.thread_url(thread))
    assert 3 < len(asked) <= 12
    assert sum("FROM messages" in one.statement for one in asked) == 1


def test_checking_for_new_asks_for_one_number(cast: Cast, thread: uuid.UUID) -> None:
    dana = cast.browser("dana")
    dana.open(cast.thread_url(thread))
    with recorded(cast.database.engine) as asked:
        dana.open(f"{cast.thread_url(thread)}/new?after=26", htmx=True)
    assert 0 < len(asked) <= 3
    assert not [one for one in asked if "messages" in one.statement]
