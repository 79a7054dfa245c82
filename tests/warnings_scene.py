"""A province with two communes and a firm, a plan, and what makes early warnings open and close."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import LOCAL
from vdept.kernel.db import Database
from vdept.measurements.models import Measurement
from vdept.notifications.models import Notification
from vdept.outcomes.models import PlanEvaluation
from vdept.outcomes.refresh import reevaluate, refresh
from vdept.targets.changes import target_changed
from vdept.targets.models import Basis, Indicator, KeyResult, Plan, Rollup, Target
from vdept.tasks.models import Task, TaskState
from vdept.units.models import Unit, UnitKind
from vdept.warnings.detecting import Report, detect
from vdept.warnings.models import EarlyWarning

START, END = date(2026, 1, 1), date(2026, 12, 31)


def morning(day: date) -> datetime:
    """08:00 in Vietnam."""
    return datetime.combine(day, time(8), LOCAL).astimezone(UTC)


@dataclass
class Scene:
    """``nation`` issues; ``province`` (above ``north`` and ``south``) and ``firm`` hold and lead."""

    db: Database
    units: dict[str, Unit] = field(default_factory=dict)
    heads: dict[str, Actor] = field(default_factory=dict)
    coordinators: dict[str, Actor] = field(default_factory=dict)
    plan: Plan = None  # type: ignore[assignment]
    indicator: Indicator = None  # type: ignore[assignment]
    key_result: KeyResult = None  # type: ignore[assignment]
    targets: dict[str, Target] = field(default_factory=dict)

    async def add_target(self, name: str, parent: str | None = None, **more: Any) -> Target:
        of = more.pop("of", self.key_result)
        more.setdefault("acknowledged_at", morning(START))
        async with self.db.begin(SYSTEM, now=morning(START)) as tx:
            above = self.targets[parent] if parent else None
            row = await make.target(tx, of, self.units[name], above, **more)
            await target_changed(tx, of.plan_id, [row.id])
        self.targets[name] = row
        return row

    async def measure(
        self, name: str, on: date, value: str, basis: Basis = Basis.MEASURED, what: Indicator | None = None
    ) -> None:
        async with self.db.begin(SYSTEM, now=morning(on)) as tx:
            tx.session.add(
                Measurement(
                    indicator_id=(what or self.indicator).id,
                    unit_id=self.units[name].id,
                    as_of=on,
                    basis=basis,
                    value=Decimal(value),
                    source="test",
                    recorded_at=morning(on),
                )
            )
            await tx.session.flush()
            target = self.targets[name]
            await target_changed(tx, target.plan_id, [target.id])

    async def add_task(self, lead: str, accepted_on: date, **more: Any) -> Task:
        """A task that its lead accepted on a day, as the log says too."""
        more.setdefault("state", TaskState.IN_PROGRESS)
        owner = more.pop("owner", "nation")
        of = more.pop("of", self.plan)
        at = morning(accepted_on)
        async with self.db.begin(SYSTEM, now=at) as tx:
            more.setdefault("created_at", at)
            more.setdefault("updated_at", at)
            row = await make.task(tx, self.units[owner], self.units[lead], of, **more)
            tx.record("task.accepted", "Task", row.id, unit_id=self.units[lead].id)
        return row

    async def set(self, row: Any, **values: Any) -> None:
        """Change a row as if a verb had, and roll up what follows."""
        async with self.db.begin(SYSTEM) as tx:
            mapped = type(row)
            await tx.session.execute(sa.update(mapped).where(mapped.id == row.id).values(**values))
            if mapped is Target:
                await target_changed(tx, row.plan_id, [row.id])

    async def on(self, day: date) -> Report:
        """The morning of a day: roll up, move the plans to it, detect."""
        while (await refresh(self.db, now=morning(day))).more:
            pass
        await reevaluate(self.db, as_of=day)
        return await detect(self.db, as_of=day, now=morning(day))

    async def warnings(self, *, closed: bool = False) -> list[EarlyWarning]:
        async with self.db.snapshot(SYSTEM) as tx:
            query = sa.select(EarlyWarning).order_by(EarlyWarning.id)
            query = query.where(EarlyWarning.closed_at.is_not(None) == closed)
            return list(await tx.session.scalars(query))

    async def kinds(self) -> list[tuple[str, str]]:
        """Kind and severity of what is open."""
        return sorted((str(row.kind), str(row.severity)) for row in await self.warnings())

    async def told(self) -> list[Notification]:
        async with self.db.snapshot(SYSTEM) as tx:
            return list(await tx.session.scalars(sa.select(Notification).order_by(Notification.id)))

    async def said(self, verb: str) -> list[Activity]:
        async with self.db.snapshot(SYSTEM) as tx:
            query = sa.select(Activity).where(Activity.verb == verb).order_by(Activity.id)
            return list(await tx.session.scalars(query))

    async def add_key_result(self, what: Indicator | None = None, **more: Any) -> KeyResult:
        async with self.db.begin(SYSTEM) as tx:
            more.setdefault("rollup", Rollup.MEAN)
            more.setdefault("baseline", Decimal(0))
            more.setdefault("value", Decimal(100))
            return await make.key_result(tx, self.plan, what or self.indicator, **more)


async def build(db: Database, **indicator: Any) -> Scene:
    scene = Scene(db)
    async with db.begin(SYSTEM, now=morning(START)) as tx:
        units = scene.units
        units["nation"] = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        units["province"] = await make.unit(tx, "Lào Cai", UnitKind.PROVINCE, units["nation"])
        units["north"] = await make.unit(tx, "Sa Pa", UnitKind.COMMUNE, units["province"])
        units["south"] = await make.unit(tx, "Bắc Hà", UnitKind.COMMUNE, units["province"])
        units["other"] = await make.unit(tx, "Cà Mau", UnitKind.PROVINCE, units["nation"])
        units["firm"] = await make.unit(tx, "Công ty A", UnitKind.FIRM)
        for name, where in units.items():
            scene.heads[name] = await make.actor(tx, where, Role.HEAD)
        for name in ("province", "north"):
            scene.coordinators[name] = await make.actor(tx, units[name], Role.COORDINATOR)
        scene.plan = await make.plan(tx, units["nation"], starts_on=START, ends_on=END)
        scene.indicator = await make.indicator(tx, ratio=False, **indicator)
        tx.session.add(PlanEvaluation(plan_id=scene.plan.id, evaluated_on=START))
    scene.key_result = await scene.add_key_result()
    return scene


def days(count: int) -> timedelta:
    return timedelta(days=count)
