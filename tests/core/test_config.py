"""Settings: what is right is read, and everything that is wrong is said at once."""

from pathlib import Path

import pytest

from portal.config import SETTINGS, Config, ConfigError, queue_socket, write_keys


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with fresh keys."""
    write_keys(tmp_path)
    return tmp_path


def problems(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Config.from_env(environ)
    return caught.value.problems


def test_a_new_installation_needs_no_more_than_its_folder(data: Path) -> None:
    config = Config.from_env({"PORTAL_DATA": str(data)})
    assert config.database_url == f"sqlite:///{data}/portal.sqlite"
    assert config.embedded_queue
    assert config.queue_url == f"unix://{queue_socket(data)}"
    assert config.base_url == "http://127.0.0.1:8000"
    assert not config.secure_cookies
    assert not config.demo


def test_everything_wrong_is_said_at_once_and_by_name(tmp_path: Path) -> None:
    wrong = {
        "PORTAL_DATA": str(tmp_path / "nowhere"),
        "PORTAL_DATABASE_URL": "mysql://db/portal",
        "PORTAL_QUEUE_URL": "amqp://queue",
        "PORTAL_BASE_URL": "http://portal.example.org",
        "PORTAL_PORT": "eighty",
        "PORTAL_WEB_WORKERS": "0",
        "PORTAL_TRUSTED_PROXIES": "-1",
        "PORTAL_SERVER_KEYS": "k1:short",
        "PORTAL_WORKER_PUBLIC_KEY": "%%%",
        "PORTAL_SMTP_URL": "imap://mail",
        "PORTAL_MAIL_FROM": "Notes <notes@example.org>",
        "PORTAL_SMS_URL": "http://gateway.example.org/send",
        "PORTAL_DEMO": "yes",
    }
    said = problems(**wrong)
    for name in wrong:
        assert any(name in problem for problem in said), name
    assert len(said) == len(wrong)


def test_missing_keys_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    said = problems(PORTAL_DATA=str(tmp_path))
    assert [problem.split(" ", 1)[0] for problem in said] == [
        "PORTAL_SERVER_KEYS",
        "PORTAL_WORKER_PUBLIC_KEY",
    ]
    assert all("portal init" in problem for problem in said)


def test_a_misspelt_setting_is_not_silently_ignored(data: Path) -> None:
    said = problems(PORTAL_DATA=str(data), PORTAL_SMPT_URL="smtp://mail")
    assert said == ["PORTAL_SMPT_URL is not a setting of the portal. Did you mean PORTAL_SMTP_URL?"]


def test_mail_needs_a_sender(data: Path) -> None:
    said = problems(PORTAL_DATA=str(data), PORTAL_SMTP_URL="smtps://mail.example.org")
    assert said == ["PORTAL_MAIL_FROM is needed when PORTAL_SMTP_URL is set."]


@pytest.mark.parametrize(
    "address",
    ["https://portal.example.org/app", "https://", "portal.example.org", "https://x:y", "ftp://x"],
)
def test_an_address_that_people_cannot_type_is_refused(data: Path, address: str) -> None:
    said = problems(PORTAL_DATA=str(data), PORTAL_BASE_URL=address)
    assert len(said) >= 1
    assert all(problem.startswith("PORTAL_BASE_URL") for problem in said)


@pytest.mark.parametrize(
    "domain", ["notes@example.org", "example", "a b.example.org", "-x.example"]
)
def test_what_is_no_domain_gets_no_mail_back(data: Path, domain: str) -> None:
    (said,) = problems(PORTAL_DATA=str(data), PORTAL_BOUNCE_DOMAIN=domain)
    assert said.startswith("PORTAL_BOUNCE_DOMAIN must be a domain")
    environ = {"PORTAL_DATA": str(data), "PORTAL_BOUNCE_DOMAIN": "back.example.org"}
    assert Config.from_env(environ).bounce_domain == "back.example.org"


@pytest.mark.parametrize("host", ["999.1.1.1", "1.2.3", "[::1]", "a b", "-", "127.0.0.1:80"])
def test_where_nobody_can_listen_is_said(data: Path, host: str) -> None:
    (said,) = problems(PORTAL_DATA=str(data), PORTAL_HOST=host)
    assert said.startswith("PORTAL_HOST must be an address of this machine")


@pytest.mark.parametrize("host", ["127.0.0.1", "::", "::1", "localhost", "web-1.lan"])
def test_where_one_can_listen_is_taken(data: Path, host: str) -> None:
    assert Config.from_env({"PORTAL_DATA": str(data), "PORTAL_HOST": host}).host == host


def test_real_use_has_secure_cookies(data: Path) -> None:
    environ = {"PORTAL_DATA": str(data), "PORTAL_BASE_URL": "https://portal.example.org/"}
    config = Config.from_env(environ)
    assert config.base_url == "https://portal.example.org"
    assert config.secure_cookies


def test_only_the_worker_holds_the_workers_private_key(data: Path) -> None:
    environ = {"PORTAL_DATA": str(data)}
    assert Config.from_env(environ).worker_private_key is None
    private = Config.from_env(environ, for_worker=True).worker_private_key
    assert private is not None
    assert len(private) == 32


def test_a_worker_with_the_wrong_private_key_does_not_start(data: Path) -> None:
    (data / "keys" / "worker.key").write_text("A" * 43 + "=\n")
    with pytest.raises(ConfigError, match="PORTAL_WORKER_PRIVATE_KEY does not belong to"):
        Config.from_env({"PORTAL_DATA": str(data)}, for_worker=True)


def test_server_keys_are_read_newest_first(data: Path) -> None:
    keys = f"k2:{'B' * 43}= k1:{'A' * 43}="
    config = Config.from_env({"PORTAL_DATA": str(data), "PORTAL_SERVER_KEYS": keys})
    assert [name for name, _ in config.server_keys] == ["k2", "k1"]


def test_secrets_stay_out_of_what_is_printed(data: Path) -> None:
    environ = {
        "PORTAL_DATA": str(data),
        "PORTAL_DATABASE_URL": "postgresql://portal:hush@db/portal",
        "PORTAL_SMTP_URL": "smtps://user:hush@mail",
        "PORTAL_MAIL_FROM": "notes@example.org",
        "PORTAL_SMS_URL": "https://user:hush@sms",
    }
    printed = repr(Config.from_env(environ, for_worker=True))
    assert "hush" not in printed
    assert "server_keys" not in printed
    assert "private" not in printed


def test_keys_are_made_once_and_only_their_owner_may_read_them(data: Path) -> None:
    files = sorted((data / "keys").iterdir())
    before = [file.read_bytes() for file in files]
    write_keys(data)
    assert [file.read_bytes() for file in files] == before
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (data / "keys").stat().st_mode & 0o777 == 0o700


def test_a_deep_data_folder_still_has_a_queue(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90)
    assert len(str(queue_socket(deep))) <= 100
    assert queue_socket(deep) != queue_socket(deep / "other")


def test_every_setting_is_explained() -> None:
    assert all(text for text in SETTINGS.values())


TWILIO = "twilio+https://SKkey:secret@api.twilio.com/AC123/+15550100"


def test_twilio_needs_a_key_an_account_and_a_sender(data: Path) -> None:
    for right in (TWILIO, TWILIO.replace("+15550100", "MG123")):
        environ = {"PORTAL_DATA": str(data), "PORTAL_SMS_URL": right}
        assert Config.from_env(environ).sms_url == right
    for wrong in (
        TWILIO.replace("SKkey:secret@", ""),
        TWILIO.replace("/+15550100", ""),
        TWILIO.replace("+15550100", "5550100"),
        TWILIO.replace("AC123", "123"),
        TWILIO.replace("twilio+https", "twilio+http"),
    ):
        (said,) = problems(PORTAL_DATA=str(data), PORTAL_SMS_URL=wrong)
        assert said.startswith("PORTAL_SMS_URL must"), wrong


@pytest.mark.parametrize("host", ["relay.example.org", "10.0.0.5", "127.0.0.1.example.org"])
def test_a_password_and_addresses_go_over_no_open_line(data: Path, host: str) -> None:
    mail = {"PORTAL_DATA": str(data), "PORTAL_MAIL_FROM": "notes@example.org"}
    for who in ("user:secret@", ""):
        (said,) = problems(**mail, PORTAL_SMTP_URL=f"smtp://{who}{host}:587")
        assert "smtps://" in said
        assert "on this machine" in said
        assert "secret" not in said
    for right in (
        f"smtps://{host}",
        f"smtp+starttls://{host}",
        "smtp://[::1]:25",
        "smtp://localhost",
    ):
        assert Config.from_env({**mail, "PORTAL_SMTP_URL": right}).smtp_url == right


def test_a_short_secret_and_a_role_on_sqlite_are_refused(data: Path) -> None:
    (said,) = problems(PORTAL_DATA=str(data), PORTAL_SMS_SECRET="short")
    assert "at least 16" in said
    (said,) = problems(PORTAL_DATA=str(data), PORTAL_WORKER_DATABASE_URL="sqlite:///x")
    assert "SQLite has no roles" in said
