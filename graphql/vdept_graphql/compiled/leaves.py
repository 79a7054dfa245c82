"""Scalars and enums: how a raw attribute becomes its response value, exactly as graphql-core does it."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from types import CoroutineType, GeneratorType
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from strawberry.schema.schema_converter import CustomGraphQLEnumType


class GiveUp(Exception):
    """The generated function met something that graphql-core must complete."""


# Types whose instances are never an exception, an awaitable or ``Undefined``.
HARMLESS: frozenset[type] = frozenset(
    {str, int, bool, float, bytes, Decimal, dt.date, dt.datetime, dt.time, uuid.UUID, list, tuple, dict}
)
_HARMFUL = (BaseException, CoroutineType, GeneratorType)


def check_class(cls: type, known: set[type] | None = None) -> None:
    """Give up on awaitables, exceptions and ``Undefined``; note any other class in ``known``."""
    if issubclass(cls, _HARMFUL) or cls is type(Undefined) or hasattr(cls, "__await__"):
        raise GiveUp
    if known is not None and len(known) < 64:
        known.add(cls)


def leaf_completer(leaf: GraphQLLeafType, *, nullable: bool) -> Callable[[Any], Any]:
    """A function from the raw value to the response value that gives up where graphql-core would object."""
    coerce = leaf.coerce_output_value

    def complete(value: Any) -> Any:
        if value is None:
            if nullable:
                return None
            raise GiveUp
        cls = type(value)
        if cls not in HARMLESS:
            check_class(cls)
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise GiveUp
        return coerced

    return complete


def enum_names(leaf: GraphQLLeafType) -> tuple[type[Enum], dict[str, str]] | None:
    """The enum class of ``leaf`` and its response name per member name, if it is Strawberry's."""
    if not isinstance(leaf, CustomGraphQLEnumType):
        return None
    cls: Any = leaf.wrapped_cls
    try:
        return cls, {member.name: leaf.coerce_output_value(member) for member in cls}
    except ValueError:  # a member that the API does not publish: let graphql-core say so
        return None


def is_leaf_as_is(leaf: GraphQLLeafType, variable: str) -> str | None:
    """A Python condition under which the raw value in ``variable`` is the response value itself."""
    if leaf is GraphQLString or leaf is GraphQLID:
        return f"type({variable}) is str"
    if leaf is GraphQLBoolean:
        return f"type({variable}) is bool"
    if leaf is GraphQLInt:
        return f"type({variable}) is int and {GRAPHQL_MIN_INT} <= {variable} <= {GRAPHQL_MAX_INT}"
    return None


__all__ = [
    "HARMLESS",
    "GiveUp",
    "check_class",
    "enum_names",
    "is_leaf_as_is",
    "leaf_completer",
]
