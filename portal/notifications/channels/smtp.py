"""Mail by SMTP: over TLS from the first byte (smtps), after STARTTLS, or plain on this machine.

What a mail says was decided elsewhere; here it cannot be changed. Answers go nowhere: the address
for them is in a domain that cannot exist (RFC 2606), so the answering person's own server says at
once that it cannot deliver, and nothing that a client writes lies in a mailbox that nobody watches.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from portal.config import Config
from portal.core.clock import now
from portal.notifications.channels import base
from portal.notifications.channels.base import Deadline, Message, NotSent
from portal.notifications.models import Fault
from portal.notifications.return_path import ReturnPath

PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
NOBODY = "nobody-reads-this@no-reply.invalid"

# Enhanced status codes (RFC 3463) of answers to an address.
_NO_SUCH_ADDRESS = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
_ABOUT_US = ("5.7.", "5.3.", "5.5.", "5.1.7", "5.1.8")


class Smtp:
    """The mail server of the settings."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @contextmanager
    def open(self) -> Iterator["MailLine"]:
        """As `Provider.open`."""
        if self._config.smtp_url is None:
            raise NotSent("no_mail_server", Fault.SETTINGS)
        line = MailLine(self._config, self._config.smtp_url)
        try:
            line.connect()
            yield line
        finally:
            line.close()

    def check(self) -> str:
        """As `Provider.check`."""
        with self.open() as line:
            line.name_sender()
        signed_in = urlsplit(self._config.smtp_url or "").username
        return f"can be reached and takes our {'sign-in and sender' if signed_in else 'sender'}"


class MailLine:
    """One conversation with the mail server, begun anew when the server has ended it."""

    def __init__(self, config: Config, url: str) -> None:
        self._config, self._parts = config, urlsplit(url)
        self._return_path = ReturnPath(config)
        self._server: smtplib.SMTP | None = None

    def connect(self) -> smtplib.SMTP:
        """Greets, encrypts and signs in; raises NotSent."""
        deadline = Deadline()
        server = self._server = self._make()
        try:
            with deadline.within(base.TIMEOUT_SECONDS, lambda: _cut(server)):
                self._greet(server)
        except (OSError, smtplib.SMTPException) as error:
            raise _why(error, deadline) from None
        return server

    def _make(self) -> smtplib.SMTP:
        """Not connected yet, so that a deadline can hold for all that follows."""
        # It goes into the greeting, so that this machine's name need not be looked up and told.
        own_name, seconds = _domain(self._config.mail_from), base.TIMEOUT_SECONDS
        if self._parts.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(local_hostname=own_name, timeout=seconds, context=context)
        return smtplib.SMTP(local_hostname=own_name, timeout=seconds)

    def _greet(self, server: smtplib.SMTP) -> None:
        parts = self._parts
        host = parts.hostname or "localhost"
        # Whom the certificate must name: smtplib notes it only if it connects while it is made.
        server._host = host  # type: ignore[attr-defined]
        code, _ = server.connect(host, parts.port or PORTS[parts.scheme])
        if code != 220:
            raise smtplib.SMTPConnectError(code, "")
        if parts.scheme == "smtp+starttls":
            server.starttls(context=ssl.create_default_context())
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))

    def send(self, message: Message) -> str | None:
        """As `Line.send`. The name of a mail is what its Message-ID begins with: its key."""
        mail = compose(self._config, message)
        # Whom it goes back to is between the servers; what is read says who it is from.
        back_to = self._return_path.address(message.key) or self._config.mail_from
        self._hand_over(self._open_server(), mail, back_to, message.to)
        return message.key

    def name_sender(self) -> None:
        """Begins a mail and gives it up: some ask only now who we are. Raises NotSent."""
        server, sender, deadline = self._open_server(), self._config.mail_from, Deadline()
        try:
            with deadline.within(base.TIMEOUT_SECONDS, lambda: _cut(server)):
                server.ehlo_or_helo_if_needed()
                code, text = server.mail(sender)
                if code != 250:
                    raise smtplib.SMTPSenderRefused(code, text, sender)
                server.rset()
        except (OSError, smtplib.SMTPException) as error:
            raise _why(error, deadline) from None

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage, back_to: str, to: str) -> None:
        deadline = Deadline()
        try:
            with deadline.within(base.TIMEOUT_SECONDS, lambda: _cut(server)):
                server.send_message(mail, back_to, [to])
        except (OSError, smtplib.SMTPException) as error:
            raise _why(error, deadline) from None

    def _open_server(self) -> smtplib.SMTP:
        """One that still listens: some end a conversation after so many mails."""
        if self._server is not None and _listens(self._server):
            return self._server
        self.close()
        return self.connect()

    def close(self) -> None:
        """The mail is accepted or it is not: how the goodbye goes changes nothing about that."""
        server, self._server = self._server, None
        if server is None:
            return
        with suppress(OSError, smtplib.SMTPException), Deadline().within(1, lambda: _cut(server)):
            if server.sock is not None:
                server.quit()
        server.close()


