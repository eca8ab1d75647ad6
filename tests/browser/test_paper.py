"""What comes out of the printer: whole sheets, on either paper, and nothing of the browser's."""

import re
from collections.abc import Callable

import pytest

from portal.modules import shelf
from tests.browser.running import RunningPortal
from tests.browser.walker import Walker

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What stands in the way of whoever would print on one page what is made for two.
TWO_PAGES = {"ladder", "thought-record", "values"}


def pages_of(walker: Walker, size: str) -> int:
    """How many pages a printer would be sent, with the browser's own lines asked for."""
    data = walker.page.pdf(format=size, display_header_footer=True)
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", data))


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_library_prints_a_step_on_a_sheet_or_two(
    visit: Callable[..., Walker], portal: RunningPortal, language: str
) -> None:
    walker = visit(scripts=False)
    walker.carry(portal.cookie("ruth"))
    for name in shelf.names():
        walker.open(f"/modules/library/{name}/paper?in={language}")
        steps = len(shelf.load(name).steps)
        for size in ("A4", "Letter"):
            count = pages_of(walker, size)
            assert steps <= count <= 2 * steps, (name, size)
            if steps == 1:
                assert count == 1 or name in TWO_PAGES, (name, size)
