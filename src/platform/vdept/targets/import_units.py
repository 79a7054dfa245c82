"""The names in a plan file and what they stand for: units by name or code, indicators by code or name."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.text import sort_key
from vdept.targets.errors import IMPORT_UNIT_AMBIGUOUS, IMPORT_UNIT_UNKNOWN
from vdept.targets.import_entries import Entry
from vdept.targets.import_plans import Drafted, DraftedKeyResult
from vdept.targets.models import Indicator, Target
from vdept.units.access import visible_units
from vdept.units.models import Unit


@dataclass(slots=True)
class Names:
    """Everything a file refers to, fetched in two statements whatever its length."""

    asked: list[tuple[Entry, str, str]]
    units: dict[str, list[Unit]] = field(default_factory=dict)
    by_code: dict[str, Indicator] = field(default_factory=dict)
    by_name: dict[str, Indicator] = field(default_factory=dict)

    @classmethod
    async def of(cls, tx: Tx, drafts: Iterable[Drafted]) -> "Names":
        plans = list(drafts)
        results = [k for plan in plans for objective in plan.objectives for k in objective.key_results]
        asked = [(plan.entry, "issuer", plan.issuer) for plan in plans if plan.issuer]
        asked += [(result.entry, "assigned_to", name) for result in results for name in result.names]
        names = cls(asked)
        wanted = {name for _, _, name in asked}
        keys = {sort_key(spelling) for name in wanted for spelling in spellings(name)}
        found = await tx.session.scalars(
            sa.select(Unit).where(
                visible_units(tx.actor),
                sa.or_(Unit.code.in_(sorted(wanted)), Unit.sort_key.in_(sorted(keys))),
                Unit.valid_from <= tx.today,
                sa.or_(Unit.valid_to.is_(None), Unit.valid_to >= tx.today),
            )
        )
        units = list(found)
        for name in wanted:
            names.units[name] = _matching(name, units)
        known = await tx.session.scalars(
            sa.select(Indicator).where(
                sa.or_(
                    Indicator.code.in_(sorted({r.code for r in results if r.code})),
                    Indicator.sort_key.in_(sorted({sort_key(r.indicator) for r in results})),
                )
            )
        )
        for indicator in known:
            names.learn(indicator)
        return names

    def check(self) -> None:
        """Name every unit that cannot be told from its name."""
        for entry, name_of_field, name in self.asked:
            found = self.units[name]
            if not found:
                entry.refuse(name_of_field, IMPORT_UNIT_UNKNOWN, name=name)
            elif len(found) > 1:
                entry.refuse(name_of_field, IMPORT_UNIT_AMBIGUOUS, name=name, count=len(found))

    def unit(self, name: str) -> Unit:
        """The one unit of a name that passed :meth:`check`."""
        return self.units[name][0]

    def learn(self, indicator: Indicator) -> None:
        self.by_code[indicator.code] = indicator
        self.by_name.setdefault(sort_key(indicator.name), indicator)

    def indicator(self, wanted: DraftedKeyResult) -> Indicator | None:
        """By its code where one is given, otherwise by its name."""
        if wanted.code is not None:
            return self.by_code.get(wanted.code)
        return self.by_name.get(sort_key(wanted.indicator))

    async def roots(self, tx: Tx, plan_id: int) -> dict[int, Target]:
        """The root targets of a plan just issued, by key result."""
        rows = await tx.session.scalars(sa.select(Target).where(Target.plan_id == plan_id, Target.level == 0))
        return {row.key_result_id: row for row in rows}


def spellings(name: str) -> set[str]:
    """``Tỉnh Cao Bằng`` is registered as ``Cao Bằng``, and ``Huế`` as ``Thành phố Huế``."""
    return {name, name.removeprefix("Tỉnh ").removeprefix("tỉnh "), f"Thành phố {name}"}


def _matching(name: str, units: Iterable[Unit]) -> list[Unit]:
    """A code first, then the exact name, then its other spellings."""
    among = list(units)
    exact = sort_key(name)
    keys = {sort_key(spelling) for spelling in spellings(name)}
    for found in (
        [unit for unit in among if unit.code == name],
        [unit for unit in among if unit.sort_key == exact],
        [unit for unit in among if unit.sort_key in keys],
    ):
        if found:
            return found
    return []
