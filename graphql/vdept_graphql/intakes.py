"""What came in from sources, and the rows of it that made no measurement."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import argument, field
from strawberry.scalars import JSON

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.sources import queries
from vdept.sources.models import Intake as IntakeRow
from vdept.sources.models import IntakeState, RejectedState
from vdept.sources.models import RejectedReading as RejectedRow
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Context, Info
from vdept_graphql.enums import described
from vdept_graphql.errors import ErrorCode, UserError
from vdept_graphql.ids import NODES, Node, encode
from vdept_graphql.mutations import told
from vdept_graphql.people import Person, load_persons

if TYPE_CHECKING:
    from vdept_graphql.measurements import Measurement
    from vdept_graphql.sources import Source

described(
    IntakeState,
    "What became of a document that came in (trạng thái tiếp nhận).",
    RECEIVED="Its rows were judged one by one.",
    FAILED="There was no document to judge: it did not come, or could not be read.",
)
described(
    RejectedState,
    "Where a rejected reading stands (trạng thái dòng bị từ chối).",
    OPEN="Nobody has dealt with it.",
    REPLAYED="It passed, as it was or put right, and is a measurement.",
    DISMISSED="It was set aside with a reason.",
)


async def load_intakes(tx: Tx, ids: list[int]) -> dict[int, "Intake"]:
    """Intakes by number."""
    found = await queries.intakes_by_ids(tx, ids)
    return {key: Intake.from_row(row) for key, row in found.items()}


async def load_rejected(tx: Tx, ids: list[int]) -> dict[int, "RejectedReading"]:
    """Rejected readings by number."""
    found = await queries.rejected_by_ids(tx, ids)
    return {key: RejectedReading.from_row(row) for key, row in found.items()}


async def load_intakes_of_sources(
    tx: Tx, source_ids: list[int], request: PageRequest, state: IntakeState | None
) -> dict[int, Connection["Intake"]]:
    """The same page of intakes of each source."""
    pages = await queries.intakes_of_sources(tx, source_ids, request, state)
    return {key: connection(page, Intake.from_row) for key, page in pages.items()}


async def load_rejected_of_sources(
    tx: Tx, source_ids: list[int], request: PageRequest, state: RejectedState | None
) -> dict[int, Connection["RejectedReading"]]:
    """The same page of rejected readings of each source."""
    pages = await queries.rejected_of_sources(tx, source_ids, request, state)
    return {key: connection(page, RejectedReading.from_row) for key, page in pages.items()}


async def load_rejected_of_intakes(
    tx: Tx, intake_ids: list[int], request: PageRequest, state: RejectedState | None
) -> dict[int, Connection["RejectedReading"]]:
    """The same of each intake."""
    pages = await queries.rejected_of_intakes(tx, intake_ids, request, state)
    return {key: connection(page, RejectedReading.from_row) for key, page in pages.items()}


NODES["Intake"] = load_intakes
NODES["RejectedReading"] = load_rejected

InRejectedState = Annotated[RejectedState | None, argument(description="Only those that stand so.")]


def why(context: Context, code: str, path: list[str], params: dict[str, Any]) -> UserError:
    """A refusal that was kept, in the caller's language."""
    return told(context, {"code": code, "path": path, "params": params})