def _listens(server: smtplib.SMTP) -> bool:
    if server.sock is None:
        return False
    try:
        with Deadline().within(base.TIMEOUT_SECONDS, lambda: _cut(server)):
            return server.rset()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def compose(config: Config, message: Message) -> EmailMessage:
    """The mail as it goes out; raises NotSent when an address or subject is not a single line."""
    mail, sender = EmailMessage(policy=SMTP_POLICY), config.mail_from
    try:
        mail["From"] = Address(message.sender_name, addr_spec=sender)
        mail["To"] = Address(addr_spec=message.to)
        mail["Reply-To"] = Address(addr_spec=NOBODY)
        mail["Subject"] = message.subject
    except (ValueError, IndexError, MessageError):
        raise NotSent("mail_bad_header", Fault.OURS) from None
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = f"<{message.key}@{_domain(sender)}>"
    if config.neutral_url:
        # Where people sign in and choose. Without such an address none is named: headers are seen.
        mail["List-Unsubscribe"] = f"<{config.neutral_url}>"
    # No holiday replies, please, and no reading receipts.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(message.body)
    return mail


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _cut(server: smtplib.SMTP) -> None:
    sock = getattr(server, "sock", None)
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _why(error: Exception, deadline: Deadline) -> NotSent:
    """The text of these errors can quote the address: only their kind is passed on."""
    # smtplib makes a lost connection of a silence, and keeps the silence as its context.
    if deadline.has_passed or TimeoutError in (type(error), type(error.__context__)):
        return NotSent("mail_timeout", Fault.SILENT)
    match error:
        case smtplib.SMTPRecipientsRefused():
            return _refused_address(*next(iter(error.recipients.values())))
        case smtplib.SMTPResponseException(smtp_code=code):
            is_final = 500 <= code < 600 and not isinstance(error, smtplib.SMTPConnectError)
            return NotSent(f"smtp_{code}", Fault.SETTINGS if is_final else Fault.BROKEN)
        case smtplib.SMTPNotSupportedError() | ssl.SSLCertVerificationError():
            # It has no TLS, cannot sign anybody in, or is not who it should be.
            return NotSent("mail_not_secure", Fault.SETTINGS)
    return NotSent(f"mail_{type(error).__name__}", Fault.AWAY)


def _refused_address(code: int, text: bytes | str) -> NotSent:
    """Whether an answer to RCPT is about the address, about us, or only for now."""
    said = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    enhanced = said.split(" ", 1)[0]
    name = f"smtp_{code}"
    if code == 421:
        return NotSent(name, Fault.BROKEN)
    if not 500 <= code < 600:
        return NotSent(name, Fault.LATER)
    if enhanced.startswith(_ABOUT_US) or code in (500, 501, 502, 503, 504, 530):
        return NotSent(name, Fault.SETTINGS)
    return NotSent(name, Fault.DEAD if is_no_such_address(code, enhanced) else Fault.REFUSED)


def is_no_such_address(code: int, enhanced: str) -> bool:
    """Whether a final answer says that nobody lives there.

    The enhanced code decides where there is one; a bare 550, 551 or 553 means: no such mailbox
    (RFC 5321, 4.2.3).
    """
    if re.match(r"[245]\.\d", enhanced):
        return enhanced in _NO_SUCH_ADDRESS
    return code in (550, 551, 553)
