"""Whether an edition holds: its hashes, its signature, and that every figure follows from the inputs.

Needs nothing but the file and, to know whose signature it is, the platform's public keys. Figures are
computed again by the same pure rules that define outcomes, one row at a time, the deepest targets first.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from functools import cache
from typing import Any

import msgspec

from vdept.measurements.rules import ratio
from vdept.outcomes import rules as outcomes
from vdept.outcomes.models import Status
from vdept.publications import layout, rules, signing
from vdept.publications.findings import Findings
from vdept.publications.layout import KeyResultPart, Own, TargetRow, UnitRow, Value
from vdept.publications.models import EditionFormat
from vdept.targets.models import Basis, Rollup

EXACT = Context(prec=200, traps=[InvalidOperation, DivisionByZero, Overflow])
"""Digits to add and multiply with, so that nothing is rounded that PostgreSQL has added up exactly."""

ZERO = Decimal(0)


# Hash and signature ---------------------------------------------------------------------------------------


def check_file(
    content: bytes, of: EditionFormat, manifest: Mapping[str, Any], signature: str, findings: Findings
) -> None:
    """That the manifest names this file."""
    files = manifest.get("files")
    named = files.get(of.value) if isinstance(files, dict) else None
    if not isinstance(named, dict):
        findings.fault(f"the manifest names no {of.value} file")
    elif named.get("sha256") != hashlib.sha256(content).hexdigest() or named.get("size") != len(content):
        findings.fault(f"the {of.value} file is not the one that the manifest names: its hash differs")
    if signing.kid_of(signature) is None:
        findings.fault("the signature is none of an edition")


def check_signature(
    manifest: Mapping[str, Any],
    signature: str,
    keys: Iterable[Mapping[str, Any]] | None,
    findings: Findings,
    known_from: str = "the keys given",
) -> None:
    """That a key for editions among ``keys`` has signed the manifest; None: no key is known.

    Without a key nobody can say who has signed: whoever wrote the file may have signed it, too.
    """
    kid = signing.kid_of(signature)
    if kid is None:
        return  # said by check_file
    if keys is None:
        findings.unsigned = True
        return
    known = [key for key in keys if key.get("kid") == kid and key.get("purpose") == signing.PURPOSE]
    if not known:
        findings.fault(f"the signature is by kid {kid}, which is no key for editions among {known_from}")
    elif not any(signing.signed_by(signature, manifest, key) for key in known):
        findings.fault(f"the signature by kid {kid} does not hold for this manifest")
    else:
        findings.about.append(f"signed by kid {kid}, of {known_from}")


# Figures --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Below:
    """What the children of one target contribute, on each basis."""

    measured: list[outcomes.Child] = field(default_factory=list)
    reported: list[outcomes.Child] = field(default_factory=list)


_NOTHING = _Below()


class _Sums(dict[str, Decimal]):
    def __init__(self) -> None:
        super().__init__(dict.fromkeys(rules.SUMS, ZERO))


def check_content(content: bytes, manifest: Mapping[str, Any] | None, findings: Findings) -> None:
    """That all figures of the JSON content follow from the inputs in it."""
    with localcontext(EXACT):
        _check_content(content, manifest, findings)


def _check_content(content: bytes, manifest: Mapping[str, Any] | None, findings: Findings) -> None:
    try:
        read = msgspec.json.decode(content, type=layout.Content)
        head = read.head
        if head.format != layout.FORMAT:
            findings.fault(f"the layout {head.format!r} is not known here: use a newer vdept")
            return
        if read.units.columns != layout.UNIT_COLUMNS or read.targets.columns != layout.TARGET_COLUMNS:
            findings.fault("the columns are not those of this layout")
            return
        if manifest is not None:
            _same_head(head, manifest, findings)
        units = [layout.read_unit(raw) for raw in read.units.rows]
        checking = _Checking(head, {part.id: part for part in read.key_results}, units, findings)
        for raw in read.targets.rows:
            checking.target(layout.read_target(raw))
        checking.units()
    except (msgspec.MsgspecError, ArithmeticError, RecursionError, UnicodeError) as error:
        findings.fault(f"the content cannot be read: {error}")
        return
    findings.differs("head", "the number of targets", head.targets, len(read.targets.rows))
    findings.differs("head", "the number of units", head.units, len(units))
    findings.about.append(f"{len(read.targets.rows)} targets, {len(units)} units computed again")


def _same_head(head: layout.Head, manifest: Mapping[str, Any], findings: Findings) -> None:
    for name, value in head.signed().items():
        if manifest.get(name) != value:
            findings.fault(f"head: {name} is {value}, in the manifest {manifest.get(name)}")


class _Checking:
    """One pass over the targets, then the units."""

    def __init__(
        self,
        head: layout.Head,
        key_results: Mapping[int, KeyResultPart],
        units: list[UnitRow],
        findings: Findings,
    ) -> None:
        self._as_of = head.as_of
        self._key_results = key_results
        self._units = units
        self._findings = findings
        self._below: dict[int, _Below] = {}
        self._seen: set[int] = set()
        self._sums: dict[str, _Sums] = {row.code: _Sums() for row in units}
        self._pace: Callable[[int, date, date], Decimal] = cache(self._expected)

    def _expected(self, key_result: int, starts_on: date, due_on: date) -> Decimal:
        of = self._key_results[key_result]
        phases = None if of.milestones is None else [(each.by, each.value) for each in of.milestones]
        return outcomes.expected_pace(starts_on, due_on, self._as_of, phases, of.value, of.baseline or ZERO)

    def target(self, row: TargetRow) -> None:
        """One target: its value, how far it is, its status; and what it adds to its parent and unit."""
        where = f"target {row.id} of {row.unit}"
        of = self._key_results.get(row.key_result)
        if of is None or row.unit not in self._sums or row.id in self._seen:
            self._findings.fault(f"{where}: its key result or unit is not in the file, or it is there twice")
            return
        if row.parent in self._seen:
            self._findings.fault(f"{where}: stands after its parent {row.parent}, which follows from it")
        self._seen.add(row.id)
        below = self._below.pop(row.id, _NOTHING)
        if of.rollup is Rollup.MILESTONE:
            self._milestone(where, row)
            return
        measured = self._basis(where, row, of, "measured", row.own_measured, row.measured, below.measured)
        reported = self._basis(where, row, of, "reported", row.own_reported, row.reported, below.reported)
        by_report = of.basis is Basis.REPORTED
        if by_report and row.reported is None:
            reported = (reported[0], measured[1])
        attainment, meets = reported if by_report and row.reported is not None else measured
        self._judged(where, row, of, attainment, meets)
        differs = self._findings.differs
        differs(where, "measured_attainment", row.measured_attainment, measured[0])
        differs(where, "reported_attainment", row.reported_attainment, reported[0])
        gap = row.reported.value - row.measured.value if row.measured and row.reported else None
        apart = None if gap is None else 100 * ((reported[0] or ZERO) - (measured[0] or ZERO))
        differs(where, "gap", row.gap, gap)
        differs(where, "gap_points", row.gap_points, apart)
        if row.parent is not None:
            above = self._below.setdefault(row.parent, _Below())
            above.measured.append(_child(row, row.measured, measured[1]))
            above.reported.append(_child(row, row.reported, reported[1]))
        self._add(row, of, attainment, meets, measured[0], reported[0])

    def _milestone(self, where: str, row: TargetRow) -> None:
        figures = (row.own_measured, row.own_reported, row.measured, row.reported, row.attainment, row.status)
        if any(figure is not None for figure in figures):
            self._findings.fault(f"{where}: a milestone carries its verdict only")

    def _basis(
        self,
        where: str,
        row: TargetRow,
        of: KeyResultPart,
        basis: str,
        own: Own | None,
        said: Value | None,
        children: list[outcomes.Child],
    ) -> tuple[Decimal | None, bool]:
        """The attainment on one basis and whether it meets the goal, from the value that is right."""
        differs, direction = self._findings.differs, of.indicator.direction
        value, numerator, denominator = _value_of(of.rollup, own, children)
        differs(where, f"{basis} value", said and said.value, value)
        differs(where, f"{basis} numerator", said and said.numerator, numerator)
        differs(where, f"{basis} denominator", said and said.denominator, denominator)
        if own is not None and of.indicator.numerator is not None and own.numerator is not None:
            right = ratio(own.numerator, own.denominator) if own.denominator else None
            differs(where, f"own {basis} value", own.value, right)
        counts_children = of.rollup is Rollup.EACH and bool(children)
        if counts_children:
            met = all(child.meets for child in children) and (
                own is None or outcomes.meets(direction, own.value, row.goal, row.goal_high)
            )
        else:
            met = outcomes.meets(direction, value, row.goal, row.goal_high)
        if value is None:
            return None, met
        if counts_children and own is None:
            return outcomes.truncated(value, Decimal(100)), met
        return outcomes.attainment(direction, value, row.goal, row.goal_high, row.baseline), met

    def _judged(
        self, where: str, row: TargetRow, of: KeyResultPart, attainment: Decimal | None, meets: bool
    ) -> None:
        differs = self._findings.differs
        expected = self._pace(of.id, row.starts_on, row.due_on)
        status = outcomes.status(
            paused=row.paused,
            met=meets,
            attained=attainment,
            expected=expected,
            starts_on=row.starts_on,
            due_on=row.due_on,
            as_of=self._as_of,
            at_risk_points=of.at_risk_points,
            off_track_points=of.off_track_points,
        )
        differs(where, "attainment", row.attainment, attainment)
        differs(where, "expected", row.expected, expected)
        differs(where, "meets", row.meets, meets)
        differs(where, "status", row.status, status)

    def _add(
        self,
        row: TargetRow,
        of: KeyResultPart,
        attainment: Decimal | None,
        meets: bool,
        measured: Decimal | None,
        reported: Decimal | None,
    ) -> None:
        sums, weight = self._sums[row.unit], of.weight
        sums[_COLUMN[row.status]] += 1
        if of.binding:
            sums["binding"] += 1
            sums["binding_met"] += meets
        gap = None if measured is None or reported is None else reported - measured
        for name, share in (
            ("attainment", attainment),
            ("measured", measured),
            ("reported", reported),
            ("gap", gap),
        ):
            if share is not None:
                sums[f"{name}_weight"] += weight
                sums[f"{name}_sum"] += weight * share

    def units(self) -> None:
        """Every unit's figures by itself and with all below it, its rank, and how it has moved."""
        if self._below:
            self._findings.fault(f"target {next(iter(self._below))}: is a parent, but not in the file")
        whole: dict[str, dict[str, Decimal]] = {}
        for row in self._units:
            if row.code in whole or (row.parent is not None and row.parent not in whole):
                self._findings.fault(f"unit {row.code}: is there twice, or before its parent {row.parent}")
                return
            whole[row.code] = dict(self._sums[row.code])
        for row in reversed(self._units):
            if row.parent is not None:
                for name, value in whole[row.code].items():
                    whole[row.parent][name] += value
        own = {code: rules.figures(sums) for code, sums in self._sums.items()}
        places = rules.ranks((row.code, row.kind, own[row.code].measured) for row in self._units)
        for row in self._units:
            self._unit(row, own[row.code], rules.figures(whole[row.code]), places[row.code])

    def _unit(self, row: UnitRow, own: rules.Figures, whole: rules.Figures, place: rules.Placed) -> None:
        where, differs = f"unit {row.code}", self._findings.differs
        for name, said, right in zip(rules.Figures._fields, row.own, own, strict=True):
            differs(where, name, said, right)
        for name, said, right in zip(rules.Figures._fields, row.whole, whole, strict=True):
            differs(where, f"{name} with all below", said, right)
        differs(where, "rank", row.rank, place.rank)
        differs(where, "ranked_among", row.ranked_among, place.among)
        before = rules.Before(row.previous_measured, row.previous_rank)
        moved = rules.movement(own.measured, place.rank, before)
        differs(where, "moved_points", row.moved_points, moved.points)
        differs(where, "moved_places", row.moved_places, moved.places)


_COLUMN: dict[Status | None, str] = {
    **{status: f"n_{status.value.lower()}" for status in Status},
    None: "n_not_started",
}
"""Which count a status adds to; a row without one has been found out already."""


def _value_of(
    rollup: Rollup, own: Own | None, children: list[outcomes.Child]
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """The value that counts, with numerator and denominator: the own reading before the children's."""
    if own is not None:
        return own.value, own.numerator, own.denominator
    if not children:
        return None, None, None
    value = outcomes.rolled_up(rollup, children)
    if rollup is Rollup.RATIO:
        below = sum((child.denominator or ZERO for child in children), ZERO)
        if below > 0:
            return value, sum((child.numerator or ZERO for child in children), ZERO), below
    return value, None, None


def _child(row: TargetRow, value: Value | None, meets: bool) -> outcomes.Child:
    if value is None:
        return outcomes.Child(None, None, None, row.weight, meets)
    return outcomes.Child(value.value, value.numerator, value.denominator, row.weight, meets)
