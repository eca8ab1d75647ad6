"""Every statement of the pages that people open all day looks things up: nothing is read from end
to end, nothing is skipped, and no messages are counted."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Enum, Integer, LargeBinary, insert, text

from bench.plans import Asked, explain, recorded
from portal.core import clock
from portal.core.database import Base, Id, Moment
from portal.core.ids import new_id, short
from tests.cast import Browser, Cast
from tests.threads import stories

pytestmark = pytest.mark.slow

OTHERS = 1000
# Of these there is a row for each channel, and no more.
SMALL = {"provider_states"}


@pytest.fixture
def thread(cast: Cast) -> uuid.UUID:
    """One thread long enough to be paged."""
    thread_id: uuid.UUID = cast.begin_thread("ruth", "dana")
    people = [cast.person("dana"), cast.person("ruth")]
    for number in range(25):
        stories.send(cast, people[number % 2], thread_id, f"Number {number}")
    return thread_id


def _others(cast: Cast) -> None:
    """With a handful of rows PostgreSQL would rightly rather read any index from its end."""
    if cast.database.engine.dialect.name == "sqlite":
        return
    with cast.database.writing() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in Base.metadata.sorted_tables:
            if table.name in SMALL:
                continue
            rows = [
                {column.name: _value(column, number) for column in table.columns}
                for number in range(OTHERS)
            ]
            session.execute(insert(table), rows)
        session.execute(text("ANALYZE"))


def _value(column: Column[Any], number: int) -> object:
    """Something of the column's type, which no other row has."""
    kind = column.type
    if column.nullable:
        return None
    if isinstance(kind, Enum):
        return kind.enums[0]
    values: list[tuple[type, object]] = [
        (Id, new_id()),
        (Moment, clock.now()),
        (LargeBinary, number.to_bytes(8)),
        (Integer, number + 1000),
        (Boolean, False),
    ]
    return next((value for its_kind, value in values if isinstance(kind, its_kind)), "x")


def many_threads(cast: Cast) -> str:
    """Further threads, and the place of one of them in a list."""
    threads = [cast.begin_thread("ruth", "dana") for _ in range(3)]
    return f"?before={short(threads[0])}"


def visits(cast: Cast, thread: uuid.UUID) -> Iterator[tuple[str, list[Asked]]]:
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


def _writing(cast: Cast, browser: Browser, url: str) -> Iterator[tuple[str, list[Asked]]]:
    browser.open(url)
    for action in ("save", "send"):
        with recorded(cast.database.engine) as asked:
            browser.post(url, text="And one more", action=action)
        assert browser.page.status_code == 200
        yield f"somebody {action}s", asked


def test_every_statement_of_the_hot_pages_uses_an_index(cast: Cast, thread: uuid.UUID) -> None:
    _others(cast)
    seen: set[str] = set()
    for visit, asked in visits(cast, thread):
        for one in asked:
            if one.statement in seen:
                continue
            seen.add(one.statement)
            plan = explain(cast.database.engine, one)
            told = f"{visit}: {one.statement}\n{plan.text}"
            # Of clinics there are a few, of which a page knows the one that it asks for.
            assert set(plan.scans) <= {"clinics"}, told
            assert not plan.offset, told
            if "FROM messages" in one.statement:
                assert not plan.aggregate, told
                assert not plan.sorts, told
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
