"""What verdicts, explanations, editions, signals and focus have in the contract, as the policy answers it."""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

from hunt import judged_rows as j
from hunt import lists
from hunt import rows as r
from hunt.answers import Answers, Fitting
from hunt.fields import BY_NAME, _by_id, _which, has, plainly, to
from hunt.lists import Given, Order, Page, by, encode
from hunt.policy import Sight
from hunt.world import TODAY
from vdept.kernel.errors import Locale
from vdept.signals.models import Detector
from vdept.signals.words import note, sentence

NEWEST = by("id", descending=True)

# Verdicts ---------------------------------------------------------------------------------------------------


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _tenure(a: Answers, verdict: j.Verdict) -> r.Membership | None:
    """The office in which its head held it, where the viewer may know of that."""
    held = [
        m
        for m in a.world.memberships
        if (m.person_id, m.unit_id, m.role) == (verdict.head_id, verdict.unit_id, "HEAD")
        and m.starts_on <= verdict.due_on
        and (m.ends_on is None or m.ends_on >= verdict.due_on)
    ]
    return next(iter(a.seen("Membership", held)), None)


def _head(a: Answers, verdict: j.Verdict, _g: Given) -> Any:
    known = _tenure(a, verdict) is not None and a.one("Person", verdict.head_id) is not None
    return verdict if known else None


def _read_from(a: Answers, verdict: j.Verdict, _g: Given) -> Any:
    """Its reading, for whoever sees the measurement."""
    said = json.loads(verdict.inputs)
    return said if a.one("Measurement", said.get("measurement_id")) is not None else None


def _before(a: Answers, verdict: j.Verdict, _g: Given) -> Any:
    same = (verdict.subject, verdict.plan_id, verdict.unit_id, verdict.target_id, verdict.number - 1)
    rows = [
        v
        for v in a.world.verdicts
        if (v.subject, v.plan_id, v.unit_id, v.target_id, v.number) == same
    ]  # fmt: skip
    return next(iter(a.seen("Verdict", rows)), None)


plainly(
    "Verdict", subject="subject", judgement="judgement", number="number", dueOn="due_on", value="value",
    goal="goal", supersededAt="superseded_at", issuedAt="issued_at",
)  # fmt: skip
has("Verdict", "VerdictInputs", inputs=lambda _a, v, _g: v)
has("Verdict", "VerdictSource", source=_read_from)
has("Verdict", "Unit", unit=to("Unit", "unit_id"))
has("Verdict", "Target", target=to("Target", "target_id"))
has("Verdict", "KeyResult", keyResult=to("KeyResult", "key_result_id"))
has("Verdict", "Plan", plan=to("Plan", "plan_id"))
has("Verdict", "VerdictHead", head=_head)
has("Verdict", "Verdict", supersedes=_before)

plainly("VerdictHead", since="head_since")
has("VerdictHead", "Person", person=to("Person", "head_id"))


def _reading(name: str) -> Any:
    return lambda _a, said, _g: datetime.fromisoformat(said[name]) if name.endswith("_at") else said[name]


def _of_document(name: str) -> Any:
    """For whoever sees the intake, as where the intake itself is asked for."""
    read = _reading(name)
    return lambda a, said, g: read(a, said, g) if a.one("Intake", said["intake_id"]) is not None else None


has(
    "VerdictSource",
    "",
    name=_reading("source"),
    sha256=_of_document("sha256"),
    receivedAt=_of_document("received_at"),
)
has(
    "VerdictSource",
    "Measurement",
    measurement=lambda a, said, _g: a.one("Measurement", said["measurement_id"]),
)


def _input(name: str) -> Any:
    return lambda _a, v, _g: json.loads(v.inputs).get(name)


def _of_tasks(name: str) -> Any:
    return lambda a, v, _g: json.loads(v.inputs).get(name) if a.sight.tasks_of(v.unit_id) else None


def _binding(a: Answers, v: j.Verdict, _g: Given) -> Any:
    return json.loads(v.inputs).get("binding") if v.subject == "UNIT" else None


