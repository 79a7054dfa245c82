"""Keyset pagination: a page is found by the last row's sort key, so page 4,000 costs what page 1 costs.

An :class:`Ordering` names the sort columns (the last one unique). Cursors are opaque to the caller and
carry the ordering's name, so that a cursor taken from another list is refused instead of misread.
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from vdept.kernel.errors import INVALID_CURSOR, INVALID_PAGE_SIZE

PAGE_LIMIT = 100
T = TypeVar("T")


class Key(NamedTuple):
    """One sort column: its expression, the Python type of its value, and the direction.

    Nullable columns must be wrapped in ``coalesce`` so that a row comparison is total.
    """

    expression: Any
    type: type
    descending: bool = False


@dataclass(frozen=True)
class Ordering(Generic[T]):
    """A total order of a list. ``values`` reads the key of a loaded row, in the order of ``keys``."""

    name: str
    keys: tuple[Key, ...]
    values: Callable[[T], tuple[Any, ...]]

    def cursor(self, row: T) -> str:
        """The opaque cursor that stands at ``row``."""
        raw = msgspec.json.encode([self.name, *self.values(row)])
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def parse(self, cursor: str, *path: str) -> tuple[Any, ...]:
        """The key inside a cursor of this ordering; refuses any other."""
        try:
            raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
            name, *values = msgspec.json.decode(raw, type=list[Any])
            if name != self.name or len(values) != len(self.keys):
                raise INVALID_CURSOR.at(*path)
            return tuple(
                _storable(msgspec.convert(value, key.type, strict=False))
                for value, key in zip(values, self.keys, strict=True)
            )
        except (ArithmeticError, ValueError, msgspec.MsgspecError):
            raise INVALID_CURSOR.at(*path) from None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: ``first`` after a cursor, or ``last`` before one (as in the Relay specification)."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def size(self) -> int:
        """The page size, 20 unless asked; refuses sizes outside 1…100 and both directions at once."""
        if self.first is not None and self.last is not None:
            raise INVALID_PAGE_SIZE.at("last", limit=PAGE_LIMIT)
        asked, name = (self.last, "last") if self.last is not None else (self.first, "first")
        size = 20 if asked is None else asked
        if not 1 <= size <= PAGE_LIMIT:
            raise INVALID_PAGE_SIZE.at(name, limit=PAGE_LIMIT)
        return size


@dataclass(slots=True)
class Page(Generic[T]):
    """Rows of one page in the list's order, and whether there is more on either side."""

    rows: Sequence[T]
    ordering: Ordering[T]
    has_next: bool = False
    has_previous: bool = False
    count: Callable[[], Any] | None = field(default=None, repr=False)

    @property
    def cursors(self) -> list[str]:
        return [self.ordering.cursor(row) for row in self.rows]


def _beyond(keys: tuple[Key, ...], values: tuple[Any, ...], *, forward: bool) -> Any:
    """``row key > values`` in the list's direction; a plain row comparison where all keys run one way."""
    descending = {key.descending for key in keys}
    if len(descending) == 1:
        left = sa.tuple_(*[key.expression for key in keys])
        right = sa.tuple_(*[sa.literal(v, _sql_type(v)) for v in values])
        return left < right if (descending == {True}) == forward else left > right
    clauses = []
    for i, (key, value) in enumerate(zip(keys, values, strict=True)):
        same = [k.expression == v for k, v in zip(keys[:i], values[:i], strict=True)]
        step = key.expression < value if key.descending == forward else key.expression > value
        clauses.append(sa.and_(*same, step))
    return sa.or_(*clauses)


def _storable(value: Any) -> Any:
    """``value``, if a column could hold it: a cursor that was made up must not reach the database."""
    match value:
        case int():
            sound = abs(value) < 2**63
        case Decimal():
            sound = value.is_finite() and len(value.as_tuple().digits) <= 100 and abs(value.adjusted()) <= 100
        case datetime():
            sound, value = value.tzinfo is not None, value.astimezone(UTC)
        case _:
            sound = "\0" not in str(value)
    if not sound:
        raise ValueError(value)
    return value


def _sql_type(value: Any) -> Any:
    """Bind integers as bigint: asyncpg would otherwise choose int4 for a tuple's literal."""
    match value:
        case bool():
            return sa.Boolean()
        case int():
            return sa.BigInteger()
        case Decimal():
            return sa.Numeric()
        case datetime():
            return sa.DateTime(timezone=True)
        case date():
            return sa.Date()
        case _:
            return sa.Text()


