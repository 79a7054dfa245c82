"""What deadlines have in the contract, as the policy answers it: added to ``hunt.fields``."""

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

from hunt import chains, lists
from hunt import rows as r
from hunt.answers import Answers, Fitting
from hunt.fields import _colleague, _of_task, _which, has, plainly, to
from hunt.lists import Given, Order, Page, by, encode
from hunt.policy import Sight
from hunt.world import World
from vdept.kernel.errors import Locale
from vdept.notifications.models import NotificationKind
from vdept.notifications.words import sentence, subject_line
from vdept.warnings import words
from vdept.warnings.models import WarningKind

NEWEST = by("id", descending=True)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


# Of tasks ---------------------------------------------------------------------------------------------------

plainly("Task", pausedOn="paused_on")
has("Task", "[TaskExtension]", extensionHistory=lambda a, t, _g: _of_task("extensions")(a, t))
has("Task", "TaskRecurrence", recurrence=to("TaskRecurrence", "recurrence_id"))
plainly(
    "TaskExtension", state="state", reason="reason", dueOn="due_on", decisionReason="decision_reason",
    grantedDueOn="granted_due_on", requestedAt="requested_at",
)  # fmt: skip
has("TaskExtension", "Task", task=to("Task", "task_id"))
has("TaskExtension", "Unit", unit=to("Unit", "unit_id"))
has(
    "TaskExtension",
    "TaskPerson",
    requestedBy=_colleague("requested_by_id"),
    decidedBy=_colleague("decided_by_id"),
)

plainly("TaskRecurrence", rule="rule", startsOn="starts_on", nextOn="next_on", endedAt="ended_at")
has("TaskRecurrence", "Task", task=to("Task", "task_id"))
has("TaskRecurrence", "*", coming=lambda _a, x, _g: [] if x.next_on is None else ANY)
has(
    "TaskRecurrence",
    "{Task}",
    occurrences=lambda a, x, g: a.page(
        "Task", [t for t in a.world.tasks if t.recurrence_id == x.id], by("due_on", "id"), g
    ),
)


def _requests(a: Answers, _row: None, given: Given) -> Page:
    waiting = [x for x in a.world.extensions if x.state == "REQUESTED"]
    mine = [
        x for x in waiting if encode("Unit", a.world.get("tasks", x.task_id).owner_unit_id) == given["unitId"]
    ]
    return a.page("TaskExtension", mine, by("id"), given)


has("Query", "{TaskExtension}", extensionRequests=_requests)


# Reminders --------------------------------------------------------------------------------------------------


def _units(column: str) -> Any:
    return lambda a, row, _g: [a.one("Unit", each) for each in getattr(row, column)]


def _reminders(a: Answers, task: r.Task, given: Given) -> Page:
    of_it = [x for x in a.world.reminders if x.subject_id == task.id and x.subject in {"TASK", "TASK_REVIEW"}]
    return lists.page("Reminder", [x for x in of_it if a.sight.reminder(x)], NEWEST, given)


has("Task", "[Escalation]", escalations=lambda a, t, _g: chains.chain(a.sight, t))
plainly(
    "Escalation", dueOn="due_on", step="step", on="on", recipient="recipient", state="state",
    sentAt="sent_at", dropped="dropped",
)  # fmt: skip
has("Escalation", "Unit", unit=to("Unit", "unit_id"))
has("Escalation", "[Unit]", vacantUnits=_units("vacant"))
has("Escalation", "TaskPerson", person=_colleague("person_id"))

has("Task", "{Reminder}", reminders=_reminders)
plainly(
    "Reminder", subject="subject", dueOn="due_on", step="step", recipient="recipient", dueAt="due_at",
    dropped="dropped", folded="folded",
)  # fmt: skip
has("Reminder", "", sentAt=lambda a, x, _g: chains.sent_at(a.world, x))
has("Reminder", "Unit", unit=to("Unit", "unit_id"))
has("Reminder", "[Unit]", vacantUnits=_units("vacant_unit_ids"))
has("Reminder", "TaskPerson", person=_colleague("recipient_id"))

DEFAULT = [
    (step, who) for step in (-7, -3, -1, 0) for who in ("ASSIGNEES", "LEAD_COORDINATOR")
] + [*chains.DEFAULT]  # fmt: skip


def _policy(a: Answers, plan: r.Plan, _g: Given) -> dict[str, Any]:
    own = next((each for each in a.world.policies if each.plan_id == plan.id), None)
    steps = sorted((each.step, each.recipient) for each in a.world.steps if each.plan_id == plan.id)
    told = [{"step": step, "recipient": recipient} for step, recipient in (steps if own else DEFAULT)]
    return {"own": own is not None, "version": own.version if own else 0, "steps": told}


