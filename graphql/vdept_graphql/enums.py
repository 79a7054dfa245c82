"""The core's enums as GraphQL enums, every value described."""

from enum import Enum
from typing import TypeVar

import strawberry

E = TypeVar("E", bound=type[Enum])


def described(enum: E, description: str, *, graphql_name: str | None = None, **values: str) -> E:
    """Publish ``enum`` with a description of itself and of each value; none may be left out."""
    missing = {member.name for member in enum} ^ set(values)
    if missing:
        msg = f"{enum.__name__}: describe exactly its values; look at {sorted(missing)}"
        raise ValueError(msg)
    published = strawberry.enum(enum, name=graphql_name, description=description)
    for value in published.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return published
