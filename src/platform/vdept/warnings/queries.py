"""Batched reads of warnings; every one starts from what the actor may see."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch
from vdept.targets.access import visible_plans
from vdept.targets.models import Plan
from vdept.units.models import Unit
from vdept.warnings.access import visible_warnings
from vdept.warnings.models import EarlyWarning, Severity, WarningKind, WarningSubject

GRAVEST_FIRST: Ordering[EarlyWarning] = Ordering(
    "warnings",
    (Key(EarlyWarning.severity, Severity, descending=True), Key(EarlyWarning.id, int)),
    lambda row: (row.severity, row.id),
)
"""OFF_TRACK before AT_RISK, as the words happen to stand in the alphabet; within each the oldest first."""

SHOWN = 50
"""How many warnings of one subject are shown with it: what is open, then the latest of the past."""


@dataclass(frozen=True, slots=True)
class WarningFilter:
    """Which warnings: all conditions given must hold."""

    unit_id: int | None = None
    below: bool = False
    """With ``unit_id``: also those of all units below it."""
    plan_id: int | None = None
    kinds: tuple[WarningKind, ...] | None = None
    severity: Severity | None = None
    open: bool | None = True
    unacknowledged: bool | None = None

    def conditions(self, actor: Actor) -> Iterator[sa.ColumnElement[bool]]:
        """Of a plan that the actor may not know of, as little is told as of one that never was."""
        if self.unit_id is not None and self.below:
            under = sa.select(Unit.id).where(
                Unit.path.contains(sa.cast([self.unit_id], ARRAY(sa.BigInteger)))
            )
            yield EarlyWarning.unit_id.in_(under)
        elif self.unit_id is not None:
            yield EarlyWarning.unit_id == self.unit_id
        if self.plan_id is not None:
            yield EarlyWarning.plan_id == self.plan_id
            yield sa.select(Plan.id).where(Plan.id == self.plan_id, visible_plans(actor)).exists()
        if self.kinds is not None:
            yield EarlyWarning.kind.in_(self.kinds)
        if self.severity is not None:
            yield EarlyWarning.severity == self.severity
        if self.open is not None:
            yield EarlyWarning.closed_at.is_(None) if self.open else EarlyWarning.closed_at.is_not(None)
        if self.unacknowledged is not None:
            unanswered = EarlyWarning.acknowledged_at.is_(None)
            yield unanswered if self.unacknowledged else ~unanswered


def _warnings(tx: Tx, which: WarningFilter) -> "sa.Select[Any]":
    return sa.select(EarlyWarning).where(visible_warnings(tx.actor), *which.conditions(tx.actor))


async def warnings_page(tx: Tx, request: PageRequest, which: WarningFilter) -> Page[EarlyWarning]:
    """A page of warnings, the gravest first and of those the oldest."""
    return await fetch(tx.session, _warnings(tx, which), GRAVEST_FIRST, request)


async def warnings_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, EarlyWarning]:
    query = sa.select(EarlyWarning).where(EarlyWarning.id == _any(ids), visible_warnings(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def warnings_of(
    tx: Tx, subject: WarningSubject, subject_ids: Collection[int], *, open_only: bool
) -> dict[int, list[EarlyWarning]]:
    """The warnings of targets, or of tasks: what is open, the gravest first, then the past, latest first."""
    ended = EarlyWarning.closed_at.is_not(None)
    place = sa.func.row_number().over(
        partition_by=EarlyWarning.subject_id,
        order_by=(ended, sa.case((~ended, EarlyWarning.severity)).desc(), EarlyWarning.id.desc()),
    )
    inner = (
        sa.select(EarlyWarning.id, place.label("place"))
        .where(
            EarlyWarning.subject == subject,
            EarlyWarning.subject_id == _any(subject_ids),
            visible_warnings(tx.actor),
            *([~ended] if open_only else []),
        )
        .subquery()
    )
    rows = await tx.session.scalars(
        sa.select(EarlyWarning)
        .join(inner, inner.c.id == EarlyWarning.id)
        .where(inner.c.place <= SHOWN)
        .order_by(EarlyWarning.subject_id, inner.c.place)
    )
    found: dict[int, list[EarlyWarning]] = {each: [] for each in subject_ids}
    for row in rows:
        found[row.subject_id].append(row)
    return found


class Count(NamedTuple):
    """How many open warnings there are of a kind and severity, and how many of them await an answer."""

    kind: WarningKind
    severity: Severity
    number: int
    unacknowledged: int


async def counts(tx: Tx, which: WarningFilter) -> list[Count]:
    """What a head's board shows: numbers by kind and severity."""
    rows = await tx.session.execute(
        sa.select(
            EarlyWarning.kind,
            EarlyWarning.severity,
            sa.func.count(),
            sa.func.count().filter(EarlyWarning.acknowledged_at.is_(None)),
        )
        .where(visible_warnings(tx.actor), *which.conditions(tx.actor))
        .group_by(EarlyWarning.kind, EarlyWarning.severity)
    )
    found = [Count(*row) for row in rows]
    kinds = list(WarningKind)
    return sorted(found, key=lambda one: (one.severity is Severity.AT_RISK, kinds.index(one.kind)))


class Answer(NamedTuple):
    """What a head said about a warning, and when."""

    at: datetime
    person_id: int | None
    response: str
    respond_by: date


async def answers_of(tx: Tx, warning_ids: Collection[int]) -> dict[int, list[Answer]]:
    """Every answer to warnings that the actor sees, the latest first, as the log has them."""
    seen = sa.select(EarlyWarning.id).where(EarlyWarning.id == _any(warning_ids), visible_warnings(tx.actor))
    rows = await tx.session.scalars(
        sa.select(Activity)
        .where(
            Activity.subject_type == "EarlyWarning",
            Activity.subject_id.in_(seen),
            Activity.verb == "warning.acknowledged",
        )
        .order_by(Activity.id.desc())
    )
    found: dict[int, list[Answer]] = {each: [] for each in warning_ids}
    for row in rows:
        found[row.subject_id].append(_answer(row))
    return found


def _answer(row: Activity) -> Answer:
    data: Mapping[str, Any] = row.data
    return Answer(row.at, row.person_id, data["response"], date.fromisoformat(data["respond_by"]))


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