has("Plan", "*", reminderPolicy=_policy)


# How a date came about --------------------------------------------------------------------------------------


class Lines(Fitting):
    """Any lines of an explanation without the name of what is hidden, and without a count of offices."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight

    def __eq__(self, lines: object) -> bool:
        return isinstance(lines, list) and not any(self._tells(line) for line in lines)

    __hash__ = None  # type: ignore[assignment]

    def _tells(self, line: dict[str, Any]) -> bool:
        counted = line.get("people") is not None and not self.sight.offices
        who = (line.get("by") or {}).get("person")
        known = who is None or self.sight.person(self.sight.world.get("persons", lists.number(who["id"])))
        return counted or not known or any(name in line.get("sentence", "") for name in _hidden(self.sight))

    def __repr__(self) -> str:
        return "lines that tell nobody's secret"


def _hidden(sight: Sight) -> Iterable[str]:
    """The names of what the viewer does not see."""
    world: World = sight.world
    yield from (row.title for row in world.tasks if not sight.task(row))
    yield from (row.title for row in world.plans if not sight.plan(row))
    yield from (row.name for row in world.persons if not sight.person(row))


def _explained(a: Answers, _row: None, given: Given) -> Any:
    return a.one("Task", lists.number(given["taskId"]))


has("Query", "DeadlineExplanation", explainDeadline=_explained)
plainly("DeadlineExplanation", dueOn="due_on", originalDueOn="original_due_on")
has("DeadlineExplanation", "Task", task=lambda a, t, _g: a.one("Task", t.id))
has("DeadlineExplanation", "*", lines=lambda a, _t, _g: Lines(a.sight))


# Early warnings ---------------------------------------------------------------------------------------------


def _answers(a: Answers, warning: r.EarlyWarning, _g: Given) -> list[Any]:
    """What the heads said, as the log has it."""
    rows = [x for x in a.world.activities if x.verb == "warning.acknowledged" and x.subject_id == warning.id]
    return [SimpleNamespace(at=x.at, person_id=x.person_id, **json.loads(x.data)) for x in reversed(rows)]


plainly(
    "EarlyWarning", kind="kind", severity="severity", openedOn="opened_on", response="response",
    respondBy="respond_by", closedAt="closed_at", acknowledgedAt="acknowledged_at",
)  # fmt: skip
has(
    "EarlyWarning",
    "",
    evidence=lambda _a, x, _g: {_camel(name): value for name, value in json.loads(x.evidence).items()},
    sentence=lambda _a, x, _g: words.sentence(WarningKind(x.kind), json.loads(x.evidence), Locale.VI),
)
has("EarlyWarning", "Unit", unit=to("Unit", "unit_id"))
has("EarlyWarning", "Plan", plan=to("Plan", "plan_id"))
has(
    "EarlyWarning",
    "Target",
    target=lambda a, x, _g: a.one("Target", x.subject_id) if x.subject == "TARGET" else None,
)
has(
    "EarlyWarning", "Task", task=lambda a, x, _g: a.one("Task", x.subject_id) if x.subject == "TASK" else None
)
has(
    "EarlyWarning",
    "Source",
    source=lambda a, x, _g: a.one("Source", x.subject_id) if x.subject == "SOURCE" else None,
)
has("EarlyWarning", "Person", acknowledgedBy=to("Person", "acknowledged_by_id"))
has("EarlyWarning", "[WarningAnswer]", answers=_answers)
plainly("WarningAnswer", at="at", response="response", respondBy="respond_by")
has("WarningAnswer", "Person", by=to("Person", "person_id"))


def _warned(subject: str) -> Any:
    def resolve(a: Answers, row: Any, given: Given) -> list[r.EarlyWarning]:
        its = a.seen(
            "EarlyWarning", [x for x in a.world.warnings if (x.subject, x.subject_id) == (subject, row.id)]
        )
        live = [x for x in its if x.closed_at is None]
        live.sort(key=lambda x: (x.severity, x.id), reverse=True)
        past = [] if given.get("openOnly") else [x for x in reversed(its) if x.closed_at is not None]
        return [*live, *past]

    return resolve


has("Task", "[EarlyWarning]", warnings=_warned("TASK"))
has("Target", "[EarlyWarning]", warnings=_warned("TARGET"))
has("Query", "EarlyWarning", warning=lambda a, _r, g: a.one("EarlyWarning", lists.number(g["id"])))

GRAVEST = Order(
    lambda row: (row.severity != "OFF_TRACK", row.id), read=lambda place: [place[0] != "OFF_TRACK", place[1]]
)


def _warning_fits(a: Answers, x: r.EarlyWarning, given: Given) -> bool:
    unit, plan = given.get("unitId"), given.get("planId")
    path = [encode("Unit", each) for each in a.world.get("units", x.unit_id).path]
    known = plan is None or a.one("Plan", lists.number(plan)) is not None
    answered, live = x.acknowledged_at is not None, given.get("open", True)
    return (
        (unit is None or (unit in path if given.get("below") else unit == path[-1]))
        and known
        and lists.ids(given, planId=("Plan", x.plan_id))
        and lists.holds(x.kind, given.get("kinds"))
        and lists.holds(x.severity, given.get("severity"))
        and (live is None or live == (x.closed_at is None))
        and (given.get("unacknowledged") is None or given["unacknowledged"] != answered)
    )


def _warning_counts(a: Answers, _row: None, given: Given) -> list[dict[str, Any]]:
    found = a.seen("EarlyWarning", [x for x in a.world.warnings if _warning_fits(a, x, given)])
    out = []
    for severity in ("OFF_TRACK", "AT_RISK"):
        for kind in WarningKind:
            alike = [x for x in found if (x.kind, x.severity) == (kind.value, severity)]
            if alike:
                waiting = sum(x.acknowledged_at is None for x in alike)
                said = {"kind": kind.value, "severity": severity}
                out.append({**said, "number": len(alike), "unacknowledged": waiting})
    return out


has(
    "Query",
    "{EarlyWarning}",
    warnings=lambda a, _r, g: a.page(
        "EarlyWarning", [x for x in a.world.warnings if _warning_fits(a, x, _which(g))], GRAVEST, g
    ),
)
has("Query", "*", warningCounts=_warning_counts)


# The inbox --------------------------------------------------------------------------------------------------


def _about(a: Answers, row: r.Notification, _g: Given) -> tuple[str, Any] | None:
    subject = a.one(row.subject_type, row.subject_id)
    return None if subject is None else (row.subject_type, subject)


plainly("Notification", kind="kind", createdAt="created_at", readAt="read_at")
has(
    "Notification",
    "",
    message=lambda _a, x, _g: sentence(NotificationKind(x.kind), json.loads(x.data), Locale.VI),
    heading=lambda _a, x, _g: subject_line(NotificationKind(x.kind), json.loads(x.data), Locale.VI),
)
has("Notification", "Unit", unit=to("Unit", "unit_id"))
has("Notification", "Plan", plan=to("Plan", "plan_id"))
has("Notification", "Node", subject=_about)


def _told(a: Answers, given: Given) -> list[r.Notification]:
    which = _which(given)
    return [
        x
        for x in a.seen("Notification")
        if not (which.get("unreadOnly") and x.read_at)
        and lists.holds(x.kind, which.get("kinds"))
        and which.get("subjectId") in (None, encode(x.subject_type, x.subject_id))
        and lists.ids(which, unitId=("Unit", x.unit_id))
    ]


def _by_subject(a: Answers, _row: None, given: Given) -> Page:
    groups: dict[tuple[str, int], list[r.Notification]] = {}
    for row in _told(a, given):
        groups.setdefault((row.subject_type, row.subject_id), []).append(row)
    found = [
        SimpleNamespace(
            id=rows[-1].id, latest=rows[-1], total=len(rows), unread=sum(not x.read_at for x in rows)
        )
        for rows in groups.values()
    ]
    return lists.page("InboxSubject", found, NEWEST, given)


def _unread(a: Answers, _row: None, given: Given) -> dict[str, Any]:
    waiting = [x.kind for x in _told(a, given) if not x.read_at]
    kinds = [{"kind": kind.value, "count": waiting.count(kind.value)} for kind in NotificationKind]
    return {"total": len(waiting), "kinds": [each for each in kinds if each["count"]]}


def _preferences(a: Answers, _row: None, _g: Given) -> dict[str, Any] | None:
    """One's own, or the defaults."""
    me = a.sight.viewer.person_id
    own = next((x for x in a.world.preferences if x.person_id == me and a.sight.own_inbox(me)), None)
    if me is None:
        return None
    if own is None:
        return {"email": True, "cadence": "INSTANT", "quietFrom": None, "muted": [], "stoppedBecause": None}
    ordered = [kind.value for kind in NotificationKind if kind.value in own.muted]
    said = {"email": own.email, "cadence": own.cadence, "quietFrom": own.quiet_from, "muted": ordered}
    return {**said, "stoppedBecause": own.stopped_because}


