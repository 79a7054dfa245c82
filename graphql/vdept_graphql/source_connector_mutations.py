"""Verbs on connectors: setting, removing, trying them, and asking a source now."""

from decimal import Decimal
from typing import Any

import strawberry
from msgspec import UNSET
from sqlalchemy.exc import DBAPIError
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused
from vdept.kernel.settings import Network, networks
from vdept.sources import connector_settings as verbs
from vdept.sources.models import Source as SourceRow
from vdept.sources.receiving import Given
from vdept.sources.trying import Tried
from vdept_graphql.connector_inputs import ConnectorInput, CredentialsInput, credentials_of
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError, user_errors
from vdept_graphql.ids import decode
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, one, perform
from vdept_graphql.services import Services
from vdept_graphql.source_mutations import ReadingRejection, SourcePayload
from vdept_graphql.sources import load_sources

WHICH = "Which source."
CREDENTIALS = (
    "What the source is shown. Left out, what was given before stays, as long as the host is the same; null "
    "means none. Kept encrypted and never shown."
)
_OWN = frozenset({"sourceId", "everyMinutes", "credentials"})
"""Fields of the input itself; any other path lies within the connector's setting."""


@strawberry.input(description="How a source is asked from now on.")
class SetConnectorInput:
    """What, and how often."""

    source_id: strawberry.ID = field(description="A source that is pulled.")
    connector: ConnectorInput = field(description="What is asked.")
    credentials: CredentialsInput | None = field(default=strawberry.UNSET, description=CREDENTIALS)
    every_minutes: int = field(default=1440, description="How often, 1 to 44,640 minutes; once a day.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of asking a source.")
class RemoveConnectorInput:
    """Which."""

    source_id: strawberry.ID = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Asking a source now.")
class PollSourceInput:
    """Which."""

    source_id: strawberry.ID = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Trying a connector: as it is kept, or one that is not saved yet.")
class TryConnectorInput:
    """What."""

    source_id: strawberry.ID = field(description="A source that is pulled.")
    connector: ConnectorInput | None = field(
        default=None, description="What to ask; what the source's connector asks unless given."
    )
    credentials: CredentialsInput | None = field(default=strawberry.UNSET, description=CREDENTIALS)
    idempotency_key: str | None = field(
        default=None, description="As everywhere; a trial writes nothing and is simply made again."
    )


@strawberry.type(description="A row as the connector reads it (số liệu đọc thử).")
class TriedReading:
    """Texts, because nobody has judged them yet."""

    row: int = field(description="Its place in the answer, from 1.")
    unit: str | None = field(description="The unit's code, translated.")
    indicator: str | None = field(description="The indicator's code, translated.")
    as_of: str | None = field(description="The day, or what stands there instead.")
    value: str | None = field(description="The value.")
    numerator: str | None = field(description="Of a ratio: what counts.")
    denominator: str | None = field(description="Of a ratio: out of how many.")
    unit_of_measure: str | None = field(description="The unit of measure.")
    note: str | None = field(description="The remark.")

    @classmethod
    def of(cls, row: int, given: Given) -> "TriedReading":
        return cls(
            row=row,
            unit=_text(given.unit),
            indicator=_text(given.indicator),
            as_of=_text(given.as_of),
            value=_text(given.value),
            numerator=_text(given.numerator),
            denominator=_text(given.denominator),
            unit_of_measure=given.unit_of_measure,
            note=given.note,
        )


@strawberry.type(description="What trying a connector answers with; nothing is recorded.")
class TryConnectorPayload:
    """What a poll would do, or why it would fail."""

    failure: UserError | None = field(default=None, description="Why a poll would fail; nothing was read.")
    rows: int | None = field(default=None, description="How many rows there are.")
    recorded: int | None = field(default=None, description="How many would become measurements.")
    unchanged: int | None = field(default=None, description="How many say what stands there already.")
    rejected: int | None = field(default=None, description="How many would make no measurement.")
    bytes: int | None = field(default=None, description="The size of the answer.")
    milliseconds: int | None = field(default=None, description="How long the source took.")
    readings: list[TriedReading] | None = field(default=None, description="The first 100 rows, as read.")
    rejections: list[ReadingRejection] | None = field(
        default=None, description="Why, for the first 100 that would be rejected."
    )
    errors: list[UserError] = field(description=ERRORS)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, Decimal) and abs(value.adjusted()) < 100 else str(value)


