"""A sound input for every row of writes, on subjects of its own: rows do not stand in each other's way.

All plans and tasks are for their participants only, so that a caller who has nothing to do with them is told
that they do not exist. Tasks come in three sorts: what the ministry set and Huế leads (``led``), what Huế
set and the ministry leads (``posed``), and what the ministry leads with Huế taking part (``shared``). The
firm takes part in all of them.
"""

from base64 import b64encode
from datetime import timedelta
from decimal import Decimal
from typing import Any

import factories
from api.matrix import asked
from api.matrix.country import (
    DUE,
    ENDS,
    STARTS,
    SUNDAY,
    TODAY,
    Country,
    add_authorization,
    add_client,
    add_extension,
    add_feed,
    add_identity,
    add_notification,
    add_series,
    add_webhook,
    found,
)
from vdept.calendars.excepting import add_exception
from vdept.calendars.models import CalendarScope
from vdept.calendars.queries import calendar_of
from vdept.clients.models import ApiClient, ClientAuthorization
from vdept.deadlines.models import Recipient, ReminderPolicy, ReminderStep
from vdept.kernel.actor import Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Tx
from vdept.kernel.scopes import Scope
from vdept.measurements.models import Measurement
from vdept.notifications.models import NotificationKind, NotificationPreference, WebhookDisabled
from vdept.people.models import Membership, Person
from vdept.sources.models import Way
from vdept.targets.models import Audience, Basis, Indicator, KeyResult, Plan, PlanState, Target, TargetState
from vdept.tasks.models import (
    Assignee,
    LinkState,
    ParticipantRole,
    ParticipationState,
    Task,
    TaskDependency,
    TaskState,
    TaskTarget,
)
from vdept.warnings.models import EarlyWarning, Severity, WarningKind, WarningSubject
from vdept_graphql.ids import encode

S = TaskState
ACCEPTED, INVITED = ParticipationState.ACCEPTED, ParticipationState.INVITED
SECRET = Audience.PARTICIPANTS
ME, MY_UNIT, MY_CONSENT, MY_IDENTITY = "me", "my unit", "my consent", "my identity"
MY_UNREAD, MY_NOTICED = "my unread notification", "my notification that I have read"
"""Stand for the caller, their unit (Huế without one), what they let a client do, who they are elsewhere."""

PLAN_FILE = """
plans:
  - code: KH-HUE
    title: Kế hoạch của Huế
    issuer: Thành phố Huế
    cycle: {from: 2026-01-01, to: 2026-12-31}
    objectives:
      - title: Mục tiêu
        key_results:
          - {indicator: Tỷ lệ, unit_of_measure: "%", direction: AT_LEAST, target: 60, rollup: EACH}
"""
UNIT_FILE = "code,name,kind\nF-1,Hãng mới,FIRM\n"
REASON = {"reason": "Lý do"}
LATER = {"reviewOn": str(DUE)}


