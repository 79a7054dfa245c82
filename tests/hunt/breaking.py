"""Breaks one condition of the code under test, wherever it is used: the hunt must notice."""

import inspect
import random
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from hunt.fields import KINDS
from hunt.lists import encode

if TYPE_CHECKING:
    from hunt.documents import Document
    from hunt.hunter import Hunter, Place
    from hunt.world import World

AT_ONCE = 50
"""Numbers in one question."""


def broken(patch: pytest.MonkeyPatch, where: str, old: str, new: str) -> None:
    """Put a function (``vdept.tasks.access:visible_tasks``, or a method) in with ``old`` written as ``new``.

    Everybody who imported it gets the changed one. A text that is not there fails: the code has moved on.
    """
    module_name, _, path = where.partition(":")
    module = sys.modules[module_name]
    *owner, name = path.split(".")
    holder: Any = getattr(module, owner[0]) if owner else module
    original = getattr(holder, name)
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(original)))
    assert old in source, f"{where} does not say {old!r} any more"
    namespace = dict(vars(module))
    exec(compile(source.replace(old, new, 1), f"<broken {path}>", "exec"), namespace)
    if owner:
        patch.setattr(holder, name, namespace[name])
        return
    for each in list(sys.modules.values()):
        if isinstance(each, ModuleType) and each.__name__.startswith(("vdept.", "vdept_graphql.", "hunt.")):
            _replace(patch, each, original, namespace[name])


def _replace(patch: pytest.MonkeyPatch, module: ModuleType, original: Any, changed: Any) -> None:
    for name, value in list(vars(module).items()):
        if value is original:
            patch.setattr(module, name, changed)
        elif isinstance(value, dict) and name.isupper():
            for key, entry in value.items():
                if isinstance(entry, tuple) and original in entry:
                    patch.setitem(value, key, tuple(changed if one is original else one for one in entry))


async def questions(
    places: "Sequence[tuple[Hunter, Place]]",
    checks: int,
    about: "str | Sequence[Document]" = "",
    only: str = "",
) -> None:
    """Ask at random, in one world after the other: these documents, or those with a text like this."""
    dice = random.Random(1)
    every = places[0][0].documents
    chosen = [each for each in every if re.search(about, each.text)] if isinstance(about, str) else about
    assert chosen, f"no document asks about {about!r}"
    for number in range(checks):
        hunter, place = places[number % len(places)]
        await hunter.question(place, dice, dice.choice(chosen), only)


async def by_everybody(
    places: "Sequence[tuple[Hunter, Place]]", document: "Document", only: str = "", rows: int | None = None
) -> None:
    """Every reader of each world asks this; what is asked by number, of all that have one, or of some.

    An occasion that a world has is not left to chance.
    """
    dice = random.Random(1)
    for hunter, place in places:
        for variables in _each(document, dice, place.world, only, rows):
            for reader in place.readers:
                got = await hunter.ask(reader.actor, document, variables)
                hunter.compare(place, reader, document, variables, got)


def _each(
    document: "Document", dice: random.Random, world: "World", only: str, rows: int | None
) -> Iterator[dict[str, Any]]:
    given = document.draw(dice, world, only)
    numbers = {kind: [encode(kind, row.id) for row in getattr(world, KINDS[kind][0])] for kind in KINDS}
    if document.kinds:
        every = [number for kind in document.kinds for number in numbers[kind]]
        for start in range(0, len(every), AT_ONCE):
            yield given | {"ids": every[start : start + AT_ONCE]}
        return
    named = {f"{kind[0].lower()}{kind[1:]}Id": kind for kind in KINDS}
    asked = [name for name in document.variables if name in named]
    if len(asked) != 1 or not numbers[named[asked[0]]]:
        yield given
        return
    every = numbers[named[asked[0]]]
    for number in every if rows is None else dice.sample(every, min(rows, len(every))):
        yield document.draw(dice, world, only) | {asked[0]: number}
