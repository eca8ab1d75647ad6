"""`portal doctor` says what is right and what is not, and sends a test that can be followed."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.cli import cli
from portal.config import Config
from portal.core import jobs
from portal.core.database import Database
from portal.core.schema import upgrade
from portal.notifications import doctor
from portal.notifications.models import Channel
from tests import servers
from tests.servers import Gateway, MailServer, QueueServer, free_port


@pytest.fixture
def installed(config: Config, mail_server: MailServer, gateway: Gateway) -> Config:
    upgrade(Database(config.database_url))
    return replace(
        config,
        smtp_url=mail_server.url,
        mail_from="notes@portal.example.org",
        sms_url=gateway.url,
    )


def words(config: Config, *, wrong: bool | None = False) -> list[str]:
    """What the doctor finds wrong (or right, or has nothing to say about)."""
    return [one.words for one in doctor.examine(config) if one.is_good is (not wrong)]


def wrong(config: Config) -> str:
    return "\n".join(one.words for one in doctor.examine(config) if one.is_good is False)


@pytest.fixture
def running(installed: Config, queue_server: QueueServer) -> Iterator[Config]:
    """Everything is there but the worker's process, whose place this one takes."""
    (installed.data / jobs.CLOCK_FILE).touch()
    worker = jobs._PortalWorker(
        [jobs.QUEUE_NAME], connection=jobs.connect_to_queue(installed, patience_seconds=2)
    )
    worker.register_birth()  # type: ignore[no-untyped-call]
    yield installed
    worker.register_death()  # type: ignore[no-untyped-call]


def test_a_portal_that_is_well_is_called_well(running: Config) -> None:
    assert wrong(running) == ""
    found = "\n".join(words(running))
    for what in ("database:", "queue:", "worker:", "clock:", "keys:", "mail:", "texts:", "disk:"):
        assert what in found


def test_a_portal_that_does_not_run_is_noticed(installed: Config) -> None:
    found = wrong(installed)
    assert "queue: it cannot be reached" in found
    assert "clock: it has never run" in found


