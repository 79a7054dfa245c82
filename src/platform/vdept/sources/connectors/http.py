"""Fetching a document: from an address that was looked up and checked, within a time and a size.

The guard is that of webhooks (:class:`vdept.notifications.webhooks.posting.Checked`): a name is resolved
once, all it leads to must be allowed, and the connection goes to exactly that address, while TLS goes by the
name.
No redirect is followed and no proxy of the environment used. What comes is counted while it comes; a big
document waits for one of a few places, so that many at once cannot fill the memory.
"""

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import httpcore
import httpx

from vdept.kernel.errors import Refused
from vdept.kernel.settings import Network
from vdept.notifications.webhooks.posting import Checked, NotDelivered, Resolve, Resolver, trusted
from vdept.notifications.webhooks.rules import Failure
from vdept.sources.connectors.errors import (
    SOURCE_ADDRESS_NOT_ALLOWED,
    SOURCE_BROKEN_ANSWER,
    SOURCE_CERTIFICATE,
    SOURCE_EMPTY,
    SOURCE_ENCODING,
    SOURCE_HTML,
    SOURCE_NAME_UNKNOWN,
    SOURCE_NO_CONNECTION,
    SOURCE_REDIRECT,
    SOURCE_STATUS,
    SOURCE_TIMEOUT,
    SOURCE_TOO_LARGE,
    SOURCE_UNAUTHORIZED,
    SOURCE_UNPACKS_TOO_LARGE,
)
from vdept.sources.connectors.limits import MAX_BYTES

BIG = 262_144
"""Bytes after which a document waits for a place among the big ones."""
BIG_AT_ONCE = 24
CONNECT = 10.0
LONGEST_ETAG = 500
NOT_MODIFIED = 304
_MB = 1_000_000
_USER_AGENT = "vdept-sources/1"


class Document(NamedTuple):
    """What came. ``content`` None: it is what it was when it had this ``etag``."""

    content: bytes | None
    etag: str | None


