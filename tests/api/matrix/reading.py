"""Something of every kind to be seen or hidden, each thing by a name, and the table of who sees it.

A name is a type and a word: ``Plan/shared``. The pattern before it says which columns see it (``+``), in the
order of ``country.COLUMNS`` and grouped as in ``table.py``: the design's section 6, said in examples.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import factories
from api.matrix import asked, table
from api.matrix.country import (
    COLUMNS,
    DUE,
    ENDS,
    STARTS,
    SUNDAY,
    TODAY,
    UNIT_OF,
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
from api.matrix.editions import add_editions
from api.matrix.verdicts import add_verdicts
from vdept.calendars.excepting import add_exception
from vdept.calendars.models import CalendarScope
from vdept.deadlines.models import Recipient, Reminder, Subject
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Tx
from vdept.kernel.scopes import Scope
from vdept.measurements.models import Measurement
from vdept.outcomes import gaps
from vdept.outcomes.models import OutcomeGap
from vdept.outcomes.rebuild import rebuild_plan
from vdept.sources.models import RejectedState
from vdept.targets.models import Audience, Basis, KeyResult, Objective, Plan, PlanState, Target, TargetState
from vdept.tasks.models import (
    Assignee,
    ExtensionState,
    ParticipationState,
    Task,
    TaskComment,
    TaskDependency,
    TaskEvidence,
    TaskState,
    TaskTarget,
)
from vdept.warnings.models import EarlyWarning, Severity, WarningKind, WarningSubject
from vdept_graphql.ids import encode

SEES = """
  Open to everybody who has signed in
    +++++ ++++ ++ ++  Unit/government Unit/ministry Unit/hue Unit/danang Unit/commune Unit/commune2 Unit/firm
    +++++ ++++ ++ ++  Unit/rival Indicator/share CalendarException/hue CalendarException/national
    +++++ ++++ ++ ++  CalendarException/hue.off

  People: officials see everybody, others their own unit's, and themselves
    +++++ ++++ .. .+  Person/observer Person/member Person/coordinator Person/deputy Person/head Person/worker
    +++++ ++++ .. .+  Person/above Person/below Person/unrelated Person/partner Person/administrator
    +++++ ++++ +. .+  Person/firm Person/engineer
    +++++ ++++ .. .+  Person/former
    +++++ ++++ .+ .+  Person/rival
    +++++ ++++ .. ++  Person/nobody
    +++++ ++++ .. .+  Membership/observer Membership/member Membership/coordinator Membership/deputy
    +++++ ++++ .. .+  Membership/head Membership/worker Membership/above Membership/below
    +++++ ++++ .. .+  Membership/unrelated Membership/partner
    +++++ ++++ +. .+  Membership/firm Membership/engineer Membership/former
    +++++ ++++ .+ .+  Membership/rival
    +++++ ++++ .. ++  Membership/nobody

  Plans: public; for government; for participants; a public draft of Huế's; the ministry's own; and one in
  which Đà Nẵng once held a target that was withdrawn
    +++++ ++++ ++ ++  Plan/public Objective/public KeyResult/public Target/public.government Target/public.hue
    +++++ ++++ .. .+  Plan/government Objective/government KeyResult/government Target/government.government
    +++++ ++.. +. .+  Plan/shared Objective/shared KeyResult/shared Target/shared.firm
    +++++ ++.. .. .+  Target/shared.government Target/shared.hue Target/shared.commune
    +++++ ++.. .. .+  Objective/inner KeyResult/inner Target/inner.government Target/inner.hue
    +++++ .... .. .+  Plan/draft Objective/draft KeyResult/draft
    ..... +..+ .. .+  Plan/ministry Objective/ministry KeyResult/ministry Target/ministry.ministry
    ..... +.+. .. .+  Plan/former Objective/former KeyResult/former Target/former.danang
    ..... +... .. .+  Target/former.government

  Editions: whoever sees the plan whole; what was asked for, the issuer's people
    +++++ ++++ ++ ++  Edition/public
    +++++ ++.. .. .+  Edition/shared Edition/shared.corrected
    ..... +... .. .+  EditionRequest/shared

  Sources: officials see all of them, firms their own; what came in, those who work there
    +++++ ++++ .. .+  Source/hue
    +++++ ++++ +. .+  Source/firm
    .++++ .... .. .+  Intake/hue RejectedReading/hue RejectedReading/hue.done
    ..... .... +. .+  Intake/firm RejectedReading/firm

  Values: officials see all of them, firms their own
    +++++ ++++ .. .+  Measurement/hue Measurement/hue.old
    +++++ ++++ +. .+  Measurement/firm
    +++++ ++++ .+ .+  Measurement/rival

  Tasks of all audiences. What Huế leads has the firm in it, and the ministry sets it
    +++++ ++++ ++ ++  Task/public
    +++++ ++++ .. .+  Task/government Comment/government
    +++++ +..+ +. .+  Task/hue Comment/hue TaskExtension/hue TaskExtension/hue.old TaskRecurrence/hue
    +++++ ++.. .. .+  Task/commune
    ..... +.+. .. .+  Task/danang Comment/danang TaskExtension/danang TaskRecurrence/danang
    ..... +..+ .. .+  Task/ministry Comment/ministry Task/declined
    ..... +..+ .+ .+  Task/rival
    ..... .... +. .+  Task/firm

  Early warnings: of a target with its outcome, of a task with the task, of a source with the source
    +++++ ++++ ++ ++  EarlyWarning/public.hue
    +++++ ++.. .. .+  EarlyWarning/shared.hue
    +++++ +..+ +. .+  EarlyWarning/task.hue
    ..... +.+. .. .+  EarlyWarning/task.danang
    +++++ ++++ .. .+  EarlyWarning/source.hue

  Signals: for who works in the unit and for public bodies above it; about a task with the task
    .++++ +... .. .+  Signal/hue Signal/hue.task
    ..... +... .. .+  Signal/hue.declined
    ..... +.+. .. .+  Signal/danang
    ..... .... +. .+  Signal/firm

  Focus: with the plan seen whole, and one's own unit's
    +++++ ++.. .. .+  Focus/hue
    +++++ ++.. +. .+  Focus/firm

  Verdicts: with the outcome; who headed the unit, with the membership
    +++++ ++++ ++ ++  Verdict/public.hue Verdict/public.hue.old
    +++++ ++.. +. .+  Verdict/shared.firm
    +++++ ++.. .. .+  Verdict/shared.hue

  Clients are seen by their unit, by the heads above, and by whom they act for; consent by who gave it and
  by who registers the client
    +++++ +... .. ++  ApiClient/hue
    ....+ +..+ .. .+  ApiClient/ministry
    ..... .... +. .+  ApiClient/firm
    ..+.+ .... .. ++  ClientAuthorization/nobody
    ..+.+ .... .. .+  ClientAuthorization/hue.head ClientAuthorization/hue.administrator
    ....+ ...+ .. .+  ClientAuthorization/head

  Webhooks: for those who manage the unit
    ..+++ .... .. .+  WebhookEndpoint/hue WebhookDelivery/hue
    ..... .... +. .+  WebhookEndpoint/firm WebhookDelivery/firm

  Calendar addresses: one's own
    ....+ .... .. ..  CalendarFeed/head

  What is in an inbox: its person's own, administrators' too
    +.... .... .. ..  Notification/observer
    .+... .... .. ..  Notification/member
    ..+.. .... .. ..  Notification/coordinator
    ...+. .... .. ..  Notification/deputy
    ....+ .... .. ..  Notification/head
    ..... +... .. ..  Notification/above
    ..... .+.. .. ..  Notification/below
    ..... ..+. .. ..  Notification/unrelated
    ..... ...+ .. ..  Notification/partner
    ..... .... +. ..  Notification/firm
    ..... .... .+ ..  Notification/rival
    ..... .... .. +.  Notification/nobody
    ..... .... .. .+  Notification/administrator

  Identities of providers: one's own; keys: no thing that is read, but its making is logged
    ....+ .... .. .+  Identity/head
    ..... .... .. .+  Identity/waiting SigningKey/made

  Outcomes of units: with the plan, and one's own unit's
    +++++ ++++ ++ ++  Outcome/public.government Outcome/public.hue
    +++++ ++++ .. .+  Outcome/government.government
    +++++ ++.. .. .+  Outcome/shared.government Outcome/shared.hue Outcome/shared.commune
    +++++ ++.. +. .+  Outcome/shared.firm
    +++++ ++.+ .. .+  Outcome/shared.ministry
    +++++ +++. .. .+  Outcome/shared.danang
    +++++ ++.. .+ .+  Outcome/shared.rival
    ..... +..+ .. .+  Outcome/ministry.ministry

  Not things, but whom it takes
    +++++ ++++ .. .+  Only/officials
    ..... .... .. .+  Only/administrators
