"""A browser at the sign-in pages, and a mail server that keeps what it is sent."""

import asyncio
import email
import html
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

import httpx
import structlog
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Conversation

from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept_graphql.app import create_app

ISSUER = "http://127.0.0.1:8000"


@dataclass
class Mailbox:
    """An SMTP server on this machine."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    answer: str = "250 OK"

    async def handle_DATA(self, _server: SMTP, _conversation: Conversation, envelope: Envelope) -> str:
        if self.answer.startswith("2"):
            content = envelope.content
            assert isinstance(content, bytes)
            letter = email.message_from_bytes(content, policy=policy.default)
            assert isinstance(letter, EmailMessage)
            letter["X-Received-For"] = ",".join(envelope.rcpt_tos)
            self.letters.append(letter)
        return self.answer

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


def parts_of(letter: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a letter."""
    text, page = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert page is not None
    return text.get_content(), page.get_content()


def link_in(text: str) -> str:
    """The link that a letter carries."""
    [found] = set(re.findall(r"https?://[^\s\"<]+/sign-in/link\?[^\s\"<]+", text))
    return found


@asynccontextmanager
async def mail_server() -> AsyncIterator[Mailbox]:
    """A real SMTP server that keeps its letters."""
    mailbox = Mailbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, hostname="mail.test", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Browser:
    """Keeps cookies as a browser does, and sends forms from our own pages unless told otherwise."""

    http: httpx.AsyncClient
    issuer: str

    async def get(self, address: str, **headers: str) -> httpx.Response:
        sent = {"accept-language": "en"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.get(address, headers=sent)

    async def post(self, address: str, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        sent = {"accept-language": "en", "origin": self.issuer, "sec-fetch-site": "same-origin"}
        sent |= {"content-type": "application/x-www-form-urlencoded"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(
            address, content=urlencode(fields), headers={name: value for name, value in sent.items() if value}
        )

    async def ask(self, email: str, **fields: str) -> httpx.Response:
        return await self.post("/sign-in/link", {"email": email, **fields})

    async def use(self, link: str, **headers: str) -> httpx.Response:
        """Open a link and press its button."""
        page = await self.get(link)
        assert page.status_code == 200, page.text
        return await self.post("/sign-in/link/use", hidden(page), **headers)

    @property
    def sid(self) -> str | None:
        return self.http.cookies.get("__Host-vdept" if self.issuer.startswith("https") else "vdept")


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's first form."""
    form = page.text.split("<form", 2)[1]
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found}


@asynccontextmanager
async def browser(database: Database, redis: Any, **settings: Any) -> AsyncIterator[Browser]:
    """A browser at an application of its own."""
    chosen = Settings(**settings)
    app = create_app(chosen, database, redis)
    transport = httpx.ASGITransport(app=app, client=("203.0.113.7", 40000))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=chosen.issuer) as http:
        yield Browser(http, chosen.issuer)


@contextmanager
def logged() -> Iterator[list[Any]]:
    """What is logged meanwhile, of which nothing may be a secret."""
    with structlog.testing.capture_logs() as entries:
        yield entries
