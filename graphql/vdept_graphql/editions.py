"""Editions of plans: what was published, where it is read, and what was asked for."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.publications import queries
from vdept.publications.models import Edition as EditionRow
from vdept.publications.models import EditionFormat, RequestState
from vdept.publications.models import EditionRequest as RequestRow
from vdept_graphql import published
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode_optional, encode
from vdept_graphql.people import Person, load_persons

if TYPE_CHECKING:
    from vdept_graphql.plans import Plan

described(
    EditionFormat,
    "In what form an edition is read (định dạng).",
    JSON="Everything, with the manifest and the signature: it verifies by itself.",
    CSV="Units and targets as a table, exact.",
    EXCEL="A workbook: summary, units, targets.",
    HTML="One page to read and print.",
)
described(
    RequestState,
    "What has come of the wish for an edition (trạng thái yêu cầu công bố).",
    graphql_name="EditionRequestState",
    WAITING="It is being published.",
    PUBLISHED="It is there.",
    FAILED="It could not be published; `error` says why. Ask again.",
)


async def load_editions(tx: Tx, ids: list[int]) -> dict[int, "Edition"]:
    """Editions by number of their row."""
    found = await queries.editions_by_ids(tx, ids)
    return {key: Edition.from_row(row) for key, row in found.items()}


async def load_editions_by_numbers(tx: Tx, places: list[tuple[int, int]]) -> dict[tuple[int, int], "Edition"]:
    """Editions by plan and number."""
    found = await queries.editions_by_numbers(tx, places)
    return {key: Edition.from_row(row) for key, row in found.items()}


async def load_correcting(tx: Tx, places: list[tuple[int, int]]) -> dict[tuple[int, int], "Edition"]:
    """What corrects editions, by plan and number."""
    found = await queries.correcting(tx, places)
    return {key: Edition.from_row(row) for key, row in found.items()}


async def load_editions_of_plans(
    tx: Tx, plan_ids: list[int], request: PageRequest
) -> dict[int, Connection["Edition"]]:
    """The same page of editions of each plan."""
    pages = await queries.editions_of_plans(tx, plan_ids, request)
    return {key: connection(page, Edition.from_row) for key, page in pages.items()}


async def load_requests(tx: Tx, ids: list[int]) -> dict[int, "EditionRequest"]:
    """Wishes by number."""
    found = await queries.requests_by_ids(tx, ids)
    return {key: EditionRequest.from_row(row) for key, row in found.items()}


async def load_last_requests(tx: Tx, plan_ids: list[int]) -> dict[int, "EditionRequest"]:
    """The last wish for an edition of each plan."""
    found = await queries.last_requests(tx, plan_ids)
    return {key: EditionRequest.from_row(row) for key, row in found.items()}


NODES["Edition"] = load_editions
NODES["EditionRequest"] = load_requests


@strawberry.type(description="One format of an edition (tệp của ấn bản).")
class EditionFile:
    """Where it is, and what its hash must be."""

    format: EditionFormat = field(description="Which.")
    url: str = field(description="Where it is read; without signing in where the plan is public.")
    sha256: str = field(
        description="The SHA-256 of the file, as hexadecimal digits; of JSON, that of its member `content`."
    )
    size: str = field(description="Its size in bytes, likewise; a whole number as text.")


@strawberry.type(
    description="A publication of a plan (ấn bản): outcomes, ranks, gaps and the inputs they follow from, "
    "signed and never altered. A correction is a new edition that names the one it corrects."
)
class Edition(Node):
    """An edition as its row says it."""

    number: int = field(description="1 for the plan's first, then one more each time.")
    month: date | None = field(description="The month it is the edition of, as its first day; null: beside.")
    as_of: date = field(description="The date that its figures are of.")
    published_at: datetime = field(description="When it was published.")
    note: str | None = field(description="What readers should know of it.")
    target_count: int = field(description="How many targets it holds.")
    unit_count: int = field(description="How many units it holds.")
    kid: str = field(description="Which key signed it; the key is in the JWKS at `/oauth/jwks`.")
    signature: str = field(description="The signature over its manifest: a compact JWS (ES256).")
    plan_key: strawberry.Private[int]
    corrects_key: strawberry.Private[int | None]
    published_by_key: strawberry.Private[int | None]
    row: strawberry.Private[EditionRow]

    @classmethod
    def from_row(cls, row: EditionRow) -> "Edition":
        return cls(
            id=encode("Edition", row.id),
            number=row.number,
            month=row.month,
            as_of=row.as_of,
            published_at=row.published_at,
            note=row.note,
            target_count=row.targets,
            unit_count=row.units,
            kid=row.kid,
            signature=row.signature,
            plan_key=row.plan_id,
            corrects_key=row.corrects_number,
            published_by_key=row.published_by_id,
            row=row,
        )

    @field(description="The plan; null if you see its editions only.")
    def plan(self, info: Info) -> Annotated["Plan", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_plans

        return info.context.load(load_plans, self.plan_key)

    @field(description="The edition that it corrects.")
    def corrects(self, info: Info) -> "Edition | None":
        place = None if self.corrects_key is None else (self.plan_key, self.corrects_key)
        return info.context.load(load_editions_by_numbers, place)

    @field(description="The edition that corrects it: the last one that does.")
    def corrected_by(self, info: Info) -> "Edition | None":
        return info.context.load(load_correcting, (self.plan_key, self.number))

    @field(description="Who asked for it; null for the edition of a month.")
    def published_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.published_by_key)

    @field(description="Where its manifest and signature are read, which verify every format.")
    def manifest_url(self, info: Info) -> str:
        return published.address(_issuer(info), self.row.manifest["plan"], self.number)

    @field(description="Its files.")
    def files(self, info: Info) -> list[EditionFile]:
        named = self.row.manifest
        return [
            EditionFile(
                format=of,
                url=published.address(_issuer(info), named["plan"], self.number, of),
                sha256=named["files"][of.value]["sha256"],
                size=str(named["files"][of.value]["size"]),
            )
            for of in EditionFormat
        ]


def _issuer(info: Info) -> str:
    services = info.context.services
    return "" if services is None else services.settings.issuer


@strawberry.type(
    description="The wish for an edition (yêu cầu công bố), and what has come of it. For the issuer's people."
)
class EditionRequest(Node):
    """A wish as its row says it."""

    state: RequestState = field(description="What has come of it.")
    requested_at: datetime = field(description="When it was asked for.")
    finished_at: datetime | None = field(description="When it was published or failed; null: not yet.")
    note: str | None = field(description="What readers should know of the edition.")
    corrects_number: int | None = field(description="The number of the edition that it corrects.")
    error: str | None = field(description="Why it failed.")
    edition_key: strawberry.Private[int | None]
    plan_key: strawberry.Private[int]
    requested_by_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: RequestRow) -> "EditionRequest":
        return cls(
            id=encode("EditionRequest", row.id),
            state=row.state,
            requested_at=row.requested_at,
            finished_at=row.finished_at,
            note=row.note,
            corrects_number=row.corrects_number,
            error=row.error,
            edition_key=row.edition_id,
            plan_key=row.plan_id,
            requested_by_key=row.requested_by_id,
        )

    @field(description="The edition, once it is there.")
    def edition(self, info: Info) -> Edition | None:
        return info.context.load(load_editions, self.edition_key)

    @field(description="The plan.")
    def plan(self, info: Info) -> Annotated["Plan", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_plans

        return info.context.load(load_plans, self.plan_key)

    @field(description="Who asked.")
    def requested_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.requested_by_key)


@strawberry.type
class EditionQuery:
    """Reads of editions."""

    @field(description="Editions of the plans that you see whole, the newest first.")
    async def editions(
        self,
        info: Info,
        plan_id: Annotated[strawberry.ID | None, argument(description="Of this plan.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Edition]:
        plan = decode_optional(plan_id, "Plan", "planId")
        async with info.context.reading() as tx:
            page = await queries.editions_page(tx, PageRequest(first, after, last, before), plan)
        return connection(page, Edition.from_row)
