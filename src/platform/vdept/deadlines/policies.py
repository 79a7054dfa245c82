"""Whom a plan reminds, and when: its own steps, or the default's.

The managing people of the plan's issuer set them. A policy that would send one person hundreds of messages a
day is refused with the number; a dry run says the number and changes nothing. Undo is a reset.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from vdept.deadlines import rules
from vdept.deadlines.access import get_plan_to_set
from vdept.deadlines.models import Recipient, ReminderPolicy, ReminderStep
from vdept.deadlines.recipients import AT_WORK, CONTACT_KEY, CONTACTS, OPEN, STATION, STATION_JOINS
from vdept.deadlines.rules import DEFAULT_STEPS, Heaviest, PolicyStep
from vdept.kernel.activity import Activity
from vdept.kernel.actor import system
from vdept.kernel.db import Tx
from vdept.kernel.versions import check_version
from vdept.tasks.sql import among

ACTOR = system("reminder_policies")
SET, RESET = "plan.reminder_policy_set", "plan.reminder_policy_reset"


@dataclass(slots=True)
class Policy:
    """The steps of a plan. ``version`` 0: it has none of its own, and the default's hold."""

    plan_id: int
    steps: tuple[PolicyStep, ...] = DEFAULT_STEPS
    version: int = 0

    @property
    def own(self) -> bool:
        return self.version > 0


@dataclass(frozen=True, slots=True)
class PolicySet:
    """What setting a policy came to. ``heaviest``: the most that one person would be sent on one day."""

    policy: Policy
    heaviest: Heaviest | None


async def policies_of_plans(tx: Tx, plan_ids: Collection[int]) -> dict[int, Policy]:
    """The policies of plans that the actor has been shown, in one statement."""
    rows = await tx.session.execute(
        sa.select(ReminderPolicy.plan_id, ReminderPolicy.version, ReminderStep.step, ReminderStep.recipient)
        .join(ReminderStep, ReminderStep.plan_id == ReminderPolicy.plan_id)
        .where(among(ReminderPolicy.plan_id, plan_ids))
    )
    own: dict[int, tuple[int, list[PolicyStep]]] = {}
    for plan_id, version, step, recipient in rows:
        own.setdefault(plan_id, (version, []))[1].append(PolicyStep(step, recipient))
    found = {plan_id: Policy(plan_id) for plan_id in plan_ids}
    for plan_id, (version, steps) in own.items():
        found[plan_id] = Policy(plan_id, rules.require_policy(steps), version)
    return found


async def steps_of(tx: Tx, plan_id: int | None) -> tuple[PolicyStep, ...]:
    """The steps of a plan, or of work without one."""
    if plan_id is None:
        return DEFAULT_STEPS
    return (await policies_of_plans(tx, [plan_id]))[plan_id].steps


async def set_policy(
    tx: Tx,
    plan_id: int,
    steps: Sequence[PolicyStep],
    expected_version: int | None = None,
    dry_run: bool = False,
) -> PolicySet:
    """Give the plan steps of its own. They hold from the next scan on; what was told stays told."""
    plan = await get_plan_to_set(tx, plan_id)
    before = (await policies_of_plans(tx, [plan.id]))[plan.id]
    check_version(before, expected_version)
    wanted = rules.require_policy(steps)
    heaviest = await _heaviest(tx, plan.id, wanted)
    if dry_run:
        return PolicySet(Policy(plan.id, wanted, before.version), heaviest)
    rules.require_gentle(heaviest)
    version = await _changes(tx, plan.id) + 1
    values = {"changed_at": tx.now, "changed_by_id": tx.actor.person_id, "version": version}
    await tx.session.execute(
        insert(ReminderPolicy)
        .values(plan_id=plan.id, **values)
        .on_conflict_do_update(index_elements=["plan_id"], set_=values)
    )
    await tx.session.execute(sa.delete(ReminderStep).where(ReminderStep.plan_id == plan.id))
    rows = [{"plan_id": plan.id, "step": one.step, "recipient": one.recipient} for one in wanted]
    await tx.session.execute(sa.insert(ReminderStep).values(rows))
    data = {
        "from": _said(before.steps),
        "to": _said(wanted),
        "messages": heaviest.messages if heaviest else 0,
    }
    tx.record(SET, "Plan", plan.id, unit_id=plan.issuer_unit_id, plan_id=plan.id, data=data)
    return PolicySet(Policy(plan.id, wanted, version), heaviest)


async def reset_policy(tx: Tx, plan_id: int, expected_version: int | None = None) -> Policy:
    """Back to the default. Again changes nothing."""
    plan = await get_plan_to_set(tx, plan_id)
    before = (await policies_of_plans(tx, [plan.id]))[plan.id]
    check_version(before, expected_version)
    if before.own:
        await tx.session.execute(sa.delete(ReminderPolicy).where(ReminderPolicy.plan_id == plan.id))
        data = {"from": _said(before.steps), "to": _said(DEFAULT_STEPS)}
        tx.record(RESET, "Plan", plan.id, unit_id=plan.issuer_unit_id, plan_id=plan.id, data=data)
    return Policy(plan.id)


async def _changes(tx: Tx, plan_id: int) -> int:
    """How often the policy was set or reset: a version never comes twice, not after a reset either."""
    query = sa.select(sa.func.count()).where(
        Activity.subject_type == "Plan", Activity.subject_id == plan_id, Activity.verb.in_([SET, RESET])
    )
    return int((await tx.session.execute(query)).scalar_one())


