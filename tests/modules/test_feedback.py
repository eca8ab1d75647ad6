"""What a clinician says is said to what they have read; and when all of it is said."""

import uuid

import pytest

from portal.accounts.people import Person
from portal.core.errors import Conflict, NotFound
from portal.modules import queries, shelf
from portal.modules.course import Standing
from portal.modules.models import Gate, State
from portal.modules.services import feedback, states
from tests.cast import Browser, Cast
from tests.modules import stories
from tests.modules.steps_on_pages import Fields, hidden_in, url_of

WORSE = stories.SAFE | {"log": [{"place": "The roof", "strength": 10}]}
GOOD: Fields = {"s.noticed": "Good that you are safe.", "f.alone": "Who was there?"}


@pytest.fixture
def work(cast: Cast, dana: Person) -> uuid.UUID:
    """Work of which a step was sent that waits until it is read."""
    given = stories.give(cast)
    for step in ("look", "safe"):
        stories.send(cast, dana, given, step)
    return given


@pytest.fixture
def sent(cast: Cast, dana: Person) -> uuid.UUID:
    """Work that was sent as a whole, and whose steps nobody said they would read."""
    given = stories.give(cast, gates={})
    for step in stories.WAY:
        stories.send(cast, dana, given, step)
    return given


def at_the_page(cast: Cast, work: uuid.UUID) -> Browser:
    ruth = cast.browser("ruth")
    ruth.open(url_of(work))
    return ruth


def answers_with(browser: Browser, work: uuid.UUID, step: str, words: Fields) -> int:
    """The status of what the page that is open sends to this step."""
    form: Fields = {"action": "send"} | hidden_in(browser, step) | words
    return browser.post(f"{url_of(work, step)}/feedback", **form, follow=False).status_code


