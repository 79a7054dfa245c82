"""What several requests want done at the same moment, done in one transaction.

Whoever comes while nothing is going on is served at once and alone. Whoever comes meanwhile waits until that
is done, and then goes together with all others who wait: the busier it is, the more share a transaction, and
nobody waits for company.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
A = TypeVar("A")

Together = Callable[[K, Sequence[A]], Awaitable[Sequence[Any]]]
"""Does what was asked under one key, all or none; answers in the same order."""


class Gathering(Generic[K, A]):
    """Serves requests by key: those of one key one transaction after the other, ``most`` at once."""

    def __init__(self, together: Together[K, A], *, own: tuple[type[Exception], ...], most: int) -> None:
        """``own``: failures that may be one request's own; then each is served by itself, and has its own.

        With any other failure, such as a database that is away, everybody fails who was to be served.
        """
        self._together = together
        self._own = own
        self._most = most
        self._waiting: dict[K, list[tuple[A, asyncio.Future[Any]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, key: K, asked: A) -> Any:
        """The answer to ``asked``, or its failure."""
        loop = asyncio.get_running_loop()
        one = (asked, loop.create_future())
        if key in self._waiting:
            self._waiting[key].append(one)
        else:
            self._waiting[key] = [one]
            task = loop.create_task(self._work(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await one[1]

    async def _work(self, key: K) -> None:
        waiting = self._waiting[key]
        try:
            while waiting:
                taken = waiting[: self._most]
                del waiting[: self._most]
                await self._serve(key, taken)
        finally:
            del self._waiting[key]
            for _, future in waiting:
                future.cancel()

    async def _serve(self, key: K, taken: Sequence[tuple[A, asyncio.Future[Any]]]) -> None:
        """Whoever has gone away meanwhile is not served."""
        here = [one for one in taken if not one[1].done()]
        if not here:
            return
        try:
            answers = await self._together(key, [asked for asked, _ in here])
        except BaseException as error:
            if isinstance(error, self._own) and len(here) > 1:
                for one in here:
                    await self._serve(key, [one])
                return
            for _, future in here:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, future), answer in zip(here, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
