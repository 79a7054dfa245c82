"""The rules of tasks, on plain values: which step follows which, what is late, what a task has reached."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from vdept.kernel.errors import Refused, invalid
from vdept.tasks import errors
from vdept.tasks.models import ParticipantRole, ParticipationState, TaskState, Timeliness

S = TaskState


class Step(StrEnum):
    """What can be done to a task's state."""

    OFFER = "offer"
    REOPEN = "reopen"
    VOLUNTEER = "volunteer"
    ACCEPT = "accept"
    DECLINE = "decline"
    START = "start"
    DELIVER = "deliver"
    VERIFY = "verify"
    SEND_BACK = "send_back"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


class Transition(NamedTuple):
    """From which states a step may be taken, and where it leads (None: back to where it was paused)."""

    sources: tuple[TaskState, ...]
    to: TaskState | None
    reason: bool = False


TRANSITIONS: Mapping[Step, Transition] = {
    Step.OFFER: Transition((S.OPEN, S.DECLINED), S.OFFERED),
    Step.REOPEN: Transition((S.DECLINED,), S.OPEN),
    Step.VOLUNTEER: Transition((S.OPEN,), S.ACCEPTED),
    Step.ACCEPT: Transition((S.OFFERED,), S.ACCEPTED),
    Step.DECLINE: Transition((S.OFFERED,), S.DECLINED, reason=True),
    Step.START: Transition((S.ACCEPTED,), S.IN_PROGRESS),
    Step.DELIVER: Transition((S.IN_PROGRESS,), S.DELIVERED),
    Step.VERIFY: Transition((S.DELIVERED,), S.VERIFIED),
    Step.SEND_BACK: Transition((S.DELIVERED,), S.IN_PROGRESS, reason=True),
    Step.PAUSE: Transition((S.OFFERED, S.ACCEPTED, S.IN_PROGRESS), S.PAUSED, reason=True),
    Step.RESUME: Transition((S.PAUSED,), None),
    Step.CANCEL: Transition(
        (S.OPEN, S.OFFERED, S.ACCEPTED, S.IN_PROGRESS, S.DECLINED, S.PAUSED), S.CANCELLED, reason=True
    ),
}
"""The state machine, whole: a step that is not here does not exist (design, section 4)."""

OPEN_STATES = (S.OPEN, S.OFFERED, S.ACCEPTED, S.IN_PROGRESS)
"""The task still wants work or a decision; the clock runs."""

DONE_STATES = (S.DELIVERED, S.VERIFIED)
FINAL_STATES = (S.VERIFIED, S.CANCELLED)
"""Nothing follows. Until then, work is held by the persons it is assigned to (requirements 12 and 13)."""

ASKS_NO_MORE = (*DONE_STATES, S.DECLINED, S.CANCELLED)
"""Nobody works towards the due date any more: a request for a later one is pointless."""

REPORTING_STATES = (S.IN_PROGRESS, S.DELIVERED)
"""Progress is reported while the work runs, and completed by the others until the result is verified."""

LIVE = (ParticipationState.INVITED, ParticipationState.ACCEPTED)
"""A unit that is in a task, or is asked to be."""

MAX_SHARE = 1_000_000
MAX_URL = 2_000
BULK_LIMIT = 1_000
_HUNDREDTH = Decimal("0.01")


def step_to(step: Step, state: TaskState, paused_from: TaskState | None = None) -> TaskState:
    """The state that ``step`` leads to; refuses where the table has no such step."""
    allowed = TRANSITIONS[step]
    if state not in allowed.sources:
        if step is Step.DECLINE and state in (S.ACCEPTED, S.IN_PROGRESS, S.DELIVERED, S.VERIFIED):
            raise errors.TASK_ACCEPTED_IS_FINISHED.at("taskId", state=state.value)
        raise wrong_state(state, allowed.sources)
    return allowed.to or paused_from or S.OPEN


def wrong_state(state: TaskState, allowed: Iterable[TaskState], field: str = "taskId") -> Refused:
    return errors.TASK_WRONG_STATE.at(
        field, state=state.value, allowed=", ".join(each.value for each in allowed)
    )


def require_state(state: TaskState, allowed: Iterable[TaskState]) -> None:
    """Refuse unless the task is in one of ``allowed``."""
    allowed = tuple(allowed)
    if state not in allowed:
        raise wrong_state(state, allowed)


def require_reason(reason: str, *path: str) -> str:
    """The reason, trimmed; a blank one is no reason."""
    trimmed = reason.strip()
    if not trimmed:
        raise errors.TASK_REASON_REQUIRED.at(*(path or ("reason",)))
    return require_text(trimmed, 4_000, *(path or ("reason",)))


