"""Given work from the first look to its end: saved once, sent once, and answered in its place."""

import datetime as dt
import uuid
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from portal.accounts.people import Person
from portal.core import clock
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.ids import new_id, short
from portal.modules import queries
from portal.modules.course import NO_MARK, Standing, course
from portal.modules.models import Ending, KeptAnswers, Pace, PublishedModule, Response
from portal.modules.services import feedback, homework, keeping, states
from portal.modules.shelves import read_source
from portal.notifications.models import URGENT, Pointer
from tests.cast import Cast
from tests.modules import stories
from tests.modules.stories import standings


def test_work_goes_from_the_first_look_to_its_end(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    stories.open_work(cast, dana, work)
    stories.send(cast, dana, work, "look")
    stories.send(cast, dana, work, "safe")
    assert standings(cast, dana, work)["plan"] == Standing.WAITS_FOR_READING
    stories.say(cast, ruth, work, "safe")
    stories.send(cast, dana, work, "plan")
    stories.say(cast, ruth, work, "plan", ask_again=True)
    stories.send(cast, dana, work, "plan", {"act": {"what": "Walk less", "confidence": 9}})
    with cast.database.writing() as session:
        states.submit(session, cast.keyring, dana, work)
    stories.say(cast, ruth, work, "plan")
    with cast.database.writing() as session:
        number = len(queries.states_of(session, work))
        feedback.finish(session, cast.keyring, ruth, work, seen=number)
    with cast.database.writing() as session:
        states.complete(session, cast.keyring, dana, work)
    assert stories.history(cast, work) == [
        "assigned", "opened", "in_progress", "submitted", "revision_asked", "in_progress",
        "submitted", "feedback_given", "completed",
    ]  # fmt: skip
    assert stories.waiting(cast, ruth) is None


def test_to_give_twice_with_one_form_gives_once(cast: Cast, ruth: Person) -> None:
    nonce = stories.nonce_for(cast, ruth, cast.engagements["dana"])
    assert stories.give(cast, nonce=nonce) == stories.give(cast, nonce=nonce)


def test_a_version_that_was_given_stays_what_it_was(cast: Cast, dana: Person) -> None:
    first = stories.give(cast)
    changed = stories.CALM.replace(b"Take your time.", b"Be quick about it.")
    second = stories.give(cast, source=changed)
    newer = stories.give(cast, source=changed.replace(b"1.0.0", b"1.1.0"))
    modules = [stories.look(cast, dana, one).module for one in (first, second, newer)]
    assert [str(one.steps[0].parts).count("Take your time") for one in modules] == [1, 1, 0]
    with cast.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PublishedModule)) == 2


def test_to_send_it_all_twice_sends_it_once(cast: Cast, work: uuid.UUID, dana: Person) -> None:
    """As a client does whose first try brought no answer."""
    stories.send(cast, dana, work, "look", stories.LOOK | {"mood": 9})
    stories.save(cast, dana, work, "plan", {}, ending=Ending.NOT_NOW)
    browser = cast.browser("dana")
    page = browser.open(f"/work/{short(work)}")

    def press(deed: str) -> int:
        browser.page = page
        return browser.post(f"/work/{short(work)}/{deed}", follow=False).status_code

    for deed, state in (("submit", "submitted"), ("skip", "skipped")):
        assert (press(deed), press(deed)) == (303, 303)
        assert stories.history(cast, work).count(state) == 1
    assert press("submit") == 409, "it is left out"


@pytest.mark.parametrize("reader", ["luis", "mateo", "tom", "olga"])
def test_for_strangers_there_is_no_work(cast: Cast, work: uuid.UUID, reader: str) -> None:
    _ = cast.other_clinic
    for work_id in (work, new_id()):
        with pytest.raises(NotFound):
            stories.look(cast, cast.person(reader), work_id)


