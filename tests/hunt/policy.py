"""Who sees what, in plain Python: the design (section 6) and decision 11, and nothing of the code under test.

One function a kind of thing, each a few lines over plain rows; sets are small and nothing is fast.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from hunt import judged_rows as j
from hunt import rows as r
from hunt.world import LIVE, TODAY, World


@dataclass(frozen=True)
class Viewer:
    """Who asks. ``scopes`` None: not narrowed. Nobody has neither person nor client."""

    person_id: int | None = None
    client_id: int | None = None
    administrator: bool = False
    seats: frozenset[tuple[int, str]] = frozenset()
    scopes: frozenset[str] | None = None

    @property
    def known(self) -> bool:
        return self.person_id is not None or self.client_id is not None

    def may(self, scope: str) -> bool:
        return self.scopes is None or scope in self.scopes


def exists(unit: r.Unit, today: date) -> bool:
    return unit.valid_from <= today and (unit.valid_to is None or today <= unit.valid_to)


def counts(membership: r.Membership, today: date) -> bool:
    """First and last day included."""
    return membership.starts_on <= today and (membership.ends_on is None or today <= membership.ends_on)


def viewer_of(world: World, person: r.Person, today: date = TODAY) -> Viewer:
    """A person, through the roles that count today in units that exist today."""
    seats = frozenset(
        (held.unit_id, held.role)
        for held in world.memberships
        if held.person_id == person.id
        and counts(held, today)
        and exists(world.get("units", held.unit_id), today)
    )
    return Viewer(person.id, administrator=person.administrator, seats=seats)


@dataclass(frozen=True)
class Sight:
    """What one viewer sees of a world."""

    world: World
    viewer: Viewer

    @cached_property
    def own(self) -> frozenset[int]:
        """The units the viewer belongs to."""
        return frozenset(unit_id for unit_id, _ in self.viewer.seats)

    @cached_property
    def public(self) -> frozenset[int]:
        """Those of them that are public bodies, and see by ancestry."""
        return frozenset(each for each in self.own if not self.world.get("units", each).beside)

    @property
    def all(self) -> bool:
        return self.viewer.administrator

    @property
    def official(self) -> bool:
        return self.all or bool(self.public)

    def involved(self, unit_ids: Iterable[int]) -> bool:
        """One of these units is the viewer's, or stands below a public body that is."""
        lines = [self.world.get("units", each).path for each in unit_ids]
        return any(line[-1] in self.own or self.public.intersection(line) for line in lines)

    # Registry and people ------------------------------------------------------------------------------------

    def unit(self, _unit: r.Unit) -> bool:
        return self.viewer.known

    def indicator(self, _indicator: r.Indicator) -> bool:
        return self.viewer.known

    def person(self, person: r.Person) -> bool:
        if not self.viewer.known or not self.viewer.may("people:read"):
            return False
        colleague = any(
            held.person_id == person.id
            and held.unit_id in self.own
            and (held.ends_on is None or held.ends_on >= TODAY)
            for held in self.world.memberships
        )
        return self.official or person.id == self.viewer.person_id or colleague

    def membership(self, held: r.Membership) -> bool:
        if not self.viewer.known or not self.viewer.may("people:read"):
            return False
        return self.official or held.person_id == self.viewer.person_id or held.unit_id in self.own

    # Plans --------------------------------------------------------------------------------------------------

    def whole(self, plan: r.Plan) -> bool:
        """Whether all of the plan is seen."""
        if self.all:
            return True
        if not self.viewer.known or not self.viewer.may("plans:read"):
            return False
        if plan.issuer_unit_id in self.own:
            return True
        if plan.state == "DRAFT":
            return False
        if plan.audience == "PUBLIC" or (plan.audience == "GOVERNMENT" and self.official):
            return True
        holders = [
            target.unit_id
            for target in self.world.targets
            if target.plan_id == plan.id and target.state != "WITHDRAWN"
        ]
        return any(self.public.intersection(self.world.get("units", each).path) for each in holders)

    def holds(self, target: r.Target) -> bool:
        """The viewer's own target, withdrawn or not, in a plan that was issued."""
        issued = self.world.get("plans", target.plan_id).state != "DRAFT"
        return self.viewer.may("plans:read") and issued and target.unit_id in self.own

    def plan(self, plan: r.Plan) -> bool:
        held = any(target.plan_id == plan.id and self.holds(target) for target in self.world.targets)
        return self.whole(plan) or held

    def target(self, target: r.Target) -> bool:
        return self.whole(self.world.get("plans", target.plan_id)) or self.holds(target)

    def key_result(self, key_result: r.KeyResult) -> bool:
        held = any(t.key_result_id == key_result.id and self.holds(t) for t in self.world.targets)
        return self.whole(self.world.get("plans", key_result.plan_id)) or held

    def objective(self, objective: r.Objective) -> bool:
        held = any(k.objective_id == objective.id and self.key_result(k) for k in self.world.key_results)
        return self.whole(self.world.get("plans", objective.plan_id)) or held

    def measurement(self, measurement: r.Measurement) -> bool:
        if not self.viewer.known or not self.viewer.may("measurements:read"):
            return False
        return self.official or measurement.unit_id in self.own

    # Figures ------------------------------------------------------------------------------------------------

    def tasks_of(self, unit_id: int) -> bool:
        """Whether the figures of this unit's tasks are shown."""
        return self.viewer.may("tasks:read") and (self.official or unit_id in self.own)

    def target_outcome(self, target: r.Target) -> bool:
        milestone = self.world.get("key_results", target.key_result_id).rollup == "MILESTONE"
        return self.target(target) and (self.official or not milestone or target.unit_id in self.own)

    def unit_outcome(self, plan: r.Plan, unit_id: int, *, by_targets: bool) -> bool:
        """``by_targets``: the unit, or one below it, has targets in force in the plan, not tasks alone."""
        milestones = any(k.plan_id == plan.id and k.rollup == "MILESTONE" for k in self.world.key_results)
        others = self.whole(plan) and (self.official or not milestones)
        own = self.viewer.may("plans:read") and unit_id in self.own and plan.state != "DRAFT"
        return (others or own) and (by_targets or self.tasks_of(unit_id))

    # Tasks --------------------------------------------------------------------------------------------------

    def task(self, task: r.Task) -> bool:
        if not self.viewer.known or not self.viewer.may("tasks:read"):
            return False
        if self.all or task.audience == "PUBLIC" or (task.audience == "GOVERNMENT" and self.official):
            return True
        parts = [p.unit_id for p in self.world.participations if p.task_id == task.id and p.state in LIVE]
        return self.involved([task.owner_unit_id, *parts])

    def comment(self, comment: r.Comment) -> bool:
        return self.task(self.world.get("tasks", comment.task_id))

    # Deadlines ----------------------------------------------------------------------------------------------

    def extension(self, extension: r.TaskExtension) -> bool:
        return self.task(self.world.get("tasks", extension.task_id))

    def recurrence(self, series: r.TaskRecurrence) -> bool:
        """With its first task; an occurrence alone does not show whose it is."""
        return self.task(self.world.get("tasks", series.task_id))

    @property
    def offices(self) -> bool:
        """Whether the viewer may know who holds which office, and where nobody does."""
        return self.all or (self.official and self.viewer.may("people:read"))

    def of_own_office(self, unit_id: int | None) -> bool:
        return self.viewer.may("people:read") and unit_id in self.own

    def reminder(self, reminder: r.Reminder) -> bool:
        """Of a task that is seen: to whom a reminder goes tells who holds which office."""
        to_me = self.viewer.person_id is not None and reminder.recipient_id == self.viewer.person_id
        mine = to_me and self.viewer.may("notifications:read")
        return self.all or self.offices or mine or self.of_own_office(reminder.unit_id)

    def own_inbox(self, person_id: int) -> bool:
        mine = self.viewer.person_id is not None and person_id == self.viewer.person_id
        return mine and self.viewer.may("notifications:read")

    def notification(self, notification: r.Notification) -> bool:
        return self.own_inbox(notification.person_id)

    def warning(self, warning: r.EarlyWarning) -> bool:
        if self.all:
            return True
        if warning.subject == "TASK":
            return self.task(self.world.get("tasks", warning.subject_id))
        if warning.subject == "SOURCE":
            return self.source(self.world.get("sources", warning.subject_id))
        target = self.world.get("targets", warning.subject_id)
        return self.viewer.may("plans:read") and self.target_outcome(target)

    def endpoint(self, endpoint: r.WebhookEndpoint) -> bool:
        if self.viewer.client_id is not None:
            return False
        roles = ("HEAD", "DEPUTY", "COORDINATOR")
        return self.all or any((endpoint.unit_id, role) in self.viewer.seats for role in roles)

    def delivery(self, delivery: r.WebhookDelivery) -> bool:
        return self.endpoint(self.world.get("endpoints", delivery.endpoint_id))

    def feed(self, feed: r.CalendarFeed) -> bool:
        own = self.viewer.person_id is not None and feed.person_id == self.viewer.person_id
        return self.viewer.client_id is None and own

    def exception(self, _exception: r.CalendarException) -> bool:
        return self.viewer.known

    # What is measured, judged and published -----------------------------------------------------------------

    @cached_property
    def working(self) -> frozenset[int]:
        """The units in which the viewer does more than observe."""
        return frozenset(unit_id for unit_id, role in self.viewer.seats if role != "OBSERVER")

    def above(self, unit_id: int) -> bool:
        """A public body of the viewer's stands above the unit, itself left out."""
        return bool(self.public.intersection(self.world.get("units", unit_id).path[:-1]))

    def source(self, source: j.Source) -> bool:
        if not self.viewer.known or not self.viewer.may("measurements:read"):
            return False
        return self.official or source.unit_id in self.own

    def intake(self, intake: j.Intake) -> bool:
        """What came in, and what of it was rejected: for those who work in the source's unit."""
        return self.all or (self.viewer.may("measurements:read") and intake.unit_id in self.working)

    def rejected_reading(self, reading: j.RejectedReading) -> bool:
        return self.intake(self.world.get("intakes", reading.intake_id))

    def connector(self, source_id: int) -> bool:
        """How a source is asked is set by people; no client reads it."""
        worker = self.world.get("sources", source_id).unit_id in self.working
        return self.viewer.client_id is None and (self.all or worker)

    def verdict(self, verdict: j.Verdict) -> bool:
        if verdict.target_id is not None:
            return self.target_outcome(self.world.get("targets", verdict.target_id))
        plan = self.world.get("plans", verdict.plan_id)
        return self.unit_outcome(plan, verdict.unit_id, by_targets=self.holds_in(plan, verdict.unit_id))

    def holds_in(self, plan: r.Plan, unit_id: int) -> bool:
        """The unit, or one below it, has targets in force in the plan."""
        return any(
            target.plan_id == plan.id
            and target.state != "WITHDRAWN"
            and unit_id in self.world.get("units", target.unit_id).path
            for target in self.world.targets
        )

    def gap(self, gap: j.Gap) -> bool:
        if gap.target_id:
            return self.target_outcome(self.world.get("targets", gap.target_id))
        plan = self.world.get("plans", gap.plan_id)
        return self.unit_outcome(plan, gap.unit_id, by_targets=self.holds_in(plan, gap.unit_id))

    def every_unit(self, plan: r.Plan) -> bool:
        """Whether the viewer reads the figures of every unit of the plan: only then what they add up to."""
        milestones = any(k.plan_id == plan.id and k.rollup == "MILESTONE" for k in self.world.key_results)
        return self.whole(plan) and (self.official or not milestones)

    def edition(self, edition: j.Edition) -> bool:
        """What is published of a public plan is for everybody; of another, for whoever sees it whole."""
        plan = self.world.get("plans", edition.plan_id)
        return self.whole(plan) or (plan.audience == "PUBLIC" and plan.state != "DRAFT")

    def edition_request(self, request: j.EditionRequest) -> bool:
        """For the issuer's people."""
        plan = self.world.get("plans", request.plan_id)
        return self.all or (self.viewer.may("plans:read") and plan.issuer_unit_id in self.own)

    def focus(self, focus: j.Focus) -> bool:
        return self.nominates(self.world.get("plans", focus.plan_id), focus.unit_id)

    def nominates(self, plan: r.Plan, unit_id: int) -> bool:
        """Whether the viewer knows what a unit that holds targets in the plan puts first there."""
        own = unit_id in self.own and self.viewer.may("plans:read") and plan.state != "DRAFT"
        return self.whole(plan) or own

    def signal(self, signal: j.Signal) -> bool:
        """A question to the unit: for those who work there and the public bodies above; for no client."""
        if self.viewer.client_id is not None or not self.viewer.known:
            return False
        if self.all:
            return True
        asked = signal.unit_id in self.working or self.above(signal.unit_id)
        return asked and (signal.task_id is None or self.task(self.world.get("tasks", signal.task_id)))

    # Clients ------------------------------------------------------------------------------------------------

    def client(self, client: r.ApiClient) -> bool:
        if self.viewer.client_id is not None:
            return client.id == self.viewer.client_id
        if not self.viewer.known:
            return False
        headed = {unit for unit, role in self.viewer.seats if role == "HEAD" and unit in self.public}
        let = any(
            each.client_id == client.id and each.person_id == self.viewer.person_id
            for each in self.world.authorizations
        )
        line = self.world.get("units", client.unit_id).path
        return self.all or client.unit_id in self.own or bool(headed.intersection(line)) or let

    def authorization(self, given: r.ClientAuthorization) -> bool:
        if self.viewer.client_id is not None or not self.viewer.known:
            return False
        managed = (self.world.get("clients", given.client_id).unit_id, "HEAD") in self.viewer.seats
        managed |= (self.world.get("clients", given.client_id).unit_id, "COORDINATOR") in self.viewer.seats
        return self.all or managed or given.person_id == self.viewer.person_id

    def identity(self, identity: r.Identity) -> bool:
        own = identity.person_id is not None and identity.person_id == self.viewer.person_id
        return self.all or (self.viewer.client_id is None and own)

    # The log ------------------------------------------------------------------------------------------------

    def activity(self, done: r.Activity) -> bool:
        if not self.viewer.known or not self.viewer.may("activities:read"):
            return False
        if self.all or done.subject_type in {"Unit", "Indicator", "CalendarException"}:
            return True
        if done.subject_type in {"Person", "Membership"}:
            return self.official and self.viewer.may("people:read")
        if done.subject_type in {"Objective", "KeyResult", "Verdict", "Edition"} and self.whole(
            self.world.get("plans", done.plan_id)
        ):
            return True
        name, seen = {
            "Plan": ("plans", self.plan),
            "Objective": ("objectives", self.objective),
            "KeyResult": ("key_results", self.key_result),
            "Target": ("targets", self.target),
            "Measurement": ("measurements", self.measurement),
            "Source": ("sources", self.source),
            "Intake": ("intakes", self.intake),
            "Task": ("tasks", self.task),
            "ApiClient": ("clients", self.client),
            "ClientAuthorization": ("authorizations", self.authorization),
            "WebhookEndpoint": ("endpoints", self.endpoint),
            "WebhookDelivery": ("deliveries", self.delivery),
        }.get(done.subject_type, ("tasks", lambda _: False))
        subject = self.world.get(name, done.subject_id)
        return subject is not None and bool(seen(subject))
