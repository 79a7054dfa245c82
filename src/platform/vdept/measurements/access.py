"""Who sees measurements: every public official all of them, a firm's people their own units' only."""

import sqlalchemy as sa

from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.scopes import Scope
from vdept.measurements.models import Measurement

RECORDERS = Words(
    "một vai trò làm việc ở đơn vị, hoặc vai trò quản lý ở cấp trên",
    "a working role in the unit, or a managing one in a public body above it",
)


def visible_measurements(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``measurement`` that this actor's reads start from."""
    if not actor.known or not actor.may(Scope.MEASUREMENTS_READ):
        return sa.false()
    if actor.sees_everything or actor.is_public_official:
        return sa.true()
    return Measurement.unit_id.in_(sorted(actor.unit_ids))


async def get_measurement(tx: Tx, measurement_id: int, *path: str | int) -> Measurement:
    query = sa.select(Measurement).where(Measurement.id == measurement_id, visible_measurements(tx.actor))
    found = await tx.session.scalar(query)
    if found is None:
        raise NOT_FOUND.at(*(path or ("measurementId",)), what=Words("số đo", "measurement"))
    return found
