"""Both walls say the same: what ``visible_tasks`` selects as the tables' owner, row security shows bare."""

import random

import pytest
from sqlalchemy import ColumnElement, select, text

from factories import NOW, SYSTEM, participation, person, task, unit
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.db import Database, Tx
from vdept.kernel.scopes import Scope
from vdept.targets.models import Audience
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import (
    Assignee,
    Participation,
    ParticipationState,
    Task,
    TaskComment,
    TaskEvidence,
    TaskState,
)
from vdept.units.models import BESIDE_THE_TREE, Unit, UnitKind

TASKS, PRINCIPALS = 40, 40


async def tree(tx: Tx, dice: random.Random) -> list[Unit]:
    """A government, what stands below it at random, and firms and associations beside it."""
    units = [await unit(tx, kind=UnitKind.GOVERNMENT)]
    for _ in range(dice.randint(4, 9)):
        units.append(await unit(tx, parent=dice.choice(units)))
    beside = [UnitKind.FIRM, UnitKind.FIRM, UnitKind.ASSOCIATION]
    return [*units, *[await unit(tx, kind=kind) for kind in beside[: dice.randint(2, 3)]]]


async def work(tx: Tx, dice: random.Random, units: list[Unit]) -> None:
    """Tasks of every audience, with and without a lead, with parts in every state, and what is in them."""
    states = [TaskState.OPEN, TaskState.OFFERED, TaskState.ACCEPTED, TaskState.IN_PROGRESS]
    for _ in range(TASKS):
        owner = dice.choice(units)
        lead = dice.choice([None, dice.choice(units)])
        state = TaskState.OPEN if lead is None else dice.choice(states[1:])
        audience = dice.choices(list(Audience), [1, 2, 6])[0]
        row = await task(tx, owner, lead, audience=audience, state=state)
        others = [each for each in dice.sample(units, dice.randint(0, 3)) if each is not lead]
        for each in others:
            await participation(tx, row, each, state=dice.choice(list(ParticipationState)))
        if lead is not None and dice.random() < 0.3:
            part = await tx.session.get_one(Participation, (row.id, lead.id))
            part.state = dice.choice([ParticipationState.DECLINED, ParticipationState.LEFT])
        by = dice.choice([owner, *others])
        stamp = {"task_id": row.id, "unit_id": by.id}
        tx.session.add(TaskComment(**stamp, body="…", created_at=NOW))
        tx.session.add(TaskEvidence(**stamp, title="…", url="https://a.vn", created_at=NOW))
    await tx.session.flush()


def principal(dice: random.Random, units: list[Unit]) -> Actor:
    """Anybody: a person in any number of units, a client of one or for one, an administrator, a job."""
    seats = tuple(
        Seat(each.id, dice.choice(list(Role)), tuple(each.path), each.kind not in BESIDE_THE_TREE)
        for each in dice.sample(units, dice.choice([0, 1, 1, 1, 2, 3]))
    )
    scopes = dice.choice(
        [frozenset(), frozenset({Scope.PLANS_READ}), frozenset({Scope.TASKS_READ, Scope.TASKS_WRITE})]
    )
    kind = dice.random()
    if kind < 0.05:
        return SYSTEM
    if kind < 0.1:
        return Actor(ActorKind.PERSON, person_id=1, administrator=True, seats=seats)
    if kind < 0.15:
        return Actor(ActorKind.PERSON, seats=seats)
    if kind < 0.3:
        return Actor(ActorKind.CLIENT, client_id=1, seats=seats[:1], scopes=scopes)
    if kind < 0.4:
        return Actor(ActorKind.PERSON, person_id=1, client_id=1, seats=seats, scopes=scopes)
    return Actor(ActorKind.PERSON, person_id=1, seats=seats)


async def ids_of(tx: Tx, visible: ColumnElement[bool] | None) -> list[tuple[str, list[tuple[int, ...]]]]:
    """The keys of all rows in the guarded tables: of what is ``visible``, or (None) bare."""
    found = []
    for model in (Task, Participation, Assignee, TaskComment, TaskEvidence):
        keys = list(model.__table__.primary_key.columns)
        query = select(*keys).order_by(*keys)
        if visible is not None and model is not Task:
            query = query.join(Task, Task.id == model.__table__.c.task_id)
        if visible is not None:
            query = query.where(visible)
        found.append((model.__tablename__, [tuple(row) for row in await tx.session.execute(query)]))
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_both_walls_show_the_same_rows_to_anybody(db: Database, owner: Database, seed: int) -> None:
    dice = random.Random(seed)
    async with db.begin(SYSTEM, now=NOW) as tx:
        units = await tree(tx, dice)
        await work(tx, dice, units)
        await person(tx)
        await tx.session.execute(
            text(
                "INSERT INTO assignee (task_id, person_id, unit_id, assigned_at)"
                " SELECT t.id, p.id, t.owner_unit_id, now() FROM task t, person p"
            )
        )
    some = 0
    for _ in range(PRINCIPALS):
        who = principal(dice, units)
        async with owner.snapshot(who) as tx:
            first = await ids_of(tx, visible_tasks(who))
        async with db.snapshot(who) as tx:
            second = await ids_of(tx, None)
        assert second == first, who
        some += 0 < len(first[0][1]) < TASKS
    assert some > PRINCIPALS / 4  # most principals see a part of it: the comparison says something