def test_a_worker_that_was_killed_is_not_taken_for_one_at_work(
    installed: Config, queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = jobs.connect_to_queue(installed, patience_seconds=2)
    worker = jobs._PortalWorker([jobs.QUEUE_NAME], connection=connection)
    worker.pid = 2**22 - 1
    worker.register_birth()  # type: ignore[no-untyped-call]
    assert "worker: none is at work" in wrong(installed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"smtp_url": "smtp://127.0.0.1:{port}"}, "mail: nobody listens there"),
        ({"smtp_url": "smtp+starttls://127.0.0.1:{mail}"}, "mail: the mail server offers no TLS"),
        ({"sms_url": "http://127.0.0.1:{port}/"}, "texts: nobody listens there"),
        ({"worker_public_key": b"\1" * 32}, "keys: the worker can open"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said_in_words(
    running: Config, mail_server: MailServer, change: dict[str, str | bytes], said: str
) -> None:
    filled = {
        name: value.format(port=free_port(), mail=mail_server.port)
        if isinstance(value, str)
        else value
        for name, value in change.items()
    }
    assert said in wrong(replace(running, **filled))  # type: ignore[arg-type]


def test_a_database_of_another_version_is_noticed(config: Config) -> None:
    assert "database: SQLite of another version" in wrong(config)


def test_keys_that_others_may_read_are_noticed(running: Config) -> None:
    folder = running.data / "keys"
    folder.mkdir(exist_ok=True)
    (folder / "worker.key").write_text("x")
    (folder / "worker.key").chmod(0o644)
    assert "others on this machine may read worker.key" in wrong(running)


def test_without_mail_and_texts_nothing_is_wrong_and_it_is_said(running: Config) -> None:
    bare = replace(running, smtp_url=None, sms_url=None)
    assert wrong(bare) == ""
    said = [one.words for one in doctor.examine(bare) if one.is_good is None]
    assert any("no mail goes out" in one for one in said)


def run(config: Config, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr("portal.notifications.cli.read_config", lambda **_: config)
    return CliRunner().invoke(cli, ["doctor", *arguments])


def test_a_test_mail_is_a_mail_as_people_get_it(
    running: Config, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = replace(running, neutral_url="https://notes.example")
    said = run(named, monkeypatch, "--send-test", "--mail", "me@example.org")
    assert said.exit_code == 0, said.output
    assert "the provider took it and calls it " in said.output
    (mail,) = mail_server.received
    assert mail["To"] == "me@example.org"
    assert (mail["Subject"], mail["From"]) == ("A note for you", "notes@portal.example.org")
    assert mail["List-Unsubscribe"] == "<https://notes.example>"
    lines = mail.get_content().splitlines()
    assert lines[0] == "A note is waiting for you."
    assert lines[-1] == "https://notes.example"
    assert str(mail["Message-ID"]).strip("<>").partition("@")[0] in said.output


def test_a_test_text_is_followed_to_its_end(
    running: Config, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = replace(running, neutral_url="https://notes.example")
    said = run(named, monkeypatch, "--send-test", "--sms", "+15550177")
    assert said.exit_code == 0, said.output
    sent = {"to": "+15550177", "text": "A note is waiting for you. https://notes.example"}
    assert gateway.received[0][1] == sent
    gateway.status = 201
    by_twilio = replace(running, sms_url=gateway.twilio_url)
    gateway.statuses = ["sent", "delivered"]
    findings = list(doctor.send_test(by_twilio, Channel.SMS, "+15550177"))
    assert [one.words for one in findings][-1] == "the provider says: delivered"
    gateway.statuses = ["undelivered"]
    findings = list(doctor.send_test(by_twilio, Channel.SMS, "+15550177"))
    assert [one.is_good for one in findings] == [True, False]


def test_a_test_that_does_not_go_out_ends_badly(
    running: Config, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_server.answer = "550 5.7.1 me@example.org may not"
    said = run(running, monkeypatch, "--send-test", "--mail", "me@example.org")
    assert said.exit_code == 1
    assert "it was not sent: the mail server refuses this sender or this address" in said.output
    assert "me@example.org" not in said.output
    said = run(running, monkeypatch, "--send-test", "--mail", "me@@example.org")
    assert "it was not sent: this is not one mail address" in said.output


def test_a_gateway_that_does_not_know_us_is_not_said_to_take_our_sign_in(
    running: Config, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.status = 401
    said = run(running, monkeypatch)
    assert "ok    texts: it can be reached" in said.output
    assert "takes our" not in said.output.partition("texts:")[2].partition("\n")[0]
    said = run(running, monkeypatch, "--send-test", "--sms", "+15550177")
    assert said.exit_code == 1
    assert "it was not sent: the gateway does not take this user and password" in said.output


def test_twilio_is_asked_whether_it_takes_our_key(running: Config, gateway: Gateway) -> None:
    by_twilio = replace(running, sms_url=gateway.twilio_url)
    assert "texts: it can be reached and takes our key" in words(by_twilio)
    gateway.get_status, gateway.get_body = 401, b'{"code": 20003}'
    assert "texts: Twilio does not take this key and secret" in wrong(by_twilio)


def test_a_mail_server_that_wants_us_to_sign_in_first_is_noticed(
    running: Config, tmp_path: Path
) -> None:
    pem, key = servers.certificate(tmp_path / "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key)
    with servers.mail_server(
        tls_context=context, require_starttls=True, auth_required=True
    ) as strict:
        assert "mail: the mail server wants TLS or a sign-in first" in wrong(
            replace(running, smtp_url=strict.url)
        )
        assert strict.received == []


def test_tls_on_the_wrong_port_is_said_in_words(running: Config, mail_server: MailServer) -> None:
    found = wrong(replace(running, smtp_url=f"smtps://127.0.0.1:{mail_server.port}"))
    assert "mail: the mail server does not speak TLS from the start there" in found


def test_that_nobody_can_say_stop_is_said(running: Config) -> None:
    said = [one.words for one in doctor.examine(running) if one.is_good is None]
    assert any("PORTAL_SMS_SECRET is not set" in one and "STOP" in one for one in said)
    signed = replace(running, sms_secret="0123456789abcdef")
    assert not any("SMS_SECRET" in one.words for one in doctor.examine(signed))


def test_what_does_not_go_together_is_refused(
    running: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(running, monkeypatch, "--send-test").exit_code == 2
    assert run(running, monkeypatch, "--mail", "me@example.org").exit_code == 2
