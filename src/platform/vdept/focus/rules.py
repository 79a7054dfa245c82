"""What a nomination must be, and by when it is to be agreed."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from vdept.focus.errors import FOCUS_AGREE_BY, FOCUS_COUNT
from vdept.focus.models import FocusState
from vdept.kernel.errors import invalid

MOST = 3
DAYS = 30
"""How long an answer may take where the lead unit has set no date."""
REMINDED = 7
"""Days before the date on which who has not nominated is told again."""
LIMIT = 2000
BULK_LIMIT = 100


class Choice(NamedTuple):
    """An objective, and the method by which the unit goes after it."""

    objective_id: int
    method: str


def require_choices(choices: Sequence[Choice]) -> list[Choice]:
    """One to three objectives in their order, each once, each with a method in words."""
    ids = [choice.objective_id for choice in choices]
    if not 1 <= len(ids) <= MOST or len(set(ids)) < len(ids):
        raise FOCUS_COUNT.at("objectives")
    return [
        Choice(choice.objective_id, require_text(choice.method, "objectives", i, "method"))
        for i, choice in enumerate(choices)
    ]


def require_text(text: str, *path: str | int) -> str:
    """Something is said, and not too much of it."""
    said = text.strip()
    if not said or len(said) > LIMIT or "\0" in said:
        raise invalid(
            *path, vi=f"hãy ghi rõ, dài từ 1 đến {LIMIT} ký tự", en=f"say it in 1 to {LIMIT} characters"
        )
    return said


def require_agree_by(agree_by: date, today: date, ends_on: date) -> None:
    """Ahead, and within the plan."""
    if not today < agree_by <= ends_on:
        raise FOCUS_AGREE_BY.at("agreeBy", agree_by=agree_by.isoformat(), latest=ends_on.isoformat())


def agree_by(called: date | None, today: date, ends_on: date) -> date:
    """When what is nominated today is to be agreed: while the plan runs, unless that is over."""
    return called if called is not None else max(today, min(today + timedelta(DAYS), ends_on))


def overdue(by: date | None, state: FocusState | None, today: date) -> bool:
    """The date has passed and nothing is agreed; ``state`` None: nothing is nominated."""
    return by is not None and by < today and state is not FocusState.AGREED
