"""Assign one key result to 11,000 units: the whole GraphQL mutation against what PostgreSQL must do anyway.

The mutation goes over HTTP to the API in its own process: reading the request, signing in, every check,
targets, activities and change rows, commit, and the payload. The first reference is nothing but the bare
``INSERT … SELECT`` of the same targets with their indexes, constraints and a durable commit; the second is
the ORM's ``add_all`` of the same targets. Nineteen other key results of the plan are assigned already.
"""

import sqlalchemy as sa

from bench import nation
from bench.api import Client, official, operation, running
from bench.harness import Figure, main, paired
from bench.servers import SYSTEM, fresh, owned, settle, vacuum
from vdept.kernel.db import Database, Tx
from vdept.targets.models import Target
from vdept.units.models import Unit, UnitKind
from vdept_graphql.ids import encode

UNITS, KEY_RESULT = 11_000, 20
MUTATION = """mutation ($input: AssignTargetsInput!) {
    assignTargets(input: $input) { count parent { id } errors { code message path } }
}"""
BARE = f"""INSERT INTO target (plan_id, key_result_id, indicator_id, unit_id, parent_id, level, value,
        baseline, weight, starts_on, due_on, assigned_by_unit_id, assigned_at)
    SELECT 1, {KEY_RESULT}, {KEY_RESULT}, id, :parent, 1, 60, 0, 1, :today, DATE '2026-12-31', 1, :now
    FROM unit WHERE kind = 'COMMUNE'"""


async def bench() -> list[Figure]:
    async with fresh("bench_assign") as (database, servers):
        async with owned(database) as owner, owner.begin(SYSTEM) as tx:
            await nation.units(tx.session, provinces=63, communes=UNITS)
            await nation.plan(tx.session, key_results=KEY_RESULT)
            await nation.targets(tx.session)
        parent = await _parent(database)
        await _undo(database)
        await settle(database)
        _, token = await official(database, 1)
        async with running(servers, token) as client:
            return await _figures(database, client, parent)


async def _figures(database: Database, client: Client, parent: int) -> list[Figure]:
    root = encode("Target", parent)
    every = operation(MUTATION, {"input": {"parentTargetId": root, "allOfKind": ["COMMUNE"]}})
    ids = [encode("Unit", 1000 + i) for i in range(1, UNITS + 1)]
    named = operation(MUTATION, {"input": {"parentTargetId": root, "unitIds": ids}})

    async def undo() -> None:
        await _undo(database)

    async def mutation() -> None:
        _assign(client, every)

    async def mutation_named() -> None:
        _assign(client, named)

    async def bare() -> None:
        async with database.begin(SYSTEM) as tx:
            values = {"parent": parent, "today": tx.today, "now": tx.now}
            await tx.session.execute(sa.text(BARE), values)

    async def add_all() -> None:
        async with database.begin(SYSTEM) as tx:
            await _add_all(tx, parent)

    whole = f"assign to {UNITS:,} units: the whole mutation"
    figures = [
        await paired(f"{whole} / bare INSERT … SELECT", mutation, bare, "<= 3.5", between=undo),
        await paired(
            f"{whole}, units named one by one / bare INSERT … SELECT",
            mutation_named,
            bare,
            "<= 3.5",
            between=undo,
        ),
        await paired(
            f"assign to {UNITS:,} units: the ORM's add_all of the targets / the whole mutation",
            add_all,
            mutation,
            ">= 3",
            runs=5,
            between=undo,
        ),
    ]
    await _verify(database)
    return figures


def _assign(client: Client, body: bytes) -> None:
    answer = client.post("/graphql", body)
    assert f'"count":{UNITS},'.encode() in answer, answer[:500]


async def _add_all(tx: Tx, parent: int) -> None:
    unit_ids = (await tx.session.scalars(sa.select(Unit.id).where(Unit.kind == UnitKind.COMMUNE))).all()
    root = await tx.session.get_one(Target, parent)
    tx.session.add_all(
        Target(
            plan_id=root.plan_id,
            key_result_id=root.key_result_id,
            indicator_id=root.indicator_id,
            unit_id=unit_id,
            parent_id=root.id,
            level=1,
            value=root.value,
            baseline=root.baseline,
            starts_on=tx.today,
            due_on=root.due_on,
            assigned_by_unit_id=root.unit_id,
            assigned_at=tx.now,
        )
        for unit_id in unit_ids
    )
    await tx.session.flush()


async def _parent(database: Database) -> int:
    query = sa.select(Target.id).where(Target.key_result_id == KEY_RESULT, Target.level == 0)
    async with database.snapshot(SYSTEM) as tx:
        return (await tx.session.scalars(query)).one()


async def _undo(database: Database) -> None:
    """As if the key result had not been assigned on; activities stay, as nothing removes them."""
    async with owned(database) as owner:
        async with owner.begin(SYSTEM) as tx:
            await nation.run(
                tx.session,
                "SET LOCAL session_replication_role = replica",  # nobody else may delete a target
                f"DELETE FROM target WHERE key_result_id = {KEY_RESULT} AND level > 0",
                "TRUNCATE outcome_change",
            )
        await vacuum(owner, "VACUUM target")


async def _verify(database: Database) -> None:
    """The last mutation left a target, an activity and a change row for every unit."""
    counts = sa.text(
        f"""SELECT (SELECT count(*) FROM target WHERE key_result_id = {KEY_RESULT} AND level = 1),
            (SELECT count(DISTINCT a.subject_id) FROM activity a JOIN target t ON t.id = a.subject_id
             WHERE a.subject_type = 'Target' AND t.key_result_id = {KEY_RESULT} AND t.level = 1),
            (SELECT count(*) FROM outcome_change)"""
    )
    async with database.snapshot(SYSTEM) as tx:
        found = tuple((await tx.session.execute(counts)).one())
    assert found == (UNITS, UNITS, UNITS), found


if __name__ == "__main__":
    main(bench)
