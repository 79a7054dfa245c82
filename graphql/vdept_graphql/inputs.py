"""What inputs share: fields that were left out, required texts, files."""

import base64
import binascii
from collections.abc import Iterable
from typing import Annotated, TypeAlias, TypeVar

from msgspec import UNSET, UnsetType
from strawberry import argument
from strawberry.types.unset import UnsetType as LeftOut

from vdept.kernel.errors import invalid

T = TypeVar("T")
In: TypeAlias = Annotated[T, argument(description="What is asked for.")]
"""The one argument of a mutation: ``input: In[CreateUnitInput]``."""


GAPS_FROM = "From this day on, beginning with what stood on it; from the beginning unless given."
GAPS_TO = "To this day; to the end unless given."
"""Descriptions of the days of a history."""


def given(value: T | LeftOut | None) -> T | UnsetType | None:
    """A field of a change: null clears it, left out keeps it."""
    return UNSET if isinstance(value, LeftOut) else value


def given_value(value: T | LeftOut | None, *path: str) -> T | UnsetType:
    """The same for a field that cannot be cleared."""
    if isinstance(value, LeftOut):
        return UNSET
    if value is None:
        raise invalid(*path, vi="không được để trống; bỏ trường này nếu không đổi", en="it cannot be null")
    return value


def distinct(values: Iterable[T] | None) -> tuple[T, ...] | None:
    """What a list of a filter names, each once; None where it was left out."""
    return None if values is None else tuple(dict.fromkeys(values))


def file_content(content: str, *path: str) -> bytes:
    """The bytes of a file sent as base64."""
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(*path, vi="nội dung tệp phải mã hóa base64", en="encode the file in base64") from None
