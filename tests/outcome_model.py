"""What outcomes must be, in plain Python: a whole plan evaluated from the truth by ``rules.py`` alone.

Nothing here knows how the roll-up works. It reads targets, measurements, tasks and participations, and
computes every column of every derived row; :func:`disagreements` compares that with what is stored.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from vdept.outcomes import rules
from vdept.outcomes.models import STATUS_COLUMNS, TIMELINESS_COLUMNS, UNIT_SUMS
from vdept.targets.models import Direction, Rollup
from vdept.tasks.models import TaskState
from vdept.tasks.rules import timeliness

Row = dict[str, Any]
ZERO = Decimal(0)
BASES = ("measured", "reported")
GIVEN_UP = {"CANCELLED", "DECLINED"}
NOT_YET_SHARED = {"OPEN", "OFFERED", *GIVEN_UP}
COUNTS = (*STATUS_COLUMNS, *TIMELINESS_COLUMNS)


@dataclass
class Truth:
    """The rows that outcomes of one plan follow from, and the date they are evaluated for."""

    today: date
    plan: Row
    units: dict[int, Row]
    key_results: dict[int, Row]
    indicators: dict[int, Row]
    targets: dict[int, Row]
    readings: dict[tuple[int, int, str], list[Row]]
    tasks: dict[int, Row]
    links: dict[int, list[Row]]
    parts: dict[int, list[Row]]
    children: dict[int, list[int]]


async def load_truth(session: AsyncSession, plan_id: int) -> Truth:
    """Read everything by plain statements."""

    async def rows(query: str) -> list[Row]:
        found = await session.execute(sa.text(query), {"p": plan_id} if ":p" in query else {})
        return [dict(row) for row in found.mappings()]

    async def by_id(query: str) -> dict[int, Row]:
        return {row["id"]: row for row in await rows(query)}

    evaluation = await rows("SELECT evaluated_on FROM plan_evaluation WHERE plan_id = :p")
    truth = Truth(
        today=evaluation[0]["evaluated_on"],
        plan=(await rows("SELECT * FROM plan WHERE id = :p"))[0],
        units=await by_id("SELECT id, path FROM unit"),
        key_results=await by_id("SELECT * FROM key_result WHERE plan_id = :p"),
        indicators=await by_id("SELECT * FROM indicator"),
        targets=await by_id("SELECT * FROM target WHERE plan_id = :p"),
        readings=defaultdict(list),
        tasks=await by_id("SELECT * FROM task WHERE plan_id = :p"),
        links=defaultdict(list),
        parts=defaultdict(list),
        children=defaultdict(list),
    )
    for row in await rows("SELECT * FROM measurement"):
        truth.readings[row["unit_id"], row["indicator_id"], row["basis"].lower()].append(row)
    for row in await rows("SELECT l.* FROM task_target l JOIN target t ON t.id = target_id AND plan_id = :p"):
        if row["state"] == "ACCEPTED":
            truth.links[row["target_id"]].append(row)
    for row in await rows("SELECT n.* FROM participation n JOIN task k ON k.id = task_id AND plan_id = :p"):
        truth.parts[row["task_id"]].append(row)
    for target in truth.targets.values():
        truth.children[target["parent_id"]].append(target["id"])
    return truth


# Targets --------------------------------------------------------------------------------------------------


def target_outcomes(truth: Truth) -> dict[int, Row]:
    """Every column of ``target_outcome`` by target, deepest targets first."""
    done: dict[int, Row] = {}
    for target in sorted(truth.targets.values(), key=lambda t: -t["level"]):
        below = [done[child] for child in truth.children[target["id"]] if done[child]["live"]]
        done[target["id"]] = _target_outcome(truth, target, below)
    return done


def _target_outcome(truth: Truth, target: Row, below: list[Row]) -> Row:
    key_result = truth.key_results[target["key_result_id"]]
    rollup = Rollup(key_result["rollup"])
    out: Row = {
        "target_id": target["id"],
        "plan_id": target["plan_id"],
        "key_result_id": target["key_result_id"],
        "unit_id": target["unit_id"],
        "parent_id": target["parent_id"],
        "level": target["level"],
        "live": target["state"] != "WITHDRAWN",
        "binding": key_result["binding"],
        "weight": target["weight"],
        "key_result_weight": key_result["weight"],
        "children": len(below),
        "children_met": sum(child["meets"] for child in below),
        **_own_tasks(truth, target["id"]),
    }
    for basis in BASES:
        out |= _own_reading(truth, target, basis)
        out |= _sums(basis, below, extremes=rollup in {Rollup.MIN, Rollup.MAX})
    for basis in BASES:
        out |= _value(out, basis, rollup, below)
        out[f"{basis}_meets"] = _meets(truth, target, out, basis, rollup)
        out[f"{basis}_attainment"] = _attainment(truth, target, out, basis, rollup)
    _judge(truth, target, key_result, out)
    for name in COUNTS:
        out[f"sub_{name}"] = sum(child[f"sub_{name}"] for child in below)
    for name in TIMELINESS_COLUMNS:
        out[f"sub_{name}"] += out[f"own_{name}"]
    if out["live"]:
        out[f"sub_n_{out['status'].lower()}"] += 1
    for name in ("task_weight", "task_progress"):
        out[f"sub_{name}"] = out[f"own_{name}"] + sum((child[f"sub_{name}"] for child in below), ZERO)
    return out


def _own_reading(truth: Truth, target: Row, basis: str) -> Row:
    """The latest reading by date and number within the plan's start and the target's due date."""
    window = [
        row
        for row in truth.readings[target["unit_id"], target["indicator_id"], basis]
        if truth.plan["starts_on"] <= row["as_of"] <= target["due_on"]
    ]
    latest = max(window, key=lambda row: (row["as_of"], row["id"]), default=defaultdict(lambda: None))
    return {
        f"own_{basis}_value": latest["value"],
        f"own_{basis}_numerator": latest["numerator"],
        f"own_{basis}_denominator": latest["denominator"],
        f"{basis}_on": latest["as_of"],
    }


def _own_tasks(truth: Truth, target_id: int) -> Row:
    out: Row = {"own_task_weight": ZERO, "own_task_progress": ZERO}
    out |= {"own_delivered_weight": ZERO, "own_verified_weight": ZERO}
    out |= {f"own_{name}": 0 for name in TIMELINESS_COLUMNS}
    for link in truth.links[target_id]:
        task = truth.tasks[link["task_id"]]
        if task["state"] in GIVEN_UP:
            continue
        out["own_task_weight"] += link["weight"]
        out["own_task_progress"] += link["weight"] * task["progress"]
        in_time = (
            task["delivered_on"] is not None and task["delivered_on"] <= truth.targets[target_id]["due_on"]
        )
        if in_time and task["state"] in {"DELIVERED", "VERIFIED"}:
            out["own_delivered_weight"] += link["weight"]
        if in_time and task["state"] == "VERIFIED":
            out["own_verified_weight"] += link["weight"]
        when = timeliness(TaskState(task["state"]), task["due_on"], task["delivered_on"], truth.today)
        if when is not None:
            out[f"own_n_{when.value.lower()}"] += 1
    return out


def _sums(basis: str, below: list[Row], *, extremes: bool) -> Row:
    p = basis[0]
    valued = [child for child in below if child[f"{basis}_value"] is not None]
    values = [child[f"{basis}_value"] for child in valued]
    return {
        f"{p}_count": len(valued),
        f"{p}_met": sum(child[f"{basis}_meets"] for child in below),
        f"{p}_sum": sum(values, ZERO),
        f"{p}_weight": sum((child["weight"] for child in valued), ZERO),
        f"{p}_weighted": sum((child["weight"] * child[f"{basis}_value"] for child in valued), ZERO),
        f"{p}_numerator": sum((child[f"{basis}_numerator"] or ZERO for child in below), ZERO),
        f"{p}_denominator": sum((child[f"{basis}_denominator"] or ZERO for child in below), ZERO),
        f"{p}_min": min(values, default=None) if extremes else None,
        f"{p}_max": max(values, default=None) if extremes else None,
    }


def _value(out: Row, basis: str, rollup: Rollup, below: list[Row]) -> Row:
    """The value that counts, and for a ratio what stands behind it."""
    own = out[f"own_{basis}_value"]
    children = [
        rules.Child(
            value=child[f"{basis}_value"],
            numerator=child[f"{basis}_numerator"],
            denominator=child[f"{basis}_denominator"],
            weight=child["weight"],
            meets=child[f"{basis}_meets"],
        )
        for child in below
    ]
    if rollup is Rollup.MILESTONE:
        value = rules.rolled_up(rollup, children) if below else _tasks_done(out, basis)
    else:
        value = own if own is not None else rules.rolled_up(rollup, children)
    parts = {f"{basis}_value": value}
    for name in ("numerator", "denominator"):
        part = out[f"own_{basis}_{name}"] if own is not None else None
        if own is None and rollup is Rollup.RATIO and out[f"{basis[0]}_denominator"] > 0:
            part = out[f"{basis[0]}_{name}"]
        parts[f"{basis}_{name}"] = part
    return parts


def _done_weight(out: Row, basis: str) -> Decimal:
    return Decimal(out["own_verified_weight" if basis == "measured" else "own_delivered_weight"])


def _tasks_done(out: Row, basis: str) -> Decimal | None:
    """The percentage of linked tasks that are verified (measured) or delivered (reported)."""
    whole = out["own_task_weight"]
    return rules.rounded(100 * _done_weight(out, basis), whole) if whole else None


def _simply(target: Row, direction: Direction, value: Decimal | None) -> bool:
    return rules.meets(direction, value, target["value"], target["value_high"])


def _meets(truth: Truth, target: Row, out: Row, basis: str, rollup: Rollup) -> bool:
    direction = Direction(truth.indicators[target["indicator_id"]]["direction"])
    key_result = truth.key_results[target["key_result_id"]]
    if basis == "reported" and key_result["basis"] == "REPORTED" and out["reported_value"] is None:
        return bool(out["measured_meets"])
    all_children = out[f"{basis[0]}_met"] == out["children"]
    if rollup is Rollup.MILESTONE:
        all_tasks = _done_weight(out, basis) == out["own_task_weight"]
        return all_children and all_tasks and (out["children"] > 0 or out["own_task_weight"] > 0)
    if rollup is Rollup.EACH and out["children"]:
        own = out[f"own_{basis}_value"]
        return all_children and (own is None or _simply(target, direction, own))
    return _simply(target, direction, out[f"{basis}_value"])


def _attainment(truth: Truth, target: Row, out: Row, basis: str, rollup: Rollup) -> Decimal | None:
    """The share itself where the value is one; the way from the baseline to the goal otherwise."""
    value = out[f"{basis}_value"]
    if value is None:
        return None
    share = rollup is Rollup.MILESTONE or (
        rollup is Rollup.EACH and out["children"] > 0 and out[f"own_{basis}_value"] is None
    )
    if share:
        return rules.truncated(value, Decimal(100))
    direction = Direction(truth.indicators[target["indicator_id"]]["direction"])
    return rules.attainment(direction, value, target["value"], target["value_high"], target["baseline"])


def _judge(truth: Truth, target: Row, key_result: Row, out: Row) -> None:
    by_report = key_result["basis"] == "REPORTED" and out["reported_value"] is not None
    basis = "reported" if by_report else "measured"
    out["attainment"] = out[f"{basis}_attainment"]
    out["meets"] = out[f"{basis}_meets"]
    phases = key_result["milestones"]
    out["expected"] = rules.expected_pace(
        target["starts_on"],
        target["due_on"],
        truth.today,
        [(date.fromisoformat(m["by"]), Decimal(m["value"])) for m in phases] if phases else None,
        key_result["value"],
        key_result["baseline"] or ZERO,
    )
    out["status"] = rules.status(
        paused=target["state"] == "PAUSED",
        met=out["meets"],
        attained=out["attainment"],
        expected=out["expected"],
        starts_on=target["starts_on"],
        due_on=target["due_on"],
        as_of=truth.today,
        at_risk_points=key_result["at_risk_points"],
        off_track_points=key_result["off_track_points"],
    ).value


# Participations and units ---------------------------------------------------------------------------------


def participation_outcomes(truth: Truth) -> dict[tuple[int, int], Row]:
    """Every accepted participation in work that is under way or done: its fraction of the task."""
    out: dict[tuple[int, int], Row] = {}
    for task_id, parts in truth.parts.items():
        task = truth.tasks[task_id]
        accepted = [part for part in parts if part["state"] == "ACCEPTED"]
        if task["state"] in NOT_YET_SHARED:
            continue
        if not sum(part["share"] for part in accepted):
            accepted = [{**part, "share": 1} for part in accepted]
        whole = Decimal(sum(part["share"] for part in accepted))
        when = timeliness(TaskState(task["state"]), task["due_on"], task["delivered_on"], truth.today)
        for part in accepted:
            share = rules.rounded(Decimal(part["share"]), whole)
            out[task_id, part["unit_id"]] = {
                "task_id": task_id,
                "unit_id": part["unit_id"],
                "plan_id": task["plan_id"],
                "timeliness": when.value if when else None,
                "share": share,
                "progress": share * part["progress"],
            }
    return out


def unit_outcomes(
    truth: Truth, targets: dict[int, Row], participations: dict[tuple[int, int], Row]
) -> dict[int, Row]:
    """What every unit adds up to by itself and with all units below it."""
    own: dict[int, Row] = defaultdict(lambda: dict.fromkeys(UNIT_SUMS, ZERO))
    for target in targets.values():
        if not target["live"]:
            continue
        sums, weight = own[target["unit_id"]], target["key_result_weight"]
        sums[f"n_{target['status'].lower()}"] += 1
        sums["binding"] += target["binding"]
        sums["binding_met"] += target["binding"] and target["meets"]
        for name in ("attainment", "measured_attainment", "reported_attainment"):
            if target[name] is not None:
                short = name.removesuffix("_attainment")
                sums[f"{short}_weight"] += weight
                sums[f"{short}_sum"] += weight * target[name]
        if target["measured_attainment"] is not None and target["reported_attainment"] is not None:
            sums["gap_weight"] += weight
            sums["gap_sum"] += weight * (target["reported_attainment"] - target["measured_attainment"])
    for part in participations.values():
        sums = own[part["unit_id"]]
        sums["share_sum"] += part["share"]
        sums["progress_sum"] += part["progress"]
        if part["timeliness"]:
            sums[f"n_{part['timeliness'].lower()}"] += 1
    out: dict[int, Row] = {}
    for unit_id, sums in own.items():
        for above in truth.units[unit_id]["path"]:
            row = out.setdefault(
                above,
                {"plan_id": truth.plan["id"], "unit_id": above}
                | {prefix + name: ZERO for prefix in ("", "sub_") for name in UNIT_SUMS},
            )
            for name in UNIT_SUMS:
                row[f"sub_{name}"] += sums[name]
                row[name] += sums[name] if above == unit_id else 0
    return out


# The comparison -------------------------------------------------------------------------------------------


async def disagreements(session: AsyncSession, plan_id: int) -> list[str]:
    """Every stored column that is not what the model says, and every row too many or too few."""
    truth = await load_truth(session, plan_id)
    targets = target_outcomes(truth)
    participations = participation_outcomes(truth)
    units = unit_outcomes(truth, targets, participations)
    found = []
    for table, keys, wanted in (
        ("target_outcome", ("target_id",), {(k,): v for k, v in targets.items()}),
        ("participation_outcome", ("task_id", "unit_id"), participations),
        ("unit_outcome", ("unit_id",), _without_zeros({(k,): v for k, v in units.items()})),
    ):
        result = await session.execute(sa.text(f"SELECT * FROM {table} WHERE plan_id = :p"), {"p": plan_id})
        stored = {tuple(row[k] for k in keys): dict(row) for row in result.mappings()}
        if table == "unit_outcome":
            stored = _without_zeros(stored)
        found += [f"{table} {key}: is missing" for key in wanted.keys() - stored.keys()]
        found += [f"{table} {key}: should not be there" for key in stored.keys() - wanted.keys()]
        for key in wanted.keys() & stored.keys():
            assert wanted[key].keys() == stored[key].keys(), wanted[key].keys() ^ stored[key].keys()
            found += [
                f"{table} {key}.{name}: stored {value}, should be {wanted[key][name]}"
                for name, value in stored[key].items()
                if value != wanted[key][name]
            ]
    return found


def _without_zeros(rows: dict[Any, Row]) -> dict[Any, Row]:
    """A unit that no longer adds anything up may keep a row of zeros."""
    return {k: row for k, row in rows.items() if any(v for c, v in row.items() if not c.endswith("_id"))}
