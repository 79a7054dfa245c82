"""The lists of the API as the policy answers them: filters, orders and pages, over plain rows."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from hunt import rows as r
from hunt.policy import counts
from hunt.world import LIVE, OPEN_STATES, TODAY, World
from vdept.kernel.text import fold
from vdept.tasks.models import TaskState
from vdept.tasks.rules import timeliness

Given = Mapping[str, Any]
"""A filter as it is sent: camelCase, global ids."""

Sees = Callable[[str, Any], bool]
"""Whether the viewer sees a row of a type."""


class Order(NamedTuple):
    """A total order: the key of a row, and whether the greatest comes first."""

    key: Callable[[Any], tuple[Any, ...]]
    descending: bool = False
    read: Callable[[list[Any]], list[Any]] = list
    """A place as it stands in a cursor, made comparable with keys."""


def by(*names: str, descending: bool = False) -> Order:
    return Order(lambda row: tuple(plain(getattr(row, name)) for name in names), descending)


def plain(value: Any) -> Any:
    """A value as it stands in a cursor, in a form that sorts as the value does."""
    return said(value) if isinstance(value, date) else value


def said(value: Any) -> Any:
    """A value as the API writes it."""
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case time():
            return f"{value:%H:%M}"
        case Decimal():
            text = format(value, "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        case _:
            return value


def encode(kind: str, number: int) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{number}".encode()).rstrip(b"=").decode()


def number(given: str) -> int:
    """The number in a global id."""
    return int(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(":")[2])


class Page(NamedTuple):
    """A part of a list, as the Relay specification has it."""

    kind: str
    rows: list[Any]
    total: int
    has_next: bool
    has_previous: bool


def page(kind: str, rows: Iterable[Any], order: Order, args: Given) -> Page:
    """The page asked for by ``first`` and ``after``, or ``last`` and ``before``."""
    every = sorted(rows, key=order.key, reverse=order.descending)
    shown = every
    for name, onward in (("after", True), ("before", False)):
        if args.get(name) is not None:
            place = _place(args[name])
            shown = [row for row in shown if _stands(order, row, place, onward=onward)]
    if args.get("last") is not None:
        size = args["last"]
        return Page(kind, shown[-size:], len(every), args.get("before") is not None, len(shown) > size)
    size = args.get("first") or 20
    return Page(kind, shown[:size], len(every), len(shown) > size, args.get("after") is not None)


def _place(cursor: str) -> list[Any]:
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return list(json.loads(raw)[1:])


def _stands(order: Order, row: Any, place: list[Any], *, onward: bool) -> bool:
    key = order.key(row)
    there = tuple(
        Decimal(p) if isinstance(k, Decimal) else p for k, p in zip(key, order.read(place), strict=True)
    )
    return key > there if onward != order.descending else key < there


def holds(row_value: Any, wanted: Any) -> bool:
    """What a condition of a filter asks; one that is not given asks nothing."""
    if wanted is None:
        return True
    return row_value in wanted if isinstance(wanted, list) else bool(row_value == wanted)


def reads(search: str, words: str | None) -> bool:
    return all(word in search for word in fold(words or "").split())


def within(day: date, given: Given) -> bool:
    first, last = given.get("dueFrom"), given.get("dueTo")
    return (first is None or said(day) >= first) and (last is None or said(day) <= last)


def below(world: World, unit_id: int, given: str | None) -> bool:
    return given is None or number(given) in world.get("units", unit_id).path[:-1]


def in_segments(unit: r.Unit, given: Given) -> bool:
    wanted = given.get("segments")
    return wanted is None or not {*wanted}.isdisjoint(unit.segments)


def ids(given: Given, **names: tuple[str, int | None]) -> bool:
    """Whether the numbers that a filter names (by global id) are those of the row."""
    return all(
        given.get(name) is None or given[name] == (mine and encode(kind, mine))
        for name, (kind, mine) in names.items()
    )


def unit_fits(world: World, unit: r.Unit, given: Given) -> bool:
    on = given.get("validOn")
    return (
        holds(unit.kind, given.get("kinds"))
        and ids(given, parentId=("Unit", unit.parent_id))
        and below(world, unit.id, given.get("belowId"))
        and holds(unit.code, given.get("codes"))
        and in_segments(unit, given)
        and reads(unit.search, given.get("text"))
        and (
            on is None
            or (said(unit.valid_from) <= on and (unit.valid_to is None or said(unit.valid_to) >= on))
        )
    )


def person_fits(world: World, person: r.Person, given: Given, sees: Sees) -> bool:
    seats = [
        held
        for held in world.memberships
        if held.person_id == person.id
        and counts(held, TODAY)
        and sees("Membership", held)
        and ids(given, unitId=("Unit", held.unit_id))
        and holds(held.role, given.get("role"))
    ]
    asked = given.get("unitId") is not None or given.get("role") is not None
    return (
        (bool(seats) or not asked)
        and reads(person.search, given.get("text"))
        and holds(person.active, given.get("active"))
    )


def plan_fits(world: World, plan: r.Plan, given: Given, sees: Sees) -> bool:
    held = any(
        target.plan_id == plan.id
        and encode("Unit", target.unit_id) == given.get("holderUnitId")
        and sees("Target", target)
        for target in world.targets
    )
    on = given.get("on")
    return (
        holds(plan.state, given.get("states"))
        and ids(given, issuerUnitId=("Unit", plan.issuer_unit_id))
        and (given.get("holderUnitId") is None or held)
        and holds(plan.code, given.get("codes"))
        and (on is None or said(plan.starts_on) <= on <= said(plan.ends_on))
    )


def target_fits(world: World, target: r.Target, given: Given, sees: Sees) -> bool:
    parent = world.get("targets", target.parent_id)
    named = given.get("parentId") is None or (parent is not None and sees("Target", parent))
    known = given.get("acknowledged")
    return (
        named
        and ids(
            given,
            planId=("Plan", target.plan_id),
            keyResultId=("KeyResult", target.key_result_id),
            unitId=("Unit", target.unit_id),
            parentId=("Target", target.parent_id),
        )
        and below(world, target.unit_id, given.get("belowUnitId"))
        and holds(world.get("units", target.unit_id).kind, given.get("kinds"))
        and in_segments(world.get("units", target.unit_id), given)
        and holds(target.state, given.get("states"))
        and (known is None or known == (target.acknowledged_at is not None))
        and within(target.due_on, given)
    )


def _overdue(task: r.Task) -> bool:
    return task.state in OPEN_STATES and task.due_on < TODAY


def when(task: r.Task) -> str | None:
    found = timeliness(TaskState(task.state), task.due_on, task.delivered_on, TODAY)
    return found.value if found else None


def _named(world: World, given: Given, sees: Sees) -> bool:
    """The viewer sees what the filter names; what there is not, nobody sees."""
    for name, kind, rows in (
        ("planId", "Plan", "plans"),
        ("targetId", "Target", "targets"),
        ("parentId", "Task", "tasks"),
        ("assigneeId", "Person", "persons"),
    ):
        if given.get(name) is not None:
            row = world.get(rows, number(given[name]))
            if row is None or not sees(kind, row):
                return False
    return True


def task_fits(world: World, task: r.Task, given: Given, sees: Sees) -> bool:
    live = [
        encode("Unit", p.unit_id) for p in world.participations if p.task_id == task.id and p.state in LIVE
    ]
    links = [link for link in world.links if link.task_id == task.id]
    served = [encode("Target", link.target_id) for link in links if link.state == "ACCEPTED"]
    waiting = [world.get("targets", link.target_id) for link in links if link.state == "PROPOSED"]
    asked = [encode("Unit", target.unit_id) for target in waiting]
    workers = [encode("Person", each.person_id) for each in world.assignees if each.task_id == task.id]
    return (
        _named(world, given, sees)
        and ids(
            given,
            planId=("Plan", task.plan_id),
            ownerUnitId=("Unit", task.owner_unit_id),
            leadUnitId=("Unit", task.lead_unit_id),
            parentId=("Task", task.parent_id),
        )
        and given.get("targetId") in (None, *served)
        and given.get("proposedToUnitId") in (None, *asked)
        and given.get("participantUnitId") in (None, *live)
        and given.get("assigneeId") in (None, *workers)
        and holds(task.state, given.get("states"))
        and holds(task.kind, given.get("kinds"))
        and (given.get("timeliness") is None or when(task) in given["timeliness"])
        and (not given.get("board") or task.state == "OPEN")
        and (not given.get("open") or task.state in OPEN_STATES)
        and (not given.get("overdue") or _overdue(task))
        and within(task.due_on, given)
        and reads(task.search, given.get("text"))
    )


def unit_task_fits(world: World, part: r.Participation, given: Given, sees: Sees) -> bool:
    """One unit's tasks: ``part`` is its live part in one."""
    task = world.get("tasks", part.task_id)
    return (
        _named(world, given, sees)
        and ids(given, planId=("Plan", task.plan_id))
        and holds(part.role, given.get("roles"))
        and holds(task.state, given.get("states"))
        and (given.get("timeliness") is None or when(task) in given["timeliness"])
        and (not given.get("open") or task.state in OPEN_STATES)
        and (not given.get("overdue") or _overdue(task))
        and within(task.due_on, given)
        and reads(task.search, given.get("text"))
    )