"""


UNLOGGED = frozenset(
    {
        *("CalendarFeed", "Comment", "EditionRequest", "Focus", "Notification"),
        *("RejectedReading", "Signal", "TaskExtension", "TaskRecurrence", "Verdict"),
    }
)
"""What happens to these is told of their task, or to administrators who do not see the thing itself."""
LOGGED = {
    "Membership": frozenset({"head", "worker", "firm", "former"}),
    "Person": frozenset({"head", "worker", "firm", "former", "above", "rival", "nobody", "administrator"}),
}
"""Of people and memberships some will do: the whole log fits on one page of a hundred."""


def is_logged(name: str) -> bool:
    """Whether the log tells of this thing."""
    kind, _, one = name.partition("/")
    return one in LOGGED[kind] if kind in LOGGED else kind not in UNLOGGED


def seen_by(column: str) -> dict[str, bool]:
    """Whether the caller of this column sees a thing, by its name. ``Only/head`` is head's alone."""
    return {name: answers[column] == "+" for name, (answers, _) in table.read(SEES).items()} | {
        f"Only/{one}": one == column for one in COLUMNS
    }


@dataclass
class Things:
    """The country with everything in it, by name."""

    country: Country
    rows: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, row: Any) -> Any:
        self.rows[name] = row
        return row

    def id(self, name: str) -> str:
        """The global id of what has this name."""
        return encode(name.partition("/")[0], self.rows[name].id)

    def names(self) -> dict[str, str]:
        """Every name by its global id."""
        made = {encode("SigningKey", 1): "SigningKey/made"}
        return made | {self.id(name): name for name in self.rows}


