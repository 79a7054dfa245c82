"""Batched reads of verdicts; every one starts from what the actor may see."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch_each
from vdept.measurements.access import visible_measurements
from vdept.measurements.models import Measurement
from vdept.people.access import visible_persons
from vdept.people.models import Membership, Person
from vdept.sources.access import visible_intakes
from vdept.sources.models import Intake
from vdept.units.models import Segment, Unit, UnitKind
from vdept.units.segments import in_segments
from vdept.verdicts.access import of_their_tenure, tenure, visible_verdicts
from vdept.verdicts.models import Judgement, Verdict, VerdictSubject

LATEST_FIRST: Ordering[Verdict] = Ordering(
    "verdicts", (Key(Verdict.id, int, descending=True),), lambda row: (row.id,)
)
"""The last issued first."""

SHOWN = 50
"""How many verdicts on one target are shown with it: the one that counts, then the latest of the past."""


OF_DOCUMENT = frozenset({"intake_id", "received_at", "sha256"})
"""What a verdict's inputs say of the document in which its reading came."""


@dataclass(frozen=True, slots=True)
class VerdictFilter:
    """Which verdicts: all conditions given must hold."""

    plan_id: int | None = None
    subject: VerdictSubject | None = None
    judgement: Judgement | None = None
    kinds: tuple[UnitKind, ...] | None = None
    segments: tuple[Segment, ...] | None = None
    below_id: int | None = None
    """In the subtree of this unit, itself left out."""
    due_from: date | None = None
    due_to: date | None = None
    superseded: bool | None = False

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        if self.plan_id is not None:
            yield Verdict.plan_id == self.plan_id
        if self.subject is not None:
            yield Verdict.subject == self.subject
        if self.judgement is not None:
            yield Verdict.judgement == self.judgement
        if self.due_from is not None:
            yield Verdict.due_on >= self.due_from
        if self.due_to is not None:
            yield Verdict.due_on <= self.due_to
        if self.superseded is not None:
            yield Verdict.superseded_at.is_not(None) if self.superseded else Verdict.superseded_at.is_(None)
        of_unit: list[sa.ColumnElement[bool]] = []
        if self.kinds is not None:
            of_unit.append(Unit.kind.in_(self.kinds))
        if self.segments is not None:
            of_unit.append(in_segments(self.segments))
        if self.below_id is not None:
            of_unit += [Unit.path.contains([self.below_id]), Unit.id != self.below_id]
        if of_unit:
            unit = sa.select(Unit.id).where(Unit.id == Verdict.unit_id, *of_unit)
            yield unit.correlate(Verdict).exists()


ALL = VerdictFilter()
"""Those that count."""


def _verdicts(tx: Tx, which: VerdictFilter) -> "sa.Select[Any]":
    return sa.select(Verdict).where(visible_verdicts(tx.actor), *which.conditions())


