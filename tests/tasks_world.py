"""A small country in which tests of tasks happen, and ways to act in it and to look at what changed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from factories import NOW, SYSTEM, actor, indicator, key_result, person, plan, target, task, unit
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.people.models import Person
from vdept.targets.models import KeyResult, Plan, Target
from vdept.tasks.models import Task
from vdept.units.models import Unit, UnitKind

TODAY = date(2026, 3, 2)
DUE = date(2026, 6, 30)
TABLES = (
    "task",
    "participation",
    "assignee",
    "task_target",
    "task_dependency",
    "task_comment",
    "task_evidence",
    "task_extension",
    "task_recurrence",
    "notification",
    "outcome_change",
    "activity",
)


@dataclass
class World:
    """``ministry`` sets tasks; ``province`` (above ``commune``), ``other`` and ``firm`` do them."""

    db: Database
    units: dict[str, Unit] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)
    plan: Plan = None  # type: ignore[assignment]
    key_result: KeyResult = None  # type: ignore[assignment]
    targets: dict[str, Target] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        """``world.province`` is the unit, ``world.province_head`` the actor."""
        if name in self.__dict__["units"]:
            return self.units[name]
        if name in self.__dict__["actors"]:
            return self.actors[name]
        raise AttributeError(name)

    async def do(self, who: Actor, verb: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> Any:
        """One act in its own transaction."""
        async with self.db.begin(who, now=NOW) as tx:
            return await verb(tx, *args, **more)

    async def ask(self, who: Actor, query: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> Any:
        async with self.db.snapshot(who, now=NOW) as tx:
            return await query(tx, *args, **more)

    async def refused(
        self, who: Actor, verb: Callable[..., Awaitable[Any]], *args: Any, **more: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """The code and path of a refusal; nothing has changed, even if the transaction then commits."""
        before = await self.everything()
        async with self.db.begin(who, now=NOW) as tx:
            with pytest.raises(Refused) as caught:
                await verb(tx, *args, **more)
        assert await self.everything() == before
        caught.value.message()
        return caught.value.code, caught.value.path

    async def everything(self) -> list[tuple[str, Any]]:
        """All rows that a verb of tasks can write."""
        async with self.db.snapshot(SYSTEM) as tx:
            return [
                (
                    table,
                    (
                        await tx.session.execute(
                            text(f"SELECT array_agg(r::text ORDER BY r::text) FROM {table} AS r")
                        )
                    ).scalar_one(),
                )
                for table in TABLES
            ]

    async def verbs(self, task_id: int) -> list[tuple[str, int | None, dict[str, Any]]]:
        """What the activity log says of a task, in order."""
        async with self.db.snapshot(SYSTEM) as tx:
            rows = await tx.session.execute(
                text("SELECT verb, unit_id, data FROM activity WHERE subject_id = :id ORDER BY id"),
                {"id": task_id},
            )
            return [(verb, unit_id, data) for verb, unit_id, data in rows]

    async def changes(self) -> list[tuple[int | None, int | None]]:
        """What the roll-up was told: (task, target)."""
        async with self.db.snapshot(SYSTEM) as tx:
            rows = await tx.session.execute(text("SELECT task_id, target_id FROM outcome_change ORDER BY id"))
            return [(task_id, target_id) for task_id, target_id in rows]

    async def parts(self, task_id: int) -> dict[int, tuple[str, str, int, int, date, bool]]:
        """Each unit's role, state, share, progress and copies."""
        async with self.db.snapshot(SYSTEM) as tx:
            rows = await tx.session.execute(
                text(
                    "SELECT unit_id, role, state, share, progress, due_on, open FROM participation"
                    " WHERE task_id = :id ORDER BY unit_id"
                ),
                {"id": task_id},
            )
            return {row[0]: tuple(row[1:]) for row in rows}  # type: ignore[misc]

    async def task(self, task_id: int) -> Task:
        async with self.db.snapshot(SYSTEM) as tx:
            return await tx.session.get_one(Task, task_id)

    async def given(self, owner: str = "ministry", lead: str | None = "province", **more: Any) -> Task:
        """A task as if verbs had brought it there, in the plan."""
        of = more.pop("of", self.plan)
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            return await task(tx, self.units[owner], self.units[lead] if lead else None, of, **more)

    async def somebody(self, where: str, role: Role = Role.MEMBER) -> tuple[Person, Actor]:
        """A new person with a role in a unit."""
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            who = await actor(tx, self.units[where], role)
            assert who.person_id is not None
            return await tx.session.get_one(Person, who.person_id), who


async def build(db: Database) -> World:
    world = World(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        units = world.units
        units["government"] = await unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        units["ministry"] = await unit(tx, "Bộ Thông tin", UnitKind.MINISTRY, units["government"])
        units["province"] = await unit(tx, "Lào Cai", UnitKind.PROVINCE, units["government"])
        units["commune"] = await unit(tx, "Sa Pa", UnitKind.COMMUNE, units["province"])
        units["other"] = await unit(tx, "Cà Mau", UnitKind.PROVINCE, units["government"])
        units["firm"] = await unit(tx, "Công ty A", UnitKind.FIRM)
        units["rival"] = await unit(tx, "Công ty B", UnitKind.FIRM)
        for name, where in units.items():
            world.actors[f"{name}_head"] = await actor(tx, where, Role.HEAD)
        for name in ("ministry", "province", "firm"):
            for role in (Role.COORDINATOR, Role.MEMBER, Role.OBSERVER):
                world.actors[f"{name}_{role.value.lower()}"] = await actor(tx, units[name], role)
        nobody = await person(tx)
        from vdept.people.actors import actor_for

        world.actors["nobody"] = await actor_for(tx.session, nobody, tx.today)
        world.plan = await plan(tx, units["government"])
        world.key_result = await key_result(tx, world.plan, await indicator(tx))
        root = await target(tx, world.key_result, units["government"])
        world.targets["government"] = root
        for name in ("province", "other", "ministry"):
            world.targets[name] = await target(tx, world.key_result, units[name], root)
    return world
