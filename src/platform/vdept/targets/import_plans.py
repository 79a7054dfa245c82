"""The plans of a file, typed and checked by the rules, before anything is written.

``kind: MILESTONE`` makes the roll-up MILESTONE, whose value is 100. Left out, a target is its last
milestone's value, and a due date the plan's end, or the last milestone if that is later.
"""

import calendar
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from vdept.kernel.errors import Refused
from vdept.targets import rules
from vdept.targets.errors import IMPORT_ENTRY_INVALID
from vdept.targets.import_entries import Entry
from vdept.targets.indicators import PERCENT, IndicatorSpec, cleaned
from vdept.targets.key_results import KeyResultSpec, row_of
from vdept.targets.models import Audience, Basis, Direction, Frequency, Indicator, Plan, Rollup
from vdept.targets.rules import Milestone
from vdept.units.models import UnitKind

PLAN_FIELDS = (
    "title", "code", "issuer", "from", "to", "legal_basis", "audience", "grace_days", "stale_days",
    "three_roles", "closed",
)  # fmt: skip
KEY_RESULT_FIELDS = (
    "indicator", "indicator_code", "title", "unit_of_measure", "direction", "numerator", "denominator",
    "minimum", "maximum", "target", "target_high", "baseline", "weight", "due", "standard", "quality",
    "rollup", "kind", "basis", "binding", "at_risk_points", "off_track_points", "gap_points", "milestones",
    "story", "frequency", "assigned_to",
)  # fmt: skip


@dataclass(slots=True)
class DraftedKeyResult:
    """A key result of a file and the indicator it names."""

    entry: Entry
    indicator: str
    code: str | None
    unit_of_measure: str | None
    direction: Direction | None
    numerator: str | None
    denominator: str | None
    minimum: Decimal | None
    maximum: Decimal | None
    frequency: Frequency | None
    wanted: KeyResultSpec
    kinds: tuple[UnitKind, ...]
    names: tuple[str, ...]

    def spec(self, indicator_id: int) -> KeyResultSpec:
        return replace(self.wanted, indicator_id=indicator_id)

    def indicator_spec(self) -> IndicatorSpec:
        """A new indicator as the file describes it."""
        return IndicatorSpec(
            name=self.indicator,
            code=self.code,
            unit_of_measure=self.unit_of_measure or (PERCENT if self.numerator else ""),
            direction=self.direction or Direction.AT_LEAST,
            numerator=self.numerator,
            denominator=self.denominator,
            minimum=self.minimum,
            maximum=self.maximum,
            frequency=self.frequency,
        )

    def require_same(self, known: Indicator) -> None:
        """What the file says of an indicator that exists is what it is; what it leaves out is not asked."""
        for name, said, is_ in (
            ("unit_of_measure", self.unit_of_measure, known.unit_of_measure),
            ("direction", self.direction, known.direction),
            ("numerator", self.numerator, known.numerator),
            ("denominator", self.denominator, known.denominator),
            ("frequency", self.frequency, known.frequency),
        ):
            if said is not None and said != is_:
                raise IMPORT_ENTRY_INVALID.at(
                    name,
                    reason_vi=f"chỉ số “{known.name}” ({known.code}) đã có với giá trị “{is_ or '−'}”",
                    reason=f"the indicator “{known.name}” ({known.code}) exists, with “{is_ or '−'}” here",
                )

    def check(self, plan: Plan, known: Indicator | None) -> None:
        """Every rule of key results, on the indicator that exists or would be made."""
        try:
            if known is not None:
                self.require_same(known)
                indicator = known
            else:
                spec = cleaned(self.indicator_spec())
                indicator = Indicator(
                    id=0, **{n: getattr(spec, n) for n in IndicatorSpec.__dataclass_fields__}
                )
            row_of(self.wanted, plan, indicator)
        except Refused as refused:
            self.entry.adopt(refused)


@dataclass(slots=True)
class DraftedObjective:
    title: str
    key_results: list[DraftedKeyResult] = field(default_factory=list)


@dataclass(slots=True)
class Drafted:
    """A plan of a file."""

    entry: Entry
    title: str
    code: str | None
    issuer: str
    starts_on: date
    ends_on: date
    legal_basis: str | None
    audience: Audience | None
    grace_days: int
    stale_days: int
    three_roles: bool
    closed: bool
    objectives: list[DraftedObjective]

    def key_results(self) -> list[DraftedKeyResult]:
        return [key_result for objective in self.objectives for key_result in objective.key_results]

    def transient(self) -> Plan:
        """The plan's dates, for the rules; never written."""
        return Plan(starts_on=self.starts_on, ends_on=self.ends_on)


