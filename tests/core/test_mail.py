"""Mail goes out as composed, says nothing more, and errors quote nobody."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from portal.config import Config
from portal.core import mail
from portal.core.delivery import NotSent
from tests.servers import MailServer, free_port

NOTE = mail.Mail(to="maria@example.org", subject="Hay una nota", body="¿Sí?\n", key="0190-key")


@pytest.fixture
def posting(config: Config, mail_server: MailServer) -> Config:
    return replace(config, smtp_url=mail_server.url, mail_from="notes@portal.example.org")


def test_a_mail_arrives_with_what_it_should_say(posting: Config, mail_server: MailServer) -> None:
    mail.send(posting, NOTE)
    (received,) = mail_server.received
    assert received["To"] == "maria@example.org"
    assert received["From"] == "notes@portal.example.org"
    assert received["Subject"] == "Hay una nota"
    assert received.get_content().splitlines() == ["¿Sí?"]
    assert received["Auto-Submitted"] == "auto-generated"


def test_sending_again_is_recognisable_as_the_same_mail(
    posting: Config, mail_server: MailServer
) -> None:
    mail.send(posting, NOTE)
    mail.send(posting, NOTE)
    identifiers = {received["Message-ID"] for received in mail_server.received}
    assert identifiers == {"<0190-key@portal.example.org>"}


def test_the_mail_does_not_name_this_machine(posting: Config, mail_server: MailServer) -> None:
    mail.send(posting, NOTE)
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
    with pytest.raises(NotSent) as caught:
        mail.send(posting, replace(NOTE, **change))
    assert caught.value.code == "mail_bad_header"
    assert caught.value.for_good
    assert mail_server.received == []


@pytest.mark.parametrize(
    ("answer", "code", "for_good"),
    [
        ("450 maria@example.org is busy", "smtp_450", False),
        ("550 no maria@example.org here", "smtp_550", True),
    ],
)
def test_a_refusal_says_whether_to_try_again_and_quotes_nobody(
    posting: Config, mail_server: MailServer, answer: str, code: str, for_good: bool
) -> None:
    mail_server.answer = answer
    with pytest.raises(NotSent) as caught:
        mail.send(posting, NOTE)
    assert (caught.value.code, caught.value.for_good) == (code, for_good)
    assert "maria" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_server_that_is_away_is_tried_again_later(config: Config) -> None:
    away = replace(config, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    with pytest.raises(NotSent) as caught:
        mail.send(away, NOTE)
    assert caught.value.code == "mail_ConnectionRefusedError"
    assert not caught.value.for_good


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_server_that_hangs_is_given_up(
    config: Config, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mail.TIMEOUT_SECONDS <= 10
    monkeypatch.setattr(mail, "TIMEOUT_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(NotSent):
        mail.send(replace(config, smtp_url=f"smtp://127.0.0.1:{silent_port}"), NOTE)
    assert time.monotonic() - began < 2


def test_a_server_without_tls_does_not_get_the_mail_when_tls_is_asked_for(
    config: Config, mail_server: MailServer
) -> None:
    url = mail_server.url.replace("smtp://", "smtp+starttls://")
    with pytest.raises(NotSent):
        mail.send(replace(config, smtp_url=url), NOTE)
    assert mail_server.received == []


def test_without_a_mail_server_the_reason_is_kept(config: Config) -> None:
    with pytest.raises(NotSent, match="no_mail_server"):
        mail.send(config, NOTE)
