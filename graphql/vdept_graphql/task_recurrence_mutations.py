"""Verbs on recurring tasks: begin a series, change it, end it."""

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.tasks import recurring
from vdept.tasks.models import OnDayOff
from vdept.tasks.models import TaskRecurrence as TaskRecurrenceRow
from vdept_graphql.context import Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode
from vdept_graphql.inputs import In, given_value
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, one, perform
from vdept_graphql.task_inputs import TaskInput
from vdept_graphql.task_recurrence import RULE, TaskRecurrence, load_recurrences

WHICH = "Which series, by its global id."
EARLY = "How many days before it is due an occurrence is created, 0 to 366."
KEEPS = "When an occurrence falls due whose day is not worked."


@strawberry.type(description="What a mutation of a recurring task answers with.")
class TaskRecurrencePayload:
    """The series, or why not."""

    recurrence: TaskRecurrence | None = field(default=None, description="The series after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A task that comes again.")
class RepeatTaskInput(TaskInput):
    """By which rule."""

    rule: str = field(description=RULE)
    days_before: int = field(default=recurring.DAYS_BEFORE, description=EARLY)
    on_day_off: OnDayOff = field(default=OnDayOff.AFTER, description=KEEPS)


@strawberry.input(description="A change of a series; what is left out stays as it is.")
class ChangeRecurrenceInput:
    """What changes."""

    recurrence_id: strawberry.ID = field(description=WHICH)
    rule: str | None = field(default=strawberry.UNSET, description=RULE)
    days_before: int | None = field(default=strawberry.UNSET, description=EARLY)
    on_day_off: OnDayOff | None = field(default=strawberry.UNSET, description=KEEPS)
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of a series.")
class StopRepeatingInput:
    """Which."""

    recurrence_id: strawberry.ID = field(description=WHICH)
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type
class RecurrenceMutation:
    """Verbs on recurring tasks."""

    @strawberry.mutation(
        description="Let a task come again by a rule: each occurrence is a task of its own, made like this "
        "one as it is by then, offered to its lead and its participants anew. For who set it. What comes too "
        "late, after days on which nothing ran, is left out."
    )
    async def repeat_task(self, info: Info, input: In[RepeatTaskInput]) -> TaskRecurrencePayload | None:
        async def verb(tx: Tx) -> TaskRecurrenceRow:
            return await recurring.repeat_task(
                tx,
                decode(input.task_id, "Task", "taskId"),
                input.rule,
                days_before=input.days_before,
                on_day_off=input.on_day_off,
                expected_version=input.expected_version,
            )

        return await perform(info, TaskRecurrencePayload, input, verb, one("recurrence", load_recurrences))

    @strawberry.mutation(
        description="Change how a series goes on; what it has brought stays. For who set its first task."
    )
    async def change_recurrence(
        self, info: Info, input: In[ChangeRecurrenceInput]
    ) -> TaskRecurrencePayload | None:
        async def verb(tx: Tx) -> TaskRecurrenceRow:
            return await recurring.change_recurrence(
                tx,
                decode(input.recurrence_id, "TaskRecurrence", "recurrenceId"),
                rule=given_value(input.rule, "rule"),
                days_before=given_value(input.days_before, "daysBefore"),
                on_day_off=given_value(input.on_day_off, "onDayOff"),
                expected_version=input.expected_version,
            )

        return await perform(info, TaskRecurrencePayload, input, verb, one("recurrence", load_recurrences))

    @strawberry.mutation(description="End a series; what it has brought stays. For who set its first task.")
    async def stop_repeating(self, info: Info, input: In[StopRepeatingInput]) -> TaskRecurrencePayload | None:
        async def verb(tx: Tx) -> TaskRecurrenceRow:
            return await recurring.stop_repeating(
                tx,
                decode(input.recurrence_id, "TaskRecurrence", "recurrenceId"),
                expected_version=input.expected_version,
            )

        return await perform(info, TaskRecurrencePayload, input, verb, one("recurrence", load_recurrences))
