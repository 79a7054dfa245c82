"""Who acts, as the database knows it: the second wall (docs/decisions/0010).

PostgreSQL shows the application's role a row of the guarded tables only to the principal that the
transaction names in its settings, set with ``SET LOCAL`` and so gone with it:

``vdept.reads``
    how far it sees: ``public``, ``government``, or, for as long as a verb does its work, ``widely``;
    ``everything`` for the platform's own jobs and administrators; nothing set: nothing
``vdept.units``, ``vdept.public_units``
    the units it speaks for, and those of them that see what happens below them
``vdept.source_units``
    the units in which it works, whose sources' documents it may open and send
``vdept.person``
    whose inbox, preferences and feeds it may open; nobody's for a client without that scope

They are sent with the BEGIN of the transaction and cost no round trip of their own.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from asyncpg.connection import Connection
from sqlalchemy.orm import Session

from vdept.kernel.actor import WORKING, Actor
from vdept.kernel.scopes import Scope

ROLE = "vdept_app"
"""The role in which the platform works: it owns nothing and row security holds for it."""

INFO = "vdept.principal"
"""Where a session keeps what its transaction begins with."""

WIDELY = "SET LOCAL vdept.reads = 'widely'"


class PrincipalConnection(Connection):
    """A connection of the driver whose next BEGIN says in the same message on whose behalf."""

    opening = ""

    async def execute(self, query: str, *args: Any, **kwargs: Any) -> str:
        if self.opening and query.startswith("BEGIN"):
            query, self.opening = query + self.opening, ""
        status: str = await super().execute(query, *args, **kwargs)
        return status


class PrincipalSession(Session):
    """A session whose transactions begin with what stands in ``info``."""


@sa.event.listens_for(PrincipalSession, "after_begin")
def _name_principal(session: Session, _transaction: object, connection: sa.Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.opening = session.info.get(INFO, "")


def guard(engine: sa.Engine) -> None:
    """A connection that goes back unused takes no name along to whoever gets it next."""

    @sa.event.listens_for(engine, "checkin")
    def forget(connection: Any, _record: object) -> None:
        if connection is not None:
            connection.driver_connection.opening = ""


def narrowly(actor: Actor) -> str:
    """The statements that make ``actor`` the principal: it sees what ``visible_tasks`` lets it see.

    Made of whole numbers and our own words only: nothing that anybody sent can get into it.
    """
    person = actor.person_id if actor.may(Scope.NOTIFICATIONS_READ) else None
    sources = tuple(sorted(actor.units_as(WORKING))) if actor.may(Scope.MEASUREMENTS_READ) else ()
    if actor.sees_everything:
        return _settings("everything", (), (), sources, person)
    if not actor.known or not actor.may(Scope.TASKS_READ):
        return _settings("", (), (), sources, person)
    public = tuple(sorted(actor.public_unit_ids))
    reads, units = "government" if public else "public", tuple(sorted(actor.unit_ids))
    return _settings(reads, units, public, sources, person)


def opening(actor: Actor) -> str:
    """The same for a transaction that begins: nothing need be said of nobody."""
    return narrowly(actor) if actor.known else ""


def can_widen(actor: Actor) -> bool:
    """Somebody who sees anything, but not everything already."""
    return not actor.sees_everything and actor.known and actor.may(Scope.TASKS_READ)


@lru_cache(maxsize=1024)
def _settings(
    reads: str,
    units: tuple[int, ...],
    public: tuple[int, ...],
    sources: tuple[int, ...],
    person: int | None,
) -> str:
    """Without units both lists are empty words: the policies then ask nobody's participations."""
    own, above = (_array(units), _array(public)) if units else ("", "")
    return (
        f"SET LOCAL vdept.reads = '{reads}'; SET LOCAL vdept.units = '{own}'; "
        f"SET LOCAL vdept.public_units = '{above}'; "
        f"SET LOCAL vdept.source_units = '{_array(sources) if sources else ''}'; "
        f"SET LOCAL vdept.person = '{'' if person is None else int(person)}'"
    )


def _array(numbers: Iterable[int]) -> str:
    return f"{{{','.join(str(int(number)) for number in numbers)}}}"
