"""A shared task seen through the API: three units, their people, and what the database holds."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text

import factories
from api.conftest import Api, Reply, World
from tasks_world import TABLES
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import local_date, utc_now
from vdept.targets.models import Plan, Target
from vdept.tasks.models import Task
from vdept.units.models import Unit, UnitKind
from vdept_graphql.ids import encode

OPERATIONS = Path(__file__).parents[2] / "graphql" / "operations"
TODAY = local_date(utc_now())
DUE = TODAY + timedelta(days=60)
ENDS = TODAY + timedelta(days=200)


def uid(unit: Unit) -> str:
    return encode("Unit", unit.id)


def tid(task: Task | int) -> str:
    return encode("Task", task if isinstance(task, int) else task.id)


def pid(actor: Actor) -> str:
    assert actor.person_id is not None
    return encode("Person", actor.person_id)


def days(number: int) -> str:
    return str(TODAY + timedelta(days=number))


@dataclass
class Scene:
    """The ministry has the problem, the firm builds, the province of Huế uses; a rival firm looks on."""

    api: Api
    world: World
    rival: Unit
    rival_head: Actor
    firm_member: Actor
    firm_observer: Actor
    hue_member: Actor
    plan: Plan
    hue_target: Target
    ministry_target: Target

    async def run(
        self, file: str, operation: str, variables: dict[str, Any], as_: Actor, **headers: str
    ) -> Reply:
        """One operation of a committed document."""
        document = (OPERATIONS / f"{file}.graphql").read_text(encoding="utf-8")
        body = {"query": document, "operationName": operation, "variables": variables}
        return await self.api.post(msgspec.json.encode(body), as_, **headers)

    async def act(self, mutation: str, given: dict[str, Any], as_: Actor) -> dict[str, Any]:
        """The task after a verb that must succeed."""
        reply = await self.api.do(mutation, given, as_, "task { id state progress version }")
        payload = reply.data[mutation]
        assert payload["errors"] == []
        task: dict[str, Any] = payload["task"]
        return task

    async def everything(self) -> list[Any]:
        """All rows that a verb of tasks can write."""
        async with self.api.database.snapshot(factories.SYSTEM) as tx:
            return [
                (
                    await tx.session.execute(
                        text(f"SELECT array_agg(r::text ORDER BY r::text) FROM {table} AS r")
                    )
                ).scalar_one()
                for table in (*TABLES, "idempotency_key")
            ]

    async def shared_task(self, **more: Any) -> str:
        """A task set by the ministry, offered to the firm, with Huế invited; its global id."""
        given = {
            "title": "Hồ sơ một cửa liên thông",
            "ownerUnitId": uid(self.world.ministry),
            "dueOn": str(DUE),
            "leadUnitId": uid(self.world.firm),
            "leadShare": 3,
            "planId": encode("Plan", self.plan.id),
            "participants": [
                {"unitId": uid(self.world.hue), "role": "USER", "share": 1},
                {"unitId": uid(self.world.ministry), "role": "PROBLEM_OWNER", "share": 1},
            ],
            "targets": [{"targetId": encode("Target", self.hue_target.id), "weight": "2.5"}],
            **more,
        }
        return str((await self.act("createTask", given, self.world.minister))["id"])

    async def running_task(self, **more: Any) -> str:
        """The same, accepted by everybody and begun."""
        task = await self.shared_task(**more)
        await self.act("acceptTask", {"taskId": task}, self.world.firm_head)
        await self.act("acceptInvitation", {"taskId": task}, self.world.hue_head)
        await self.act("startTask", {"taskId": task}, self.world.firm_head)
        return task

    async def tasks(self, number: int, lead: Unit | None = None, **more: Any) -> list[Task]:
        """Rows as the verbs would leave them."""
        async with self.api.database.begin(factories.SYSTEM) as tx:
            more.setdefault("due_on", DUE)
            return [
                await factories.task(tx, self.world.ministry, lead or self.world.hue, self.plan, **more)
                for _ in range(number)
            ]


async def build(api: Api, world: World) -> Scene:
    """Everything that tests of tasks start from."""
    async with api.database.begin(factories.SYSTEM) as tx:
        rival = await factories.unit(tx, "Công ty Đối Thủ", UnitKind.FIRM)
        starts: date = TODAY - timedelta(days=100)
        plan = await factories.plan(tx, world.government, starts_on=starts, ends_on=ENDS, three_roles=True)
        what = await factories.key_result(tx, plan, await factories.indicator(tx))
        root = await factories.target(tx, what, world.government, starts_on=starts)
        return Scene(
            api,
            world,
            rival,
            await factories.actor(tx, rival, name="Đinh Thị Đối Thủ"),
            await factories.actor(tx, world.firm, Role.MEMBER, name="Phạm Kỹ Sư"),
            await factories.actor(tx, world.firm, Role.OBSERVER),
            await factories.actor(tx, world.hue, Role.MEMBER, name="Trần Thị Huế"),
            plan,
            await factories.target(tx, what, world.hue, root, starts_on=starts),
            await factories.target(tx, what, world.ministry, root, starts_on=starts),
        )
