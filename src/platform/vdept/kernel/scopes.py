"""What an API client may be let do. A scope narrows what its unit or person may do and never widens it."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """One family of data, read or written. Units and indicators are open to every caller and need none.

    There is none for entering people and giving them roles: whoever a client let in would act without its
    scopes.
    """

    UNITS_WRITE = "units:write"
    PEOPLE_READ = "people:read"
    PLANS_READ = "plans:read"
    PLANS_WRITE = "plans:write"
    MEASUREMENTS_READ = "measurements:read"
    MEASUREMENTS_WRITE = "measurements:write"
    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    ACTIVITIES_READ = "activities:read"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"


_BY_NAME = {scope.value: scope for scope in Scope}
_READ = {
    Scope.PLANS_WRITE: Scope.PLANS_READ,
    Scope.MEASUREMENTS_WRITE: Scope.MEASUREMENTS_READ,
    Scope.TASKS_WRITE: Scope.TASKS_READ,
    Scope.NOTIFICATIONS_WRITE: Scope.NOTIFICATIONS_READ,
}


def implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes with what they include: who may write a family may read it."""
    given = frozenset(scopes)
    return given | {_READ[scope] for scope in given if scope in _READ}


def parse(text: str) -> frozenset[Scope] | None:
    """The scopes of a space-separated list (RFC 6749, section 3.3); None if one of them is not ours."""
    names = text.split(" ") if text else []
    if any(name not in _BY_NAME for name in names):
        return None
    return frozenset(_BY_NAME[name] for name in names)


def written(scopes: Iterable[Scope]) -> str:
    """The same list as text, in a fixed order."""
    return " ".join(sorted(scope.value for scope in scopes))