def _services(info: Info) -> Services:
    services = info.context.services
    if services is None:
        raise RuntimeError("this context serves no verbs that need the settings")
    return services


def _networks(info: Info) -> tuple[Network, ...]:
    return networks(_services(info).settings.source_networks, "VDEPT_SOURCE_NETWORKS")


def _placed(refused: Refused, name: str) -> Refused:
    """A refusal of the setting, with the way to it in the input."""
    inside = bool(refused.path) and refused.path[0] not in _OWN
    return refused.under("connector", name) if inside else refused


def _payload(context: Context, tried: Tried) -> TryConnectorPayload:
    rejections = []
    for row, refused, _ in tried.rejections:
        why = user_errors(refused, context.locale)[0]
        path = ["readings", str(row - 1), *map(str, refused.path)]
        rejections.append(ReadingRejection(row=row, code=why.code, message=why.message, path=path))
    if tried.failure is not None:
        why = user_errors(tried.failure, context.locale)[0]
        return TryConnectorPayload(failure=why, milliseconds=round(1_000 * tried.seconds), errors=[])
    return TryConnectorPayload(
        rows=tried.rows,
        recorded=tried.recorded,
        unchanged=tried.unchanged,
        rejected=tried.rejected,
        bytes=tried.size,
        milliseconds=round(1_000 * tried.seconds),
        readings=[TriedReading.of(row, given) for row, given in enumerate(tried.readings, start=1)],
        rejections=rejections,
        errors=[],
    )


@strawberry.type
class ConnectorMutation:
    """Verbs on connectors."""

    @strawberry.mutation(
        description="Set how the platform asks a source for its values; it is asked at once. For the head, "
        "deputies and coordinators of the source's unit and for administrators, signed in themselves."
    )
    async def set_connector(self, info: Info, input: In[SetConnectorInput]) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            name, kind, setting = input.connector.plain()
            try:
                return await verbs.set_connector(
                    tx,
                    decode(input.source_id, "Source", "sourceId"),
                    kind=kind,
                    setting=setting,
                    every_minutes=input.every_minutes,
                    credentials=credentials_of(input.credentials),
                    vault=_services(info).vault,
                    networks=_networks(info),
                )
            except Refused as refused:
                raise _placed(refused, name) from None

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(
        description="Ask a source no more, and forget its credentials. For whoever may set its connector."
    )
    async def remove_connector(self, info: Info, input: In[RemoveConnectorInput]) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            return await verbs.remove_connector(tx, decode(input.source_id, "Source", "sourceId"))

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(
        description="Ask a source now, or a minute after it was asked last, and read its answer even if it "
        "has not changed. Its next intake tells what came of it. For whoever may set its connector."
    )
    async def poll_source(self, info: Info, input: In[PollSourceInput]) -> SourcePayload | None:
        async def verb(tx: Tx) -> SourceRow:
            return await verbs.poll_now(tx, decode(input.source_id, "Source", "sourceId"))

        return await perform(info, SourcePayload, input, verb, one("source", load_sources))

    @strawberry.mutation(
        description="Try a connector: ask the source now, for 20 seconds at most, and see what would be "
        "recorded, unchanged and rejected, or why it fails. No value is written. For whoever may set its "
        "connector."
    )
    async def try_connector(self, info: Info, input: In[TryConnectorInput]) -> TryConnectorPayload | None:
        context = info.context
        await context.refresh()
        name, given = "", dict[str, Any]()
        if input.connector is not None:
            name, given["kind"], given["setting"] = input.connector.plain()
        if (credentials := credentials_of(input.credentials)) is not UNSET:
            given["credentials"] = credentials
        try:
            source = decode(input.source_id, "Source", "sourceId")
            tried = await _services(info).trying(
                context.database, context.actor, source, networks=_networks(info), **given
            )
        except Refused as refused:
            placed = _placed(refused, name) if name else refused
            return TryConnectorPayload(errors=user_errors(placed, context.locale))
        except DBAPIError as error:
            return TryConnectorPayload(errors=user_errors(error, context.locale))
        return _payload(context, tried)