def test_each_side_does_its_own_part(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    with pytest.raises(NotFound):
        stories.save(cast, ruth, work, "look", stories.LOOK)
    stories.send(cast, dana, work, "look")
    with pytest.raises(NotFound):
        stories.say(cast, dana, work, "look")
    with cast.database.writing() as session, pytest.raises(NotFound):
        states.withdraw(session, cast.keyring, dana, work)


def test_one_form_is_saved_over_and_over_and_stands_once(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    nonce = stories.nonce_for(cast, dana, work)
    for text in ("T", "The w", "The walk"):
        stories.save(cast, dana, work, "look", {"best": text}, nonce=nonce, based_on=0)
    (one,) = stories.revisions(cast, dana, work, "look")
    assert one.answers == {"best": "The walk"}


def test_a_double_tap_sends_once(cast: Cast, work: uuid.UUID, dana: Person, ruth: Person) -> None:
    nonce = stories.nonce_for(cast, dana, work)
    for _ in range(3):
        saved = stories.save(
            cast, dana, work, "look", stories.LOOK, ending=Ending.SENT, nonce=nonce, based_on=0
        )
        assert saved.ended
    assert len(stories.revisions(cast, dana, work, "look")) == 1
    stories.save(cast, dana, work, "look", {"best": "An old half"}, nonce=nonce, is_draft=True)
    assert stories.progress(cast, dana, work).answers == stories.LOOK


def test_what_is_changed_on_a_form_that_was_sent_is_not_lost(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    nonce = stories.nonce_for(cast, dana, work)
    other = stories.LOOK | {"best": "Changed after going back"}
    for answers in (stories.LOOK, other):
        stories.save(cast, dana, work, "look", answers, ending=Ending.SENT, nonce=nonce)
    found = [one.answers for one in stories.revisions(cast, dana, work, "look")]
    assert found == [stories.LOOK, other]


def test_two_devices_are_both_kept_the_later_counts_and_the_difference_shows(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    phone, desk = (stories.nonce_for(cast, dana, work) for _ in range(2))
    for nonce, text in ((phone, "On the phone"), (desk, "At the desk"), (phone, "Phone again")):
        stories.save(cast, dana, work, "look", {"best": text}, nonce=nonce, based_on=0)
    found = stories.revisions(cast, dana, work, "look")
    assert found[-1].answers == {"best": "Phone again"}
    assert [one.answers for one in queries.rivals(found)] == [{"best": "At the desk"}]
    stories.save(cast, dana, work, "look", {"best": "Both"})
    found = stories.revisions(cast, dana, work, "look")
    assert queries.rivals(found) == [], "whoever saved this had seen what was there"
    assert len(found) == 3, "and nothing is gone"


def test_what_cannot_be_sent_is_saved_all_the_same(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    saved = stories.send(cast, dana, work, "plan")
    assert saved.is_shut, "it comes after the others"
    with cast.database.writing() as session:
        states.withdraw(session, cast.keyring, ruth, work)
    assert stories.send(cast, dana, work, "look").is_shut
    assert stories.progress(cast, dana, work).answers == stories.PLAN | stories.LOOK


def test_what_must_be_answered_is_asked_for_and_can_be_put_off(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    saved = stories.send(cast, dana, work, "look", {"mood": 3})
    assert [one.id for one in saved.missing] == ["best"]
    assert not saved.ended
    saved = stories.save(cast, dana, work, "look", {"mood": 3}, ending=Ending.NOT_NOW)
    assert saved.ended
    assert standings(cast, dana, work) == {
        "look": "put_off",
        "safe": "open",
        "plan": "later",
    }


def test_a_branch_leads_past_a_step(cast: Cast, work: uuid.UUID, dana: Person) -> None:
    stories.send(cast, dana, work, "look", stories.LOOK | {"mood": 9})
    assert standings(cast, dana, work) == {"look": "done", "plan": "open"}


def test_a_week_lies_between_two_steps_if_it_was_given_so(cast: Cast, dana: Person) -> None:
    work = stories.give(cast, pace=Pace.WEEKLY, gates={})
    stories.send(cast, dana, work, "look")
    assert standings(cast, dana, work)["safe"] == Standing.WAITS_FOR_DAY
    later = clock.now() + dt.timedelta(days=8)
    clock.set_clock(lambda: later)
    assert standings(cast, cast.person("dana"), work)["safe"] == Standing.OPEN


@pytest.mark.parametrize("monday", [dt.date(2026, 10, 26), dt.date(2027, 3, 8)])
def test_a_week_is_seven_days_also_when_the_clocks_are_changed(monday: dt.date) -> None:
    zone = ZoneInfo("America/Denver")
    begun = dt.datetime.combine(monday, dt.time(), zone)
    way = course(
        read_source(stories.CALM), {}, {"look": replace(NO_MARK, ending=Ending.SENT)},
        pace=Pace.WEEKLY, starts_at=begun.astimezone(dt.UTC), zone=zone, now=begun,
    )  # fmt: skip
    opens_at = way.places[1].opens_at
    assert opens_at is not None
    next_monday = dt.datetime.combine(monday + dt.timedelta(days=7), dt.time(), zone)
    assert opens_at == next_monday.astimezone(dt.UTC)


def test_what_waits_stands_in_the_list_since_the_oldest(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    now = clock.now()
    clock.set_clock(lambda: now)
    stories.send(cast, dana, work, "look")
    assert stories.waiting(cast, ruth) is None, "nobody said that this would be read"
    stories.send(cast, dana, work, "safe")
    assert stories.waiting(cast, ruth) == now
    stories.say(cast, ruth, work, "safe", beside={"alone": "Who could be there?"})
    assert stories.waiting(cast, ruth) is None
    (said,) = stories.feedback_seen(cast, dana, work)
    assert (said.author_name, said.beside) == ("Ruth", {"alone": "Who could be there?"})


def test_feedback_is_said_once_and_only_to_what_was_sent(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    stories.save(cast, dana, work, "look", stories.LOOK)
    with pytest.raises(Conflict):
        stories.say(cast, ruth, work, "look")
    stories.send(cast, dana, work, "look")
    nonce = stories.nonce_for(cast, ruth, work)
    for _ in range(2):
        stories.say(cast, ruth, work, "look", nonce=nonce)
    with pytest.raises(Invalid):
        stories.say(cast, ruth, work, "look", noticed="")
    assert len(stories.feedback_seen(cast, dana, work)) == 1


def test_two_misses_tell_the_clinician_and_nobody_asks_again(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    stories.send(cast, dana, work, "look", stories.LOOK | {"mood": 9})
    stories.send(cast, dana, work, "plan")
    for step in ("look", "plan"):
        stories.say(cast, ruth, work, step)
    nonce = stories.nonce_for(cast, dana, work)
    for _ in range(2):
        stories.report(cast, dana, work, "not_yet", "It rained", nonce)
    assert stories.waiting(cast, ruth) is None, "one form, one report"
    tomorrow = clock.now() + dt.timedelta(days=1)
    clock.set_clock(lambda: tomorrow)
    dana, ruth = cast.person("dana"), cast.person("ruth")
    stories.report(cast, dana, work, "not_yet", "It rained again")
    (task,) = stories.homework_seen(cast, ruth, work)
    assert [one.obstacle for one in task.reports] == ["It rained", "It rained again"]
    assert task.closed_at is not None
    assert stories.waiting(cast, ruth) is not None
    with cast.database.writing() as session:
        homework.see_misses(session, cast.keyring, ruth, work)
    assert stories.waiting(cast, ruth) is None


def test_answers_that_come_too_late_wait_for_their_author(
    cast: Cast, work: uuid.UUID, dana: Person, ruth: Person
) -> None:
    stories.save(cast, dana, work, "look", {"mood": 2})
    nonce = stories.nonce_for(cast, dana, work)
    with cast.database.writing() as session:
        author = keeping.keep_for_author(
            session, cast.keyring, work, "look", {"best": "Too late"}, nonce
        )
        forged = stories.nonce_for(cast, ruth, work)
        nobody = keeping.keep_for_author(session, cast.keyring, work, "look", {"mood": 1}, forged)
    assert author is not None
    assert nobody is None, "a clinician fills in no client's step"
    with cast.database.writing() as session:
        keeping.restore_kept(session, cast.keyring, cast.clinic, dana, work, "look")
        assert session.scalar(select(func.count()).select_from(KeptAnswers)) == 0
    assert stories.progress(cast, dana, work).answers == {"mood": 2, "best": "Too late"}


def test_what_is_written_on_after_a_step_was_sent_is_kept_as_well(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    """The answer to the send was lost, and so was the session."""
    nonce = stories.nonce_for(cast, dana, work)
    stories.save(cast, dana, work, "look", stories.LOOK, ending=Ending.SENT, nonce=nonce)
    url = f"/work/{short(work)}/steps/look"
    for best, is_offered in ((stories.LOOK["best"], False), ("The walk, and the dog", True)):
        with cast.database.writing() as session:
            words = stories.LOOK | {"best": best}
            keeping.keep_for_author(session, cast.keyring, work, "look", words, nonce)
        page = cast.browser("dana").open(url).text
        assert ("It was not saved." in page) is is_offered
        assert ("The walk, and the dog" in page) is is_offered


def test_whoever_was_taken_off_cannot_read_what_is_written_next(
    cast: Cast, work: uuid.UUID, dana: Person
) -> None:
    """A stale vault is renewed before anything goes into it."""
    from portal.vault import services as vaults

    helen, tom = cast.person("helen"), cast.person("tom")
    with cast.database.writing() as session:
        vaults.drop_holder(session, tom, cast.ids["helen"])
    stories.save(cast, dana, work, "look", stories.LOOK)
    with cast.database.reading() as session:
        assert session.scalars(select(Response.epoch)).one() == 2
    with pytest.raises(NotFound):
        stories.look(cast, helen, work)


def test_both_sides_are_told_that_something_waits(cast: Cast, dana: Person) -> None:
    stories.reach(cast, "dana", "ruth")
    work = stories.give(cast)
    stories.send(cast, dana, work, "look", stories.LOOK | {"mood": 9})
    stories.send(cast, dana, work, "plan")
    with cast.database.reading() as session:
        told = {row.recipient_id for row in session.scalars(select(Pointer))}
        assert told == {cast.ids["dana"], cast.ids["ruth"]}
        assert {row.cause_kind for row in session.scalars(select(Pointer))} == {"work"}


NIGHT = dt.datetime(2026, 3, 3, 8, 30, tzinfo=dt.UTC)  # half past one at the clinic
UNSURE = stories.SAFE | {"gate": "unsure"}


def _urgent(cast: Cast) -> set[uuid.UUID]:
    """Who is told at any hour."""
    with cast.database.reading() as session:
        return set(
            session.scalars(
                select(Pointer.recipient_id).where(
                    Pointer.kind == URGENT, Pointer.due_at <= clock.now()
                )
            )
        )


@pytest.mark.parametrize("ending", [None, *Ending])
def test_a_safety_question_that_is_not_answered_no_brings_the_care_team_at_any_hour(
    cast: Cast, dana: Person, ruth: Person, ending: Ending | None
) -> None:
    stories.reach(cast, "dana", "ruth", "helen")
    work = stories.give(cast, gates={})
    with clock.use(lambda: NIGHT):
        stories.send(cast, dana, work, "look")
        assert _urgent(cast) == set()
        stories.save(cast, dana, work, "safe", UNSURE, ending=ending)
        assert _urgent(cast) == {cast.ids["ruth"], cast.ids["helen"]}
        assert stories.waiting(cast, ruth) == NIGHT


def test_no_safety_question_calls_anybody_while_it_is_still_being_answered(
    cast: Cast, dana: Person, ruth: Person
) -> None:
    work = stories.give(cast, gates={})
    stories.send(cast, dana, work, "look")
    stories.save(cast, dana, work, "safe", UNSURE, is_draft=True)
    stories.save(cast, dana, work, "safe", stories.SAFE)
    assert (_urgent(cast), stories.waiting(cast, ruth)) == (set(), None)


def test_who_was_called_says_that_they_came_and_is_called_again_by_new_answers(
    cast: Cast, dana: Person, ruth: Person
) -> None:
    work = stories.give(cast, gates={})
    stories.send(cast, dana, work, "look")
    stories.save(cast, dana, work, "safe", UNSURE)
    stories.see(cast, ruth, work, "safe")
    stories.save(cast, dana, work, "safe", UNSURE)
    assert stories.waiting(cast, ruth) is None
    stories.save(cast, dana, work, "safe", UNSURE | {"gate": "yes"})
    assert stories.waiting(cast, ruth) is not None
    stories.send(cast, dana, work, "safe", UNSURE | {"gate": "yes"})
    stories.say(cast, ruth, work, "safe")
    assert stories.waiting(cast, ruth) is None


def test_an_answer_that_called_waits_although_the_work_was_taken_back(
    cast: Cast, dana: Person, ruth: Person
) -> None:
    work = stories.give(cast, gates={})
    stories.send(cast, dana, work, "look")
    stories.save(cast, dana, work, "safe", UNSURE)
    with cast.database.writing() as session:
        states.withdraw(session, cast.keyring, ruth, work)
    assert stories.waiting(cast, ruth) is not None
