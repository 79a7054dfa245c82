"""Connectors of sources that are pulled: how they are asked, as those who work there see it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import strawberry
from strawberry import field
from strawberry.scalars import JSON

from vdept.kernel.db import Tx
from vdept.sources import connector_settings
from vdept.sources.connectors import settings
from vdept.sources.connectors.settings import ReadingField
from vdept.sources.models import ConnectorKind
from vdept.sources.models import SourceConnector as ConnectorRow
from vdept_graphql.enums import described

described(
    ConnectorKind,
    "What a connector asks (loại kết nối).",
    HTTP_JSON="A JSON document at a URL.",
    HTTP_CSV="A CSV file at a URL: UTF-8, separated by commas, semicolons or tabs.",
    HTTP_EXCEL="An Excel workbook (.xlsx) at a URL.",
    POSTGRESQL="A PostgreSQL database, with one query.",
)
described(
    ReadingField,
    "What a reading consists of (trường số liệu).",
    UNIT="The unit that is measured, by its code.",
    INDICATOR="What is measured, by the indicator's code.",
    AS_OF="The day of the value; of a period its last day: 2026-03-31, 202603, 2026Q1, 2026-W13 and so on.",
    VALUE="The value.",
    NUMERATOR="Of a ratio: what counts.",
    DENOMINATOR="Of a ratio: out of how many.",
    UNIT_OF_MEASURE="The unit of measure, which must be the indicator's.",
    NOTE="A remark that is kept with the value.",
)


async def load_connectors(tx: Tx, source_ids: list[int]) -> dict[int, "SourceConnector"]:
    """The connector of each source."""
    found = await connector_settings.connectors_of(tx, source_ids)
    return {key: SourceConnector.from_row(row) for key, row in found.items()}


@strawberry.type(
    description="How the platform asks a source for its values (kết nối tới nguồn). For whoever works in the "
    "source's unit, signed in themselves; what it shows the source to be let in is never shown again."
)
class SourceConnector:
    """A connector as its row says it, without its credentials."""

    kind: ConnectorKind = field(description="What is asked.")
    origin: str = field(description="Scheme, host and port of where it is.")
    setting: JSON = field(description="The rest, in the form in which `setConnector` takes it.")
    has_credentials: bool = field(description="Whether the source is shown credentials.")
    every_minutes: int = field(description="How often it is asked.")
    next_poll_at: datetime | None = field(
        description="When it is asked next; while it is being asked, when it is given up."
    )
    failures: int = field(description="How often in a row it failed; 0: it works, or was never asked.")

    @classmethod
    def from_row(cls, row: ConnectorRow) -> "SourceConnector":
        return cls(
            kind=row.kind,
            origin=settings.where(settings.restored(row.kind, row.setting)),
            setting=JSON(_as_given(row.setting)),
            has_credentials=row.credentials is not None,
            every_minutes=row.every_minutes,
            next_poll_at=row.next_at,
            failures=row.failures,
        )


def _as_given(kept: Any) -> Any:
    """A stored setting with the API's names, its codes as pairs."""
    if isinstance(kept, dict):
        return {
            _camel(name): _pairs(value) if name == "codes" else _as_given(value)
            for name, value in kept.items()
        }
    return [_as_given(one) for one in kept] if isinstance(kept, list) else kept


def _pairs(codes: dict[str, str]) -> list[dict[str, str]]:
    return [{"theirs": theirs, "ours": ours} for theirs, ours in codes.items()]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def codes_of(pairs: Iterable[Any] | None) -> dict[str, str]:
    """Pairs of codes as the core takes them."""
    return {pair.theirs: pair.ours for pair in pairs or ()}
