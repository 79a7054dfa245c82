"""Define indicators: what is measured, in which unit of measure, in which direction, from which parts.

Administrators and the managing people of a ministry or of the government define them: an indicator outlives
any plan and is shared by all, so that the same thing is not measured twice under two names.
"""

from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import Words
from vdept.kernel.text import fold, sort_key
from vdept.kernel.versions import next_version
from vdept.targets import rules
from vdept.targets.access import get_indicator
from vdept.targets.errors import CODE_TAKEN, INDICATOR_BOUNDS_INVALID, INDICATOR_IN_USE, RATIO_NEEDS_BOTH
from vdept.targets.models import Direction, Frequency, Indicator, KeyResult
from vdept.units.models import Unit, UnitKind

DEFINERS = Words(
    "người đứng đầu, cấp phó hoặc điều phối viên của bộ hoặc Chính phủ",
    "the head, a deputy or a coordinator of a ministry or the government",
)
CODE_LIMIT = 60
PERCENT = "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSpec:
    """An indicator as it is asked for. Without ``code`` one is given."""

    name: str
    unit_of_measure: str
    direction: Direction = Direction.AT_LEAST
    code: str | None = None
    description: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    frequency: Frequency | None = None
    """How often it is measured; without one nobody is warned that it is silent."""


def cleaned(spec: IndicatorSpec) -> IndicatorSpec:
    """The spec with trimmed texts and, for a percentage of parts, its natural lower bound 0.

    The upper bound 100 is not assumed: a growth rate is a ratio too. Say ``maximum=100`` where parts cannot
    exceed the whole.
    """
    numerator = rules.clean_optional(spec.numerator, rules.TITLE_LIMIT, "numerator")
    denominator = rules.clean_optional(spec.denominator, rules.TITLE_LIMIT, "denominator")
    if (numerator is None) != (denominator is None):
        raise RATIO_NEEDS_BOTH.at("denominator" if denominator is None else "numerator")
    for name, bound in (("minimum", spec.minimum), ("maximum", spec.maximum)):
        if bound is not None:
            rules.require_quantity(bound, name)
    if spec.minimum is not None and spec.maximum is not None and spec.minimum > spec.maximum:
        raise INDICATOR_BOUNDS_INVALID.at(
            "minimum", minimum=rules.shown(spec.minimum), maximum=rules.shown(spec.maximum)
        )
    return replace(
        spec,
        name=rules.clean_text(spec.name, rules.TITLE_LIMIT, "name"),
        unit_of_measure=rules.clean_text(spec.unit_of_measure, 60, "unitOfMeasure"),
        code=rules.clean_optional(spec.code, CODE_LIMIT, "code"),
        description=rules.clean_optional(spec.description, rules.TEXT_LIMIT, "description"),
        numerator=numerator,
        denominator=denominator,
        minimum=Decimal(0) if spec.minimum is None and numerator is not None else spec.minimum,
    )


async def require_definer(tx: Tx) -> None:
    """Refuse unless the actor manages a ministry or the government."""
    if tx.actor.sees_everything:
        return
    managed = [seat.unit_id for seat in tx.actor.seats if seat.role in MANAGING]
    found = await tx.session.scalar(
        sa.select(Unit.id)
        .where(Unit.id.in_(managed), Unit.kind.in_((UnitKind.GOVERNMENT, UnitKind.MINISTRY)))
        .limit(1)
    )
    tx.actor.require(found is not None, DEFINERS)


async def create_indicator(tx: Tx, spec: IndicatorSpec) -> Indicator:
    """Define a new indicator."""
    await require_definer(tx)
    spec = cleaned(spec)
    number = await next_id(tx, "indicator")
    code = spec.code or f"CS-{number}"
    await _require_free_code(tx, code, None)
    row = Indicator(id=number, **{**asdict(spec), "code": code}, **_names(spec.name))
    tx.session.add(row)
    await tx.session.flush()
    tx.record("indicator.created", "Indicator", row.id, data={"code": code, "name": row.name})
    return row


async def update_indicator(
    tx: Tx, indicator_id: int, *, expected_version: int | None = None, **changes: Any
) -> Indicator:
    """Change an indicator; ``changes`` are fields of :class:`IndicatorSpec`.

    Once a plan uses it, what its values mean cannot change: direction, unit of measure, parts.
    """
    await require_definer(tx)
    row = await get_indicator(tx, indicator_id, lock=True)
    before = spec_of(row)
    spec = cleaned(replace(before, **changes))
    spec = replace(spec, code=spec.code or row.code)
    meaning = ("direction", "unit_of_measure", "numerator", "denominator")
    changed = [name for name in asdict(spec) if getattr(spec, name) != getattr(before, name)]
    if broken := [name for name in meaning if name in changed]:
        used = await tx.session.scalar(sa.select(sa.exists().where(KeyResult.indicator_id == row.id)))
        if used:
            raise INDICATOR_IN_USE.at(fields=", ".join(broken))
    if "code" in changed:
        await _require_free_code(tx, str(spec.code), row.id)
    next_version(row, expected_version)
    for name in changed:
        setattr(row, name, getattr(spec, name))
    for name, value in _names(spec.name).items():
        setattr(row, name, value)
    await tx.session.flush()
    tx.record("indicator.updated", "Indicator", row.id, data={"changed": changed})
    return row


def spec_of(row: Indicator) -> IndicatorSpec:
    return IndicatorSpec(**{name: getattr(row, name) for name in IndicatorSpec.__dataclass_fields__})


def _names(name: str) -> dict[str, str]:
    return {"sort_key": sort_key(name), "search": fold(name)}


async def _require_free_code(tx: Tx, code: str, own_id: int | None) -> None:
    taken = await tx.session.scalar(sa.select(Indicator.id).where(Indicator.code == code))
    if taken is not None and taken != own_id:
        raise CODE_TAKEN.at("code", code=code)


async def next_id(tx: Tx, table: str) -> int:
    """The next identity value of a table, for rows whose generated code carries it."""
    query = sa.select(sa.func.nextval(sa.func.pg_get_serial_sequence(table, "id")))
    return int((await tx.session.execute(query)).scalar_one())
