"""Verdicts to be seen or hidden: on two targets, one of them twice, and on Huế in the shared plan."""

from typing import Any

from api.matrix.country import TODAY
from vdept.kernel.db import Tx
from vdept.verdicts.models import Judgement, Verdict, VerdictSubject

VERDICTS = """
verdict(id: "$Verdict/public.hue") = Verdict/public.hue
verdict(id: "$Verdict/shared.hue") > plan = Plan/shared
verdict(id: "$Verdict/shared.firm") > unit = Unit/firm
verdict(id: "$Verdict/shared.firm") > target = Target/shared.firm
verdict(id: "$Verdict/shared.firm") > keyResult = KeyResult/shared
verdict(id: "$Verdict/shared.firm") > head > person = Person/firm&Membership/firm
verdict(id: "$Verdict/public.hue") > head > person = Person/head&Membership/head
verdict(id: "$Verdict/public.hue") > source = ~Sổ&Measurement/hue
verdict(id: "$Verdict/public.hue") > source > measurement = Measurement/hue
verdict(id: "$Verdict/public.hue") > supersedes = Verdict/public.hue.old
verdict(id: "$Verdict/shared.hue") > inputs > unmet = Target/shared.hue
target(id: "$Target/public.hue") > verdicts = Verdict/public.hue Verdict/public.hue.old
unit(id: "$Unit/hue") > verdicts = Verdict/public.hue Verdict/shared.hue
unit(id: "$Unit/hue") > verdicts(planId: "$?Plan/shared") = Verdict/shared.hue
plan(id: "$Plan/shared") > verdicts = Verdict/shared.firm Verdict/shared.hue
plan(id: "$Plan/public") > verdicts(filter: {superseded: true}) = Verdict/public.hue.old
person(id: "$Person/head") > verdicts = Verdict/public.hue Verdict/shared.hue
person(id: "$Person/firm") > verdicts = Verdict/shared.firm
person(id: "$Person/head") > verdictCounts = ~1
explainOutcome(targetId: "$Target/shared.hue") > target = Target/shared.hue
explainOutcome(targetId: "$Target/public.hue") > plan = Plan/public
explainOutcome(targetId: "$Target/public.hue") > verdicts = Verdict/public.hue Verdict/public.hue.old
explainOutcome(targetId: "$Target/public.hue") > measurement = Measurement/hue
explainOutcome(targetId: "$Target/public.hue") > lines = \
~READING ~VALUE ~GOAL ~ATTAINMENT ~PACE ~STATUS
explainOutcome(targetId: "$Target/shared.government") > parts > target = Target/shared.hue \
Target/shared.commune Target/shared.firm
explainOutcome(planId: "$?Plan/shared", unitId: "$Unit/hue") > unit = Unit/hue&Outcome/shared.hue
explainOutcome(planId: "$Plan/public", unitId: "$Unit/hue") > parts > target = Target/public.hue
"""
"""The questions about them; how they are read is said in ``reads.py``."""


async def add_verdicts(tx: Tx, things: Any) -> None:
    """The heads are those of today, so that the days between are of their tenure."""
    read = things.rows["Measurement/hue"]
    inputs = {"measurement_id": read.id, "source": "Sổ", "recorded_at": read.recorded_at.isoformat()}
    unmet = {"targets": 1, "not_met": 1, "binding": 1, "unmet": [things.rows["Target/shared.hue"].id]}
    for name, of, said, number in (
        ("public.hue.old", "Target/public.hue", inputs, 1),
        ("public.hue", "Target/public.hue", inputs, 2),
        ("shared.firm", "Target/shared.firm", {}, 1),
        ("shared.hue", None, unmet, 1),
    ):
        target = things.rows[of or "Target/shared.hue"]
        seat = things.country.seats["firm" if name == "shared.firm" else "head"]
        row = Verdict(
            subject=VerdictSubject.TARGET if of else VerdictSubject.UNIT,
            plan_id=target.plan_id,
            unit_id=target.unit_id,
            target_id=target.id if of else None,
            key_result_id=target.key_result_id if of else None,
            number=number,
            judgement=Judgement.MET if of else Judgement.NOT_MET,
            due_on=TODAY,
            evaluated_on=TODAY,
            inputs=said,
            head_id=seat.person_id,
            head_since=seat.starts_on,
            issued_at=tx.now,
            superseded_at=tx.now if name.endswith("old") else None,
        )
        tx.session.add(things.add(f"Verdict/{name}", row))
        await tx.session.flush()
