"""What came in from a source: judged row by row, its good rows recorded and its bad ones kept with a reason.

Two statements whatever the number of rows and documents (:mod:`vdept.sources.receiving_statements`): one
looks units and indicators up, one writes intakes, measurements, rejected rows, change rows and activities.
Where rows were rejected, a third tells the unit's coordinators, once a day and source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from vdept.kernel.db import Tx, to_json
from vdept.kernel.driver import array
from vdept.kernel.errors import Refused
from vdept.measurements.errors import NO_ROWS, TOO_MANY_ROWS
from vdept.measurements.rules import Meaning
from vdept.sources import rules
from vdept.sources.errors import READING_DUPLICATE
from vdept.sources.models import Intake, IntakeState, Reach, Source, Way
from vdept.sources.receiving_statements import LOOK, WOULD_RECORD, WRITE
from vdept.sources.rules import Given, Good, IndicatorFound, UnitFound
from vdept.sources.telling import tell_rejected
from vdept.targets.changes import DOORBELL

__all__ = ["Given", "Received", "failed", "receive"]

ROW_LIMIT = 50_000
LISTED = 100
"""How many bad rows an answer lists; all of them are kept."""


class Bad(NamedTuple):
    """A row that was rejected: its place in the delivery (from 1), why, and what was given."""

    row: int
    refused: Refused
    given: Given


class Document(NamedTuple):
    """What came in at once, with the hash and the length of the raw document."""

    rows: Sequence[Given]
    sha256: bytes
    size: int


@dataclass(slots=True)
class Judged:
    """The rows of a document, each in one of the two lists."""

    good: list[Good] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of the rows. ``rejections``: the first 100, each with its row (from 1), why and raw values.

    ``intake_id`` is None of a dry run, which says what would be recorded and writes nothing.
    """

    intake_id: int | None
    rows: int
    recorded: int
    unchanged: int
    rejected: int
    rejections: tuple[tuple[int, Refused, Any], ...] = ()


async def receive(
    tx: Tx,
    source: Source,
    document: Document,
    *,
    client_id: int | None = None,
    dry_run: bool = False,
) -> Received:
    """Judge the rows of ``document``: each is recorded, unchanged or rejected, and none is lost.

    ``client_id`` is who sent it. Whether the actor may send for the source, and whether the source takes
    anything in, is for the caller to check.
    """
    if dry_run:
        [judged] = await judge(tx, source, [document.rows], locking=False)
        row = await WOULD_RECORD.first(tx, {"source_id": source.id, **arrays([judged])})
        return _received(None, judged, row["recorded"])
    [done] = await receive_all(tx, source, [document], client_id=client_id)
    return done


async def receive_all(
    tx: Tx, source: Source, documents: Sequence[Document], *, client_id: int | None = None
) -> list[Received]:
    """The same of several documents at once, in as many statements as of one; all are kept or none.

    Documents that are about the same unit, indicator and day cannot go together: raises Entangled.
    """
    judged = await judge(tx, source, [document.rows for document in documents], locking=True)
    _require_apart(judged)
    written = await write(tx, source, list(zip(documents, judged, strict=True)), client_id=client_id)
    if bad := sum(done.kept for done in written):
        await tell_rejected(tx, source, bad)
    return [_received(done.intake_id, one, done.recorded) for one, done in zip(judged, written, strict=True)]


class Entangled(Exception):
    """Of these documents one changes what another is judged by: they are received one after the other."""


def _require_apart(judged: Sequence[Judged]) -> None:
    if len(judged) > 1:
        about = [{(good.unit_id, good.indicator_id, good.as_of) for good in one.good} for one in judged]
        if len(set().union(*about)) < sum(map(len, about)):
            raise Entangled


async def failed(tx: Tx, source: Source, refusal: Refused) -> int:
    """Keep that there was no document to judge, and why; returns the intake's id."""
    intake = Intake(
        source_id=source.id,
        unit_id=source.unit_id,
        state=IntakeState.FAILED,
        received_at=tx.now,
        error=refusal.code,
        params=rules.storable(refusal.params),
    )
    tx.session.add(intake)
    await tx.session.flush()
    data = {"sourceId": str(source.id), "code": refusal.code}
    tx.record("intake.failed", "Intake", intake.id, unit_id=source.unit_id, data=data)
    return intake.id


async def judge(
    tx: Tx, source: Source, documents: Sequence[Sequence[Given]], *, locking: bool
) -> list[Judged]:
    """Which rows of each document are good, by what is registered now; of a repeated one the later is bad."""
    for rows in documents:
        if not rows:
            raise NO_ROWS.at("readings", limit=ROW_LIMIT)
        if len(rows) > ROW_LIMIT:
            raise TOO_MANY_ROWS.at("readings", count=len(rows), limit=ROW_LIMIT)
    units, indicators = await _look(tx, source, [row for rows in documents for row in rows], locking=locking)
    return [_judged(rows, units, indicators, tx.today) for rows in documents]


def _judged(
    rows: Sequence[Given],
    units: Mapping[str | int, UnitFound],
    indicators: Mapping[str | int, IndicatorFound],
    today: date,
) -> Judged:
    judged = Judged()
    seen: dict[tuple[int, int, date], int] = {}
    for i, given in enumerate(rows, start=1):
        try:
            good = rules.judge(i, given, units, indicators, today)
            first = seen.setdefault((good.unit_id, good.indicator_id, good.as_of), i)
            if first != i:
                raise READING_DUPLICATE.at(first=first)
            judged.good.append(good)
        except Refused as refused:
            judged.bad.append(Bad(i, refused, given))
    return judged


