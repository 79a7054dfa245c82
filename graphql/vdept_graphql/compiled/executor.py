"""The execution context: generated functions where they exist, graphql-core everywhere else."""

from collections.abc import Mapping
from typing import Any, Literal

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLSchema,
    is_leaf_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from vdept_graphql.compiled import cache, calls
from vdept_graphql.compiled.cache import Entries, deciding_variables
from vdept_graphql.compiled.calls import Generated
from vdept_graphql.compiled.codegen import generate
from vdept_graphql.compiled.leaves import leaf_completer
from vdept_graphql.compiled.plan import Planner, Refusal
from vdept_graphql.compiled.pool import Announced, Pool
from vdept_graphql.compiled.statistics import STATISTICS
from vdept_graphql.compiled.variables import coerced

ENTRIES = Entries()
_UNSET = object()


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Give it to ``strawberry.Schema(execution_context_class=CompiledExecutor)``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.call_arguments: dict[calls.Call, Mapping[str, Any]] = {}
        self.converted_arguments: dict[calls.Call, Mapping[str, Any] | None] = {}
        # Per operation, by identity of the list of nodes, which is held so that it stays its own.
        self._completers: dict[tuple[int, int], tuple[FieldDetailsList, Generated | None]] = {}
        middleware = self.middleware_manager
        self._plain = (
            self.error_propagation
            and self.abort_signal is None
            and not (middleware is not None and middleware.middlewares)
        )

    @classmethod
    def build(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> list[GraphQLError] | Executor[Any]:
        given = coerced(schema, document, operation_name, raw_variable_values)
        if given is not None:
            document, raw_variable_values = given.document, None
        executor = super().build(
            schema,
            document,
            root_value,
            context_value,
            raw_variable_values,
            operation_name,
            *args,
            **kwargs,
        )
        if given is not None and isinstance(executor, Executor):
            executor.operation, executor.variable_values = given.operation, given.values
        return executor

    # -- where graphql-core is entered --------------------------------------------------------------

    def complete_list_value(  # type: ignore[no-untyped-def]
        self, return_type, field_details_list, info, path, result, position_context
    ) -> AwaitableOrValue[list[Any]]:
        if self._plain and position_context is None and isinstance(result, (list, tuple)):
            complete = self._completer(return_type, field_details_list, len(result))
            if complete is not None:
                done = self._complete(complete, result, path, info)
                if done is not _UNSET:
                    return done  # type: ignore[no-any-return]
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def complete_object_value(  # type: ignore[no-untyped-def]
        self, return_type, field_details_list, info, path, result, position_context
    ) -> AwaitableOrValue[dict[str, Any]]:
        if self._plain and position_context is None:
            complete = self._completer(return_type, field_details_list, 1)
            if complete is not None:
                done = self._complete(complete, result, path, info)
                if done is not _UNSET:
                    return done  # type: ignore[no-any-return]
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def _complete(self, complete: Generated, value: Any, path: Path, info: Any) -> Any:
        """The completed value, a coroutine that will return it, or ``_UNSET`` if graphql-core must."""
        announced: list[Announced] = []
        try:
            done = complete.function(self, value, path, info, announced.append, None)
        except Exception:  # noqa: BLE001 - whatever it is, graphql-core says it better
            if complete.gave_up():
                ENTRIES.drop(complete)
            return _UNSET
        complete.succeeded()
        if not announced:
            return done
        pool = Pool(self)
        try:
            pool.run(announced)
        except BaseException:
            pool.settle()
            raise
        return pool.drain(done) if pool.pending else done

    # -- finding or making the function -------------------------------------------------------------

    def _completer(self, type_: GraphQLOutputType, details: FieldDetailsList, rows: int) -> Generated | None:
        key = (id(type_), id(details))
        known = self._completers.get(key)
        if known is not None:
            return known[1]
        entry = ENTRIES.get(type_, details)
        if entry.heat < cache.WARM_UP:
            entry.heat += rows
            if entry.heat < cache.WARM_UP:
                return None
        if entry.variables is None:
            entry.variables = deciding_variables(entry.nodes, self.fragments)
        coerced = self.variable_values.coerced
        values = tuple(coerced.get(name, _UNSET) for name in entry.variables)
        complete = entry.variants.get(values, _UNSET)
        if complete is _UNSET:
            if len(entry.variants) >= cache.MAX_VARIANTS:
                entry.variants.pop(next(iter(entry.variants)))
            complete = entry.variants[values] = self._generate(type_, details)
        self._completers[key] = (details, complete)  # type: ignore[assignment]
        return complete  # type: ignore[return-value]

    def _generate(self, type_: GraphQLOutputType, details: FieldDetailsList) -> Generated | None:
        try:
            completer = generate(Planner(self).shape(type_, details, top=True))
        except (Refusal, SyntaxError, RecursionError, MemoryError):
            STATISTICS.refused += 1
            return None
        except Exception:  # noqa: BLE001 - collecting the fields failed: graphql-core reports it in its place
            STATISTICS.refused += 1
            return None
        STATISTICS.compiled += 1
        return completer

    # -- for the pool -------------------------------------------------------------------------------

    def completer_of(self, call: calls.Call, value: Any) -> Generated | Literal[False] | None:
        """The function for the value of a call, made once the call is warm; False if there can be none."""
        type_ = call.field.type
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if is_leaf_type(inner):
            call.complete = _leaf(inner, nullable=call.nullable)
            return call.complete
        call.heat += len(value) if isinstance(value, (list, tuple)) else 1
        if call.heat >= calls.WARM_UP:
            call.complete = self._generate(type_, call.details) or False
        return call.complete


def _leaf(type_: GraphQLLeafType, *, nullable: bool) -> Generated:
    complete = leaf_completer(type_, nullable=nullable)
    return Generated(lambda _executor, value, *_rest: complete(value))
