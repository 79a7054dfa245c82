"""Who sees measurements: every public official all of them, a firm's people their own units' only."""

import sqlalchemy as sa

from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND
from vdept.measurements.models import Measurement
from vdept.targets.models import Basis

RECORDERS = {
    Basis.REPORTED: "HEAD / DEPUTY / COORDINATOR / MEMBER: đơn vị; HEAD / DEPUTY / COORDINATOR: "
    "cấp trên (the unit, or a public body above it)",
    Basis.MEASURED: "HEAD / COORDINATOR: đơn vị; HEAD / DEPUTY / COORDINATOR: "
    "cấp trên (the unit, or a public body above it)",
}


def visible_measurements(actor: Actor) -> "sa.ColumnElement[bool]":
    if actor.sees_everything or actor.is_public_official:
        return sa.true()
    return Measurement.unit_id.in_(sorted(actor.unit_ids))


async def get_measurement(tx: Tx, measurement_id: int, *path: str | int) -> Measurement:
    query = sa.select(Measurement).where(Measurement.id == measurement_id, visible_measurements(tx.actor))
    found = await tx.session.scalar(query)
    if found is None:
        raise NOT_FOUND.at(*(path or ("measurementId",)), what="số đo (measurement)")
    return found
