"""Calls announced by a generated function: made in order, their futures awaited together.

One coroutine waits for all of them, whatever their number and depth: a loader's future costs a callback,
not a coroutine and a task per field. Values are put into the response where they belong as they come, so
rows loaded later fill containers that are already in place; an error walks up the slots to the nearest one
that may be null.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from functools import partial
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, located_error
from graphql.pyutils import Path

from vdept_graphql.compiled.calls import Call

# A place in the response: container, key, may be null, path, the parent's place.
Slot = tuple[Any, str | int, bool, Path, "Slot | None"]
# What a generated function announces: calls, source, row, path, the row's place.
Announced = tuple[tuple[Call, ...], Any, dict[str, Any], Path, Slot | None]
_Pending = tuple[Call, Slot, GraphQLResolveInfo[Any] | None, bool]


class Pool:
    """The calls of one value that graphql-core asked for, and all calls below it."""

    __slots__ = ("_arrived", "_closed", "_outstanding", "_own", "_waiter", "_waiting", "executor", "nulled")

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self.nulled = False
        self._waiting: list[tuple[Awaitable[Any], _Pending]] = []
        self._arrived: deque[tuple[_Pending, asyncio.Future[Any]]] = deque()
        self._own: set[asyncio.Future[Any]] = set()
        self._outstanding = 0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def pending(self) -> bool:
        return bool(self._waiting or self._outstanding)

    def run(self, announced: list[Announced]) -> None:
        """Make the calls in order, each followed by the calls its value announces."""
        executor = self.executor
        is_awaitable = executor.is_awaitable
        has_nulled_position = executor.collected_errors.has_nulled_position
        for calls, source, row, path, parent in announced:
            for call in calls:
                if self.nulled and has_nulled_position(path):
                    break
                field_path = Path(path, call.key, call.parent_name)
                slot: Slot = (row, call.key, call.nullable, field_path, parent)
                info = None
                try:
                    shared = None if call.direct is None else call.converted(executor)
                    if call.wants_info or shared is None:
                        info = call.info(executor, field_path)
                    if call.direct is not None and shared is not None:
                        result = call.direct(source, info, shared)
                    else:
                        arguments = call.arguments(executor) if call.has_arguments else {}
                        result = (call.resolve or executor.field_resolver)(source, info, **arguments)
                    if is_awaitable(result):
                        self._waiting.append((result, (call, slot, info, False)))
                    else:
                        self._complete(call, slot, info, result)
                except Exception as error:  # noqa: BLE001 - a resolver may raise anything: it is a field error
                    self._fail(call, slot, error)

    async def drain(self, value: Any) -> Any:
        """Wait for everything, then return ``value``, whose containers are filled by now."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._start()
                if not self._outstanding:
                    return value
                if not self._arrived:
                    self._waiter = loop.create_future()
                    await self._waiter
                while self._arrived:
                    self._arrive(*self._arrived.popleft())
        finally:
            await self._close()

    def settle(self) -> None:
        """An error got out while calls were being made: what was started must still be looked after."""
        if self._waiting:
            self.executor.settle_in_background([awaitable for awaitable, _ in self._waiting])
            self._waiting = []

    # -- inside ------------------------------------------------------------------------------------

    def _start(self) -> None:
        waiting, self._waiting = self._waiting, []
        for awaitable, pending in waiting:
            future = asyncio.ensure_future(awaitable)
            if future is not awaitable:
                self._own.add(future)
            self._outstanding += 1
            future.add_done_callback(partial(self._note, pending))

    def _note(self, pending: _Pending, future: asyncio.Future[Any]) -> None:
        if self._closed:
            if not future.cancelled():
                future.exception()  # retrieved: nobody waits for it any more
            return
        self._own.discard(future)
        self._arrived.append((pending, future))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _arrive(self, pending: _Pending, future: asyncio.Future[Any]) -> None:
        self._outstanding -= 1
        call, slot, info, completed = pending
        try:
            value = future.result()
            if self.nulled and self.executor.collected_errors.has_nulled_position(slot[3]):
                return
            if completed:
                slot[0][slot[1]] = value
            else:
                self._complete(call, slot, info, value)
        except Exception as error:  # noqa: BLE001 - a resolver may raise anything: it is a field error
            self._fail(call, slot, error)
        if self._waiting:
            self._start()

    def _complete(self, call: Call, slot: Slot, info: GraphQLResolveInfo[Any] | None, value: Any) -> None:
        executor, path = self.executor, slot[3]
        complete = call.complete
        if complete is None:
            complete = executor.completer_of(call, value)
        if complete:
            if complete.wants_info and info is None:
                info = call.info(executor, path)
            announced: list[Announced] = []
            try:
                done = complete.function(executor, value, path, info, announced.append, slot)
            except Exception:  # noqa: BLE001 - whatever it is, graphql-core says it better
                if complete.gave_up():
                    call.complete = False
            else:
                complete.succeeded()
                slot[0][slot[1]] = done
                if announced:
                    self.run(announced)
                return
        info = info or call.info(executor, path)
        done = executor.complete_value(call.field.type, call.details, info, path, value, None)
        if executor.is_awaitable(done):
            self._waiting.append((done, (call, slot, info, True)))
        else:
            slot[0][slot[1]] = done

    def _fail(self, call: Call, slot: Slot, raw: Exception) -> None:
        """Null the nearest place that may be null and note the error there, or let it out."""
        error: GraphQLError = located_error(raw, call.nodes, slot[3].as_list())
        place: Slot | None = slot
        while place is not None and not place[2]:
            place = place[4]
        if place is None:
            raise error
        place[0][place[1]] = None
        self.executor.collected_errors.add(error, place[3])
        self.nulled = self.nulled or place is not slot

    async def _close(self) -> None:
        self._closed = True
        own = [future for future in self._own if not future.done()]
        for future in own:
            future.cancel()
        if own:
            await asyncio.gather(*own, return_exceptions=True)
        for _, future in self._arrived:
            if not future.cancelled():
                future.exception()
        self.settle()
