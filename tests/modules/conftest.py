"""The tests' own shelf, so that what authors change in the library changes no test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.modules import shelf


@pytest.fixture
def own_shelf() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "LIBRARY", Path(__file__).parent)
        yield
