"""The API as it runs in production, in a process of its own, and a client that adds next to nothing."""

import asyncio
import contextlib
import multiprocessing
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from litestar import Litestar

from bench.servers import SYSTEM
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database, Tx
from vdept.kernel.embedded import EmbeddedServers
from vdept.people.actors import actor_for
from vdept.people.models import Membership, Person
from vdept.people.tokens import mint_token

Extend = Callable[[Litestar, Database], None]
"""Adds to the application what only the benchmark asks of it."""


def serve(sock: socket.socket, database_url: str, redis_url: str, extend: Extend | None) -> None:
    """The body of the server process: what ``vdept serve`` runs, with ``extend``'s routes beside it."""
    from uvicorn import Config, Server

    from vdept.kernel.settings import Settings
    from vdept_graphql.app import create_app
    from vdept_workers import logs
    from vdept_workers.doorbell import Doorbell, open_redis
    from vdept_workers.serving import collect_rarely

    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        log_json=True,
        secret_key="b" * 64,
        budget_points=10**9,
    )
    logs.configure(settings)
    redis = open_redis(redis_url)
    database = Database(database_url, pool_size=settings.pool_size, on_commit=Doorbell(redis))
    app = create_app(settings, database, redis)
    if extend is not None:
        extend(app, database)
    with Path(os.devnull).open("w") as nowhere:  # the log is written as in production, but nobody reads it
        os.dup2(nowhere.fileno(), 2)
    collect_rarely()
    config = Config(
        app,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=600,
    )
    Server(config).run(sockets=[sock])


class Client:
    """One kept-alive connection. Its calls block: nothing else runs in a benchmark's process meanwhile."""

    def __init__(self, port: int, token: str) -> None:
        self.http = HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "accept": "application/graphql-response+json",
        }

    def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer; anything but 200 is an error of the benchmark."""
        self.http.request("POST", path, body, self.headers)
        answer = self.http.getresponse()
        content = answer.read()
        assert answer.status == 200, (answer.status, content[:500])
        return content

    def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of one operation, which must succeed."""
        answer = msgspec.json.decode(self.post("/graphql", operation(query, variables)))
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])


def operation(query: str, variables: dict[str, Any]) -> bytes:
    """The body of a request."""
    return msgspec.json.encode({"query": query, "variables": variables})


@asynccontextmanager
async def running(
    servers: EmbeddedServers, token: str, extend: Extend | None = None
) -> AsyncIterator[Client]:
    """The API on ``servers``; stopped at the end."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(sock, servers.database_url, servers.redis_url, extend), daemon=True
        )
        process.start()
        client = Client(sock.getsockname()[1], token)
        try:
            while True:
                assert process.is_alive(), "the API did not start"
                with contextlib.suppress(AssertionError, OSError):
                    client.http.request("GET", "/health/ready")
                    if client.http.getresponse().read() and client.ask("{ __typename }", {}):
                        break
                client.http.close()
                await asyncio.sleep(0.1)
            yield client
        finally:
            client.http.close()
            process.terminate()
            process.join(10)


async def official(database: Database, unit_id: int, role: Role = Role.HEAD) -> tuple[Actor, str]:
    """Somebody who holds ``role`` in a unit, and their token."""
    async with database.begin(SYSTEM) as tx:
        person = Person(name="Nguyễn Văn Đo", email=f"do{unit_id}@example.vn", sort_key="do", search="do")
        tx.session.add(person)
        await tx.session.flush()
        tx.session.add(Membership(person_id=person.id, unit_id=unit_id, role=role, starts_on=tx.today))
        await tx.session.flush()
        token = await mint_token(tx, person, label="bench", ttl=timedelta(days=1))
        return await actor_for(tx.session, person, tx.today), token


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    """The statements that the database receives meanwhile."""
    statements: list[str] = []

    def seen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = database.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", seen)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", seen)


@asynccontextmanager
async def request(database: Database, actor: Actor) -> AsyncIterator[Tx]:
    """What a read request opens: one snapshot."""
    async with database.snapshot(actor, now=utc_now()) as tx:
        yield tx
