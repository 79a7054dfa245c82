"""Measurements: what was measured, and what was reported, side by side."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.measurements import bulk, queries, recording
from vdept.measurements.models import Measurement as MeasurementRow
from vdept.targets.models import Basis
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.flat_inputs import flat
from vdept_graphql.ids import NODES, Node, decode, encode
from vdept_graphql.indicators import Indicator, load_indicators
from vdept_graphql.inputs import In
from vdept_graphql.intakes import Intake, load_intakes
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, one, perform, remembered, told
from vdept_graphql.people import Person, load_persons
from vdept_graphql.sources import Source, load_sources
from vdept_graphql.units import Unit, load_units


async def load_measurements(tx: Tx, ids: list[int]) -> dict[int, "Measurement"]:
    """Measurements by number."""
    found = await queries.measurements_by_ids(tx, ids)
    return {key: Measurement.from_row(row) for key, row in found.items()}


async def load_corrections(tx: Tx, ids: list[int]) -> dict[int, "Measurement"]:
    """What superseded each of these, by the number of the one superseded."""
    found = await queries.corrections_of(tx, ids)
    return {key: Measurement.from_row(row) for key, row in found.items()}


NODES["Measurement"] = load_measurements


@strawberry.type(description="A value of an indicator for a unit on a date (số đo); never edited.")
class Measurement(Node):
    """A measurement as its row says it."""

    basis: Basis = field(description="Measured by a system, or reported by a person.")
    as_of: date = field(description="The day it is about.")
    value: Decimal = field(description="The value; of a ratio, 100 × numerator / denominator.")
    numerator: Decimal | None = field(description="The part of a ratio above the line.")
    denominator: Decimal | None = field(description="The part of a ratio below the line.")
    source: str = field(description="Where it comes from.")
    note: str | None = field(description="What the recorder said to it.")
    recorded_at: datetime = field(description="When it was recorded.")
    put_right: bool = field(
        description="Of what was measured: what the source sent was rejected, and put right by somebody "
        "before it counted (`recordedBy`; null: a program)."
    )
    key: strawberry.Private[int]
    unit_key: strawberry.Private[int]
    indicator_key: strawberry.Private[int]
    recorded_by_key: strawberry.Private[int | None]
    supersedes_key: strawberry.Private[int | None]
    source_key: strawberry.Private[int | None]
    intake_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: MeasurementRow) -> "Measurement":
        return cls(
            id=encode("Measurement", row.id),
            basis=row.basis,
            as_of=row.as_of,
            value=row.value,
            numerator=row.numerator,
            denominator=row.denominator,
            source=row.source,
            note=row.note,
            recorded_at=row.recorded_at,
            put_right=row.put_right,
            key=row.id,
            unit_key=row.unit_id,
            indicator_key=row.indicator_id,
            recorded_by_key=row.recorded_by_id,
            supersedes_key=row.supersedes_id,
            source_key=row.source_id,
            intake_key=row.intake_id,
        )

    @field(description="The unit it is about.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="What was measured.")
    def indicator(self, info: Info) -> Indicator | None:
        return info.context.load(load_indicators, self.indicator_key)

    @field(description="Who recorded it.")
    def recorded_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.recorded_by_key)

    @field(description="The registered source that measured it; null of what was reported.")
    def measured_by(self, info: Info) -> Source | None:
        return info.context.load(load_sources, self.source_key)

    @field(
        description="What it came in with: when, and the hash of the raw document. For those who work in the "
        "source's unit."
    )
    def intake(self, info: Info) -> Intake | None:
        return info.context.load(load_intakes, self.intake_key)

    @field(description="The measurement that this one corrects, if any.")
    def supersedes(self, info: Info) -> "Measurement | None":
        return info.context.load(load_measurements, self.supersedes_key)

    @field(description="The correction of this measurement, if there is one.")
    def superseded_by(self, info: Info) -> "Measurement | None":
        return info.context.load(load_corrections, self.key)


@strawberry.type
class MeasurementQuery:
    """Reads of measurements."""

    @field(description="The values of an indicator for a unit, the newest first.")
    async def measurements(
        self,
        info: Info,
        unit_id: Annotated[strawberry.ID, argument(description="The unit.")],
        indicator_id: Annotated[strawberry.ID, argument(description="The indicator.")],
        basis: Annotated[Basis | None, argument(description="Only measured, or only reported.")] = None,
        since: Annotated[date | None, argument(description="As of this day or later.")] = None,
        until: Annotated[date | None, argument(description="As of this day or earlier.")] = None,
        current_only: Annotated[bool, argument(description="Leave out what was corrected.")] = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Measurement]:
        unit, indicator = decode(unit_id, "Unit", "unitId"), decode(indicator_id, "Indicator", "indicatorId")
        async with info.context.reading() as tx:
            page = await queries.measurements_page(
                tx,
                PageRequest(first, after, last, before),
                unit_id=unit,
                indicator_id=indicator,
                basis=basis,
                since=since,
                until=until,
                current_only=current_only,
            )
        return connection(page, Measurement.from_row)


@strawberry.type(description="What recording or correcting a value answers with.")
class MeasurementPayload:
    """The measurement, or why not."""

    measurement: Measurement | None = field(default=None, description="What was recorded.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What recording many values answers with.")
class RecordMeasurementsPayload:
    """How many, and what was left out."""

    count: int | None = field(default=None, description="How many were recorded, or would be.")
    bad: int | None = field(default=None, description="How many were left out, or would be.")
    refusals: list[UserError] | None = field(
        default=None, description="Why, for the first 100 of those left out; paths name row and field."
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A value of an indicator for a unit as of a day.")
class RecordMeasurementInput:
    """A ratio is given by numerator and denominator, anything else by value."""

    indicator_id: strawberry.ID = field(description="What was measured.")
    unit_id: strawberry.ID = field(description="Where.")
    basis: Basis = field(description="REPORTED; what is MEASURED comes from a source (`pushReadings`).")
    as_of: date = field(description="The day it is about.")
    value: Decimal | None = field(default=None, description="The value, unless the indicator is a ratio.")
    numerator: Decimal | None = field(default=None, description="Above the line, of a ratio.")
    denominator: Decimal | None = field(default=None, description="Below the line, of a ratio; above 0.")
    source: str | None = field(default=None, description="Where it comes from.")
    note: str | None = field(default=None, description="A remark.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@flat
@strawberry.input(description="One of many values.")
class MeasurementRowInput:
    """A ratio is given by numerator and denominator, anything else by value."""

    indicator_id: strawberry.ID = field(description="What was measured.")
    unit_id: strawberry.ID = field(description="Where.")
    basis: Basis = field(description="REPORTED; what is MEASURED comes from a source (`pushReadings`).")
    as_of: date = field(description="The day it is about.")
    value: Decimal | None = field(default=None, description="The value, unless the indicator is a ratio.")
    numerator: Decimal | None = field(default=None, description="Above the line, of a ratio.")
    denominator: Decimal | None = field(default=None, description="Below the line, of a ratio; above 0.")
    source: str | None = field(default=None, description="Where it comes from.")
    note: str | None = field(default=None, description="A remark.")


@strawberry.input(description="Many values in one act.")
class RecordMeasurementsInput:
    """All of them or, unless bad rows are skipped, none."""

    rows: list[MeasurementRowInput] = field(description="The values, up to 10,000.")
    skip_bad: bool = field(default=False, description="Record the good rows and report the bad ones.")
    dry_run: bool = field(default=False, description="Check only, and write nothing.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A correction: a new value for the same indicator, unit, basis and day.")
class CorrectMeasurementInput:
    """What is right."""

    measurement_id: strawberry.ID = field(description="What is corrected.")
    value: Decimal | None = field(default=None, description="The value, unless the indicator is a ratio.")
    numerator: Decimal | None = field(default=None, description="Above the line, of a ratio.")
    denominator: Decimal | None = field(default=None, description="Below the line, of a ratio; above 0.")
    source: str | None = field(default=None, description="Where it comes from; as before unless given.")
    note: str | None = field(default=None, description="Why it was wrong.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


async def _recorded(context: Context, answer: Any) -> dict[str, Any]:
    return {**answer, "refusals": [told(context, kept) for kept in answer["refusals"]]}


@strawberry.type
class MeasurementMutation:
    """Verbs on measurements."""

    @strawberry.mutation(
        description="Record a REPORTED value. For the unit, or a public body above it. What is MEASURED "
        "comes from a source: see `pushReadings`."
    )
    async def record_measurement(
        self, info: Info, input: In[RecordMeasurementInput]
    ) -> MeasurementPayload | None:
        async def verb(tx: Tx) -> int:
            return await recording.record(
                tx,
                decode(input.indicator_id, "Indicator", "indicatorId"),
                decode(input.unit_id, "Unit", "unitId"),
                basis=input.basis,
                as_of=input.as_of,
                value=input.value,
                numerator=input.numerator,
                denominator=input.denominator,
                source=input.source,
                note=input.note,
            )

        return await perform(info, MeasurementPayload, input, verb, one("measurement", load_measurements))

    @strawberry.mutation(
        description="Supersede a REPORTED value by the right one; the old one stays readable. A MEASURED one "
        "is put right by its source."
    )
    async def correct_measurement(
        self, info: Info, input: In[CorrectMeasurementInput]
    ) -> MeasurementPayload | None:
        async def verb(tx: Tx) -> int:
            return await recording.correct(
                tx,
                decode(input.measurement_id, "Measurement", "measurementId"),
                value=input.value,
                numerator=input.numerator,
                denominator=input.denominator,
                source=input.source,
                note=input.note,
            )

        return await perform(info, MeasurementPayload, input, verb, one("measurement", load_measurements))

    @strawberry.mutation(
        description="Record up to 10,000 values in one act: all of them, or only the good ones on request."
    )
    async def record_measurements(
        self, info: Info, input: In[RecordMeasurementsInput]
    ) -> RecordMeasurementsPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            rows = [_row(row, i) for i, row in enumerate(input.rows)]
            report = await bulk.record_many(tx, rows, skip_bad=input.skip_bad, dry_run=input.dry_run)
            refusals = [remembered(refused) for refused in report.refusals]
            return {"count": report.count, "bad": report.bad, "refusals": refusals}

        return await perform(info, RecordMeasurementsPayload, input, verb, _recorded)


def _row(row: MeasurementRowInput, i: int) -> bulk.Row:
    return bulk.Row(
        decode(row.indicator_id, "Indicator", "rows", i, "indicatorId"),
        decode(row.unit_id, "Unit", "rows", i, "unitId"),
        row.basis,
        row.as_of,
        row.value,
        row.numerator,
        row.denominator,
        row.source,
        row.note,
    )
