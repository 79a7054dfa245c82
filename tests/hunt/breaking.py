"""Breaks one condition of the code under test, wherever it is used: the hunt must notice."""

import inspect
import random
import re
import sys
import textwrap
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hunt.documents import Document
    from hunt.hunter import Hunter, Place


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
    for number in range(checks):
        hunter, place = places[number % len(places)]
        await hunter.question(place, dice, dice.choice(chosen), only)