def _said(steps: Sequence[PolicyStep]) -> list[dict[str, object]]:
    return [{"step": one.step, "recipient": one.recipient.value} for one in steps]


_HEAVIEST = sa.text(
    f"""
    WITH policy AS (SELECT * FROM unnest(:steps, :recipients) p (step, recipient)),
    grouped AS MATERIALIZED (
        SELECT row_number() OVER () AS number, s.*
        FROM (
            SELECT coalesce(lead_unit_id, owner_unit_id) AS lead_unit_id, owner_unit_id, plan_id, due_on,
                count(*) AS tasks
            FROM task
            WHERE plan_id = :plan_id AND state IN {OPEN} AND due_on > CAST(:today AS date) - 150
            GROUP BY 1, 2, 3, 4) s),
    due AS MATERIALIZED (
        SELECT s.number, s.tasks, s.step, s.recipient, b.day, {STATION}
        FROM (SELECT * FROM grouped CROSS JOIN policy) s {STATION_JOINS}
        LEFT JOIN unit_calendar c ON c.unit_id = s.lead_unit_id
        JOIN calendar_day a ON a.calendar_id = coalesce(c.calendar_id, 0) AND a.day = s.due_on
        JOIN calendar_day b ON b.calendar_id = a.calendar_id AND b.working AND b.ordinal = a.ordinal + s.step
        WHERE b.day >= :today),
    {CONTACTS},
    at_work AS MATERIALIZED (
        SELECT g.number, a.task_id, a.person_id, a.unit_id
        FROM task t
        JOIN grouped g ON g.due_on = t.due_on AND g.owner_unit_id = t.owner_unit_id
            AND g.lead_unit_id = coalesce(t.lead_unit_id, t.owner_unit_id)
        JOIN assignee a ON a.task_id = t.id
        WHERE t.plan_id = :plan_id AND t.state IN {OPEN} AND {AT_WORK}),
    unmanned AS (
        SELECT g.number, g.tasks - count(DISTINCT w.task_id) AS tasks
        FROM grouped g LEFT JOIN at_work w USING (number) GROUP BY g.number, g.tasks),
    told AS (
        SELECT d.number, d.step, d.day, d.recipient, c.person_id, c.unit_id, d.tasks
        FROM due d JOIN contact c USING {CONTACT_KEY} WHERE d.recipient <> 'ASSIGNEES'
        UNION ALL
        SELECT d.number, d.step, d.day, d.recipient, c.person_id, c.unit_id, n.tasks
        FROM due d JOIN unmanned n USING (number) JOIN contact c USING {CONTACT_KEY}
        WHERE d.recipient = 'ASSIGNEES' AND n.tasks > 0
        UNION ALL
        SELECT d.number, d.step, d.day, d.recipient, w.person_id, w.unit_id, w.tasks
        FROM due d
        JOIN (SELECT number, person_id, unit_id, count(*) AS tasks FROM at_work GROUP BY 1, 2, 3) w
            USING (number)
        WHERE d.recipient = 'ASSIGNEES'),
    in_a_role AS (
        SELECT number, step, day, person_id, recipient, min(unit_id) AS unit_id, sum(tasks) AS tasks
        FROM told GROUP BY number, step, day, person_id, recipient),
    once AS (
        SELECT DISTINCT ON (number, step, person_id) * FROM in_a_role
        ORDER BY number, step, person_id, tasks DESC, recipient)
    SELECT CAST(sum(o.tasks) AS bigint) AS messages, o.day, o.person_id,
        (array_agg(o.unit_id ORDER BY o.tasks DESC, o.unit_id))[1] AS unit_id,
        (array_agg(u.name ORDER BY o.tasks DESC, o.unit_id))[1] AS unit,
        (array_agg(o.recipient ORDER BY o.tasks DESC, o.unit_id))[1] AS recipient
    FROM once o JOIN unit u ON u.id = o.unit_id
    GROUP BY o.person_id, o.day ORDER BY messages DESC, o.day, o.person_id LIMIT 1
    """
).bindparams(
    sa.bindparam("steps", type_=ARRAY(sa.SmallInteger())),
    sa.bindparam("recipients", type_=ARRAY(sa.Text())),
    sa.bindparam("plan_id", type_=sa.BigInteger()),
    sa.bindparam("today", type_=sa.Date()),
)
"""The most that one person would be sent on one day from today on, if the open tasks stay as they are.

Tasks of the same units and date are counted together: 200,000 of them are a few thousand groups. Somebody
found in several roles of a step is told once a task: a coordinator is told of every task of the group, which
is never less than those they work on themselves.
"""


async def _heaviest(tx: Tx, plan_id: int, steps: Sequence[PolicyStep]) -> Heaviest | None:
    """Asked as the platform: a flood is one whether or not the actor sees every task that is part of it."""
    actor = tx.actor
    await tx.become(ACTOR)
    given = {
        "steps": [one.step for one in steps],
        "recipients": [one.recipient.value for one in steps],
        "plan_id": plan_id,
        "today": tx.today,
    }
    row = (await tx.session.execute(_HEAVIEST, given)).one_or_none()
    await tx.become(actor)
    if row is None:
        return None
    return Heaviest(row.messages, row.day, row.person_id, row.unit_id, row.unit, Recipient(row.recipient))
