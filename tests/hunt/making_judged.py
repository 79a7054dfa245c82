"""What is measured, judged and published of a random world: sources, verdicts, editions, signals, focus.

Every text has a word that no other has, so that it is known whose secret it is.
"""

import json
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from factories import NOW
from hunt import judged_rows as j
from hunt import rows as r
from hunt.world import END, START, TODAY, World
from vdept.kernel.text import fold, sort_key
from vdept.signals.models import Detector
from vdept.units.models import Segment

T = TypeVar("T")

REJECTED = (
    ("READING_UNIT_UNKNOWN", "unit"),
    ("READING_INDICATOR_UNKNOWN", "indicator"),
    ("READING_DATE_INVALID", "asOf"),
)
FORMATS = ("JSON", "CSV", "EXCEL", "HTML")


class Judged:
    """Adds to ``world``; ``word`` makes names and ``ids`` numbers, as for the rest of it."""

    def __init__(
        self, world: World, dice: Random, word: Callable[[str], str], ids: Callable[[int], list[int]]
    ) -> None:
        self.world, self.dice, self.word, self.ids = world, dice, word, ids

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def maybe(self, rows: Iterable[Any]) -> Any:
        return self.dice.choice([None, *(row.id for row in rows)])

    def make(self) -> None:
        self._segments()
        self._sources()
        self._intakes()
        self._warnings()
        self._measured()
        self._verdicts()
        self._gaps()
        self._editions()
        self._signals()
        self._focuses()

    def _segments(self) -> None:
        for unit in self.world.units:
            chosen = self.dice.sample(list(Segment), self.dice.choice([0, 0, 1, 2]))
            unit.segments = [each.value for each in Segment if each in chosen]

    # Sources ------------------------------------------------------------------------------------------------

    def _sources(self) -> None:
        world, dice = self.world, self.dice
        for number in self.ids(dice.randint(4, 7)):
            unit, pull = dice.choice(world.units), self.chance(0.6)
            state = dice.choice(("ACTIVE", "ACTIVE", "ACTIVE", "PAUSED", "CLOSED"))
            national = unit.kind in {"MINISTRY", "GOVERNMENT"} and self.chance(0.5)
            name = self.word("nguồn")
            failing = pull and self.chance(0.4)
            world.sources.append(
                j.Source(
                    id=number,
                    unit_id=unit.id,
                    name=name,
                    method=self.word("đếm"),
                    limits=dice.choice([None, self.word("trừ")]),
                    frequency=dice.choice(("DAILY", "MONTHLY")),
                    way="PULL" if pull else "PUSH",
                    reach="NATION" if national else "SUBTREE",
                    state=state,
                    state_reason=None if state == "ACTIVE" else self.word("vì"),
                    sort_key=sort_key(name),
                    created_at=NOW,
                    created_by_id=self.maybe(world.persons),
                    failing_since=NOW - timedelta(3) if failing else None,
                    search=fold(name),
                )
            )  # fmt: skip
            for what in dice.sample(world.indicators, dice.randint(1, len(world.indicators))):
                world.source_indicators.append(j.SourceIndicator(number, what.id))
            if pull:
                setting = {"url": f"https://n{number}.vn/", "rows": self.word("$.ở"), "fields": []}
                world.connectors.append(
                    j.SourceConnector(
                        source_id=number,
                        unit_id=unit.id,
                        kind="HTTP_JSON",
                        setting=json.dumps(setting),
                        credentials=b"sealed",
                        every_minutes=dice.choice((5, 60)),
                        next_at=NOW,
                        failures=3 if failing else 0,
                    )
                )

    def _intakes(self) -> None:
        world, dice = self.world, self.dice
        numbers, readings = iter(self.ids(30)), iter(self.ids(60))
        for source in world.sources:
            clients = [each for each in world.clients if each.unit_id == source.unit_id]
            for _ in range(dice.randint(0, 3)):
                failed, bad = self.chance(0.3), dice.randint(0, 3)
                intake = j.Intake(
                    id=next(numbers),
                    source_id=source.id,
                    unit_id=source.unit_id,
                    state="FAILED" if failed else "RECEIVED",
                    received_at=NOW - timedelta(minutes=dice.randint(0, 500)),
                    client_id=self.maybe(clients),
                    sha256=None if failed else f"{self.word('băm')}".encode(),
                    size=None if failed else 100,
                    rows=0 if failed else bad + 2,
                    recorded=0 if failed else 1,
                    unchanged=0 if failed else 1,
                    rejected=0 if failed else bad,
                    error="SOURCE_EMPTY" if failed else None,
                    params="{}" if failed else None,
                )
                world.intakes.append(intake)
                for row in range(intake.rejected):
                    state = dice.choice(("OPEN", "OPEN", "REPLAYED", "DISMISSED"))
                    code, path = dice.choice(REJECTED)
                    world.rejected.append(
                        j.RejectedReading(
                            id=next(readings),
                            source_id=source.id,
                            unit_id=source.unit_id,
                            intake_id=intake.id,
                            row=row,
                            given=json.dumps({"unit": self.word("mã"), "value": "7"}),
                            code=code,
                            path=path,
                            params="{}",
                            as_of=dice.choice([None, TODAY]),
                            rejected_at=NOW,
                            state=state,
                            resolved_at=None if state == "OPEN" else NOW,
                            resolved_by_id=None if state == "OPEN" else self.maybe(world.persons),
                            measurement_id=self.maybe(world.measurements) if state == "REPLAYED" else None,
                            reason=self.word("bỏ") if state == "DISMISSED" else None,
                        )
                    )

    def _warnings(self) -> None:
        """Of sources that fail or are silent; some are over."""
        world, dice = self.world, self.dice
        number = max((each.id for each in world.warnings), default=0)
        for source in world.sources:
            for kind in dice.sample(("SOURCE_FAILING", "SOURCE_SILENT"), dice.choice((0, 1, 1, 2))):
                number += dice.randint(1, 2)
                answered, closed = self.chance(0.4), self.chance(0.3)
                since = NOW - timedelta(dice.randint(3, 9))
                world.warnings.append(
                    r.EarlyWarning(
                        id=number,
                        kind=kind,
                        subject="SOURCE",
                        subject_id=source.id,
                        plan_id=None,
                        unit_id=source.unit_id,
                        severity="AT_RISK",
                        evidence=json.dumps({"since": since.isoformat(), "name": source.name}),
                        opened_on=since.date(),
                        opened_at=NOW,
                        acknowledged_by_id=self.maybe(world.persons) if answered else None,
                        acknowledged_at=NOW if answered else None,
                        response=self.word("sẽ sửa") if answered else None,
                        respond_by=END if answered else None,
                        closed_at=NOW if closed else None,
                        closed_because="ENDED" if closed else None,
                    )
                )

    def _measured(self) -> None:
        """Most measured values came from a source; some are older than sources are."""
        world = self.world
        for value in world.measurements:
            intakes = [each for each in world.intakes if each.state == "RECEIVED"]
            if value.basis == "MEASURED" and intakes and self.chance(0.8):
                intake = self.dice.choice(intakes)
                value.intake_id, value.source_id = intake.id, intake.source_id
                value.source = world.get("sources", intake.source_id).name

    # Verdicts -----------------------------------------------------------------------------------------------

    def _verdicts(self) -> None:
        """Of some targets and units in plans that are no drafts; some were issued again."""
        world, dice = self.world, self.dice
        issued = {plan.id for plan in world.plans if plan.state != "DRAFT"}
        targets = [target for target in world.targets if target.plan_id in issued and self.chance(0.5)]
        held = [each for each in world.targets if each.plan_id in issued and each.state == "ACTIVE"]
        units = sorted({(each.plan_id, each.unit_id) for each in held})
        of_units = [pair for pair in units if self.chance(0.5)]
        subjects: list[tuple[int, int, r.Target | None]] = [(t.plan_id, t.unit_id, t) for t in targets]
        subjects += [(plan_id, unit_id, None) for plan_id, unit_id in of_units]
        numbers = iter(self.ids(2 * len(subjects)))
        for plan_id, unit_id, target in subjects:
            times = dice.choice((1, 1, 2))
            # The ground of the last one may have been taken back, too.
            over = self.chance(0.2) or (target is not None and target.state == "WITHDRAWN")
            for number in range(1, times + 1):
                due_on = TODAY - timedelta(dice.randint(1, 9))
                head = self._head(unit_id, due_on)
                world.verdicts.append(
                    j.Verdict(
                        id=next(numbers),
                        subject="UNIT" if target is None else "TARGET",
                        plan_id=plan_id,
                        unit_id=unit_id,
                        target_id=target.id if target else None,
                        key_result_id=target.key_result_id if target else None,
                        number=number,
                        judgement=dice.choice(("MET", "NOT_MET")),
                        due_on=due_on,
                        evaluated_on=TODAY,
                        value=Decimal(dice.randint(1, 99)) if target else None,
                        goal=target.value if target else None,
                        inputs=json.dumps(self._inputs(plan_id, target)),
                        head_id=head.person_id if head else None,
                        head_since=head.starts_on if head else None,
                        issued_at=NOW,
                        superseded_at=None if number == times and not over else NOW,
                    )
                )

    def _head(self, unit_id: int, day: date) -> r.Membership | None:
        """Mostly whoever headed the unit on the day; or somebody of whose tenure nothing is known."""
        world = self.world
        there = [
            m
            for m in world.memberships
            if (m.unit_id, m.role) == (unit_id, "HEAD")
            and m.starts_on <= day
            and (m.ends_on is None or m.ends_on >= day)
        ]
        return self.dice.choice(there if there and self.chance(0.8) else [None, *world.memberships])

    def _inputs(self, plan_id: int, target: r.Target | None) -> dict[str, Any]:
        world, dice = self.world, self.dice
        if target is None:
            unmet = [each.id for each in world.targets if each.plan_id == plan_id]
            counts = {"targets": 3, "met": 1, "not_met": 2, "binding": 2, "binding_met": dice.randint(0, 2)}
            return {**counts, "unmet": sorted(dice.sample(unmet, min(2, len(unmet))))}
        key_result = world.get("key_results", target.key_result_id)
        said = {
            "basis": key_result.basis, "used": key_result.basis, "direction": "AT_LEAST",
            "rollup": key_result.rollup, "binding": True, "goal": str(target.value), "value": "7",
            "measured": "7", "reported": "8", "at_risk_points": "5", "off_track_points": "15",
        }  # fmt: skip
        own = [
            m
            for m in world.measurements
            if (m.unit_id, m.indicator_id) == (target.unit_id, target.indicator_id) and m.intake_id
        ]
        if own and key_result.rollup != "MILESTONE":
            value = dice.choice(own)
            intake = world.get("intakes", value.intake_id)
            said |= {
                "as_of": value.as_of.isoformat(), "measurement_id": value.id, "source": value.source,
                "source_id": intake.source_id, "intake_id": intake.id, "recorded_at": NOW.isoformat(),
                "received_at": intake.received_at.isoformat(), "sha256": intake.sha256.hex(),
            }  # fmt: skip
        if key_result.rollup == "MILESTONE":
            said |= {"task_weight": "4", "delivered_weight": "2", "verified_weight": "1"}
        return said

    # Over time ----------------------------------------------------------------------------------------------

    def _gaps(self) -> None:
        """Of targets and, under the number 0, of units in plans."""
        world, dice = self.world, self.dice
        lines = [(t.plan_id, t.unit_id, t.id) for t in world.targets if self.chance(0.6)]
        pairs = sorted({(t.plan_id, t.unit_id) for t in world.targets})
        lines += [(*pair, 0) for pair in pairs if self.chance(0.6)]
        for plan_id, unit_id, target_id in lines:
            for day in sorted(dice.sample(range(3, 60), dice.randint(1, 3))):
                measured = Decimal(dice.randint(1, 99)) if target_id else None
                reported = Decimal(dice.randint(1, 99)) if target_id else None
                points = Decimal(dice.randint(-999, 999))
                world.gaps.append(
                    j.Gap(plan_id, unit_id, target_id, START + timedelta(day), measured, reported, points)
                )

    # Publications -------------------------------------------------------------------------------------------

    def _editions(self) -> None:
        world, dice = self.world, self.dice
        numbers, requests = iter(self.ids(12)), iter(self.ids(8))
        for plan in world.plans:
            for number in range(1, dice.randint(0, 3) + 1 if plan.state != "DRAFT" else 1):
                edition_id = next(numbers)
                digests = {kind: bytes([edition_id, place]) * 16 for place, kind in enumerate(FORMATS)}
                size = 100 + edition_id
                files = {kind: {"sha256": each.hex(), "size": size} for kind, each in digests.items()}
                edition = j.Edition(
                    id=edition_id,
                    plan_id=plan.id,
                    number=number,
                    month=date(2026, number, 1),
                    as_of=date(2026, number, 1),
                    published_at=NOW,
                    published_by_id=self.maybe(world.persons),
                    corrects_number=number - 1 if number > 1 and self.chance(0.4) else None,
                    note=self.word("ấn bản"),
                    targets=dice.randint(1, 99),
                    units=dice.randint(1, 9),
                    manifest=json.dumps({"plan": plan.code, "files": files}),
                    kid=f"{plan.id}{number}",
                    signature=self.word("ký"),
                )
                world.editions.append(edition)
                for kind, digest in digests.items():
                    world.edition_files.append(j.EditionFile(edition_id, kind, digest, size))
            if plan.state != "DRAFT" and self.chance(0.5):
                world.edition_requests.append(
                    j.EditionRequest(
                        id=next(requests),
                        plan_id=plan.id,
                        corrects_number=None,
                        note=self.word("xin"),
                        state="WAITING",
                        requested_at=NOW,
                        requested_by_id=self.maybe(world.persons),
                        edition_id=None,
                        finished_at=None,
                        error=None,
                    )
                )

    # Signals and focus --------------------------------------------------------------------------------------

    def _signals(self) -> None:
        world, dice = self.world, self.dice
        for number in self.ids(14):
            task = dice.choice(world.tasks) if world.tasks and self.chance(0.5) else None
            state = dice.choice(("OPEN", "OPEN", "ANSWERED", "DISMISSED"))
            plan = dice.choice([None, *world.plans])
            world.signals.append(
                j.Signal(
                    id=number,
                    detector=Detector.PING_PONG.value if task else dice.choice(("DRIFT", "JUMP", "RUSH")),
                    key=f"hunt {number}",
                    unit_id=dice.choice(world.units).id,
                    plan_id=task.plan_id if task else plan.id if plan else None,
                    task_id=task.id if task else None,
                    indicator_id=None if task else self.maybe(world.indicators),
                    score=Decimal(dice.randint(1, 20)),
                    evidence=json.dumps(self._evidence()),
                    found_on=TODAY - timedelta(dice.randint(0, 9)),
                    found_at=NOW,
                    told_at=NOW,
                    state=state,
                    answer=None if state == "OPEN" else self.word("đáp"),
                    answered_at=None if state == "OPEN" else NOW,
                    answered_by_id=None if state == "OPEN" else self.maybe(world.persons),
                )
            )

    def _evidence(self) -> dict[str, Any]:
        tasks = [each.id for each in self.world.tasks]
        return {
            "excerpt": self.word("trích"),
            "task_ids": sorted(self.dice.sample(tasks, min(2, len(tasks)))),
        }

    def _focuses(self) -> None:
        """Of units that hold, or once held, a target in the plan; objectives of that plan, seen or not."""
        world, dice = self.world, self.dice
        pairs = sorted({(t.plan_id, t.unit_id) for t in world.targets})
        chosen = [pair for pair in pairs if world.get("plans", pair[0]).state != "DRAFT" and self.chance(0.6)]
        for number, (plan_id, unit_id) in zip(self.ids(len(chosen)), chosen, strict=True):
            state = dice.choice(("PROPOSED", "AGREED", "RETURNED"))
            answered = state != "PROPOSED"
            world.focuses.append(
                j.Focus(
                    id=number,
                    plan_id=plan_id,
                    unit_id=unit_id,
                    agree_by=TODAY + timedelta(dice.randint(-5, 20)),
                    state=state,
                    nominated_at=NOW,
                    nominated_by_id=self.maybe(world.persons),
                    answer=self.word("trả lại") if state == "RETURNED" else None,
                    answered_at=NOW if answered else None,
                    answered_by_id=self.maybe(world.persons) if answered else None,
                    version=dice.randint(1, 4),
                )
            )
            objectives = [each for each in world.objectives if each.plan_id == plan_id]
            for place, objective in enumerate(dice.sample(objectives, min(2, len(objectives))), 1):
                method = self.word("bằng cách")
                world.focus_objectives.append(j.FocusObjective(number, place, objective.id, method))
        for plan in world.plans:
            if plan.state != "DRAFT" and self.chance(0.4):
                by = TODAY + timedelta(dice.randint(-3, 20))
                world.focus_calls.append(j.FocusCall(plan.id, by, NOW, self.maybe(world.persons)))


def done(world: World) -> Iterable[tuple[str, str, int, int | None, int | None, dict[str, Any]]]:
    """What the log has of all that."""
    for source in world.sources[:3]:
        yield ("source.registered", "Source", source.id, None, source.unit_id, {"name": source.name})
    for intake in world.intakes[:3]:
        yield ("intake.failed", "Intake", intake.id, None, intake.unit_id, {"code": "x"})
    for reading in world.rejected[:2]:
        yield ("reading.dismissed", "RejectedReading", reading.id, None, reading.unit_id, {"reason": "x"})
    for signal in world.signals[:4]:
        yield ("signal.answered", "Signal", signal.id, signal.plan_id, signal.unit_id, {"answer": "x"})
    for focus in world.focuses[:3]:
        yield ("focus.nominated", "Focus", focus.id, focus.plan_id, focus.unit_id, {})
    for verdict in world.verdicts[:3]:
        subject = (verdict.id, verdict.plan_id, world.get("plans", verdict.plan_id).issuer_unit_id)
        yield ("verdicts.issued", "Verdict", *subject, {"issued": 1})
    for edition in world.editions[:3]:
        yield ("edition.published", "Edition", edition.id, edition.plan_id, None, {"number": edition.number})
