"""The demo's story holds together: its people exist, its times agree, its texts are fit to show."""

import datetime as dt
import re
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from portal.accounts import names
from portal.demo.content import DemoContent, MessageContent, Past, ThreadContent, load

LIMIT = 1_500


@pytest.fixture(scope="module")
def content() -> DemoContent:
    return load()


def by_key(content: DemoContent) -> dict[str, ThreadContent]:
    return {thread.key: thread for thread in content.threads}


def everything_written(content: DemoContent) -> list[MessageContent]:
    drafts = [thread.draft for thread in content.threads if thread.draft]
    return [message for thread in content.threads for message in thread.messages] + drafts


def test_the_cast_has_every_role(content: DemoContent) -> None:
    roles = sorted(member.role for member in content.cast.values())
    assert roles == [
        "administrator", *["client"] * 4, "clinician", "clinician", "supervisor",
    ]  # fmt: skip


def test_user_names_are_allowed_and_easy_to_type(content: DemoContent) -> None:
    user_names = [member.user_name for member in content.cast.values()]
    assert len(set(user_names)) == len(user_names)
    assert all(names.is_allowed(name) and re.fullmatch("[a-z]+", name) for name in user_names)


def test_addresses_and_numbers_belong_to_nobody(content: DemoContent) -> None:
    for member in content.cast.values():
        assert member.email is None or member.email.endswith(".example")
        assert member.mobile is None or re.fullmatch(r"\+1 970 555 01\d\d", member.mobile)
    for text in (message.text for message in everything_written(content)):
        assert all(re.match(r"https://larkspur\.example/", link) for link in links(text))
        assert all(number.startswith("555-01") for number in re.findall(r"\d{3}-\d{4}", text))


def links(text: str) -> list[str]:
    return re.findall(r"https?://\S+", text)


def test_every_clients_team_has_two_staff(content: DemoContent) -> None:
    clients = {key for key, member in content.cast.items() if member.role == "client"}
    assert set(content.care_teams) == clients
    for team in content.care_teams.values():
        assert len(team) >= 2
        assert all(content.cast[key].role in ("clinician", "supervisor") for key in team)


def test_a_second_clinician_is_a_stranger_to_the_first_client(content: DemoContent) -> None:
    assert "luis" not in content.care_teams["dana"]


def test_notices_are_of_many_kinds(content: DemoContent) -> None:
    """Often and seldom, at other hours, none at all, a guardian's phone, and one that was off."""
    notices, cast = content.notices, content.cast
    assert set(notices) <= set(cast)
    choices = [one.choice for one in notices.values() if one.choice]
    assert {choice.get("rhythm") for choice in choices} >= {"each", "weekly"}
    assert any(choice.get("contact") == "none" for choice in choices)
    assert any(cast[key].mobile in one.guardians for key, one in notices.items())
    for key, one in notices.items():
        assert not one.guardians or cast[key].role == "client"
        assert bool(one.failures) == bool(one.settled)
        assert one.settled is None or one.settled.by in content.care_teams[key]


def test_only_the_client_and_their_team_write(content: DemoContent) -> None:
    for thread in content.threads:
        team = content.care_teams[thread.client]
        assert set(thread.clinicians) <= set(team)
        allowed = {thread.client, *thread.clinicians}
        written = [*thread.messages, *([thread.draft] if thread.draft else [])]
        assert {message.author for message in written} <= allowed


def test_time_runs_forward_in_every_thread(content: DemoContent) -> None:
    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    for thread in content.threads:
        moments = [content.at(message.at, now) for message in thread.messages]
        assert all(first < second for first, second in pairwise(moments))
        assert all(moment < now for moment in moments)
        for deed in (thread.closed, thread.no_reply_needed):
            assert deed is None or content.at(deed.at, now) > moments[-1]


def test_staff_write_inside_office_hours(content: DemoContent) -> None:
    (hours,) = content.clinic.hours
    for message in everything_written(content):
        if content.cast[message.author].role != "client":
            assert hours.opens <= message.at.time <= hours.closes


@pytest.mark.parametrize("today", [dt.date(2026, 11, 16) + dt.timedelta(days) for days in range(7)])
def test_the_story_never_falls_on_a_weekend(content: DemoContent, today: dt.date) -> None:
    zone = ZoneInfo(content.clinic.time_zone)
    now = dt.datetime.combine(today, dt.time(0, 30), zone)
    for message in everything_written(content):
        moment = content.at(message.at, now)
        assert moment < now
        assert moment.astimezone(zone).weekday() < 5


def test_a_moment_keeps_its_clock_time_across_the_change_of_clocks() -> None:
    monday_after = dt.datetime(2026, 11, 2, 18, tzinfo=dt.UTC)
    moment = Past(1, dt.time(9, 15)).before(monday_after, "America/Denver")
    assert moment == dt.datetime(2026, 10, 30, 15, 15, tzinfo=dt.UTC)


def test_the_kinds_of_thread_a_page_must_show(content: DemoContent) -> None:
    threads = by_key(content)
    assert len(threads["weekly"].messages) > 20
    assert threads["weekly"].messages[-1].author == threads["weekly"].client
    assert threads["examenes"].messages[-1].author == threads["examenes"].client
    assert threads["examenes"].draft is not None
    assert threads["examenes"].draft.author == "mateo"
    assert threads["sleep"].closed is not None
    assert threads["telephone"].no_reply_needed is not None
    assert not any(message.opened for message in threads["plan"].messages)


def test_texts_are_of_believable_length(content: DemoContent) -> None:
    lengths = [len(message.text) for message in everything_written(content)]
    assert min(lengths) < 20
    assert 1_200 < max(lengths) <= LIMIT
    assert all(message.text == message.text.strip() for message in everything_written(content))


def test_the_texts_hold_what_is_awkward_to_show(content: DemoContent) -> None:
    together = "\n".join(message.text for message in everything_written(content))
    for awkward in ["<3", "&", '"', "'", "«", "¿", "ñ", "🐕", "\n\n", "\n- ", "?count=4&out=6"]:
        assert awkward in together
    assert max(len(word) for word in together.split()) >= 300
    assert {member.language for member in content.cast.values()} == {"en", "es"}
