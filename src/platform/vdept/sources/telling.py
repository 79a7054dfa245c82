"""Tell whoever looks after a source that rows of it were rejected."""

import sqlalchemy as sa

from vdept.kernel.actor import Role, system
from vdept.kernel.db import Tx
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind
from vdept.people.actors import in_force
from vdept.people.models import Membership, Person
from vdept.sources.models import Source
from vdept.units.models import Unit

ACTOR = system("sources")


async def tell_rejected(tx: Tx, source: Source, count: int) -> None:
    """The unit's coordinators, or its head where it has none: once a source and day, by the first delivery.

    Asked and told as the platform: a program that sends values need not see whom the unit consists of.
    """
    actor = tx.actor
    await tx.become(ACTOR)
    rows = await tx.session.execute(
        sa.select(Membership.person_id, Membership.role, Unit.name)
        .join(Person, Person.id == Membership.person_id)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(
            Membership.unit_id == source.unit_id,
            Membership.role.in_([Role.COORDINATOR, Role.HEAD]),
            in_force(tx.today),
            Person.active,
        )
    )
    found = rows.all()
    coordinators = {row.person_id for row in found if row.role is Role.COORDINATOR}
    data = {"title": source.name, "unit": found[0].name, "count": count} if found else {}
    await notify(
        tx,
        [
            Note(
                person_id,
                source.unit_id,
                NotificationKind.READINGS_REJECTED,
                "Source",
                source.id,
                None,
                data,
                f"readings_rejected.{tx.today.isoformat()}",
                source.id,
            )
            for person_id in sorted(coordinators or {row.person_id for row in found})
        ],
    )
    await tx.become(actor)
