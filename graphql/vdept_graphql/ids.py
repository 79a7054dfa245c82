"""Global ids: opaque to clients, a type's name and its number inside; and the ``Node`` interface."""

import base64
import binascii
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import strawberry

from vdept_graphql.context import Fetch
from vdept_graphql.errors import INVALID_ID

LARGEST = 2**63 - 1
LONGEST = 200
"""Characters; no id of ours comes near it."""


@strawberry.interface(description="Anything with a global id (đối tượng có mã định danh).")
class Node:
    """What ``node(id)`` can answer with."""

    id: strawberry.ID = strawberry.field(description="Global id: opaque, stable, unique on the platform.")


NODES: dict[str, Fetch[Any]] = {}
"""Type name → loader of its nodes by number (what the caller may not see is simply absent)."""


def encode(type_name: str, *numbers: int) -> strawberry.ID:
    """The global id of one row."""
    raw = f"{type_name}:{':'.join(map(str, numbers))}".encode()
    return strawberry.ID(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


def split(given: str) -> tuple[str, tuple[int, ...]] | None:
    """Type name and numbers inside an id; None if it is not one of ours, letter by letter."""
    return _split(given) if len(given) <= LONGEST else None


@lru_cache(maxsize=16_384)
def _split(given: str) -> tuple[str, tuple[int, ...]] | None:
    """Remembered: the ids of units and indicators come again and again, thousands in one request."""
    try:
        raw = base64.urlsafe_b64decode(given.encode() + b"=" * (-len(given) % 4)).decode()
        type_name, *parts = raw.split(":")
        numbers = tuple(int(part) for part in parts)
    except (binascii.Error, ValueError):
        return None
    if not numbers or not all(0 < number <= LARGEST for number in numbers):
        return None
    return (type_name, numbers) if encode(type_name, *numbers) == given else None


def decode_all(given: str, type_name: str, count: int, *path: str | int) -> list[int]:
    """The ``count`` numbers inside an id of ``type_name``; refuses anything else at ``path``."""
    found = split(given)
    if found is None or found[0] != type_name or len(found[1]) != count:
        raise INVALID_ID.at(*path, expected=type_name)
    return list(found[1])


def decode(given: str, type_name: str, *path: str | int) -> int:
    """The number inside an id of ``type_name``; refuses a foreign or forged id at ``path``."""
    return decode_all(given, type_name, 1, *path)[0]


def decode_optional(given: str | None, type_name: str, *path: str | int) -> int | None:
    """As ``decode``; what was left out or null stays None."""
    return decode(given, type_name, *path) if isinstance(given, str) else None


def decode_many(given: Iterable[str], type_name: str, *path: str | int) -> list[int]:
    """As ``decode`` for a list; the path ends with the position of the one at fault."""
    return [decode(one, type_name, *path, position) for position, one in enumerate(given)]
