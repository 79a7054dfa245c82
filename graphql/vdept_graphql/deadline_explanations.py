"""``explainDeadline``: how the due date of a task came about, step by step."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.deadlines.explaining import Explanation, explain_deadline
from vdept.deadlines.explanation import Line, LineKind, StepFate
from vdept.deadlines.models import Recipient
from vdept.kernel.errors import Locale
from vdept_graphql.context import Info
from vdept_graphql.ids import decode
from vdept_graphql.task_people import TaskPerson, load_colleagues
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.tasks import Task


@strawberry.type(
    description="One thing that a due date rests on (dòng giải thích). Only the fields that belong to its "
    "kind are there."
)
class DeadlineLine:
    """A line as the core says it."""

    kind: LineKind = field(description="What it says.")
    sentence: str = field(description="The same in your language, to be shown as it is.")
    on: date | None = field(description="The day it is about, or its first day.")
    until: date | None = field(description="The last day, or the date that follows from it.")
    days: int | None = field(description="How many working days; for WEEKENDS, how many days off.")
    step: int | None = field(description="Of a step: so many working days before (−) or after the date.")
    recipient: Recipient | None = field(description="Of a step: whom it is for.")
    fate: StepFate | None = field(description="Of a step: what became of it.")
    people: int | None = field(description="Of a step that was sent: to how many people; for officials.")
    unit_key: strawberry.Private[int | None]
    person_key: strawberry.Private[int | None]

    @classmethod
    def from_line(cls, line: Line, locale: Locale) -> "DeadlineLine":
        return cls(
            kind=line.kind,
            sentence=line.sentence(locale),
            on=line.on,
            until=line.until,
            days=line.days,
            step=line.step,
            recipient=line.recipient,
            fate=line.fate,
            people=line.people,
            unit_key=line.unit_id,
            person_key=line.person_id,
        )

    @field(description="The unit that did it, or whose calendar it is.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="Who did it, as a name; null when nobody or a job did.")
    def by(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.person_key)


@strawberry.type(description="How the due date of a task came about (giải thích thời hạn).")
class DeadlineExplanation:
    """The date, and the lines in the order in which somebody would tell it."""

    due_on: date = field(description="The agreed due date.")
    original_due_on: date = field(description="The first one.")
    counts_as: date = field(
        description="The working day that it counts as: itself, or the one before it when it is a day off."
    )
    working_days: int | None = field(
        description="Working days left; negative when late; as they were while the clock stands; null when "
        "it is done or over."
    )
    lines: list[DeadlineLine] = field(description="What it rests on, in order.")
    task_key: strawberry.Private[int]

    @classmethod
    def of(cls, found: Explanation, locale: Locale) -> "DeadlineExplanation":
        return cls(
            due_on=found.due_on,
            original_due_on=found.original_due_on,
            counts_as=found.counts_as,
            working_days=found.working_days,
            lines=[DeadlineLine.from_line(line, locale) for line in found.lines],
            task_key=found.task_id,
        )

    @field(description="The task.")
    def task(self, info: Info) -> Annotated["Task", strawberry.lazy("vdept_graphql.tasks")] | None:
        from vdept_graphql.tasks import load_tasks

        return info.context.load(load_tasks, self.task_key)


@strawberry.type
class DeadlineExplanationQuery:
    """Why a date is what it is."""

    @field(
        description="How the due date of a task came about, step by step: who set it, every extension and "
        "pause, the calendars that hold, the days off on the way, what is left, and every reminder with what "
        "became of it. Null if there is no such task or you may not see it."
    )
    async def explain_deadline(
        self, info: Info, task_id: Annotated[strawberry.ID, argument(description="Which task.")]
    ) -> DeadlineExplanation | None:
        key = decode(task_id, "Task", "taskId")
        async with info.context.reading() as tx:
            found = await explain_deadline(tx, key)
        return None if found is None else DeadlineExplanation.of(found, info.context.locale)
