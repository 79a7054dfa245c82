"""What an operation costs, known before it runs: one for every field it may answer with.

A field costs 1 and what is selected below it; below a list, that many times the rows the list may have: the
page size for a connection (``first`` or ``last``, from the text or the variables), the number of ``ids``
asked for, and an assumed length for other lists. It is an upper bound: a field selected twice counts twice,
and fragments on several types all count.

The document is compiled once into sums and products over its variables, one pair of expressions for each
fragment however often it is spread, so that evaluating takes time linear in the document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_operation_ast,
    is_leaf_type,
    value_from_ast_untyped,
)

from vdept.kernel.errors import Kind, Refusal
from vdept.kernel.pages import PAGE_LIMIT
from vdept_graphql.documents import PerDocument
from vdept_graphql.limits import innermost_first

MAX_COST = 50_000
DEFAULT_PAGE = 20
LIST_LENGTH = 10
REPORTED = 10**9  # larger costs are reported as this

QUERY_TOO_COMPLEX = Refusal(
    "QUERY_TOO_COMPLEX",
    Kind.INVALID,
    vi="Truy vấn tốn {cost} điểm, tối đa {limit}. Hãy giảm first của danh sách lồng nhau, bớt trường, hoặc "
    "tách truy vấn.",
    en="The query costs {cost} points; at most {limit}. Ask for a smaller `first` of nested lists, for fewer "
    "fields, or split the query.",
)


class _Values:
    """What an evaluation knows: variables, and the costs of fragments worked out so far."""

    __slots__ = ("fragments", "variables")

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.variables = variables
        self.fragments: dict[str, tuple[int, int]] = {}


Expression = int | Callable[[_Values], int]
# The cost of a selection set: once, and for each row of the connection whose fields they are.
Pair = tuple[Expression, Expression]


@dataclass(frozen=True, slots=True)
class _Program:
    schema: GraphQLSchema
    defaults: dict[str, Any]
    fragments: list[tuple[str, Pair]]
    total: Expression


_programs: PerDocument[tuple[int, str | None], _Program] = PerDocument()


def cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation_name: str | None,
    variables: Mapping[str, Any] | None,
) -> int:
    """The cost of one operation of ``document`` with these (raw) variables; 0 if there is no such one."""
    known, key = _programs.of(document), (id(schema), operation_name)
    program = known.get(key)
    if program is None:
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            return 0
        program = known[key] = _Compiler(schema, document).program(operation)
    values = _Values({**program.defaults, **(variables or {})})
    for name, (once, rows) in program.fragments:
        values.fragments[name] = (_evaluate(once, values), _evaluate(rows, values))
    return min(_evaluate(program.total, values), REPORTED)


def require_affordable(points: int) -> None:
    """Refuse what costs more than one operation may."""
    if points > MAX_COST:
        raise QUERY_TOO_COMPLEX.at(cost=points, limit=MAX_COST)


# -- expressions ---------------------------------------------------------------------------------------


def _evaluate(expression: Expression, values: _Values) -> int:
    return expression if isinstance(expression, int) else expression(values)


def _sum(parts: list[Expression]) -> Expression:
    constant = sum(part for part in parts if isinstance(part, int))
    rest = [part for part in parts if not isinstance(part, int)]
    if not rest:
        return constant
    if len(rest) == 1 and not constant:
        return rest[0]
    return lambda values: constant + sum(part(values) for part in rest)


def _product(left: Expression, right: Expression) -> Expression:
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    if left == 0 or right == 0:
        return 0
    if left == 1:
        return right
    return lambda values: _evaluate(left, values) * _evaluate(right, values)


def _size(value: Any) -> int | None:
    """A page size as given; one out of bounds is refused by the list itself."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return min(max(value, 0), PAGE_LIMIT)


# -- compiling -----------------------------------------------------------------------------------------


