"""Batched reads of editions; every one starts from what the actor may see."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch, fetch_each
from vdept.publications.access import published_plans, visible_editions, visible_requests
from vdept.publications.models import Edition, EditionFile, EditionFormat, EditionRequest
from vdept.targets.models import Plan

NEWEST_FIRST: Ordering[Edition] = Ordering(
    "editions.published", (Key(Edition.id, int, descending=True),), lambda row: (row.id,)
)


async def editions_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Edition]:
    found = await tx.session.scalars(
        sa.select(Edition).where(Edition.id.in_(sorted(ids)), visible_editions(tx.actor))
    )
    return {row.id: row for row in found}


async def editions_page(tx: Tx, request: PageRequest, plan_id: int | None = None) -> Page[Edition]:
    """A page of editions, of one plan where it is given."""
    query = sa.select(Edition).where(visible_editions(tx.actor))
    if plan_id is not None:
        query = query.where(Edition.plan_id == plan_id)
    return await fetch(tx.session, query, NEWEST_FIRST, request)


async def editions_of_plans(
    tx: Tx, plan_ids: Collection[int], request: PageRequest
) -> dict[int, Page[Edition]]:
    """The same page of each plan's editions, in one statement."""
    query = sa.select(Edition).where(visible_editions(tx.actor))
    return await fetch_each(tx.session, query, Edition.plan_id, plan_ids, NEWEST_FIRST, request)


async def correcting(tx: Tx, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], Edition]:
    """The last edition that corrects each of these, by plan and number."""
    found = await tx.session.scalars(
        sa.select(Edition)
        .where(
            sa.tuple_(Edition.plan_id, Edition.corrects_number).in_(sorted(places)),
            visible_editions(tx.actor),
        )
        .order_by(Edition.number)
    )
    return {(row.plan_id, row.corrects_number or 0): row for row in found}


async def editions_by_numbers(tx: Tx, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], Edition]:
    """Editions by plan and number."""
    found = await tx.session.scalars(
        sa.select(Edition).where(
            sa.tuple_(Edition.plan_id, Edition.number).in_(sorted(places)), visible_editions(tx.actor)
        )
    )
    return {(row.plan_id, row.number): row for row in found}


async def requests_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, EditionRequest]:
    found = await tx.session.scalars(
        sa.select(EditionRequest).where(EditionRequest.id.in_(sorted(ids)), visible_requests(tx.actor))
    )
    return {row.id: row for row in found}


async def last_requests(tx: Tx, plan_ids: Collection[int]) -> dict[int, EditionRequest]:
    """The last wish for an edition of each plan."""
    found = await tx.session.scalars(
        sa.select(EditionRequest)
        .where(EditionRequest.plan_id.in_(sorted(plan_ids)), visible_requests(tx.actor))
        .ext(distinct_on(EditionRequest.plan_id))
        .order_by(EditionRequest.plan_id, EditionRequest.id.desc())
    )
    return {row.plan_id: row for row in found}


async def published_plan(tx: Tx, code: str) -> Plan | None:
    """The plan with this code, if the actor sees its editions."""
    return await tx.session.scalar(sa.select(Plan).where(Plan.code == code, published_plans(tx.actor)))


async def edition_of(tx: Tx, plan_id: int, number: int | None) -> Edition | None:
    """One edition of a plan that the actor sees; the last without a number."""
    query = sa.select(Edition).where(Edition.plan_id == plan_id, visible_editions(tx.actor))
    if number is not None:
        query = query.where(Edition.number == number)
    return await tx.session.scalar(query.order_by(Edition.number.desc()).limit(1))


async def last_editions(tx: Tx, plan_id: int, limit: int) -> list[Edition]:
    """The last editions of a plan that the actor sees, the newest first."""
    query = sa.select(Edition).where(Edition.plan_id == plan_id, visible_editions(tx.actor))
    return list(await tx.session.scalars(query.order_by(Edition.number.desc()).limit(limit)))


async def file_of(tx: Tx, edition_id: int, of: EditionFormat) -> EditionFile | None:
    """What is known of one file of an edition that was found before."""
    return await tx.session.get(EditionFile, (edition_id, of))
