"""People met in a task: whoever sees the task sees the names of those who work in it.

A firm's people do not see other units' persons (``people.access``); within a task that they see, they see
who works with them: the name, and for which unit. The rest of a person stays behind ``visible_persons``.
"""

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.people.access import visible_persons
from vdept.people.models import Person
from vdept.tasks.sql import among


class Colleague(NamedTuple):
    """Somebody met in a task; ``visible``: the actor may see the person also outside of it."""

    person: Person
    visible: bool


async def colleagues_by_ids(tx: Tx, person_ids: Collection[int]) -> dict[int, Colleague]:
    """Those whose ids the actor has read from a task shown to them (its author, who commented, …)."""
    found = await tx.session.execute(
        sa.select(Person, visible_persons(tx.actor, tx.today)).where(among(Person.id, person_ids))
    )
    return {person.id: Colleague(person, visible) for person, visible in found}