class Subjects:
    """Makes what rows act on."""

    def __init__(self, tx: Tx, country: Country, indicator: Indicator, plan: Plan) -> None:
        self.tx, self.country, self.indicator, self.plan = tx, country, indicator, plan

    def unit(self, name: str) -> str:
        return encode("Unit", self.country.unit_id(name))

    async def task(self, state: S, owner: str, lead: str | None, **parts: ParticipationState) -> Task:
        """A task with the firm in it, and whoever else is named with how they take part."""
        more: dict[str, Any] = {}
        if state in (S.DECLINED, S.PAUSED):
            more["state_reason"] = "Vướng"
        if state is S.PAUSED:
            more |= {"review_on": DUE, "paused_from": S.IN_PROGRESS}
        if state is S.DELIVERED:
            more |= {"delivered_on": TODAY, "result": "Xong"}
        units = self.country.units
        task = await factories.task(
            self.tx, units[owner], units[lead] if lead else None, self.plan, state=state, audience=SECRET,
            due_on=DUE, created_by_id=self.country.people["head"].id, **more,
        )  # fmt: skip
        for name, part in {"firm": ACCEPTED, **parts}.items():
            if name != lead:
                await factories.participation(self.tx, task, units[name], state=part)
        return task

    async def led(self, state: S) -> str:
        return encode("Task", (await self.task(state, "ministry", "hue")).id)

    async def warning(self) -> str:
        """That Huế has let go of a task that it leads."""
        task = await self.task(S.IN_PROGRESS, "ministry", "hue")
        row = EarlyWarning(
            kind=WarningKind.ABANDONED, severity=Severity.AT_RISK, subject=WarningSubject.TASK,
            subject_id=task.id, plan_id=task.plan_id, unit_id=self.country.unit_id("hue"), evidence={},
            opened_on=TODAY, opened_at=utc_now(),
        )  # fmt: skip
        self.tx.session.add(row)
        await self.tx.session.flush()
        return encode("EarlyWarning", row.id)

    async def answer(self) -> dict[str, str]:
        """By the next working day."""
        calendar = await calendar_of(self.tx, self.country.unit_id("hue"))
        return {"response": "Bổ sung người", "respondBy": str(calendar.step(TODAY, 1))}

    async def posed(self, state: S) -> str:
        lead = None if state is S.OPEN else "ministry"
        return encode("Task", (await self.task(state, "hue", lead, ministry=ACCEPTED)).id)

    async def shared(self, state: S, hue: ParticipationState = ACCEPTED) -> str:
        return encode("Task", (await self.task(state, "ministry", "ministry", hue=hue, firm=hue)).id)

    async def held(self, state: TargetState = TargetState.ACTIVE) -> tuple[Target, Target]:
        """A target of Huế's, assigned by the government, and one of the commune's, assigned by Huế."""
        units = self.country.units
        what = await factories.key_result(self.tx, self.plan, self.indicator)
        reason = {"state": state, "state_reason": None if state is TargetState.ACTIVE else "Vướng"}
        if state is TargetState.PAUSED:
            reason["review_on"] = DUE
        root = await factories.target(self.tx, what, units["government"], starts_on=STARTS)
        await factories.target(self.tx, what, units["firm"], root, starts_on=STARTS)
        own = await factories.target(
            self.tx, what, units["hue"], root, starts_on=STARTS,
            **(reason if state is TargetState.PAUSED else {}),
        )  # fmt: skip
        below = await factories.target(self.tx, what, units["commune"], own, starts_on=STARTS, **reason)
        return own, below

    async def own_plan(self, state: PlanState) -> tuple[Plan, KeyResult]:
        """A plan that Huế issues; once it is issued, its commune and the firm have a part in it."""
        units = self.country.units
        plan = await factories.plan(
            self.tx, units["hue"], audience=SECRET, state=state, starts_on=STARTS, ends_on=ENDS
        )
        what = await factories.key_result(self.tx, plan, self.indicator)
        if state is not PlanState.DRAFT:
            root = await factories.target(self.tx, what, units["hue"], starts_on=STARTS)
            for name in ("commune", "firm"):
                await factories.target(self.tx, what, units[name], root, starts_on=STARTS)
        return plan, what

    async def own_policy(self) -> Plan:
        """A plan that Huế issued, with a reminder policy of its own."""
        plan, _ = await self.own_plan(PlanState.ISSUED)
        self.tx.session.add(ReminderPolicy(plan_id=plan.id, changed_at=utc_now()))
        await self.tx.session.flush()
        self.tx.session.add(ReminderStep(plan_id=plan.id, step=0, recipient=Recipient.LEAD_HEAD))
        return plan

    async def seat(self, role: Role) -> Membership:
        """Somebody new with a role in Huế."""
        who = await factories.person(self.tx)
        return await factories.membership(self.tx, who, self.country.unit("hue"), role)

    async def client(self) -> ApiClient:
        """One of Huế's, that acts for it and asks people."""
        return await add_client(self.tx, self.country.unit("hue"), [Scope.TASKS_READ])

    async def authorization(self, client: ApiClient, who: Person) -> ClientAuthorization:
        return await add_authorization(self.tx, client, who, [Scope.TASKS_READ])

    def measurement(self) -> Measurement:
        return Measurement(
            indicator_id=self.indicator.id, unit_id=self.country.unit_id("hue"), basis=Basis.REPORTED,
            as_of=STARTS, value=Decimal(50), numerator=Decimal(1), denominator=Decimal(2), source="Sổ",
            recorded_at=utc_now(),
        )  # fmt: skip


