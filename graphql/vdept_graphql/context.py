"""What one GraphQL operation carries: who asks, when, in which language, and one picture of the data."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import strawberry
from sqlalchemy.exc import DBAPIError

from vdept.identity.sessions import Sessions
from vdept.kernel.actor import NOBODY, Actor
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Locale

if TYPE_CHECKING:
    from vdept_graphql.live import Live
    from vdept_graphql.services import Services

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Fetch: TypeAlias = Callable[..., Awaitable[Mapping[Any, V]]]


class Loader:
    """Gathers the keys that one level of a query asks for and fetches them with one call of ``fetch``."""

    __slots__ = ("args", "context", "fetch", "futures", "waiting")

    def __init__(self, context: "Context", fetch: Fetch[Any], args: tuple[Any, ...]) -> None:
        self.context = context
        self.fetch = fetch
        self.args = args
        self.futures: dict[Any, asyncio.Future[Any]] = {}
        self.waiting: list[Any] = []

    def load(self, key: Any) -> Any:
        """The value of ``key`` if it is already here, or else a future of it."""
        future = self.futures.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self.futures[key] = loop.create_future()
            if not self.waiting:
                loop.call_soon(self._start)
            self.waiting.append(key)
        elif future.done() and not future.cancelled() and future.exception() is None:
            return future.result()
        return future

    def _start(self) -> None:
        task = asyncio.get_running_loop().create_task(self._run())
        self.context.background.add(task)
        task.add_done_callback(self.context.background.discard)

    async def _run(self) -> None:
        keys: list[Any] = []
        try:
            async with self.context.reading() as tx:
                keys, self.waiting = self.waiting, []
                found = await self.fetch(tx, keys, *self.args) if keys else {}
        except BaseException as error:  # noqa: BLE001  whoever asked gets it, whatever it is
            keys = keys or self.waiting
            self.waiting = []
            for key in keys:
                if not self.futures[key].done():
                    self.futures[key].set_exception(error)
            return
        for key in keys:
            if not self.futures[key].done():
                self.futures[key].set_result(found.get(key))


@dataclass(slots=True)
class Context:
    """The context of one request. All its reads are one READ ONLY REPEATABLE READ snapshot.

    The snapshot opens at the first read; one session serves all resolvers, one at a time (``reading``).
    A mutation field drops it (``refresh``), so that its payload shows what has just been committed.
    """

    database: Database
    now: datetime
    locale: Locale = Locale.VI
    actor: Actor = NOBODY
    sessions: Sessions | None = None
    services: "Services | None" = None
    """What this API process stands on, for the few verbs that need its settings or its vault."""
    live: "Live | None" = None
    """Whoever follows an inbox over a websocket does so here; None over HTTP."""
    background: set[asyncio.Task[None]] = field(default_factory=set)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _snapshot: AsyncExitStack | None = None
    _tx: Tx | None = None
    _loaders: dict[Any, Loader] = field(default_factory=dict)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """The snapshot, for one statement sequence at a time. Never load inside: the lock is held."""
        async with self._lock:
            if self._tx is None:
                stack = AsyncExitStack()
                self._tx = await stack.enter_async_context(self.database.snapshot(self.actor, now=self.now))
                self._snapshot = stack
            try:
                yield self._tx
            except DBAPIError:
                # The database refuses everything else in a transaction that has failed: go on in a new one.
                await self._drop()
                raise

    def load(self, fetch: Fetch[V], key: Hashable | None, *args: Hashable) -> V:
        """``(await fetch(tx, keys, *args)).get(key)``, with the keys of all siblings in one call.

        Typed as the value that the resolver's field will have: the executor awaits what is still a future,
        and gives null for what is not there.
        """
        if key is None:
            return None  # type: ignore[return-value]
        loader = self._loaders.get((fetch, args))
        if loader is None:
            loader = self._loaders[fetch, args] = Loader(self, fetch, args)
        return loader.load(key)  # type: ignore[no-any-return]

    async def one(self, fetch: Fetch[V], key: Hashable | None) -> V | None:
        """The same, awaited."""
        found: V | asyncio.Future[V] = self.load(fetch, key)
        return await found if isinstance(found, asyncio.Future) else found

    async def act_as(self, actor: Actor) -> None:
        """Go on as ``actor``, in the snapshot that found out who it is."""
        async with self._lock:
            self.actor = actor
            if self._tx is not None:
                await self._tx.become(actor)

    async def refresh(self) -> None:
        """Forget what was read; the next read sees what is committed by then."""
        async with self._lock:
            self._loaders.clear()
            await self._drop()

    async def _drop(self) -> None:
        stack, self._snapshot, self._tx = self._snapshot, None, None
        if stack is not None:
            await stack.aclose()

    async def close(self) -> None:
        """Give the connection back. Loads that nobody waits for any more are cancelled first."""
        for task in list(self.background):
            task.cancel()
        if self.background:
            await asyncio.gather(*self.background, return_exceptions=True)
        await self.refresh()


Info: TypeAlias = strawberry.Info[Context, None]
"""What resolvers receive."""