class Written(NamedTuple):
    """A document's intake, how many of its values were recorded, how many bad rows were not known yet."""

    intake_id: int
    recorded: int
    kept: int


async def write(
    tx: Tx,
    source: Source,
    documents: Sequence[tuple[Document, Judged]],
    *,
    client_id: int | None,
    keep_bad: bool = True,
    put_right: Sequence[int] = (),
    verb: str = "readings.received",
) -> list[Written]:
    """Write what was judged; returns what became of each document.

    ``keep_bad`` is False of a replay, whose bad rows are kept already; ``put_right``: which of all good rows
    (from 1) are not as the source sent them.
    """
    judged = [one for _, one in documents]
    kept = [(number, bad) for number, one in enumerate(judged, start=1) for bad in one.bad if keep_bad]
    rows = await WRITE.all(
        tx,
        {
            **arrays(judged),
            **bad_arrays([bad for _, bad in kept]),
            "source_id": source.id,
            "source_unit_id": source.unit_id,
            "source": source.name,
            "client_id": client_id,
            "person_id": tx.actor.person_id,
            "actor": tx.actor.key,
            "verb": verb,
            "pulled": source.way is Way.PULL,
            "put_right": list(put_right),
            "now": tx.now,
            "digests": [document.sha256 for document, _ in documents],
            "sizes": array(document.size for document, _ in documents),
            "good": array(len(one.good) for one in judged),
            "bad": array(len(one.bad) for one in judged),
            "bad_documents": array(number for number, _ in kept),
            "rows": array(bad.row for _, bad in kept),
            "raws": [None if bad.given.raw is None else _json(bad.given.raw) for _, bad in kept],
        },
    )
    if any(row["recorded"] for row in rows):
        tx.ring(DOORBELL)
    return [Written(row["intake_id"], row["recorded"], row["kept"]) for row in rows]


async def _look(
    tx: Tx, source: Source, rows: Sequence[Given], *, locking: bool
) -> tuple[Mapping[str | int, UnitFound], Mapping[str | int, IndicatorFound]]:
    """The units and indicators that the rows are about, by their ids and by their codes."""
    about_units = {rules.key(unit) for unit in {row.unit for row in rows if _is_key(row.unit)}}
    about_indicators = {
        rules.key(indicator) for indicator in {row.indicator for row in rows if _is_key(row.indicator)}
    }
    row = await LOOK.first(
        tx,
        {
            "source_id": source.id,
            "source_unit_id": source.unit_id,
            "national": source.reach is Reach.NATION,
            "unit_ids": _ids(about_units),
            "unit_codes": _codes(about_units),
            "indicator_ids": _ids(about_indicators),
            "indicator_codes": _codes(about_indicators),
            "locking": locking,
        },
    )
    units: dict[str | int, UnitFound] = {}
    for id_, code, name, ended, reached in msgspec.json.decode(row["units"] or b"[]"):
        units[id_] = units[code] = UnitFound(id_, name, ended and date.fromisoformat(ended), reached)
    indicators: dict[str | int, IndicatorFound] = {}
    for id_, code, name, is_ratio, least, most, measure, measured in msgspec.json.decode(
        row["indicators"] or b"[]"
    ):
        meaning = Meaning(name, is_ratio, least and Decimal(least), most and Decimal(most))
        indicators[id_] = indicators[code] = IndicatorFound(id_, meaning, measure, measured)
    return units, indicators


def _is_key(given: object) -> bool:
    return type(given) is str or type(given) is int


def _ids(about: set[str | int]) -> str:
    return array(sorted(key for key in about if isinstance(key, int)))


def _codes(about: set[str | int]) -> list[str]:
    return sorted(key for key in about if isinstance(key, str) and key)


def arrays(judged: Sequence[Judged]) -> dict[str, Any]:
    good = [row for one in judged for row in one.good]
    return {
        "documents": array(number for number, one in enumerate(judged, start=1) for _ in one.good),
        "indicator_ids": array(row.indicator_id for row in good),
        "unit_ids": array(row.unit_id for row in good),
        "dates": array(row.as_of for row in good),
        "values": array(row.reading.value for row in good),
        "numerators": array(row.reading.numerator for row in good),
        "denominators": array(row.reading.denominator for row in good),
        "notes": [row.note for row in good],
    }


def bad_arrays(bad: Sequence[Bad]) -> dict[str, Any]:
    """What is kept of rejected rows, column by column."""
    return {
        "kept": [to_json(rules.kept(row.given)) for row in bad],
        "codes": [row.refused.code for row in bad],
        "paths": [".".join(map(str, row.refused.path)) for row in bad],
        "params": [_json(row.refused.params) for row in bad],
        "bad_dates": array(_day(row.given) for row in bad),
    }


def _json(value: Any) -> str:
    return to_json(rules.storable(value))


def _day(given: Given) -> date | None:
    try:
        return rules.day(given.as_of)
    except Refused:
        return None


def _received(intake_id: int | None, judged: Judged, recorded: int) -> Received:
    good, bad = len(judged.good), len(judged.bad)
    listed = tuple(
        (row.row, row.refused, rules.kept(row.given) if row.given.raw is None else row.given.raw)
        for row in judged.bad[:LISTED]
    )
    return Received(intake_id, good + bad, recorded, good - recorded, bad, listed)
