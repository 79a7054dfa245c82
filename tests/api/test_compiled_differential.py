"""Random documents over random data: the compiled executor answers what graphql-core answers.

Without asynchronous fields the two are equal to the letter. With them, graphql-core's own order of errors
depends on how many turns of the event loop each wrapping coroutine takes, and of several errors that null
the same place it keeps the one that came first; there the data must be equal to the letter and the errors
must explain the same nulls.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import strawberry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import compiled_world as world
from vdept_graphql.compiled import STATISTICS, CompiledExecutor, cache, calls
from vdept_graphql.compiled.executor import ENTRIES


class Quiet(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Faults are what these tests are made of: no log of them."""


STOCK = Quiet(world.Query, types=[world.Item])
COMPILED = Quiet(world.Query, types=[world.Item], execution_context_class=CompiledExecutor)

# graphql-core leaves wrapping coroutines behind when it cancels tasks that have not begun.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def compile_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cache, "WARM_UP", 1)
    monkeypatch.setattr(calls, "WARM_UP", 1)
    ENTRIES.clear()
    STATISTICS.reset()
    yield
    ENTRIES.clear()


async def both(query: str, root: Any, answers: dict[Any, Any], variables: dict[str, Any]) -> list[Any]:
    return [
        await schema.execute(
            query, root_value=root, variable_values=variables, context_value=world.context(answers)
        )
        for schema in (STOCK, COMPILED)
    ]


def data(result: Any) -> str:
    return json.dumps(result.data, default=repr)


def errors(result: Any) -> list[Any]:
    return [(error.formatted, repr(error.original_error)) for error in result.errors or []]


def nulls(result: Any) -> set[tuple[Any, ...]]:
    """The outermost null above each error; with the message where the field itself is that null."""
    found = set()
    for error in result.errors or []:
        value, place = result.data, list(error.path or [])
        for depth, key in enumerate(place):
            if value is None:
                found.add(tuple(place[:depth]))
                break
            value = value[key]
        else:
            found.add((*place, error.message))
    return found


RANDOM = st.randoms(use_true_random=False)
FAULTS = st.sampled_from([0.0, 0.1, 0.5])
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(RANDOM, FAULTS, st.booleans())
async def test_a_synchronous_operation_is_answered_to_the_letter(
    rng: Random, faults: float, no: bool
) -> None:
    root, answers = world.build(rng, faults=faults)
    query = world.document(rng, STOCK, asynchronous=False)
    stock, compiled = await both(query, root, answers, {"no": no, "n": 3})
    assert data(compiled) == data(stock), query
    assert errors(compiled) == errors(stock), query


@SETTINGS
@given(RANDOM, FAULTS, st.booleans())
async def test_an_asynchronous_operation_is_answered_alike(rng: Random, faults: float, no: bool) -> None:
    root, answers = world.build(rng, faults=faults)
    query = world.document(rng, STOCK, asynchronous=True)
    stock, compiled = await both(query, root, answers, {"no": no})
    assert data(compiled) == data(stock), query
    assert nulls(compiled) == nulls(stock), query


async def test_random_documents_do_exercise_generated_functions() -> None:
    rng = Random(7)
    for _ in range(30):
        root, answers = world.build(rng, faults=0.1)
        await both(world.document(rng, STOCK, asynchronous=True), root, answers, {"no": False})
    assert STATISTICS.compiled > 20
    assert STATISTICS.completed > STATISTICS.given_up > 0
