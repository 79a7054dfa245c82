"""Relay connections over keyset pages: a deep page costs what the first one costs."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import strawberry
from strawberry import argument, field

from vdept.kernel.pages import Page
from vdept_graphql.context import Context, Info

First = Annotated[int | None, argument(description="How many from the start, 1 to 100; 20 unless given.")]
After = Annotated[str | None, argument(description="Read on after this cursor of the same list.")]
Last = Annotated[int | None, argument(description="How many from the end, 1 to 100.")]
Before = Annotated[str | None, argument(description="Read what stands before this cursor of the same list.")]

N = TypeVar("N")
Count: TypeAlias = Callable[[Context], Awaitable[int]]
"""How to count the whole list: takes the context, so that counts below a list can be loaded together."""


@strawberry.type(description="Where a page stands in its list (thông tin trang).")
class PageInfo:
    """As in the Relay specification."""

    has_next_page: bool = field(description="Whether more follows.")
    has_previous_page: bool = field(description="Whether more stands before.")
    start_cursor: str | None = field(description="Cursor of the first row of this page.")
    end_cursor: str | None = field(description="Cursor of the last row of this page.")


@strawberry.type(description="A row of a page with its cursor (dòng).")
class Edge(Generic[N]):
    """One row."""

    cursor: str = field(description="Opaque place of this row in the list; valid for this list only.")
    node: N = field(description="The row itself.")


@strawberry.type(description="One page of a list (trang danh sách), in the list's order.")
class Connection(Generic[N]):
    """One page."""

    nodes: list[N] = field(description="The rows of this page.")
    page_info: PageInfo = field(description="Whether there is more, and where to go on.")
    page: strawberry.Private[Page[Any]]
    count: strawberry.Private[Count]

    @field(description="The rows of this page with their cursors.")
    def edges(self) -> list[Edge[N]]:
        return [
            Edge(cursor=cursor, node=node) for cursor, node in zip(self.page.cursors, self.nodes, strict=True)
        ]

    @field(description="How many rows the whole list has; counted only when asked for.")
    async def total_count(self, info: Info) -> int:
        return int(await self.count(info.context))


def connection(page: Page[Any], node: Callable[[Any], N], count: Count | None = None) -> Connection[N]:
    """``page`` with every row turned into its node; ``count`` unless the page knows how to count its list."""
    rows = page.rows
    return Connection(
        nodes=[node(row) for row in rows],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.ordering.cursor(rows[0]) if rows else None,
            end_cursor=page.ordering.cursor(rows[-1]) if rows else None,
        ),
        page=page,
        count=count or _count_of(page),
    )


def _count_of(page: Page[Any]) -> Count:
    ask = page.count
    if ask is None:
        raise TypeError("this list has no count: give one to connection()")

    async def count(context: Context) -> int:
        async with context.reading():
            return int(await ask())

    return count
