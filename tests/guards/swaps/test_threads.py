"""Messages, subjects and what is not sent: each opens only where it was written."""

import re
import uuid

import pytest
from sqlalchemy import ColumnElement, and_

from portal.core.nonces import new_nonce
from portal.threads.access import thread_for
from portal.threads.models import Draft, KeptText, Message, Thread
from portal.threads.services import unsent
from tests.guards.swaps.talk import Talk, Tampering, at

DAMAGED = "This message was damaged. It cannot be shown."
MESSAGES: dict[str, tuple[Tampering, set[int]]] = {
    "with one before it": (
        lambda talk: talk.swap(Message, "sealed", at(talk.one, 1), at(talk.one, 2)),
        {1, 2},
    ),
    "with another of the same author's": (
        lambda talk: talk.swap(Message, "sealed", at(talk.one, 1), at(talk.one, 3)),
        {1, 3},
    ),
    "with another thread's of the same number": (
        lambda talk: talk.swap(Message, "sealed", at(talk.one, 1), at(talk.two, 1)),
        {1},
    ),
    "with another vault's": (
        lambda talk: talk.swap(Message, "sealed", at(talk.one, 1), at(talk.mateos, 1)),
        {1},
    ),
    "said to be another's": (
        lambda talk: talk.change(Message, at(talk.one, 2), author_id=talk.cast.ids["helen"]),
        {2},
    ),
    "said to be the client's own": (
        lambda talk: talk.change(Message, at(talk.one, 2), author_id=talk.cast.ids["dana"]),
        {2},
    ),
    "under an epoch that is not there": (
        lambda talk: talk.change(Message, at(talk.one, 1), epoch=2),
        {1},
    ),
    "one bit turned": (lambda talk: _turn(talk, at(talk.one, 1), 40), {1}),
    "its nonce changed": (lambda talk: _turn(talk, at(talk.one, 1), 0), {1}),
    "its tag changed": (lambda talk: _turn(talk, at(talk.one, 1), -1), {1}),
    "cut short": (lambda talk: talk.change(Message, at(talk.one, 1), sealed=b"\0" * 20), {1}),
    "emptied": (lambda talk: talk.change(Message, at(talk.one, 1), sealed=b""), {1}),
    "a subject in its place": (
        lambda talk: talk.change(
            Message,
            at(talk.one, 1),
            sealed=talk.value(Thread.subject_sealed, Thread.id == talk.one),
        ),
        {1},
    ),
}


def _turn(talk: Talk, where: ColumnElement[bool], position: int) -> None:
    sealed = bytearray(talk.value(Message.sealed, where))
    sealed[position] ^= 1
    talk.change(Message, where, sealed=bytes(sealed))


@pytest.mark.parametrize("tampering", MESSAGES)
def test_a_message_that_is_not_what_it_was_is_damaged_and_the_others_stand(
    talk: Talk, tampering: str
) -> None:
    tamper, damaged = MESSAGES[tampering]
    tamper(talk)
    for reader in ("dana", "ruth"):
        page = talk.page(reader)
        assert page.count(DAMAGED) + page.count("before you were added") == len(damaged)
        for seq in (1, 2, 3):
            assert (f"alpha-{seq}" in page) is (seq not in damaged)
        assert "beta-" not in page
        assert "gamma-" not in page


def test_messages_put_into_another_order_show_as_damaged(talk: Talk) -> None:
    for old, new in ((1, 91), (3, 1), (91, 3)):
        talk.change(Message, at(talk.one, old), seq=new)
    page = talk.page()
    assert page.count(DAMAGED) == 2
    assert "alpha-2" in page


def test_a_message_moved_into_another_conversation_shows_as_damaged(talk: Talk) -> None:
    talk.change(Message, at(talk.two, 3), thread_id=talk.one, seq=4)
    talk.change(Thread, Thread.id == talk.one, last_seq=4, last_client_seq=4)
    page = talk.page()
    assert page.count(DAMAGED) == 1
    assert "beta-3" not in page
    assert "alpha-3" in page