def drafted(entry: Entry, shift_to_year: int | None) -> Drafted | None:
    """The plan an entry describes; None where its dates are not known, so that nothing can be judged."""
    entry.only(*PLAN_FIELDS)
    title, issuer = entry.text("title", required=True), entry.text("issuer", required=True)
    starts_on, ends_on = entry.day("from", required=True), entry.day("to", required=True)
    closed = entry.flag("closed", default=False)
    years = 0
    if shift_to_year is not None and starts_on is not None and not closed:
        years = shift_to_year - starts_on.year
    code, legal_basis = entry.text("code"), entry.text("legal_basis")
    if years and starts_on is not None:
        old, new = str(starts_on.year), str(shift_to_year)
        title, code = (title or "").replace(old, new), code.replace(old, new) if code else None
    audience = entry.choice("audience", Audience, Audience.GOVERNMENT)
    plan = Drafted(
        entry,
        title or "",
        code,
        issuer or "",
        shifted(starts_on, years) or date.min,
        shifted(ends_on, years) or date.max,
        legal_basis,
        audience,
        entry.integer("grace_days", 14),
        entry.integer("stale_days", 30),
        entry.flag("three_roles", default=False),
        closed,
        [_objective(child, years) for child in entry.children],
    )
    if starts_on is None or ends_on is None:
        return None
    for key_result in plan.key_results():
        key_result.wanted = with_due(key_result.wanted, plan.ends_on)
    try:
        rules.require_cycle(plan.starts_on, plan.ends_on)
    except Refused as refused:
        entry.adopt(refused)
    return plan


def shifted(day: date | None, years: int) -> date | None:
    """``day`` moved by whole years; 29 February becomes 28 where there is none."""
    if day is None or not years:
        return day
    year = min(max(day.year + years, date.min.year), date.max.year)
    last = calendar.monthrange(year, day.month)[1]
    return date(year, day.month, min(day.day, last))


def _objective(entry: Entry, years: int) -> DraftedObjective:
    entry.only("title")
    title = entry.text("title", required=True)
    return DraftedObjective(title or "", [_key_result(child, years) for child in entry.children])


def _key_result(entry: Entry, years: int) -> DraftedKeyResult:
    entry.only(*KEY_RESULT_FIELDS)
    milestones = [Milestone(shifted(m.by, years) or m.by, m.value) for m in entry.milestones()]
    rollup = entry.choice("rollup", Rollup, Rollup.EACH) or Rollup.EACH
    kind = (entry.text("kind") or "").upper()
    if kind == Rollup.MILESTONE:
        rollup = Rollup.MILESTONE
    elif kind:
        entry.invalid("kind", vi="chỉ có loại MILESTONE", en="the only kind is MILESTONE")
    target, due = entry.decimal("target"), shifted(entry.day("due"), years)
    if target is None and milestones and not entry.has("target"):
        target = milestones[-1].value
    unit_of_measure = entry.text("unit_of_measure")
    if unit_of_measure is None and rollup is Rollup.MILESTONE:
        unit_of_measure = PERCENT
    kinds, names = entry.whom()
    weight, at_risk, off_track, gap = (
        entry.decimal(name) for name in ("weight", "at_risk_points", "off_track_points", "gap_points")
    )
    spec = KeyResultSpec(
        indicator_id=0,
        rollup=rollup,
        value=target,
        title=entry.text("title"),
        value_high=entry.decimal("target_high"),
        baseline=entry.decimal("baseline"),
        weight=Decimal(1) if weight is None else weight,
        due_on=due,
        standard=entry.text("standard"),
        quality=entry.text("quality"),
        basis=entry.choice("basis", Basis, Basis.MEASURED) or Basis.MEASURED,
        binding=entry.flag("binding", default=True),
        at_risk_points=Decimal(10) if at_risk is None else at_risk,
        off_track_points=Decimal(25) if off_track is None else off_track,
        gap_points=Decimal(10) if gap is None else gap,
        milestones=milestones,
        story=entry.text("story"),
    )
    return DraftedKeyResult(
        entry,
        entry.text("indicator", required=True) or "",
        entry.text("indicator_code"),
        unit_of_measure,
        entry.choice("direction", Direction, Direction.AT_LEAST) if entry.has("direction") else None,
        entry.text("numerator"),
        entry.text("denominator"),
        entry.decimal("minimum"),
        entry.decimal("maximum"),
        entry.choice("frequency", Frequency) if entry.has("frequency") else None,
        spec,
        kinds,
        names,
    )


def with_due(spec: KeyResultSpec, plan_ends_on: date) -> KeyResultSpec:
    """A due date left out: the plan's end, or the last milestone if that is later."""
    if spec.due_on is not None:
        return spec
    return replace(spec, due_on=max([plan_ends_on, *(m.by for m in spec.milestones)]))
