"""An edition beside the monthly ones: somebody asks for it, the worker publishes it."""

from datetime import datetime, time

import sqlalchemy as sa

from vdept.kernel.clock import LOCAL
from vdept.kernel.db import Tx
from vdept.publications.access import get_plan_to_publish
from vdept.publications.errors import (
    CORRECTION_NEEDS_NOTE,
    CORRECTS_UNKNOWN,
    EDITION_UNDER_WAY,
    EDITIONS_TOO_MANY,
    PLAN_NOT_PUBLISHABLE,
)
from vdept.publications.models import Edition, EditionRequest, RequestState
from vdept.targets.models import PlanState
from vdept.targets.rules import clean_optional

DOORBELL = "editions"
"""Rung once somebody has asked for an edition."""

NOTE_LIMIT = 2_000
A_DAY = 10
"""Wishes for one plan in a day: each edition stays for ever, and is told to the heads of a whole level."""


async def request_edition(
    tx: Tx, plan_id: int, *, note: str | None = None, corrects: int | None = None
) -> EditionRequest:
    """Ask for an edition of the plan as it stands; one at a time, and not without end in a day.

    ``corrects``: the number of the edition that it corrects; a correction says in its note what was wrong.
    """
    plan = await get_plan_to_publish(tx, plan_id, "planId")
    if plan.state is PlanState.DRAFT:
        raise PLAN_NOT_PUBLISHABLE.at("planId", state=plan.state.value)
    said = clean_optional(note, NOTE_LIMIT, "note")
    if corrects is not None:
        there = sa.select(Edition.id).where(Edition.plan_id == plan.id, Edition.number == corrects)
        if await tx.session.scalar(there) is None:
            raise CORRECTS_UNKNOWN.at("correctsNumber", number=corrects)
        if said is None:
            raise CORRECTION_NEEDS_NOTE.at("note")
    waiting = sa.select(EditionRequest.id).where(
        EditionRequest.plan_id == plan.id, EditionRequest.state == RequestState.WAITING
    )
    if await tx.session.scalar(waiting) is not None:
        raise EDITION_UNDER_WAY.at("planId")
    today = sa.select(sa.func.count()).where(
        EditionRequest.plan_id == plan.id,
        EditionRequest.requested_at >= datetime.combine(tx.today, time(), LOCAL),
        EditionRequest.state != RequestState.FAILED,
    )
    if (await tx.session.scalar(today) or 0) >= A_DAY:
        raise EDITIONS_TOO_MANY.at("planId", limit=A_DAY)
    row = EditionRequest(
        plan_id=plan.id,
        corrects_number=corrects,
        note=said,
        requested_at=tx.now,
        requested_by_id=tx.actor.person_id,
        state=RequestState.WAITING,
    )
    tx.session.add(row)
    await tx.session.flush()
    tx.record(
        "edition.requested",
        "EditionRequest",
        row.id,
        unit_id=plan.issuer_unit_id,
        plan_id=plan.id,
        data={"corrects": corrects},
    )
    tx.ring(DOORBELL)
    return row
