"""The demonstration's plans: the national one of 2024 moved to this season, and the closed one of 2021."""

import calendar
from collections.abc import Collection
from datetime import date
from importlib.resources import files
from typing import Any

import sqlalchemy as sa
import yaml

from vdept.kernel.db import Tx
from vdept.kernel.errors import RefusedMany
from vdept.targets.cascade import assign
from vdept.targets.holding import acknowledge
from vdept.targets.importing import import_plans
from vdept.targets.models import Indicator, KeyResult, Plan, Target
from vdept.units.models import UnitKind
from vdept_workers.demo.people import (
    COMMUNE_HEAD,
    COORDINATOR,
    HUE,
    HUE_HEAD,
    ISSUER,
    MINISTRY,
    SYSTEM,
    THUAN_HOA,
    Cast,
    speaker_of,
)
from vdept_workers.demo.season import Season

FILE = "national-plan.yaml"
SILENT = {"11", "12", "14", "42", "96"}
"""Provinces that have neither acknowledged nor reported anything."""


async def load_national_plan(cast: Cast, season: Season) -> Plan:
    """Issued and assigned in one act, handed on by Huế to its communes, acknowledged by most."""
    national, _ = _document()
    moved = _moved(national, season)
    plan = await import_plan(cast, moved, season.issued_on)
    online = await key_result_of(cast, plan, "CS-HSTT")
    async with cast.acting(HUE_HEAD, season.day(2)) as tx:
        held = await _targets(tx, plan, [cast.unit(HUE)], online)
        below = await tx.session.scalar(sa.select(Target.id).where(Target.parent_id == held[0]).limit(1))
        if below is None:
            await assign(tx, held[0], all_of_kind=UnitKind.COMMUNE)
    speakers = {unit.code: speaker_of(unit) for unit in cast.provinces if unit.code not in SILENT}
    for code, email in {**speakers, MINISTRY: COORDINATOR, THUAN_HOA: COMMUNE_HEAD}.items():
        async with cast.acting(email, season.day(4)) as tx:
            unseen = await _targets(tx, plan, [cast.unit(code)], acknowledged=False)
            if unseen:
                await acknowledge(tx, unseen)
    return plan


async def load_closed_plan(cast: Cast, season: Season) -> Plan:
    """The plan of 2021 with its own dates, entered for the record by the units that exist today."""
    _, closed = _document()
    return await import_plan(cast, closed, season.today)


async def key_result_of(cast: Cast, plan: Plan, indicator_code: str) -> KeyResult:
    """The plan's key result on the indicator with this code."""
    query = sa.select(KeyResult).join(Indicator, Indicator.id == KeyResult.indicator_id)
    async with cast.database.snapshot(SYSTEM) as tx:
        found = await tx.session.scalars(
            query.where(KeyResult.plan_id == plan.id, Indicator.code == indicator_code)
        )
        return found.one()


async def indicator_of(cast: Cast, key_result: KeyResult) -> Indicator:
    async with cast.database.snapshot(SYSTEM) as tx:
        return await tx.session.get_one(Indicator, key_result.indicator_id)


async def targets_by_unit(cast: Cast, key_result: KeyResult) -> dict[int, Target]:
    async with cast.database.snapshot(SYSTEM) as tx:
        found = await tx.session.scalars(sa.select(Target).where(Target.key_result_id == key_result.id))
        return {target.unit_id: target for target in found}


async def _targets(
    tx: Tx,
    plan: Plan,
    unit_ids: Collection[int],
    key_result: KeyResult | None = None,
    *,
    acknowledged: bool | None = None,
) -> list[int]:
    query = sa.select(Target.id).where(Target.plan_id == plan.id, Target.unit_id.in_(unit_ids))
    if key_result is not None:
        query = query.where(Target.key_result_id == key_result.id)
    if acknowledged is not None:
        query = query.where(Target.acknowledged_at.is_not(None) == acknowledged)
    return list(await tx.session.scalars(query.order_by(Target.id)))


# The file -------------------------------------------------------------------------------------------------


def _document() -> tuple[dict[str, Any], dict[str, Any]]:
    """The two plans as the platform's own file describes them."""
    text = files("vdept.targets").joinpath("data", FILE).read_text("utf-8")
    national, closed = yaml.safe_load(text)["plans"]
    return national, closed


async def import_plan(cast: Cast, plan: dict[str, Any], day: date) -> Plan:
    """The plan of that code: the one that is there, or imported, issued and assigned by the issuer."""
    async with cast.acting(ISSUER, day) as tx:
        known = await _by_code(tx, plan["code"])
        if known is not None:
            return known
        content = yaml.safe_dump({"plans": [plan]}, allow_unicode=True).encode()
        report = await import_plans(tx, content, FILE, issue=True, assign=True)
        if report.errors:
            raise RefusedMany(list(report.errors))
        imported = await _by_code(tx, plan["code"])
        assert imported is not None  # noqa: S101 -- it was just written
        return imported


async def _by_code(tx: Tx, code: str) -> Plan | None:
    found: Plan | None = await tx.session.scalar(sa.select(Plan).where(Plan.code == code))
    return found


def _moved(plan: dict[str, Any], season: Season) -> dict[str, Any]:
    """The plan with its dates in this season, its year in title and code, and a start to come from.

    The indicators began near nothing; a baseline of 0 makes attainment what it is to a reader: value by
    target.
    """
    first: date = plan["cycle"]["from"]
    months = 12 * (season.starts_on.year - first.year) + season.starts_on.month - first.month
    moved: dict[str, Any] = _shifted(plan, months)
    for name in ("code", "title", "legal_basis"):
        moved[name] = moved[name].replace(str(first.year), str(season.ends_on.year))
    for objective in moved["objectives"]:
        for key_result in objective["key_results"]:
            key_result.setdefault("baseline", 0)
    return moved


def _shifted(value: Any, months: int) -> Any:
    """Every date in ``value`` moved by whole months; the last day of a month stays one."""
    if isinstance(value, dict):
        return {key: _shifted(item, months) for key, item in value.items()}
    if isinstance(value, list):
        return [_shifted(item, months) for item in value]
    if not isinstance(value, date):
        return value
    year, month = divmod(12 * value.year + value.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    ended = value.day == calendar.monthrange(value.year, value.month)[1]
    return date(year, month + 1, last if ended else min(value.day, last))
