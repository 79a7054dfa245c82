"""Optimistic locking: a caller who says which version they saw is refused when it has changed since."""

from typing import Protocol

from vdept.kernel.errors import STALE_VERSION


class Versioned(Protocol):
    version: int


def check_version(row: Versioned, expected: int | None) -> None:
    """Refuse when ``row`` is not the version that the caller saw (None: the caller does not care)."""
    if expected is not None and expected != row.version:
        raise STALE_VERSION.at("expectedVersion", expected=expected, actual=row.version)


def next_version(row: Versioned, expected: int | None) -> None:
    """Check ``expected`` (None: the caller does not care) and count ``row.version`` up."""
    check_version(row, expected)
    row.version += 1
