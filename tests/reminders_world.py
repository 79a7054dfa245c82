"""A small country in which deadlines pass, and ways to scan it and to look at who was reminded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from factories import NOW, SYSTEM, membership, person, plan, task, unit
from factories import actor as an_actor
from vdept.calendars.upkeep import ensure
from vdept.deadlines import scanning
from vdept.deadlines.models import (
    Recipient,
    Reminder,
    ReminderBatch,
)
from vdept.deadlines.scanning import ScanReport
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import LOCAL
from vdept.kernel.db import Database, Tx
from vdept.people.actors import actor_for
from vdept.people.models import Person
from vdept.targets.models import Plan, Target
from vdept.tasks.models import Assignee, Task, TaskState
from vdept.units.models import Unit, UnitKind

MONDAY = date(2026, 3, 2)
LONG_AGO = datetime(2025, 1, 2, 3, 0, tzinfo=UTC)
R = Recipient


def at(day: date, hour: int = 0, minute: int = 5) -> datetime:
    """An instant of a local day; five past midnight unless told, when the worker scans."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=LOCAL)


@dataclass
class Country:
    """A government, a ministry that sets tasks, a province that leads them with its commune, two firms."""

    db: Database
    units: dict[str, Unit] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    plan: Plan = None  # type: ignore[assignment]

    async def do(self, act: Callable[[Tx], Any]) -> Any:
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            return await act(tx)

    async def task(
        self, due_on: date, owner: str = "ministry", lead: str | None = "province", **more: Any
    ) -> Task:
        workers = more.pop("workers", ())
        more.setdefault("created_at", LONG_AGO)
        more.setdefault("updated_at", LONG_AGO)
        more.setdefault("state", TaskState.IN_PROGRESS if lead else TaskState.OPEN)
        of = more.pop("of", None)
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            made = await task(
                tx, self.units[owner], self.units[lead] if lead else None, of, due_on=due_on, **more
            )
            for name in workers:
                where = self.units[name.split("_")[0]]
                tx.session.add(
                    Assignee(
                        task_id=made.id,
                        person_id=self.people[name].id,
                        unit_id=where.id,
                        assigned_at=LONG_AGO,
                    )
                )
        return made

    async def leave(self, *names: str, on: date = date(2026, 1, 31)) -> None:
        """These people's roles end."""
        ids = [self.people[name].id for name in names]
        async with self.db.begin(SYSTEM) as tx:
            await tx.session.execute(
                sa.text("UPDATE membership SET ends_on = :on WHERE person_id = ANY (:ids)"),
                {"on": on, "ids": ids},
            )

    async def change(self, row: Task | Target | Plan, **values: Any) -> None:
        async with self.db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.update(type(row)).where(type(row).id == row.id).values(**values))

    async def actor(self, where: str, role: Role) -> Actor:
        """Who holds the role in the unit; somebody new for a role that nobody has."""
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            who = self.people.get(f"{where}_{role.value.lower()}")
            if who is None:
                return await an_actor(tx, self.units[where], role)
            return await actor_for(tx.session, who, tx.today)

    async def scan(self, as_of: date, now: datetime | None = None) -> ScanReport:
        return await scanning.scan(self.db, as_of=as_of, now=now or at(as_of))

    async def scanned(self, day: date) -> None:
        """The platform was up on ``day``: its watermark stands there."""
        async with self.db.begin(SYSTEM) as tx:
            await tx.session.execute(
                sa.text(
                    "INSERT INTO reminder_scan VALUES (true, :day, :now)"
                    " ON CONFLICT (single) DO UPDATE SET scanned_on = :day"
                ),
                {"day": day, "now": at(day)},
            )

    async def reminders(self) -> list[Reminder]:
        async with self.db.snapshot(SYSTEM) as tx:
            return list(await tx.session.scalars(sa.select(Reminder).order_by(Reminder.id)))

    async def told(self) -> set[tuple[int, str]]:
        """(step, who) of all reminders."""
        names = {who.id: name for name, who in self.people.items()}
        return {(one.step, names[one.recipient_id]) for one in await self.reminders()}

    async def batches(self) -> list[tuple[int, int, datetime]]:
        async with self.db.snapshot(SYSTEM) as tx:
            rows = await tx.session.scalars(sa.select(ReminderBatch).order_by(ReminderBatch.id))
            return [(row.first_id, row.last_id, row.due_at) for row in rows]


async def build(db: Database) -> Country:
    land = Country(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await ensure(tx)
        units = land.units
        units["government"] = await unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        units["ministry"] = await unit(tx, "Bộ", UnitKind.MINISTRY, units["government"])
        units["province"] = await unit(tx, "Tỉnh", UnitKind.PROVINCE, units["government"])
        units["commune"] = await unit(tx, "Xã", UnitKind.COMMUNE, units["province"])
        units["firm"] = await unit(tx, "Công ty", UnitKind.FIRM)
        units["rival"] = await unit(tx, "Công ty khác", UnitKind.FIRM)
        for where in units:
            for role in (Role.HEAD, Role.COORDINATOR, Role.MEMBER):
                who = await person(tx)
                land.people[f"{where}_{role.value.lower()}"] = who
                await membership(tx, who, units[where], role)
        land.plan = await plan(tx, units["government"])
    return land
