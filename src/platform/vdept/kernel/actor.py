"""Who acts: a person through memberships, or the system under a job's name (design, section 6)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from vdept.kernel.errors import FORBIDDEN, Locale, Words


class ActorKind(StrEnum):
    PERSON = "PERSON"
    SYSTEM = "SYSTEM"


class Role(StrEnum):
    """What a person is in a unit. The head is accountable, and that is never delegated."""

    HEAD = "HEAD"
    DEPUTY = "DEPUTY"
    COORDINATOR = "COORDINATOR"
    MEMBER = "MEMBER"
    OBSERVER = "OBSERVER"


MANAGING = frozenset({Role.HEAD, Role.DEPUTY, Role.COORDINATOR})
"""Roles that commit their unit: accept, offer, assign, acknowledge."""

WORKING = MANAGING | {Role.MEMBER}
"""Roles that do the unit's work: report progress, comment, record measurements."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One membership in force on the day of the act. ``path`` is the unit's ancestors, itself last."""

    unit_id: int
    role: Role
    path: tuple[int, ...]
    public_body: bool


@dataclass(frozen=True, slots=True)
class Actor:
    """The principal of one request or job; memberships outside their dates are already left out."""

    kind: ActorKind
    person_id: int | None = None
    job: str | None = None
    administrator: bool = False
    locale: Locale = Locale.VI
    seats: tuple[Seat, ...] = field(default=())

    @property
    def key(self) -> str:
        """A stable name of the principal, for idempotency keys and logs."""
        return f"person:{self.person_id}" if self.kind is ActorKind.PERSON else f"system:{self.job}"

    @property
    def sees_everything(self) -> bool:
        return self.administrator or self.kind is ActorKind.SYSTEM

    @property
    def unit_ids(self) -> frozenset[int]:
        return frozenset(seat.unit_id for seat in self.seats)

    @property
    def public_unit_ids(self) -> frozenset[int]:
        """Units of this person that are public bodies; firms and associations never see by ancestry."""
        return frozenset(seat.unit_id for seat in self.seats if seat.public_body)

    @property
    def is_public_official(self) -> bool:
        return any(seat.public_body for seat in self.seats)

    def has(self, unit_id: int | None, roles: Iterable[Role]) -> bool:
        """Holds one of ``roles`` in exactly this unit."""
        wanted = frozenset(roles)
        return self.sees_everything or any(s.unit_id == unit_id and s.role in wanted for s in self.seats)

    def has_above(self, path: Iterable[int], roles: Iterable[Role]) -> bool:
        """Holds one of ``roles`` in this unit or in a unit above it (``path``: ancestors, itself last)."""
        wanted, line = frozenset(roles), frozenset(path)
        return self.sees_everything or any(s.unit_id in line and s.role in wanted for s in self.seats)

    def unit_in(self, unit_ids: Iterable[int], roles: Iterable[Role]) -> int | None:
        """The unit among ``unit_ids`` that this actor speaks for with one of ``roles``, if any."""
        wanted, units = frozenset(roles), frozenset(unit_ids)
        return next((s.unit_id for s in self.seats if s.unit_id in units and s.role in wanted), None)

    def require(self, allowed: bool, needs: Words, *path: str | int) -> None:
        """Refuse with FORBIDDEN, naming what is needed, unless ``allowed``."""
        if not allowed:
            raise FORBIDDEN.at(*path, needs=needs)


def system(job: str) -> Actor:
    """The platform itself, acting under the name of a job."""
    return Actor(ActorKind.SYSTEM, job=job)
