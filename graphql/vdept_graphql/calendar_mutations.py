"""Verbs on the exceptions of the working calendar."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import strawberry
from strawberry import field

from vdept.calendars import excepting
from vdept.calendars.models import CalendarScope
from vdept.deadlines.previewing import Preview, preview
from vdept.kernel.db import Tx
from vdept_graphql.calendars import CalendarException, load_exceptions
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode, decode_optional
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, perform, remembered, told

DRY_RUN = "Check only: say what would be touched, in `impact`, and change nothing."
IMPACT = "What it would touch; only for a dry run that nothing was refused of."
DAY = "Which day; from 2024 to the end of the fifth year to come."
NAME = "What people call the day, up to 200 characters."
REASON = "Why, up to 2,000 characters: usually the official letter that says so."
FOR_UNIT = "The region or the unit; none for a national one."


@strawberry.type(description="What a change of the calendar would touch (tác động).")
class CalendarImpact:
    """Counts of what you see."""

    days: list[date] = field(description="The days that would become worked or off, in any calendar.")
    open_tasks: int = field(
        description="Open tasks of which a reminder, from today on, would fall on another day."
    )
    reminders: int = field(description="Reminders that wait to be sent and would move.")


@strawberry.type(description="What a mutation of a calendar exception answers with.")
class CalendarExceptionPayload:
    """The exception, or why not."""

    exception: CalendarException | None = field(
        default=None, description="The exception after the change; null for a dry run of a new one."
    )
    impact: CalendarImpact | None = field(default=None, description=IMPACT)
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What became of one exception of many (kết quả).")
class CalendarExceptionAnswer:
    """One item."""

    exception: CalendarException | None = field(
        default=None, description="The exception; null when it was refused, and in a dry run."
    )
    errors: list[UserError] = field(description="Why it was not added; empty when it was, or would be.")


@strawberry.type(description="What `addCalendarExceptions` answers with, item by item.")
class CalendarExceptionsPayload:
    """A result for each item, in order."""

    results: list[CalendarExceptionAnswer] | None = field(
        default=None, description="What became of each, in the order of the request."
    )
    impact: CalendarImpact | None = field(default=None, description=IMPACT)
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A new exception of the working calendar.")
class AddCalendarExceptionInput:
    """Which day, for whom, and why."""

    scope: CalendarScope = field(description="For whom it holds.")
    unit_id: strawberry.ID | None = field(default=None, description=FOR_UNIT)
    day: date = field(description=DAY)
    working: bool = field(description="Whether the day is worked.")
    name: str = field(description=NAME)
    reason: str = field(description=REASON)
    dry_run: bool = field(default=False, description=DRY_RUN)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="One exception among many.")
class NewCalendarExceptionInput:
    """Which day, for whom, and why."""

    scope: CalendarScope = field(description="For whom it holds.")
    unit_id: strawberry.ID | None = field(default=None, description=FOR_UNIT)
    day: date = field(description=DAY)
    working: bool = field(description="Whether the day is worked.")
    name: str = field(description=NAME)
    reason: str = field(description=REASON)


@strawberry.input(description="Many exceptions, as a government announces them: each on its own.")
class AddCalendarExceptionsInput:
    """Which."""

    exceptions: list[NewCalendarExceptionInput] = field(description="1 to 200 of them.")
    dry_run: bool = field(default=False, description=DRY_RUN)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of an exception.")
class RevokeCalendarExceptionInput:
    """Which, and why."""

    calendar_exception_id: strawberry.ID = field(description="Which exception.")
    reason: str = field(description="Why, up to 2,000 characters.")
    dry_run: bool = field(default=False, description=DRY_RUN)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


def _new(
    wanted: AddCalendarExceptionInput | NewCalendarExceptionInput, *path: str | int
) -> excepting.NewException:
    return excepting.NewException(
        scope=wanted.scope,
        unit_id=decode_optional(wanted.unit_id, "Unit", *path, "unitId"),
        day=wanted.day,
        working=wanted.working,
        name=wanted.name,
        reason=wanted.reason,
    )


async def _answered(
    tx: Tx, dry_run: bool, verb: Callable[[], Awaitable[Any]], said: Callable[[Any], Any]
) -> dict[str, Any]:
    """The verb's answer as plain values; of a dry run with what it would touch."""
    if not dry_run:
        return {"answer": said(await verb()), "impact": None}
    found: Preview[Any] = await preview(tx, lambda: _kept(verb, said))
    impact = {
        "days": [day.isoformat() for day in found.days],
        "open_tasks": found.tasks,
        "reminders": found.reminders,
    }
    return {"answer": found.answer, "impact": impact}


