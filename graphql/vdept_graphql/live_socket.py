"""Subscriptions over a websocket: the protocol ``graphql-transport-ws``, and what a connection may do.

A connection says who it is in its first message, ``connection_init`` with ``{"authorization": "Bearer …"}``,
or comes from a browser with our cookie, and then from our own page. It is looked at again before everything
that is told and at least every ``RECHECK`` seconds, and ends when that is worth nothing any more. Queries and
mutations are for HTTP. What is asked passes the same limits, costs and scopes as over HTTP.
"""

import asyncio
import contextlib
import time
from collections import Counter
from typing import Any

import msgspec
import structlog
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from vdept.kernel.clock import utc_now
from vdept_graphql.addresses import client_address
from vdept_graphql.authentication import Authentication, HeldUp, Unauthenticated, bearer
from vdept_graphql.budget import Budget, purse
from vdept_graphql.context import Context
from vdept_graphql.cookies import sid_of
from vdept_graphql.csrf import same_origin
from vdept_graphql.engine import Engine
from vdept_graphql.errors import incident
from vdept_graphql.failures import Credential, CredentialKind
from vdept_graphql.http import UNREACHABLE, locale_of
from vdept_graphql.live import Live
from vdept_graphql.live_connection import Closed, Connection
from vdept_graphql.live_operations import Operations
from vdept_graphql.services import Services

log = structlog.get_logger("vdept.live")

PROTOCOL = "graphql-transport-ws"
PATIENCE = 5.0
"""Seconds in which a connection must have said who it is."""
RECHECK = 50.0
"""Seconds after which it is looked at again."""
UNCHECKED = 60.0
"""Seconds that a connection lives on while it cannot be looked at."""
LONGEST = 100_000
"""Characters of a message."""
CONNECTIONS = 10
"""That one person may have to one process."""
EVERYBODYS = 5_000
"""That all together may have to one process."""


class Message(msgspec.Struct):
    """Of the client."""

    type: str
    id: str | None = None
    payload: Any = None


_read = msgspec.json.Decoder(Message).decode