has("Query", "{Notification}", inbox=lambda a, _r, g: lists.page("Notification", _told(a, g), NEWEST, g))
has("Query", "{InboxSubject}", inboxBySubject=_by_subject)
has("InboxSubject", "Notification", latest=lambda _a, x, _g: x.latest)
has("InboxSubject", "Node", subject=lambda a, x, g: _about(a, x.latest, g))
plainly("InboxSubject", total="total", unread="unread")
has("Query", "*", unreadCount=_unread, notificationPreferences=_preferences)


# The outside ------------------------------------------------------------------------------------------------


def _deliveries(a: Answers, endpoint_id: int, given: Given) -> Page:
    its = [
        x
        for x in a.world.deliveries
        if x.endpoint_id == endpoint_id and lists.holds(x.state, given.get("state"))
    ]
    return a.page("WebhookDelivery", its, NEWEST, given)


def _endpoints(a: Answers, _row: None, given: Given) -> Page:
    off = given.get("disabled")
    fit = [
        x
        for x in a.world.endpoints
        if lists.ids(given, unitId=("Unit", x.unit_id)) and off in (None, x.disabled_at is not None)
    ]
    return a.page("WebhookEndpoint", fit, NEWEST, given)


plainly("WebhookEndpoint", url="url", kinds="kinds", disabledBecause="disabled_because")
has("WebhookEndpoint", "Unit", unit=to("Unit", "unit_id"))
has("WebhookEndpoint", "{WebhookDelivery}", deliveries=lambda a, x, g: _deliveries(a, x.id, g))
plainly("WebhookDelivery", state="state", attempts="attempts", createdAt="created_at")
has("WebhookDelivery", "", webhookId=lambda _a, x, _g: f"msg_{x.id}")
has("WebhookDelivery", "WebhookEndpoint", endpoint=to("WebhookEndpoint", "endpoint_id"))
has("Query", "{WebhookEndpoint}", webhookEndpoints=_endpoints)
has(
    "Query",
    "{WebhookDelivery}",
    webhookDeliveries=lambda a, _r, g: _deliveries(a, lists.number(g["endpointId"]), g),
)