INPUTS = ("basis", "used", "as_of", "measured", "reported", "rollup", "at_risk_points", "targets")
has("VerdictInputs", "", **{_camel(name): _input(name) for name in (*INPUTS, "binding_met")})
has("VerdictInputs", "", targetsMet=_input("met"), bindingCount=_binding)
has("VerdictInputs", "", taskWeight=_of_tasks("task_weight"), deliveredWeight=_of_tasks("delivered_weight"))
has(
    "VerdictInputs",
    "[Target]",
    unmet=lambda a, v, _g: [
        a.world.get("targets", one) for one in json.loads(v.inputs).get("unmet", ()) if a.one("Target", one)
    ],
)


def _verdict_fits(a: Answers, verdict: j.Verdict, given: Given) -> bool:
    """Those that count, unless the others are asked for."""
    unit, over = a.world.get("units", verdict.unit_id), given.get("superseded", False)
    return (
        lists.holds(verdict.judgement, given.get("judgement"))
        and lists.holds(verdict.subject, given.get("subject"))
        and lists.holds(unit.kind, given.get("kinds"))
        and lists.in_segments(unit, given)
        and lists.below(a.world, unit.id, given.get("belowId"))
        and lists.within(verdict.due_on, given)
        and (over is None or over == (verdict.superseded_at is not None))
    )


def _verdicts(a: Answers, rows: Iterable[j.Verdict], given: Given) -> Page:
    return a.page("Verdict", [v for v in rows if _verdict_fits(a, v, _which(given))], NEWEST, given)


def _of_unit(a: Answers, unit: r.Unit, given: Given) -> Page:
    rows = [v for v in a.world.verdicts if v.unit_id == unit.id]
    return _verdicts(a, [v for v in rows if lists.ids(given, planId=("Plan", v.plan_id))], given)


def _of_target(a: Answers, target: r.Target, _g: Given) -> list[j.Verdict]:
    rows = a.seen("Verdict", [v for v in a.world.verdicts if v.target_id == target.id])
    return sorted(rows, key=lambda v: (v.superseded_at is not None, -v.number))


def _of_head(a: Answers, person: r.Person) -> list[j.Verdict]:
    return [v for v in a.world.verdicts if v.head_id == person.id and _tenure(a, v) is not None]


def _counts(a: Answers, person: r.Person, given: Given) -> dict[str, int]:
    rows = [v for v in a.seen("Verdict", _of_head(a, person)) if _verdict_fits(a, v, _which(given))]
    said = [(v.subject, v.judgement) for v in rows]
    return {
        "targetsMet": said.count(("TARGET", "MET")),
        "targetsNotMet": said.count(("TARGET", "NOT_MET")),
        "unitsMet": said.count(("UNIT", "MET")),
        "unitsNotMet": said.count(("UNIT", "NOT_MET")),
    }


has("Target", "[Verdict]", verdicts=_of_target)
has("Unit", "{Verdict}", verdicts=_of_unit)
has(
    "Plan",
    "{Verdict}",
    verdicts=lambda a, p, g: _verdicts(a, [v for v in a.world.verdicts if v.plan_id == p.id], g),
)
has("Person", "{Verdict}", verdicts=lambda a, p, g: _verdicts(a, _of_head(a, p), g))
has("Person", "*", verdictCounts=_counts)
has("Query", "Verdict", verdict=_by_id("Verdict"))

# How a figure came about ------------------------------------------------------------------------------------