async def _kept(verb: Callable[[], Awaitable[Any]], said: Callable[[Any], Any]) -> Any:
    """Rows are gone when a preview ends: what is said of them is said before."""
    return said(await verb())


def _impact(kept: dict[str, Any] | None) -> CalendarImpact | None:
    if kept is None:
        return None
    return CalendarImpact(**{**kept, "days": [date.fromisoformat(day) for day in kept["days"]]})


async def _one(context: Context, answer: Any) -> dict[str, Any]:
    """The exception as it now is; one that a dry run would have added is not there."""
    return {
        "exception": await context.one(load_exceptions, answer["answer"]),
        "impact": _impact(answer["impact"]),
    }


async def _many(context: Context, answer: Any) -> dict[str, Any]:
    async with context.reading() as tx:
        found = await load_exceptions(tx, [each["id"] for each in answer["answer"] if each["id"]])
    results = [
        CalendarExceptionAnswer(
            exception=found.get(each["id"]),
            errors=[told(context, each["refused"])] if each["refused"] else [],
        )
        for each in answer["answer"]
    ]
    return {"results": results, "impact": _impact(answer["impact"])}


def _remember(answers: list[excepting.Answer]) -> list[dict[str, Any]]:
    return [
        {
            "id": each.exception.id if each.exception else None,
            "refused": remembered(each.refused) if each.refused else None,
        }
        for each in answers
    ]


@strawberry.type
class CalendarMutation:
    """Verbs on exceptions."""

    @strawberry.mutation(
        description="Have a day worked, or off, against the rule. For administrators; for one unit also its "
        "head and the heads above it. Every open reminder that it touches is moved."
    )
    async def add_calendar_exception(
        self, info: Info, input: In[AddCalendarExceptionInput]
    ) -> CalendarExceptionPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            wanted = _new(input)

            async def add() -> Any:
                return await excepting.add_exception(
                    tx,
                    wanted.scope,
                    wanted.unit_id,
                    wanted.day,
                    wanted.working,
                    wanted.name,
                    wanted.reason,
                )

            return await _answered(tx, input.dry_run, add, lambda row: row.id)

        return await perform(info, CalendarExceptionPayload, input, verb, _one)

    @strawberry.mutation(
        description="Add many exceptions, each on its own: one that is refused does not keep the others from "
        "being added."
    )
    async def add_calendar_exceptions(
        self, info: Info, input: In[AddCalendarExceptionsInput]
    ) -> CalendarExceptionsPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            wanted = [_new(each, "exceptions", i) for i, each in enumerate(input.exceptions)]

            async def add() -> Any:
                return await excepting.add_exceptions(tx, wanted)

            return await _answered(tx, input.dry_run, add, _remember)

        return await perform(info, CalendarExceptionsPayload, input, verb, _many)

    @strawberry.mutation(
        description="End an exception: its day is again what the rule says. It stays readable. For whoever "
        "may add one."
    )
    async def revoke_calendar_exception(
        self, info: Info, input: In[RevokeCalendarExceptionInput]
    ) -> CalendarExceptionPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            key = decode(input.calendar_exception_id, "CalendarException", "calendarExceptionId")

            async def revoke() -> Any:
                return await excepting.revoke_exception(tx, key, input.reason)

            return await _answered(tx, input.dry_run, revoke, lambda row: row.id)

        return await perform(info, CalendarExceptionPayload, input, verb, _one)
