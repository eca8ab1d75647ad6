"""Feedback that points to a goal which the client has set on another piece of work."""

import uuid
from typing import Any

import pytest

from portal.core.ids import short
from portal.modules import shelf
from tests.cast import Cast
from tests.modules import stories
from tests.modules.steps_on_pages import hidden_in

RIVER = {
    "wish": "Feel better", "specific": "Walk to the river", "measured": "Twice a week",
    "in_my_hands": True, "by_when": "2026-12-01", "reach": 8, "first_step": "Find my boots",
    "plan_first": {"what": "Find my boots", "when": "today", "confidence": 9},
}  # fmt: skip


def set_goal(cast: Cast, client: str, by: str, **changed: str) -> uuid.UUID:
    """A client's goal, sent."""
    work = stories.give(cast, client, by, gates={}, source=shelf.source("smart-goal"))
    stories.send(cast, cast.person(client), work, "goal", RIVER | changed)
    return work


@pytest.fixture
def work(cast: Cast) -> uuid.UUID:
    """Work of which a step was sent that waits for feedback."""
    work = stories.give(cast)
    stories.send(cast, cast.person("dana"), work, "look")
    return work


def open_team_page(cast: Cast, work: uuid.UUID) -> str:
    return cast.browser("ruth").open(f"/work/{short(work)}").text


def say(cast: Cast, work: uuid.UUID, link: str) -> None:
    ruth = cast.browser("ruth")
    ruth.open(f"/work/{short(work)}")
    fields: dict[str, Any] = {"s.noticed": "You went out in the rain.", "s.link": link}
    url = f"/work/{short(work)}/steps/look/feedback"
    ruth.post(url, **fields, **hidden_in(ruth, "look"), action="send")
    assert ruth.page.status_code == 200


def test_feedback_points_to_a_goal_in_the_words_it_had_then(cast: Cast, work: uuid.UUID) -> None:
    goal = set_goal(cast, "dana", "ruth")
    link = f"goal:{short(goal)}"
    assert f'<option value="{link}">Goal: Walk to the river' in open_team_page(cast, work)
    say(cast, work, link)
    stories.say(cast, cast.person("ruth"), goal, "goal", ask_again=True)
    changed = RIVER | {"specific": "Walk to the mill"}
    stories.send(cast, cast.person("dana"), goal, "goal", changed)
    assert "Goal: Walk to the mill" in open_team_page(cast, work)
    for page in (
        cast.browser("dana").open(f"/work/{short(work)}/steps/look").text,
        open_team_page(cast, work),
    ):
        assert "Walk to the river" in page


def test_the_goal_is_offered_as_it_was_last_sent(cast: Cast, work: uuid.UUID) -> None:
    goal, dana = set_goal(cast, "dana", "ruth"), cast.person("dana")
    stories.say(cast, cast.person("ruth"), goal, "goal", ask_again=True)
    stories.save(cast, dana, goal, "goal", RIVER | {"specific": "Still thinking"})
    page = open_team_page(cast, work)
    assert "Goal: Walk to the river" in page
    assert "Still thinking" not in page
    stories.send(cast, dana, goal, "goal", RIVER | {"specific": "Walk to the mill"})
    page = open_team_page(cast, work)
    assert "Goal: Walk to the mill" in page
    assert "river" not in page


def test_nobody_elses_goal_is_offered_or_told(cast: Cast, work: uuid.UUID) -> None:
    theirs = set_goal(cast, "mateo", "luis", specific="Pass in maths")
    assert "Pass in maths" not in open_team_page(cast, work)
    say(cast, work, f"goal:{short(theirs)}")
    page = cast.browser("dana").open(f"/work/{short(work)}/steps/look").text
    assert "You went out in the rain." in page
    assert "Your goal" not in page
