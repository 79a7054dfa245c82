"""Who sees and who changes the calendar. It is a public fact: whoever has signed in reads all of it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from vdept.calendars.models import CalendarException, CalendarScope
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words

HEAD = frozenset({Role.HEAD})
ADMINISTRATOR = Words("quyền quản trị", "the rights of an administrator")
HEAD_OF_UNIT = Words(
    "người đứng đầu đơn vị đó hoặc đơn vị cấp trên", "the head of that unit or of a unit above it"
)


def visible_exceptions(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``calendar_exception`` that this actor's reads start from."""
    return sa.true() if actor.known else sa.false()


def require_may_change(actor: Actor, scope: CalendarScope, path: Sequence[int], *field: str | int) -> None:
    """Administrators, for everybody and for a region; for one unit also its head and the heads above.

    ``path``: the ancestors of the unit that the exception is for, itself last.
    """
    if scope is CalendarScope.UNIT:
        actor.require(actor.has_above(path, HEAD), HEAD_OF_UNIT, *field)
    else:
        actor.require(actor.sees_everything, ADMINISTRATOR, *field)


async def get_exception_for_update(tx: Tx, exception_id: int, *path: str | int) -> CalendarException:
    """The exception, locked until the end of the transaction and read anew, or *not found*."""
    query: sa.Select[Any] = sa.select(CalendarException).where(
        CalendarException.id == exception_id, visible_exceptions(tx.actor)
    )
    locked = query.with_for_update().execution_options(populate_existing=True)
    row: CalendarException | None = await tx.session.scalar(locked)
    if row is None:
        raise NOT_FOUND.at(*path, what=Words("ngoại lệ lịch làm việc", "calendar exception"))
    return row