async def build(tx: Tx) -> tuple[Country, dict[str, dict[str, Any]]]:
    """The country with all subjects, and the inputs by row."""
    country = await found(tx)
    indicator = await factories.indicator(tx, name="Tỷ lệ")
    plan = await factories.plan(
        tx, country.unit("government"), audience=SECRET, starts_on=STARTS, ends_on=ENDS
    )
    made = Subjects(tx, country, indicator, plan)
    return country, {
        **await _registry(made),
        **await _calendars(made),
        **await _clients(made),
        **await _webhooks(made),
        **await _inboxes(made),
        **await _plans(made),
        **await _targets(made),
        **await _measurements(made),
        **await _sources(made),
        **await _feeds(made),
        **await _schedules(made),
        **await _owners(made),
        **await _leads(made),
        **await _participants(made),
    }


async def _registry(of: Subjects) -> dict[str, dict[str, Any]]:
    hue = {"unitId": of.unit("hue")}
    seat, deputy = await of.seat(Role.MEMBER), await of.seat(Role.DEPUTY)
    worker = encode("Person", seat.person_id)
    person = {"name": "Mới", "email": "moi@example.vn"}
    return {
        "createUnit": {"code": "N-1", "name": "Mới", "kind": "FIRM"},
        "importUnits": {"file": b64encode(UNIT_FILE.encode()).decode(), "filename": "a.csv", "dryRun": False},
        "updateUnit": {**hue, "nameEn": "Hue"},
        "updateUnit:division": {**hue, "division": "Thành phố"},
        "setUnitSegments": {"unitIds": [of.unit("hue")], "add": ["MOUNTAINOUS"]},
        "createPerson": {**person, **hue},
        "createPerson:deputy": {**person, **hue, "email": "pho@example.vn", "role": "DEPUTY"},
        "createPerson:administrator": {**person, **hue, "email": "qt@example.vn", "administrator": True},
        "updatePerson": {"personId": worker, "name": "Khác"},
        "updatePerson:oneself": {"personId": ME, "locale": "EN"},
        "updatePerson:own_name": {"personId": ME, "name": "Khác"},
        "grantMembership": {"personId": worker, **hue, "role": "COORDINATOR"},
        "grantMembership:deputy": {"personId": worker, **hue, "role": "DEPUTY"},
        "endMembership": {"membershipId": encode("Membership", seat.id)},
        "endMembership:deputy": {"membershipId": encode("Membership", deputy.id)},
    }


async def _calendars(of: Subjects) -> dict[str, dict[str, Any]]:
    """Sundays that are to be worked, each row on one of its own."""
    sundays = (SUNDAY + timedelta(weeks=week) for week in range(20))
    hue, words = {"unitId": of.unit("hue")}, {"name": "Làm bù", "reason": "Công văn"}

    def new(scope: str, **more: Any) -> dict[str, Any]:
        return {"scope": scope, "day": str(next(sundays)), "working": True, **words, **more}

    async def standing(scope: CalendarScope) -> dict[str, str]:
        unit_id = None if scope is CalendarScope.NATIONAL else of.country.unit_id("hue")
        row = await add_exception(of.tx, scope, unit_id, next(sundays), True, **words)
        return {"calendarExceptionId": encode("CalendarException", row.id), "reason": "Thôi"}

    return {
        "addCalendarException": new("UNIT", **hue),
        "addCalendarException:region": new("REGION", **hue),
        "addCalendarException:national": new("NATIONAL"),
        "addCalendarExceptions": {"exceptions": [new("UNIT", **hue)]},
        "revokeCalendarException": await standing(CalendarScope.UNIT),
        "revokeCalendarException:region": await standing(CalendarScope.REGION),
        "revokeCalendarException:national": await standing(CalendarScope.NATIONAL),
    }


async def _webhooks(of: Subjects) -> dict[str, dict[str, Any]]:
    async def endpoint(**more: Any) -> dict[str, str]:
        row, _ = await add_webhook(of.tx, of.country.unit("hue"), **more)
        return {"webhookEndpointId": encode("WebhookEndpoint", row.id)}

    _, dead = await add_webhook(of.tx, of.country.unit("hue"))
    return {
        "registerWebhook": {"unitId": of.unit("hue"), "url": "https://hook.hue.gov.vn/"},
        "updateWebhook": {**await endpoint(), "kinds": ["ESCALATION"]},
        "rotateWebhookSecret": await endpoint(),
        "disableWebhook": await endpoint(),
        "enableWebhook": await endpoint(disabled_at=utc_now(), disabled_because=WebhookDisabled.GONE),
        "sendTestWebhook": await endpoint(),
        "replayWebhookDeliveries": {"deliveryIds": [encode("WebhookDelivery", dead.id)]},
        "replayWebhookDeliveries:since": {**await endpoint(), "since": f"{STARTS}T00:00:00Z"},
    }


