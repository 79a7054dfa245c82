"""Generated functions, kept per selection set and per value of the variables that decide what is selected.

Syntax nodes are compared by identity: the parser cache hands out the same document for the same text. An
entry holds its nodes, so an identity cannot be taken over while the entry lives. Least recently used
entries go first.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, GraphQLOutputType, SelectionSetNode, VariableNode
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails

from vdept_graphql.compiled.calls import Generated

MAX_ENTRIES = 512
# An entry keeps its document alive, about 130 bytes for each of its characters.
MAX_TEXT = 500_000
MAX_VARIANTS = 8
# Rows completed by graphql-core before a function is generated: a text sent once is not worth one.
WARM_UP = 24


@dataclass(slots=True)
class Entry:
    """One selection set: how often it was seen, and its function per value of the deciding variables."""

    type: GraphQLOutputType
    nodes: tuple[FieldNode, ...]
    text: int = 0
    heat: int = 0
    variables: tuple[str, ...] | None = None
    variants: dict[tuple[Any, ...], Generated | None] = field(default_factory=dict)


class Entries:
    """The least recently used entries are dropped beyond ``limit``."""

    def __init__(self, limit: int = MAX_ENTRIES) -> None:
        self.limit = limit
        self._entries: OrderedDict[tuple[int, ...], Entry] = OrderedDict()
        self._text = 0

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        self._entries.clear()
        self._text = 0

    def drop(self, function: Generated) -> None:
        """Never try ``function`` again (as long as its entry lives)."""
        for entry in self._entries.values():
            for values, known in entry.variants.items():
                if known is function:
                    entry.variants[values] = None

    def get(self, type_: GraphQLOutputType, details: FieldDetailsList) -> Entry:
        key = (id(type_), *[id(detail.node) for detail in details])
        entry = self._entries.get(key)
        if entry is None:
            entry = Entry(type_, tuple(detail.node for detail in details))
            loc = entry.nodes[0].loc
            entry.text = len(loc.source.body) if loc is not None else 0
            self._entries[key] = entry
            self._text += entry.text
            while len(self._entries) > self.limit or self._text > MAX_TEXT:
                self._text -= self._entries.popitem(last=False)[1].text
        else:
            self._entries.move_to_end(key)
        return entry


def deciding_variables(
    nodes: tuple[FieldNode, ...], fragments: Mapping[str, FragmentDetails]
) -> tuple[str, ...]:
    """The variables named by ``@skip`` and ``@include`` anywhere below ``nodes``."""
    names: set[str] = set()
    seen: set[str] = set()
    stack: list[SelectionSetNode] = [node.selection_set for node in nodes if node.selection_set]
    while stack:
        for selection in stack.pop().selections:
            for directive in selection.directives or ():
                if directive.name.value not in ("skip", "include"):
                    continue
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        names.add(argument.value.name.value)
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in seen and name in fragments:
                    seen.add(name)
                    stack.append(fragments[name].definition.selection_set)
            elif below := getattr(selection, "selection_set", None):
                stack.append(below)
    return tuple(sorted(names))
