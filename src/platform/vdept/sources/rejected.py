"""What was rejected is put right and replayed, or dismissed with a reason; it is never simply lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.driver import array
from vdept.kernel.errors import NOT_FOUND, Refused, Words
from vdept.measurements.errors import NO_ROWS, TOO_MANY_ROWS
from vdept.sources import rules
from vdept.sources.access import KEEPERS, get_source, may_keep, rejected_for_update, visible_rejected
from vdept.sources.errors import (
    READING_DUPLICATE,
    READING_STANDS,
    REJECTED_ALREADY_RESOLVED,
    REJECTED_OF_SEVERAL_SOURCES,
)
from vdept.sources.models import RejectedReading, RejectedState, Source
from vdept.sources.pushing import document_of
from vdept.sources.receiving import LISTED, Bad, Given, Judged, arrays, bad_arrays, judge, write
from vdept.sources.receiving_statements import RESOLVE, STANDS, STILL_BAD
from vdept.targets.rules import clean_text

MOST = 10_000
"""How many rows are replayed or dismissed at once."""


class Fix(NamedTuple):
    """A rejected row, and what is put right in it: values by the names that the row is kept under."""

    id: int
    changes: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the rows. ``rejections``: the first 100 still bad, by their place in the call."""

    intake_id: int | None
    ids: tuple[int, ...] = ()
    recorded: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejections: tuple[tuple[int, Refused], ...] = ()


async def replay(tx: Tx, fixes: Sequence[Fix]) -> Replayed:
    """Judge rejected rows of one source again, with what is put right in them, as a new intake.

    What passes is a measurement like any other of the source, and its row is closed with it; if anything in
    it was put right, the measurement says so. What does not pass stays open with the values that were tried
    and the reason of today. No replay replaces what the source has said since, and nothing that was put right
    what the source said at all.
    """
    if not fixes:
        raise NO_ROWS.at("readings", limit=MOST)
    if len(fixes) > MOST:
        raise TOO_MANY_ROWS.at("readings", count=len(fixes), limit=MOST)
    rows = await _open_rows(tx, [fix.id for fix in fixes], "readings", "id")
    if len({row.source_id for row in rows}) > 1:
        raise REJECTED_OF_SEVERAL_SOURCES.at("readings")
    source = await _kept(tx, rows[0].source_id, "readings")
    return await _replay(tx, source, rows, [fix.changes for fix in fixes])


async def replay_all(tx: Tx, source_id: int) -> Replayed:
    """The same for the open rows of a source as they are: after a unit or an indicator was registered."""
    source = await _kept(tx, source_id, "sourceId")
    query = (
        sa.select(RejectedReading)
        .where(
            RejectedReading.source_id == source.id,
            RejectedReading.state == RejectedState.OPEN,
            visible_rejected(tx.actor),
        )
        .order_by(RejectedReading.id)
        .limit(MOST)
        .with_for_update()
    )
    rows = list(await tx.session.scalars(query))
    return await _replay(tx, source, rows, [{}] * len(rows)) if rows else Replayed(None)


async def dismiss(tx: Tx, ids: Sequence[int], reason: str) -> list[int]:
    """Close rejected rows without a measurement; returns their numbers."""
    if not ids:
        raise NO_ROWS.at("ids", limit=MOST)
    if len(ids) > MOST:
        raise TOO_MANY_ROWS.at("ids", count=len(ids), limit=MOST)
    said = clean_text(reason, rules.TEXT_LIMIT, "reason")
    rows = await _open_rows(tx, ids, "ids")
    for i, row in enumerate(rows):
        tx.actor.require(may_keep(tx.actor, row.unit_id), KEEPERS, "ids", i)
    await tx.session.execute(
        sa.update(RejectedReading)
        .where(RejectedReading.id.in_([row.id for row in rows]))
        .values(
            state=RejectedState.DISMISSED,
            resolved_at=tx.now,
            resolved_by_id=tx.actor.person_id,
            reason=said,
        )
        .execution_options(synchronize_session=False)
    )
    by_source: dict[int, list[RejectedReading]] = {}
    for row in rows:
        by_source.setdefault(row.source_id, []).append(row)
    for source_id, of_it in by_source.items():
        data = {"count": len(of_it), "reason": said, "ids": [str(row.id) for row in of_it[:LISTED]]}
        tx.record("readings.dismissed", "Source", source_id, unit_id=of_it[0].unit_id, data=data)
    return list(dict.fromkeys(ids))