async def _clients(of: Subjects) -> dict[str, dict[str, Any]]:
    async def client() -> dict[str, str]:
        return {"apiClientId": encode("ApiClient", (await of.client()).id)}

    asking = await of.client()
    somebody = await factories.person(of.tx)
    for name, who in {**of.country.people, "somebody": somebody}.items():
        of.country.authorizations[name] = await of.authorization(asking, who)
        of.country.identities[name] = await add_identity(of.tx, who)
    waiting = encode("Identity", (await add_identity(of.tx, None)).id)
    theirs = encode("Identity", of.country.identities["somebody"].id)
    given = encode("ClientAuthorization", of.country.authorizations["somebody"].id)
    new = {"authentication": "SECRET", "machine": True, "scopes": ["TASKS_READ"]}
    return {
        "registerClient": {"unitId": of.unit("hue"), "name": "Hệ thống", **new},
        "updateClient": {**await client(), "name": "Khác"},
        "rotateClientSecret": await client(),
        "revokeClient": await client(),
        "revokeAuthorization": {"authorizationId": given},
        "linkIdentity": {"identityId": waiting, "personId": encode("Person", somebody.id)},
        "unlinkIdentity": {"identityId": theirs},
        "unlinkIdentity:own": {"identityId": MY_IDENTITY},
        "revokeAuthorization:own": {"authorizationId": MY_CONSENT},
    }


async def _inboxes(of: Subjects) -> dict[str, dict[str, Any]]:
    """What everybody has been told, and mail that was refused once."""
    for number, (name, who) in enumerate(of.country.people.items()):
        of.country.unread[name] = await add_notification(of.tx, who, 3 * number)
        read = {"read_at": utc_now()}
        of.country.noticed[name] = await add_notification(of.tx, who, 3 * number + 1, **read)
        await add_notification(of.tx, who, 3 * number + 2, NotificationKind.ESCALATION)
        of.tx.session.add(NotificationPreference(person_id=who.id, bounces=1))
    return {
        "markNotificationsRead": {"ids": MY_UNREAD},
        "markAllNotificationsRead": {"filter": {"kinds": ["ESCALATION"]}},
        "markNotificationsUnread": {"ids": MY_NOTICED},
        "setNotificationPreferences": {"cadence": "DAILY"},
        "resumeEmail": {},
    }


async def _plans(of: Subjects) -> dict[str, dict[str, Any]]:
    draft, what = await of.own_plan(PlanState.DRAFT)
    removed = await factories.key_result(of.tx, draft, of.indicator)
    ready, _ = await of.own_plan(PlanState.DRAFT)
    running, _ = await of.own_plan(PlanState.ISSUED)
    objective = {"objectiveId": encode("Objective", what.objective_id)}
    indicator = {"indicatorId": encode("Indicator", of.indicator.id)}
    cycle = {"startsOn": str(STARTS), "endsOn": str(ENDS)}
    return {
        "createIndicator": {"name": "Chỉ số", "unitOfMeasure": "%"},
        "updateIndicator": {**indicator, "description": "Cách đo"},
        "createPlan": {"title": "K", "issuerUnitId": of.unit("hue"), **cycle},
        "importPlans": {"file": b64encode(PLAN_FILE.encode()).decode(), "filename": "a.yaml"},
        "addObjective": {"planId": encode("Plan", draft.id), "title": "M2"},
        "renameObjective": {**objective, "title": "M3"},
        "addKeyResult": {**objective, **indicator, "rollup": "OWN", "value": "2"},
        "updateKeyResult": {"keyResultId": encode("KeyResult", what.id), "value": "3"},
        "removeKeyResult": {"keyResultId": encode("KeyResult", removed.id)},
        "issuePlan": {"planId": encode("Plan", ready.id)},
        "closePlan": {"planId": encode("Plan", running.id)},
        "publishEdition": {"planId": encode("Plan", (await of.own_plan(PlanState.ISSUED))[0].id)},
        **await asked.inputs(of),
        "setReminderPolicy": {
            "planId": encode("Plan", (await of.own_plan(PlanState.ISSUED))[0].id),
            "steps": [{"step": 0, "recipient": "LEAD_HEAD"}],
        },
        "resetReminderPolicy": {"planId": encode("Plan", (await of.own_policy()).id)},
    }


