"""Draw up a plan, issue it, close it.

Only a draft can be changed. Issuing gives the issuer the root target of every key result; from there the
cascade runs. After closing nothing is assigned or changed any more; the figures stay.
"""

from datetime import date

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.versions import next_version
from vdept.targets import rules
from vdept.targets.access import MANAGERS_OF_ISSUER, get_objective, get_plan
from vdept.targets.changes import DOORBELL, lock_readings
from vdept.targets.errors import CODE_TAKEN, ISSUER_NOT_PUBLIC, PLAN_EMPTY, POSITION_TAKEN
from vdept.targets.indicators import CODE_LIMIT, next_id
from vdept.targets.models import Audience, KeyResult, Objective, Plan, PlanState
from vdept.targets.statements import ROOTS, author
from vdept.units.access import get_unit


async def create_plan(
    tx: Tx,
    *,
    title: str,
    issuer_unit_id: int,
    starts_on: date,
    ends_on: date,
    audience: Audience = Audience.GOVERNMENT,
    code: str | None = None,
    legal_basis: str | None = None,
    grace_days: int = 14,
    stale_days: int = 30,
    three_roles: bool = False,
) -> Plan:
    """A new draft of a public body. Without ``code`` one is given."""
    issuer = await get_unit(tx, issuer_unit_id, "issuerUnitId")
    tx.actor.require(tx.actor.has(issuer.id, MANAGING), MANAGERS_OF_ISSUER, "issuerUnitId")
    if not issuer.public_body:
        raise ISSUER_NOT_PUBLIC.at("issuerUnitId", unit=issuer.name)
    rules.require_cycle(starts_on, ends_on)
    rules.require_days(grace_days, 0, "graceDays")
    rules.require_days(stale_days, 1, "staleDays")
    number = await next_id(tx, "plan")
    plan = Plan(
        id=number,
        code=rules.clean_optional(code, CODE_LIMIT, "code") or f"KH-{starts_on.year}-{number}",
        title=rules.clean_text(title, rules.TITLE_LIMIT, "title"),
        legal_basis=rules.clean_optional(legal_basis, rules.TEXT_LIMIT, "legalBasis"),
        issuer_unit_id=issuer.id,
        starts_on=starts_on,
        ends_on=ends_on,
        audience=audience,
        state=PlanState.DRAFT,
        grace_days=grace_days,
        stale_days=stale_days,
        three_roles=three_roles,
    )
    await require_free_code(tx, plan.code)
    tx.session.add(plan)
    await tx.session.flush()
    tx.record(
        "plan.created",
        "Plan",
        plan.id,
        unit_id=issuer.id,
        plan_id=plan.id,
        data={"code": plan.code, "title": plan.title},
    )
    return plan


async def require_free_code(tx: Tx, code: str, *path: str | int) -> None:
    if await tx.session.scalar(sa.select(sa.exists().where(Plan.code == code))):
        raise CODE_TAKEN.at(*(path or ("code",)), code=code)


def require_issuer(tx: Tx, plan: Plan, *path: str) -> None:
    """Only the issuer's managing people draw up, issue and close a plan."""
    tx.actor.require(tx.actor.has(plan.issuer_unit_id, MANAGING), MANAGERS_OF_ISSUER, *path)


async def get_draft(tx: Tx, plan_id: int, *path: str) -> Plan:
    """The plan, locked, that the actor may change: its own draft."""
    plan = await get_plan(tx, plan_id, *path, lock=True)
    require_issuer(tx, plan, *path)
    rules.require_plan_state(plan.state, PlanState.DRAFT, *path)
    return plan


async def add_objective(tx: Tx, plan_id: int, title: str, position: int | None = None) -> Objective:
    """Add an objective to a draft, at the end unless told where."""
    plan = await get_draft(tx, plan_id, "planId")
    title = rules.clean_text(title, rules.TITLE_LIMIT, "title")
    position = await free_position(tx, Objective.position, Objective.plan_id == plan.id, position)
    objective = Objective(plan_id=plan.id, position=position, title=title)
    tx.session.add(objective)
    await tx.session.flush()
    tx.record(
        "objective.added",
        "Objective",
        objective.id,
        unit_id=plan.issuer_unit_id,
        plan_id=plan.id,
        data={"title": title},
    )
    return objective


async def rename_objective(tx: Tx, objective_id: int, title: str) -> Objective:
    """Give an objective of a draft another title."""
    objective = await get_objective(tx, objective_id)
    plan = await get_draft(tx, objective.plan_id, "objectiveId")
    objective.title = rules.clean_text(title, rules.TITLE_LIMIT, "title")
    await tx.session.flush()
    tx.record(
        "objective.renamed",
        "Objective",
        objective.id,
        unit_id=plan.issuer_unit_id,
        plan_id=plan.id,
        data={"title": objective.title},
    )
    return objective


async def free_position(
    tx: Tx, column: "sa.orm.InstrumentedAttribute[int]", among: "sa.ColumnElement[bool]", asked: int | None
) -> int:
    """The position asked for if it is free, otherwise the one after the last. The owner row is locked."""
    taken = (await tx.session.scalars(sa.select(column).where(among))).all()
    if asked is None:
        return max(taken, default=0) + 1
    if asked in taken or not 1 <= asked <= 10_000:
        raise POSITION_TAKEN.at("position", position=asked)
    return asked


async def issue_plan(tx: Tx, plan_id: int, *, expected_version: int | None = None) -> Plan:
    """Make a draft binding: the issuer gets the root target of every key result, acknowledged by issuing."""
    plan = await get_draft(tx, plan_id, "planId")
    next_version(plan, expected_version)
    indicators = (
        await tx.session.scalars(sa.select(KeyResult.indicator_id).where(KeyResult.plan_id == plan.id))
    ).all()
    if not indicators:
        raise PLAN_EMPTY.at("planId")
    plan.state = PlanState.ISSUED
    plan.issued_at = tx.now
    await tx.session.flush()
    await lock_readings(tx, indicators)
    roots = await tx.session.execute(
        ROOTS, {**author(tx), "plan_id": plan.id, "today": tx.today, "unit_id": plan.issuer_unit_id}
    )
    tx.record(
        "plan.issued",
        "Plan",
        plan.id,
        unit_id=plan.issuer_unit_id,
        plan_id=plan.id,
        data={"keyResults": len(indicators), "targets": roots.scalar_one()},
    )
    tx.ring(DOORBELL)
    return plan


async def close_plan(tx: Tx, plan_id: int, *, expected_version: int | None = None) -> Plan:
    """End an issued plan: nothing is assigned or changed in it any more."""
    plan = await get_plan(tx, plan_id, lock=True)
    require_issuer(tx, plan, "planId")
    rules.require_plan_state(plan.state, PlanState.ISSUED, "planId")
    next_version(plan, expected_version)
    plan.state = PlanState.CLOSED
    await tx.session.flush()
    tx.record("plan.closed", "Plan", plan.id, unit_id=plan.issuer_unit_id, plan_id=plan.id)
    return plan