async def fetch(
    session: AsyncSession, query: "sa.Select[Any]", ordering: Ordering[T], request: PageRequest
) -> Page[T]:
    """One page of ``query`` (a select of one entity, already restricted to what the actor may see)."""
    bounded, order = _bounded(query, ordering, request)
    found = (await session.scalars(bounded.order_by(*order).limit(request.size() + 1))).all()
    page = _page(found, ordering, request)
    page.count = partial(_count, session, query)
    return page


async def _count(session: AsyncSession, query: "sa.Select[Any]") -> int:
    counted = query.with_only_columns(sa.func.count(), maintain_column_froms=True)
    return int((await session.execute(counted)).scalar_one())


async def fetch_each(
    session: AsyncSession,
    query: "sa.Select[Any]",
    owner: "sa.ColumnElement[Any] | InstrumentedAttribute[Any]",
    owner_ids: Iterable[int],
    ordering: Ordering[T],
    request: PageRequest,
) -> dict[int, Page[T]]:
    """The same page of ``query`` for each of many owners (rows where ``owner`` is its id), in one statement.

    A keyset scan per owner, so that ten units cost ten first pages however many rows each of them has.
    """
    ids = sorted(set(owner_ids))
    if len(ids) == 1:
        return {ids[0]: await fetch(session, query.where(owner == ids[0]), ordering, request)}
    (entity,) = [column["entity"] for column in query.column_descriptions]
    owners = (
        sa.func.unnest(sa.cast(ids, ARRAY(sa.BigInteger))).table_valued("id", name="owner").render_derived()
    )
    bounded, order = _bounded(query, ordering, request)
    place = sa.func.row_number().over(order_by=order).label("place_in_page")
    inner = bounded.add_columns(place).where(owner == owners.c.id).order_by(*order).limit(request.size() + 1)
    each = inner.correlate(owners).lateral("page")
    rows = await session.execute(
        sa.select(owners.c.id, aliased(entity, each))
        .select_from(owners.join(each, sa.true()))
        .order_by(owners.c.id, each.c.place_in_page)
    )
    found: dict[int, list[T]] = {owner_id: [] for owner_id in ids}
    for owner_id, row in rows:
        found[owner_id].append(row)
    pages = {owner_id: _page(rows, ordering, request) for owner_id, rows in found.items()}
    counts = _Counts(session, query, owner, ids)
    for owner_id, page in pages.items():
        page.count = partial(counts.of, owner_id)
    return pages


class _Counts:
    """How many rows each of many owners has: one grouped statement, run when the first of them is asked."""

    def __init__(self, session: AsyncSession, query: "sa.Select[Any]", owner: Any, ids: list[int]) -> None:
        self.session = session
        self.query = query.where(owner == sa.any_(sa.cast(ids, ARRAY(sa.BigInteger))))
        self.owner = owner
        self.known: dict[int, int] | None = None

    async def of(self, owner_id: int) -> int:
        if self.known is None:
            grouped = self.query.with_only_columns(self.owner, sa.func.count()).group_by(self.owner)
            rows = await self.session.execute(grouped)
            self.known = {row[0]: row[1] for row in rows}
        return self.known.get(owner_id, 0)


def _bounded(
    query: "sa.Select[Any]", ordering: Ordering[Any], request: PageRequest
) -> "tuple[sa.Select[Any], list[Any]]":
    """``query`` between the request's cursors, and the order in which to read it."""
    backward = request.last is not None
    if request.after is not None:
        query = query.where(_beyond(ordering.keys, ordering.parse(request.after, "after"), forward=True))
    if request.before is not None:
        query = query.where(_beyond(ordering.keys, ordering.parse(request.before, "before"), forward=False))
    order = [
        key.expression.desc() if key.descending != backward else key.expression.asc() for key in ordering.keys
    ]
    return query, order


def _page(found: Sequence[T], ordering: Ordering[T], request: PageRequest) -> Page[T]:
    size = request.size()
    more, rows = len(found) > size, found[:size]
    if request.last is not None:
        return Page(rows[::-1], ordering, has_next=request.before is not None, has_previous=more)
    return Page(rows, ordering, has_next=more, has_previous=request.after is not None)
