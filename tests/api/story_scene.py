"""Where the story happens: the real registry, a server and a worker as an operator runs them.

What happened months ago is told to the same application with its clock put back; everything of today goes to
the server's own process over TCP. Nobody refreshes anything: the worker does.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lifeline import held
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept.units.models import Unit
from vdept.units.registry import load_registry
from vdept_graphql.app import create_app
from vdept_graphql.ids import encode
from vdept_workers import operations
from vdept_workers.demo.people import PERSONAS, SYSTEM, Cast, load_people
from vdept_workers.demo.season import instant

DOCUMENT = (Path(__file__).parents[2] / "graphql" / "operations" / "story.graphql").read_text("utf-8")
PATIENCE = 15.0
"""Seconds within which the worker must have rolled up."""


@dataclass
class Teller:
    """Sends the operations of ``story.graphql`` as the people of the story, today or on a day gone by."""

    cast: Cast
    here: httpx.AsyncClient
    back_then: httpx.AsyncClient
    clock: list[datetime]
    today: date = field(default_factory=lambda: local_date(utc_now()))
    tokens: dict[str, str] = field(default_factory=dict)

    def unit(self, code: str) -> str:
        """The global id of the unit with this code."""
        return encode("Unit", self.cast.unit(code))

    def person(self, email: str) -> str:
        return encode("Person", self.cast.person(email))

    def ids(self, units: list[Unit]) -> list[str]:
        return [encode("Unit", unit.id) for unit in units]

    def day(self, days: int) -> date:
        return self.today + timedelta(days=days)

    async def ask(
        self, who: str, operation: str, variables: dict[str, Any], *, on: date | None = None
    ) -> dict[str, Any]:
        """The data of one operation, asked by ``who``."""
        if who not in self.tokens:
            self.tokens[who] = await operations.mint(
                self.cast.database, who, label="story", ttl=timedelta(hours=1)
            )
        client = self.here
        if on is not None and on < self.today:
            self.clock[:] = [instant(on)]
            client = self.back_then
        answer = await client.post(
            "/graphql",
            json={"query": DOCUMENT, "operationName": operation, "variables": variables},
            headers={"authorization": f"Bearer {self.tokens[who]}", "accept-language": "en"},
        )
        body: dict[str, Any] = answer.json()
        assert answer.status_code == 200, body
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    async def do(self, who: str, operation: str, *, on: date | None = None, **given: Any) -> dict[str, Any]:
        """The payload of a mutation that must succeed."""
        (payload,) = (await self.ask(who, operation, {"input": given}, on=on)).values()
        assert payload.pop("errors") == []
        assert isinstance(payload, dict)
        return payload

    async def refused(self, who: str, operation: str, *, on: date | None = None, **given: Any) -> list[str]:
        """The codes with which a mutation is refused, and nothing else in its payload."""
        (payload,) = (await self.ask(who, operation, {"input": given}, on=on)).values()
        errors = payload.pop("errors")
        assert not any(payload.values())
        return [error["code"] for error in errors]

    async def eventually(
        self, who: str, operation: str, variables: dict[str, Any], holds: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """The answer of a query once it ``holds``; what it was last, if it never does."""
        deadline = time.monotonic() + PATIENCE
        while True:
            data = await self.ask(who, operation, variables)
            if holds(data):
                return data
            assert time.monotonic() < deadline, data
            await asyncio.sleep(0.1)


async def soon(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until ``holds``; fails when it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not await holds():
        assert time.monotonic() < deadline, f"still not so after {PATIENCE} s"
        await asyncio.sleep(0.1)


@contextmanager
def process(*command: str, **environment: str) -> Iterator[None]:
    """A ``vdept`` command in a process of its own, ended with the block."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VDEPT_")}
    running = subprocess.Popen(
        [sys.executable, "-m", "vdept_workers", *command], **held({**kept, **environment})
    )
    try:
        yield
    finally:
        running.terminate()
        assert running.wait(20) == 0


@asynccontextmanager
async def serving(database_url: str, redis_url: str) -> AsyncIterator[str]:
    """Server and worker on this database; the address once both work."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    servers = {"VDEPT_DATABASE_URL": database_url, "VDEPT_REDIS_URL": redis_url}
    url = f"http://127.0.0.1:{port}"
    with process("worker", **servers), process("serve", VDEPT_PORT=str(port), **servers):
        await _ready(url)
        yield url


async def _ready(url: str) -> None:
    deadline = time.monotonic() + 60
    async with httpx.AsyncClient(base_url=url) as http:
        while True:
            try:
                if (await http.get("/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the server did not become ready"
            await asyncio.sleep(0.1)


@asynccontextmanager
async def telling(db: Database, url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Teller]:
    """The real registry with the people of the story, and somebody to speak for them."""
    async with db.begin(SYSTEM) as tx:
        await load_registry(tx)
    cast = await load_people(db)
    assert set(cast.persons) > {persona.email for persona in PERSONAS}
    clock = [utc_now()]
    monkeypatch.setattr("vdept_graphql.http.utc_now", lambda: clock[0])
    past = httpx.ASGITransport(app=create_app(Settings(), db))  # type: ignore[arg-type]
    async with (
        httpx.AsyncClient(base_url=url) as here,
        httpx.AsyncClient(transport=past, base_url="http://past") as back_then,
    ):
        yield Teller(cast, here, back_then, clock)
