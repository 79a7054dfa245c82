"""Executing GraphQL with generated functions against graphql-core's own executor, on the same schema."""

import datetime as dt
import gc
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from bench.harness import Figure, main, paired
from vdept_graphql.compiled import CompiledExecutor


@strawberry.enum
class State(Enum):
    OPEN = "open"
    DONE = "done"


@strawberry.type
class Unit:
    id: strawberry.ID
    name: str
    code: str


@strawberry.type
class Participant:
    id: strawberry.ID
    role: State
    share: Decimal
    unit_id: strawberry.Private[int]

    @strawberry.field
    def unit(self, info: strawberry.Info) -> Unit:
        return info.context["units"].load(self.unit_id)  # type: ignore[no-any-return]


@strawberry.type
class Task:
    id: strawberry.ID
    title: str
    state: State
    progress: int
    value: Decimal | None
    due_date: dt.date
    created_at: dt.datetime
    overdue: bool
    note: str | None
    version: int

    @strawberry.field
    def participants(self, info: strawberry.Info) -> list[Participant]:
        return info.context["participants"].load(int(self.id))  # type: ignore[no-any-return]


@strawberry.type
class Edge:
    cursor: str
    node: Task


@strawberry.type
class Connection:
    edges: list[Edge]


NOW = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
UNITS = [Unit(id=strawberry.ID(str(i)), name=f"Đơn vị {i}", code=f"{i:05}") for i in range(60)]
TASKS = [
    Task(
        id=strawberry.ID(str(i)),
        title=f"Nhiệm vụ {i}",
        state=State.OPEN,
        progress=i % 100,
        value=Decimal("17.25"),
        due_date=NOW.date(),
        created_at=NOW,
        overdue=False,
        note=None,
        version=1,
    )
    for i in range(500)
]


@strawberry.type
class Query:
    @strawberry.field
    async def tasks(self, first: int) -> Connection:
        return Connection(edges=[Edge(cursor=str(i), node=task) for i, task in enumerate(TASKS[:first])])


async def _units(keys: list[int]) -> list[Unit]:
    return [UNITS[key] for key in keys]


async def _participants(keys: list[int]) -> list[list[Participant]]:
    return [
        [
            Participant(id=strawberry.ID(f"{key}-{i}"), role=State.DONE, share=Decimal(1), unit_id=key + i)
            for i in range(3)
        ]
        for key in keys
    ]


PLAIN = "id title state progress value dueDate createdAt overdue note version"
DOCUMENTS = {
    (
        "executor: 500 nodes × 10 fields / graphql-core",
        "<= 0.2",
    ): f"{{ tasks(first: 500) {{ edges {{ cursor node {{ {PLAIN} }} }} }} }}",
    ("executor: 50 nodes with participants and units / graphql-core", "<= 0.4"): (
        f"{{ tasks(first: 50) {{ edges {{ cursor node {{ {PLAIN}"
        " participants { id role share unit { id name code } } } } } }"
    ),
}


class Side:
    """One schema, asked again and again with fresh loaders."""

    def __init__(self, executor: Any) -> None:
        self.schema = strawberry.Schema(
            Query, extensions=[ParserCache, ValidationCache], execution_context_class=executor
        )

    async def ask(self, query: str) -> Any:
        loaders = {"units": DataLoader(load_fn=_units), "participants": DataLoader(load_fn=_participants)}
        result = await self.schema.execute(query, context_value=loaders)
        assert not result.errors
        return result.data


async def bench() -> list[Figure]:
    ours, stock = Side(CompiledExecutor), Side(None)
    figures = []
    for (name, goal), query in DOCUMENTS.items():
        for _ in range(30):  # a selection set is compiled once it is warm
            answer = await ours.ask(query)
        assert answer == await stock.ask(query)
        figures.append(
            await paired(
                name, partial(ours.ask, query), partial(stock.ask, query), goal, runs=11, between=_collect
            )
        )
    return figures


async def _collect() -> None:
    gc.collect()


if __name__ == "__main__":
    main(bench)
