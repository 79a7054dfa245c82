"""The compiled executor against graphql-core's, in one interleaved run: ``python bench/executor.py``.

``measure()`` returns the rows; ``make bench`` puts them beside the others.
"""

import asyncio
import datetime as dt
import gc
import statistics
import time
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import strawberry
from rich.console import Console
from rich.table import Table
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from vdept_graphql.compiled import CompiledExecutor

ROUNDS = 15


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
    "500 nodes × 10 plain fields": f"{{ tasks(first: 500) {{ edges {{ cursor node {{ {PLAIN} }} }} }} }}",
    "50 nodes × 10 fields, participants, units": (
        f"{{ tasks(first: 50) {{ edges {{ cursor node {{ {PLAIN}"
        " participants { id role share unit { id name code } } } } } }"
    ),
}


@dataclass(frozen=True)
class Row:
    name: str
    ours: float
    reference: float

    @property
    def ratio(self) -> float:
        return self.ours / self.reference


async def _once(schema: strawberry.Schema, query: str) -> tuple[float, Any]:
    context = {"units": DataLoader(load_fn=_units), "participants": DataLoader(load_fn=_participants)}
    started = time.perf_counter()
    result = await schema.execute(query, context_value=context)
    return (time.perf_counter() - started) * 1000, result


async def _measure() -> list[Row]:
    extensions = [ParserCache, ValidationCache]
    stock = strawberry.Schema(Query, extensions=extensions)
    ours = strawberry.Schema(Query, extensions=extensions, execution_context_class=CompiledExecutor)
    rows = []
    for name, query in DOCUMENTS.items():
        for _ in range(30):  # warm
            expected, answer = (await _once(stock, query))[1], (await _once(ours, query))[1]
        if answer.errors or answer.data != expected.data:
            msg = f"{name}: the answers differ"
            raise AssertionError(msg)
        times: dict[str, list[float]] = {"stock": [], "ours": []}
        for _ in range(ROUNDS):
            gc.collect()
            times["stock"].append((await _once(stock, query))[0])
            times["ours"].append((await _once(ours, query))[0])
        rows.append(Row(name, statistics.median(times["ours"]), statistics.median(times["stock"])))
    return rows


def measure() -> list[Row]:
    """One row per document: our time and graphql-core's, in milliseconds, the median of all rounds."""
    return asyncio.run(_measure())


if __name__ == "__main__":
    table = Table("document", "compiled, ms", "graphql-core, ms", "ratio")
    for row in measure():
        table.add_row(row.name, f"{row.ours:.2f}", f"{row.reference:.2f}", f"{row.ratio:.2f}")
    Console().print(table)
