"""The settings of one installation, read once from the environment.

Everything that is wrong is said at once, in plain words and with the name of the setting, so that
an administrator mends it in one go.
"""

import base64
import binascii
import difflib
import hashlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

ServerKeys = tuple[tuple[str, bytes], ...]

KEY_BYTES = 32
LONGEST_SOCKET_PATH = 100  # the kernel takes 107
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
DATABASES = ("sqlite", "postgresql")
QUEUES = ("redis", "rediss", "unix")
MAIL_SERVERS = ("smtp", "smtps", "smtp+starttls")
SMS_GATEWAYS = ("https", "http", "twilio+https", "twilio+http")
TWILIO_PATH = re.compile(r"/AC[0-9A-Za-z]{1,64}/(\+[1-9][0-9]{6,14}|MG[0-9A-Za-z]{1,64})")
DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
# Its last part is no number: what is meant as an address is looked at as one.
HOST_NAME = re.compile(r"([A-Za-z0-9-]{1,63}\.)*[A-Za-z][A-Za-z0-9-]{0,62}")
SHORTEST_SECRET = 16

SETTINGS = {
    "PORTAL_DATA": "the folder that keeps everything this installation knows (./data)",
    "PORTAL_DATABASE_URL": "sqlite:///FILE or postgresql://… (a file in the data folder)",
    "PORTAL_QUEUE_URL": "redis://…, rediss://… or unix://… (a queue server of the portal's own)",
    "PORTAL_BASE_URL": "the address that people type (http://127.0.0.1:PORT)",
    "PORTAL_HOST": "the address to listen on (127.0.0.1)",
    "PORTAL_PORT": "the port to listen on (8000)",
    "PORTAL_WEB_WORKERS": "how many web processes (2)",
    "PORTAL_TRUSTED_PROXIES": "how many reverse proxies stand in front (0)",
    "PORTAL_SERVER_KEYS": "name:base64, newest first (keys/server.keys in the data folder)",
    "PORTAL_WORKER_PUBLIC_KEY": "base64 (keys/worker.pub in the data folder)",
    "PORTAL_WORKER_PRIVATE_KEY": "base64, for the worker alone (keys/worker.key)",
    "PORTAL_SMTP_URL": "smtps:// or smtp+starttls://[user:password@]host[:port], or smtp:// on this"
    " machine",
    "PORTAL_MAIL_FROM": "the address that mail comes from",
    "PORTAL_BOUNCE_DOMAIN": "a domain whose mail is given to `portal mail-returned` (none)",
    "PORTAL_MAIL_PER_SECOND": "how many mails the server may be given in a second (10)",
    "PORTAL_SMS_URL": "https://[user:password@]host/path of a gateway, or "
    "twilio+https://KEY:SECRET@api.twilio.com/ACCOUNT/SENDER",
    "PORTAL_SMS_SECRET": "what the gateway signs its calls with; for Twilio the auth token",
    "PORTAL_SMS_PER_SECOND": "how many texts the gateway may be given in a second (1)",
    "PORTAL_WORKER_DATABASE_URL": "postgresql://… of the worker's own role (the same as the web's)",
    "PORTAL_NEUTRAL_URL": "an address that tells nothing, for mails and texts to name (none)",
    "PORTAL_DEMO": "1 for the fictional clinic, which is no place for real people",
}
# Read by portal.sh and the tests, not by the portal.
ELSEWHERE = ("PORTAL_CHROMIUM", "PORTAL_TEST_", "PORTAL_BENCH_")