async def _targets(of: Subjects) -> dict[str, dict[str, Any]]:
    async def own(state: TargetState = TargetState.ACTIVE) -> str:
        return encode("Target", (await of.held(state))[0].id)

    async def below(state: TargetState = TargetState.ACTIVE) -> str:
        return encode("Target", (await of.held(state))[1].id)

    return {
        "assignTargets": {"parentTargetId": await own(), "unitIds": [of.unit("commune2")]},
        "acknowledgeTargets": {"targetIds": [await own()]},
        "pauseTarget": {"targetId": await own(), **REASON, **LATER},
        "resumeTarget": {"targetId": await own(TargetState.PAUSED)},
        "updateTarget": {"targetId": await below(), "weight": "2"},
        "withdrawTarget": {"targetId": await below(), **REASON},
        "reinstateTarget": {"targetId": await below(TargetState.WITHDRAWN)},
    }


async def _measurements(of: Subjects) -> dict[str, dict[str, Any]]:
    value = {"numerator": "1", "denominator": "3"}
    reading = {
        "indicatorId": encode("Indicator", of.indicator.id),
        "unitId": of.unit("hue"),
        "basis": "REPORTED",
        "asOf": str(TODAY),
        **value,
    }
    old, measured = of.measurement(), of.measurement()
    measured.basis = Basis.MEASURED
    of.tx.session.add_all([old, measured])
    await of.tx.session.flush()
    return {
        "recordMeasurement": reading,
        "recordMeasurement:measured": {**reading, "basis": "MEASURED", "source": "Hệ thống"},
        "recordMeasurements": {"rows": [reading]},
        "recordMeasurements:measured": {"rows": [{**reading, "basis": "MEASURED", "source": "Hệ thống"}]},
        "correctMeasurement": {"measurementId": encode("Measurement", old.id), **value},
        "correctMeasurement:measured": {"measurementId": encode("Measurement", measured.id), **value},
    }


async def _sources(of: Subjects) -> dict[str, dict[str, Any]]:
    share = encode("Indicator", of.indicator.id)

    async def source(**more: Any) -> dict[str, Any]:
        row = await factories.source(of.tx, of.country.unit("hue"), of.indicator, **more)
        return {"sourceId": encode("Source", row.id)}

    async def rejected() -> tuple[str, str]:
        row = await factories.source(of.tx, of.country.unit("hue"), of.indicator)
        bad = await factories.rejected_reading(of.tx, row, of.indicator)
        return encode("Source", row.id), encode("RejectedReading", bad.id)

    async def pulled() -> dict[str, Any]:
        """A source with a connector whose credentials cannot be read: nothing is asked of anybody."""
        row = await factories.source(of.tx, of.country.unit("hue"), of.indicator, way=Way.PULL)
        await factories.connector(of.tx, row, credentials=b"unreadable")
        return {"sourceId": encode("Source", row.id)}

    fields = [{"field": name, "path": f"$.{name}"} for name in ("UNIT", "INDICATOR", "AS_OF", "VALUE")]
    asked = {"httpJson": {"url": "https://kho.hue.gov.vn/", "rows": "$[*]", "fields": fields}}
    reading = {"unitId": of.unit("hue"), "indicatorId": share, "asOf": str(TODAY)}
    (_, replayed), (_, dismissed), (whole, _) = await rejected(), await rejected(), await rejected()
    return {
        "registerSource": {
            "unitId": of.unit("hue"),
            "name": "Mới",
            "method": "Đếm",
            "frequency": "DAILY",
            "way": "PUSH",
            "indicatorIds": [share],
        },
        "updateSource": {**await source(), "limits": "Không có hồ sơ giấy"},
        "setSourceIndicators": {**await source(), "indicatorIds": [share]},
        "pauseSource": {**await source(), **REASON},
        "resumeSource": await source(state="PAUSED", state_reason="Bảo trì"),
        "closeSource": {**await source(), **REASON},
        "setConnector": {**await source(way=Way.PULL), "connector": asked},
        "removeConnector": await pulled(),
        "pollSource": await pulled(),
        "tryConnector": await pulled(),
        "pushReadings": {**await source(), "readings": [{**reading, "numerator": "1", "denominator": "4"}]},
        "replayRejectedReadings": {"readings": [{"id": replayed}]},
        "replayRejectedReadings:source": {"sourceId": whole},
        "dismissRejectedReadings": {"ids": [dismissed], **REASON},
    }


