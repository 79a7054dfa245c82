"""What came in from a source: judged row by row, its good rows recorded and its bad ones kept with a reason.

Two statements whatever the number of rows (:mod:`vdept.sources.receiving_statements`): one looks units and
indicators up, one writes the intake, the measurements, the rejected rows, the change rows and one activity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused
from vdept.sources.models import Intake, IntakeState, Source


class Given(NamedTuple):
    """One row as it came: texts and numbers that nobody has looked at yet.

    ``unit`` and ``indicator``: a number is an id, a text a code. ``as_of``: a day, or a text such as
    ``2026-03-31``, ``31/03/2026``, ``2026-03`` or ``2026`` (the last day of the month or year). ``raw``: what
    the source's owner is shown if the row is rejected; these values unless given.
    """

    unit: str | int | None
    indicator: str | int | None
    as_of: date | str | None
    value: Decimal | int | str | None = None
    numerator: Decimal | int | str | None = None
    denominator: Decimal | int | str | None = None
    note: str | None = None
    raw: Any = None
    unit_of_measure: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """What became of the rows. ``rejections``: the first 100, each with its row, refusal and raw values.

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
    rows: Sequence[Given],
    *,
    sha256: bytes,
    size: int,
    client_id: int | None = None,
    dry_run: bool = False,
) -> Received:
    """Judge ``rows`` of ``source``: each is recorded, unchanged or rejected, and none is lost.

    ``sha256`` and ``size`` are those of the raw document. Whether the actor may send for the source is for
    the caller to check.
    """
    raise NotImplementedError


async def failed(tx: Tx, source: Source, refusal: Refused) -> int:
    """Keep that there was no document to judge, and why; returns the intake's id."""
    intake = Intake(
        source_id=source.id,
        unit_id=source.unit_id,
        state=IntakeState.FAILED,
        received_at=tx.now,
        error=refusal.code,
        params=dict(refusal.params),
    )
    tx.session.add(intake)
    await tx.session.flush()
    data = {"source": str(source.id), "code": refusal.code}
    tx.record("intake.failed", "Intake", intake.id, unit_id=source.unit_id, data=data)
    return intake.id