class Told(Fitting):
    """Any lines that name nothing hidden: no source of a value that the viewer does not see."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight

    def __eq__(self, lines: object) -> bool:
        hidden = _hidden(self.sight)
        return isinstance(lines, list) and not any(
            name in line.get("sentence", "") for line in lines for name in hidden
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "lines that name nothing hidden"


def _hidden(sight: Sight) -> set[str]:
    world = sight.world
    shown = {m.source for m in world.measurements if sight.measurement(m)}
    shown |= {source.name for source in world.sources if sight.source(source)}
    names = {source.name for source in world.sources} - shown
    names |= {intake.sha256.hex() for intake in world.intakes if intake.sha256 and not sight.intake(intake)}
    names |= {plan.title for plan in world.plans if not sight.plan(plan)}
    return names | {task.title for task in world.tasks if not sight.task(task)}


def _explained(a: Answers, _row: None, given: Given) -> Any:
    """Of a target or of a unit in a plan: the outcome, for whoever sees it."""
    if given.get("targetId") is not None:
        target = a.world.get("targets", lists.number(given["targetId"]))
        outcome = target and a.figures.of_target(a.sight, target)
        return outcome and SimpleNamespace(outcome=outcome, target=target, unit_id=target.unit_id)
    unit_id = lists.number(given["unitId"])
    outcome = a.figures.of_unit(a.sight, lists.number(given["planId"]), unit_id)
    return outcome and SimpleNamespace(outcome=outcome, target=None, unit_id=unit_id)


def _used(a: Answers, target: r.Target, row: Any) -> str:
    basis = a.world.get("key_results", target.key_result_id).basis
    return "reported" if basis == "REPORTED" and row.reported_value is not None else "measured"


def _value(a: Answers, x: Any, _g: Given) -> Any:
    if x.target is None:
        return x.outcome.said["own"]["attainment"]
    return getattr(x.outcome.row, f"{_used(a, x.target, x.outcome.row)}_value")


def _attainment(_a: Answers, x: Any, _g: Given) -> Any:
    return x.outcome.said["own"]["attainment"] if x.target is None else x.outcome.row.attainment


def _status(_a: Answers, x: Any, _g: Given) -> Any:
    return x.outcome.said["own"]["status"] if x.target is None else x.outcome.row.status


def _rests_on(a: Answers, x: Any, _g: Given) -> Any:
    """The reading that counted, if the viewer sees it."""
    if x.target is None:
        return None
    row, used = x.outcome.row, _used(a, x.target, x.outcome.row)
    own = getattr(row, f"own_{used}_value")
    milestone = a.world.get("key_results", x.target.key_result_id).rollup == "MILESTONE"
    place = (x.target.unit_id, x.target.indicator_id, used.upper(), getattr(row, f"{used}_on"), own)
    rows = [
        m
        for m in a.world.measurements
        if (m.unit_id, m.indicator_id, m.basis, m.as_of, m.value) == place
    ]  # fmt: skip
    seen = [] if milestone or own is None else a.seen("Measurement", rows)
    return max(seen, key=lambda m: m.id, default=None)


def _parts(a: Answers, x: Any, given: Given) -> Page:
    """The children of the target, or the targets of the unit, in force and seen."""
    found = []
    for target in a.world.targets:
        outcome = a.figures.of_target(a.sight, target)
        if outcome is None or not outcome.row.live:
            continue
        row = outcome.row
        if x.target is None and (row.plan_id, row.unit_id) == (x.outcome.row.plan_id, x.unit_id):
            found.append(_part(row, row.attainment, row.meets))
        elif x.target is not None and row.parent_id == x.target.id:
            used = _used(a, x.target, x.outcome.row)
            found.append(_part(row, getattr(row, f"{used}_value"), getattr(row, f"{used}_meets")))
    order = Order(lambda one: one.place)
    return lists.page("OutcomePart", found, order, given)


def _part(row: Any, value: Any, meets: bool) -> Any:
    attained = Decimal(-1) if row.attainment is None else row.attainment
    place = (row.meets, attained, row.target_id)
    return SimpleNamespace(value=value, meets=meets, status=row.status, target_id=row.target_id, place=place)


has("Query", "OutcomeExplanation", explainOutcome=_explained)
has("OutcomeExplanation", "", evaluatedOn=lambda a, x, _g: a.figures.dates[x.outcome.row.plan_id])
has("OutcomeExplanation", "", value=_value, attainment=_attainment, status=_status, addsUp=lambda *_: ANY)
has("OutcomeExplanation", "Target", target=lambda a, x, _g: x.target and a.one("Target", x.target.id))
has("OutcomeExplanation", "Unit", unit=to("Unit", "unit_id"))
has("OutcomeExplanation", "Plan", plan=lambda a, x, _g: a.one("Plan", x.outcome.row.plan_id))
has("OutcomeExplanation", "Measurement", measurement=_rests_on)
has(
    "OutcomeExplanation",
    "[Verdict]",
    verdicts=lambda a, x, g: [] if x.target is None else _of_target(a, x.target, g),
)
has("OutcomeExplanation", "*", lines=lambda a, _x, _g: Told(a.sight))
has("OutcomeExplanation", "{OutcomePart}", parts=_parts)
plainly("OutcomePart", value="value", meets="meets", status="status")
has("OutcomePart", "Target", target=to("Target", "target_id"))

# Editions ---------------------------------------------------------------------------------------------------


def _numbered(number: Any) -> Any:
    """Another edition of the same plan."""

    def resolve(a: Answers, edition: j.Edition, _g: Given) -> Any:
        rows = [e for e in a.world.editions if e.plan_id == edition.plan_id and number(edition, e)]
        return max(a.seen("Edition", rows), key=lambda e: e.number, default=None)

    return resolve


plainly(
    "Edition", number="number", month="month", asOf="as_of", note="note", targetCount="targets",
    unitCount="units", kid="kid", signature="signature",
)  # fmt: skip
has("Edition", "Plan", plan=to("Plan", "plan_id"))
has("Edition", "Person", publishedBy=to("Person", "published_by_id"))
has("Edition", "Edition", corrects=_numbered(lambda this, other: other.number == this.corrects_number))
has("Edition", "Edition", correctedBy=_numbered(lambda this, other: other.corrects_number == this.number))
has(
    "Edition",
    "*",
    files=lambda a, e, _g: [
        {"format": f.format, "sha256": f.sha256.hex(), "size": str(f.size)}
        for f in a.world.edition_files
        if f.edition_id == e.id
    ],
)
plainly("EditionRequest", state="state", note="note", requestedAt="requested_at")
has("EditionRequest", "Edition", edition=to("Edition", "edition_id"))
has("EditionRequest", "Plan", plan=to("Plan", "plan_id"))
has("EditionRequest", "Person", requestedBy=to("Person", "requested_by_id"))
has(
    "Plan",
    "{Edition}",
    editions=lambda a, p, g: a.page("Edition", [e for e in a.world.editions if e.plan_id == p.id], NEWEST, g),
)
has(
    "Plan",
    "EditionRequest",
    lastEditionRequest=lambda a, p, _g: next(
        reversed(a.seen("EditionRequest", [x for x in a.world.edition_requests if x.plan_id == p.id])), None
    ),
)
has(
    "Query",
    "{Edition}",
    editions=lambda a, _r, g: a.page(
        "Edition", [e for e in a.world.editions if lists.ids(g, planId=("Plan", e.plan_id))], NEWEST, g
    ),
)

# Signals ----------------------------------------------------------------------------------------------------


def _evidence(_a: Answers, signal: j.Signal, _g: Given) -> dict[str, Any]:
    kinds = {"task_ids": "Task", "measurement_ids": "Measurement", "warning_ids": "EarlyWarning"}
    kinds["unit_ids"] = "Unit"
    return {
        _camel(name): [encode(kinds[name], one) for one in value] if name in kinds else value
        for name, value in json.loads(signal.evidence).items()
    }


plainly(
    "Signal", detector="detector", score="score", foundOn="found_on", state="state", answer="answer",
    answeredAt="answered_at",
)  # fmt: skip
has("Signal", "", evidence=_evidence)
has(
    "Signal",
    "",
    sentence=lambda _a, s, _g: sentence(Detector(s.detector), json.loads(s.evidence), Locale.VI),
    note=lambda _a, s, _g: note(Detector(s.detector), Locale.VI),
)
has("Signal", "Unit", unit=to("Unit", "unit_id"))
has("Signal", "Plan", plan=to("Plan", "plan_id"))
has("Signal", "Task", task=to("Task", "task_id"))
has("Signal", "Indicator", indicator=to("Indicator", "indicator_id"))
has("Signal", "Person", answeredBy=to("Person", "answered_by_id"))


def _signal_fits(a: Answers, signal: j.Signal, given: Given) -> bool:
    unit, plan = given.get("unitId"), given.get("planId")
    path = [encode("Unit", each) for each in a.world.get("units", signal.unit_id).path]
    return (
        (unit is None or (unit in path if given.get("below") else unit == path[-1]))
        and (plan is None or a.one("Plan", lists.number(plan)) is not None)
        and lists.ids(given, planId=("Plan", signal.plan_id))
        and lists.holds(signal.detector, given.get("detectors"))
        and lists.holds(signal.state, given.get("states"))
    )


has("Query", "Signal", signal=_by_id("Signal"))
has(
    "Query",
    "{Signal}",
    signals=lambda a, _r, g: a.page(
        "Signal", [s for s in a.world.signals if _signal_fits(a, s, _which(g))], NEWEST, g
    ),
)

# Focus ------------------------------------------------------------------------------------------------------


def _late(focus: j.Focus) -> bool:
    return focus.agree_by < TODAY and focus.state != "AGREED"


def _focus(a: Answers, plan_id: int, unit_id: int) -> Any:
    rows = [f for f in a.world.focuses if (f.plan_id, f.unit_id) == (plan_id, unit_id)]
    return next(iter(a.seen("Focus", rows)), None)


def _nominations(a: Answers, _row: None, given: Given) -> Page:
    """The units that hold a target in force in the plan: of whoever sees it whole all, or one's own."""
    plan_id = lists.number(given["planId"])
    plan = a.world.get("plans", plan_id)
    held = {t.unit_id for t in a.world.targets if t.plan_id == plan_id and t.state != "WITHDRAWN"}
    call = next((c for c in a.world.focus_calls if c.plan_id == plan_id), None)
    found = []
    for unit in a.world.units:
        seen = plan is not None and a.sight.nominates(plan, unit.id)
        if unit.id not in held or not seen:
            continue
        focus = next((f for f in a.world.focuses if (f.plan_id, f.unit_id) == (plan_id, unit.id)), None)
        late = _late(focus) if focus else call is not None and call.agree_by < TODAY
        which = _which(given)
        states, overdue, missing = which.get("states"), which.get("overdue"), which.get("missing")
        if (
            (states is None or (focus is not None and focus.state in states))
            and (overdue is None or overdue == late)
            and (missing is None or missing == (focus is None))
        ):
            found.append(SimpleNamespace(id=unit.id, sort_key=unit.sort_key, plan_id=plan_id))
    return lists.page("FocusNomination", found, BY_NAME, given)