plainly("CalendarFeed", createdAt="created_at", revokedAt="revoked_at")
has("CalendarFeed", "Unit", unit=to("Unit", "unit_id"))
has(
    "Query",
    "{CalendarFeed}",
    myCalendarFeeds=lambda a, _r, g: a.page(
        "CalendarFeed", [x for x in a.world.feeds if g.get("revoked") or x.revoked_at is None], NEWEST, g
    ),
)


# The calendar -----------------------------------------------------------------------------------------------


def _exception_fits(x: r.CalendarException, given: Given) -> bool:
    first, last = given.get("dayFrom"), given.get("dayTo")
    gone = given.get("revoked")
    return (
        lists.holds(x.scope, given.get("scope"))
        and lists.ids(given, unitId=("Unit", x.unit_id))
        and (first is None or lists.said(x.day) >= first)
        and (last is None or lists.said(x.day) <= last)
        and (gone is None or gone == (x.revoked_at is not None))
    )


plainly("CalendarException", scope="scope", day="day", working="working", name="name", reason="reason")
has("CalendarException", "Unit", unit=to("Unit", "unit_id"))
has(
    "CalendarException",
    "Person",
    createdBy=to("Person", "created_by_id"),
    revokedBy=to("Person", "revoked_by_id"),
)
has(
    "Query",
    "{CalendarException}",
    calendarExceptions=lambda a, _r, g: a.page(
        "CalendarException", [x for x in a.world.exceptions if _exception_fits(x, _which(g))], NEWEST, g
    ),
)
# ``workingCalendar`` is the same for everybody who has signed in: public facts.
has("Query", "WorkingCalendar", workingCalendar=lambda a, _r, g: _stretch(a, g))
has("WorkingCalendar", "", scope=lambda *_: "NATIONAL")
has("WorkingCalendar", "Unit", unit=lambda *_: None)
has("WorkingCalendar", "[CalendarDay]", days=lambda *_: ANY, daysOff=lambda *_: ANY, namedDays=lambda *_: ANY)
plainly("CalendarDay", day="day", working="working", name="name")
has("CalendarDay", "CalendarException", exception=lambda *_: ANY)


def _stretch(a: Answers, given: Given) -> Any:
    there = given.get("unitId") is None or a.one("Unit", lists.number(given["unitId"])) is not None
    return SimpleNamespace() if a.sight.viewer.known and there else None