async def _feeds(of: Subjects) -> dict[str, dict[str, Any]]:
    feed = await add_feed(of.tx, of.country.people["head"])
    return {
        "createCalendarFeed": {},
        "createCalendarFeed:unit": {"unitId": of.unit("hue")},
        "revokeCalendarFeed": {"feedId": encode("CalendarFeed", feed.id)},
    }


async def _schedules(of: Subjects) -> dict[str, dict[str, Any]]:
    """Later dates and series, of tasks that Huế set and of tasks that it leads."""
    later = {"dueOn": str(DUE + timedelta(days=2)), **REASON}

    async def asked(owner: str, lead: str) -> dict[str, str]:
        task = await of.task(S.IN_PROGRESS, owner, lead)
        return {"extensionId": encode("TaskExtension", (await add_extension(of.tx, task)).id)}

    async def repeated() -> dict[str, str]:
        task = await of.task(S.IN_PROGRESS, "hue", "ministry")
        return {"recurrenceId": encode("TaskRecurrence", (await add_series(of.tx, task)).id)}

    return {
        "requestExtension": {"taskId": await of.led(S.IN_PROGRESS), **later},
        "withdrawExtension": await asked("ministry", "hue"),
        "grantExtension": await asked("hue", "ministry"),
        "refuseExtension": {**await asked("hue", "ministry"), **REASON},
        "repeatTask": {"taskId": await of.posed(S.IN_PROGRESS), "rule": "FREQ=WEEKLY"},
        "changeRecurrence": {**await repeated(), "daysBefore": 3},
        "stopRepeating": await repeated(),
    }


async def _owners(of: Subjects) -> dict[str, dict[str, Any]]:
    """What Huế does as the one who set a task."""
    new = {"title": "Việc", "ownerUnitId": of.unit("hue"), "dueOn": str(DUE), "audience": "PARTICIPANTS"}
    target, _ = await of.held()
    other, _ = await of.held()
    linked = await of.task(S.IN_PROGRESS, "hue", "ministry")
    of.tx.session.add(TaskTarget(task_id=linked.id, target_id=other.id, weight=Decimal(1)))
    themselves = [await of.task(S.DELIVERED, "hue", "hue", ministry=ACCEPTED) for _ in range(2)]
    theirs = [await of.task(S.DELIVERED, "ministry", "firm") for _ in range(2)]
    for task in theirs:
        problem = {"role": ParticipantRole.PROBLEM_OWNER, "state": ACCEPTED}
        await factories.participation(of.tx, task, of.country.unit("hue"), **problem)
    whole, part = await of.posed(S.IN_PROGRESS), encode("Target", target.id)
    return {
        "createTask": new,
        "createTask:part": {**new, "parentId": whole},
        "createTask:own_part": {**new, "ownerUnitId": MY_UNIT, "parentId": await of.led(S.IN_PROGRESS)},
        "createTasks": {**new, "leadUnitIds": [of.unit("ministry")]},
        "updateTask": {"taskId": await of.posed(S.IN_PROGRESS), "title": "Khác"},
        "offerTask": {"taskId": await of.posed(S.OPEN), "leadUnitId": of.unit("danang")},
        "reopenTask": {"taskId": await of.posed(S.DECLINED)},
        "cancelTask": {"taskId": await of.posed(S.IN_PROGRESS), **REASON},
        "extendTask": {
            "taskId": await of.posed(S.IN_PROGRESS), **REASON, "dueOn": str(DUE + timedelta(days=2)),
        },
        "linkTargets": {"taskId": await of.posed(S.IN_PROGRESS), "targets": [{"targetId": part}]},
        "unlinkTarget": {"taskId": encode("Task", linked.id), "targetId": encode("Target", other.id)},
        "verifyTask": {"taskId": await of.posed(S.DELIVERED)},
        "verifyTask:own_work": {"taskId": encode("Task", themselves[0].id)},
        "verifyTask:own_problem": {"taskId": encode("Task", theirs[0].id)},
        "sendBackTask": {"taskId": await of.posed(S.DELIVERED), **REASON},
        "sendBackTask:own_work": {"taskId": encode("Task", themselves[1].id), **REASON},
        "sendBackTask:own_problem": {"taskId": encode("Task", theirs[1].id), **REASON},
    }  # fmt: skip