async def build(tx: Tx) -> Things:
    country = await found(tx)
    things = Things(country)
    for name, unit in country.units.items():
        things.add(f"Unit/{name}", unit)
    await _people(tx, things)
    await _plans(tx, things)
    await _sources(tx, things)
    await _values(tx, things)
    await _rejected(tx, things)
    await _calendars(tx, things)
    await _tasks(tx, things)
    await _schedules(tx, things)
    await _clients(tx, things)
    await tx.session.flush()
    for name in ("public", "government", "shared", "ministry", "former"):
        await rebuild_plan(tx, things.rows[f"Plan/{name}"].id)
    await _gaps(tx, things)
    await _warnings(tx, things)
    await add_verdicts(tx, things)
    await add_editions(tx, things)
    await asked.build(tx, things)
    await _inboxes(tx, things)
    await _log(tx, things)
    return things


async def _gaps(tx: Tx, things: Things) -> None:
    """What stands today of every target, and a gap of two units in a shared plan."""
    for name in ("public", "shared"):
        await gaps.keep_plan(tx, things.rows[f"Plan/{name}"].id)
    for unit in ("hue", "firm"):
        where = {"plan_id": things.rows["Plan/shared"].id, "unit_id": things.country.unit_id(unit)}
        tx.session.add(OutcomeGap(**where, target_id=0, on_day=TODAY, points=Decimal(1)))


WARNED = {
    WarningSubject.TARGET: WarningKind.PACE,
    WarningSubject.TASK: WarningKind.ABANDONED,
    WarningSubject.SOURCE: WarningKind.SOURCE_SILENT,
}


async def _warnings(tx: Tx, things: Things) -> None:
    """Of two targets, two tasks and a source; the head of Huế has answered that of a shared target."""
    head = things.country.people["head"].id
    for name, of, unit in (
        ("public.hue", "Target/public.hue", "hue"),
        ("shared.hue", "Target/shared.hue", "hue"),
        ("task.hue", "Task/hue", "hue"),
        ("task.danang", "Task/danang", "danang"),
        ("source.hue", "Source/hue", "hue"),
    ):
        row, subject = things.rows[of], WarningSubject(of.partition("/")[0].upper())
        warning = EarlyWarning(
            kind=WARNED[subject], severity=Severity.AT_RISK, subject=subject, subject_id=row.id,
            plan_id=getattr(row, "plan_id", None), unit_id=things.country.unit_id(unit), evidence={},
            opened_on=TODAY, opened_at=tx.now,
        )  # fmt: skip
        tx.session.add(things.add(f"EarlyWarning/{name}", warning))
    answered = things.rows["EarlyWarning/shared.hue"]
    answered.acknowledged_at, answered.acknowledged_by_id = tx.now, head
    answered.response, answered.respond_by = "Bổ sung", DUE
    await tx.session.flush()
    tx.session.add(
        Activity(
            at=tx.now, actor="person", person_id=head, verb="warning.acknowledged",
            subject_type="EarlyWarning", subject_id=answered.id, unit_id=answered.unit_id,
            data={"response": "Bổ sung", "respond_by": str(DUE)},
        )
    )  # fmt: skip