async def _replay(
    tx: Tx, source: Source, rows: Sequence[RejectedReading], changes: Sequence[Mapping[str, Any]]
) -> Replayed:
    rules.require_active(source.state, source.name, source.state_reason, "sourceId")
    # The newest first: of rows for the same day the last word of the source counts, and in it the first row.
    order = sorted(range(len(rows)), key=lambda place: (-rows[place].intake_id, rows[place].row))
    ordered = [rows[place] for place in order]
    given = [rules.given_again(rows[place].given, changes[place]) for place in order]
    put_right = [
        row.put_right or rules.given_again(row.given, {}) != now
        for row, now in zip(ordered, given, strict=True)
    ]
    [judged] = await judge(tx, source, [given], locking=True)
    await _keep_what_stands(tx, source, ordered, given, put_right, judged)
    [written] = await write(
        tx,
        source,
        [(document_of(given), judged)],
        client_id=tx.actor.client_id,
        keep_bad=False,
        put_right=_places(judged, put_right),
        verb="readings.replayed",
    )
    await _resolve(tx, source, ordered, put_right, judged)
    rejections = sorted((order[bad.row - 1] + 1, _said(bad.refused, order)) for bad in judged.bad)
    return Replayed(
        written.intake_id,
        tuple(row.id for row in rows),
        written.recorded,
        len(judged.good) - written.recorded,
        len(judged.bad),
        tuple(rejections[:LISTED]),
    )


def _places(judged: Judged, put_right: Sequence[bool]) -> list[int]:
    """Which of the good rows, from 1, were put right."""
    return [place for place, good in enumerate(judged.good, start=1) if put_right[good.row - 1]]


def _said(refused: Refused, order: Sequence[int]) -> Refused:
    """A refusal that names another row by its place in the call."""
    if refused.refusal is READING_DUPLICATE:
        return READING_DUPLICATE.at(first=order[refused.params["first"] - 1] + 1)
    return refused


async def _keep_what_stands(
    tx: Tx,
    source: Source,
    rows: Sequence[RejectedReading],
    given: Sequence[Given],
    put_right: Sequence[bool],
    judged: Judged,
) -> None:
    """Move rows that would replace what they must not from the good ones to the bad."""
    if not judged.good:
        return
    standing = await STANDS.all(
        tx,
        {
            **arrays([judged]),
            "source_id": source.id,
            "ids": [rows[good.row - 1].id for good in judged.good],
            "put_right": _places(judged, put_right),
        },
    )
    stands = {row["place"]: row["value"] for row in standing}
    for place, good in enumerate(judged.good, start=1):
        if place in stands:
            judged.bad.append(Bad(good.row, READING_STANDS.at(value=stands[place]), given[good.row - 1]))
    judged.good = [good for place, good in enumerate(judged.good, start=1) if place not in stands]


async def _resolve(
    tx: Tx, source: Source, rows: Sequence[RejectedReading], put_right: Sequence[bool], judged: Judged
) -> None:
    ids = [row.id for row in rows]
    if judged.good:
        await RESOLVE.all(
            tx,
            {
                "ids": [ids[good.row - 1] for good in judged.good],
                "unit_ids": array(good.unit_id for good in judged.good),
                "indicator_ids": array(good.indicator_id for good in judged.good),
                "dates": array(good.as_of for good in judged.good),
                "source_id": source.id,
                "person_id": tx.actor.person_id,
                "now": tx.now,
            },
        )
    if judged.bad:
        bad_ids = [ids[bad.row - 1] for bad in judged.bad]
        changed = [row.id for row, right in zip(rows, put_right, strict=True) if right]
        await STILL_BAD.all(tx, {"ids": bad_ids, "put_right": changed, **bad_arrays(judged.bad)})


async def _kept(tx: Tx, source_id: int, *path: str | int) -> Source:
    source = await get_source(tx, source_id, *path)
    tx.actor.require(may_keep(tx.actor, source.unit_id), KEEPERS, *path)
    return source


async def _open_rows(tx: Tx, ids: Sequence[int], *path: str) -> list[RejectedReading]:
    """The rows in the order in which they are named; each must be there and open."""
    found = await rejected_for_update(tx, ids)
    rows: dict[int, RejectedReading] = {}
    place, *inner = path
    for i, row_id in enumerate(ids):
        row = found.get(row_id)
        if row is None:
            raise NOT_FOUND.at(place, i, *inner, what=Words("dòng bị từ chối", "rejected reading"))
        if row.state is not RejectedState.OPEN or row_id in rows:
            raise REJECTED_ALREADY_RESOLVED.at(place, i, *inner)
        rows[row_id] = row
    return list(rows.values())
