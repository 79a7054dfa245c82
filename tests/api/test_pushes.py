"""Single values that a program sends at the same moment: received together, each answered for itself."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from api.test_sources_api import Scene, row, scene
from factories import SYSTEM
from vdept.kernel.db import Database

__all__ = ["scene"]


async def asked(db: Database, sql: str) -> list[Any]:
    async with db.snapshot(SYSTEM) as tx:
        return [tuple(found) for found in await tx.session.execute(sa.text(sql))]


def day(number: int) -> str:
    return f"2026-01-{number + 1:02}"


async def test_they_share_transactions_and_each_has_its_own_intake_and_answer(
    scene: Scene, db: Database
) -> None:
    got = await asyncio.gather(
        *[
            scene.push(row(scene, asOf=day(n), numerator="NaN" if n == 7 else str(n)), idempotencyKey=f"k{n}")
            for n in range(20)
        ]
    )
    for n, answer in enumerate(got):
        assert answer["errors"] == []
        good = n != 7
        assert (answer["recorded"], answer["rejected"]) == ((1, 0) if good else (0, 1))
        assert [one["row"] for one in answer["rejections"]] == ([] if good else [1])
        assert (answer["intake"]["recorded"], answer["intake"]["rejected"]) == ((1, 0) if good else (0, 1))
    assert len({answer["intake"]["sha256"] for answer in got}) == 20
    [(intakes, transactions)] = await asked(db, "SELECT count(*), count(DISTINCT xmin::text) FROM intake")
    assert intakes == 20
    assert transactions < 10
    values = await asked(db, "SELECT m.as_of, m.numerator, i.recorded FROM measurement m JOIN intake i ON "
        "i.id = m.intake_id ORDER BY m.as_of")  # fmt: skip
    assert [(str(d), int(n), r) for d, n, r in values] == [(day(n), n, 1) for n in range(20) if n != 7]
    [(activities, bad)] = await asked(
        db,
        "SELECT (SELECT count(*) FROM activity WHERE verb = 'readings.received'), "
        "(SELECT count(*) FROM rejected_reading r JOIN intake i ON i.id = r.intake_id AND i.rejected = 1)",
    )
    assert (activities, bad) == (20, 1)


async def test_a_call_and_its_repetitions_at_once_take_effect_once(scene: Scene, db: Database) -> None:
    got = await asyncio.gather(*[scene.push(row(scene), idempotencyKey="same") for _ in range(6)])
    assert all(answer == got[0] for answer in got)
    assert got[0]["recorded"] == 1
    assert await asked(db, "SELECT count(*) FROM intake") == [(1,)]
    again = await scene.push(row(scene), idempotencyKey="same")
    assert again == got[0]


async def test_a_key_used_for_two_calls_at_once_is_refused_to_one_and_harms_no_other(
    scene: Scene, db: Database
) -> None:
    got = await asyncio.gather(
        scene.push(row(scene, asOf=day(0)), idempotencyKey="first"),
        scene.push(row(scene, asOf=day(1)), idempotencyKey="same"),
        scene.push(row(scene, asOf=day(2)), idempotencyKey="same"),
        scene.push(row(scene, asOf=day(3))),
    )
    assert [answer["recorded"] for answer in got] in ([1, 1, None, 1], [1, None, 1, 1])
    codes = [error["code"] for answer in got for error in answer["errors"]]
    assert codes == ["IDEMPOTENCY_KEY_REUSED"]
    assert await asked(db, "SELECT count(*) FROM measurement") == [(3,)]


async def test_two_values_for_the_same_day_at_once_are_one_after_the_other(
    scene: Scene, db: Database
) -> None:
    got = await asyncio.gather(*[scene.push(row(scene, numerator=str(n))) for n in range(8)])
    assert [answer["recorded"] for answer in got] == [1] * 8
    assert [answer["errors"] for answer in got] == [[]] * 8
    assert await asked(db, "SELECT count(*), count(DISTINCT supersedes_id) FROM measurement") == [(8, 7)]


@pytest.mark.parametrize("rows", [0, 101], ids=["none", "many"])
async def test_a_call_that_is_refused_or_large_among_small_ones(
    scene: Scene, db: Database, rows: int
) -> None:
    odd = [row(scene, asOf=f"20{20 + n // 28:02}-02-{n % 28 + 1:02}") for n in range(rows)]
    got = await asyncio.gather(
        scene.push(row(scene, asOf=day(0))), scene.push(*odd), scene.push(row(scene, asOf=day(1)))
    )
    assert [answer["recorded"] for answer in got] == [1, rows or None, 1]
    assert [error["code"] for answer in got for error in answer["errors"]] == ([] if rows else ["NO_ROWS"])
    assert await asked(db, "SELECT count(*) FROM intake") == [(3 if rows else 2,)]


async def test_what_a_paused_source_is_sent_is_refused_to_each(scene: Scene, db: Database) -> None:
    await scene.do("pauseSource", {"sourceId": scene.source, "reason": "Bảo trì"}, "source { state }")
    got = await asyncio.gather(
        *[scene.push(row(scene, asOf=day(n)), idempotencyKey=f"k{n}") for n in range(5)]
    )
    assert [[error["code"] for error in answer["errors"]] for answer in got] == [["SOURCE_PAUSED"]] * 5
    assert await asked(db, "SELECT count(*) FROM idempotency_key WHERE key LIKE 'k%'") == [(0,)]
