"""Mail goes out as composed, says nothing more, and errors quote nobody."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from portal.config import Config
from portal.notifications.channels import base
from portal.notifications.channels.base import Message, NotSent
from portal.notifications.channels.smtp import NOBODY, Smtp, _cut
from portal.notifications.models import Fault
from tests import servers
from tests.servers import MailServer, free_port

NOTE = Message(key="0190-key", to="maria@example.org", subject="Hay una nota", body="¿Sí?\n")


@pytest.fixture
def posting(config: Config, mail_server: MailServer) -> Config:
    return posted_at(config, mail_server)


def posted_at(config: Config, server: MailServer) -> Config:
    return replace(config, smtp_url=server.url, mail_from="notes@portal.example.org")


def send(config: Config, *messages: Message) -> list[str | None]:
    with Smtp(config).open() as line:
        return [line.send(message) for message in messages]


def refusal(config: Config, message: Message = NOTE) -> NotSent:
    with pytest.raises(NotSent) as caught:
        send(config, message)
    assert "maria" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_mail_arrives_with_what_it_should_say(posting: Config, mail_server: MailServer) -> None:
    send(posting, NOTE)
    (received,) = mail_server.received
    assert received["To"] == "maria@example.org"
    assert received["From"] == "notes@portal.example.org"
    assert received["Subject"] == "Hay una nota"
    assert received.get_content().splitlines() == ["¿Sí?"]
    assert received["Auto-Submitted"] == "auto-generated"


def test_an_answer_can_only_go_nowhere(posting: Config, mail_server: MailServer) -> None:
    send(posting, NOTE)
    assert mail_server.received[0]["Reply-To"] == NOBODY
    assert NOBODY.endswith(".invalid")


TELLING = "https://riverside-counselling.example"


def test_no_header_names_the_portal(posting: Config, mail_server: MailServer) -> None:
    send(replace(posting, base_url=TELLING), NOTE)
    whole = mail_server.received[0].as_string()
    assert "riverside" not in whole
    assert "http" not in whole


def test_the_way_to_end_it_is_an_address_that_tells_nothing(
    posting: Config, mail_server: MailServer
) -> None:
    send(replace(posting, base_url=TELLING, neutral_url="https://notes.example"), NOTE)
    (received,) = mail_server.received
    assert received["List-Unsubscribe"] == "<https://notes.example>"
    assert "riverside" not in received.as_string()


def test_there_is_nothing_in_a_mail_but_its_text(posting: Config, mail_server: MailServer) -> None:
    send(posting, NOTE)
    (received,) = mail_server.received
    assert received.get_content_type() == "text/plain"
    assert not received.is_multipart()


def test_sending_again_is_recognisable_as_the_same_mail(
    posting: Config, mail_server: MailServer
) -> None:
    assert send(posting, NOTE, NOTE) == ["0190-key"] * 2
    identifiers = {received["Message-ID"] for received in mail_server.received}
    assert identifiers == {"<0190-key@portal.example.org>"}


def test_the_mail_does_not_name_this_machine(posting: Config, mail_server: MailServer) -> None:
    send(posting, NOTE)
    assert socket.gethostname() not in mail_server.received[0].as_string()


@pytest.mark.parametrize(
    "change",
    [
        {"to": "maria@example.org\r\nBcc: all@example.org"},
        {"to": "maria@example.org\nBcc: all@example.org"},
        {"to": "maria@example.org, all@example.org"},
        {"to": ""},
        {"to": "nobody"},
        {"subject": "a note\r\nBcc: all@example.org"},
        {"subject": "a note\n\nand a body"},
    ],
)
def test_nothing_can_slip_a_header_in(
    posting: Config, mail_server: MailServer, change: dict[str, str]
) -> None:
    failure = refusal(posting, replace(NOTE, **change))
    assert (failure.code, failure.fault) == ("mail_bad_header", Fault.OURS)
    assert mail_server.received == []


ANSWERS = [
    ("450 maria@example.org is busy", "smtp_450", Fault.LATER),
    ("451 4.7.1 greylisted", "smtp_451", Fault.LATER),
    ("452 4.2.2 maria's mailbox is full", "smtp_452", Fault.LATER),
    ("421 going away", "smtp_421", Fault.BROKEN),
    ("550 no maria@example.org here", "smtp_550", Fault.DEAD),
    ("550 5.1.1 no maria here", "smtp_550", Fault.DEAD),
    ("551 not local", "smtp_551", Fault.DEAD),
    ("553 5.1.3 bad address", "smtp_553", Fault.DEAD),
    ("552 5.2.2 full", "smtp_552", Fault.REFUSED),
    ("554 refused", "smtp_554", Fault.REFUSED),
    ("550 5.7.1 your server is on a list", "smtp_550", Fault.SETTINGS),
    ("554 5.7.1 relay access denied", "smtp_554", Fault.SETTINGS),
    ("530 5.7.0 sign in first", "smtp_530", Fault.SETTINGS),
]


@pytest.mark.parametrize(("answer", "code", "fault"), ANSWERS, ids=lambda value: str(value)[:20])
def test_a_refusal_says_whose_matter_it_is_and_quotes_nobody(
    posting: Config, mail_server: MailServer, answer: str, code: str, fault: Fault
) -> None:
    mail_server.answer = answer
    failure = refusal(posting)
    assert (failure.code, failure.fault) == (code, fault)


@pytest.mark.parametrize(
    ("answer", "fault"), [("451 later", Fault.BROKEN), ("554 spam", Fault.SETTINGS)]
)
def test_what_is_said_about_the_mail_itself_is_no_fault_of_the_address(
    posting: Config, mail_server: MailServer, answer: str, fault: Fault
) -> None:
    mail_server.data_answer = answer
    assert refusal(posting).fault is fault


def test_many_mails_share_one_conversation(posting: Config, mail_server: MailServer) -> None:
    send(posting, *[replace(NOTE, key=f"key-{number}") for number in range(20)])
    assert len(mail_server.received) == 20
    assert len(mail_server.conversations) == 1


def test_a_refused_address_does_not_end_the_conversation(
    posting: Config, mail_server: MailServer
) -> None:
    with Smtp(posting).open() as line:
        mail_server.answer = "550 no"
        with pytest.raises(NotSent):
            line.send(NOTE)
        mail_server.answer = "250 OK"
        line.send(NOTE)
    assert len(mail_server.received) == 1


def test_a_server_that_hung_up_is_called_again(posting: Config, mail_server: MailServer) -> None:
    with Smtp(posting).open() as line:
        line.send(NOTE)
        assert line._server is not None
        _cut(line._server)
        line.send(NOTE)
    assert len(mail_server.received) == 2
    assert len(mail_server.conversations) == 2


def test_a_server_that_is_away_is_tried_again_later(config: Config) -> None:
    failure = refusal(replace(config, smtp_url=f"smtp://127.0.0.1:{free_port()}"))
    assert (failure.code, failure.fault) == ("mail_ConnectionRefusedError", Fault.AWAY)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def dripping_port() -> Iterator[int]:
    """A server that says one letter now and then, and never finishes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            visitor, _ = server.accept()
            with visitor:
                try:
                    while True:
                        visitor.sendall(b"2")
                        time.sleep(0.05)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        yield int(server.getsockname()[1])


