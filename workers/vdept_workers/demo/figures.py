"""The demonstration's values: what systems measured and what units reported, side by side.

Huế's are the story of the plan: 30 % reported, 17 % measured. Those of 2021 are the ones that were published.
All others are invented and say so in their source; they follow from the unit's code, so that they are the
same on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.measurements.bulk import Row, record_many
from vdept.measurements.models import Measurement
from vdept.sources.receiving import Given
from vdept.targets.models import Basis, Plan
from vdept.units.models import Unit
from vdept_workers.demo.people import HUE, HUE_MEMBER, ISSUER, NINH_BINH, Cast, speaker_of
from vdept_workers.demo.plans import SILENT, key_result_of
from vdept_workers.demo.season import Season
from vdept_workers.demo.sources import ECONOMY, ONE_STOP, PUBLISHED, SERVICES, close, send, source_of

REPORTED_BY = "Báo cáo định kỳ của đơn vị (số minh họa)"

AHEAD = {"01": 641, "22": 655, "48": 662}
"""Per mille measured in the provinces that already reach 60 %."""

OF_2021 = {
    "86": "Bến Tre, nay thuộc Vĩnh Long",
    "80": "Tây Ninh",
    "BYT": "Bộ Y tế",
    "BKHCN": "Bộ Thông tin và Truyền thông, nay thuộc Bộ Khoa học và Công nghệ",
}
"""Who was at 100 % in the first quarter of 2021, by the code of the unit it is today."""


class Reading(NamedTuple):
    """A value, or the two parts of a ratio; a note where there is something to say."""

    numerator: Decimal | None = None
    denominator: Decimal | None = None
    value: Decimal | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Values reported together; their note begins with its name, by which they are known again."""

    name: str
    indicator_id: int
    as_of: date
    source: str
    basis: Basis = Basis.REPORTED

    async def record(self, tx: Tx, readings: Mapping[Unit, Reading]) -> None:
        """Record those that are not there yet."""
        query = sa.select(Measurement.unit_id).where(
            Measurement.indicator_id == self.indicator_id,
            Measurement.basis == self.basis,
            Measurement.note.startswith(self.name),
            Measurement.unit_id.in_([unit.id for unit in readings]),
        )
        there = set(await tx.session.scalars(query))
        rows = [self._row(unit, reading) for unit, reading in readings.items() if unit.id not in there]
        if rows:
            await record_many(tx, rows)

    def _row(self, unit: Unit, reading: Reading) -> Row:
        return Row(
            indicator_id=self.indicator_id,
            unit_id=unit.id,
            basis=self.basis,
            as_of=self.as_of,
            value=reading.value,
            numerator=reading.numerator,
            denominator=reading.denominator,
            source=self.source,
            note=f"{self.name}. {reading.note}".strip(),
        )


def sent(name: str, indicator_id: int, as_of: date, readings: Mapping[Unit, Reading]) -> dict[int, Given]:
    """What a system sends of these units."""
    return {
        unit.id: Given(
            unit.code,
            indicator_id,
            as_of,
            value=reading.value,
            numerator=reading.numerator,
            denominator=reading.denominator,
            note=f"{name}. {reading.note}".strip(),
        )
        for unit, reading in readings.items()
    }


# Dossiers handled online ----------------------------------------------------------------------------------


def measured_in(unit: Unit) -> Reading:
    """What the systems of a province or commune show."""
    number = int(unit.code)
    if unit.code == HUE:
        per_mille, dossiers = 170, 100_000
    else:
        per_mille = AHEAD.get(unit.code, 140 + number * 211 % 430)
        dossiers = 1000 * (40 + number * 37 % 160)
    return Reading(Decimal(per_mille * dossiers // 1000), Decimal(dossiers))


def half_way_in(unit: Unit) -> Reading:
    """What they showed half a year ago: two thirds of it."""
    now = measured_in(unit)
    assert now.numerator is not None  # noqa: S101
    return now._replace(numerator=Decimal(int(now.numerator) * 2 // 3))


def reported_by(unit: Unit) -> Reading:
    """What a province says itself: as much, or more."""
    now = measured_in(unit)
    assert now.numerator is not None  # noqa: S101
    assert now.denominator is not None  # noqa: S101
    if unit.code == HUE:
        return now._replace(numerator=Decimal(30_000))
    more = int(now.denominator) * (int(unit.code) % 12) // 100
    return now._replace(numerator=now.numerator + more)


async def load_figures(cast: Cast, season: Season, plan: Plan) -> None:
    """Provinces measured twice and reported once, the communes of Huế measured once; and the budgets."""
    online = (await key_result_of(cast, plan, "CS-HSTT")).indicator_id
    services = await source_of(cast, SERVICES, season.day(10), [online])
    await source_of(cast, ONE_STOP, season.day(10), [online])
    for name, day, readings in (
        ("đợt 1", season.day(45), {unit: half_way_in(unit) for unit in cast.provinces}),
        ("đợt 2", season.day(96), {unit: measured_in(unit) for unit in cast.provinces}),
        ("cấp xã", season.day(97), {unit: measured_in(unit) for unit in cast.communes_of(HUE)}),
    ):
        await send(cast, services, day, sent(f"{plan.code} {name}", online, day, readings))
    reports = Batch(f"{plan.code} báo cáo", online, season.day(95), REPORTED_BY)
    for unit in cast.provinces:
        if unit.code not in SILENT:
            email = HUE_MEMBER if unit.code == HUE else speaker_of(unit)
            async with cast.acting(email, reports.as_of) as tx:
                await reports.record(tx, {unit: reported_by(unit)})
    await _load_others(cast, season, plan)


async def _load_others(cast: Cast, season: Season, plan: Plan) -> None:
    """Budgets as the Government Office received them; the digital economy's part in Ninh Bình."""
    day = season.day(90)
    budget = (await key_result_of(cast, plan, "CS-NSCDS")).indicator_id
    reports = Batch(f"{plan.code} ngân sách", budget, day, REPORTED_BY)
    share = (await key_result_of(cast, plan, "CS-KTS")).indicator_id
    async with cast.acting(ISSUER, day) as tx:
        units = [unit for unit in (*cast.provinces, *cast.ministries) if unit.code not in SILENT]
        await reports.record(tx, {unit: _budget(i) for i, unit in enumerate(units)})
    economy = await source_of(cast, ECONOMY, season.day(10), [share])
    measured = {cast.units[NINH_BINH]: Reading(Decimal(44_100), Decimal(310_000))}
    await send(cast, economy, day, sent(f"{plan.code} kinh tế số", share, day, measured))


def _budget(number: int) -> Reading:
    """Per cent of the budget, from 0.4 to 1.5."""
    return Reading(value=Decimal(4 + number * 5 % 12) / 10)


# The closed plan ------------------------------------------------------------------------------------------


async def load_figures_of_2021(cast: Cast, season: Season, plan: Plan) -> None:
    """Only what was published: of everybody else nothing is known, which by the rules is not met."""
    services = (await key_result_of(cast, plan, "CS-DVC4")).indicator_id
    source = await source_of(cast, PUBLISHED, season.today, [services])
    readings = {cast.units[code]: Reading(value=Decimal(100), note=then) for code, then in OF_2021.items()}
    await send(cast, source, season.today, sent(plan.code, services, date(2021, 3, 31), readings))
    await close(cast, PUBLISHED, source, season.today)
