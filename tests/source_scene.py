"""A province with a source that is pulled, its people, and a server that answers as it is told."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.measurements.models import Measurement
from vdept.sources.connectors.asking import Asking
from vdept.sources.connectors.http import Fetch
from vdept.sources.connectors.settings import JsonField, JsonSetting, ReadingField, Setting, stored
from vdept.sources.models import ConnectorKind, Intake, RejectedReading, Source, SourceConnector, Way
from vdept.targets.models import Indicator
from vdept.units.models import Unit, UnitKind
from webhook_scene import HERE, VAULT

F = ReadingField
FIELDS = (
    JsonField(F.UNIT, path="$.unit"),
    JsonField(F.INDICATOR, path="$.indicator"),
    JsonField(F.AS_OF, path="$.on"),
    JsonField(F.VALUE, path="$.value"),
)


def json_at(url: str, **more: Any) -> JsonSetting:
    """A setting that reads rows of ``{unit, indicator, on, value}``."""
    more.setdefault("timeout_seconds", 5)
    return JsonSetting(url=url, rows="$[*]", fields=FIELDS, **more)


@dataclass
class Scene:
    """``units``: the province, its commune and another province."""

    db: Database
    units: dict[str, Unit] = field(default_factory=dict)
    people: dict[str, Actor] = field(default_factory=dict)
    indicator: Indicator = None  # type: ignore[assignment]
    source: Source = None  # type: ignore[assignment]

    def asking(self, fetch: Fetch | None = None) -> Asking:
        return Asking(lambda: VAULT, HERE, fetch=fetch)

    def row(self, value: Any = "12.5", on: str = "2026-01-31", unit: str = "commune") -> dict[str, Any]:
        return {"unit": self.units[unit].code, "indicator": self.indicator.code, "on": on, "value": value}

    async def add_source(self, name: str = "Kho số liệu", **more: Any) -> Source:
        async with self.db.begin(SYSTEM) as tx:
            more.setdefault("way", Way.PULL)
            return await make.source(tx, self.units["province"], self.indicator, name=name, **more)

    async def connect(
        self, setting: Setting, source: Source | None = None, *, every: int = 60, **more: Any
    ) -> SourceConnector:
        """A connector that is due, as if set by the province's head."""
        source = source or self.source
        more.setdefault("kind", ConnectorKind.HTTP_JSON)
        async with self.db.begin(SYSTEM) as tx:
            row = SourceConnector(
                source_id=source.id,
                unit_id=source.unit_id,
                setting=stored(setting),
                every_minutes=every,
                next_at=more.pop("next_at", datetime(2026, 1, 1, tzinfo=tx.now.tzinfo)),
                **more,
            )
            tx.session.add(row)
        return row

    async def connector(self, source: Source | None = None) -> SourceConnector:
        async with self.db.snapshot(SYSTEM) as tx:
            return await tx.session.get_one(SourceConnector, (source or self.source).id)

    async def read_source(self, source: Source | None = None) -> Source:
        async with self.db.snapshot(SYSTEM) as tx:
            return await tx.session.get_one(Source, (source or self.source).id)

    async def intakes(self, source: Source | None = None) -> list[Intake]:
        async with self.db.snapshot(SYSTEM) as tx:
            query = sa.select(Intake).where(Intake.source_id == (source or self.source).id)
            return list(await tx.session.scalars(query.order_by(Intake.id)))

    async def measured(self) -> list[Measurement]:
        async with self.db.snapshot(SYSTEM) as tx:
            return list(await tx.session.scalars(sa.select(Measurement).order_by(Measurement.id)))

    async def rejected(self) -> list[RejectedReading]:
        async with self.db.snapshot(SYSTEM) as tx:
            return list(await tx.session.scalars(sa.select(RejectedReading).order_by(RejectedReading.id)))

    async def make_due(self) -> None:
        async with self.db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.update(SourceConnector).values(next_at=tx.now))


async def build(db: Database) -> Scene:
    scene = Scene(db)
    async with db.begin(SYSTEM) as tx:
        units = scene.units
        units["province"] = await make.unit(tx, "Huế")
        units["commune"] = await make.unit(tx, "Phú Vang", UnitKind.COMMUNE, units["province"])
        units["other"] = await make.unit(tx, "Đà Nẵng")
        for role in Role:
            scene.people[role.value.lower()] = await make.actor(tx, units["province"], role)
        scene.people["official"] = await make.actor(tx, units["other"], Role.HEAD)
        scene.people["administrator"] = await make.actor(tx, units["other"], Role.MEMBER, administrator=True)
        firm = await make.unit(tx, "Công ty A", UnitKind.FIRM)
        scene.people["firm"] = await make.actor(tx, firm, Role.HEAD)
        scene.indicator = await make.indicator(tx, ratio=False, unit_of_measure="%")
    scene.source = await scene.add_source()
    return scene
