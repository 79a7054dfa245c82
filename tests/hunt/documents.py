"""Random questions: GraphQL documents over the whole read side, and random variables for them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from graphql import OperationDefinitionNode, parse

from hunt import deadline_fields, judged_fields, source_fields, verdict_fields  # noqa: F401
from hunt.fields import FIELDS, KINDS
from hunt.lists import encode
from hunt.world import TODAY, World
from vdept.focus.models import FocusState
from vdept.notifications.models import NotificationKind
from vdept.outcomes.models import Status
from vdept.signals.models import Detector, SignalState
from vdept.sources.models import SourceState
from vdept.targets.models import PlanState, TargetState
from vdept.tasks.models import ParticipantRole, TaskKind, TaskState, Timeliness
from vdept.units.models import Segment, UnitKind
from vdept.warnings.models import WarningKind
from vdept_graphql.engine import RequestError
from vdept_graphql.schema import engine

Draw = Callable[["Variables"], Any]

PLAIN: dict[str | tuple[str, str], str] = {
    "measured": "{ value asOf }",
    "reported": "{ value asOf }",
    "targets": "{ total met notMet onTrack notStarted }",
    "tasks": "{ total openOverdue doneLate }",
    "ownTasks": "{ total openInTime }",
    "own": "{ status verdict binding attainment gapPoints completion targets { total } tasks { total } }",
    "reminderPolicy": "{ own version steps { step recipient } }",
    "coming": "{ day dueOn }",
    ("DeadlineExplanation", "lines"): "{ kind sentence people unit { id } by { name person { id } } }",
    ("OutcomeExplanation", "lines"): "{ kind sentence value }",
    "verdictCounts": "{ targetsMet targetsNotMet unitsMet unitsNotMet }",
    "failure": "{ code }",
    "files": "{ format sha256 size }",
    "gapHistory": "{ hasEarlier changes { onDay measured reported gap gapPoints } }",
    "points": "{ periodStart asOf value numerator denominator count }",
    "series": "{ every ofChildren baseline goal pace { onDay } measured { origin points { periodStart onDay "
    "value count } } reported { origin points { periodStart onDay value count } } }",
    "segmentOutcomes": "{ segment units binding bindingMet attainment gapPoints targets { total } }",
    "subtree": "{ status bindingMet attainment completion targets { total met } tasks { total } }",
}
"""What is chosen below a field that leads to plain values."""


@dataclass
class Variables:
    """Draws values for the variables of documents, from what there is in a world and a little beside it."""

    dice: random.Random
    world: World
    only: str = ""
    """The one condition that filters have, where a test is after that; any otherwise."""

    def id(self, kind: str) -> str:
        numbers = [row.id for row in getattr(self.world, KINDS[kind][0])]
        made_up = not numbers or self.dice.random() < 0.05
        return encode(kind, self.dice.randint(1, 99) if made_up else self.dice.choice(numbers))

    def of(self, kind: str, rows: str, column: str) -> str:
        """The number that some row of a list has in a column: what a filter then finds."""
        found = [number for row in getattr(self.world, rows) if (number := getattr(row, column)) is not None]
        return encode(kind, self.dice.choice(found)) if found and self.dice.random() < 0.8 else self.id(kind)

    def some(self, values: Any) -> list[str]:
        every = [each.value for each in values]
        return self.dice.sample(every, min(len(every), self.dice.randint(1, 3)))

    def word(self, rows: str, column: str) -> str:
        """A word that one row has, often one that is hidden; or a part that many have."""
        found = getattr(self.world, rows)
        text = getattr(self.dice.choice(found), column) if found else "sao"
        return self.dice.choice([text.split()[-1], text.split()[-1][:-1], text.split()[0]])

    def day(self) -> str:
        return (TODAY + timedelta(self.dice.choice([-400, -2, -1, 0, 1, 2]))).isoformat()

    def yes(self) -> bool:
        return self.dice.random() < 0.5

    def filter(self, **draws: Callable[[], Any]) -> dict[str, Any]:
        """One or two of the conditions, or none."""
        some = self.dice.sample(list(draws), min(len(draws), self.dice.choice([0, 0, 1, 1, 2])))
        chosen = [self.only] if self.only in draws else some
        return {name: draws[name]() for name in chosen}


def _ids(kind: str) -> Draw:
    return lambda v: v.id(kind)


VARIABLES: dict[str, tuple[str, Draw]] = {
    "few": ("Int!", lambda v: v.dice.choice([1, 2, 3])),
    "many": ("Int!", lambda v: v.dice.choice([1, 2, 4, 100])),
    "on": ("Date", lambda v: v.dice.choice([None, v.day()])),
    "yes": ("Boolean!", lambda v: v.yes()),
    **{f"{kind[0].lower()}{kind[1:]}Id": ("ID!", _ids(kind)) for kind in KINDS},
    "someUnit": ("ID", lambda v: v.id("Unit")),
    "unitCode": ("String", lambda v: v.dice.choice(v.world.units).code),
    "planCode": ("String", lambda v: v.dice.choice(v.world.plans).code),
    "subjectId": (
        "ID",
        lambda v: v.dice.choice([*[None] * 6, *map(v.id, ("Task", "Plan", "KeyResult", "Target"))]),
    ),
    "basis": ("Basis", lambda v: v.dice.choice([None, "MEASURED", "REPORTED"])),
    "unitFilter": (
        "UnitFilter",
        lambda v: v.filter(
            kinds=lambda: v.some(UnitKind),
            parentId=lambda: v.of("Unit", "units", "parent_id"),
            belowId=lambda: v.id("Unit"),
            text=lambda: v.word("units", "search"),
            segments=lambda: v.some(Segment),
            validOn=v.day,
        ),
    ),
    "personFilter": (
        "PersonFilter",
        lambda v: v.filter(
            unitId=lambda: v.of("Unit", "memberships", "unit_id"),
            role=lambda: v.dice.choice(["HEAD", "MEMBER", "OBSERVER"]),
            text=lambda: v.word("persons", "search"),
            active=v.yes,
        ),
    ),
    "indicatorFilter": (
        "IndicatorFilter",
        lambda v: v.filter(text=lambda: v.word("indicators", "search"), direction=lambda: "AT_LEAST"),
    ),
    "planFilter": (
        "PlanFilter",
        lambda v: v.filter(
            states=lambda: v.some(PlanState),
            issuerUnitId=lambda: v.id("Unit"),
            holderUnitId=lambda: v.of("Unit", "targets", "unit_id"),
            codes=lambda: [v.dice.choice(v.world.plans).code],
            on=v.day,
        ),
    ),
    "targetFilter": (
        "TargetFilter",
        lambda v: v.filter(
            planId=lambda: v.id("Plan"),
            keyResultId=lambda: v.id("KeyResult"),
            unitId=lambda: v.id("Unit"),
            belowUnitId=lambda: v.id("Unit"),
            parentId=lambda: v.of("Target", "targets", "parent_id"),
            kinds=lambda: v.some(UnitKind),
            states=lambda: v.some(TargetState),
            segments=lambda: v.some(Segment),
            acknowledged=v.yes,
            dueFrom=v.day,
            dueTo=v.day,
        ),
    ),
    "taskFilter": (
        "TaskFilter",
        lambda v: v.filter(
            planId=lambda: v.of("Plan", "tasks", "plan_id"),
            targetId=lambda: v.of("Target", "links", "target_id"),
            proposedToUnitId=lambda: v.of("Unit", "targets", "unit_id"),
            ownerUnitId=lambda: v.id("Unit"),
            leadUnitId=lambda: v.of("Unit", "tasks", "lead_unit_id"),
            participantUnitId=lambda: v.of("Unit", "participations", "unit_id"),
            assigneeId=lambda: v.of("Person", "assignees", "person_id"),
            parentId=lambda: v.of("Task", "tasks", "parent_id"),
            states=lambda: v.some(TaskState),
            kinds=lambda: v.some(TaskKind),
            timeliness=lambda: v.some(Timeliness),
            board=v.yes,
            open=v.yes,
            overdue=v.yes,
            dueFrom=v.day,
            dueTo=v.day,
            text=lambda: v.word("tasks", "search"),
        ),
    ),
    "unitTaskFilter": (
        "UnitTaskFilter",
        lambda v: v.filter(
            open=v.yes,
            overdue=v.yes,
            states=lambda: v.some(TaskState),
            timeliness=lambda: v.some(Timeliness),
            roles=lambda: v.some(ParticipantRole),
            planId=lambda: v.id("Plan"),
            dueFrom=v.day,
            dueTo=v.day,
            text=lambda: v.word("tasks", "search"),
        ),
    ),
    "clientFilter": ("ApiClientFilter", lambda v: v.filter(unitId=lambda: v.id("Unit"), revoked=v.yes)),
    "identityFilter": (
        "IdentityFilter",
        lambda v: v.filter(waiting=v.yes, personId=lambda: v.of("Person", "identities", "person_id")),
    ),
    "unitOutcomeFilter": (
        "UnitOutcomeFilter",
        lambda v: v.filter(
            kinds=lambda: v.some(UnitKind),
            statuses=lambda: v.some(Status),
            belowId=lambda: v.id("Unit"),
            segments=lambda: v.some(Segment),
            scope=lambda: "SUBTREE",
        ),
    ),
    "targetOutcomeFilter": (
        "TargetOutcomeFilter",
        lambda v: v.filter(
            kinds=lambda: v.some(UnitKind),
            statuses=lambda: v.some(Status),
            belowId=lambda: v.id("Unit"),
            segments=lambda: v.some(Segment),
        ),
    ),
    "sourceFilter": (
        "SourceFilter",
        lambda v: v.filter(
            unitId=lambda: v.of("Unit", "sources", "unit_id"),
            belowId=lambda: v.id("Unit"),
            indicatorId=lambda: v.id("Indicator"),
            states=lambda: v.some(SourceState),
            way=lambda: "PULL",
            failing=v.yes,
            text=lambda: v.word("sources", "name"),
        ),
    ),
    "intakeState": ("IntakeState", lambda v: v.dice.choice([None, None, "FAILED", "RECEIVED"])),
    "rejectedState": ("RejectedState", lambda v: v.dice.choice([None, None, "OPEN", "DISMISSED"])),
    "verdictFilter": (
        "VerdictFilter",
        lambda v: v.filter(
            judgement=lambda: "MET",
            subject=lambda: v.dice.choice(["TARGET", "UNIT"]),
            kinds=lambda: v.some(UnitKind),
            segments=lambda: v.some(Segment),
            belowId=lambda: v.id("Unit"),
            dueFrom=v.day,
            dueTo=v.day,
            superseded=lambda: v.dice.choice([None, True]),
        ),
    ),
    "signalFilter": (
        "SignalFilter",
        lambda v: {
            **v.filter(
                unitId=lambda: v.of("Unit", "signals", "unit_id"),
                planId=lambda: v.of("Plan", "signals", "plan_id"),
                detectors=lambda: v.some(Detector),
                states=lambda: v.some(SignalState),
            ),
            "below": v.yes(),
        },
    ),
    "focusFilter": (
        "FocusFilter",
        lambda v: v.filter(states=lambda: v.some(FocusState), overdue=v.yes, missing=v.yes),
    ),
    "segmentFilter": (
        "SegmentOutcomeFilter",
        lambda v: v.filter(kinds=lambda: v.some(UnitKind), belowId=lambda: v.id("Unit")),
    ),
    "since": ("Date", lambda v: v.dice.choice([None, "2026-01-10", "2026-01-25"])),
    "until": ("Date", lambda v: v.dice.choice([None, "2026-02-05", "2026-02-20"])),
    "seriesUnits": ("[ID!]!", lambda v: [v.id("Unit") for _ in range(3)]),
    "givenBasis": ("Basis!", lambda v: v.dice.choice(["MEASURED", "REPORTED"])),
    "endpointId": ("ID!", _ids("WebhookEndpoint")),
    "webhookState": ("WebhookState", lambda v: v.dice.choice([None, None, "DEAD", "PENDING"])),
    "noOrYes": ("Boolean", lambda v: v.dice.choice([None, True, False])),
    "somePlan": ("ID", lambda v: v.dice.choice([None, v.id("Plan")])),
    "ofUnit": ("ID", lambda v: v.dice.choice([None, v.id("Unit")])),
    "warningFilter": (
        "EarlyWarningFilter",
        lambda v: v.filter(
            planId=lambda: v.of("Plan", "warnings", "plan_id"),
            unitId=lambda: v.of("Unit", "warnings", "unit_id"),
            kinds=lambda: v.some(WarningKind),
            severity=lambda: "OFF_TRACK",
            open=lambda: v.dice.choice([None, False]),
            unacknowledged=v.yes,
        ),
    ),
    "inboxFilter": (
        "InboxFilter",
        lambda v: v.filter(
            unreadOnly=v.yes,
            kinds=lambda: v.some(NotificationKind),
            subjectId=lambda: v.of("Task", "notifications", "subject_id"),
            unitId=lambda: v.of("Unit", "notifications", "unit_id"),
        ),
    ),
    "exceptionFilter": (
        "CalendarExceptionFilter",
        lambda v: v.filter(
            scope=lambda: "REGION", unitId=lambda: v.of("Unit", "exceptions", "unit_id"), revoked=v.yes
        ),
    ),
    "taskOrder": ("TaskOrder!", lambda v: v.dice.choice(["DUE", "DUE_LATEST_FIRST", "NEWEST_FIRST"])),
    "unitTaskOrder": ("UnitTaskOrder!", lambda v: v.dice.choice(["DUE", "DUE_LATEST_FIRST"])),
    "unitOutcomeOrder": (
        "UnitOutcomeOrder!",
        lambda v: v.dice.choice(["MEASURED_BEST_FIRST", "MEASURED_WORST_FIRST", "GAP_WIDEST_FIRST", "NAME"]),
    ),
    "targetOutcomeOrder": (
        "TargetOutcomeOrder!",
        lambda v: v.dice.choice(
            [
                *("MEASURED_HIGHEST_FIRST", "MEASURED_LOWEST_FIRST", "GAP_WIDEST_FIRST"),
                *("GAP_POINTS_WIDEST_FIRST", "NAME"),
            ]
        ),
    ),
}
"""Every variable that a document may have: its type, and how a value is drawn."""

ARGUMENTS = {
    ("Unit", "head"): "on: $on",
    ("Unit", "memberships"): "on: $on",
    ("Unit", "tasks"): "filter: $unitTaskFilter orderBy: $unitTaskOrder",
    ("Unit", "targets"): "filter: $targetFilter",
    ("Unit", "outcome"): "planId: $planId",
    ("Person", "memberships"): "on: $on",
    ("Person", "tasks"): "filter: $taskFilter orderBy: $taskOrder",
    ("Plan", "unitOutcomes"): "filter: $unitOutcomeFilter orderBy: $unitOutcomeOrder",
    ("KeyResult", "outcomes"): "filter: $targetOutcomeFilter orderBy: $targetOutcomeOrder",
    ("Target", "tasks"): "filter: $taskFilter orderBy: $taskOrder",
    ("Query", "units"): "filter: $unitFilter",
    ("Query", "persons"): "filter: $personFilter",
    ("Query", "indicators"): "filter: $indicatorFilter",
    ("Query", "plans"): "filter: $planFilter",
    ("Query", "targets"): "filter: $targetFilter",
    ("Query", "tasks"): "filter: $taskFilter orderBy: $taskOrder",
    ("Query", "clients"): "filter: $clientFilter",
    ("Query", "identities"): "filter: $identityFilter",
    ("Query", "measurements"): "unitId: $unitId indicatorId: $indicatorId basis: $basis currentOnly: $yes",
    ("Query", "myAuthorizations"): "ended: $yes",
    ("Query", "activities"): "first: $many subjectId: $subjectId",
    ("Query", "person"): "id: $personId",
    ("Query", "indicator"): "id: $indicatorId",
    ("Query", "target"): "id: $targetId",
    ("Query", "task"): "id: $taskId",
    ("Query", "client"): "id: $apiClientId",
    ("Query", "nodes"): "ids: $ids",
    ("Query", "warning"): "id: $earlyWarningId",
    ("Query", "warnings"): "filter: $warningFilter",
    ("Query", "warningCounts"): "unitId: $ofUnit below: $yes planId: $somePlan",
    ("Query", "inbox"): "filter: $inboxFilter",
    ("Query", "inboxBySubject"): "filter: $inboxFilter",
    ("Query", "unreadCount"): "filter: $inboxFilter",
    ("Query", "explainDeadline"): "taskId: $taskId",
    ("Query", "extensionRequests"): "unitId: $unitId",
    ("Query", "webhookEndpoints"): "unitId: $ofUnit disabled: $noOrYes",
    ("Query", "webhookDeliveries"): "endpointId: $endpointId state: $webhookState",
    ("Query", "myCalendarFeeds"): "revoked: $yes",
    ("Query", "calendarExceptions"): "filter: $exceptionFilter",
    ("Query", "workingCalendar"): 'from: "2026-12-28" to: "2027-02-10" unitId: $ofUnit',
    ("WebhookEndpoint", "deliveries"): "state: $webhookState",
    ("Query", "indicatorSeries"): 'indicatorId: $indicatorId unitIds: $seriesUnits basis: $givenBasis '
    'from: "2026-01-01" to: "2026-03-02" every: MONTH',
    ("Unit", "gapHistory"): "planId: $planId from: $since to: $until",
    ("UnitOutcome", "gapHistory"): "from: $since to: $until",
    ("Target", "gapHistory"): "from: $since to: $until",
    ("Plan", "segmentOutcomes"): "filter: $segmentFilter",
    ("Query", "sources"): "filter: $sourceFilter",
    ("Query", "source"): "id: $sourceId",
    ("Source", "intakes"): "state: $intakeState",
    ("Source", "rejectedReadings"): "state: $rejectedState",
    ("Intake", "rejectedReadings"): "state: $rejectedState",
    ("Query", "verdict"): "id: $verdictId",
    ("Unit", "verdicts"): "planId: $somePlan filter: $verdictFilter",
    ("Plan", "verdicts"): "filter: $verdictFilter",
    ("Person", "verdicts"): "filter: $verdictFilter",
    ("Person", "verdictCounts"): "filter: $verdictFilter",
    ("Query", "editions"): "planId: $somePlan",
    ("Query", "signal"): "id: $signalId",
    ("Query", "signals"): "filter: $signalFilter",
    ("Query", "focusNominations"): "planId: $planId filter: $focusFilter",
    ("Unit", "focus"): "planId: $planId",
    ("Task", "warnings"): "openOnly: $yes",
    ("Target", "warnings"): "openOnly: $yes",
}  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A question: its text, its syntax, and what its variables are drawn from."""

    text: str
    operation: OperationDefinitionNode
    variables: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    """The kinds of nodes that it asks for by id."""
    walks: str = ""
    """The list at its root that is read page by page."""

    @property
    def figures(self) -> bool:
        return "utcome" in self.text

    def draw(self, dice: random.Random, world: World, only: str = "") -> dict[str, Any]:
        """Values for all of its variables."""
        v = Variables(dice, world, only)
        given = {name: VARIABLES[name][1](v) for name in self.variables}
        if self.kinds:
            given["ids"] = [v.id(dice.choice(self.kinds)) for _ in range(8)]
        return given