def test_words_to_answers_that_changed_meanwhile_are_given_back_with_the_new_ones(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    page = at_the_page(cast, work)
    stories.send(cast, dana, work, "safe", WORSE)
    assert answers_with(page, work, "safe", GOOD) == 409
    assert "has answered again" in page.page.text
    for words in ("The roof", "Good that you are safe.</textarea>", "Who was there?</textarea>"):
        assert words in page.page.text
    assert "Before:" in page.page.text, "what she had read stands below"
    assert stories.feedback_seen(cast, ruth, work) == []
    assert stories.waiting(cast, ruth) is not None
    places = stories.progress(cast, dana, work).course
    assert places.places[-1].standing is Standing.WAITS_FOR_READING
    assert answers_with(page, work, "safe", GOOD) == 303, "now she has read it"
    assert stories.waiting(cast, ruth) is None


SAID: Fields = {
    "s.noticed": "Good that you are safe.",
    "s.task": "Rest",
    "s.link": "best.1",
    "f.alone": "Who was there?",
    "f.log": "What helped?",
}
WRITTEN_ON = SAID | {"s.noticed": "Good that you are safe. And that you said it.", "f.gate": "Yes?"}
REPEATED = ("Rest</textarea>", "Who was there?</textarea>", "What helped?</textarea>")


def test_what_is_written_on_a_form_that_was_sent_is_said_as_well(
    cast: Cast, work: uuid.UUID, ruth: Person
) -> None:
    """Ruth's line went dead after the first, and she went back to her form."""
    page = at_the_page(cast, work)
    shown = page.page
    for words in (SAID, WRITTEN_ON, WRITTEN_ON):
        page.page = shown
        assert answers_with(page, work, "safe", words) == 303
    first, second = stories.feedback_seen(cast, ruth, work)
    assert (first.noticed, first.task) == (SAID["s.noticed"], "Rest")
    assert first.beside == {"alone": "Who was there?", "log": "What helped?"}
    assert (second.noticed, second.task) == (WRITTEN_ON["s.noticed"], "")
    assert second.beside == {"gate": "Yes?"}
    assert second.link == first.link == "best"


def posts_without_a_session(cast: Cast, page: Browser, work: uuid.UUID, words: Fields) -> None:
    form = hidden_in(page, "safe") | words | {"action": "send", "csrf_token": "stale"}
    late = Browser(cast.app).client.post(f"{url_of(work, 'safe')}/feedback", data=form)
    assert late.status_code == 401
    assert "Your words are safe" in late.text


def test_what_is_written_on_a_form_that_was_sent_waits_for_its_author_too(
    cast: Cast, work: uuid.UUID, ruth: Person
) -> None:
    """The answer to the send was lost, and so was the session."""
    page = at_the_page(cast, work)
    shown = page.page
    answers_with(page, work, "safe", SAID)
    page.page = shown
    posts_without_a_session(cast, page, work, SAID)
    again = at_the_page(cast, work)
    assert "It is in the boxes again." not in again.page.text, "all of it was said"
    assert "not saved" not in again.open(cast.client_url("dana")).text, "and is kept no longer"
    posts_without_a_session(cast, page, work, WRITTEN_ON)
    again = at_the_page(cast, work)
    assert "It is in the boxes again." in again.page.text
    for words in (f"{WRITTEN_ON['s.noticed']}</textarea>", "Yes?</textarea>", 'best.1" selected'):
        assert words in again.page.text
    for words in REPEATED:
        assert words not in again.page.text, "it would be said twice"
    answers_with(again, work, "safe", WRITTEN_ON)
    assert len(stories.feedback_seen(cast, ruth, work)) == 2
    assert "It is in the boxes again." not in again.open(url_of(work)).text


def test_words_take_no_call_off_the_list_that_came_meanwhile(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    page = at_the_page(cast, work)
    stories.save(cast, dana, work, "safe", {**stories.SAFE, "gate": "yes"})
    assert answers_with(page, work, "safe", GOOD) == 409
    assert "A safety question" in page.page.text
    assert stories.waiting(cast, ruth) is not None
    assert answers_with(page, work, "safe", GOOD) == 303
    assert stories.waiting(cast, ruth) is None


def test_only_a_call_that_was_shown_is_seen(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    url, unsure = f"{url_of(work, 'safe')}/seen", {**stories.SAFE, "gate": "unsure"}
    stories.save(cast, dana, work, "safe", unsure)
    page = at_the_page(cast, work)
    shown = hidden_in(page, "safe", "seen")
    stories.save(cast, dana, work, "safe", {**unsure, "gate": "yes"})
    assert page.post(url, **shown).status_code == 409
    assert "<b>Yes</b>" in page.page.text
    assert stories.waiting(cast, ruth) is not None
    page.post(url, **hidden_in(page, "safe", "seen"))
    assert page.page.status_code == 200
    assert "A safety question" not in page.page.text
    assert page.post(url, **shown).status_code == 200, "a colleague was there already"


def test_a_page_without_its_numbers_says_nothing(cast: Cast, work: uuid.UUID) -> None:
    page = at_the_page(cast, work)
    for forged in ({"based_on": ""}, {"based_on": "-1"}, {"called": "soon"}, {"called": "0" * 99}):
        whole = hidden_in(page, "safe") | GOOD | forged
        url = f"{url_of(work, 'safe')}/feedback"
        status = page.post(url, **whole, action="send", follow=False).status_code
        assert status == (409 if "based_on" in forged else 303), forged
        page.open(url_of(work))


def test_to_ask_again_is_possible_until_everything_was_said(
    cast: Cast, sent: uuid.UUID, dana: Person, ruth: Person
) -> None:
    stories.say(cast, ruth, sent, "look")
    page = at_the_page(cast, sent)
    assert page.page.text.count("ask them to look again") == 3
    assert stories.waiting(cast, ruth) is not None, "there is more to say"
    stories.say(cast, ruth, sent, "safe", ask_again=True)
    assert stories.history(cast, sent)[-1] == "revision_asked"
    stories.send(cast, dana, sent, "safe", WORSE)
    with cast.database.writing() as session:
        states.submit(session, cast.keyring, dana, sent)
    for step in ("safe", "plan"):
        stories.say(cast, ruth, sent, step)
    assert stories.history(cast, sent)[-1] == "feedback_given", "something was said to each step"
    assert stories.waiting(cast, ruth) is None


def test_asking_again_when_it_is_too_late_keeps_the_words(
    cast: Cast, sent: uuid.UUID, ruth: Person
) -> None:
    page = at_the_page(cast, sent)
    stories.say(cast, ruth, sent, "look", ask_again=True)
    assert answers_with(page, sent, "safe", GOOD | {"action": "ask"}) == 409
    assert "Good that you are safe.</textarea>" in page.page.text
    assert "ask them to look again" not in page.page.text
    assert len(stories.feedback_seen(cast, ruth, sent)) == 1
    assert answers_with(page, sent, "safe", GOOD) == 303


def test_one_word_to_a_worksheet_is_all(cast: Cast, dana: Person, ruth: Person) -> None:
    work = stories.give(cast, gates={}, source=shelf.source("values"))
    (step,) = stories.look(cast, dana, work).module.steps
    saved = stories.type_in(cast, ruth, work, step.id, {"note": "Kept"})
    assert saved.work.state is State.SUBMITTED
    stories.say(cast, ruth, work, step.id)
    assert stories.history(cast, work)[-1] == "feedback_given"


def finish(browser: Browser, work: uuid.UUID) -> int:
    form = browser.page.text.partition(f'action="{url_of(work)}/all"')[2]
    number = form.partition('name=based_on value="')[2].partition('"')[0]
    return browser.post(f"{url_of(work)}/all", based_on=number or "0").status_code


def test_a_clinician_says_that_this_is_all(cast: Cast, sent: uuid.UUID, ruth: Person) -> None:
    page = at_the_page(cast, sent)
    assert "That is all" not in page.page.text, "nothing was said yet"
    assert finish(page, sent) == 409
    stories.say(cast, ruth, sent, "look")
    page.open(url_of(sent))
    assert '<a href="#that-is-all"><mark>' in page.page.text
    assert finish(page, sent) == 200
    assert stories.history(cast, sent)[-1] == "feedback_given"
    assert stories.waiting(cast, ruth) is None
    assert "That is all" not in page.page.text
    assert "I have read it. Done." in cast.browser("dana").open(url_of(sent)).text


def test_that_is_all_says_that_the_rest_is_read(cast: Cast, dana: Person, ruth: Person) -> None:
    work = stories.give(cast, gates={"safe": Gate.SOFT})
    for step in stories.WAY:
        stories.send(cast, dana, work, step)
    stories.say(cast, ruth, work, "look")
    page = at_the_page(cast, work)
    assert '<a href="#safe"><mark>' in page.page.text, "she said that she would read it"
    assert "Your counsellor reads it." in cast.browser("dana").open(url_of(work)).text
    assert finish(page, work) == 200
    assert stories.waiting(cast, ruth) is None
    assert "Your counsellor reads it." not in cast.browser("dana").open(url_of(work)).text


def test_that_is_all_is_not_said_to_what_was_sent_since(
    cast: Cast, sent: uuid.UUID, dana: Person, ruth: Person
) -> None:
    stories.say(cast, ruth, sent, "look")
    page = at_the_page(cast, sent)
    stories.say(cast, ruth, sent, "look", ask_again=True)
    stories.send(cast, dana, sent, "look", stories.LOOK | {"mood": 1})
    with cast.database.writing() as session:
        states.submit(session, cast.keyring, dana, sent)
    assert finish(page, sent) == 409
    stories.say(cast, ruth, sent, "look")
    page.open(url_of(sent))
    assert finish(page, sent) == 200
    assert stories.history(cast, sent)[-1] == "feedback_given"


def test_that_is_all_is_said_by_the_care_team_alone(
    cast: Cast, sent: uuid.UUID, ruth: Person
) -> None:
    stories.say(cast, ruth, sent, "look")
    number = len(stories.history(cast, sent))
    for name, seen, refusal in (
        ("dana", number, NotFound), ("luis", number, NotFound), ("tom", number, NotFound),
        ("ruth", number - 1, Conflict), ("ruth", None, Conflict),
    ):  # fmt: skip
        person = cast.person(name)
        with cast.database.writing() as session, pytest.raises(refusal):
            feedback.finish(session, cast.keyring, person, sent, seen=seen)


def test_a_step_says_to_the_client_that_there_is_something_to_read(
    cast: Cast, sent: uuid.UUID, ruth: Person
) -> None:
    dana = cast.browser("dana")
    assert "Your counsellor wrote to you" not in dana.open(url_of(sent)).text
    stories.say(cast, ruth, sent, "look")
    assert dana.open(url_of(sent)).text.count("Your counsellor wrote to you") == 1


def quotes(cast: Cast, work: uuid.UUID, link: str) -> int:
    page = at_the_page(cast, work)
    return answers_with(page, work, "safe", GOOD | {"s.link": link})


def test_a_quote_stays_what_it_was(cast: Cast, work: uuid.UUID, dana: Person) -> None:
    assert quotes(cast, work, "helped") == 303
    assert quotes(cast, work, "best") == 303
    stories.send(cast, dana, work, "look", stories.LOOK | {"best": "Nothing at all"})
    stories.save(cast, dana, work, "look", stories.LOOK | {"best": "I never sent this"})
    for name, url in (("dana", url_of(work, "safe")), ("ruth", url_of(work))):
        page = cast.browser(name).open(url).text
        assert "<i>You wrote: The walk on Tuesday" in page or "<i>The walk on Tuesday" in page
        assert "I never sent this" not in page
        assert page.count("<i>") == 1, "what was not answered is not quoted"


def test_what_is_pointed_to_is_what_the_page_showed(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    page = at_the_page(cast, work)
    assert '<option value="best.1">What was good' in page.page.text
    stories.send(cast, dana, work, "look", stories.LOOK | {"best": "Nothing at all"})
    assert answers_with(page, work, "safe", GOOD | {"s.link": "best.1"}) == 409
    assert "Good that you are safe.</textarea>" in page.page.text
    assert answers_with(page, work, "safe", GOOD | {"s.link": "best.2"}) == 303
    (said,) = stories.feedback_seen(cast, ruth, work)
    assert (said.link, said.quoted) == ("best", "Nothing at all")


def test_only_what_was_sent_is_quoted(cast: Cast, work: uuid.UUID, dana: Person) -> None:
    stories.say(cast, cast.person("ruth"), work, "safe")
    stories.save(cast, dana, work, "plan", stories.PLAN)
    assert quotes(cast, work, "act") == 303
    assert quotes(cast, work, "nothing-there") == 303
    (_first, act, nothing) = stories.feedback_seen(cast, dana, work)
    assert (act.quoted, nothing.quoted) == (None, None)
    assert "Walk to the lake" not in cast.browser("ruth").open(url_of(work)).text


def test_feedback_from_before_quotes_were_kept_still_has_its_quote(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = feedback._as_kept
    monkeypatch.setattr(
        feedback, "_as_kept",
        lambda *a, **k: {name: text for name, text in kept(*a, **k).items() if name != "quoted"},
    )  # fmt: skip
    assert quotes(cast, work, "best") == 303
    (said,) = stories.feedback_seen(cast, dana, work)
    assert said.quoted is queries.NOT_KEPT
    assert "<i>The walk on Tuesday" in cast.browser("ruth").open(url_of(work)).text