class LiveSocket:
    """Serves the websockets of one process."""

    def __init__(
        self,
        engine: Engine,
        services: Services,
        authentication: Authentication,
        budget: Budget,
        *,
        live: Live,
        recheck: float = RECHECK,
        patience: float = PATIENCE,
    ) -> None:
        self.engine = engine
        self.services = services
        self.authentication = authentication
        self.budget = budget
        self.live = live
        self.recheck = recheck
        self.patience = patience
        self.open = 0
        self.connected: Counter[str] = Counter()

    async def __call__(self, socket: WebSocket[Any, Any, Any]) -> None:
        it = Connection(socket, named=locale_of(socket.headers.get("accept-language")))
        offered = [each.strip() for each in socket.headers.get("sec-websocket-protocol", "").split(",")]
        self.open += 1
        started, closed = time.monotonic(), Closed(1000, "")
        try:
            await socket.accept(PROTOCOL if PROTOCOL in offered else None)
            if PROTOCOL not in offered:
                raise Closed(4406, "Subprotocol not acceptable: offer graphql-transport-ws")
            if self.open > EVERYBODYS:
                raise Closed(1013, "Too many connections: try again later")
            await self._serve(it)
        except Closed as reason:
            closed = reason
        except WebSocketDisconnect as gone:
            closed = Closed(gone.code, "gone")
        except Exception as error:  # noqa: BLE001  masked: nobody outside sees a stack trace
            incident(error, actor=None if it.caller is None else it.caller.actor.key)
            closed = Closed(1011, "Internal error")
        finally:
            self.open -= 1
        if closed.reason != "gone":
            with contextlib.suppress(Exception):
                await socket.close(closed.code, closed.reason)
        actor = None if it.caller is None else it.caller.actor.key
        log.info("live", actor=actor, code=closed.code, seconds=round(time.monotonic() - started, 1))

    async def _serve(self, it: Connection) -> None:
        """From the first message to the last."""
        try:
            async with asyncio.timeout(self.patience):
                first = await self._receive(it)
        except TimeoutError:
            raise Closed(4408, "Connection initialisation timeout") from None
        if first.type != "connection_init":
            raise Closed(4401, "Unauthorized")
        await self._sign_in(it, first.payload)
        caller = it.caller
        assert caller is not None  # noqa: S101  signing in found somebody, or ended the connection
        key = purse(caller.actor)
        if self.connected[key] >= CONNECTIONS:
            raise Closed(4429, f"Too many connections: at most {CONNECTIONS}")
        self.connected[key] += 1
        operations = Operations(self, it)
        tasks = [asyncio.create_task(self._read_on(it, operations)), asyncio.create_task(self._watch(it))]
        try:
            await it.send({"type": "connection_ack"})
            ended, _ = await asyncio.wait([*tasks, operations.failed], return_when=asyncio.FIRST_COMPLETED)
            ended.pop().result()
        finally:
            self.connected[key] -= 1
            if not self.connected[key]:
                del self.connected[key]
            for task in tasks:
                task.cancel()
            await operations.close()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_on(self, it: Connection, operations: Operations) -> None:
        while True:
            message = await self._receive(it)
            match message.type:
                case "subscribe":
                    await operations.start(message.id, message.payload)
                case "complete":
                    operations.stop(message.id)
                case "ping":
                    await it.send({"type": "pong"})
                case "pong":
                    pass
                case "connection_init":
                    raise Closed(4429, "Too many initialisation requests")
                case _:
                    raise Closed(4400, "Unknown message type")

    async def _receive(self, it: Connection) -> Message:
        event: Any = await it.socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(detail="gone", code=event.get("code") or 1005)
        it.count()
        text = event.get("text")
        if not isinstance(text, str):
            raise Closed(4400, "Send text")
        if len(text) > LONGEST:
            raise Closed(1009, "Message too big")
        try:
            return _read(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise Closed(4400, "Not a message of this protocol") from None

    # -- who is there ------------------------------------------------------------------------------------

    async def _sign_in(self, it: Connection, payload: Any) -> None:
        if payload is not None and not isinstance(payload, dict):
            raise Closed(4400, "Invalid connection init payload")
        it.credential = self._shown(it.socket, payload or {})
        address = client_address(it.socket, self.services.settings)
        context = self.context(it)
        try:
            async with context.reading() as tx:
                it.caller = await self.authentication.recognise(tx, it.credential, address)
        except (Unauthenticated, HeldUp):
            raise Closed(4401, "Unauthorized") from None
        except UNREACHABLE:
            raise Closed(1013, "Try again later") from None
        finally:
            await context.close()
        it.checked = time.monotonic()

    def _shown(self, socket: WebSocket[Any, Any, Any], payload: dict[str, Any]) -> Credential:
        """A bearer token of the first message or of the headers; or else the cookie, from our own page."""
        said = payload.get("authorization")
        given = socket.headers.getall("authorization", [])
        if said is not None or given:
            token = bearer([said] if isinstance(said, str) else given if said is None else [])
            if token is None:
                raise Closed(4401, "Unauthorized")
            return Credential(CredentialKind.BEARER, token)
        sid = sid_of(socket, self.services.settings)
        if sid is None:
            raise Closed(4401, "Unauthorized")
        origins, sites = (socket.headers.getall(name, []) for name in ("origin", "sec-fetch-site"))
        if not same_origin(origins, sites, self.services.settings.issuer):
            raise Closed(4403, "Forbidden: not from a page of this platform")
        return Credential(CredentialKind.COOKIE, sid)

    async def _watch(self, it: Connection) -> None:
        """Look again at who is there while nothing happens."""
        while True:
            await asyncio.sleep(max(it.checked + self.recheck - time.monotonic(), self.recheck / 10))
            if time.monotonic() - it.checked < self.recheck:
                continue
            context = self.context(it)
            try:
                await self.recognise_again(it, context)
            except UNREACHABLE:
                if time.monotonic() - it.checked > UNCHECKED:
                    raise Closed(1013, "Try again later") from None
            finally:
                await context.close()

    async def recognise_again(self, it: Connection, context: Context) -> None:
        """Who is there now, in ``context``; raises Closed if nobody is any more."""
        assert it.credential is not None  # noqa: S101  it has signed in
        async with context.reading() as tx:
            caller = await self.authentication.still(tx, it.credential)
        if caller is None:
            raise Closed(4401, "Unauthorized: what you showed is not valid any more")
        it.caller, it.checked = caller, time.monotonic()
        context.locale = it.locale
        await context.act_as(caller.actor)

    def context(self, it: Connection) -> Context:
        """For one look at the data."""
        context = Context(self.services.database, utc_now(), it.locale)
        context.sessions, context.services = self.authentication.sessions, self.services
        context.live = self.live
        return context
