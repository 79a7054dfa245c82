"""``vdept up``: the embedded servers, the API and the worker as one process tree.

The supervisor alone answers signals: its children have their own session and are asked to end by it. A
pipe tells them when it is gone without having asked.
"""

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import click

from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept_workers import demo, operations, serving
from vdept_workers.demo.people import HUE_HEAD
from vdept_workers.runtime import (
    LIFELINE,
    Addresses,
    Failure,
    Stopped,
    make_was_interrupted,
    migrated,
    say,
    servers,
)
from vdept_workers.sign_in import sign_in_address

PATIENCE = 8.0
"""Seconds for a child to end by itself."""

HEALTHY = 10.0
"""A child that lived this long is started again at once; one that did not, after a pause."""

GIVE_UP = 5
"""Short lives in a row after which the whole tree ends."""


class Child:
    """One process that is kept running."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], lifeline: int) -> None:
        self.name = name
        self._command, self._environment, self._lifeline = command, environment, lifeline
        self._failures, self._due = 0, 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vdept_workers", *self._command],
            env=self._environment,
            pass_fds=[self._lifeline],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._started = time.monotonic()

    def look_after(self) -> None:
        """Start it again if it has ended; give up when it keeps ending."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            code, self._process = self._process.returncode, None
            self._failures = 1 if now - self._started > HEALTHY else self._failures + 1
            if self._failures >= GIVE_UP:
                msg = f"The {self.name} ended {GIVE_UP} times in a row: its own message stands above."
                raise Failure(msg)
            say(f"the {self.name} ended with exit code {code}; starting it again")
            self._due = now + 0.5 * 2**self._failures
        if self._process is None and now >= self._due:
            self.start()

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, deadline: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def run(settings: Settings, *, with_demo: bool) -> None:
    """Bring everything up, say where it is, and keep it running until asked to end."""
    serving.listen(settings.host, settings.port).close()
    with servers(settings) as addresses:
        migrated(addresses.database_url, embedded=not settings.database_url)
        tokens, tries = asyncio.run(_prepare(settings, addresses)) if with_demo else ([], [])
        reading, writing = os.pipe()
        environment = {
            **os.environ,
            "VDEPT_DATABASE_URL": addresses.database_url,
            "VDEPT_REDIS_URL": addresses.redis_url,
            LIFELINE: str(reading),
        }
        children = [Child(name, [name], environment, reading) for name in ("worker", "serve")]
        try:
            for child in children:
                child.start()
            _when_ready(settings, children)
            link = asyncio.run(_sign_in_link(settings, addresses)) if with_demo else None
            _announce(settings, tokens, tries, link)
            while not make_was_interrupted():
                time.sleep(0.2)
                for child in children:
                    child.look_after()
        except Stopped:
            pass
        finally:
            say("stopping")
            for child in children:
                child.ask_to_end()
            deadline = time.monotonic() + PATIENCE
            for child in children:
                child.wait(deadline)
            os.close(writing)
            os.close(reading)
    say("stopped")


Tokens = list[tuple[demo.Persona, str]]


async def _prepare(settings: Settings, addresses: Addresses) -> tuple[Tokens, list[demo.Try]]:
    """Load the demo, mint a token for each of its personas, and say what they can try."""
    say("loading the demonstration data")
    database = Database(addresses.database_url, pool_size=4)
    try:
        tokens = [
            (persona, await operations.mint(database, persona.email, label="make run", ttl=timedelta(days=7)))
            for persona in await demo.load_demo(database)
        ]
        by_email = {persona.email: token for persona, token in tokens}
        tries = await demo.things_to_try(database, f"{settings.issuer}/graphql", by_email)
        return tokens, [*tries, await demo.as_a_program(database, settings.issuer)]
    finally:
        await database.close()


async def _sign_in_link(settings: Settings, addresses: Addresses) -> str:
    """A one-time link that signs a browser in as the head of the demonstration's province."""
    database = Database(addresses.database_url, pool_size=2)
    try:
        return await sign_in_address(database, HUE_HEAD, settings)
    finally:
        await database.close()


def _here(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _when_ready(settings: Settings, children: list[Child]) -> None:
    """Wait until the API, the database and Redis serve."""
    say("starting the API and the worker")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in children:
            child.look_after()
        connection = http.client.HTTPConnection(_here(settings.host), settings.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    msg = "The API is not ready after 60 seconds: `vdept doctor` says what is wrong."
    raise Failure(msg)


def _announce(settings: Settings, tokens: Tokens, tries: list[demo.Try], link: str | None) -> None:
    """What a newcomer needs: addresses, tokens, and things to try."""
    url = settings.issuer
    lines = [
        "",
        "vdept is running. Ctrl-C stops everything.",
        "",
        f"  GraphQL   {url}/graphql",
        f"  Health    {url}/health/ready",
        f"  Sign in   {url}/sign-in",
        "",
    ]
    if link is not None:
        lines += [
            "In a browser: this link signs you in as the head of Huế, once, within 15 minutes",
            "(`vdept sign-in-link EMAIL` makes another, for anybody below):",
            "",
            f"  {link}",
            "",
        ]
    if tokens:
        lines += ["Tokens of the demonstration's people, valid for 7 days:", ""]
        lines += [f"  {who.name} <{who.email}>, {who.title}\n    {token}" for who, token in tokens]
        lines += ["", "Things to try:", ""]
        lines += [f"  {i}. {each.shows}\n\n{each.command}\n" for i, each in enumerate(tries, start=1)]
    else:
        lines += ["No tokens yet: `vdept token EMAIL` mints one for a person on the platform."]
    click.echo("\n".join([*lines, ""]))
