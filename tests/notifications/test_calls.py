"""Providers call us: what they sign is believed once, what anybody else says changes nothing."""

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import inspect, select
from werkzeug.test import TestResponse

from portal import create_app
from portal.core import audit
from portal.core.database import Database
from portal.core.ids import new_id
from portal.notifications import formats, gsm7, inbound, problems
from portal.notifications.channels import gateway, twilio
from portal.notifications.channels.base import Incoming, as_id
from portal.notifications.inbound import classify
from portal.notifications.models import (
    Channel,
    ContactProblem,
    Fault,
    HeardKind,
    HeardText,
    OptOut,
    Pointer,
    State,
)
from portal.notifications.outgoing import deliver
from portal.notifications.wordings import wording
from tests.notifications.desk import Desk
from tests.servers import Gateway

SECRET = "0123456789abcdef0123456789abcdef"
BASE = "https://portal.example.org"
DANA, CANARY = "+15550177", "kanarienvogel"


class Provider:
    """Whoever carries the texts, as it calls the portal."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.desk, self.name = desk, name
        url = desk.database.engine.url.render_as_string(hide_password=False)
        app = create_app(replace(desk.config, database_url=url))
        self.database: Database = app.extensions["portal"].database
        self.client = app.test_client()

    def report(self, pointer: Pointer, status: str, **more: str) -> TestResponse:
        if self.name == "gateway":
            return self.call("report", {"key": str(pointer.id), "status": status, **more})
        fields = {"MessageSid": pointer.provider_ref or "SM0", "MessageStatus": status, **more}
        return self.call("report", fields, query=f"?p={pointer.id}")

    def text(self, words: str, sender: str = DANA, **more: str) -> str | None:
        """A text comes from a telephone; returns what is sent back."""
        if self.name == "gateway":
            answer = self.call("text", {"from": sender, "text": words})
            assert answer.status_code == 200
            reply: str | None = answer.get_json()["reply"]
            return reply
        answer = self.call("text", {"From": sender, "Body": words, "MessageSid": "SM1", **more})
        assert answer.status_code == 200
        _, _, rest = answer.text.partition("<Message>")
        return rest.partition("</Message>")[0] or None

    def call(
        self,
        what: str,
        fields: dict[str, str],
        *,
        query: str = "",
        secret: str = SECRET,
        spoil: Callable[[bytes], bytes] = bytes,
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        path = f"/notices/{self.name}/{what}"
        if self.name == "gateway":
            body = json.dumps(fields).encode()
            seconds = int(self.desk.hands.now.timestamp())
            signed = {"X-Signature": gateway.sign(secret, seconds, path, body)}
        else:
            body = urlencode(fields).encode()
            signed = {"X-Twilio-Signature": twilio.sign(secret, f"{BASE}{path}{query}", fields)}
        kind = "application/json" if self.name == "gateway" else "application/x-www-form-urlencoded"
        return self.client.post(
            path + query, data=spoil(body), headers=signed | (headers or {}), content_type=kind
        )


@pytest.fixture(params=["gateway", "twilio"])
def provider(request: pytest.FixtureRequest, desk: Desk, gateway: Gateway) -> Iterator[Provider]:
    is_twilio = request.param == "twilio"
    gateway.status = 201 if is_twilio else 202
    gateway.body = b"" if is_twilio else b'{"id": "SM1"}'
    desk.config = replace(
        desk.config,
        base_url=BASE,
        sms_url=gateway.twilio_url if is_twilio else gateway.url,
        sms_secret=SECRET,
    )
    desk.give_address("dana", DANA, Channel.SMS)
    provider = Provider(desk, request.param)
    yield provider
    provider.database.dispose()


def told(desk: Desk) -> Pointer:
    """Dana is told of something by text; the pointer as it stands then."""
    desk.point("dana")
    pointer = desk.pointers()[-1]
    deliver(desk.database, desk.config, pointer.id)
    return desk.pointers()[-1]


def latest(desk: Desk) -> Pointer:
    return desk.pointers()[-1]


def rows(desk: Desk, model: Any) -> list[Any]:
    with desk.database.reading() as session:
        return list(session.scalars(select(model)))


def test_what_arrived_is_known_to_have_arrived(provider: Provider, desk: Desk) -> None:
    pointer = told(desk)
    assert pointer.state is State.SENT
    assert provider.report(pointer, "delivered").status_code == 204
    assert latest(desk).state is State.DELIVERED
    assert latest(desk).delivered_at == desk.hands.now


def test_a_report_that_is_quicker_than_the_answer_is_not_undone_by_it(
    provider: Provider, desk: Desk
) -> None:
    desk.point("dana")
    with desk.database.writing() as session:
        for pointer in session.scalars(select(Pointer)):
            pointer.state, pointer.tried_at = State.SENDING, desk.hands.now
    provider.report(latest(desk), "delivered")
    from portal.notifications.outcome import note_sent

    with desk.database.writing() as session:
        note_sent(session, latest(desk).id, "SM1")
    assert latest(desk).state is State.DELIVERED
    assert latest(desk).sent_at is not None


def test_repeated_late_and_disordered_reports_are_harmless(provider: Provider, desk: Desk) -> None:
    pointer = told(desk)
    orders = ["sent", "delivered", "delivered", "undelivered", "failed", "queued", "nonsense", ""]
    for status in orders:
        assert provider.report(pointer, status).status_code == 204
        desk.hands.move(hours=1)
    assert latest(desk).state is State.DELIVERED
    assert rows(desk, ContactProblem) == []


def test_a_report_about_something_unknown_is_harmless(provider: Provider, desk: Desk) -> None:
    told(desk)
    stranger = Pointer(id=new_id(), provider_ref="SM-unknown")
    for status in ("delivered", "failed"):
        assert provider.report(stranger, status).status_code == 204
    assert latest(desk).state is State.SENT


def test_a_dead_number_becomes_a_task_and_is_used_no_more(provider: Provider, desk: Desk) -> None:
    pointer = told(desk)
    how = {"reason": "no_such_number"} if provider.name == "gateway" else {"ErrorCode": "30005"}
    provider.report(pointer, "failed", **how)
    assert latest(desk).state is State.FAILED
    (task,) = rows(desk, ContactProblem)
    assert (task.user_id, task.channel, task.code) == (
        desk.cast.ids["dana"],
        Channel.SMS,
        problems.DEAD,
    )
    desk.hands.move(days=1)
    desk.point("dana")
    assert len(desk.pointers()) == 1
    desk.give_address("dana", DANA, Channel.SMS)
    desk.point("dana")
    assert len(desk.pointers()) == 2


def test_three_failures_in_a_row_become_a_task(
    provider: Provider, desk: Desk, gateway: Gateway
) -> None:
    how = {"reason": "unreachable"} if provider.name == "gateway" else {"ErrorCode": "30003"}
    for number in range(3):
        assert len(rows(desk, ContactProblem)) == 0, number
        if provider.name == "gateway":
            gateway.body = b'{"id": "SM-%d"}' % number
        provider.report(told(desk), "failed", **how)
        desk.hands.move(days=1)
    (task,) = rows(desk, ContactProblem)
    assert task.code == problems.FAILING


def test_an_outage_behind_the_provider_is_tried_again_and_blames_nobody(
    provider: Provider, desk: Desk, gateway: Gateway
) -> None:
    pointer = told(desk)
    for number in range(1, 4):
        if provider.name == "gateway":
            gateway.body = b'{"id": "SM1-%d"}' % number
        how = {"ErrorCode": "30008"} if provider.name == "twilio" else {}
        provider.report(latest(desk), "failed", **how)
        assert latest(desk).state is State.SENDING
        assert latest(desk).due_at > desk.hands.now
        # What is said twice about the same try is believed once.
        provider.report(pointer, "failed", **how)
        desk.hands.now = latest(desk).due_at
        deliver(desk.database, desk.config, pointer.id)
        assert latest(desk).state is State.SENT
    assert rows(desk, ContactProblem) == []
    assert len(gateway.received) == 4


def test_twilio_says_that_somebody_said_stop(
    desk: Desk, gateway: Gateway, request: pytest.FixtureRequest
) -> None:
    gateway.status, gateway.body = 400, b'{"code": 21610}'
    desk.config = replace(desk.config, sms_url=gateway.twilio_url)
    desk.give_address("dana", DANA, Channel.SMS)
    told(desk)
    assert latest(desk).fault is Fault.OPTED_OUT
    assert len(rows(desk, OptOut)) == 1
    desk.hands.move(days=1)
    desk.point("dana")
    assert len(desk.pointers()) == 1


FORGERIES: dict[str, dict[str, Any]] = {
    "another secret": {"secret": "another secret of some length"},
    "no signature": {"headers": {"X-Signature": "", "X-Twilio-Signature": ""}},
    "letters of no alphabet": {"headers": {"X-Signature": "t=ñ,v1=é", "X-Twilio-Signature": "ñé"}},
    "a changed body": {"spoil": lambda body: body.replace(b"delivered", b"undelivere")},
    "something added": {"spoil": lambda body: body + b"&x=1"},
}


@pytest.mark.parametrize("what", ["report", "text"])
def test_what_is_not_signed_by_the_provider_changes_nothing(
    provider: Provider, desk: Desk, what: str
) -> None:
    pointer = told(desk)
    fields = {"key": str(pointer.id), "status": "delivered", "from": DANA, "text": "delivered"}
    if provider.name == "twilio":
        fields = {"MessageSid": "SM1", "MessageStatus": "delivered", "From": DANA, "Body": "."}
    for how, forgery in FORGERIES.items():
        assert provider.call(what, fields, **forgery).status_code == 404, how
    unsigned = f"/notices/{provider.name}/{what}?p={pointer.id}"
    assert provider.client.post(unsigned, data=fields).status_code == 404
    assert latest(desk).state is State.SENT
    assert rows(desk, HeardText) == []


def test_a_call_cannot_be_played_back_later(provider: Provider, desk: Desk) -> None:
    if provider.name == "twilio":
        return  # it signs no time; that repeating its reports is harmless is shown above
    body, path = b'{"from": "+15550177", "text": "stop"}', "/notices/gateway/text"
    signed = gateway.sign(SECRET, int(desk.hands.now.timestamp()), path, body)
    desk.hands.move(minutes=6)
    answer = provider.client.post(path, data=body, headers={"X-Signature": signed})
    assert answer.status_code == 404
    assert rows(desk, OptOut) == []


def test_half_a_signature_is_none(provider: Provider) -> None:
    for signature in ("t=,v1=", "t=-1,v1=a", "t=99999999999999,v1=a", "v1=a", "t"):
        headers = {"X-Signature": signature, "X-Twilio-Signature": signature}
        answer = provider.call("text", {"from": DANA}, headers=headers)
        assert answer.status_code == 404, signature


def test_twilios_own_example_of_a_signature_holds() -> None:
    """From its documentation of request validation."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio.sign("12345", url, fields) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_the_provider_that_is_not_set_up_has_no_door(provider: Provider, desk: Desk) -> None:
    other = {"gateway": "twilio", "twilio": "gateway"}[provider.name]
    stranger = Provider(desk, other)
    assert stranger.call("text", {"from": DANA, "text": "stop"}).status_code == 404
    stranger.database.dispose()


def test_a_long_call_is_refused_before_it_is_read(provider: Provider, desk: Desk) -> None:
    body = b"x" * 20_000
    answer = provider.client.post(f"/notices/{provider.name}/text", data=body)
    assert answer.status_code == 404


def test_a_genuine_call_that_makes_no_sense_is_refused(provider: Provider, desk: Desk) -> None:
    if provider.name == "twilio":
        assert provider.call("text", {"Body": "no sender"}).status_code == 400
        return
    path = "/notices/gateway/text"
    for body in (b"[]", b"{", b'{"from": 7}', b"\xff\xfe", b"[" * 9000):
        signed = gateway.sign(SECRET, int(desk.hands.now.timestamp()), path, body)
        answer = provider.client.post(path, data=body, headers={"X-Signature": signed})
        assert answer.status_code == 400, body[:20]


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
    assert gsm7.septets(text) <= gsm7.SEGMENT
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


def test_an_identifier_that_is_none_is_none() -> None:
    assert as_id("x") is None
    assert isinstance(as_id(str(uuid.uuid4())), uuid.UUID)
