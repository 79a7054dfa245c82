"""What a document may ask for: how long, how deep, how many aliases and root fields it may have.

Every limit is found in time linear in the document: each definition is walked once, and what a fragment
contributes is worked out once however often it is spread. A limit belongs to the text, so the rule stands
beside the validation rules and is remembered with them; what an operation *costs* depends on its variables
and is in ``costs.py``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)
from graphql.validation import ASTValidationRule, MaxIntrospectionDepthRule

from vdept.kernel.errors import Kind, Refusal, Refused

MAX_CHARACTERS = 64_000
MAX_TOKENS = 4_000
MAX_DEPTH = 15
MAX_ALIASES = 200
MAX_ROOT_FIELDS = 40

# Not in the registry: these refuse a document, never a mutation, and are no part of its error enum.
QUERY_TOO_LONG = Refusal(
    "QUERY_TOO_LONG",
    Kind.INVALID,
    vi="Truy vấn quá dài: tối đa {characters} ký tự và {tokens} từ tố. Hãy đưa giá trị vào biến, hoặc tách "
    "thành nhiều truy vấn.",
    en="The query is too long: at most {characters} characters and {tokens} tokens. Put values into "
    "variables, or split it into several queries.",
)
QUERY_TOO_DEEP = Refusal(
    "QUERY_TOO_DEEP",
    Kind.INVALID,
    vi="Truy vấn lồng {depth} cấp, tối đa {limit} cấp. Hãy đọc cấp dưới bằng một truy vấn riêng, theo id.",
    en="The query is nested {depth} levels deep; at most {limit}. Read the lower levels in a query of their "
    "own, by id.",
)
QUERY_TOO_MANY_ALIASES = Refusal(
    "QUERY_TOO_MANY_ALIASES",
    Kind.INVALID,
    vi="Truy vấn có {count} bí danh, tối đa {limit}. Hãy dùng danh sách có bộ lọc, hoặc tách truy vấn.",
    en="The query has {count} aliases; at most {limit}. Use a list with a filter, or split the query.",
)
QUERY_TOO_MANY_ROOT_FIELDS = Refusal(
    "QUERY_TOO_MANY_ROOT_FIELDS",
    Kind.INVALID,
    vi="Truy vấn có {count} trường ở gốc, tối đa {limit}. Hãy tách thành nhiều truy vấn.",
    en="The query has {count} fields at its root; at most {limit}. Split it into several queries.",
)


def refusal_error(refused: Refused, *nodes: Node) -> GraphQLError:
    """A refusal as an error of the document; whoever answers puts it into the caller's language."""
    return GraphQLError(
        refused.message(), list(nodes) or None, original_error=refused, extensions={"code": refused.code}
    )


