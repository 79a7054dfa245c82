"""Who acts: a person through memberships, an API client for its unit, or the system under a job's name.

Design, section 6. A client acts for the unit it belongs to, or for a person who has let it; its scopes
narrow what that unit or person may do.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from vdept.kernel.errors import FORBIDDEN, Locale, Words
from vdept.kernel.scopes import Scope


class ActorKind(StrEnum):
    PERSON = "PERSON"
    CLIENT = "CLIENT"
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
    """The principal of one request or job; memberships outside their dates are already left out.

    ``client_id`` without ``person_id``: a client acting for its unit, whose only seat it is. With one: a
    client acting for that person. ``scopes`` None: nothing is narrowed.
    """

    kind: ActorKind
    person_id: int | None = None
    client_id: int | None = None
    job: str | None = None
    administrator: bool = False
    locale: Locale = Locale.VI
    seats: tuple[Seat, ...] = field(default=())
    scopes: frozenset[Scope] | None = None

    @property
    def key(self) -> str:
        """A stable name of the principal, for idempotency keys and logs."""
        if self.kind is ActorKind.SYSTEM:
            return f"system:{self.job}"
        person = None if self.kind is ActorKind.CLIENT else f"person:{self.person_id}"
        client = None if self.client_id is None else f"client:{self.client_id}"
        return "/".join(part for part in (client, person) if part is not None)

    @property
    def known(self) -> bool:
        """Somebody at all: a person, a client or a job, and not an anonymous caller."""
        return self.kind is ActorKind.SYSTEM or self.person_id is not None or self.client_id is not None

    def may(self, scope: Scope) -> bool:
        """Not narrowed to other scopes. Roles and relations decide beside it, never instead of it."""
        return self.scopes is None or scope in self.scopes

    @property
    def sees_everything(self) -> bool:
        return self.administrator or self.kind is ActorKind.SYSTEM

    @property
    def unit_ids(self) -> frozenset[int]:
        return frozenset(seat.unit_id for seat in self.seats)

    def units_as(self, roles: Iterable[Role]) -> frozenset[int]:
        """The units in which this actor holds one of ``roles``."""
        wanted = frozenset(roles)
        return frozenset(seat.unit_id for seat in self.seats if seat.role in wanted)

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


NOBODY = Actor(ActorKind.PERSON)
"""Who asks before a token is known: somebody without any membership."""
