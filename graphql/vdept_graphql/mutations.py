"""The one way a mutation field runs: one transaction, once per idempotency key, refusals as data."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import sqlalchemy.exc

from vdept.kernel import idempotency
from vdept.kernel.db import Tx
from vdept.kernel.errors import REGISTRY, Refused, RefusedMany, Words, invalid
from vdept_graphql.context import Context, Fetch, Info
from vdept_graphql.errors import UserError, user_errors

P = TypeVar("P")

KEY_LENGTH = 200
IDEMPOTENCY_KEY = (
    "A key of your choice, up to 200 characters: the same request sent again with it within 24 hours takes "
    "effect once and answers the same."
)
EXPECTED_VERSION = "The version you saw; refused with STALE_VERSION if it has changed since."
ERRORS = "Why nothing was changed; empty when it was done."
"""Descriptions of the fields that every input and payload has."""


async def perform(
    info: Info,
    payload: Callable[..., P],
    arguments: Any,
    verb: Callable[[Tx], Awaitable[Any]],
    build: Callable[[Context, Any], Awaitable[dict[str, Any]]],
) -> P:
    """Run ``verb`` in its own transaction; answer ``payload(errors=[], **await build(context, answer))``.

    The answer is the ``id`` of the row that the verb returns, or the verb's plain JSON value; it is what a
    repeated request with the same key is answered from. An expected failure rolls everything back and is
    answered with ``payload(errors=[…])``; every field of a payload except ``errors`` may therefore be null.
    """
    context, operation = info.context, info.field_name
    return await answered(context, payload, lambda: _once(context, operation, arguments, verb), build)


async def answered(
    context: Context,
    payload: Callable[..., P],
    act: Callable[[], Awaitable[Any]],
    build: Callable[[Context, Any], Awaitable[dict[str, Any]]],
) -> P:
    """Answer with what ``act`` has done in a transaction of its own, or with why nothing was done."""
    await context.refresh()
    try:
        answer = await act()
    except (Refused, RefusedMany, sqlalchemy.exc.DBAPIError) as error:
        return payload(errors=user_errors(error, context.locale))
    return payload(errors=[], **await build(context, answer))


async def _once(
    context: Context, operation: str, arguments: Any, verb: Callable[[Tx], Awaitable[Any]]
) -> Any:
    key = key_of(arguments)
    async with context.database.begin(context.actor, now=context.now) as tx:
        if key is None:
            return plain(await verb(tx))
        first, answer = await idempotency.claim(tx, key, idempotency.digest(operation, arguments))
        if first:
            answer = plain(await verb(tx))
            await idempotency.answer(tx, {key: answer})
        return answer


def key_of(arguments: Any) -> str | None:
    """The idempotency key that was given."""
    key = getattr(arguments, "idempotency_key", None) or None
    if key is not None and len(key) > KEY_LENGTH:
        raise invalid(
            "idempotencyKey", vi=f"khóa dài tối đa {KEY_LENGTH} ký tự", en=f"at most {KEY_LENGTH} characters"
        )
    return key


def plain(result: Any) -> Any:
    """What is remembered of a verb's result: ids, for rows."""
    if isinstance(result, list | tuple):
        return [plain(item) for item in result]
    return getattr(result, "id", result)


def remembered(refused: Refused) -> dict[str, Any]:
    """A refusal of one item of a bulk call, as part of a remembered answer."""
    return {"code": refused.code, "path": list(refused.path), "params": dict(refused.params)}


def told(context: Context, kept: dict[str, Any]) -> UserError:
    """What was remembered of a refusal, in the caller's language; words come back from JSON as lists."""
    params = {
        name: Words(*value) if isinstance(value, list) else value for name, value in kept["params"].items()
    }
    refused = REGISTRY[kept["code"]].at(*kept["path"], **params)
    return user_errors(refused, context.locale)[0]


def one(field: str, fetch: Fetch[Any]) -> Callable[[Context, Any], Awaitable[dict[str, Any]]]:
    """Build a payload of one object: read ``fetch(id)`` in a fresh snapshot into ``field``."""

    async def build(context: Context, answer: Any) -> dict[str, Any]:
        return {field: await context.one(fetch, answer)}

    return build


async def as_it_is(_context: Context, answer: Any) -> dict[str, Any]:
    """Build a payload whose fields are the verb's answer, a dict of plain values."""
    return dict(answer)