@strawberry.type(
    description="What came in from a source at one time (lần tiếp nhận): a push, a poll or a replay, with "
    "the hash of the raw document. For those who work in the source's unit."
)
class Intake(Node):
    """An intake as its row says it."""

    state: IntakeState = field(description="What became of it.")
    received_at: datetime = field(description="When it came in.")
    sha256: str | None = field(
        description="SHA-256 of the raw document in hexadecimal; of a push, of its rows as canonical JSON; "
        "null where no document came."
    )
    size: int | None = field(description="Bytes of the raw document.")
    rows: int = field(description="How many rows it had: recorded, unchanged and rejected together.")
    recorded: int = field(description="How many became measurements.")
    unchanged: int = field(description="How many said what stood there already.")
    rejected: int = field(description="How many made no measurement.")
    row: strawberry.Private[IntakeRow]

    @classmethod
    def from_row(cls, row: IntakeRow) -> "Intake":
        return cls(
            id=encode("Intake", row.id),
            state=row.state,
            received_at=row.received_at,
            sha256=None if row.sha256 is None else row.sha256.hex(),
            size=None if row.size is None else min(row.size, 2**31 - 1),
            rows=row.rows,
            recorded=row.recorded,
            unchanged=row.unchanged,
            rejected=row.rejected,
            row=row,
        )

    @field(description="Where it came from.")
    def source(self, info: Info) -> Annotated["Source", strawberry.lazy("vdept_graphql.sources")] | None:
        from vdept_graphql.sources import load_sources

        return info.context.load(load_sources, self.row.source_id)

    @field(description="Why there was no document to judge; null where there was.")
    def failure(self, info: Info) -> UserError | None:
        if self.row.error is None:
            return None
        return why(info.context, self.row.error, [], self.row.params or {})

    @field(description="Its rows that made no measurement, the newest first.")
    def rejected_readings(
        self,
        info: Info,
        state: InRejectedState = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection["RejectedReading"]:
        request = PageRequest(first, after, last, before)
        return info.context.load(load_rejected_of_intakes, self.row.id, request, state)


@strawberry.type(
    description="A row that made no measurement (dòng số liệu bị từ chối), with the reason. Put it right "
    "with `replayRejectedReadings`, or set it aside with `dismissRejectedReadings`. For those who work in "
    "the source's unit."
)
class RejectedReading(Node):
    """A rejected reading as its row says it."""

    place: int = field(description="Its place in the document, from 1.")
    given: JSON = field(description="The values that were judged last, by the names of `pushReadings`.")
    raw: JSON | None = field(
        description="What came in, where that is not `given`: what stood in the document that a connector "
        "read, or what was sent before somebody tried to put it right."
    )
    code: ErrorCode = field(description="The name of the reason, for programs.")
    path: str = field(description="Which value is at fault, such as `asOf`; empty: the row as a whole.")
    rejected_at: datetime = field(description="When it came in.")
    state: RejectedState = field(description="Where it stands.")
    resolved_at: datetime | None = field(description="When it was replayed or dismissed.")
    reason: str | None = field(description="Why it was dismissed.")
    row: strawberry.Private[RejectedRow]

    @classmethod
    def from_row(cls, row: RejectedRow) -> "RejectedReading":
        return cls(
            id=encode("RejectedReading", row.id),
            place=row.row,
            given=JSON(row.given),
            raw=None if row.raw is None else JSON(row.raw),
            code=ErrorCode(row.code),
            path=row.path,
            rejected_at=row.rejected_at,
            state=row.state,
            resolved_at=row.resolved_at,
            reason=row.reason,
            row=row,
        )

    @field(description="What is wrong and what to do, in your language.")
    def message(self, info: Info) -> str:
        return why(info.context, self.row.code, [], self.row.params).message

    @field(description="What it came in with.")
    def intake(self, info: Info) -> Intake | None:
        return info.context.load(load_intakes, self.row.intake_id)

    @field(description="The source that sent it.")
    def source(self, info: Info) -> Annotated["Source", strawberry.lazy("vdept_graphql.sources")] | None:
        from vdept_graphql.sources import load_sources

        return info.context.load(load_sources, self.row.source_id)

    @field(description="Who replayed or dismissed it; null: nobody, or a program.")
    def resolved_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.row.resolved_by_id)

    @field(description="The measurement that it became.")
    def measurement(
        self, info: Info
    ) -> Annotated["Measurement", strawberry.lazy("vdept_graphql.measurements")] | None:
        from vdept_graphql.measurements import load_measurements

        return info.context.load(load_measurements, self.row.measurement_id)
