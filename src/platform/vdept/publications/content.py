"""The content of an edition, read in one snapshot and written as it streams by, in bounded memory."""

import hashlib
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.driver import connection_of
from vdept.publications import layout, rules, statements
from vdept.publications.models import Edition, EditionChunk, EditionFormat

AT_ONCE = 5_000
"""Targets fetched with one message."""


@dataclass
class Hashed:
    """Counts and hashes what passes, on its way into a file if there is one."""

    file: BinaryIO | None = None
    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def write(self, content: bytes) -> None:
        if self.file is not None:
            self.file.write(content)
        self._hash.update(content)
        self.size += len(content)

    @property
    def sha256(self) -> bytes:
        digest: bytes = self._hash.digest()
        return digest


async def key_results(tx: Tx, plan_id: int) -> list[layout.KeyResultPart]:
    """The plan's key results with the rules that their targets are judged by."""
    found = await tx.session.execute(sa.text(statements.KEY_RESULTS), {"plan_id": plan_id})
    return [_key_result(row) for row in found.mappings()]


def _key_result(row: Mapping[Any, Any]) -> layout.KeyResultPart:
    names = ("code", "name", "unit_of_measure", "direction", "numerator", "denominator")
    rest = {
        name: row[name]
        for name in layout.KeyResultPart.__struct_fields__
        if name not in {"indicator", "milestones"}
    }
    milestones = row["milestones"]
    return layout.KeyResultPart(
        **rest,
        indicator=layout.IndicatorPart(**{name: row[name] for name in names}),
        milestones=None
        if milestones is None
        else [layout.Milestone(by=each["by"], value=Decimal(each["value"])) for each in milestones],
    )


async def units(tx: Tx, plan_id: int, before: Mapping[str, rules.Before] | None) -> list[layout.UnitRow]:
    """The plan's units with figures, ranks, and movements since the edition before (None: there is none)."""
    found = (await tx.session.execute(sa.text(statements.UNITS), {"plan_id": plan_id})).mappings().all()
    of_own = {row["code"]: rules.figures(row) for row in found}
    places = rules.ranks((row["code"], row["kind"], of_own[row["code"]].measured) for row in found)
    out = []
    for row in found:
        code = row["code"]
        own, place = of_own[code], places[code]
        was = (before or {}).get(code)
        moved = rules.movement(own.measured, place.rank, was)
        out.append(
            layout.UnitRow(
                code=code,
                name=row["name"],
                name_en=row["name_en"],
                kind=row["kind"],
                parent=row["parent"],
                own=own,
                whole=rules.figures({name: row[f"whole_{name}"] for name in rules.SUMS}),
                rank=place.rank,
                ranked_among=place.among,
                previous_measured=None if was is None else was.measured,
                previous_rank=None if was is None else was.rank,
                moved_points=moved.points,
                moved_places=moved.places,
                verdict=row["verdict"],
            )
        )
    return out


async def write(
    tx: Tx,
    plan_id: int,
    head: layout.Head,
    parts: list[layout.KeyResultPart],
    rows: list[layout.UnitRow],
    out: Hashed,
) -> int:
    """Write all of it; the targets stream from the server. Returns how many targets there were."""
    out.write(layout.before_units(head, parts))
    out.write(b",\n".join(layout.written(row) for row in rows))
    out.write(layout.BEFORE_TARGETS)
    connection = await connection_of(tx)
    cursor = await connection.cursor(statements.TARGETS, plan_id)
    count = 0
    while lines := await cursor.fetch(AT_ONCE):
        out.write(b",\n" * bool(count) + ",\n".join([line["line"] for line in lines]).encode())
        count += len(lines)
    out.write(layout.END)
    return count


async def chunk(tx: Tx, edition_id: int, of: EditionFormat, number: int) -> bytes | None:
    """One part of a published file; None behind the last."""
    which = sa.select(EditionChunk.content).where(
        EditionChunk.edition_id == edition_id, EditionChunk.format == of, EditionChunk.number == number
    )
    packed = await tx.session.scalar(which)
    return None if packed is None else zlib.decompress(packed)


async def chunks(tx: Tx, edition_id: int, of: EditionFormat) -> AsyncIterator[bytes]:
    """A published file, part by part."""
    number = 0
    while (part := await chunk(tx, edition_id, of, number)) is not None:
        yield part
        number += 1


async def before(tx: Tx, edition: Edition | None) -> dict[str, rules.Before] | None:
    """What an edition said of its units: read from its own file, up to where the targets begin."""
    if edition is None:
        return None
    said, rest = {}, b""
    async for part in chunks(tx, edition.id, EditionFormat.JSON):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.startswith(b"["):
                row = layout.read_unit(line.rstrip(b","))
                said[row.code] = rules.Before(row.own.measured, row.rank)
            elif line == b"]},":
                return said
    return said
