"""A real server with websockets, and a client that speaks ``graphql-transport-ws``."""

import asyncio
import contextlib
import hashlib
import json
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import redis.asyncio
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from api.oidc.forger import soon
from factories import SYSTEM
from inbox_scene import Inbox
from vdept.identity.sessions import Session, Sessions
from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept.people.models import AccessToken
from vdept_graphql import live, live_socket
from vdept_graphql.app import create_app
from vdept_graphql.ids import encode
from vdept_workers.doorbell import Doorbell, open_redis
from vdept_workers.serving import websocket_options

ISSUER = "http://platform.test"
CHANGES = "subscription { inboxChanged { notification { id message readAt } unreadCount { total } } }"


@dataclass
class Told:
    """An event as a client reads it."""

    id: str | None
    unread: int
    message: str | None = None


@dataclass
class Line:
    """One websocket of a client."""

    socket: ClientConnection

    async def say(self, type_: str, **more: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **more}))

    async def hear(self, seconds: float = 5) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(seconds):
            said: dict[str, Any] = json.loads(await self.socket.recv())
        return said

    async def silent(self, seconds: float = 0.4) -> bool:
        """Whether nothing comes for so long."""
        try:
            said = await self.hear(seconds)
        except TimeoutError:
            return True
        raise AssertionError(said)

    async def closed(self, seconds: float = 5) -> tuple[int, str]:
        """Code and reason with which the server ends the line; whatever it says before is let go."""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code or 0, self.socket.close_reason or ""

    async def sign_in(self, token: str | None = None) -> None:
        given = {} if token is None else {"payload": {"authorization": f"Bearer {token}"}}
        await self.say("connection_init", **given)
        assert await self.hear() == {"type": "connection_ack"}

    async def subscribe(self, query: str = CHANGES, name: str = "1", **more: Any) -> None:
        await self.say("subscribe", id=name, payload={"query": query, **more})

    async def change(self, name: str = "1") -> Told:
        """The next event, which must be one."""
        said = await self.hear()
        assert (said["type"], said["id"]) == ("next", name), said
        assert "errors" not in said["payload"], said
        found = said["payload"]["data"]["inboxChanged"]
        one = found["notification"] or {"id": None, "message": None}
        return Told(one["id"], found["unreadCount"]["total"], one["message"])

    async def begin(self, token: str) -> Told:
        """Sign in and subscribe; the first event."""
        await self.sign_in(token)
        await self.subscribe()
        return await self.change()

    async def refused(self, query: str, **more: Any) -> list[str]:
        """The codes with which what is asked for is refused."""
        await self.subscribe(query, **more)
        said = await self.hear()
        assert said["type"] == "error", said
        return [error["extensions"]["code"] for error in said["payload"]]


@dataclass
class Served(Inbox):
    """The inboxes behind a real server."""

    url: str = ""
    settings: Settings = field(default_factory=Settings)
    server: live_socket.LiveSocket = None  # type: ignore[assignment]
    redis: Any = None

    async def token(self, who: Actor, lasting: timedelta = timedelta(days=1)) -> str:
        token = secrets.token_urlsafe(24)
        async with self.db.begin(SYSTEM) as tx:
            row = AccessToken(
                person_id=who.person_id,
                digest=hashlib.sha256(token.encode()).digest(),
                label="test",
                created_at=utc_now(),
                expires_at=utc_now() + lasting,
            )
            tx.session.add(row)
        return token

    async def session(self, who: Actor) -> Session:
        sessions = Sessions.of(self.settings, self.redis)
        return await sessions.start(who.person_id or 0, utc_now(), method="link")

    @asynccontextmanager
    async def line(
        self, *, protocol: str = "graphql-transport-ws", origin: Any = None, **headers: str
    ) -> AsyncIterator[Line]:
        sent = {"accept-language": "en", **{name.replace("_", "-"): text for name, text in headers.items()}}
        async with connect(
            self.url,
            subprotocols=[Subprotocol(protocol)],
            additional_headers=sent,
            origin=origin,
            proxy=None,
            max_size=None,
            close_timeout=1,
        ) as socket_:
            yield Line(socket_)

    def global_id(self, number: int) -> str:
        return encode("Notification", number)


@asynccontextmanager
async def serving(
    box: Inbox, database: Database, redis_url: str, *, poll: float = 30.0, recheck: float = 30.0, **more: Any
) -> AsyncIterator[Served]:
    """The application on a real port, rung by the doorbell of every process of the platform."""
    bell = open_redis(redis_url)
    client = redis.asyncio.from_url(redis_url)
    doorbell = Doorbell(bell)
    box.db.on_commit = database.on_commit = doorbell
    settings = Settings(public_url=ISSUER, **more)
    app = create_app(settings, database, client, live_poll=poll, live_recheck=recheck)
    here = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
        **websocket_options(),
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve(sockets=[here]))
    await soon(lambda: server.started)
    url = f"ws://127.0.0.1:{here.getsockname()[1]}/graphql"
    served = Served(box.db, box.unit, box.lan, box.minh, url=url, settings=settings, redis=client)
    served.server = app.state.live
    try:
        yield served
    finally:
        server.should_exit = True
        await running
        here.close()
        await doorbell.close()
        await bell.aclose()
        await client.aclose()


__all__ = ["CHANGES", "ISSUER", "Line", "Served", "Told", "live", "serving"]