async def _leads(of: Subjects) -> dict[str, dict[str, Any]]:
    """What Huế does as the lead."""
    proof = [{"url": "https://example.vn/"}]
    board = await of.task(S.OPEN, "ministry", None, hue=INVITED)
    blocker, later = (
        await of.task(S.IN_PROGRESS, "ministry", "hue"),
        await of.task(S.ACCEPTED, "ministry", "hue"),
    )
    of.tx.session.add(TaskDependency(task_id=later.id, blocked_by_id=blocker.id))
    other = encode("Task", blocker.id)
    invited = {"participants": [{"unitId": of.unit("danang")}]}
    held, _ = await of.held()

    async def proposed() -> dict[str, Any]:
        task = await of.task(S.IN_PROGRESS, "ministry", "hue", firm=ACCEPTED)
        link = {"weight": Decimal(1), "state": LinkState.PROPOSED}
        of.tx.session.add(TaskTarget(task_id=task.id, target_id=held.id, **link))
        return {"taskId": encode("Task", task.id), "targetId": encode("Target", held.id)}

    return {
        "acceptLink": {**await proposed(), "weight": "1"},
        "declineLink": {**await proposed(), **REASON},
        "acceptTask": {"taskId": await of.led(S.OFFERED)},
        "acceptTasks": {"taskIds": [await of.led(S.OFFERED)]},
        "declineTask": {"taskId": await of.led(S.OFFERED), **REASON},
        "startTask": {"taskId": await of.led(S.ACCEPTED)},
        "deliverTask": {"taskId": await of.led(S.IN_PROGRESS), "result": "Xong", "evidence": proof},
        "volunteerForTask": {"taskId": encode("Task", board.id), "unitId": of.unit("hue")},
        "acknowledgeWarning": {"warningId": await of.warning(), **await of.answer()},
        "acknowledgeWarnings": {"warningIds": [await of.warning()], **await of.answer()},
        "pauseTask": {"taskId": await of.led(S.IN_PROGRESS), **REASON, **LATER},
        "resumeTask": {"taskId": await of.led(S.PAUSED)},
        "inviteParticipants": {"taskId": await of.led(S.IN_PROGRESS), **invited},
        "setParticipants": {
            "taskId": await of.led(S.IN_PROGRESS), "participants": [{"unitId": of.unit("firm"), "share": 2}],
        },
        "addDependency": {"taskId": await of.led(S.ACCEPTED), "blockedById": other},
        "removeDependency": {"taskId": encode("Task", later.id), "blockedById": other},
        "setParentTask": {"taskId": await of.led(S.IN_PROGRESS), "parentId": other},
    }  # fmt: skip


async def _participants(of: Subjects) -> dict[str, dict[str, Any]]:
    """What Huế does as one who takes part; ``own`` rows leave it to the platform for which unit it is."""
    hue = {"unitId": of.unit("hue")}
    worker, busy = await of.seat(Role.MEMBER), await of.seat(Role.MEMBER)
    task = await of.task(S.IN_PROGRESS, "ministry", "ministry", hue=ACCEPTED)
    stamp = {"unit_id": busy.unit_id, "assigned_at": utc_now()}
    of.tx.session.add(Assignee(task_id=task.id, person_id=busy.person_id, **stamp))

    async def running() -> dict[str, Any]:
        return {"taskId": await of.shared(S.IN_PROGRESS)}

    async def asked() -> dict[str, Any]:
        return {"taskId": await of.shared(S.IN_PROGRESS, INVITED)}

    return {
        "acceptInvitation": {**await asked(), **hue},
        "acceptInvitation:own": await asked(),
        "declineInvitation": {**await asked(), **hue, **REASON},
        "declineInvitation:own": {**await asked(), **REASON},
        "leaveTask": {**await running(), **hue, **REASON},
        "leaveTask:own": {**await running(), **REASON},
        "assignPeople": {**await running(), **hue, "personIds": [encode("Person", worker.person_id)]},
        "unassignPerson": {
            "taskId": encode("Task", task.id), **hue, "personId": encode("Person", busy.person_id),
        },
        "reportProgress": {**await running(), **hue, "progress": 10},
        "reportProgress:own": {**await running(), "progress": 10},
        "reportProgressMany": {"reports": [{**await running(), **hue, "progress": 10}]},
        "reportProgressMany:own": {"reports": [{**await running(), "progress": 10}]},
        "commentOnTask": {**await running(), "body": "Ý kiến"},
        "addEvidence": {**await running(), "url": "https://example.vn/"},
    }  # fmt: skip