async def _inboxes(tx: Tx, things: Things) -> None:
    """Everybody is told of the same task, in a capacity of Huế."""
    about = {
        "subject_id": things.rows["Task/hue"].id,
        "unit_id": things.country.unit_id("hue"),
        "plan_id": things.rows["Plan/shared"].id,
    }
    for number, (name, who) in enumerate(things.country.people.items()):
        if name in COLUMNS:
            things.add(f"Notification/{name}", await add_notification(tx, who, number, **about))


async def _log(tx: Tx, things: Things) -> None:
    """One activity of everything, by the head of the ministry through Huế's client."""
    for name, row in things.rows.items():
        kind = name.partition("/")[0]
        # Exceptions were added by the verb that logs it, and one warning was answered.
        if not is_logged(name) or kind == "CalendarException" or name == "EarlyWarning/shared.hue":
            continue
        plan = row.id if kind == "Plan" else getattr(row, "plan_id", None)
        tx.session.add(
            Activity(
                at=tx.now, actor="person", person_id=things.country.people["partner"].id, verb="matrix.seen",
                client_id=things.rows["ApiClient/hue"].id,
                subject_type=kind, subject_id=row.id, plan_id=plan,
                unit_id=things.country.unit_id("ministry"), data={},
            )
        )  # fmt: skip


async def _people(tx: Tx, things: Things) -> None:
    units, people = things.country.units, things.country.people
    for name, who in people.items():
        things.add(f"Person/{name}", who)
    for name, unit, ends_on in (
        ("worker", "hue", None),
        ("engineer", "firm", None),
        ("former", "firm", TODAY.replace(year=TODAY.year - 1)),
    ):
        who = things.add(f"Person/{name}", await factories.person(tx, f"Người {name}"))
        seat = await factories.membership(tx, who, units[unit], Role.MEMBER, ends_on=ends_on)
        things.add(f"Membership/{name}", seat)
    for name, seat in things.country.seats.items():
        things.add(f"Membership/{name}", seat)
    left = await factories.membership(
        tx, people["nobody"], units["hue"], Role.MEMBER, ends_on=date(2020, 1, 1)
    )
    things.add("Membership/nobody", left)


async def _plans(tx: Tx, things: Things) -> None:
    units, people = things.country.units, things.country.people
    share = things.add("Indicator/share", await factories.indicator(tx, name="Tỷ lệ"))

    async def plan(name: str, issuer: str, audience: Audience, state: PlanState = PlanState.ISSUED) -> Plan:
        row = await factories.plan(
            tx, units[issuer], audience=audience, state=state, starts_on=STARTS, ends_on=ENDS,
            title=f"Kế hoạch {name}", code=f"KH-{name}",
        )  # fmt: skip
        return things.add(f"Plan/{name}", row)

    async def asked(name: str, of: Plan, *holders: str, **more: Any) -> KeyResult:
        """A key result, held by the first of these and by the others below it."""
        what = things.add(f"KeyResult/{name}", await factories.key_result(tx, of, share))
        objective = await tx.session.get_one(Objective, what.objective_id)
        things.add(f"Objective/{name}", objective)
        root: Target | None = None
        for holder in holders:
            last = more if holder == holders[-1] else {}
            row = await factories.target(
                tx, what, units[holder], root, starts_on=STARTS, assigned_by_id=people["above"].id,
                acknowledged_at=utc_now(), acknowledged_by_id=people["head"].id, **last,
            )  # fmt: skip
            things.add(f"Target/{name}.{holder}", row)
            root = root or row
        return what

    await asked("public", await plan("public", "government", Audience.PUBLIC), "government", "hue")
    await asked("government", await plan("government", "government", Audience.GOVERNMENT), "government")
    shared = await plan("shared", "government", Audience.PARTICIPANTS)
    await asked("shared", shared, "government", "hue", "commune", "firm")
    await asked("inner", shared, "government", "hue")
    await asked("draft", await plan("draft", "hue", Audience.PUBLIC, PlanState.DRAFT))
    await asked("ministry", await plan("ministry", "ministry", Audience.PARTICIPANTS), "ministry")
    gone = {"state": TargetState.WITHDRAWN, "state_reason": "Nhầm"}
    former = await plan("former", "government", Audience.PARTICIPANTS)
    await asked("former", former, "government", "danang", **gone)


