"""Breaks one condition of the code under test, wherever it is used: the hunt must notice."""

import inspect
import sys
import textwrap
from types import ModuleType
from typing import Any

import pytest


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