async def verdicts_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Verdict]:
    query = sa.select(Verdict).where(Verdict.id == _any(ids), visible_verdicts(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def verdicts_of_targets(tx: Tx, target_ids: Collection[int]) -> dict[int, list[Verdict]]:
    """The verdicts on each target: the one that counts, if any, and then the past, the latest first."""
    place = sa.func.row_number().over(
        partition_by=Verdict.target_id, order_by=(Verdict.superseded_at.is_not(None), Verdict.number.desc())
    )
    inner = (
        sa.select(Verdict.id, place.label("place"))
        .where(Verdict.target_id == _any(target_ids), visible_verdicts(tx.actor))
        .subquery()
    )
    rows = await tx.session.scalars(
        sa.select(Verdict)
        .join(inner, inner.c.id == Verdict.id)
        .where(inner.c.place <= SHOWN)
        .order_by(Verdict.target_id, inner.c.place)
    )
    found: dict[int, list[Verdict]] = {each: [] for each in target_ids}
    for row in rows:
        found[row.target_id or 0].append(row)
    return found


async def verdicts_of_units(
    tx: Tx, unit_ids: Collection[int], request: PageRequest, which: VerdictFilter = ALL
) -> dict[int, Page[Verdict]]:
    """The same page of verdicts on each unit and on its targets."""
    return await fetch_each(
        tx.session, _verdicts(tx, which), Verdict.unit_id, unit_ids, LATEST_FIRST, request
    )


async def verdicts_of_plans(
    tx: Tx, plan_ids: Collection[int], request: PageRequest, which: VerdictFilter = ALL
) -> dict[int, Page[Verdict]]:
    """The same page of verdicts in each plan."""
    return await fetch_each(
        tx.session, _verdicts(tx, which), Verdict.plan_id, plan_ids, LATEST_FIRST, request
    )


async def verdicts_of_persons(
    tx: Tx, person_ids: Collection[int], request: PageRequest, which: VerdictFilter = ALL
) -> dict[int, Page[Verdict]]:
    """The same page of what fell due while each person headed the unit; never of another's tenure."""
    query = _verdicts(tx, which).where(of_their_tenure(tx.actor))
    return await fetch_each(tx.session, query, Verdict.head_id, person_ids, LATEST_FIRST, request)


class Count(NamedTuple):
    """How many targets and units were judged to be met, and how many not."""

    targets_met: int
    targets_not_met: int
    units_met: int
    units_not_met: int


async def counts_of_persons(
    tx: Tx, person_ids: Collection[int], which: VerdictFilter = ALL
) -> dict[int, Count]:
    """The same verdicts counted, for everybody asked for."""
    numbers = [
        sa.func.count().filter(Verdict.subject == subject, Verdict.judgement == judgement)
        for subject in VerdictSubject
        for judgement in Judgement
    ]
    rows = await tx.session.execute(
        _verdicts(tx, which)
        .with_only_columns(Verdict.head_id, *numbers)
        .where(Verdict.head_id == _any(person_ids), of_their_tenure(tx.actor))
        .group_by(Verdict.head_id)
    )
    found = {row[0]: Count._make(row[1:]) for row in rows}
    return {each: found.get(each, Count(0, 0, 0, 0)) for each in person_ids}


class Head(NamedTuple):
    """Who headed the unit on the due date, and since when."""

    person: Person
    since: date


async def heads_of_verdicts(tx: Tx, verdict_ids: Collection[int]) -> dict[int, Head]:
    """Whose verdict each is; left out where nobody headed the unit, or the actor may not know who."""
    rows = await tx.session.execute(
        sa.select(Verdict.id, Person, Verdict.head_since)
        .join(Person, Person.id == Verdict.head_id)
        .join(Membership, tenure(tx.actor))
        .where(
            Verdict.id == _any(verdict_ids),
            visible_verdicts(tx.actor),
            visible_persons(tx.actor, tx.today),
        )
    )
    return {key: Head(person, since) for key, person, since in rows if since is not None}


async def predecessors_of(tx: Tx, verdict_ids: Collection[int]) -> dict[int, Verdict]:
    """The verdict on the same subject before each of these."""
    before = aliased(Verdict)
    same = sa.or_(
        before.target_id == Verdict.target_id,
        sa.and_(
            Verdict.target_id.is_(None),
            before.target_id.is_(None),
            before.plan_id == Verdict.plan_id,
            before.unit_id == Verdict.unit_id,
        ),
    )
    rows = await tx.session.execute(
        sa.select(Verdict.id, before)
        .join(before, sa.and_(same, before.number == Verdict.number - 1))
        .where(Verdict.id == _any(verdict_ids), visible_verdicts(tx.actor))
    )
    return {row[0]: row[1] for row in rows}


async def readings_behind(tx: Tx, verdict_ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """The inputs of the verdicts of whose measurement the actor may know: source and times are told.

    What is told of the document it came in is for whoever sees the intake, here as everywhere.
    """
    number = sa.cast(Verdict.inputs["measurement_id"].astext, sa.BigInteger)
    opened = sa.and_(Intake.id == Measurement.intake_id, visible_intakes(tx.actor))
    rows = await tx.session.execute(
        sa.select(Verdict.id, Verdict.inputs, Intake.id)
        .join(Measurement, Measurement.id == number)
        .outerjoin(Intake, opened)
        .where(Verdict.id == _any(verdict_ids), visible_verdicts(tx.actor), visible_measurements(tx.actor))
    )
    return {key: inputs if intake_id else _closed(inputs) for key, inputs, intake_id in rows}


def _closed(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in inputs.items() if name not in OF_DOCUMENT}


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