async def _sources(tx: Tx, things: Things) -> None:
    share = things.rows["Indicator/share"]
    for name in ("hue", "firm"):
        source = await factories.source(tx, things.country.unit(name), share, name=f"Nguồn {name}")
        things.add(f"Source/{name}", source)
        things.add(f"Intake/{name}", await factories.intake(tx, source))
        await factories.connector(tx, source, url=f"https://{name}.example.vn/")


async def _rejected(tx: Tx, things: Things) -> None:
    """An open row of each source, and one of Huế's that its head replayed."""
    share = things.rows["Indicator/share"]
    done = {
        "state": RejectedState.REPLAYED, "resolved_at": tx.now,
        "resolved_by_id": things.country.people["head"].id,
        "measurement_id": things.rows["Measurement/hue"].id,
    }  # fmt: skip
    for name, of, more in (("hue", "hue", {}), ("firm", "firm", {}), ("hue.done", "hue", done)):
        source, came = things.rows[f"Source/{of}"], things.rows[f"Intake/{of}"]
        bad = await factories.rejected_reading(tx, source, share, intake=came, **more)
        things.add(f"RejectedReading/{name}", bad)


async def _values(tx: Tx, things: Things) -> None:
    share = things.rows["Indicator/share"]

    async def value(name: str, unit: str, **more: Any) -> None:
        row = Measurement(
            indicator_id=share.id, unit_id=things.country.unit_id(unit), basis=Basis.MEASURED, as_of=STARTS,
            value=Decimal(50), numerator=Decimal(1), denominator=Decimal(2), source="Sổ",
            recorded_at=utc_now(), recorded_by_id=things.country.people[_column_of(unit)].id, **more,
        )  # fmt: skip
        tx.session.add(row)
        await tx.session.flush()
        things.add(f"Measurement/{name}", row)

    await value("hue.old", "hue")

    def came(of: str) -> dict[str, int]:
        return {"source_id": things.rows[f"Source/{of}"].id, "intake_id": things.rows[f"Intake/{of}"].id}

    await value("hue", "hue", supersedes_id=things.rows["Measurement/hue.old"].id, **came("hue"))
    await value("firm", "firm", **came("firm"))
    await value("rival", "rival")


async def _calendars(tx: Tx, things: Things) -> None:
    """Two Sundays that are to be worked, the first for Huế, the next for everybody but Huế."""
    people = things.country.people
    hue, later = things.country.unit_id("hue"), SUNDAY + timedelta(days=7)
    for name, scope, unit_id, day, working in (
        ("hue", CalendarScope.UNIT, hue, SUNDAY, True),
        ("national", CalendarScope.NATIONAL, None, later, True),
        ("hue.off", CalendarScope.UNIT, hue, later, False),
    ):
        row = await add_exception(tx, scope, unit_id, day, working, "Làm bù", "Công văn")
        row.created_by_id = people["head"].id
        things.add(f"CalendarException/{name}", row)
    things.rows["CalendarException/national"].revoked_by_id = people["above"].id
    await tx.session.flush()


def _column_of(unit: str) -> str:
    """Who is head of a unit."""
    return "head" if unit == "hue" else next(name for name, own in UNIT_OF.items() if own == unit)