@pytest.mark.parametrize("kind", ["silent_port", "dripping_port"])
def test_a_server_that_hangs_is_given_up(
    config: Config, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    port = request.getfixturevalue(kind)
    assert base.TIMEOUT_SECONDS <= 10
    monkeypatch.setattr(base, "TIMEOUT_SECONDS", 0.3)
    began = time.monotonic()
    failure = refusal(replace(config, smtp_url=f"smtp://127.0.0.1:{port}"))
    assert (failure.code, failure.fault) == ("mail_timeout", Fault.SILENT)
    assert time.monotonic() - began < 2


def test_a_server_without_tls_does_not_get_the_mail_when_tls_is_asked_for(
    config: Config, mail_server: MailServer
) -> None:
    mail_server.scheme = "smtp+starttls"
    assert refusal(posted_at(config, mail_server)).fault is Fault.SETTINGS
    assert mail_server.received == []


def test_without_a_mail_server_the_reason_is_kept(config: Config) -> None:
    failure = refusal(config)
    assert (failure.code, failure.fault) == ("no_mail_server", Fault.SETTINGS)


def only_the_portal(
    _server: Any, _session: Any, _envelope: Any, _how: str, data: Any
) -> AuthResult:
    assert isinstance(data, LoginPassword)
    is_right = (data.login, data.password) == (b"portal", b"a:secret")
    return AuthResult(success=is_right, handled=False)


@pytest.fixture(params=["smtps", "smtp+starttls"])
def relay(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MailServer]:
    """A relay as one rents it: TLS with a certificate, and a password."""
    pem, key = servers.certificate(tmp_path / "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key)
    options: dict[str, Any] = (
        {"tls_context": context, "require_starttls": True, "auth_required": True}
        if request.param == "smtp+starttls"
        else {"ssl_context": context, "auth_require_tls": False}
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with servers.mail_server(authenticator=only_the_portal, **options) as server:
        server.scheme, server.credentials = request.param, "portal:a%3Asecret@"
        yield server


def test_a_relay_with_tls_and_a_password_gets_the_mail(config: Config, relay: MailServer) -> None:
    send(posted_at(config, relay), NOTE, NOTE)
    assert len(relay.received) == 2
    assert relay.is_encrypted == [True, True]
    assert relay.is_signed_in == [True, True]
    assert len(relay.conversations) == 1


def test_a_wrong_password_is_a_matter_of_the_settings(config: Config, relay: MailServer) -> None:
    relay.credentials = "portal:wrong@"
    failure = refusal(posted_at(config, relay))
    assert (failure.code, failure.fault) == ("smtp_535", Fault.SETTINGS)
    assert relay.received == []


def test_a_certificate_that_nobody_vouches_for_ends_it(
    config: Config, relay: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    failure = refusal(posted_at(config, relay))
    assert (failure.code, failure.fault) == ("mail_not_secure", Fault.SETTINGS)
    assert relay.received == []