class Fetch:
    """Asks servers for documents; one for a process."""

    def __init__(
        self,
        networks: Iterable[Network] = (),
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        limit: int = MAX_BYTES,
    ) -> None:
        self.guard = Checked(networks, resolve or Resolver(64))
        self.tls = tls or trusted()
        self._limit = limit
        self._big = asyncio.Semaphore(BIG_AT_ONCE)

    async def __call__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        seconds: float,
        etag: str | None = None,
        places: contextlib.AsyncExitStack | None = None,
    ) -> Document:
        """The document at ``url``; raises what a poll fails with. Nothing it raises tells of ``headers``.

        ``places``: where a big document keeps its place until whoever fetched it has read it.
        """
        guard = _Closing(self.guard)
        try:
            async with contextlib.AsyncExitStack() as own, asyncio.timeout(seconds) as clock:
                return await self._fetch(guard, url, headers, places or own, clock, seconds, etag)
        except (TimeoutError, httpcore.TimeoutException):
            raise SOURCE_TIMEOUT.at(seconds=round(seconds)) from None
        except NotDelivered as error:
            raise refused_by_guard(error) from None
        except httpcore.NetworkError as error:
            raise (SOURCE_CERTIFICATE if of_tls(error) else SOURCE_NO_CONNECTION).at() from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            raise SOURCE_BROKEN_ANSWER.at() from None
        finally:
            await guard.close()

    async def _fetch(
        self,
        guard: "_Closing",
        url: str,
        headers: Mapping[str, str],
        places: contextlib.AsyncExitStack,
        clock: asyncio.Timeout,
        seconds: float,
        etag: str | None,
    ) -> Document:
        where, host = _where(url)
        sent = [("host", host), ("user-agent", _USER_AGENT), ("accept-encoding", "gzip, deflate")]
        sent += [("accept", "*/*"), *headers.items()]
        if etag is not None:
            sent.append(("if-none-match", etag))
        limits = {"connect": min(CONNECT, seconds), "read": seconds, "write": seconds}
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self.tls, network_backend=guard, max_connections=1, http2=False
            ) as connection,
            connection.stream("GET", where, headers=sent, extensions={"timeout": limits}) as answer,
        ):
            said = {name.lower(): value for name, value in answer.headers}
            if answer.status == NOT_MODIFIED and etag is not None:
                return Document(None, etag)
            require_status(answer.status)
            unpack = _Unpacking(said.get(b"content-encoding", b""), self._limit)
            declared = said.get(b"content-length", b"0")
            if declared.isdigit() and int(declared[:18]) > self._limit:
                raise SOURCE_TOO_LARGE.at(limit_mb=self._limit // _MB)
            content = bytearray()
            big = False
            async for part in answer.aiter_stream():
                content += unpack(part)
                if len(content) > BIG and not big:
                    big = True
                    await self._place(places, clock)
            content += unpack.rest()
        body = bytes(content)
        require_document(body, said.get(b"content-type", b"").decode("latin-1"))
        new = said.get(b"etag", b"").decode("latin-1")
        sendable = 0 < len(new) <= LONGEST_ETAG and new.isascii() and new.isprintable()
        return Document(body, new if sendable else None)

    async def _place(self, places: contextlib.AsyncExitStack, clock: asyncio.Timeout) -> None:
        """A place among the big ones; for how long it is waited for is not the source's fault."""
        now = asyncio.get_running_loop().time
        left = (clock.when() or now()) - now()
        clock.reschedule(None)
        await places.enter_async_context(self._big)
        clock.reschedule(now() + left)


class _Closing(httpcore.AsyncNetworkBackend):
    """Closes what was opened, however a fetch ends: httpcore leaves a connection open whose TLS handshake is
    cut short by a timeout."""

    def __init__(self, guard: Checked) -> None:
        self._guard = guard
        self._opened: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        stream = await self._guard.connect_tcp(*args, **kwargs)
        self._opened.append(stream)
        return stream

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return await self._guard.connect_unix_socket(*args, **kwargs)

    async def sleep(self, seconds: float) -> None:
        await self._guard.sleep(seconds)

    async def close(self) -> None:
        for stream in self._opened:
            with contextlib.suppress(httpcore.NetworkError, OSError):
                await stream.aclose()


class _Unpacking:
    """Unpacks an answer as it comes, and stops at the limit: of what comes, and of what it unpacks to."""

    def __init__(self, encoding: bytes, limit: int) -> None:
        named = encoding.strip().lower()
        if named not in {b"", b"identity", b"gzip", b"x-gzip", b"deflate"}:
            raise SOURCE_ENCODING.at()
        self._packed = None if named in {b"", b"identity"} else zlib.decompressobj(wbits=47)
        self._limit = limit
        self._came = self._unpacked = 0

    def __call__(self, part: bytes) -> bytes:
        self._came += len(part)
        if self._came > self._limit:
            raise SOURCE_TOO_LARGE.at(limit_mb=self._limit // _MB)
        if self._packed is None:
            return part
        return self._counted(part)

    def _counted(self, part: bytes) -> bytes:
        assert self._packed is not None  # noqa: S101  for the type checker
        try:
            plain = self._packed.decompress(part, self._limit - self._unpacked + 1)
        except zlib.error:
            raise SOURCE_ENCODING.at() from None
        self._unpacked += len(plain)
        if self._unpacked > self._limit or self._packed.unconsumed_tail:
            raise SOURCE_UNPACKS_TOO_LARGE.at(limit_mb=self._limit // _MB)
        if self._packed.unused_data:
            raise SOURCE_ENCODING.at()  # a second part after the end: left out, its rows would be lost unseen
        return plain

    def rest(self) -> bytes:
        """Nothing is left once an answer was whole; what was cut off is damaged."""
        if self._packed is not None and self._came and not self._packed.eof:
            raise SOURCE_ENCODING.at()
        return b""


def require_status(status: int) -> None:
    """Only 200 is a document; 206 would be a part of one."""
    if status == 200:
        return
    if status in {401, 403}:
        raise SOURCE_UNAUTHORIZED.at()
    if 300 <= status < 400:
        raise SOURCE_REDIRECT.at(status=status)
    if status == 204:
        raise SOURCE_EMPTY.at()
    raise SOURCE_STATUS.at(status=status)


def require_document(content: bytes, content_type: str) -> None:
    """Something, and no web page: whatever the server calls it, the first bytes tell."""
    start = content[:1_000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start and not content.strip():
        raise SOURCE_EMPTY.at()
    page = start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<meta"))
    if page or (content_type.lower().startswith(("text/html", "application/xhtml")) and start[:1] == b"<"):
        raise SOURCE_HTML.at()


def refused_by_guard(error: NotDelivered) -> Refused:
    known = {
        Failure.NAME_UNKNOWN: SOURCE_NAME_UNKNOWN,
        Failure.ADDRESS_NOT_PUBLIC: SOURCE_ADDRESS_NOT_ALLOWED,
    }
    return known.get(error.failure, SOURCE_NO_CONNECTION).at()


def of_tls(error: BaseException) -> bool:
    return isinstance(error.__cause__, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError)


def _where(url: str) -> tuple[httpcore.URL, str]:
    """The URL in the parts that were checked when it was set, and the Host header."""
    parsed = httpx.URL(url)
    where = httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
    )
    return where, parsed.netloc.decode("ascii")
