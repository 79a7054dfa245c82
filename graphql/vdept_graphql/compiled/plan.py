"""What a generated function will do, as a small tree: read attributes, or leave a field to be called.

A field is *plain* when its value is an attribute of the source object (Strawberry's basic fields with the
default resolver) and its type is made of scalars, enums, objects and lists of those. Everything else is a
:class:`~vdept_graphql.compiled.calls.Call`.
"""

import dis
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.types.field import StrawberryField

from vdept_graphql.compiled.calls import Call

MAX_FIELDS = 400
_BACKREF = "strawberry-definition"


class Refusal(Exception):
    """No function can be generated for this selection set."""


@dataclass(slots=True)
class Leaf:
    type: GraphQLLeafType
    nullable: bool
    has_calls: bool = False


@dataclass(slots=True)
class Items:
    item: "Shape"
    nullable: bool
    has_calls: bool


@dataclass(slots=True)
class Fields:
    """An object and its selected fields; ``is_type_of`` decides whether the value may stand for it."""

    type: GraphQLObjectType
    nullable: bool
    fields: "list[Selected]"
    has_calls: bool
    is_type_of: Callable[..., Any] | None
    wants_info: bool


Shape = Leaf | Items | Fields


@dataclass(slots=True)
class Selected:
    """One response key: ``__typename``, an attribute of some shape, or a call."""

    key: str
    typename: str | None = None
    attribute: str | None = None
    shape: Shape | None = None
    call: Call | None = None

    @property
    def has_calls(self) -> bool:
        return self.call is not None or (self.shape is not None and self.shape.has_calls)


class Planner:
    """Builds the tree for one value; counts fields so that no document makes it large."""

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self.count = 0

    def shape(self, type_: GraphQLOutputType, details: FieldDetailsList, *, top: bool = False) -> Shape:
        """The shape of a value of ``type_``; refuses what has to be decided at run time."""
        nullable = True
        if isinstance(type_, GraphQLNonNull):
            nullable, type_ = False, type_.of_type
        if is_leaf_type(type_):
            return Leaf(type_, nullable)
        if isinstance(type_, GraphQLList):
            if any(d.name.value == "stream" for field in details for d in field.node.directives or ()):
                raise Refusal
            item = self.shape(type_.of_type, details, top=top)
            return Items(item, nullable, item.has_calls)
        if not isinstance(type_, GraphQLObjectType) or type_.name.startswith("__"):
            raise Refusal
        return self._fields(type_, nullable, details, top=top)

    def _fields(
        self, type_: GraphQLObjectType, nullable: bool, details: FieldDetailsList, *, top: bool
    ) -> Fields:
        is_type_of = type_.is_type_of
        wants_info = is_type_of is not None and _uses_info(is_type_of)
        if wants_info and not top:
            raise Refusal  # the info of a nested field is only built for a call
        collected = self.executor.collect_subfields(type_, details)
        if collected.new_defer_usages:
            raise Refusal
        fields = [self._selected(type_, key, nodes) for key, nodes in collected.grouped_field_set.items()]
        return Fields(type_, nullable, fields, any(f.has_calls for f in fields), is_type_of, wants_info)

    def _selected(self, parent: GraphQLObjectType, key: str, details: FieldDetailsList) -> Selected:
        self.count += 1
        if self.count > MAX_FIELDS or any(d.fragment_variable_values or d.defer_usage for d in details):
            raise Refusal
        node = details[0].node
        if node.name.value == "__typename":
            return Selected(key, typename=parent.name)
        field = self.executor.schema.get_field(parent, node.name.value)
        if field is None:
            raise Refusal
        attribute = None if node.arguments else attribute_of(field)
        if attribute is not None:
            try:
                return Selected(key, attribute=attribute, shape=self.shape(field.type, details))
            except Refusal:
                if self.count > MAX_FIELDS:
                    raise
        return Selected(key, call=Call(key, field, parent, details, attribute))


def attribute_of(field: GraphQLField) -> str | None:
    """The attribute that ``field`` reads and nothing else, or None if it has a resolver of its own."""
    definition = field.extensions.get(_BACKREF)
    resolve = field.resolve
    if (
        not isinstance(definition, StrawberryField)
        or field.args
        or not definition.is_basic_field
        or definition.default_resolver is not getattr
        or type(definition).get_result is not StrawberryField.get_result
        or getattr(resolve, "__name__", "") != "_get_basic_result"
        or definition not in [cell.cell_contents for cell in getattr(resolve, "__closure__", None) or ()]
    ):
        return None
    return definition.python_name


def _uses_info(is_type_of: Callable[..., Any]) -> bool:
    """Whether ``is_type_of`` looks at its second argument (hardly any does, and an info is costly)."""
    code = getattr(is_type_of, "__code__", None)
    index = 2 if inspect.ismethod(is_type_of) else 1
    if code is None or code.co_argcount <= index:
        return True
    name = code.co_varnames[index]
    return any(
        instruction.argval == name and not instruction.opname.startswith(("MAKE_CELL", "STORE"))
        for instruction in dis.get_instructions(code)
    )
