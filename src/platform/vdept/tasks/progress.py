"""Progress per participating unit; the task's own follows by the shares."""

from vdept.kernel.actor import WORKING
from vdept.kernel.db import Tx
from vdept.kernel.versions import check_version
from vdept.tasks import errors, rules
from vdept.tasks.access import as_participant, get_task_for_update
from vdept.tasks.models import ParticipationState, Task
from vdept.tasks.rules import REPORTING_STATES
from vdept.tasks.upkeep import refresh_progress, set_part, settle, touch


async def report_progress(
    tx: Tx,
    task_id: int,
    progress: int,
    *,
    unit_id: int | None = None,
    expected_version: int | None = None,
) -> Task:
    """Say how far one's unit has come with its part, 0…100; an honest figure may also go down."""
    rules.require_progress(progress)
    task = await get_task_for_update(tx, task_id)
    part = await as_participant(tx, task, WORKING, unit_id)
    check_version(task, expected_version)
    rules.require_state(task.state, REPORTING_STATES)
    if part.state is not ParticipationState.ACCEPTED:
        raise errors.TASK_NOT_PARTICIPANT.at("unitId")
    before, total_before = part.progress, task.progress
    await set_part(tx, task, part.unit_id, progress=progress)
    touch(tx, task)
    await refresh_progress(tx, task)
    await settle(tx, task)
    data = {"from": before, "to": progress, "task_from": str(total_before), "task_to": str(task.progress)}
    tx.record(
        "task.progress_reported", "Task", task.id, unit_id=part.unit_id, plan_id=task.plan_id, data=data
    )
    return task
