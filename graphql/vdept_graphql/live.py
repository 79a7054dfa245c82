"""Live inboxes: one look at the database for everybody who is connected to this process.

PostgreSQL holds the truth, Valkey is the doorbell: a ring says that it is time to look, and whose inbox was
marked. Without rings, or without Valkey, there is a look every ``POLL`` seconds while somebody is connected,
and none at all while nobody is.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from vdept.kernel.actor import system
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.notifications.live import CHANNEL, Cursor, Look, look, unread_of

POLL = 10.0
"""Seconds after which a ring that was lost is made up for."""
PACE = 0.1
"""Seconds between two looks at least, however often it rings."""
AGAIN = 1.0
"""Seconds until Valkey is asked again when it went away."""
WAITING = 1_000
"""Changes that may wait for one reader; who is further behind must begin anew."""

ACTOR = system("live inboxes")
log = structlog.get_logger("vdept.live")


class Change(NamedTuple):
    """Something in one person's inbox: a new notification, or None when only the count may have changed."""

    notification_id: int | None


class Behind(Exception):
    """The reader takes changes more slowly than they come."""


class Follower:
    """One subscription's changes. The first one comes when from then on none is missed."""

    def __init__(self, person_id: int) -> None:
        self.person_id = person_id
        self.begun = False
        self._changes: asyncio.Queue[Change | None] = asyncio.Queue(WAITING)
        self._behind = False

    def tell(self, change: Change) -> None:
        try:
            self._changes.put_nowait(change)
        except asyncio.QueueFull:
            self._behind = True

    def end(self) -> None:
        """Nothing more will come: the process is going down."""
        with contextlib.suppress(asyncio.QueueFull):
            self._changes.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Change]:
        while (change := await self._changes.get()) is not None:
            if self._behind:
                raise Behind
            yield change


class Live:
    """The connected people of one process. ``redis`` None: there is nothing but the poll."""

    def __init__(self, database: Database, redis: Any | None, *, poll: float = POLL) -> None:
        self._database = database
        self._redis = redis
        self._poll = poll
        self._followers: dict[int, set[Follower]] = {}
        self._unread: dict[int, int] = {}
        self._marked: set[int] = set()
        self._cursor = Cursor()
        self._rung = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.looks = 0

    @asynccontextmanager
    async def follow(self, person_id: int) -> AsyncIterator[Follower]:
        """What changes in one person's inbox from now on."""
        follower = Follower(person_id)
        self._followers.setdefault(person_id, set()).add(follower)
        if not self._tasks:
            self._cursor = Cursor()
            self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._listen())]
        self._rung.set()
        try:
            yield follower
        finally:
            self._leave(follower)

    def _leave(self, follower: Follower) -> None:
        those = self._followers.get(follower.person_id, set())
        those.discard(follower)
        if not those:
            self._followers.pop(follower.person_id, None)
            self._unread.pop(follower.person_id, None)
        if not self._followers:
            self._stop()

    def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()

    async def close(self) -> None:
        """Let everybody go."""
        for those in self._followers.values():
            for follower in those:
                follower.end()
        tasks = self._tasks
        self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- looking -----------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        polled = 0.0
        while True:
            due = time.monotonic() - polled >= self._poll
            try:
                await self._look(everybody=due)
                polled = time.monotonic() if due else polled
            except (SQLAlchemyError, OSError) as error:
                log.warning("live inboxes cannot look", error=type(error).__name__)
                self._rung.set()
                await asyncio.sleep(AGAIN)
            await asyncio.sleep(PACE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(polled + self._poll - time.monotonic(), 0)):
                    await self._rung.wait()

    async def _look(self, *, everybody: bool) -> None:
        """Two statements for everybody who is connected, and the second one only if somebody's may differ."""
        self._rung.clear()
        marked, self._marked = self._marked & self._followers.keys(), set()
        people = list(self._followers)
        new = {follower for those in self._followers.values() for follower in those if not follower.begun}
        counted = set(people) if everybody else marked | {follower.person_id for follower in new}
        self.looks += 1
        try:
            async with self._database.snapshot(ACTOR, now=utc_now()) as tx:
                found = await look(tx, people, self._cursor.after)
                counts = await unread_of(tx, counted) if counted else {}
        except BaseException:
            self._marked |= marked
            raise
        self._tell(found, counts, marked, new)

    def _tell(self, found: Look, counts: dict[int, int], marked: Collection[int], new: set[Follower]) -> None:
        fresh = self._cursor.note(found)
        told = set()
        for number, person_id in fresh:
            told.add(person_id)
            self._unread[person_id] = self._unread.get(person_id, 0) + 1
            for follower in self._followers.get(person_id, ()):
                if follower.begun:
                    follower.tell(Change(number))
        for person_id, count in counts.items():
            differs = self._unread.get(person_id) != count
            if person_id in self._followers:
                self._unread[person_id] = count
            if person_id in marked or (differs and person_id not in told):
                for follower in self._followers.get(person_id, ()):
                    if follower.begun:
                        follower.tell(Change(None))
        for follower in new:
            follower.begun = True
            follower.tell(Change(None))

    # -- listening ---------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while self._redis is not None:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as bell:
                    await bell.subscribe(CHANNEL)
                    self._rung.set()  # what rang while nobody listened
                    while True:
                        message = await bell.get_message(timeout=self._poll)
                        if message is not None:
                            self._hear(message["data"])
            except (RedisError, OSError) as error:
                log.warning("live inboxes hear no bell and look by themselves", error=type(error).__name__)
                await asyncio.sleep(AGAIN)

    def _hear(self, said: bytes | str) -> None:
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        if not text:
            self._rung.set()
        elif text.isascii() and text.isdecimal() and int(text) in self._followers:
            self._marked.add(int(text))
            self._rung.set()
