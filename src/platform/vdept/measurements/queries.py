"""Batched reads of measurements: pages for people, latest readings and rows by id for loaders."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch
from vdept.measurements.access import visible_measurements
from vdept.measurements.models import Measurement
from vdept.targets.models import Basis

NEWEST: Ordering[Measurement] = Ordering(
    "measurement.newest",
    (Key(Measurement.as_of, date, descending=True), Key(Measurement.id, int, descending=True)),
    lambda row: (row.as_of, row.id),
)


class ReadingKey(NamedTuple):
    """Which reading: of a unit, of an indicator, measured or reported, no later than a date."""

    unit_id: int
    indicator_id: int
    basis: Basis
    until: date


async def measurements_by_ids(tx: Tx, ids: Iterable[int]) -> dict[int, Measurement]:
    query = sa.select(Measurement).where(Measurement.id.in_(set(ids)), visible_measurements(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def measurements_page(
    tx: Tx,
    request: PageRequest,
    *,
    unit_id: int,
    indicator_id: int,
    basis: Basis | None = None,
    since: date | None = None,
    until: date | None = None,
    current_only: bool = False,
) -> Page[Measurement]:
    """The values of an indicator for a unit, newest first; ``current_only`` leaves out corrected rows."""
    query = sa.select(Measurement).where(
        visible_measurements(tx.actor),
        Measurement.unit_id == unit_id,
        Measurement.indicator_id == indicator_id,
    )
    if basis is not None:
        query = query.where(Measurement.basis == basis)
    if since is not None:
        query = query.where(Measurement.as_of >= since)
    if until is not None:
        query = query.where(Measurement.as_of <= until)
    if current_only:
        newer = aliased(Measurement)
        query = query.where(~sa.exists().where(newer.supersedes_id == Measurement.id))
    return await fetch(tx.session, query, NEWEST, request)


async def corrections_of(tx: Tx, ids: Iterable[int]) -> dict[int, Measurement]:
    """For each measurement that was corrected, the row that superseded it."""
    query = sa.select(Measurement).where(
        Measurement.supersedes_id.in_(set(ids)), visible_measurements(tx.actor)
    )
    rows = await tx.session.scalars(query)
    return {row.supersedes_id: row for row in rows if row.supersedes_id is not None}


async def latest_readings(tx: Tx, keys: Iterable[ReadingKey]) -> dict[ReadingKey, Measurement]:
    """The reading that counts for each key: the latest by date, then by id. One statement."""
    asked = sorted(set(keys))
    if not asked:
        return {}
    k = (
        sa.func.unnest(
            sa.literal([key.unit_id for key in asked], ARRAY(sa.BigInteger)),
            sa.literal([key.indicator_id for key in asked], ARRAY(sa.BigInteger)),
            sa.literal([key.basis.value for key in asked], ARRAY(sa.Text)),
            sa.literal([key.until for key in asked], ARRAY(sa.Date)),
        )
        .table_valued(
            sa.column("unit_id", sa.BigInteger),
            sa.column("indicator_id", sa.BigInteger),
            sa.column("basis", sa.Text),
            sa.column("until", sa.Date),
            name="k",
        )
        .render_derived()
    )
    latest = (
        sa.select(Measurement)
        .where(
            Measurement.unit_id == k.c.unit_id,
            Measurement.indicator_id == k.c.indicator_id,
            sa.cast(Measurement.basis, sa.Text) == k.c.basis,
            Measurement.as_of <= k.c.until,
            visible_measurements(tx.actor),
        )
        .order_by(Measurement.as_of.desc(), Measurement.id.desc())
        .limit(1)
        .lateral("latest")
    )
    found = aliased(Measurement, latest)
    rows = await tx.session.execute(sa.select(k.c.until, found).join(latest, sa.true()))
    return {ReadingKey(row.unit_id, row.indicator_id, row.basis, until): row for until, row in rows}
