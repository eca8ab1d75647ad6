"""What the tests of given work begin with: Dana, Ruth, and work that one has given to the other."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.accounts.people import Person
from portal.modules import shelf
from tests.cast import Cast
from tests.modules import stories


@pytest.fixture
def own_shelf() -> Iterator[None]:
    """The tests' own, so that what authors change in the library changes no test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "LIBRARY", Path(__file__).parent)
        yield


@pytest.fixture
def dana(cast: Cast) -> Person:
    return cast.person("dana")


@pytest.fixture
def ruth(cast: Cast) -> Person:
    return cast.person("ruth")


@pytest.fixture
def work(cast: Cast) -> uuid.UUID:
    return stories.give(cast)
