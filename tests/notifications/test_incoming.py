"""Texts that come in: STOP works at once, nothing is read by anybody, nothing said is kept."""

import logging

import pytest
from sqlalchemy import inspect, select

from portal.core import audit
from portal.notifications import formats, gsm7, inbound
from portal.notifications.channels.base import Incoming
from portal.notifications.inbound import classify
from portal.notifications.models import Channel, HeardKind, HeardText, OptOut, State
from portal.notifications.outgoing import deliver
from portal.notifications.wordings import wording
from tests.notifications.caller import DANA, Provider, latest, rows, told
from tests.notifications.desk import Desk
from tests.notifications.segments import SEGMENT, septets
from tests.servers import Gateway

CANARY = "kanarienvogel"
STOPS = (
    "STOP", "stop", " Stop. ", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "revoke",
    "OPTOUT", "opt out", "Alto", "ALTO!", "parar", "Please stop", "pls stop", "stop please",
    "stop texting me", "Don't text me anymore", "do not send me these", "no more messages",
    "opt me out", "remove me", "leave me alone", "wrong number", "Please stop sending me notes!",
    "no me escriban más", "Por favor, dejen de escribirme", "no quiero recibir más", "basta",
    "Ya no me manden mensajes", "stop now",
)  # fmt: skip
OTHERS = (
    "hello", "ok", "thanks", "I can't stop crying", "I want it all to end", "make it stop",
    "end it all", "end it", "I want to quit my job but can I talk to you first", "yes", "no",
    "they won't stop hurting me", "how do I cancel my appointment on Monday", "stopped by today",
    "no puedo parar de llorar", "", "💔", "a" * 5000, "the stop is at the end of the road",
)  # fmt: skip


@pytest.mark.parametrize("words", STOPS)
def test_whoever_wants_to_be_left_alone_is_understood(words: str) -> None:
    assert classify(words) is HeardKind.STOP


@pytest.mark.parametrize("words", OTHERS, ids=lambda words: words[:20])
def test_what_is_no_wish_to_stop_is_not_taken_for_one(words: str) -> None:
    assert classify(words) is HeardKind.OTHER


@pytest.mark.parametrize("words", ["HELP", "help?", "INFO", "ayuda", "¡AYUDA!"])
def test_whoever_asks_for_help_is_understood(words: str) -> None:
    assert classify(words) is HeardKind.HELP


def test_stop_works_at_once_and_is_confirmed_once(
    provider: Provider, desk: Desk, gateway: Gateway
) -> None:
    desk.point("dana")
    said = provider.text("STOP")
    assert said == gsm7.transliterate(wording("answers/stopped", "en"))
    assert latest(desk).state is State.DROPPED
    assert provider.text("stop") is None
    for pointer in desk.pointers():
        deliver(desk.database, desk.config, pointer.id)
    assert latest(desk).state is State.DROPPED
    assert gateway.received == []
    desk.point("dana")
    assert len(desk.pointers()) == 1


def test_stop_binds_a_number_whoever_it_belongs_to(provider: Provider, desk: Desk) -> None:
    provider.text("STOP", "+15550188")
    desk.give_address("mateo", "+15550188", Channel.SMS)
    desk.point("mateo")
    assert desk.pointers() == []


def test_start_undoes_it(provider: Provider, desk: Desk) -> None:
    assert provider.text("START") is None
    provider.text("STOP")
    assert provider.text("start") == gsm7.transliterate(wording("answers/started", "en"))
    assert told(desk).state is State.SENT


def test_the_answer_is_in_the_language_of_the_one_whose_number_it_is(
    provider: Provider, desk: Desk
) -> None:
    desk.give_address("mateo", "+15550199", Channel.SMS)
    said = provider.text("hello", "+15550199")
    assert said == gsm7.transliterate(wording("answers/unmonitored", "es"))
    assert provider.text("ALTO", "+15550133") == gsm7.transliterate(
        wording("answers/stopped", "es")
    )
    assert provider.text("stop", "+15550134") == gsm7.transliterate(
        wording("answers/stopped", "en")
    )


def test_anything_else_is_told_that_nobody_reads_it_and_whom_to_call(
    provider: Provider, desk: Desk
) -> None:
    said = provider.text("I do not want to live")
    assert said == "This number is not monitored. Sign in to write. Emergency: 988 or 911."


def test_two_machines_that_answer_each_other_fall_silent(provider: Provider, desk: Desk) -> None:
    heard, answers = "Hello?", 0
    for _ in range(50):
        answer = provider.text(heard)
        answers += answer is not None
        heard = answer or heard
        desk.hands.move(minutes=1)
    assert answers <= 2
    desk.hands.move(hours=1)
    assert provider.text("Hello?") is not None


def test_a_machine_that_says_stop_and_start_is_not_answered_for_ever(
    provider: Provider, desk: Desk
) -> None:
    answers = [provider.text(words) for _ in range(20) for words in ("STOP", "START")]
    assert sum(answer is not None for answer in answers) == 6


def test_what_twilio_has_answered_itself_is_not_answered_again(
    provider: Provider, desk: Desk
) -> None:
    if provider.name == "twilio":
        assert provider.text("STOP", OptOutType="STOP") is None
        assert len(rows(desk, OptOut)) == 1


def test_what_people_say_is_kept_nowhere(
    provider: Provider, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for words in (f"{CANARY} I am in danger", f"stop {CANARY}", f"please stop {CANARY}"):
        provider.text(words)
    assert CANARY not in caplog.text
    assert DANA not in caplog.text
    assert len(rows(desk, HeardText)) == 3
    with desk.database.engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"'):  # noqa: S608
                assert CANARY not in str(tuple(row)), table
                assert DANA not in str(tuple(row)), table


def test_that_somebody_wrote_is_in_the_audit_trail_of_their_clinic(
    provider: Provider, desk: Desk
) -> None:
    provider.text("STOP")
    with desk.database.reading() as session:
        entries = session.scalars(select(audit.AuditEntry)).all()
    assert [one.action for one in entries if one.action.startswith("text:")] == ["text:stop"]
    (entry,) = (one for one in entries if one.action == "text:stop")
    assert entry.object_id == desk.cast.ids["dana"]


def test_old_notes_about_texts_are_forgotten(provider: Provider, desk: Desk) -> None:
    provider.text("hello")
    desk.hands.move(days=91)
    with desk.database.writing() as session:
        assert inbound.forget_old_texts(session, desk.config) == 1
    assert rows(desk, HeardText) == []


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", ["stopped", "started", "help", "unmonitored"])
def test_every_answer_fits_into_one_text(name: str, language: str) -> None:
    text = gsm7.transliterate(wording(f"answers/{name}", language))
    assert septets(text) <= SEGMENT
    assert name == "started" or "988" in text


@pytest.mark.parametrize("name", ["help", "unmonitored"])
def test_no_answer_of_ours_would_be_understood_as_a_wish(name: str) -> None:
    for language in ("en", "es"):
        assert classify(wording(f"answers/{name}", language)) is HeardKind.OTHER


def test_the_same_number_is_known_by_the_same_mark(desk: Desk) -> None:
    keyring = desk.cast.keyring
    with desk.database.writing() as session:
        inbound.hear(session, keyring, Incoming(sender=DANA, words="stop"))
        assert session.get(OptOut, (formats.lookup(keyring, Channel.SMS, DANA), Channel.SMS))
