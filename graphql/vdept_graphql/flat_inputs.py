"""Inputs that come by the thousand: rows of plain values, built without asking Strawberry field by field.

Strawberry looks up name and type of every field of every row anew: two thirds of what recording ten
thousand values took. graphql-core has checked the values by then, and scalars and enums need no conversion.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from strawberry.scalars import is_scalar
from strawberry.types.arguments import InputContext
from strawberry.types.base import StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition

T = TypeVar("T")
_Plan = list[tuple[str, str, bool]]
"""GraphQL name, Python name, and whether the class has a default for it."""


def flat(cls: type[T]) -> type[T]:
    """Build inputs of ``cls``, whose fields are all scalars and enums, in one step."""
    definition: Any = cls.__strawberry_definition__  # type: ignore[attr-defined]
    definition.from_input = _builder(definition)
    return cls


def _builder(definition: Any) -> Callable[[type, Mapping[str, Any], InputContext], Any]:
    plans: list[_Plan] = []

    def build(cls: type, value: Mapping[str, Any], context: InputContext) -> Any:
        if not plans:
            plans.append(_plan(definition, context))
        return cls(
            **{
                attribute: value.get(name)
                for name, attribute, has_default in plans[0]
                if name in value or not has_default
            }
        )

    return build


def _plan(definition: Any, context: InputContext) -> _Plan:
    plan: _Plan = []
    for field in definition.fields:
        type_ = field.resolve_type(type_definition=definition)
        inner = type_.of_type if type(type_) is StrawberryOptional else type_
        plain = isinstance(inner, StrawberryEnumDefinition) or has_enum_definition(inner)
        if not (plain or is_scalar(inner, context.scalar_registry)):
            msg = f"{definition.name}.{field.python_name} is not a scalar or an enum: the input is not flat"
            raise TypeError(msg)
        has_default = (
            field.default_value is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        )
        plan.append((context.config.name_converter.from_field(field), field.python_name, has_default))
    return plan
