"""What the care team sees of given work, and how they give it."""

import re
import uuid

import pytest

from portal.core.ids import short
from tests.cast import Cast
from tests.modules import stories
from tests.modules.steps_on_pages import Fields, hidden_in, url_of


@pytest.mark.usefixtures("own_shelf")
def test_work_is_chosen_looked_at_and_given(cast: Cast) -> None:
    ruth, dana = cast.browser("ruth"), cast.browser("dana")
    ruth.open(f"{cast.client_url('dana')}/work/new")
    assert "Calm days" in ruth.page.text
    url = f"{cast.client_url('dana')}/work/new/calm-days"
    ruth.open(url)
    assert "What was good this week?" in ruth.page.text
    fields: Fields = {
        "starts": "2026-01-05",
        "pace": "in_order",
        "g.safe": "free",
        "read": "4",
        "nonce": ruth.nonce,
    }
    for nonsense in ({"starts": "soon"}, {"read": "7"}):
        ruth.post(url, **fields | nonsense)
        assert ruth.page.status_code == 422
        assert "Please choose a day" in ruth.page.text
    ruth.post(url, **fields | {"starts": "soon"})
    assert '<option value="4" selected>Friday' in ruth.page.text, "what was chosen is still there"
    for _ in range(2):
        ruth.post(url, **fields)
    assert "Given, not opened yet" in ruth.page.text
    assert dana.open("/").text.count("Calm days") == 1
    assert ruth.open(f"{cast.client_url('dana')}/work/new/nothing").status_code == 404


def test_the_counsellor_sees_first_what_a_safety_question_brought(
    cast: Cast, work: uuid.UUID
) -> None:
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    stories.send(cast, cast.person("dana"), work, "look")
    stories.save(cast, cast.person("dana"), work, "safe", {**stories.SAFE, "gate": "yes"})
    page = ruth.open(f"/work/{short(work)}").text
    assert "A safety question" in page
    assert "Hard moments" not in page, "it was not sent"
    assert "A safety question" not in dana.open(f"/work/{short(work)}").text
    ruth.post(f"/work/{short(work)}/steps/safe/seen", **hidden_in(ruth, "safe", "seen"))
    assert "A safety question" not in ruth.open(f"/work/{short(work)}").text


def test_the_counsellor_sees_what_changed_after_feedback(cast: Cast, work: uuid.UUID) -> None:
    dana, ruth = cast.person("dana"), cast.person("ruth")
    stories.send(cast, dana, work, "look", {"best": "Little"})
    stories.say(cast, ruth, work, "look", beside={"best": "Say more?"})
    stories.send(cast, dana, work, "look", {"best": "More than that"})
    page = cast.browser("ruth").open(url_of(work)).text
    assert "More than that" in page
    assert re.search(r"Before:.*Little", page)


def test_what_was_not_sent_is_not_shown_to_the_counsellor(cast: Cast, work: uuid.UUID) -> None:
    stories.save(cast, cast.person("dana"), work, "look", {"best": "Still thinking"})
    assert "Still thinking" not in cast.browser("ruth").open(url_of(work)).text
