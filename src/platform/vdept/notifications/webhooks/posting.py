"""Sending one webhook: to an address that was looked up and checked here, and to no other.

The name is resolved once for each connection, every address it leads to must be one that may be reached, and
the connection goes to exactly that address (a name that answers differently the second time, DNS rebinding,
is not asked a second time), while TLS and the Host header go by the name. No redirect is followed, no proxy
of the environment used, and of the answer no more than its beginning is read.
"""

import asyncio
import contextlib
import socket
import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, NamedTuple, TypeAlias

import httpcore
import httpx

from vdept.kernel.settings import Network
from vdept.notifications.webhooks.addresses import Address, may_reach
from vdept.notifications.webhooks.rules import Failure

CONNECT = 5.0
TOTAL = 10.0
"""Seconds for the whole of one attempt, from looking up the name on, however slowly bytes drip in."""
AFTERWARDS = 1.0
"""Seconds for what follows the status and headers: they have said it all."""
READ = 4_096
"""Bytes read of an answer's body, so that the connection can be used again; nothing is kept of them."""
TRIED = 3
"""Addresses of one name that are tried in turn."""
POOLS = 256
IDLE = 30.0
"""Seconds after which a connection that nothing was sent over is closed."""

Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[Address]]]


class Answer(NamedTuple):
    """What an endpoint answered with."""

    status: int
    retry_after: str | None


class NotDelivered(Exception):
    """The attempt failed before there was an answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class Resolver:
    """Asks the system's resolver, in threads of its own: names that hang hold up nothing else.

    However many deliveries wait for a name, it is asked for once at a time.
    """

    def __init__(self, threads: int = 16) -> None:
        self._threads = ThreadPoolExecutor(threads, "webhook-names")
        self._asked: dict[str, asyncio.Future[list[Address]]] = {}

    async def __call__(self, host: str) -> Sequence[Address]:
        asked = self._asked.get(host)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _addresses_of, host)
            self._asked[host] = asked
            asked.add_done_callback(lambda _: self._asked.pop(host, None))
        return await asyncio.shield(asked)


def _addresses_of(host: str) -> list[Address]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(where[4][0]) for where in found))


class Checked(httpcore.AsyncNetworkBackend):
    """Connects to a name only by an address that has been checked; one bad address spoils the name."""

    def __init__(self, networks: Iterable[Network], resolve: Resolve) -> None:
        self._networks = tuple(networks)
        self._resolve = resolve
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(await self.addresses(host), port, local_address, socket_options)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None

    async def addresses(self, host: str) -> Sequence[Address]:
        """Where ``host`` is; raises NotDelivered unless all of it may be reached."""
        try:
            found: Sequence[Address] = [ip_address(host)]
        except ValueError:
            try:
                found = await self._resolve(host)
            except (OSError, UnicodeError, ValueError):
                raise NotDelivered(Failure.NAME_UNKNOWN) from None
        if not found:
            raise NotDelivered(Failure.NAME_UNKNOWN)
        if not all(may_reach(address, self._networks) for address in found):
            raise NotDelivered(Failure.ADDRESS_NOT_PUBLIC)
        return found

    async def _connect(
        self,
        addresses: Sequence[Address],
        port: int,
        local_address: str | None,
        socket_options: Iterable[Any] | None,
    ) -> httpcore.AsyncNetworkStream:
        failed: httpcore.ConnectError | None = None
        for address in addresses[:TRIED]:
            try:
                return await self._plain.connect_tcp(
                    str(address), port, local_address=local_address, socket_options=socket_options
                )
            except httpcore.ConnectError as error:
                failed = error
        raise failed or httpcore.ConnectError

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """No endpoint is a file of ours."""
        raise NotDelivered(Failure.ADDRESS_NOT_PUBLIC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def trusted() -> ssl.SSLContext:
    """Certificates of the system and of the public authorities; a province may have its own among them."""
    context = httpcore.default_ssl_context()
    context.load_default_certs()
    return context


class Post:
    """Posts to endpoints and keeps connections to them, a few for each server."""

    def __init__(
        self,
        networks: Iterable[Network] = (),
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        total: float = TOTAL,
    ) -> None:
        self._backend = Checked(networks, resolve or Resolver())
        self._tls = tls or trusted()
        self._total = total
        self._pools: OrderedDict[tuple[bytes, bytes, int], _Pool] = OrderedDict()

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send ``body``; raises NotDelivered when nothing answered in time."""
        try:
            async with asyncio.timeout(self._total):
                return await self._post(url, headers, body)
        except (TimeoutError, httpcore.TimeoutException):
            raise NotDelivered(Failure.TIMEOUT) from None
        except httpcore.NetworkError as error:
            tls = isinstance(error.__cause__, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError)
            raise NotDelivered(Failure.CERTIFICATE if tls else Failure.NO_CONNECTION) from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            raise NotDelivered(Failure.BROKEN_ANSWER) from None

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        where, host = _where(url)
        pool = self._pool(where.origin)
        pool.users += 1
        try:
            async with pool.connections.stream(
                "POST",
                where,
                headers=[("host", host), *headers.items()],
                content=body,
                extensions={"timeout": {"connect": CONNECT, "read": self._total, "write": self._total}},
            ) as response:
                asked = next(
                    (value for name, value in response.headers if name.lower() == b"retry-after"), b""
                )
                with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
                    async with asyncio.timeout(AFTERWARDS):
                        await _read(response)
                return Answer(response.status, asked.decode("latin-1") or None)
        finally:
            pool.users -= 1
            pool.used_at = asyncio.get_running_loop().time()

    def _pool(self, origin: httpcore.Origin) -> "_Pool":
        key = (origin.scheme, origin.host, origin.port)
        pool = self._pools.pop(key, None)
        if pool is None:
            pool = _Pool(
                httpcore.AsyncConnectionPool(
                    ssl_context=self._tls,
                    network_backend=self._backend,
                    max_connections=None,
                    max_keepalive_connections=16,
                    keepalive_expiry=IDLE,
                    http2=False,
                )
            )
        self._pools[key] = pool
        return pool

    async def tidy(self) -> None:
        """Close the connections that have not been used for a while, and the oldest of too many."""
        now = asyncio.get_running_loop().time()
        for place, (key, pool) in enumerate(list(self._pools.items())):
            crowded = place < len(self._pools) - POOLS
            if pool.users == 0 and (crowded or now - pool.used_at > IDLE):
                del self._pools[key]
                await pool.connections.aclose()

    async def close(self) -> None:
        while self._pools:
            await self._pools.popitem()[1].connections.aclose()


class _Pool:
    """The connections to one server, and how many deliveries use them now."""

    def __init__(self, connections: httpcore.AsyncConnectionPool) -> None:
        self.connections = connections
        self.users = 0
        self.used_at = 0.0


async def _read(response: httpcore.Response) -> None:
    read = 0
    async for part in response.aiter_stream():
        read += len(part)
        if read > READ:
            return


@lru_cache(maxsize=4_096)
def _where(url: str) -> tuple[httpcore.URL, str]:
    """The URL in the parts that were checked when it was registered, and the Host header."""
    parsed = httpx.URL(url)
    where = httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
    )
    return where, parsed.netloc.decode("ascii")
