"""Variables by the thousand: one function per input type instead of a walk that asks every type anew.

graphql-core goes twice over every value of every row, once for the nesting and once for the conversion, and
asks at each step what kind of type it has before it. Here each input type is looked at once, and becomes a
function from what was sent to what graphql-core would have made of it.

Invariants:

* ``coerced`` only returns what graphql-core returns. Whatever it does not expect (a wrong type, a key
  unknown or missing, a null where none may be, a scalar that objects, an iterable that is no list) is
  ``Unfit``, and graphql-core begins anew: refusals, their order and their limits are its own.
* A function goes no deeper than its type. Types that contain themselves, or are nested beyond ``DEEPEST``,
  have no function, so that the limit of nesting is graphql-core's too.
* What is unknown is noticed by counting: of an object only the fields of its type are ever looked up.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from graphql import (
    DocumentNode,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    get_nullable_type,
    get_operation_ast,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.pyutils import is_iterable
from graphql.type import is_required_input_field
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.schema.schema_converter import CustomGraphQLEnumType

DEEPEST = 40
"""Lists and objects within each other, counted as graphql-core counts them: far below its limit."""

Coerce = Callable[[Any], Any]
_REQUIRED = object()
_AS_THEY_ARE: dict[Any, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
"""Scalars that return values of this very class untouched."""
_ENUMS = (GraphQLEnumType, CustomGraphQLEnumType)


class Unfit(Exception):
    """graphql-core must look at this: it is refused, or accepted for a reason not known here."""


class Coerced(NamedTuple):
    """An operation whose variables are done with, in a document in which it declares none."""

    operation: OperationDefinitionNode
    values: VariableValues
    document: DocumentNode


def coerced(
    schema: GraphQLSchema, document: DocumentNode, name: str | None, inputs: Mapping[str, Any] | None
) -> Coerced | None:
    """The variables of the operation called ``name``; None if graphql-core must work them out."""
    operation = get_operation_ast(document, name)
    if operation is None or not operation.variable_definitions or not inputs:
        return None
    try:
        if not any(isinstance(value, dict | list) for value in inputs.values()):
            return None  # a few scalars are soon done
        functions = _FUNCTIONS.get(schema)
        if functions is None:
            functions = _FUNCTIONS[schema] = _Functions()
        values = _coerced(schema, operation, inputs, functions)
    except Exception:  # noqa: BLE001 - whatever it is, graphql-core says it better
        return None
    bare = replace(operation, variable_definitions=())
    others = (bare if definition is operation else definition for definition in document.definitions)
    return Coerced(operation, values, replace(document, definitions=tuple(others)))


def _coerced(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    inputs: Mapping[str, Any],
    functions: "_Functions",
) -> VariableValues:
    values = VariableValues({}, {})
    for node in operation.variable_definitions or ():
        signature = get_variable_signature(schema, node)
        if isinstance(signature, GraphQLError):
            raise Unfit
        name, type_ = signature.name, signature.type
        value = inputs.get(name, Undefined)
        values.sources[name] = VariableValueSource(signature, value)
        if value is not Undefined:
            values.coerced[name] = functions.of(type_)(value)
        elif signature.default is not None:
            values.coerced[name] = coerce_default_value(signature)
        elif isinstance(type_, GraphQLNonNull):
            raise Unfit
    return values


class _Functions:
    """Those of one schema.

    A *whole* function takes whatever stands where a value of its type is expected. A *bare* one takes no
    null, and may return ``Undefined`` where it ought to raise ``Unfit``. Both come with the depth of their
    type.
    """

    def __init__(self) -> None:
        self._objects: dict[str, tuple[Coerce, int] | None] = {}

    def of(self, type_: GraphQLInputType) -> Coerce:
        function, depth = self._whole(type_)
        if depth > DEEPEST:
            raise Unfit
        return function

    def _whole(self, type_: GraphQLInputType) -> tuple[Coerce, int]:
        nullable = not isinstance(type_, GraphQLNonNull)
        bare, depth = self._bare(type_)

        def coerce(value: Any) -> Any:
            if value is None or value is Undefined:
                if nullable:
                    return None
                raise Unfit
            done = bare(value)
            if done is Undefined:
                raise Unfit
            return done

        return coerce, depth

    def _bare(self, type_: GraphQLInputType) -> tuple[Coerce, int]:
        inner: Any = get_nullable_type(type_)
        if isinstance(inner, GraphQLList):
            item, depth = self._whole(inner.of_type)
            return _list(item), depth + 1
        if isinstance(inner, GraphQLInputObjectType):
            return self._object(inner)
        if type(inner) in _ENUMS:
            return {name: inner.coerce_input_value(name) for name in inner.values}.__getitem__, 0
        return inner.coerce_input_value, 0

    def _object(self, type_: GraphQLInputObjectType) -> tuple[Coerce, int]:
        if type_.name not in self._objects:
            self._objects[type_.name] = None  # while it is made, and for good if it cannot be made
            fields = {name: self._bare(field.type) for name, field in type_.fields.items()}
            function = _object(type_, {name: bare for name, (bare, _) in fields.items()})
            self._objects[type_.name] = function, 1 + max(depth for _, depth in fields.values())
        made = self._objects[type_.name]
        if made is None:
            raise Unfit
        return made


_FUNCTIONS: WeakKeyDictionary[GraphQLSchema, _Functions] = WeakKeyDictionary()


def _list(item: Coerce) -> Coerce:
    def coerce(value: Any) -> list[Any]:
        if type(value) is list:
            return [item(each) for each in value]
        if is_iterable(value):
            raise Unfit  # it may be one that can be read only once
        return [item(value)]

    return coerce


def _object(type_: GraphQLInputObjectType, functions: Mapping[str, Coerce]) -> Coerce:
    plan = [_field(name, field, functions[name]) for name, field in type_.fields.items()]

    def coerce(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise Unfit
        done: dict[str, Any] = {}
        get, missing = value.get, 0
        for name, out_name, as_is, bare, nullable, absent in plan:
            item = get(name, Undefined)
            if type(item) is as_is:
                done[out_name] = item
            elif item is Undefined:
                missing += 1
                if absent is _REQUIRED:
                    raise Unfit
                if absent is not Undefined:
                    done[out_name] = absent
            elif item is None:
                if not nullable:
                    raise Unfit
                done[out_name] = None
            else:
                made = done[out_name] = bare(item)
                if made is Undefined:
                    raise Unfit
        if len(value) + missing != len(plan):  # it has keys that the type has not
            raise Unfit
        return done

    own = type_.out_type is not GraphQLInputObjectType.out_type
    return _finished(coerce, type_) if own or type_.is_one_of else coerce


def _field(
    name: str, field: GraphQLInputField, bare: Coerce
) -> tuple[str, str, type | None, Coerce, bool, Any]:
    nullable = not isinstance(field.type, GraphQLNonNull)
    as_is = _AS_THEY_ARE.get(get_nullable_type(field.type))
    absent = _REQUIRED if is_required_input_field(field) else coerce_default_value(field)
    return name, field.out_name or name, as_is, bare, nullable, absent


def _finished(coerce: Callable[[Any], dict[str, Any]], type_: GraphQLInputObjectType) -> Coerce:
    def finish(value: Any) -> Any:
        done = coerce(value)
        if type_.is_one_of and (len(value) != 1 or len(done) != 1 or None in done.values()):
            raise Unfit
        return type_.out_type(done)

    return finish