def parse_limited(query: str) -> DocumentNode:
    """The document of ``query``; raises GraphQLError, with QUERY_TOO_LONG before much has been read."""
    too_long = QUERY_TOO_LONG.at(characters=MAX_CHARACTERS, tokens=MAX_TOKENS)
    if len(query) > MAX_CHARACTERS:
        raise refusal_error(too_long)
    try:
        return parse(query, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        if f"more than {MAX_TOKENS} tokens" in error.message:
            raise refusal_error(too_long) from None
        raise


# -- measuring -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Measure:
    """What a definition asks for, its fragments included.

    ``depth`` is the longest chain of fields; introspection is left out of it, whose depth has a rule of its
    own. ``aliases`` and ``roots`` count a fragment as often as it is spread.
    """

    depth: int = 0
    aliases: int = 0
    roots: int = 0
    spreads: list[tuple[str, int, bool]] = field(default_factory=list)


@dataclass(slots=True)
class Measured:
    """The operations of a document with their measures, and how many nodes were looked at for them."""

    operations: list[tuple[OperationDefinitionNode, Measure]]
    visited: int


def measure(document: DocumentNode) -> Measured:
    """Measure every operation; time and ``visited`` are linear in the document, cycles or not."""
    visited = 0
    own: dict[str, Measure] = {}
    operations: list[tuple[OperationDefinitionNode, Measure]] = []
    for definition in document.definitions:
        if isinstance(definition, (OperationDefinitionNode, FragmentDefinitionNode)):
            found, nodes = _alone(definition.selection_set)
            visited += nodes
            if isinstance(definition, OperationDefinitionNode):
                operations.append((definition, found))
            else:
                own[definition.name.value] = found
    done: dict[str, Measure] = {}
    for name in innermost_first({name: [s[0] for s in found.spreads] for name, found in own.items()}):
        done[name] = _together(own[name], done)
        visited += len(own[name].spreads)
    return Measured([(operation, _together(found, done)) for operation, found in operations], visited)


def _alone(selection_set: SelectionSetNode) -> tuple[Measure, int]:
    """The measure of one definition without its fragments, and the number of nodes in it."""
    found, visited = Measure(), 0
    stack: list[tuple[SelectionSetNode, int, bool]] = [(selection_set, 0, False)]
    while stack:
        selections, depth, introspecting = stack.pop()
        for selection in selections.selections:
            visited += 1
            if isinstance(selection, FragmentSpreadNode):
                found.spreads.append((selection.name.value, depth, introspecting))
                continue
            below = depth
            inside = introspecting
            if isinstance(selection, FieldNode):
                inside = inside or selection.name.value in ("__schema", "__type")
                found.aliases += selection.alias is not None
                found.roots += depth == 0
                if not inside:
                    below = depth + 1
                    found.depth = max(found.depth, below)
                else:
                    below = depth + 1 if depth == 0 else depth
            nested = getattr(selection, "selection_set", None)
            if nested is not None:
                stack.append((nested, below, inside))
    return found, visited


def _together(own: Measure, done: dict[str, Measure]) -> Measure:
    """A definition's measure with its fragments'; a spread that closes a cycle adds nothing."""
    total = Measure(own.depth, own.aliases, own.roots)
    for name, depth, introspecting in own.spreads:
        fragment = done.get(name)
        if fragment is None:
            continue
        total.aliases += fragment.aliases
        if depth == 0:
            total.roots += fragment.roots
        if not introspecting:
            total.depth = max(total.depth, depth + fragment.depth)
    return total


def innermost_first(uses: dict[str, list[str]]) -> Iterator[str]:
    """The names so that each comes after all it uses, as far as cycles allow; without recursion."""
    seen: set[str] = set()
    for root, below in uses.items():
        if root in seen:
            continue
        seen.add(root)
        path = [(root, iter(below))]
        while path:
            name, rest = path[-1]
            following = next((other for other in rest if other in uses and other not in seen), None)
            if following is None:
                yield name
                path.pop()
            else:
                seen.add(following)
                path.append((following, iter(uses[following])))


class QueryLimits(ASTValidationRule):
    """The limits of a document as a validation rule; it looks at the document as a whole, once."""

    def enter_document(self, node: DocumentNode, *_args: Any) -> None:
        for operation, found in measure(node).operations:
            for refused in _broken(found):
                self.report_error(refusal_error(refused, operation))


def _broken(found: Measure) -> Iterator[Refused]:
    if found.depth > MAX_DEPTH:
        yield QUERY_TOO_DEEP.at(depth=found.depth, limit=MAX_DEPTH)
    if found.aliases > MAX_ALIASES:
        yield QUERY_TOO_MANY_ALIASES.at(count=_readable(found.aliases), limit=MAX_ALIASES)
    if found.roots > MAX_ROOT_FIELDS:
        yield QUERY_TOO_MANY_ROOT_FIELDS.at(count=_readable(found.roots), limit=MAX_ROOT_FIELDS)


def _readable(count: int) -> str:
    """Nested fragments make numbers with hundreds of digits."""
    return str(count) if count < 1_000_000 else "> 1000000"


LIMITS: tuple[type[ASTValidationRule], ...] = (QueryLimits, MaxIntrospectionDepthRule)
"""To be checked before the rules of the specification, some of which take longer than linear time."""
