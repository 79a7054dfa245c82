"""When functions are generated, what they are reused for, and what happens around the awaiting."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import strawberry
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, SchemaExtension

from vdept_graphql.compiled import STATISTICS, CompiledExecutor, cache
from vdept_graphql.compiled.executor import ENTRIES


@strawberry.type
class Unit:
    id: int
    name: str

    @strawberry.field
    def boss(self, info: strawberry.Info) -> "Unit | None":
        return info.context["units"].load(self.id + 100)  # type: ignore[no-any-return]

    @strawberry.field
    async def hangs(self, info: strawberry.Info) -> str:
        info.context["started"].append(self.id)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            info.context["cancelled"].append(self.id)
            raise
        return ""

    @strawberry.field
    async def fails(self) -> str:
        await asyncio.sleep(0)
        raise RuntimeError("no")

    @strawberry.field
    def plus(self, n: int = 1) -> int:
        return self.id + n


@strawberry.type
class Query:
    @strawberry.field
    def units(self, count: int = 40) -> list[Unit]:
        return [Unit(id=i, name=f"u{i}") for i in range(count)]


class Quiet(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Errors are expected here."""


SCHEMA = Quiet(Query, extensions=[ParserCache], execution_context_class=CompiledExecutor)


@pytest.fixture(autouse=True)
def nothing_generated() -> Iterator[None]:
    ENTRIES.clear()
    STATISTICS.reset()
    yield
    ENTRIES.clear()


def context() -> dict[str, Any]:
    batches: list[list[int]] = []

    async def load(keys: list[int]) -> list[Unit]:
        batches.append(keys)
        return [Unit(id=key, name=f"boss {key}") for key in keys]

    return {"units": DataLoader(load_fn=load), "batches": batches, "started": [], "cancelled": []}


async def run(query: str, ctx: dict[str, Any] | None = None, **variables: Any) -> Any:
    return await SCHEMA.execute(query, variable_values=variables, context_value=ctx or context())


async def test_a_long_list_is_worth_a_function_the_first_time_and_keeps_it() -> None:
    for _ in range(3):
        result = await run("{ units { id title: name __typename } }")
    assert result.data["units"][39] == {"id": 39, "title": "u39", "__typename": "Unit"}
    assert (STATISTICS.compiled, STATISTICS.completed, STATISTICS.given_up) == (1, 3, 0)


async def test_a_text_sent_once_for_a_few_rows_is_not_worth_one() -> None:
    for i in range(20):
        await run(f"{{ units(count: 2) {{ a{i}: name }} }}")
    assert STATISTICS.compiled == 0


async def test_a_short_list_asked_for_often_becomes_worth_one() -> None:
    for _ in range(cache.WARM_UP):
        await run("{ units(count: 2) { name } }")
    assert STATISTICS.completed > 0


async def test_every_value_of_a_deciding_variable_has_its_own_function() -> None:
    query = "query($yes: Boolean!) { units { id ...F } } fragment F on Unit { name @include(if: $yes) }"
    for _ in range(2):
        assert (await run(query, yes=True)).data["units"][1] == {"id": 1, "name": "u1"}
        assert (await run(query, yes=False)).data["units"][1] == {"id": 1}
    assert (STATISTICS.compiled, STATISTICS.completed) == (2, 4)


async def test_variables_that_only_are_arguments_share_one_function() -> None:
    query = "query($n: Int!) { units { plus(n: $n) } }"
    assert (await run(query, n=5)).data["units"][1] == {"plus": 6}
    assert (await run(query, n=7)).data["units"][1] == {"plus": 8}
    assert STATISTICS.compiled == 1


async def test_least_recently_used_selection_sets_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ENTRIES, "limit", 10)
    for i in range(30):
        await run(f"{{ units {{ a{i}: name }} }}")
    assert len(ENTRIES) == 10


async def test_the_text_kept_alive_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_TEXT", 100)
    for i in range(30):
        await run(f"{{ units {{ a{i:04}: name }} }}")
    assert len(ENTRIES) == 4  # of 25 characters each