class ConfigError(Exception):
    """The settings cannot be used. `problems` has one plain sentence for each thing wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Config:
    """What one installation is made of. Secrets stay out of its repr."""

    data: Path
    database_url: str = field(repr=False)
    queue_url: str = field(repr=False)
    embedded_queue: bool
    base_url: str
    server_keys: ServerKeys = field(repr=False)
    worker_public_key: bytes = field(repr=False)
    worker_private_key: bytes | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = "notes@localhost"
    bounce_domain: str | None = None
    mail_per_second: int = 10
    sms_url: str | None = field(default=None, repr=False)
    sms_secret: str | None = field(default=None, repr=False)
    sms_per_second: int = 1
    worker_database_url: str | None = field(default=None, repr=False)
    neutral_url: str | None = None
    trusted_proxies: int = 0
    demo: bool = False
    web_workers: int = 2
    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers reach the portal over https, so that cookies may demand it."""
        return self.base_url.startswith("https://")

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, *, for_worker: bool = False
    ) -> Self:
        """Reads the settings, or raises ConfigError with everything that is wrong.

        Only the worker asks for its private key; no process that stays ever holds it besides.
        """
        config, problems = cls.look(environ, for_worker=for_worker)
        if problems:
            raise ConfigError(problems)
        return config

    @classmethod
    def look(
        cls, environ: Mapping[str, str] | None = None, *, for_worker: bool = False
    ) -> tuple[Self, list[str]]:
        """The settings as far as they can be read, and everything that is wrong with them."""
        reader = _Reader(os.environ if environ is None else environ)
        values = reader.read(for_worker=for_worker)
        reader.check_pair(values)
        return cls(**values), reader.problems


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where this installation keeps its state, before anything else about it is known."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("PORTAL_DATA") or "data").absolute()


def queue_socket(data: Path) -> Path:
    """Where the embedded queue listens: in the data folder, or near when that path is too long."""
    path = data / "queue" / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"portal-{os.getuid()}-{name}" / "valkey.sock"


