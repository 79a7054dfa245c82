"""Small builders of real rows for tests; defaults are plausible, everything can be given."""

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import Actor, Role, system
from vdept.kernel.db import Tx
from vdept.kernel.text import fold, sort_key
from vdept.people.actors import actor_for
from vdept.people.models import Membership, Person
from vdept.sources.models import (
    ConnectorKind,
    Intake,
    IntakeState,
    Reach,
    RejectedReading,
    Source,
    SourceConnector,
    SourceIndicator,
    Way,
)
from vdept.targets.models import (
    Audience,
    Basis,
    Direction,
    Frequency,
    Indicator,
    KeyResult,
    Objective,
    Plan,
    PlanState,
    Rollup,
    Target,
)
from vdept.tasks.models import ParticipantRole, Participation, ParticipationState, Task, TaskKind, TaskState
from vdept.tasks.rules import LIVE, is_open
from vdept.units.models import Unit, UnitKind

_serial = itertools.count(1)
START = date(2000, 1, 1)
SYSTEM = system("test")
NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""A Monday, 10:00 in Vietnam."""


async def unit(
    tx: Tx, name: str = "", kind: UnitKind = UnitKind.PROVINCE, parent: Unit | None = None, **more: Any
) -> Unit:
    number = next(_serial)
    name = name or f"Đơn vị {number}"
    row = Unit(
        code=more.pop("code", f"U{number:06d}"),
        name=name,
        kind=kind,
        parent_id=parent.id if parent else None,
        path=[],
        sort_key=sort_key(name),
        search=fold(name),
        valid_from=more.pop("valid_from", START),
        **more,
    )
    from sqlalchemy import text

    row.id = int(
        (await tx.session.execute(text("SELECT nextval(pg_get_serial_sequence('unit', 'id'))"))).scalar_one()
    )
    row.path = [*(parent.path if parent else []), row.id]
    tx.session.add(row)
    await tx.session.flush()
    return row


async def person(tx: Tx, name: str = "", **more: Any) -> Person:
    number = next(_serial)
    name = name or f"Nguyễn Văn {number}"
    row = Person(
        name=name,
        email=more.pop("email", f"person{number}@example.vn"),
        sort_key=sort_key(name),
        search=fold(name),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def membership(
    tx: Tx,
    who: Person,
    where: Unit,
    role: Role = Role.HEAD,
    starts_on: date = START,
    ends_on: date | None = None,
) -> Membership:
    row = Membership(person_id=who.id, unit_id=where.id, role=role, starts_on=starts_on, ends_on=ends_on)
    tx.session.add(row)
    await tx.session.flush()
    return row


async def actor(tx: Tx, where: Unit, role: Role = Role.HEAD, **more: Any) -> Actor:
    """A new person with ``role`` in ``where``, as the actor they are today."""
    who = await person(tx, **more)
    await membership(tx, who, where, role)
    return await actor_for(tx.session, who, tx.today)


async def indicator(
    tx: Tx, *, ratio: bool = True, direction: Direction = Direction.AT_LEAST, **more: Any
) -> Indicator:
    number = next(_serial)
    name = more.pop("name", f"Chỉ số {number}")
    row = Indicator(
        code=more.pop("code", f"I{number:06d}"),
        name=name,
        unit_of_measure=more.pop("unit_of_measure", "%"),
        direction=direction,
        numerator="đạt" if ratio else None,
        denominator="tổng số" if ratio else None,
        sort_key=sort_key(name),
        search=fold(name),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def source(tx: Tx, owner: Unit, *measures: Indicator, **more: Any) -> Source:
    """A registered source of a unit that measures these indicators."""
    name = more.pop("name", f"Nguồn {next(_serial)}")
    row = Source(
        unit_id=owner.id,
        name=name,
        method=more.pop("method", "Đếm trong cơ sở dữ liệu"),
        frequency=more.pop("frequency", Frequency.MONTHLY),
        way=more.pop("way", Way.PUSH),
        reach=more.pop("reach", Reach.SUBTREE),
        sort_key=sort_key(name),
        created_at=more.pop("created_at", NOW),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    tx.session.add_all([SourceIndicator(source_id=row.id, indicator_id=one.id) for one in measures])
    await tx.session.flush()
    return row


async def intake(tx: Tx, of: Source, **more: Any) -> Intake:
    """A delivery of a source with one rejected row."""
    row = Intake(
        source_id=of.id,
        unit_id=of.unit_id,
        state=IntakeState.RECEIVED,
        received_at=NOW,
        sha256=bytes(32),
        size=100,
        rows=1,
        rejected=1,
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def connector(tx: Tx, of: Source, **more: Any) -> SourceConnector:
    """How a source is asked; it is not due."""
    fields = [{"field": name, "path": f"$.{name}"} for name in ("UNIT", "INDICATOR", "AS_OF", "VALUE")]
    row = SourceConnector(
        source_id=of.id,
        unit_id=of.unit_id,
        kind=more.pop("kind", ConnectorKind.HTTP_JSON),
        setting={"url": more.pop("url", "https://kho.hue.gov.vn/"), "rows": "$[*]", "fields": fields},
        every_minutes=more.pop("every_minutes", 60),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def rejected_reading(tx: Tx, of: Source, what: Indicator, **more: Any) -> RejectedReading:
    """A row of a source that was rejected although it is sound by now."""
    came = more.pop("intake", None) or await intake(tx, of)
    code = await tx.session.scalar(sa.select(Unit.code).where(Unit.id == of.unit_id))
    given = {"unitCode": code, "indicatorCode": what.code, "asOf": "2026-01-31"}
    row = RejectedReading(
        source_id=of.id,
        unit_id=of.unit_id,
        intake_id=came.id,
        row=1,
        given={**given, "numerator": "1", "denominator": "4"},
        code="READING_UNIT_UNKNOWN",
        path="unitCode",
        params={"unit": code},
        rejected_at=NOW,
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def plan(tx: Tx, issuer: Unit, **more: Any) -> Plan:
    number = next(_serial)
    row = Plan(
        code=more.pop("code", f"KH{number:06d}"),
        title=more.pop("title", f"Kế hoạch {number}"),
        issuer_unit_id=issuer.id,
        starts_on=more.pop("starts_on", date(2026, 1, 1)),
        ends_on=more.pop("ends_on", date(2026, 12, 31)),
        audience=more.pop("audience", Audience.GOVERNMENT),
        state=more.pop("state", PlanState.ISSUED),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def key_result(
    tx: Tx, of: Plan, what: Indicator, *, rollup: Rollup = Rollup.EACH, **more: Any
) -> KeyResult:
    number = next(_serial)
    objective = more.pop("objective", None)
    if objective is None:
        objective = Objective(plan_id=of.id, position=number, title=f"Mục tiêu {number}")
        tx.session.add(objective)
        await tx.session.flush()
    row = KeyResult(
        plan_id=of.id,
        objective_id=objective.id,
        indicator_id=what.id,
        position=more.pop("position", number),
        title=more.pop("title", what.name),
        value=more.pop("value", Decimal(60)),
        due_on=more.pop("due_on", of.ends_on),
        rollup=rollup,
        basis=more.pop("basis", Basis.MEASURED),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def target(tx: Tx, of: KeyResult, holder: Unit, parent: Target | None = None, **more: Any) -> Target:
    """A target row as the cascade would write it, without its change rows."""
    row = Target(
        plan_id=of.plan_id,
        key_result_id=of.id,
        indicator_id=of.indicator_id,
        unit_id=holder.id,
        parent_id=parent.id if parent else None,
        level=parent.level + 1 if parent else 0,
        value=more.pop("value", of.value),
        value_high=more.pop("value_high", of.value_high),
        baseline=more.pop("baseline", of.baseline),
        starts_on=more.pop("starts_on", date(2026, 1, 1)),
        due_on=more.pop("due_on", of.due_on),
        assigned_by_unit_id=parent.unit_id if parent else holder.id,
        assigned_at=more.pop("assigned_at", NOW),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def task(tx: Tx, owner: Unit, lead: Unit | None = None, of: Plan | None = None, **more: Any) -> Task:
    """A task row as the verbs would leave it, its lead a participant; without activities or change rows."""
    number = next(_serial)
    title = more.pop("title", f"Nhiệm vụ {number}")
    due_on = more.pop("due_on", date(2026, 6, 30))
    role = more.pop("role", ParticipantRole.BUILDER)
    share = more.pop("share", 1)
    if more.get("state") is TaskState.PAUSED:
        more.setdefault("paused_on", NOW.date())
    row = Task(
        plan_id=of.id if of else None,
        title=title,
        search=fold(title),
        kind=more.pop("kind", TaskKind.ROUTINE),
        audience=more.pop("audience", Audience.GOVERNMENT),
        state=more.pop("state", TaskState.OFFERED if lead else TaskState.OPEN),
        owner_unit_id=owner.id,
        lead_unit_id=lead.id if lead else None,
        created_at=more.pop("created_at", NOW),
        updated_at=more.pop("updated_at", NOW),
        due_on=due_on,
        original_due_on=more.pop("original_due_on", due_on),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    if lead is not None:
        accepted = row.state not in {TaskState.OFFERED, TaskState.DECLINED}
        state = ParticipationState.ACCEPTED if accepted else ParticipationState.INVITED
        if row.state is TaskState.DECLINED:
            state = ParticipationState.DECLINED
        await participation(tx, row, lead, role=role, share=share, state=state)
    return row


async def participation(tx: Tx, of: Task, who: Unit, **more: Any) -> Participation:
    """A unit's part in a task, with the copies that the task's state and date ask for."""
    state = more.pop("state", ParticipationState.ACCEPTED)
    row = Participation(
        task_id=of.id,
        unit_id=who.id,
        role=more.pop("role", ParticipantRole.CONTRIBUTOR),
        state=state,
        share=more.pop("share", 1),
        progress=more.pop("progress", 0),
        due_on=of.due_on,
        open=is_open(of.state) and state in LIVE,
        updated_at=NOW,
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row
