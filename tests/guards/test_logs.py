"""What is written down while all of it happens, with every logger at its most talkative."""

import re

import pytest

from tests.guards.canaries.story import Story
from tests.guards.test_theft import spilt

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("theft")]


@pytest.fixture
def log(story: Story) -> str:
    return story.log.read_text(errors="replace")


def test_the_logs_are_as_talkative_as_they_can_be(story: Story, log: str) -> None:
    assert log.count("DEBUG") > 20
    for logger in ("sqlalchemy", "rq"):
        assert re.search(rf"(DEBUG|INFO|WARNING|ERROR) {logger}", log), logger
    assert re.search(r"\bPOST 422 accounts\.enter\b", log), "the access log"


def test_nothing_that_was_typed_is_in_the_logs(story: Story, log: str) -> None:
    for line in log.splitlines():
        assert spilt(line.encode(), [story.mark]) == []
    assert spilt(log.encode(), story.secrets) == []


def test_no_name_and_no_address_is_in_the_logs(story: Story, log: str) -> None:
    assert not re.search(r"@example\.org|\+1555|203\.0\.113\.77|Larkspur", log)
    for name in ("Ruth", "Dana", "Mateo", "Helen", "Tom"):
        assert not re.search(rf"\b{name}\b", log, re.IGNORECASE), name


def test_no_line_shows_an_address_that_was_asked_for(story: Story, log: str) -> None:
    """Routes have names; which conversation somebody opened is for the trail alone."""
    assert story.thread_url.rpartition("/")[2] not in log
    assert not re.search(r"/(threads|clients|people)/[\w-]{22}", log)
    assert not re.search(r"\b(GET|POST|BREW|DELETE) /", log)
    assert "threads.write" in log


def test_no_line_is_a_trace_of_something_broken(log: str) -> None:
    assert "Traceback" not in log
