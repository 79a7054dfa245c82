"""Of the matrix what is asked of units: signals, and focus."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from api.matrix.country import DUE, ENDS, TODAY
from vdept.focus.models import Focus, FocusObjective, FocusState
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Tx
from vdept.signals.models import Detector, Signal, SignalState
from vdept.targets.models import KeyResult, PlanState
from vdept_graphql.ids import encode

if TYPE_CHECKING:
    from api.matrix.reading import Things
    from api.matrix.subjects import Subjects

SIGNALS = "Signal/hue Signal/hue.task Signal/hue.declined"
HOLDERS = " ".join(f"Unit/{name}&Target/shared.{name}" for name in ("government", "hue", "commune", "firm"))

READS = f"""signal(id: "$Signal/hue.task") = Signal/hue.task
signal(id: "$Signal/hue.declined") > unit = Unit/hue
signal(id: "$Signal/hue.task") > plan = Plan/shared
signal(id: "$Signal/hue.declined") > task = Task/declined
signal(id: "$Signal/danang") > indicator = Indicator/share
signal(id: "$Signal/hue") > answeredBy = Person/head
signals = {SIGNALS} Signal/danang Signal/firm
signals(filter: {{unitId: "$Unit/danang", states: [OPEN]}}) = Signal/danang
signals(filter: {{unitId: "$Unit/government", below: true}}) = {SIGNALS} Signal/danang
signals(filter: {{planId: "$Plan/shared", detectors: [PING_PONG]}}) = \
Signal/hue.task Signal/hue.declined

unit(id: "$Unit/hue") > focus(planId: "$Plan/shared") = Focus/hue
unit(id: "$Unit/firm") > focus(planId: "$Plan/shared") > plan = Plan/shared&Focus/firm
unit(id: "$Unit/hue") > focus(planId: "$Plan/shared") > unit = Unit/hue&Focus/hue
unit(id: "$Unit/hue") > focus(planId: "$Plan/shared") > nominatedBy = Person/head&Focus/hue
unit(id: "$Unit/hue") > focus(planId: "$Plan/shared") > answeredBy = Person/above&Focus/hue
unit(id: "$Unit/firm") > focus(planId: "$Plan/shared") > objectives = ~Lập_tổ&Focus/firm
unit(id: "$Unit/hue") > focus(planId: "$Plan/shared") > objectives > objective = Objective/shared&Focus/hue
focusNominations(planId: "$Plan/shared") = {HOLDERS}
focusNominations(planId: "$Plan/shared") > unit = {HOLDERS}
focusNominations(planId: "$Plan/shared", filter: {{states: [AGREED]}}) > focus = Focus/hue Focus/firm
focusNominations(planId: "$Plan/shared", filter: {{missing: true}}) = \
Unit/government&Target/shared.government Unit/commune&Target/shared.commune"""


async def build(tx: Tx, things: "Things") -> None:
    """Questions to units, some about a task; and what two of them put first in the shared plan."""
    head = things.country.people["head"].id
    for name, unit, task in (
        ("hue", "hue", None),
        ("hue.task", "hue", "Task/hue"),
        ("hue.declined", "hue", "Task/declined"),
        ("danang", "danang", None),
        ("firm", "firm", None),
    ):
        about = things.rows[task] if task else None
        row = Signal(
            detector=Detector.PING_PONG if about else Detector.JUMP, key=name, score=Decimal(7), evidence={},
            unit_id=things.country.unit_id(unit), task_id=about.id if about else None,
            plan_id=about.plan_id if about else None,
            indicator_id=None if about else things.rows["Indicator/share"].id,
            found_on=TODAY, found_at=tx.now,
        )  # fmt: skip
        tx.session.add(things.add(f"Signal/{name}", row))
    answered = things.rows["Signal/hue"]
    answered.state, answered.answer = SignalState.ANSWERED, "Vì mưa lũ"
    answered.answered_at, answered.answered_by_id = tx.now, head
    for name in ("hue", "firm"):
        focus = Focus(
            plan_id=things.rows["Plan/shared"].id, unit_id=things.country.unit_id(name), agree_by=DUE,
            state=FocusState.AGREED, nominated_at=tx.now, nominated_by_id=head, answered_at=tx.now,
            answered_by_id=things.country.people["above"].id,
        )  # fmt: skip
        tx.session.add(things.add(f"Focus/{name}", focus))
        await tx.session.flush()
        objective_id = things.rows["Objective/shared"].id
        tx.session.add(
            FocusObjective(focus_id=focus.id, position=1, objective_id=objective_id, method="Lập tổ")
        )
    await tx.session.flush()


async def inputs(of: "Subjects") -> dict[str, dict[str, Any]]:
    """The inputs by row."""
    plan, _ = await of.own_plan(PlanState.ISSUED)
    return {
        "nominateFocus": await _nomination(of),
        "askForFocus": {"planId": encode("Plan", plan.id), "agreeBy": str(ENDS)},
        "agreeFocus": {"focusIds": [await _nominated(of)]},
        "returnFocus": {"focusId": await _nominated(of), "reason": "Lý do"},
        "answerSignal": {"signalId": await _signal(of, "answered"), "answer": "Vì mưa lũ"},
        "dismissSignal": {"signalId": await _signal(of, "dismissed"), "reason": "Lý do"},
    }


async def _nomination(of: "Subjects") -> dict[str, Any]:
    """What Huế may put first."""
    own, _ = await of.held()
    what = await of.tx.session.get_one(KeyResult, own.key_result_id)
    objective = {"objectiveId": encode("Objective", what.objective_id), "method": "Lập tổ"}
    return {
        "planId": encode("Plan", own.plan_id), "unitId": of.unit("hue"), "objectives": [objective],
    }  # fmt: skip


async def _nominated(of: "Subjects") -> str:
    """What the commune has nominated in a plan that Huế issued."""
    plan, what = await of.own_plan(PlanState.ISSUED)
    row = Focus(
        plan_id=plan.id, unit_id=of.country.unit_id("commune"), agree_by=ENDS,
        state=FocusState.PROPOSED, nominated_at=utc_now(),
    )  # fmt: skip
    of.tx.session.add(row)
    await of.tx.session.flush()
    of.tx.session.add(
        FocusObjective(focus_id=row.id, position=1, objective_id=what.objective_id, method="Lập tổ")
    )
    return encode("Focus", row.id)


async def _signal(of: "Subjects", key: str) -> str:
    """A question to Huế."""
    row = Signal(
        detector=Detector.RUSH, key=key, unit_id=of.country.unit_id("hue"),
        score=Decimal(5), evidence={}, found_on=TODAY, found_at=utc_now(),
    )  # fmt: skip
    of.tx.session.add(row)
    await of.tx.session.flush()
    return encode("Signal", row.id)