def require_text(text: str, limit: int, *path: str | int) -> str:
    """A text that people wrote: not blank, not endless, free of NUL (PostgreSQL cannot store it)."""
    trimmed = text.strip()
    if not trimmed or len(trimmed) > limit or "\0" in trimmed:
        raise invalid(*path, vi=f"cần từ 1 đến {limit} ký tự", en=f"1 to {limit} characters are needed")
    return trimmed


def is_open(state: TaskState) -> bool:
    """Whether the task still wants work or a decision."""
    return state in OPEN_STATES


def timeliness(state: TaskState, due_on: date, delivered_on: date | None, today: date) -> Timeliness | None:
    """The class a task is reported by; overdue from the day after its due date. None while clocks stop."""
    if state in OPEN_STATES:
        return Timeliness.OPEN_OVERDUE if today > due_on else Timeliness.OPEN_IN_TIME
    if state in DONE_STATES and delivered_on is not None:
        return Timeliness.DONE_LATE if delivered_on > due_on else Timeliness.DONE_ON_TIME
    return None


def task_progress(parts: Iterable[tuple[int, int]]) -> Decimal:
    """Share-weighted mean of ``(share, progress)`` of the accepted participants, two decimals, half up.

    When nobody has a share, everybody counts alike; when nobody takes part, nothing was reached.
    """
    rows = list(parts)
    shares = sum(share for share, _ in rows)
    if not shares:
        rows, shares = [(1, progress) for _, progress in rows], len(rows)
    if not shares:
        return Decimal("0.00")
    reached = sum(share * progress for share, progress in rows)
    # Exact: whole hundredths by integer division, so that no quotient is rounded twice.
    return (Decimal((200 * reached + shares) // (2 * shares)) * _HUNDREDTH).quantize(
        _HUNDREDTH, ROUND_HALF_UP
    )


def require_progress(progress: int, *path: str | int) -> None:
    if not 0 <= progress <= 100:
        raise errors.TASK_PROGRESS_RANGE.at(*(path or ("progress",)))


def require_share(share: int, *path: str | int) -> None:
    if not 0 <= share <= MAX_SHARE:
        raise errors.TASK_SHARE_RANGE.at(*path, limit=MAX_SHARE)


def require_weight(weight: Decimal, *path: str | int) -> None:
    """A weight that ``numeric(24, 6)`` keeps exactly and that is above zero."""
    exponent = weight.as_tuple().exponent
    if not isinstance(exponent, int) or weight <= 0 or weight >= 10**9 or weight != round(weight, 6):
        raise errors.TASK_WEIGHT_NOT_POSITIVE.at(*path)


def require_due(due_on: date, today: date, cycle: tuple[date, date] | None, *path: str | int) -> None:
    """A due date lies ahead, and within the plan's cycle when the task belongs to one."""
    if due_on < today:
        raise errors.TASK_DUE_IN_PAST.at(*path, due_on=due_on, today=today)
    if cycle is not None and not cycle[0] <= due_on <= cycle[1]:
        raise errors.TASK_DUE_OUTSIDE_PLAN.at(*path, due_on=due_on, starts_on=cycle[0], ends_on=cycle[1])


THREE_ROLES = (ParticipantRole.PROBLEM_OWNER, ParticipantRole.BUILDER, ParticipantRole.USER)


def require_three_roles(accepted: Iterable[ParticipantRole]) -> None:
    """Problem owner, builder and user have all accepted (requirement 46)."""
    there = set(accepted)
    missing = [role.value for role in THREE_ROLES if role not in there]
    if missing:
        raise errors.TASK_ROLES_MISSING.at("taskId", roles=", ".join(missing))


def require_url(url: str, *path: str | int) -> str:
    """A web address that a browser can open and nothing else can run."""
    address = url.strip()
    try:
        parts = urlsplit(address)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or len(address) > MAX_URL or re.search(r"[\s\x00-\x1f\x7f<>\"]", address):
        raise errors.TASK_EVIDENCE_URL.at(*path, limit=MAX_URL)
    return address


def makes_cycle(edges: Iterable[tuple[int, int]], start: int, end: int) -> bool:
    """Whether adding the edge ``start → end`` closes a cycle: is ``start`` reachable from ``end``?"""
    onward: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        onward[source].append(target)
    seen, todo = {end}, [end]
    while todo:
        here = todo.pop()
        if here == start:
            return True
        fresh = [each for each in onward[here] if each not in seen]
        seen.update(fresh)
        todo.extend(fresh)
    return False