class _Compiler:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.schema = schema
        self.document = document

    def program(self, operation: OperationDefinitionNode) -> _Program:
        fragments = {
            definition.name.value: definition
            for definition in self.document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        uses = {name: _spreads(definition.selection_set) for name, definition in fragments.items()}
        compiled: list[tuple[str, Pair]] = []
        for name in innermost_first(uses):
            type_ = self.schema.get_type(fragments[name].type_condition.name.value)
            compiled.append((name, self.selection(type_, fragments[name].selection_set)))
        root = self.schema.get_root_type(operation.operation)
        once, rows = self.selection(root, operation.selection_set)
        defaults = {
            definition.variable.name.value: value_from_ast_untyped(definition.default_value)
            for definition in operation.variable_definitions or ()
            if definition.default_value is not None
        }
        return _Program(self.schema, defaults, compiled, _sum([once, rows]))

    def selection(self, type_: Any, selection_set: SelectionSetNode) -> Pair:
        """What the fields of ``type_`` cost; ``edges`` and ``nodes`` of a connection for each row."""
        once: list[Expression] = []
        rows: list[Expression] = []
        for selection in selection_set.selections:
            chosen = _chosen(selection)
            one, row = self.selected(type_, selection)
            once.append(_product(chosen, one))
            rows.append(_product(chosen, row))
        return _sum(once), _sum(rows)

    def selected(self, type_: Any, selection: SelectionNode) -> Pair:
        if isinstance(selection, FieldNode):
            return self.field(type_, selection)
        if isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            return (
                lambda values: values.fragments.get(name, (0, 0))[0],
                lambda values: values.fragments.get(name, (0, 0))[1],
            )
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            inner = self.schema.get_type(condition.name.value) if condition else type_
            return self.selection(inner, selection.selection_set)
        return 0, 0

    def field(self, type_: Any, node: FieldNode) -> Pair:
        definition = self.definition(type_, node.name.value)
        if node.selection_set is None or definition is None:
            if node.selection_set is None:
                return 1, 0
            once, rows = self.selection(None, node.selection_set)
            return _sum([1, once, rows]), 0
        named = get_named_type(definition.type)
        once, rows = self.selection(named, node.selection_set)
        if _is_connection(named):
            return _sum([1, once, _product(self.page(node), rows)]), 0
        below = _sum([once, rows])
        if not _is_list(definition.type) or named.name.startswith("__"):
            return _sum([1, below]), 0
        if _is_connection(type_) and node.name.value in ("edges", "nodes"):
            return 1, below
        return _sum([1, _product(self.length(node), below)]), 0

    def definition(self, type_: Any, name: str) -> GraphQLField | None:
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            return self.schema.get_field(type_, name)
        return None

    def page(self, node: FieldNode) -> Expression:
        """The rows of a connection: the larger of ``first`` and ``last``, or the usual page."""
        given = [_argument(node, "first"), _argument(node, "last")]
        known = [value for value in given if value is not None]

        def size(values: _Values) -> int:
            sizes = [_size(_value(value, values)) for value in known]
            return max((one for one in sizes if one is not None), default=DEFAULT_PAGE)

        return size if any(isinstance(value, VariableNode) for value in known) else size(_Values({}))

    def length(self, node: FieldNode) -> Expression:
        """The rows of another list: as many as ``ids`` or ``unitIds`` there are, or an assumed number."""
        ids = _argument(node, "ids") or _argument(node, "unitIds")
        if ids is None:
            return LIST_LENGTH
        if isinstance(ids, ListValueNode):
            return len(ids.values)

        def count(values: _Values) -> int:
            given = _value(ids, values)
            return len(given) if isinstance(given, (list, tuple)) else 1

        return count


def _is_list(type_: GraphQLOutputType) -> bool:
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return isinstance(inner, GraphQLList) and not is_leaf_type(get_named_type(inner))


def _is_connection(type_: Any) -> bool:
    return (
        isinstance(type_, GraphQLObjectType)
        and "pageInfo" in type_.fields
        and ("edges" in type_.fields or "nodes" in type_.fields)
    )


def _argument(node: FieldNode, name: str) -> ValueNode | None:
    return next((a.value for a in node.arguments or () if a.name.value == name), None)


def _value(node: ValueNode, values: _Values) -> Any:
    if isinstance(node, VariableNode):
        return values.variables.get(node.name.value)
    return int(node.value) if isinstance(node, IntValueNode) else None


def _chosen(selection: SelectionNode) -> Expression:
    """0 or 1, by ``@skip`` and ``@include``."""
    factors: list[Expression] = []
    for directive in selection.directives or ():
        wanted = {"include": True, "skip": False}.get(directive.name.value)
        condition = next((a.value for a in directive.arguments or () if a.name.value == "if"), None)
        if wanted is None or condition is None:
            continue
        if isinstance(condition, VariableNode):
            name = condition.name.value
            factors.append(lambda values, n=name, w=wanted: int(bool(values.variables.get(n)) is w))  # type: ignore[misc]
        else:
            factors.append(int(getattr(condition, "value", None) is wanted))
    result: Expression = 1
    for factor in factors:
        result = _product(result, factor)
    return result


def _spreads(selection_set: SelectionSetNode) -> list[str]:
    names: list[str] = []
    stack = [selection_set]
    while stack:
        for selection in stack.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                names.append(selection.name.value)
            elif nested := getattr(selection, "selection_set", None):
                stack.append(nested)
    return names
