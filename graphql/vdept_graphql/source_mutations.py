"""Verbs on sources: registering them, sending values, and dealing with what was rejected."""

from typing import Any

import strawberry
from strawberry import field

from vdept.kernel import idempotency
from vdept.kernel.db import Tx
from vdept.sources import pushing, registering, rejected
from vdept.sources.errors import REPLAY_WHAT
from vdept.sources.models import Source as SourceRow
from vdept.sources.receiving import Given
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import ErrorCode, UserError
from vdept_graphql.ids import decode, decode_many
from vdept_graphql.inputs import In, given, given_value
from vdept_graphql.intakes import Intake, load_intakes
from vdept_graphql.mutations import ERRORS, answered, as_it_is, key_of, one, perform, told
from vdept_graphql.pushes import SMALL, Push, Pushes, answer_of
from vdept_graphql.source_inputs import (
    CloseSourceInput,
    DismissRejectedReadingsInput,
    PauseSourceInput,
    PushReadingsInput,
    RegisterSourceInput,
    ReplayRejectedReadingsInput,
    ResumeSourceInput,
    SetSourceIndicatorsInput,
    UpdateSourceInput,
    given_of,
)
from vdept_graphql.sources import Source, load_sources


@strawberry.type(description="What a mutation of a source answers with.")
class SourcePayload:
    """The source, or why not."""

    source: Source | None = field(default=None, description="The source after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="Why a row made no measurement (lý do từ chối).")
class ReadingRejection:
    """A row's refusal."""

    row: int = field(description="The row's place in what was sent, from 1.")
    code: ErrorCode = field(description="The name of the reason, for programs.")
    message: str = field(description="What is wrong and what to do, in your language.")
    path: list[str] = field(description="Which value of the input is at fault, from `input` inwards.")


@strawberry.type(description="What sending or replaying readings answers with.")
class ReadingsPayload:
    """What became of the rows; none is lost."""

    recorded: int | None = field(default=None, description="How many became measurements, or would.")
    unchanged: int | None = field(default=None, description="How many say what stands there already.")
    rejected: int | None = field(default=None, description="How many made no measurement, or would not.")
    rejections: list[ReadingRejection] | None = field(
        default=None, description="Why, for the first 100 of those; all of them are kept with the intake."
    )
    errors: list[UserError] = field(description=ERRORS)
    intake_key: strawberry.Private[int | None] = None

    @field(description="What came in, as it is kept; null of a dry run.")
    def intake(self, info: Info) -> Intake | None:
        return info.context.load(load_intakes, self.intake_key)


@strawberry.type(description="What dismissing rejected readings answers with.")
class DismissRejectedReadingsPayload:
    """How many, or why not."""

    count: int | None = field(default=None, description="How many were set aside.")
    errors: list[UserError] = field(description=ERRORS)


async def _received(context: Context, answer: Any) -> dict[str, Any]:
    rejections = []
    for row, kept in answer["rejections"]:
        why = told(context, kept)
        path = ["readings", str(row - 1), *why.path]
        rejections.append(ReadingRejection(row=row, code=why.code, message=why.message, path=path))
    return {**answer, "rejections": rejections}


@strawberry.type
class SourceMutation:
    """Verbs on sources."""

    @strawberry.mutation(
        description="Register a system of a unit that measures indicators. For its head, a deputy or a "
        "coordinator, in person."
    )
    async def register_source(self, info: Info, input: In[RegisterSourceInput]) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            return await registering.register_source(
                tx,
                decode(input.unit_id, "Unit", "unitId"),
                name=input.name,
                method=input.method,
                limits=input.limits,
                frequency=input.frequency,
                way=input.way,
                reach=input.reach,
                indicator_ids=decode_many(input.indicator_ids, "Indicator", "indicatorIds"),
            )

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(description="Change what a source is called, how it measures, or whom.")
    async def update_source(self, info: Info, input: In[UpdateSourceInput]) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            return await registering.update_source(
                tx,
                decode(input.source_id, "Source", "sourceId"),
                name=given_value(input.name, "name"),
                method=given_value(input.method, "method"),
                limits=given(input.limits),
                frequency=given_value(input.frequency, "frequency"),
                reach=given_value(input.reach, "reach"),
                expected_version=input.expected_version,
            )

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(description="Set what a source measures from now on; its values until now stay.")
    async def set_source_indicators(
        self, info: Info, input: In[SetSourceIndicatorsInput]
    ) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            return await registering.set_source_indicators(
                tx,
                decode(input.source_id, "Source", "sourceId"),
                decode_many(input.indicator_ids, "Indicator", "indicatorIds"),
                expected_version=input.expected_version,
            )

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(description="Let a source take nothing in until it is resumed.")
    async def pause_source(self, info: Info, input: In[PauseSourceInput]) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            source = decode(input.source_id, "Source", "sourceId")
            return await registering.pause_source(
                tx, source, input.reason, expected_version=input.expected_version
            )

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(description="Let a paused source take values in again.")
    async def resume_source(self, info: Info, input: In[ResumeSourceInput]) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            source = decode(input.source_id, "Source", "sourceId")
            return await registering.resume_source(tx, source, expected_version=input.expected_version)

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(description="End a source for good; what it measured stands.")
    async def close_source(self, info: Info, input: In[CloseSourceInput]) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            source = decode(input.source_id, "Source", "sourceId")
            return await registering.close_source(
                tx, source, input.reason, expected_version=input.expected_version
            )

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(
        description="Send what a source measured, 1 to 50,000 values. For API clients of the source's unit; "
        "never for people. Each row is recorded, unchanged or rejected; the good ones count whatever the "
        "others are, and another value for the same unit, indicator and day supersedes the earlier one."
    )
    async def push_readings(self, info: Info, input: In[PushReadingsInput]) -> ReadingsPayload | None:
        context, operation = info.context, info.field_name

        def sent() -> tuple[int, list[Given]]:
            return decode(input.source_id, "Source", "sourceId"), [given_of(row) for row in input.readings]

        async def verb(tx: Tx) -> dict[str, Any]:
            return answer_of(await pushing.push(tx, *sent(), dry_run=input.dry_run))

        async def together(pushes: Pushes) -> Any:
            (source, rows), key = sent(), key_of(input)
            push = Push(rows, key, idempotency.digest(operation, input) if key else b"")
            return await pushes((context.actor, source), push)

        services = context.services
        if services is None or input.dry_run or len(input.readings) > SMALL:
            return await perform(info, ReadingsPayload, input, verb, _received)
        return await answered(context, ReadingsPayload, lambda: together(services.pushes), _received)

    @strawberry.mutation(
        description="Judge rejected readings again, as they are or put right. What passes is a measurement "
        "of the source, which says so if it was put right; it replaces nothing that the source itself said "
        "of the day. What does not pass stays open with today's reason. For those who answer for the source."
    )
    async def replay_rejected_readings(
        self, info: Info, input: In[ReplayRejectedReadingsInput]
    ) -> ReadingsPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            if input.readings is not None and input.source_id is None:
                fixes = [
                    rejected.Fix(decode(row.id, "RejectedReading", "readings", i, "id"), row.changes())
                    for i, row in enumerate(input.readings)
                ]
                return answer_of(await rejected.replay(tx, fixes))
            if input.source_id is not None and input.readings is None:
                source = decode(input.source_id, "Source", "sourceId")
                return answer_of(await rejected.replay_all(tx, source))
            raise REPLAY_WHAT.at("readings")

        return await perform(info, ReadingsPayload, input, verb, _received)

    @strawberry.mutation(
        description="Set rejected readings aside with a reason. For those who answer for the source."
    )
    async def dismiss_rejected_readings(
        self, info: Info, input: In[DismissRejectedReadingsInput]
    ) -> DismissRejectedReadingsPayload | None:
        async def verb(tx: Tx) -> dict[str, int]:
            ids = decode_many(input.ids, "RejectedReading", "ids")
            return {"count": len(await rejected.dismiss(tx, ids, input.reason))}

        return await perform(info, DismissRejectedReadingsPayload, input, verb, as_it_is)
