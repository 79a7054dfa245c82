"""The head's answer to a warning: what will be done about it, and by when.

Only the head of the unit answers: accountability is never delegated (requirement 47). An answer ends nothing;
the warning closes when its breach has ended. It can be given anew, and the log keeps what was said before.
The head who would rather brake pauses the target or the task, and its warnings close (requirement 44).
"""

from collections.abc import Sequence
from datetime import date

from vdept.calendars.queries import calendars_of
from vdept.kernel.clock import local_date
from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused, invalid
from vdept.warnings import rules
from vdept.warnings.access import Warned, get_warnings_for_answer
from vdept.warnings.errors import WARNING_CLOSED, WARNING_TWICE
from vdept.warnings.models import EarlyWarning


async def acknowledge(tx: Tx, warning_id: int, response: str, respond_by: date) -> EarlyWarning:
    """Say what will be done about a warning, and by when."""
    said = rules.require_response(response)
    [warned] = await get_warnings_for_answer(tx, [warning_id], "warningId")
    calendars = await calendars_of(tx, [warned.warning.unit_id])
    rules.require_respond_by(calendars[warned.warning.unit_id], respond_by, tx.today, warned.due_on)
    _require_open(warned.warning, "warningId")
    _answer(tx, warned, said, respond_by)
    await tx.session.flush()
    return warned.warning


async def acknowledge_many(
    tx: Tx, warning_ids: Sequence[int], response: str, respond_by: date
) -> list[EarlyWarning]:
    """The same answer to several warnings: to all of them or to none."""
    said = rules.require_response(response)
    if not 1 <= len(warning_ids) <= rules.BULK_LIMIT:
        raise invalid(
            "warningIds",
            vi=f"mỗi lần từ 1 đến {rules.BULK_LIMIT} cảnh báo",
            en=f"1 to {rules.BULK_LIMIT} warnings at once",
        )
    for i, warning_id in enumerate(warning_ids):
        if warning_id in warning_ids[:i]:
            raise WARNING_TWICE.at("warningIds", i)
    found = await get_warnings_for_answer(tx, warning_ids, "warningIds", many=True)
    calendars = await calendars_of(tx, {one.warning.unit_id for one in found})
    for i, one in enumerate(found):
        _require_open(one.warning, "warningIds", i)
        try:
            rules.require_respond_by(calendars[one.warning.unit_id], respond_by, tx.today, one.due_on)
        except Refused as refused:
            raise refused.refusal.at("warningIds", i, **refused.params) from None
    for one in found:
        _answer(tx, one, said, respond_by)
    await tx.session.flush()
    return [one.warning for one in found]


def _require_open(warning: EarlyWarning, *path: str | int) -> None:
    if warning.closed_at is not None:
        raise WARNING_CLOSED.at(*path, closed_on=local_date(warning.closed_at).isoformat())


def _answer(tx: Tx, warned: Warned, response: str, respond_by: date) -> None:
    warning = warned.warning
    again = warning.acknowledged_at is not None
    warning.acknowledged_at, warning.acknowledged_by_id = tx.now, tx.actor.person_id
    warning.response, warning.respond_by = response, respond_by
    warning.reminded_at = None  # a new promise, of which the head is reminded anew
    data = {"kind": warning.kind, "response": response, "respond_by": respond_by, "again": again}
    tx.record(
        "warning.acknowledged",
        "EarlyWarning",
        warning.id,
        unit_id=warning.unit_id,
        plan_id=warning.plan_id,
        data=data,
    )
