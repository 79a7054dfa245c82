"""The nightly audit is silent where all is right, and names what is wrong without touching it."""

import sqlalchemy as sa
from structlog.testing import capture_logs

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.db import Database
from vdept.outcomes.models import TargetOutcome
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed
from vdept_workers import jobs


async def test_a_wrong_figure_is_cried_out_and_left_as_it_is(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        holder = await make.unit(tx)
        plan = await make.plan(tx, holder, code="KH-KIEM")
        key_result = await make.key_result(tx, plan, await make.indicator(tx))
        target = await make.target(tx, key_result, holder)
        await target_changed(tx, plan.id, [target.id])
    await refresh(db, now=NOW)
    context = {"database": db, "holder": "test"}
    with capture_logs() as logs:
        await jobs.audit_outcomes(context)
    assert logs == []

    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(TargetOutcome).values(children_met=5))
    with capture_logs() as logs:
        await jobs.audit_outcomes(context)
    (entry,) = logs
    assert (entry["log_level"], entry["plan"], entry["rows"]) == ("error", "KH-KIEM", 1)
    assert entry["first"] == [f"target_outcome {target.id}.children_met: 5 stored, 0 rebuilt"]
    async with db.snapshot(SYSTEM) as tx:
        assert (await tx.session.get_one(TargetOutcome, target.id)).children_met == 5
