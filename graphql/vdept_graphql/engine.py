"""Runs documents: parsed and validated once per text, executed by graphql-core under Strawberry's schema."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from inspect import isawaitable
from typing import Any, NamedTuple, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute,
    get_operation_ast,
    specified_rules,
    validate,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from vdept.kernel.errors import Refused
from vdept_graphql.context import Context
from vdept_graphql.costs import cost, require_affordable
from vdept_graphql.limits import LIMITS, parse_limited, refusal_error
from vdept_graphql.scopes import Needs, needs

CACHED_DOCUMENTS = 512
CACHED_TEXT = 4_000
"""Longer texts are run but not remembered: parsed, a text takes some 130 times its size (at most 260 MB)."""


class RequestError(Exception):
    """The request cannot be run as it stands: errors from before execution, under one code."""

    def __init__(self, code: str, errors: list[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


class Answer(NamedTuple):
    """What an operation came to. ``data`` is None if it never ran (request error) or lost its root."""

    data: dict[str, Any] | None
    errors: list[GraphQLError]
    ran: bool


class Engine:
    """One schema with its rules and its caches."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self.schema = schema
        self.core = schema._schema  # noqa: SLF001  the graphql-core schema has no public name
        self.rules = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
        self._remembered: OrderedDict[str, DocumentNode] = OrderedDict()

    def remembers(self, query: str) -> bool:
        """Whether ``query`` was read lately: then asking for its document is a look-up."""
        return query in self._remembered

    def document(self, query: str) -> DocumentNode:
        """The parsed and valid document of ``query``; raises RequestError."""
        known = self._remembered.get(query)
        if known is not None:
            self._remembered.move_to_end(query)
            return known
        document = self._prepare(query)
        if len(query) <= CACHED_TEXT:
            self._remembered[query] = document
            if len(self._remembered) > CACHED_DOCUMENTS:
                self._remembered.popitem(last=False)
        return document

    def _prepare(self, query: str) -> DocumentNode:
        try:
            document = parse_limited(query)
        except GraphQLError as error:
            raise RequestError("GRAPHQL_PARSE_FAILED", [error]) from None
        except RecursionError:
            too_deep = GraphQLError("The query is nested too deeply to be read.")
            raise RequestError("QUERY_TOO_DEEP", [too_deep]) from None
        for rules in (LIMITS, self.rules):
            errors = validate(self.core, document, rules)
            if errors:
                raise RequestError("GRAPHQL_VALIDATION_FAILED", errors)
        return document

    def operation(self, document: DocumentNode, name: str | None) -> OperationDefinitionNode:
        """The operation to run; raises RequestError if it is not clear which."""
        operation = get_operation_ast(document, name)
        if operation is None:
            message = (
                "The document has several operations: say which with operationName."
                if name is None
                else f'The document has no operation named "{name}".'
            )
            raise RequestError("OPERATION_RESOLUTION_FAILED", [GraphQLError(message)])
        return operation

    def require_one_answer(self, operation: OperationDefinitionNode) -> None:
        """Refuse what is answered again and again: over HTTP there is one answer; raises RequestError."""
        if operation.operation is OperationType.SUBSCRIPTION:
            told = "Subscriptions are served by websocket at this address (subprotocol graphql-transport-ws)."
            raise RequestError("BAD_REQUEST", [GraphQLError(told)])

    async def subscribe(
        self, document: DocumentNode, name: str | None, variables: Mapping[str, Any] | None, context: Context
    ) -> AsyncGenerator[Any]:
        """The events of a subscription, each to be answered by :meth:`run`; raises RequestError."""
        executor = Executor.build(
            self.core,
            document,
            context_value=context,
            raw_variable_values=dict(variables or {}),
            operation_name=name,
        )
        if isinstance(executor, list):
            raise RequestError("BAD_REQUEST", executor)
        source: Any = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise RequestError("BAD_REQUEST", source.errors or [])
        events: AsyncGenerator[Any] = source
        return events

    def needs(self, document: DocumentNode, operation: OperationDefinitionNode) -> Needs:
        """What a client needs for the operation."""
        return needs(self.core, document, operation)

    def cost(self, document: DocumentNode, name: str | None, variables: Mapping[str, Any] | None) -> int:
        """What the operation may cost at most; raises RequestError if that is more than one may."""
        points = cost(self.core, document, name, variables)
        try:
            require_affordable(points)
        except Refused as refused:
            raise RequestError(refused.code, [refusal_error(refused)]) from None
        return points

    async def run(
        self,
        document: DocumentNode,
        name: str | None,
        variables: Mapping[str, Any] | None,
        context: Context,
        event: Any = None,
    ) -> Answer:
        """Execute; the context is closed afterwards, whatever happened. ``event``: of a subscription."""
        try:
            result: Any = execute(
                self.core,
                document,
                root_value=event,
                variable_values=dict(variables or {}),
                operation_name=name,
                context_value=context,
                is_awaitable=cast("Any", optimized_is_awaitable),
                executor_class=self.schema.execution_context_class,
            )
            if isawaitable(result):
                result = await result
        finally:
            await context.close()
        assert isinstance(result, ExecutionResult)  # noqa: S101  no incremental delivery in this schema
        errors = result.errors or []
        ran = result.data is not None or any(error.path is not None for error in errors)
        return Answer(result.data, errors, ran)