SUBJECTS: dict[str, Tampering] = {
    "swapped": lambda talk: talk.swap(
        Thread, "subject_sealed", Thread.id == talk.one, Thread.id == talk.two
    ),
    "another vault's": lambda talk: talk.swap(
        Thread, "subject_sealed", Thread.id == talk.one, Thread.id == talk.mateos
    ),
    "another's": lambda talk: talk.change(
        Thread, Thread.id == talk.one, begun_by=talk.cast.ids["helen"]
    ),
    "a message": lambda talk: talk.change(
        Thread, Thread.id == talk.one, subject_sealed=talk.value(Message.sealed, at(talk.one, 1))
    ),
    "another epoch's": lambda talk: talk.change(Thread, Thread.id == talk.one, subject_epoch=2),
    "emptied": lambda talk: talk.change(Thread, Thread.id == talk.one, subject_sealed=b""),
}


@pytest.mark.parametrize("tampering", SUBJECTS)
def test_a_subject_that_is_not_what_it_was_is_left_out(talk: Talk, tampering: str) -> None:
    SUBJECTS[tampering](talk)
    page = talk.page()
    assert "-subject" not in page
    assert "alpha-1" in page
    for name, url in (("dana", "/"), ("ruth", talk.cast.client_url("dana"))):
        listed = talk.cast.browser(name).open(url)
        assert listed.status_code == 200
        assert "alpha-subject" not in listed.text


def _write(talk: Talk, name: str, place: uuid.UUID, text: str) -> None:
    """A draft and kept words."""
    cast, person = talk.cast, talk.cast.person(name)
    with cast.database.writing() as session:
        vault = thread_for(session, person, place).vault
        unsent.save_draft(session, person, vault, place, text=f"draft {text}", nonce=None)
        nonce = new_nonce(cast.keyring, person.id, place)
        unsent.keep_for_author(session, cast.keyring, place, f"kept {text}", nonce)


@pytest.mark.parametrize("model", [Draft, KeptText])
@pytest.mark.parametrize("how", ["places", "authors", "emptied"])
def test_what_is_not_sent_stays_its_authors_and_in_its_place(
    talk: Talk, model: type[Draft | KeptText], how: str
) -> None:
    _write(talk, "dana", talk.one, "first")
    _write(talk, "dana", talk.two, "second")
    _write(talk, "ruth", talk.one, "third")

    def of(name: str, place: uuid.UUID) -> ColumnElement[bool]:
        return and_(model.author_id == talk.cast.ids[name], model.place_id == place)

    if how == "places":
        talk.swap(model, "sealed", of("dana", talk.one), of("dana", talk.two))
    elif how == "authors":
        talk.swap(model, "sealed", of("dana", talk.one), of("ruth", talk.one))
    else:
        talk.change(model, of("dana", talk.one), sealed=b"")
    word = "draft" if model is Draft else "kept"
    page = talk.page()
    assert not re.search(f"{word} (first|second|third)", page)
    assert ("kept first" if model is Draft else "draft first") in page
    assert "alpha-1" in page


def test_kept_words_moved_to_another_place_do_not_open(talk: Talk) -> None:
    _write(talk, "dana", talk.one, "first")
    talk.change(KeptText, KeptText.place_id == talk.one, place_id=talk.two)
    assert "kept first" not in talk.page() + talk.page(thread=talk.two)


def test_a_stranger_id_in_a_row_reaches_nothing(talk: Talk) -> None:
    """A thread put under another engagement: its team holds no key to it."""
    engagement = talk.cast.engagements["mateo"]
    talk.change(Thread, Thread.id == talk.one, engagement_id=engagement)
    listed = talk.cast.browser("luis").open(talk.cast.client_url("mateo"))
    assert listed.status_code == 200
    assert "alpha-subject" not in listed.text
    assert talk.cast.browser("luis").open(talk.cast.thread_url(talk.one)).status_code == 404
