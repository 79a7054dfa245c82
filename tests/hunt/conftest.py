"""Databases for hunts: copies of the template that stay for as long as a test needs them."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hunt.documents import Document
    from hunt.hunter import Hunter, Place
    from hunt.world import World


@contextmanager
def databases(servers: Any, template: str, count: int) -> Iterator[list[str]]:
    """The URLs of as many empty databases, dropped afterwards."""
    names = [f"h_{uuid.uuid4().hex[:12]}" for _ in range(count)]
    copy = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy;\n"
    servers.postgres.psql("".join(copy.format(name, template) for name in names))
    try:
        yield [str(servers.postgres.get_uri(database=name)) for name in names]
    finally:
        servers.postgres.psql("".join(f"DROP DATABASE {name} WITH (FORCE);\n" for name in names))


@asynccontextmanager
async def settled(
    servers: Any,
    template: str,
    worlds: Mapping[str, Callable[[str], bool]],
    documents: "Mapping[str, Document]",
    amended: "Mapping[str, Callable[[str], World]] | None" = None,
) -> "AsyncIterator[dict[str, tuple[Hunter, Place]]]":
    """By name: a hunter in the first world that fits, in a database of its own.

    ``amended``: by name, how a world is made that is not just as its seed has it.
    """
    from hunt.hunter import hunting

    with databases(servers, template, len(worlds)) as urls:
        places = {}
        async with AsyncExitStack() as stack:
            for url, (name, fits) in zip(urls, worlds.items(), strict=True):
                hunter = await stack.enter_async_context(
                    hunting(url, name, walls=False, documents=list(documents.values()))
                )
                seed = next(each for each in map(str, range(1_000)) if fits(each))
                world = amended[name](seed) if amended and name in amended else None
                places[name] = hunter, await hunter.settle(seed, world)
            yield places