async def test_futures_of_a_level_are_loaded_in_one_batch_without_a_task_each() -> None:
    query = "{ units { id boss { name boss { name } } } }"
    await run(query)
    ctx = context()
    made = []
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, coro, **kw: made.append(coro) or asyncio.Task(coro, loop=loop, **kw))
    try:
        result = await run(query, ctx)
    finally:
        loop.set_task_factory(None)
    assert result.data["units"][3]["boss"] == {"name": "boss 103", "boss": {"name": "boss 203"}}
    assert [len(keys) for keys in ctx["batches"]] == [40, 40]
    assert len(made) == 2  # the loader's own, one a batch


async def test_awaiting_leaves_the_order_of_keys_as_selected() -> None:
    result = await run("{ units { boss { id } id plus name } }")
    assert list(result.data["units"][0]) == ["boss", "id", "plus", "name"]


async def test_a_cancelled_operation_cancels_what_it_started() -> None:
    ctx = context()
    await run("{ units(count: 30) { id } }")  # warm another text: nothing of it leaks into this one
    task = asyncio.ensure_future(run("{ units(count: 30) { id hangs } }", ctx))
    while len(ctx["started"]) < 30:  # noqa: ASYNC110  there is no event to wait for
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ctx["cancelled"]) == list(range(30))


async def test_a_failure_that_nulls_everything_stops_the_siblings() -> None:
    ctx = context()
    result = await run("{ units(count: 30) { hangs fails } }", ctx)
    assert result.data is None
    assert [error.path[2] for error in result.errors] == ["fails"]
    assert len(ctx["cancelled"]) == 30


async def test_an_extension_that_wraps_resolvers_turns_the_functions_off() -> None:
    class Upper(SchemaExtension):
        def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
            value = _next(root, info, *args, **kwargs)
            return value.upper() if isinstance(value, str) else value

    schema = strawberry.Schema(Query, extensions=[Upper], execution_context_class=CompiledExecutor)
    result = await schema.execute("{ units { name } }")
    assert result.data is not None
    assert result.data["units"][1] == {"name": "U1"}
    assert STATISTICS.compiled == 0


def test_a_synchronous_execution_uses_them_too() -> None:
    assert SCHEMA.execute_sync("{ units { plus } }").data == {"units": [{"plus": i + 1} for i in range(40)]}
    assert STATISTICS.compiled == 1


async def test_a_function_that_mostly_gives_up_is_dropped() -> None:
    @strawberry.type
    class Odd:
        tags: list[str]

    @strawberry.type
    class Root:
        @strawberry.field
        def odd(self) -> list[Odd]:
            return [Odd(tags={"not a list"})] * 30  # type: ignore[arg-type]

    schema = Quiet(Root, extensions=[ParserCache], execution_context_class=CompiledExecutor)
    for _ in range(40):
        result = await schema.execute("{ odd { tags } }")
    assert result.data == {"odd": [{"tags": ["not a list"]}] * 30}
    given_up = STATISTICS.given_up
    await schema.execute("{ odd { tags } }")
    assert STATISTICS.given_up == given_up


async def test_arguments_are_converted_once_and_mutable_ones_are_not_shared() -> None:
    @strawberry.type
    class Row:
        @strawberry.field
        def pushed(self, words: list[str], n: int = 2) -> str:
            words.append("x")
            return ",".join(words) + str(n)

        @strawberry.field
        def twice(self, n: int) -> int:
            return 2 * n

    @strawberry.type
    class Root:
        @strawberry.field
        def rows(self) -> list[Row]:
            return [Row() for _ in range(30)]

    schema = Quiet(Root, execution_context_class=CompiledExecutor)
    query = 'query($n: Int!) { rows { pushed(words: ["a"]) twice(n: $n) } }'
    result = await schema.execute(query, variable_values={"n": 4})
    assert result.data == {"rows": [{"pushed": "a,x2", "twice": 8}] * 30}
    assert STATISTICS.compiled == 1