LISTS = [name for name, (leads, _) in FIELDS["Query"].items() if leads.startswith("{")]
SINGLE = (
    "person", "indicator", "target", "task", "client", "me", "warning", "explainDeadline", "workingCalendar",
    "indicatorSeries", "source", "verdict", "signal", "explainOutcome",
)  # fmt: skip
FIGURES = {
    "warningCounts": "{ kind severity number unacknowledged }",
    "unreadCount": "{ total kinds { kind count } }",
    "notificationPreferences": "{ email cadence quietFrom muted stoppedBecause }",
}
"""Roots that answer with plain values."""


class Composer:
    """Makes documents: a root, then relations of relations, chosen at random."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def document(self) -> Document:
        kind = self.dice.random()
        if kind < 0.3:
            return self._nodes()
        if kind < 0.6:
            return self._list()
        if kind < 0.75:
            return self._walk()
        if kind < 0.8:
            name = self.dice.choice(list(FIGURES))
            given = ARGUMENTS.get(("Query", name), "")
            return self.written(f"{name}{f'({given})' if given else ''} {FIGURES[name]}")
        if kind < 0.93:
            name = self.dice.choice([*SINGLE, "unit", "plan"])
            arguments = {
                "unit": ["id: $someUnit", "code: $unitCode"],
                "plan": ["id: $planId", "code: $planCode"],
                "explainOutcome": ["targetId: $targetId", "planId: $planId unitId: $unitId"],
            }
            below = self.select(FIELDS["Query"][name][0].strip("[]"), 2)
            given = (
                self.dice.choice(arguments[name]) if name in arguments else ARGUMENTS.get(("Query", name), "")
            )
            return self.written(f"{name}{f'({given})' if given else ''} {{ {below} }}")
        below = self.select("Activity", 2)
        return self.written(
            f"activities({ARGUMENTS['Query', 'activities']}) {{ hasMore nodes {{ {below} }} }}"
        )

    def _nodes(self) -> Document:
        kinds = tuple(self.dice.sample(list(KINDS), 2))
        parts = " ".join(f"... on {kind} {{ {self.select(kind, 2)} }}" for kind in kinds)
        return self.written(f"nodes(ids: $ids) {{ __typename {parts} }}", kinds=kinds)

    def _list(self) -> Document:
        name = self.dice.choice(LISTS)
        kind = FIELDS["Query"][name][0].strip("{}")
        size = self.dice.choice(["first: $many", "last: $many", "first: 100"])
        page = "totalCount pageInfo { hasNextPage hasPreviousPage }"
        given = ARGUMENTS.get(("Query", name), "")
        return self.written(f"{name}({given} {size}) {{ {page} nodes {{ {self.select(kind, 2)} }} }}")

    def _walk(self) -> Document:
        """A list read page by page: forwards with ``first`` and ``after``, backwards with the others."""
        name = self.dice.choice(LISTS)
        kind = FIELDS["Query"][name][0].strip("{}")
        page = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
        given = (
            f"{ARGUMENTS.get(('Query', name), '')} first: $first after: $after last: $last before: $before"
        )
        text = f"{name}({given}) {{ {page} nodes {{ {self.select(kind, 1)} }} }}"
        extra = "$first: Int $after: String $last: Int $before: String"
        return self.written(text, walks=name, extra=extra)

    def select(self, kind: str, depth: int) -> str:
        """A selection of what ``kind`` has, with relations ``depth`` levels down."""
        fields = FIELDS[kind]
        plain = [name for name, (leads, _) in fields.items() if leads == ""]
        chosen = [name for name in plain if name == "id"] + self.dice.sample(plain, min(2, len(plain)))
        stars = [name for name, (leads, _) in fields.items() if leads == "*"]
        for name in self.dice.sample(stars, min(3, len(stars))):
            given = ARGUMENTS.get((kind, name), "")
            chosen.append(
                f"{name}{f'({given})' if given else ''} {PLAIN.get((kind, name)) or PLAIN.get(name, '')}"
            )
        links = [name for name, (leads, _) in fields.items() if leads not in {"", "*"}]
        for name in self.dice.sample(links, min(depth, len(links))):
            chosen.append(self._relation(kind, name, depth - 1))
        return " ".join(dict.fromkeys(chosen)) or "__typename"

    def _relation(self, kind: str, name: str, depth: int) -> str:
        leads = FIELDS[kind][name][0]
        given = ARGUMENTS.get((kind, name), "")
        below = leads.strip("{}[]")
        if below == "Node":
            return f"{name} {{ __typename id ... on Task {{ {self.select('Task', depth)} }} }}"
        if not leads.startswith("{"):
            return f"{name}{f'({given})' if given else ''} {{ {self.select(below, depth)} }}"
        size = self.dice.choice(["first: $few", "last: $few"])
        parts = ["totalCount"] if self.dice.random() < 0.6 else []
        parts += ["pageInfo { hasNextPage hasPreviousPage }"] if self.dice.random() < 0.4 else []
        return f"{name}({given} {size}) {{ {' '.join(parts)} nodes {{ {self.select(below, depth)} }} }}"

    def written(
        self, body: str, *, kinds: tuple[str, ...] = (), walks: str = "", extra: str = ""
    ) -> Document:
        """The document of this text, with the variables that stand in it."""
        used = tuple(name for name in VARIABLES if f"${name} " in body + " " or f"${name})" in body)
        declared = (
            [f"${name}: {VARIABLES[name][0]}" for name in used]
            + (["$ids: [ID!]!"] if kinds else [])
            + [extra]
        )
        head = f"({' '.join(declared)})" if any(declared) else ""
        text = f"query{head} {{ {body} }}"
        (operation,) = parse(text).definitions
        assert isinstance(operation, OperationDefinitionNode)
        return Document(text, operation, used, kinds, walks)


def pool(seed: str, size: int) -> list[Document]:
    """As many documents, the same for the same seed.

    Two types in one document may have a field of one name and different kinds: those few are not documents.
    """
    composer, found, refused = Composer(random.Random(seed)), list[Document](), 0
    while len(found) < size:
        document = composer.document()
        try:
            engine.document(document.text)
        except RequestError as error:
            if not all("conflict" in one.message for one in error.errors):
                raise ValueError(document.text) from error
            refused += 1
        else:
            found.append(document)
    assert refused < size, "hardly any document is valid"
    return found
