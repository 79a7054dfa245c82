"""Fields that must be called: their resolver, their arguments, and how their value is completed."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from vdept_graphql.compiled.statistics import STATISTICS

_IMMUTABLE = (str, int, float, Enum, Decimal, dt.date, dt.time, uuid.UUID, type(None))
_BACKREF = "strawberry-definition"
_NONE: Mapping[str, Any] = {}
# Calls the resolver: source, info (or None if it does not want it), converted arguments.
Direct = Callable[[Any, Any, Mapping[str, Any]], Any]
# Values completed by graphql-core before it is worth generating a function for them.
WARM_UP = 8


class Generated:
    """A generated function, and whether it still pays: one that mostly gives up is dropped."""

    __slots__ = ("function", "strikes", "wants_info")

    def __init__(self, function: Callable[..., Any], *, wants_info: bool = False) -> None:
        self.function = function
        self.wants_info = wants_info
        self.strikes = 0

    def succeeded(self) -> None:
        STATISTICS.completed += 1
        if self.strikes:
            self.strikes -= 1

    def gave_up(self) -> bool:
        """Note it; True when the function should not be tried any more."""
        STATISTICS.given_up += 1
        self.strikes += 8
        return self.strikes >= 128


class Call:
    """One selected field with a resolver of its own; lives as long as the function that announces it."""

    __slots__ = (
        "complete",
        "convert",
        "details",
        "direct",
        "field",
        "has_arguments",
        "heat",
        "key",
        "nodes",
        "nullable",
        "parent",
        "parent_name",
        "resolve",
        "wants_info",
    )

    def __init__(
        self,
        key: str,
        field: GraphQLField,
        parent: GraphQLObjectType,
        details: FieldDetailsList,
        attribute: str | None,
    ) -> None:
        self.key = key
        self.field = field
        self.parent = parent
        self.parent_name = parent.name
        self.details = details
        self.nodes = [detail.node for detail in details]
        self.nullable = not isinstance(field.type, GraphQLNonNull)
        self.has_arguments = bool(field.args or self.nodes[0].arguments)
        self.direct, self.wants_info, self.convert = _direct(field, attribute)
        self.resolve = field.resolve
        # Filled in by the executor: None until warm, False where graphql-core must complete the value.
        self.complete: Generated | Literal[False] | None = None
        self.heat = 0

    def info(self, executor: Any, path: Path) -> GraphQLResolveInfo[Any]:
        info: GraphQLResolveInfo[Any] = executor.build_resolve_info(self.field, self.nodes, self.parent, path)
        return info

    def arguments(self, executor: Any) -> Mapping[str, Any]:
        """The coerced arguments, computed once per operation unless a resolver could change them."""
        memo: dict[Call, Mapping[str, Any]] = executor.call_arguments
        known = memo.get(self)
        if known is not None:
            return known
        values = get_argument_values(
            self.field, self.nodes[0], executor.variable_values, None, executor.hide_suggestions
        )
        if all(isinstance(value, _IMMUTABLE) for value in values.values()):
            memo[self] = values
        return values

    def converted(self, executor: Any) -> Mapping[str, Any] | None:
        """The arguments as the resolver takes them, for every row; None if rows must not share them."""
        memo: dict[Call, Mapping[str, Any] | None] = executor.converted_arguments
        if self not in memo:
            memo[self] = self._converted(executor)
        return memo[self]

    def _converted(self, executor: Any) -> Mapping[str, Any] | None:
        if not self.has_arguments:
            return _NONE
        if self.convert is None:
            return None
        try:
            values = self.convert(self.arguments(executor))
        except Exception:  # noqa: BLE001 - said again, row by row, by the wrapper
            return None
        return values if all(isinstance(value, _IMMUTABLE) for value in values.values()) else None


def _direct(
    field: GraphQLField, attribute: str | None
) -> tuple[Direct | None, bool, Callable[[Any], Mapping[str, Any]] | None]:
    """A short way to the resolver, past Strawberry's wrapper where the wrapper would add nothing.

    Only for fields without extensions, permissions or exception handlers. The second value says whether it
    needs the info object, the third converts its arguments.
    """
    if attribute is not None:
        return (lambda source, _info, _arguments: getattr(source, attribute)), False, None
    definition = field.extensions.get(_BACKREF)
    wrapper = field.resolve
    name = getattr(wrapper, "__name__", "")
    if (
        name not in ("_resolver", "_async_resolver")
        or not isinstance(definition, StrawberryField)
        or definition.extensions
        or definition.base_resolver is None
        or type(definition).get_result is not StrawberryField.get_result
        or not callable(definition.base_resolver.wrapped_func)
    ):
        return None, True, None
    cells = _closure(wrapper)
    converter = _closure(cells.get("_strawberry_info_from_graphql"))
    mine = cells.get("field_exception_handlers", ...) == () and converter.get("field") is definition
    if not mine or definition is None:
        return None, True, None
    return _caller(definition, converter.get("self"))


def _caller(
    definition: StrawberryField, converter: Any
) -> tuple[Direct | None, bool, Callable[[Any], Mapping[str, Any]] | None]:
    resolver = definition.base_resolver
    config = getattr(converter, "config", None)
    if resolver is None or config is None:
        return None, True, None
    function: Any = resolver.wrapped_func
    positional = resolver.self_parameter is not None
    by_name = [p.name for p in (resolver.parent_parameter, resolver.root_parameter) if p is not None]
    info_class: Callable[..., Any] = config.info_class
    info_name = resolver.info_parameter.name if resolver.info_parameter is not None else None

    def call(source: Any, info: Any, arguments: Mapping[str, Any]) -> Any:
        named = dict(arguments)
        for name in by_name:
            named[name] = source
        if info_name is not None:
            named[info_name] = info_class(_raw_info=info, _field=definition)
        return function(source, **named) if positional else function(**named)

    def convert(values: Any) -> Mapping[str, Any]:
        return convert_arguments(values, definition.arguments, converter.scalar_registry, config)

    return call, info_name is not None, convert


def _closure(function: Any) -> dict[str, Any]:
    """The free variables of ``function`` by name."""
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if code is None or not cells:
        return {}
    return dict(zip(code.co_freevars, (cell.cell_contents for cell in cells), strict=True))
