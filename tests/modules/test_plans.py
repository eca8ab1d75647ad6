"""Every statement of the pages of given work looks things up: nothing is read from end to end."""

import uuid
from collections.abc import Iterator

import pytest

from bench.plans import recorded
from tests.cast import Cast
from tests.modules import stories
from tests.modules.steps_on_pages import LOOK, Fields, fill, hidden_in, url_of
from tests.plans import Visit, crowd, looked_up

pytestmark = pytest.mark.slow


@pytest.fixture
def work(cast: Cast) -> uuid.UUID:
    given = stories.give(cast)
    dana = cast.person("dana")
    stories.send(cast, dana, given, "look", stories.LOOK | {"mood": 9})
    stories.send(cast, dana, given, "plan")
    return given


def visits(cast: Cast, work: uuid.UUID) -> Iterator[Visit]:
    """Each page, and what it asked of the database."""
    dana, ruth, look = cast.browser("dana"), cast.browser("ruth"), url_of(work, "look")
    newer = stories.give(cast)
    for browser, url in (
        (dana, "/"), (dana, url_of(work)), (dana, look), (ruth, "/"), (ruth, url_of(work)),
        (ruth, cast.client_url("dana")), (dana, f"{url_of(work)}/paper?answers=1"),
        (ruth, f"{url_of(work)}/paper?answers=1"), (ruth, f"{look}/sheet"),
        (ruth, "/work/progress"), (ruth, "/work/sheet?code=7K2M9Q-1"),
    ):  # fmt: skip
        with recorded(cast.database.engine) as asked:
            assert browser.open(url).status_code == 200
        yield url, asked
    ruth.open(url_of(work))
    words: Fields = hidden_in(ruth, "plan") | {"s.noticed": "Yes"}
    with recorded(cast.database.engine) as asked:
        ruth.post(f"{url_of(work, 'plan')}/feedback", **words)
    yield "feedback", asked
    ruth.open(f"{url_of(newer, 'look')}/sheet")
    sheet: Fields = {"nonce": ruth.nonce, "written": "2026-03-02", "action": "save", **LOOK}
    with recorded(cast.database.engine) as asked:
        ruth.post(f"{url_of(newer, 'look')}/sheet", **sheet)
    yield "sheet", asked
    for action in ("save", "next"):
        dana.open(url_of(newer, "look"))
        with recorded(cast.database.engine) as asked:
            fill(dana, url_of(newer, "look"), action, **LOOK | {"a.best": action})
        yield action, asked


def test_every_statement_of_the_pages_of_work_uses_an_index(cast: Cast, work: uuid.UUID) -> None:
    crowd(cast)
    seen = looked_up(cast, visits(cast, work))
    assert len(seen) > 25