plainly(
    "Focus", state="state", agreeBy="agree_by", answer="answer", answeredAt="answered_at", version="version"
)
has("Focus", "", overdue=lambda _a, f, _g: _late(f))
has("Focus", "Plan", plan=to("Plan", "plan_id"))
has("Focus", "Unit", unit=to("Unit", "unit_id"))
has("Focus", "Person", nominatedBy=to("Person", "nominated_by_id"), answeredBy=to("Person", "answered_by_id"))
has(
    "Focus",
    "[FocusObjective]",
    objectives=lambda a, f, _g: [x for x in a.world.focus_objectives if x.focus_id == f.id],
)
plainly("FocusObjective", position="position", method="method")
has("FocusObjective", "Objective", objective=to("Objective", "objective_id"))
has("Query", "{FocusNomination}", focusNominations=_nominations)
has("FocusNomination", "Unit", unit=to("Unit", "id"))
has("FocusNomination", "Focus", focus=lambda a, x, _g: _focus(a, x.plan_id, x.id))
has("Unit", "Focus", focus=lambda a, u, g: _focus(a, lists.number(g["planId"]), u.id))
has(
    "Plan",
    "",
    focusAgreeBy=lambda a, p, _g: next((c.agree_by for c in a.world.focus_calls if c.plan_id == p.id), None),
)
