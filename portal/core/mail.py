"""Sending one mail by SMTP. What it says was decided elsewhere; here it cannot be changed."""

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from portal.config import Config
from portal.core.clock import now
from portal.core.delivery import NotSent

TIMEOUT_SECONDS = 10
PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


@dataclass(frozen=True)
class Mail:
    """One mail to one person. `key` makes a repeated sending recognisable as the same mail."""

    to: str
    subject: str
    body: str
    key: str
    sender_name: str = ""


def send(config: Config, mail: Mail) -> None:
    """Hands a mail to the server; raises NotSent with a code that is safe to keep."""
    if config.smtp_url is None:
        raise NotSent("no_mail_server", for_good=True)
    message = compose(config.mail_from, mail)
    try:
        server = _connect(config.smtp_url, _domain(config.mail_from))
        try:
            server.send_message(message, config.mail_from, [mail.to])
        finally:
            _leave(server)
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(next((code for code, _ in error.recipients.values()), 550)) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code) from None
    except (OSError, smtplib.SMTPException) as error:
        # The text of these errors can quote the address: only their kind is passed on.
        raise NotSent(f"mail_{type(error).__name__}", for_good=False) from None


def compose(sender: str, mail: Mail) -> EmailMessage:
    """The mail as it goes out; raises NotSent when an address or subject is not a single line."""
    message = EmailMessage(policy=SMTP_POLICY)
    try:
        message["From"] = Address(mail.sender_name, addr_spec=sender)
        message["To"] = _address(mail.to)
        message["Subject"] = mail.subject
    except (ValueError, IndexError, MessageError):
        raise NotSent("mail_bad_header", for_good=True) from None
    message["Date"] = format_datetime(now())
    message["Message-ID"] = f"<{mail.key}@{_domain(sender)}>"
    # No holiday replies, please, and no reading receipts.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.body)
    return message


def _address(text: str) -> Address:
    return Address(addr_spec=text)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _refused(code: int) -> NotSent:
    return NotSent(f"smtp_{code}", for_good=500 <= code < 600)


def _leave(server: smtplib.SMTP) -> None:
    """The mail is accepted or it is not: how the goodbye goes changes nothing about that."""
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    server.close()


def _connect(url: str, own_name: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    server = _open(parts.scheme, parts.hostname or "localhost", parts.port, own_name)
    try:
        if parts.scheme == "smtp+starttls":
            server.starttls(context=ssl.create_default_context())
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _open(scheme: str, host: str, port: int | None, own_name: str) -> smtplib.SMTP:
    """`own_name` goes into the greeting, so that it need not look up and tell this machine's."""
    port = port or PORTS[scheme]
    if scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, own_name, timeout=TIMEOUT_SECONDS, context=context)
    return smtplib.SMTP(host, port, own_name, timeout=TIMEOUT_SECONDS)
