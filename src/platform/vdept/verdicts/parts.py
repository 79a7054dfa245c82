"""What each part adds to a figure: a child to its parent's value, a target to its unit's attainment. Pure.

The parts always add up: :func:`figure` finds a parent's value again from what they add alone, and
:func:`unit_attainment` a unit's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from vdept.outcomes.rules import Child, rounded, share_of
from vdept.targets.models import Rollup


@dataclass(frozen=True, slots=True)
class Part:
    """What one child adds to its parent's value, or one target to its unit's attainment.

    ``adds``: above the line; ``over``: below it, None where there is no line to divide by. Both None: it
    adds nothing, because it has no value.
    """

    adds: Decimal | None
    over: Decimal | None
    known: bool = True
    """Whether it has a value at all; EACH counts those without, too."""


def part_of(rule: Rollup, child: Child) -> Part:
    """What a child adds by the roll-up rule of the key result."""
    known = child.value is not None
    if rule in {Rollup.EACH, Rollup.MILESTONE}:
        return Part(Decimal(100 * child.meets), Decimal(1), known)
    if rule is Rollup.OWN or child.value is None:
        return Part(None, None, known)
    if rule is Rollup.MEAN:
        return Part(child.value, Decimal(1))
    if rule is Rollup.WEIGHTED_MEAN:
        return Part(child.value * child.weight, child.weight)
    if rule is Rollup.RATIO:
        above = None if child.numerator is None else 100 * child.numerator
        return Part(above, child.denominator)
    return Part(child.value, None)


def figure(rule: Rollup, parts: Iterable[Part]) -> Decimal | None:
    """The value that the parts add up to; None when none has one."""
    parts = list(parts)
    adds = [part.adds for part in parts if part.adds is not None]
    if not adds or not any(part.known for part in parts):
        return None
    match rule:
        case Rollup.MIN:
            return min(adds)
        case Rollup.MAX:
            return max(adds)
        case Rollup.SUM:
            return sum(adds, Decimal(0))
    over = sum((part.over for part in parts if part.over is not None), Decimal(0))
    return rounded(sum(adds, Decimal(0)), over) if over > 0 else None


def target_part(attainment: Decimal | None, weight: Decimal) -> Part:
    """What a target adds to its unit's attainment: as much as its key result weighs."""
    if attainment is None:
        return Part(None, None, known=False)
    return Part(weight * attainment, weight)


def unit_attainment(parts: Iterable[Part]) -> Decimal | None:
    """The attainment that the parts add up to: cut after six decimals, never rounded up."""
    counted = [(part.adds, part.over) for part in parts if part.adds is not None and part.over is not None]
    return share_of(sum((a for a, _ in counted), Decimal(0)), sum((o for _, o in counted), Decimal(0)))
