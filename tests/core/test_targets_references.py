"""The database itself keeps targets whole: what they refer to exists, belongs together, and stays."""

from typing import NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

import factories as make
from factories import SYSTEM
from vdept.kernel.db import Database
from vdept.targets.models import KeyResult, Target
from vdept.units.models import Unit, UnitKind

NOBODY = 999_999


class Scene(NamedTuple):
    """Two key results of one plan, one of another; a root target; two provinces without a target."""

    first: KeyResult
    second: KeyResult
    elsewhere: KeyResult
    root: Target
    provinces: list[Unit]


@pytest.fixture
async def scene(db: Database) -> Scene:
    async with db.begin(SYSTEM) as tx:
        government = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        provinces = [
            await make.unit(tx, name, UnitKind.PROVINCE, government) for name in ("Thành phố Huế", "Lào Cai")
        ]
        plan, other = await make.plan(tx, government), await make.plan(tx, government)
        first = await make.key_result(tx, plan, await make.indicator(tx))
        second = await make.key_result(tx, plan, await make.indicator(tx))
        elsewhere = await make.key_result(tx, other, await make.indicator(tx))
        root = await make.target(tx, first, government)
        return Scene(first, second, elsewhere, root, provinces)


async def add(db: Database, scene: Scene, *units: int, **changed: int | None) -> None:
    """Targets of ``units`` below the root, as the cascade writes them but for what is ``changed``."""
    row = {
        "plan": scene.first.plan_id,
        "key_result": scene.first.id,
        "indicator": scene.first.indicator_id,
        "parent": scene.root.id,
        "level": 1,
        **changed,
    }
    statement = sa.text(
        """INSERT INTO target (plan_id, key_result_id, indicator_id, unit_id, parent_id, level, value,
            starts_on, due_on, assigned_by_unit_id, assigned_at)
        SELECT :plan, :key_result, :indicator, unit_id, :parent, :level, 60, '2026-01-01', '2026-12-31',
            1, now() FROM unnest(CAST(:units AS bigint[])) AS unit_id"""
    )
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(statement, {**row, "units": list(units)})


async def count(db: Database) -> int:
    async with db.snapshot(SYSTEM) as tx:
        return int(await tx.session.scalar(sa.select(sa.func.count()).select_from(Target)) or 0)


async def test_targets_that_refer_to_what_exists_are_written(db: Database, scene: Scene) -> None:
    await add(db, scene, *[province.id for province in scene.provinces])
    assert await count(db) == 3


@pytest.mark.parametrize("field", ["plan", "key_result", "indicator", "parent"])
async def test_a_reference_to_nothing_is_refused(db: Database, scene: Scene, field: str) -> None:
    with pytest.raises(IntegrityError, match="a target refers to"):
        await add(db, scene, scene.provinces[0].id, **{field: NOBODY})
    assert await count(db) == 1


async def test_one_unknown_unit_refuses_all_of_a_statement(db: Database, scene: Scene) -> None:
    with pytest.raises(IntegrityError, match="a target refers to"):
        await add(db, scene, *[province.id for province in scene.provinces], NOBODY)
    assert await count(db) == 1


async def test_the_key_result_must_be_of_the_plan(db: Database, scene: Scene) -> None:
    elsewhere = scene.elsewhere
    with pytest.raises(IntegrityError, match="a target refers to"):
        await add(db, scene, scene.provinces[0].id, key_result=elsewhere.id, indicator=elsewhere.indicator_id)
    assert await count(db) == 1


async def test_the_indicator_must_be_the_key_results(db: Database, scene: Scene) -> None:
    with pytest.raises(IntegrityError, match="a target refers to"):
        await add(db, scene, scene.provinces[0].id, indicator=scene.second.indicator_id)
    assert await count(db) == 1


async def test_the_parent_must_be_of_the_same_key_result(db: Database, scene: Scene) -> None:
    second = scene.second
    with pytest.raises(IntegrityError, match="a target refers to"):
        await add(db, scene, scene.provinces[0].id, key_result=second.id, indicator=second.indicator_id)
    assert await count(db) == 1


async def test_the_parent_must_be_one_level_up(db: Database, scene: Scene) -> None:
    with pytest.raises(IntegrityError, match="a target refers to"):
        await add(db, scene, scene.provinces[0].id, level=2)
    assert await count(db) == 1


@pytest.mark.parametrize("table", ["unit", "indicator", "plan", "key_result", "target"])
async def test_what_targets_refer_to_is_never_deleted(
    db: Database, owner: Database, scene: Scene, table: str
) -> None:
    assert scene.root
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(IntegrityError, match=r"append-only|targets refer to"):
            async with owner.begin(SYSTEM) as tx:
                await tx.session.execute(sa.text(statement))
    assert await count(db) == 1


async def test_a_key_result_without_targets_may_go(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.delete(KeyResult).where(KeyResult.id == scene.second.id))
    async with db.snapshot(SYSTEM) as tx:
        left = set(await tx.session.scalars(sa.select(KeyResult.id)))
    assert left == {scene.first.id, scene.elsewhere.id}
