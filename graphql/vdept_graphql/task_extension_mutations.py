"""Verbs on extensions: ask, take back, grant, refuse."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import TypeAlias

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.tasks import extending
from vdept.tasks.models import TaskExtension as TaskExtensionRow
from vdept_graphql.context import Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, one, perform
from vdept_graphql.task_extensions import TaskExtension, load_extensions
from vdept_graphql.task_inputs import TaskInput

WHICH = "Which request, by its global id."
Act: TypeAlias = Callable[[Tx, int], Awaitable[TaskExtensionRow]]


@strawberry.type(description="What a mutation of an extension answers with.")
class TaskExtensionPayload:
    """The extension, or why not."""

    extension: TaskExtension | None = field(default=None, description="The extension after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A request for a later due date, with its reason.")
class RequestExtensionInput(TaskInput):
    """Until when and why."""

    due_on: date = field(description="The date asked for: later than the present one, within the plan.")
    reason: str = field(description="Why it is needed.")


@strawberry.input(description="A request for a later due date that is taken back.")
class WithdrawExtensionInput:
    """Which."""

    extension_id: strawberry.ID = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A request for a later due date that is granted.")
class GrantExtensionInput:
    """Which and until when."""

    extension_id: strawberry.ID = field(description=WHICH)
    due_on: date | None = field(
        default=None, description="The date agreed on, if it is another than the one asked for."
    )
    reason: str | None = field(default=None, description="Why, if there is something to say.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A request for a later due date that is refused, with the reason.")
class RefuseExtensionInput:
    """Which and why."""

    extension_id: strawberry.ID = field(description=WHICH)
    reason: str = field(description="Why the date stays.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


async def _on_extension(
    info: Info, input: WithdrawExtensionInput | GrantExtensionInput | RefuseExtensionInput, act: Act
) -> TaskExtensionPayload:
    async def verb(tx: Tx) -> TaskExtensionRow:
        return await act(tx, decode(input.extension_id, "TaskExtension", "extensionId"))

    return await perform(info, TaskExtensionPayload, input, verb, one("extension", load_extensions))


@strawberry.type
class ExtensionMutation:
    """Verbs on extensions."""

    @strawberry.mutation(
        description="Ask for a later due date, of a task that is late, too. For managers of the lead unit; "
        "one request waits at a time. It ends by itself when the task is delivered, declined or cancelled."
    )
    async def request_extension(
        self, info: Info, input: In[RequestExtensionInput]
    ) -> TaskExtensionPayload | None:
        async def verb(tx: Tx) -> TaskExtensionRow:
            return await extending.request_extension(
                tx,
                decode(input.task_id, "Task", "taskId"),
                input.due_on,
                input.reason,
                expected_version=input.expected_version,
            )

        return await perform(info, TaskExtensionPayload, input, verb, one("extension", load_extensions))

    @strawberry.mutation(description="Take a request for a later due date back. For the lead's managers.")
    async def withdraw_extension(
        self, info: Info, input: In[WithdrawExtensionInput]
    ) -> TaskExtensionPayload | None:
        return await _on_extension(info, input, extending.withdraw_extension)

    @strawberry.mutation(
        description="Agree on the date asked for, or on another one later than the present; extensions are "
        "counted. For who set the task."
    )
    async def grant_extension(
        self, info: Info, input: In[GrantExtensionInput]
    ) -> TaskExtensionPayload | None:
        return await _on_extension(
            info,
            input,
            lambda tx, extension: extending.grant_extension(
                tx, extension, due_on=input.due_on, reason=input.reason
            ),
        )

    @strawberry.mutation(description="Leave the date as it is, with the reason. For who set the task.")
    async def refuse_extension(
        self, info: Info, input: In[RefuseExtensionInput]
    ) -> TaskExtensionPayload | None:
        return await _on_extension(
            info,
            input,
            lambda tx, extension: extending.refuse_extension(tx, extension, input.reason),
        )