def write_keys(data: Path) -> None:
    """Makes the server's key and the worker's key pair where they are missing; changes none."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    folder = data / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / "server.keys").exists():
        _write_secret(folder / "server.keys", f"k1:{_text(secrets.token_bytes(KEY_BYTES))}")
    if not (folder / "worker.key").exists():
        private = X25519PrivateKey.generate()
        # The private half is written last: a start cut short between the two makes a new pair.
        _write_secret(folder / "worker.pub", _text(private.public_key().public_bytes_raw()))
        _write_secret(folder / "worker.key", _text(private.private_bytes_raw()))


def _write_secret(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")


class _Reader:
    """Reads one setting after another and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._environ = environ

    def read(self, *, for_worker: bool) -> dict[str, Any]:
        self._refuse_unknown_names()
        data = self._data()
        port = self._number("PORTAL_PORT", 8000, 1, 65535)
        queue = self._value("PORTAL_QUEUE_URL")
        smtp = self._smtp_url()
        return {
            "data": data,
            "database_url": self._database(data),
            "queue_url": self._queue(data, queue),
            "embedded_queue": queue is None,
            "base_url": self._base_url(port),
            "server_keys": self._server_keys(data),
            "worker_public_key": self._key("PORTAL_WORKER_PUBLIC_KEY", data / "keys/worker.pub"),
            "worker_private_key": self._worker_private_key(data) if for_worker else None,
            "smtp_url": smtp,
            "mail_from": self._mail_from(needed=smtp is not None),
            "bounce_domain": self._bounce_domain(),
            "mail_per_second": self._number("PORTAL_MAIL_PER_SECOND", 10, 1, 1000),
            "sms_url": self._sms_url(),
            "sms_secret": self._sms_secret(),
            "sms_per_second": self._number("PORTAL_SMS_PER_SECOND", 1, 1, 1000),
            "worker_database_url": self._worker_database(),
            "neutral_url": self._neutral_url(),
            "trusted_proxies": self._number("PORTAL_TRUSTED_PROXIES", 0, 0, 8),
            "demo": self._switch("PORTAL_DEMO"),
            "web_workers": self._number("PORTAL_WEB_WORKERS", 2, 1, 64),
            "host": self._host(),
            "port": port,
        }

    def _value(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def _refuse_unknown_names(self) -> None:
        for name in sorted(self._environ):
            if name.startswith("PORTAL_") and name not in SETTINGS:
                if name.startswith(ELSEWHERE):
                    continue
                near = difflib.get_close_matches(name, SETTINGS, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                self.problems.append(f"{name} is not a setting of the portal.{hint}")

    def _data(self) -> Path:
        data = data_folder(self._environ)
        if not data.is_dir():
            self.problems.append(
                f"PORTAL_DATA: there is no folder {data}. `portal init` makes a new clinic there."
            )
        elif not os.access(data, os.R_OK | os.W_OK | os.X_OK):
            self.problems.append(f"PORTAL_DATA: this user may not read and write {data}.")
        return data

    def _database(self, data: Path) -> str:
        url = self._value("PORTAL_DATABASE_URL")
        if url is None:
            return f"sqlite:///{data / 'portal.sqlite'}"
        if url.split(":", 1)[0].split("+", 1)[0] not in DATABASES:
            self.problems.append("PORTAL_DATABASE_URL must begin with sqlite:/// or postgresql://.")
        return url

    def _worker_database(self) -> str | None:
        url = self._value("PORTAL_WORKER_DATABASE_URL")
        if url is not None and url.split(":", 1)[0].split("+", 1)[0] != "postgresql":
            self.problems.append(
                "PORTAL_WORKER_DATABASE_URL must begin with postgresql://: SQLite has no roles."
            )
        return url

    def _queue(self, data: Path, url: str | None) -> str:
        if url is None:
            return f"unix://{queue_socket(data)}"
        if urlsplit(url).scheme not in QUEUES:
            self.problems.append("PORTAL_QUEUE_URL must begin with redis://, rediss:// or unix://.")
        return url

    def _base_url(self, port: int) -> str:
        text = self._value("PORTAL_BASE_URL")
        if text is None:
            return f"http://127.0.0.1:{port}"
        parts = self._split("PORTAL_BASE_URL", text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self.problems.append("PORTAL_BASE_URL must look like https://portal.example.org.")
        elif parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            self.problems.append("PORTAL_BASE_URL must end after the name of the host.")
        elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
            self.problems.append(
                "PORTAL_BASE_URL must begin with https:// unless people reach it on this machine."
            )
        return text.rstrip("/")

    def _url(self, name: str, schemes: tuple[str, ...]) -> str | None:
        text = self._value(name)
        if text is None:
            return None
        parts = self._split(name, text)
        if parts.scheme not in schemes or not parts.hostname:
            choice = ", ".join(f"{scheme}://" for scheme in schemes)
            self.problems.append(f"{name} must begin with one of {choice} and name a host.")
        return text

    def _smtp_url(self) -> str | None:
        text = self._url("PORTAL_SMTP_URL", MAIL_SERVERS)
        if text is None:
            return None
        parts = self._split("PORTAL_SMTP_URL", text)
        if parts.scheme == "smtp" and parts.hostname not in (None, *LOOPBACK):
            self.problems.append(
                "PORTAL_SMTP_URL must begin with smtps:// or smtp+starttls:// unless the mail"
                " server is on this machine."
            )
        return text

    def _sms_url(self) -> str | None:
        text = self._url("PORTAL_SMS_URL", SMS_GATEWAYS)
        if text is None:
            return None
        parts = self._split("PORTAL_SMS_URL", text)
        if parts.scheme in ("http", "twilio+http") and parts.hostname not in LOOPBACK:
            self.problems.append(
                "PORTAL_SMS_URL must begin with https:// or twilio+https:// unless the gateway is"
                " on this machine."
            )
        if parts.scheme.startswith("twilio") and not (
            parts.username and parts.password and TWILIO_PATH.fullmatch(parts.path)
        ):
            self.problems.append(
                "PORTAL_SMS_URL must look like twilio+https://KEY:SECRET@api.twilio.com/AC…/SENDER,"
                " where SENDER is a number such as +15550100 or a messaging service, MG…."
            )
        return text

    def _sms_secret(self) -> str | None:
        secret = self._value("PORTAL_SMS_SECRET")
        if secret is not None and len(secret) < SHORTEST_SECRET:
            self.problems.append(
                f"PORTAL_SMS_SECRET must have at least {SHORTEST_SECRET} characters."
            )
        return secret

    def _neutral_url(self) -> str | None:
        text = self._value("PORTAL_NEUTRAL_URL")
        if text is not None and not re.fullmatch(r"https://[A-Za-z0-9./-]{3,42}", text):
            self.problems.append(
                "PORTAL_NEUTRAL_URL must look like https://notes.example, with 50 letters or fewer,"
                " so that it fits into a text message."
            )
        return text

    def _split(self, name: str, text: str) -> SplitResult:
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            self.problems.append(f"{name} is not a proper address.")
            return urlsplit("")
        return parts

    def _mail_from(self, *, needed: bool) -> str:
        address = self._value("PORTAL_MAIL_FROM")
        if address is None:
            if needed:
                self.problems.append("PORTAL_MAIL_FROM is needed when PORTAL_SMTP_URL is set.")
            return "notes@localhost"
        if not re.fullmatch(r"[^\s@<>,;:\"\\]+@[^\s@<>,;:\"\\]+", address):
            self.problems.append("PORTAL_MAIL_FROM must be one mail address and nothing else.")
        return address

    def _bounce_domain(self) -> str | None:
        domain = self._value("PORTAL_BOUNCE_DOMAIN")
        if domain is not None and not (len(domain) <= 200 and DOMAIN.fullmatch(domain)):
            self.problems.append(
                "PORTAL_BOUNCE_DOMAIN must be a domain such as back.example.org, without an @."
            )
        return domain

    def _host(self) -> str:
        host = self._value("PORTAL_HOST") or "127.0.0.1"
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if not HOST_NAME.fullmatch(host):
                self.problems.append(
                    "PORTAL_HOST must be an address of this machine: 127.0.0.1, or 0.0.0.0 for all."
                )
        return host

    def _number(self, name: str, default: int, least: int, most: int) -> int:
        text = self._value(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            self.problems.append(f"{name} must be a whole number from {least} to {most}.")
            return default
        return int(text)

    def _switch(self, name: str) -> bool:
        text = self._value(name)
        if text not in (None, "0", "1"):
            self.problems.append(f"{name} must be 0 or 1.")
        return text == "1"

    def _server_keys(self, data: Path) -> ServerKeys:
        text = self._secret("PORTAL_SERVER_KEYS", data / "keys/server.keys")
        pairs = [entry.partition(":") for entry in re.split(r"[\s,]+", text or "") if entry]
        keys = tuple((name, _decode(value) or b"") for name, _, value in pairs)
        if text is not None and not _are_keys(keys):
            self.problems.append(
                "PORTAL_SERVER_KEYS must be a list of name:key, each name different (letters and "
                f"digits), each key {KEY_BYTES} bytes in base64."
            )
        return keys

    def _key(self, name: str, path: Path) -> bytes:
        text = self._secret(name, path)
        key = _decode(text or "")
        if text is not None and (key is None or len(key) != KEY_BYTES):
            self.problems.append(f"{name} must be {KEY_BYTES} bytes in base64.")
        return key or b""

    def check_pair(self, values: dict[str, Any]) -> None:
        """A worker with another key than the web seals to could deliver nothing."""
        private, public = values["worker_private_key"], values["worker_public_key"]
        if private and public and _public_half(private) != public:
            self.problems.append(
                "PORTAL_WORKER_PRIVATE_KEY does not belong to PORTAL_WORKER_PUBLIC_KEY."
            )

    def _worker_private_key(self, data: Path) -> bytes:
        return self._key("PORTAL_WORKER_PRIVATE_KEY", data / "keys/worker.key")

    def _secret(self, name: str, path: Path) -> str | None:
        """A secret from the environment or else from its file."""
        value = self._value(name)
        if value is not None:
            return value
        try:
            return path.read_text("ascii").strip()
        except FileNotFoundError:
            self.problems.append(
                f"{name} is not set and there is no file {path}. `portal init` makes it."
            )
        except (OSError, ValueError):
            self.problems.append(f"{name} is not set and the file {path} cannot be read.")
        return None


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _public_half(private: bytes) -> bytes | None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    if len(private) != KEY_BYTES:
        return None
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _are_keys(keys: ServerKeys) -> bool:
    names = [name for name, _ in keys]
    return (
        bool(keys)
        and len(set(names)) == len(names)
        and all(re.fullmatch(r"[A-Za-z0-9]{1,16}", name) for name in names)
        and all(len(key) == KEY_BYTES for _, key in keys)
    )
