"""The scan against a naive reference: task by task in Python, over small worlds made at random."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from factories import NOW, SYSTEM, membership, person, plan, task, unit
from reminders_world import at
from vdept.calendars.models import CalendarException, CalendarScope, WorkingCalendar
from vdept.calendars.rules import Calendar
from vdept.calendars.upkeep import remake
from vdept.deadlines import rules, scanning
from vdept.deadlines.models import Recipient, Reminder, ReminderPolicy, ReminderStep
from vdept.deadlines.rules import DEFAULT_STEPS, PolicyStep
from vdept.kernel.actor import Role
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx
from vdept.targets.models import Plan
from vdept.tasks.models import Assignee, Task, TaskState
from vdept.tasks.rules import OPEN_STATES
from vdept.units.models import Unit, UnitKind

START = date(2026, 3, 2)
KINDS = (UnitKind.GOVERNMENT, UnitKind.PROVINCE, UnitKind.COMMUNE, UnitKind.FIRM, UnitKind.FIRM)
PARENTS = (None, 0, 1, None, None)
STATES = (TaskState.OPEN, TaskState.IN_PROGRESS, TaskState.IN_PROGRESS, TaskState.DECLINED)
DAYS = st.integers(-8, 8)

seats = st.tuples(
    st.integers(0, 5), st.integers(0, 4), st.sampled_from([Role.HEAD, Role.DEPUTY, Role.COORDINATOR])
)
tasks = st.fixed_dictionaries(
    {
        "due": DAYS,
        "created": st.integers(-20, 5),
        "state": st.sampled_from(STATES),
        "owner": st.integers(0, 4),
        "lead": st.integers(0, 4),
        "of_plan": st.booleans(),
        "workers": st.sets(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=3),
    }
)
worlds = st.fixed_dictionaries(
    {
        "seats": st.lists(seats, min_size=2, max_size=14, unique=True),
        "idle": st.sets(st.integers(0, 5), max_size=2),
        "tasks": st.lists(tasks, min_size=3, max_size=8),
        "policy": st.lists(
            st.builds(PolicyStep, st.integers(-6, 6), st.sampled_from(list(Recipient))),
            max_size=6,
            unique=True,
        ),
        "off": st.sets(st.integers(-10, 10), max_size=3),
        "scans": st.lists(st.integers(0, 9), min_size=1, max_size=4),
    }
)


@dataclass
class Made:
    units: list[Unit] = field(default_factory=list)
    calendars: dict[int, Calendar] = field(default_factory=dict)
    seats: dict[int, dict[Role, set[int]]] = field(default_factory=dict)
    members: set[tuple[int, int]] = field(default_factory=set)
    tasks: list[tuple[Task, list[tuple[int, int]]]] = field(default_factory=list)
    policy: list[PolicyStep] = field(default_factory=list)
    plan: Plan = None  # type: ignore[assignment]


async def _make(tx: Tx, world: dict[str, Any]) -> Made:
    made = Made(policy=world["policy"])
    for kind, parent in zip(KINDS, PARENTS, strict=True):
        made.units.append(await unit(tx, kind=kind, parent=None if parent is None else made.units[parent]))
    people = [await person(tx, active=i not in world["idle"]) for i in range(6)]
    made.seats = {each.id: defaultdict(set) for each in made.units}
    heads: set[int] = set()
    for who, where, role in world["seats"]:
        if role is Role.HEAD and where in heads:
            continue
        heads |= {where} if role is Role.HEAD else set()
        await membership(tx, people[who], made.units[where], role)
        if who not in world["idle"]:
            made.seats[made.units[where].id][role].add(people[who].id)
            made.members.add((people[who].id, made.units[where].id))
    made.plan = await plan(tx, made.units[1])
    if world["policy"]:
        tx.session.add(ReminderPolicy(plan_id=made.plan.id, changed_at=NOW))
        await tx.session.flush()
        tx.session.add_all(
            ReminderStep(plan_id=made.plan.id, step=a, recipient=b) for a, b in world["policy"]
        )
    for each in world["tasks"]:
        lead = None if each["state"] is TaskState.OPEN else made.units[each["lead"]]
        more = {"state_reason": "không đủ người"} if each["state"] is TaskState.DECLINED else {}
        row = await task(
            tx,
            made.units[each["owner"]],
            lead,
            made.plan if each["of_plan"] else None,
            state=each["state"],
            due_on=START + timedelta(each["due"]),
            created_at=at(START + timedelta(each["created"]), 12),
            updated_at=at(START + timedelta(each["created"]), 12),
            **more,
        )
        workers = dict(sorted(each["workers"]))
        for who, where in workers.items():
            tx.session.add(
                Assignee(
                    task_id=row.id, person_id=people[who].id, unit_id=made.units[where].id, assigned_at=NOW
                )
            )
        made.tasks.append((row, [(people[who].id, made.units[where].id) for who, where in workers.items()]))
    await _own_calendar(tx, made, world["off"])
    return made


async def _own_calendar(tx: Tx, made: Made, off: set[int]) -> None:
    """The province (and so its commune) has days of its own, off or worked against the rule."""
    region = made.units[1]
    own = WorkingCalendar(scope=CalendarScope.REGION, unit_id=region.id)
    tx.session.add(own)
    national = await _calendar(tx, 0)
    for offset in off:
        day = START + timedelta(offset)
        tx.session.add(
            CalendarException(
                scope=CalendarScope.REGION,
                unit_id=region.id,
                day=day,
                working=not national.is_working(day),
                name="Riêng",
                reason="Quyết định",
                created_at=NOW,
            )
        )
    await tx.session.flush()
    await remake(tx, [own.id])
    regional = await _calendar(tx, own.id)
    made.calendars = {each.id: national for each in made.units}
    made.calendars |= {made.units[1].id: regional, made.units[2].id: regional}


async def _calendar(tx: Tx, calendar_id: int) -> Calendar:
    rows = await tx.session.execute(
        sa.text("SELECT day, working FROM calendar_day WHERE calendar_id = :id ORDER BY day"),
        {"id": calendar_id},
    )
    days = list(rows)
    return Calendar(days[0][0], days[-1][0], [day for day, working in days if working])


def _line(made: Made, main: Unit, other: Unit) -> list[int]:
    line = list(reversed(main.path))
    if not main.public_body and other.id != main.id:
        line += reversed(other.path)
    return line


def _found(made: Made, line: list[int], *, head: bool) -> tuple[set[int], int, list[int]]:
    """Who is found along a line of units, where, and whom it passed over."""
    roles = (Role.HEAD,) if head else (Role.COORDINATOR, Role.DEPUTY, Role.HEAD)
    for place, unit_id in enumerate(line):
        for role in roles:
            if made.seats[unit_id][role]:
                return made.seats[unit_id][role], unit_id, line[:place]
    return set(), 0, line


def _told(made: Made, row: Task, workers: list[tuple[int, int]], who: Recipient) -> set[tuple[int, int]]:
    """(person, unit) whom one step of one task is for."""
    units = {each.id: each for each in made.units}
    owner = units[row.owner_unit_id]
    lead = units[row.lead_unit_id] if row.lead_unit_id else owner
    issuer = made.plan.issuer_unit_id if row.plan_id else owner.path[0]
    if who is Recipient.ASSIGNEES:
        there = {pair for pair in workers if pair in made.members}
        if there:
            return there
    if who in {Recipient.ASSIGNER_HEAD, Recipient.ASSIGNER_COORDINATOR}:
        line = _line(made, owner, lead)
    elif who is Recipient.ISSUER_HEAD:
        line = _line(made, units[issuer], lead)
    else:
        line = _line(made, lead, owner)
    people, unit_id, _ = _found(made, line, head=who.value.endswith("_HEAD"))
    return {(each, unit_id) for each in people}


def _expected(made: Made, after: date, as_of: date, sent: set[tuple[int, int, int]]) -> set[tuple[Any, ...]]:
    rows: set[tuple[Any, ...]] = set()
    for row, workers in made.tasks:
        if row.state not in OPEN_STATES:
            continue
        calendar = made.calendars[row.lead_unit_id or row.owner_unit_id]
        steps = made.policy if row.plan_id and made.policy else DEFAULT_STEPS
        found: dict[int, dict[int, list[Recipient]]] = defaultdict(lambda: defaultdict(list))
        day = after + timedelta(1)
        while day <= as_of:
            if day >= local_date(row.created_at):
                for step, who in rules.steps_on(calendar, row.due_on, day, steps):
                    for person_id, _ in _told(made, row, workers, who):
                        found[person_id][step].append(who)
            day += timedelta(1)
        for person_id, by_step in found.items():
            new = {step: who for step, who in by_step.items() if (row.id, person_id, step) not in sent}
            if not new:
                continue
            step, folded = rules.fold(new)
            who = rules.most_accountable(new[step])
            unit_ids = {u for p, u in _told(made, row, workers, who) if p == person_id}
            assert len(unit_ids) == 1
            rows.add((row.id, row.due_on, step, person_id, who, *unit_ids, folded))
    return rows


CLEARED = """TRUNCATE reminder_batch, reminder, reminder_scan, reminder_step, reminder_policy, assignee,
    participation, task, calendar_exception, membership, working_calendar, calendar_day CASCADE"""


async def _clear(owner: Database) -> None:
    async with owner.begin(SYSTEM, now=NOW) as tx:
        days = "CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM calendar_day WHERE calendar_id = 0"
        await tx.session.execute(sa.text(days))
        await tx.session.execute(sa.text(CLEARED))
        await tx.session.execute(sa.text("INSERT INTO working_calendar (id, scope) VALUES (0, 'NATIONAL')"))
        await tx.session.execute(sa.text("INSERT INTO calendar_day SELECT * FROM kept"))


async def _agrees(db: Database, owner: Database, world: dict[str, Any]) -> None:
    await _clear(owner)
    async with db.begin(SYSTEM, now=NOW) as tx:
        made = await _make(tx, world)
    sent: set[tuple[int, int, int]] = set()
    scanned_on: date | None = None
    as_of = START
    for gap in world["scans"]:
        as_of += timedelta(gap)
        national = made.calendars[made.units[0].id]
        missed = scanned_on is not None and any(
            calendar.is_working(scanned_on + timedelta(k))
            for calendar in {id(c): c for c in made.calendars.values()}.values()
            for k in range(1, (as_of - scanned_on).days)
        )
        span = rules.span(scanned_on, as_of, day_off=not national.is_working(as_of), missed=missed)
        assert span is not None
        expected = _expected(made, span.after, as_of, sent)
        report = await scanning.scan(db, as_of=as_of, now=at(as_of))
        async with db.snapshot(SYSTEM) as tx:
            rows = list(await tx.session.scalars(sa.select(Reminder)))
        found = {
            (r.subject_id, r.due_on, r.step, r.recipient_id, r.recipient, r.unit_id, tuple(r.folded))
            for r in rows
            if (r.subject_id, r.recipient_id, r.step) not in sent
        }
        assert found == expected
        assert report.reminders == len(expected)
        sent |= {(r.subject_id, r.recipient_id, r.step) for r in rows}
        scanned_on = span.mark or scanned_on


def test_the_scan_finds_what_a_naive_one_finds(database_url: str) -> None:
    with asyncio.Runner() as runner:
        db, owner = Database(database_url), Database(database_url, role=None)

        @settings(max_examples=80, deadline=None, database=None)
        @given(world=worlds)
        def agrees(world: dict[str, Any]) -> None:
            runner.run(_agrees(db, owner, world))

        agrees()
        runner.run(db.close())
        runner.run(owner.close())
