"""The pages that people open all day ask for little, and look that up."""

import uuid
from collections.abc import Iterator

import pytest

from bench.plans import recorded
from tests.cast import Cast
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


def visits(cast: Cast, thread: uuid.UUID) -> Iterator[Visit]:
    """The newest messages of a long thread before the others are opened, and then those."""
    url = cast.thread_url(thread)
    for name in ("dana", "ruth"):
        browser = cast.browser(name)
        for page in (url, f"{url}/earlier?before=6&to=25"):
            with recorded(cast.database.engine) as asked:
                assert browser.open(page).status_code == 200
            yield f"{name} opens {page}", asked


def test_opening_what_is_new_looks_it_up(cast: Cast, thread: uuid.UUID) -> None:
    """All else that a thread's addresses ask is seen by tests/guards/test_plans.py."""
    crowd(cast)
    seen = looked_up(cast, visits(cast, thread))
    told = [one for one in seen if "read_marks" in one or "messages.side =" in one]
    assert len(told) >= 3


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