async def _tasks(tx: Tx, things: Things) -> None:
    units, shared = things.country.units, things.rows["Plan/shared"]
    secret, accepted = Audience.PARTICIPANTS, ParticipationState.ACCEPTED

    async def task(name: str, owner: str, lead: str, audience: Audience = secret, **more: Any) -> Task:
        state = more.pop("state", TaskState.IN_PROGRESS)
        others = more.pop("others", {})
        row = await factories.task(
            tx, units[owner], units[lead], shared, title=f"Việc {name}", audience=audience, state=state,
            due_on=DUE, created_by_id=things.country.people["partner"].id, **more,
        )  # fmt: skip
        for unit, part in others.items():
            await factories.participation(tx, row, units[unit], state=part)
        return things.add(f"Task/{name}", row)

    await task("public", "ministry", "danang", Audience.PUBLIC)
    await task("government", "ministry", "danang", Audience.GOVERNMENT)
    whole = await task("ministry", "ministry", "ministry")
    hue = await task(
        "hue",
        "ministry",
        "hue",
        others={"firm": accepted},
        parent_id=whole.id,
        verified_by_id=things.country.people["partner"].id,
    )
    await task("commune", "commune", "commune", parent_id=hue.id)
    out = {"firm": ParticipationState.LEFT, "hue": ParticipationState.DECLINED}
    danang = await task("danang", "danang", "danang", others=out)
    await task("rival", "ministry", "rival")
    await task("firm", "firm", "firm")
    await task("declined", "ministry", "hue", state=TaskState.DECLINED, state_reason="Bận")
    for blocked, by in ((hue, whole), (danang, hue), (hue, things.rows["Task/public"])):
        tx.session.add(TaskDependency(task_id=blocked.id, blocked_by_id=by.id))
    for name, served in (
        ("hue", "shared.hue"), ("hue", "shared.firm"), ("commune", "shared.commune"),
        ("danang", "shared.firm"), ("public", "shared.hue"),
    ):  # fmt: skip
        row, target = things.rows[f"Task/{name}"], things.rows[f"Target/{served}"]
        tx.session.add(TaskTarget(task_id=row.id, target_id=target.id, weight=Decimal(1)))
    for name, unit, who in (
        ("hue", "hue", "worker"),
        ("hue", "firm", "engineer"),
        ("danang", "danang", "worker"),
    ):
        person, stamp = things.rows[f"Person/{who}"], {"assigned_at": utc_now()}
        row = things.rows[f"Task/{name}"]
        tx.session.add(Assignee(task_id=row.id, person_id=person.id, unit_id=units[unit].id, **stamp))
    for name, unit in (
        ("hue", "hue"),
        ("government", "ministry"),
        ("danang", "danang"),
        ("ministry", "ministry"),
    ):
        said = {"task_id": things.rows[f"Task/{name}"].id, "unit_id": units[unit].id, "created_at": utc_now()}
        author = things.country.people[_column_of(unit)].id
        comment = TaskComment(author_id=author, body=f"Ý kiến {name}", **said)
        proof = TaskEvidence(added_by_id=author, title=f"Ảnh {name}", url="https://example.vn/", **said)
        tx.session.add_all([comment, proof])
        await tx.session.flush()
        things.add(f"Comment/{name}", comment)
    tx.session.add(
        Reminder(
            subject=Subject.TASK, subject_id=things.rows["Task/hue"].id, due_on=DUE, step=1,
            recipient=Recipient.LEAD_HEAD, recipient_id=things.country.people["head"].id,
            unit_id=units["hue"].id, vacant_unit_ids=[units["commune"].id], scheduled_on=DUE,
            due_at=utc_now(),
        )
    )  # fmt: skip


async def _schedules(tx: Tx, things: Things) -> None:
    """Later dates that were asked for, and series; the second task of Huế's is one that everybody sees."""
    people = things.country.people
    asked = {"requested_by_id": people["head"].id}
    refused = {"state": ExtensionState.REFUSED, "decided_at": utc_now()}
    hue, danang = things.rows["Task/hue"], things.rows["Task/danang"]
    things.add(
        "TaskExtension/hue.old",
        await add_extension(tx, hue, decided_by_id=people["partner"].id, **asked, **refused),
    )
    things.add("TaskExtension/hue", await add_extension(tx, hue, **asked))
    things.add("TaskExtension/danang", await add_extension(tx, danang))
    series = things.add("TaskRecurrence/hue", await add_series(tx, hue))
    things.add("TaskRecurrence/danang", await add_series(tx, danang))
    second = things.rows["Task/public"]
    second.recurrence_id, second.occurrence_on = series.id, DUE + timedelta(days=7)


async def _clients(tx: Tx, things: Things) -> None:
    units, people = things.country.units, things.country.people
    things.add("ApiClient/hue", things.country.client)
    for name, given in things.country.consents.items():
        things.add(f"ClientAuthorization/hue.{name}", given)
    for name in ("ministry", "firm"):
        things.add(f"ApiClient/{name}", await add_client(tx, units[name], [Scope.TASKS_READ]))
    for who, client in (("nobody", "hue"), ("head", "ministry")):
        given = await add_authorization(
            tx, things.rows[f"ApiClient/{client}"], people[who], [Scope.TASKS_READ]
        )
        things.add(f"ClientAuthorization/{who}", given)
    for name in ("hue", "firm"):
        endpoint, delivery = await add_webhook(tx, units[name])
        things.add(f"WebhookEndpoint/{name}", endpoint)
        things.add(f"WebhookDelivery/{name}", delivery)
    things.add("CalendarFeed/head", await add_feed(tx, people["head"], units["hue"]))
    things.add("Identity/head", await add_identity(tx, people["head"]))
    things.add("Identity/waiting", await add_identity(tx, None))
