"""The way of the driver to another database: to the address that was checked, and with so much to read.

The driver takes what a server says on trust: a message of two gigabytes is awaited to its end, and a password
is hashed as often as it asks, with nothing else done meanwhile. So it is given a loop of its own, on which
every connection leads to the server through :class:`_Passing`, which counts what comes and ends it.
"""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from typing import Any

from vdept.kernel.errors import Refused
from vdept.notifications.webhooks.addresses import Address
from vdept.notifications.webhooks.posting import TRIED
from vdept.sources.connectors.errors import SOURCE_BROKEN_ANSWER, SOURCE_TOO_LARGE
from vdept.sources.connectors.limits import MAX_BYTES

MOST = 3 * MAX_BYTES
"""Bytes of one connection, with all that the protocol adds."""
LONGEST_SIGN_IN = 65_536
_SIGNED_IN = b"R\x00\x00\x00\x08\x00\x00\x00\x00"
_OFTEN = re.compile(rb",i=[0-9]{6}")
"""A server that wants a password hashed a hundred thousand times or more; PostgreSQL wants 4,096."""
_ASK_TLS = struct.pack("!ii", 8, 80877103)


class Wire:
    """A loop for the driver: as the running one, but what it takes for a socket file is the server.

    ``refused``: why the connection was ended from here.
    """

    HOST = "/vdept"
    """What the driver is told instead of a host: a folder of socket files, which is never looked into."""

    def __init__(self, addresses: Sequence[Address], port: int, name: str | None) -> None:
        """``name``: whose certificate the server must show; None where it is asked without TLS."""
        self.refused: Refused | None = None
        self._loop = asyncio.get_running_loop()
        self._addresses = addresses[:TRIED]
        self._port = port
        self._name = name
        self._transports: list[Any] = []

    def close(self) -> None:
        """End every connection, also one that the driver lost sight of when it stumbled."""
        for transport in self._transports:
            transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_unix_connection(
        self, protocol: Callable[[], Any], _path: str
    ) -> tuple[asyncio.BaseTransport, Any]:
        """What the driver calls to connect; a server without TLS does not get to know who asks."""
        inner = protocol()
        encrypted: dict[str, Any] = {}
        opened = await self._opened()
        try:
            if self._name is not None:
                await self._loop.sock_sendall(opened, _ASK_TLS)
                if await self._loop.sock_recv(opened, 1) != b"S":
                    raise ConnectionRefusedError
                encrypted = {"ssl": _authorities(), "server_hostname": self._name}
            transport, _ = await self._loop.create_connection(
                lambda: _Passing(inner, self), sock=opened, **encrypted
            )
        except BaseException:
            opened.close()
            raise
        self._transports.append(transport)
        return transport, inner

    async def _opened(self) -> socket.socket:
        failed: OSError = ConnectionRefusedError()
        for address in self._addresses:
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            made = socket.socket(family, socket.SOCK_STREAM)
            made.setblocking(False)
            try:
                await self._loop.sock_connect(made, (str(address), self._port))
            except BaseException as error:
                made.close()
                if not isinstance(error, OSError):
                    raise
                failed = error
            else:
                return made
        raise failed


class _Passing(asyncio.Protocol):
    """Passes on to the driver what comes, up to a limit."""

    def __init__(self, inner: Any, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire
        self._came = 0
        self._start: bytes | None = b""
        """What came before the server let us in; None from then on."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._came += len(data)
        if self._came > MOST:
            return self._end(SOURCE_TOO_LARGE.at(limit_mb=MAX_BYTES // 1_000_000))
        if self._start is not None:
            self._start += data
            if _OFTEN.search(self._start) or len(self._start) > LONGEST_SIGN_IN:
                return self._end(SOURCE_BROKEN_ANSWER.at())
            if _SIGNED_IN in self._start:
                self._start = None
        self._inner.data_received(data)
        return None

    def _end(self, refused: Refused) -> None:
        self._wire.refused = refused
        self._transport.abort()

    def eof_received(self) -> bool | None:
        ended: bool | None = self._inner.eof_received()
        return ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def _authorities() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    return context
