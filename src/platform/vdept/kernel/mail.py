"""Sending mail: one message to one person, as text and as HTML, through the SMTP server of the settings.

What a message says may be a secret (a sign-in link), and so is the server's password: no error from here
carries either.
"""

from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from vdept.kernel.settings import Settings

PATIENCE = 10
"""Seconds that the server may take for each step."""

_SCHEMES = {"smtp", "smtps"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class MailNotSent(Exception):
    """The server did not take a message. Says what kind of failure it was, and nothing of the message."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent to somebody."""

    name: str
    email: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mailer:
    """The way to one SMTP server.

    ``smtps`` is TLS from the start; ``smtp`` goes over to TLS (STARTTLS) when the server can, and must before
    a password is sent to another machine. Certificates are always checked.
    """

    host: str
    port: int
    tls: bool
    sender: Address
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Mailer | None":
        """The mailer of the settings, None if they name no server; ValueError for what cannot be right."""
        if not settings.smtp_url:
            return None
        wrong = "settings: VDEPT_SMTP_URL must look like smtp://user:password@host:587 or smtps://host"
        try:
            url = urlsplit(settings.smtp_url)
            port = url.port
        except ValueError:
            raise ValueError(wrong) from None  # the original quotes the password
        if url.scheme not in _SCHEMES or not url.hostname or url.path not in {"", "/"} or url.query:
            raise ValueError(wrong)
        tls = url.scheme == "smtps"
        return cls(
            url.hostname,
            port or (465 if tls else 587 if url.username else 25),
            tls,
            sender_of(settings.mail_from),
            unquote(url.username) if url.username else None,
            unquote(url.password) if url.password else None,
        )

    async def send(self, letter: Letter, now: datetime) -> None:
        """Hand one letter to the server, on a connection of its own. Raises MailNotSent."""
        try:
            await aiosmtplib.send(
                compose(letter, self.sender, now),
                hostname=self.host,
                port=self.port,
                username=self.user,
                password=self.password,
                use_tls=self.tls,
                start_tls=self.start_tls,
                timeout=PATIENCE,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            code = getattr(error, "code", None)
            kind = type(error).__name__ if code is None else f"{type(error).__name__} {code}"
            raise MailNotSent(kind) from None  # its text may quote the letter

    async def connect(self) -> aiosmtplib.SMTP:
        """A connection that has said hello, gone over to TLS and signed in, for many letters.

        Raises what aiosmtplib raises, whose text may quote what was sent: tell its kind and code only.
        """
        line = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.tls,
            start_tls=self.start_tls,
            timeout=PATIENCE,
        )
        await line.connect()
        return line

    @property
    def start_tls(self) -> bool | None:
        """True: without TLS nothing is sent. None: with TLS if the server can."""
        if self.tls:
            return False
        return True if self.user is not None and self.host not in _LOOPBACK else None


def sender_of(text: str) -> Address:
    """``Name <address>`` of the settings; ValueError if it is none."""
    name, address = parseaddr(text)
    if "@" not in address:
        msg = "settings: VDEPT_MAIL_FROM must look like `vdept <no-reply@example.gov.vn>`"
        raise ValueError(msg)
    return Address(name, addr_spec=address)


def compose(letter: Letter, sender: Address, now: datetime) -> EmailMessage:
    """The message. ValueError for a line break in what becomes a header."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = Address(letter.name, addr_spec=letter.email)
    message["Subject"] = letter.subject
    message["Date"] = now
    message["Message-ID"] = make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes in answer to it
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message
