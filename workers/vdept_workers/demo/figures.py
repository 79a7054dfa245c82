"""The demonstration's values: what systems measured and what units reported, side by side.

Huế's are the story of the plan: 30 % reported, 17 % measured. All others are invented and say so in their
source; they follow from the unit's code, so that they are the same on every machine.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.measurements.bulk import Row, record_many
from vdept.measurements.models import Measurement
from vdept.targets.models import Basis, Indicator, Plan
from vdept.units.models import Unit
from vdept_workers.demo.people import HUE, HUE_HEAD, HUE_MEMBER, ISSUER, Cast, speaker_of
from vdept_workers.demo.season import Season

SOURCES = {
    Basis.MEASURED: "Hệ thống giám sát dịch vụ công trực tuyến (số minh họa)",
    Basis.REPORTED: "Báo cáo định kỳ của đơn vị (số minh họa)",
}

AHEAD = {"01": 641, "22": 655, "48": 662}
"""Per mille measured in the provinces that already meet 60 %."""

SILENT = {"11", "12", "14", "42", "96"}
"""Provinces that have reported nothing."""


class Reading(NamedTuple):
    """Dossiers handled wholly online, and all dossiers."""

    online: Decimal
    dossiers: Decimal


def reading(per_mille: int, thousands: int) -> Reading:
    return Reading(Decimal(per_mille * thousands), Decimal(1000 * thousands))


def measured_in(unit: Unit) -> Reading:
    """What the systems of a province or commune show."""
    if unit.code == HUE:
        return reading(170, 100)
    number = int(unit.code)
    return reading(AHEAD.get(unit.code, 140 + number * 211 % 430), 40 + number * 37 % 160)


def reported_by(unit: Unit) -> Reading:
    """What it says itself: as much, or more."""
    if unit.code == HUE:
        return reading(300, 100)
    online, dossiers = measured_in(unit)
    said = min(online + dossiers * (int(unit.code) % 12) / 100, dossiers)
    return Reading(said.to_integral_value(), dossiers)


async def load_figures(cast: Cast, season: Season, plan: Plan, online: Indicator) -> None:
    """Provinces measured twice and reported once, the communes of Huế measured once."""
    for name, percent, whole in (("đợt 1", 45, False), ("đợt 2", 96, True)):
        readings = {unit: _so_far(measured_in(unit), whole=whole) for unit in cast.provinces}
        batch = Batch(online, Basis.MEASURED, season.day(percent), f"{plan.code}, {name}")
        async with cast.acting(ISSUER, batch.as_of) as tx:
            await batch.record(tx, readings)
    batch = Batch(online, Basis.MEASURED, season.day(97), f"{plan.code}, cấp xã")
    async with cast.acting(HUE_HEAD, batch.as_of) as tx:
        await batch.record(tx, {unit: measured_in(unit) for unit in cast.communes_of(HUE)})
    batch = Batch(online, Basis.REPORTED, season.day(95), f"{plan.code}, báo cáo")
    for unit in cast.provinces:
        if unit.code not in SILENT:
            email = HUE_MEMBER if unit.code == HUE else speaker_of(unit)
            async with cast.acting(email, batch.as_of) as tx:
                await batch.record(tx, {unit: reported_by(unit)})


def _so_far(reading: Reading, *, whole: bool) -> Reading:
    """The reading of today or, half way, two thirds of it."""
    online, dossiers = reading
    return Reading(online if whole else (online * 2 / 3).to_integral_value(), dossiers)


class Batch(NamedTuple):
    """Values recorded together; the note is how they are known again."""

    indicator: Indicator
    basis: Basis
    as_of: date
    note: str

    async def record(self, tx: Tx, readings: Mapping[Unit, Reading]) -> None:
        """Record those that are not there yet."""
        query = sa.select(Measurement.unit_id).where(
            Measurement.indicator_id == self.indicator.id,
            Measurement.basis == self.basis,
            Measurement.note == self.note,
            Measurement.unit_id.in_([unit.id for unit in readings]),
        )
        there = set(await tx.session.scalars(query))
        rows = [self._row(unit, value) for unit, value in readings.items() if unit.id not in there]
        if rows:
            await record_many(tx, rows)

    def _row(self, unit: Unit, value: Reading) -> Row:
        return Row(
            indicator_id=self.indicator.id,
            unit_id=unit.id,
            basis=self.basis,
            as_of=self.as_of,
            numerator=value.online,
            denominator=value.dossiers,
            source=SOURCES[self.basis],
            note=self.note,
        )
