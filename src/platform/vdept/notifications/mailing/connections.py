"""Connections to the SMTP server that stay open: a handshake costs more than a letter."""

import asyncio
import contextlib
import logging
from typing import Any

import aiosmtplib

from vdept.kernel.mail import Mailer
from vdept.notifications.mailing.rules import Answer, Fate, Stage, judge

SIZE = 8
"""Connections of one worker."""

FAREWELL = 1.0
"""Seconds for saying goodbye."""

_log = logging.getLogger(__name__)
_LOST = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, TimeoutError, OSError)


class Connections:
    """A few connections to one server, opened as they are needed and again when they are lost."""

    def __init__(self, mailer: Mailer, size: int = SIZE) -> None:
        self.size = size
        self._mailer = mailer
        self._slots = asyncio.Semaphore(size)
        self._free: list[aiosmtplib.SMTP] = []

    @property
    def slots(self) -> asyncio.Semaphore:
        """Held for as long as a letter is on its way: no more at once than there are connections."""
        return self._slots

    async def send(self, recipient: str, content: bytes, deadline: float) -> Answer:
        """Hand over one letter within ``deadline`` seconds; never raises for what a server may do.

        A connection that had lain open may have been closed by the server meanwhile: the letter then goes
        over a new one. It is the same message, whatever became of it before.
        """
        try:
            async with asyncio.timeout(deadline):
                while True:
                    line, fresh = await self._line()
                    answer = await self._send_over(line, recipient, content, deadline)
                    if answer is not None:
                        return answer
                    if fresh:
                        return Answer(Fate.UNANSWERED, "disconnected")
        except TimeoutError:
            return Answer(Fate.UNANSWERED, "no answer in time")
        except _CannotConnect as error:
            return Answer(Fate.AWAY, str(error))

    async def _send_over(
        self, line: aiosmtplib.SMTP, recipient: str, content: bytes, deadline: float
    ) -> Answer | None:
        """The answer to a letter; None if the connection was lost before there was one."""
        keep = False
        try:
            options = () if recipient.isascii() else ("SMTPUTF8",)
            await line.sendmail(
                self._mailer.sender.addr_spec, recipient, content, mail_options=options, timeout=deadline
            )
            keep = True
            return Answer(Fate.SENT)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            keep = True
            return judge(Stage.RCPT, refused.recipients[0].code, refused.recipients[0].message)
        except aiosmtplib.SMTPSenderRefused as refused:
            keep = refused.code != 421
            return judge(Stage.MAIL, refused.code, refused.message)
        except aiosmtplib.SMTPResponseException as refused:  # SMTPDataError, and whatever is unheard of
            return judge(Stage.DATA, refused.code, refused.message)
        except (aiosmtplib.SMTPNotSupported, ValueError):
            keep = True  # nothing was said: the address is none, or none for this server
            return Answer(Fate.BOUNCED, "address not possible here")
        except _LOST:
            return None
        finally:
            if keep and line.is_connected:
                self._free.append(line)
            else:
                line.close()

    async def _line(self) -> tuple[aiosmtplib.SMTP, bool]:
        """A connection, and whether it is a new one."""
        while self._free:
            line = self._free.pop()
            if line.is_connected:
                return line, False
            line.close()
        try:
            return await self._mailer.connect(), True
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _CannotConnect(_kind(error)) from None

    async def close(self) -> None:
        """Say goodbye on every connection that nobody uses."""
        lines, self._free = self._free, []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await asyncio.gather(*(line.quit() for line in lines), return_exceptions=True)
        for line in lines:
            line.close()


class _CannotConnect(Exception):
    """There is no connection to be had. Says what kind of failure it was: never a password, never a text."""


def _kind(error: Any) -> str:
    code = getattr(error, "code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"
