"""The subscriptions of one connection: checked like any request, and every event in a context of its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import DocumentNode, GraphQLError, OperationType

from vdept.kernel.errors import Refused
from vdept_graphql import budget, scopes
from vdept_graphql.budget import OverBudget
from vdept_graphql.context import Context
from vdept_graphql.engine import RequestError
from vdept_graphql.errors import present, refused_body
from vdept_graphql.http import UNREACHABLE
from vdept_graphql.live import Behind
from vdept_graphql.live_connection import Closed, Connection

if TYPE_CHECKING:
    from vdept_graphql.live_socket import LiveSocket

MOST = 5
"""Subscriptions of one connection."""
LONGEST_ID = 200


class Asked(msgspec.Struct, rename="camel"):
    """The payload of ``subscribe``."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


class Operations:
    """What one connection follows, by the ids that it gave. ``failed`` is done when it must end."""

    def __init__(self, server: "LiveSocket", connection: Connection) -> None:
        self.server = server
        self.connection = connection
        self.running: dict[str, asyncio.Task[None]] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, name: str | None, payload: Any) -> None:
        """Follow what is asked for under this id."""
        try:
            asked = msgspec.convert(payload, Asked)
        except msgspec.ValidationError:
            raise Closed(4400, "Invalid subscribe payload") from None
        if not name or len(name) > LONGEST_ID:
            raise Closed(4400, "Invalid id")
        if name in self.running:
            raise Closed(4409, f"Subscriber for {name} already exists")
        if len(self.running) >= MOST:
            told = f"A connection follows at most {MOST} subscriptions: complete one first."
            await self._refuse(name, [_error("TOO_MANY_SUBSCRIPTIONS", told)])
            return
        self.running[name] = asyncio.create_task(self._run(name, asked))

    def stop(self, name: str | None) -> None:
        """The client has seen enough; an id that is not followed (any more) is none of our business."""
        task = self.running.pop(name or "", None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        tasks, self.running = list(self.running.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self.failed.cancel() and not self.failed.cancelled():
            self.failed.exception()  # it is known, or something else ended the connection first

    async def _run(self, name: str, asked: Asked) -> None:
        try:
            errors = await self._follow(name, asked)
            if errors:
                await self._refuse(name, errors)
            else:
                await self.connection.send({"id": name, "type": "complete"})
        except Behind:
            self._fail(Closed(1013, "You take events more slowly than they come: begin anew"))
        except UNREACHABLE:
            self._fail(Closed(1013, "Try again later"))
        except Exception as error:  # noqa: BLE001  the connection ends with it, whatever it is
            self._fail(error)
        finally:
            if self.running.get(name) is asyncio.current_task():
                del self.running[name]

    def _fail(self, error: Exception) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)

    async def _refuse(self, name: str, errors: list[dict[str, Any]]) -> None:
        await self.connection.send({"id": name, "type": "error", "payload": errors})

    async def _follow(self, name: str, asked: Asked) -> list[dict[str, Any]]:
        """Answer event after event; the errors for which nothing was followed at all."""
        server, context = self.server, self.server.context(self.connection)
        try:
            await server.recognise_again(self.connection, context)
            document, cost = await self._check(asked, context)
            events = await server.engine.subscribe(document, asked.operation_name, asked.variables, context)
            await context.close()
            async with aclosing(events):
                await self._answer(name, asked, document, cost, events)
        except RequestError as error:
            return [one for each in error.errors for one in present(each, context, error.code)]
        except OverBudget as error:
            return [refused_body(error.refused, context.locale)]
        except Refused as error:
            return [refused_body(error, context.locale)]
        finally:
            await context.close()
        return []

    async def _check(self, asked: Asked, context: Context) -> tuple[DocumentNode, int]:
        """As over HTTP: what reading costs, the limits, the kind, the cost, the scopes."""
        engine = self.server.engine
        if not engine.remembers(asked.query):
            await self.server.budget.spend(context.actor, budget.of_reading(asked.query))
        try:
            document = engine.document(asked.query)
            operation = engine.operation(document, asked.operation_name)
            if operation.operation is not OperationType.SUBSCRIPTION:
                told = "Only subscriptions are served here: send queries and mutations by POST to /graphql."
                raise RequestError("SUBSCRIPTIONS_ONLY", [GraphQLError(told)])
            needed = engine.needs(document, operation)
            cost = engine.cost(document, asked.operation_name, asked.variables)
        except RequestError:
            await self.server.budget.spend(context.actor, budget.REFUSED)
            raise
        await self.server.budget.spend(context.actor, cost)
        scopes.require(context.actor, needed)
        return document, cost

    async def _answer(
        self, name: str, asked: Asked, document: DocumentNode, cost: int, events: AsyncGenerator[Any]
    ) -> None:
        """Each event by whoever it is that asks by now; nothing leaves for who may not ask any more."""
        server = self.server
        operation = server.engine.operation(document, asked.operation_name)
        async for event in events:
            await self._pay(cost)
            context = server.context(self.connection)
            try:
                await server.recognise_again(self.connection, context)
                scopes.require(context.actor, server.engine.needs(document, operation))
                answer = await server.engine.run(
                    document, asked.operation_name, asked.variables, context, event
                )
            finally:
                await context.close()
            payload: dict[str, Any] = {"data": answer.data}
            if answer.errors:
                payload["errors"] = [one for each in answer.errors for one in present(each, context)]
            await self.connection.send({"id": name, "type": "next", "payload": payload})

    async def _pay(self, cost: int) -> None:
        """An event costs what its answer costs; who has nothing left gets it later, and loses none."""
        caller = self.connection.caller
        assert caller is not None  # noqa: S101  it has signed in
        while True:
            try:
                await self.server.budget.spend(caller.actor, cost)
            except OverBudget as error:
                await asyncio.sleep(int(error.headers.get("Retry-After", 1)))
            else:
                return


def _error(code: str, message: str) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}}
