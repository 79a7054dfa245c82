"""What deadlines add to a random world: inboxes, reminders, warnings, extensions, series, and the outside.

Every text has a word that no other has, so that it is known whose secret it is.
"""

import json
from collections.abc import Callable, Iterable
from datetime import date, time, timedelta
from random import Random
from typing import Any, TypeVar

from factories import NOW
from hunt import rows as r
from hunt.world import END, START, TODAY, World
from vdept.deadlines.models import Dropped, Recipient
from vdept.notifications.models import NotificationKind

T = TypeVar("T")
BATCHES = (NOW - timedelta(hours=3), NOW - timedelta(hours=2))
"""When reminders were due: the first batch has been delivered, the second has not."""

OF_TARGETS, OF_TASKS = ("PACE", "GAP", "SILENCE", "UNACKNOWLEDGED"), ("ABANDONED", "NO_TIME_LEFT")
RECIPIENTS = [each.value for each in Recipient]


class Deadlines:
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
        self._series()
        self._extensions()
        self._reminders()
        self._warnings()
        self._inboxes()
        self._webhooks()
        self._feeds()
        self._exceptions()
        for name in ("recurrences", "extensions", "reminders", "warnings", "notifications"):
            getattr(self.world, name).sort(key=lambda row: row.id)

    # Around tasks -------------------------------------------------------------------------------------------

    def _series(self) -> None:
        """Some tasks are the first of a series, and some others were made from it."""
        tasks = self.world.tasks
        firsts = self.dice.sample(tasks, min(4, len(tasks)))
        for number, first in zip(self.ids(len(firsts)), firsts, strict=True):
            ended = self.chance(0.3)
            self.world.recurrences.append(
                r.TaskRecurrence(
                    id=number,
                    task_id=first.id,
                    rule=f"FREQ=WEEKLY;BYDAY={self.dice.choice(('MO', 'TH', 'FR'))}",
                    starts_on=first.due_on,
                    days_before=self.dice.randint(0, 20),
                    on_day_off="AFTER",
                    next_on=None if ended else TODAY + timedelta(self.dice.randint(1, 60)),
                    created_by_id=self.maybe(self.world.persons),
                    created_at=NOW,
                    ended_at=NOW if ended else None,
                )
            )
            first.recurrence_id, first.occurrence_on = number, first.due_on
            others = [task for task in tasks if task.recurrence_id is None and task not in firsts]
            for place, task in enumerate(self.dice.sample(others, min(2, len(others))), 1):
                task.recurrence_id, task.occurrence_on = number, first.due_on + timedelta(7 * place)

    def _extensions(self) -> None:
        numbers = iter(self.ids(40))
        for task in self.world.tasks:
            states = self.dice.sample(
                ["GRANTED", "REFUSED", "WITHDRAWN", "REQUESTED"], self.dice.randint(0, 2)
            )
            for state in states:
                open_ = state == "REQUESTED"
                self.world.extensions.append(
                    r.TaskExtension(
                        id=next(numbers),
                        task_id=task.id,
                        unit_id=task.lead_unit_id or task.owner_unit_id,
                        requested_by_id=self.maybe(self.world.persons),
                        requested_at=NOW,
                        due_on=task.due_on,
                        wanted_due_on=END,
                        reason=self.word("vì"),
                        state=state,
                        decided_by_id=None if open_ else self.maybe(self.world.persons),
                        decided_at=None if open_ else NOW,
                        decision_reason=None if open_ else self.word("quyết"),
                        granted_due_on=END if state == "GRANTED" else None,
                    )
                )

    def _reminders(self) -> None:
        """Policies of some plans; reminders as the scan once wrote them, to whoever it was then."""
        world, dice = self.world, self.dice
        for plan in world.plans:
            if self.chance(0.4):
                world.policies.append(r.ReminderPolicy(plan.id, NOW, dice.randint(1, 3)))
                for recipient in dice.sample(RECIPIENTS, dice.randint(1, 4)):
                    step = dice.choice([each for each in range(-5, 9) if each != 0])
                    taken = {each.step for each in world.steps if each.plan_id == plan.id}
                    if step not in taken:
                        world.steps.append(r.ReminderStep(plan.id, step, recipient))
                if not any(each.plan_id == plan.id for each in world.steps):
                    world.steps.append(r.ReminderStep(plan.id, 1, "LEAD_HEAD"))
        seats = world.memberships
        wanted: dict[tuple[Any, ...], r.Membership] = {}
        for task in world.tasks:
            for _ in range(dice.randint(0, 5)):
                held = dice.choice(seats)
                subject = "TASK" if self.chance(0.8) else "TASK_REVIEW"
                due_on = dice.choice([task.due_on, task.due_on - timedelta(7)])
                wanted[subject, task.id, due_on, dice.choice([-3, 0, 1, 3, 3, 5]), held.person_id] = held
        tasks = {task.id for task in world.tasks}  # their numbers are other kinds' numbers, too
        for target in sorted(world.targets, key=lambda each: (each.id not in tasks, each.id))[:4]:
            held = dice.choice(seats)
            wanted["TARGET_REVIEW", target.id, TODAY, 0, held.person_id] = held
        numbers = self.ids(len(wanted))
        for number, ((subject, subject_id, due_on, step, person_id), held) in zip(
            numbers, wanted.items(), strict=True
        ):
            vacant = dice.sample(world.units, dice.choice([0, 0, 1]))
            world.reminders.append(
                r.Reminder(
                    id=number,
                    subject=subject,
                    subject_id=subject_id,
                    due_on=due_on,
                    step=step,
                    recipient_id=person_id,
                    recipient=dice.choice(RECIPIENTS[2:] if step > 0 else RECIPIENTS[:2]),
                    unit_id=held.unit_id,
                    plan_id=None,
                    folded=[1] if step == 3 and self.chance(0.4) else [],
                    vacant_unit_ids=[unit.id for unit in vacant],
                    scheduled_on=TODAY,
                    due_at=BATCHES[number > numbers[len(numbers) // 2]],
                    dropped=dice.choice([None, None, *(each.value for each in Dropped)]),
                )
            )
        if numbers:
            middle, last = numbers[len(numbers) // 2], numbers[-1]
            world.batches.append(r.ReminderBatch(1, 1, middle, BATCHES[0], BATCHES[0]))
            world.batches.append(r.ReminderBatch(2, middle + 1, last + 1, BATCHES[1], None))

    def _warnings(self) -> None:
        world, dice = self.world, self.dice
        about: list[tuple[str, Any, str]] = [
            ("TARGET", target, kind)
            for target in dice.sample(world.targets, min(15, len(world.targets)))
            for kind in dice.sample(OF_TARGETS, dice.randint(1, 2))
        ]
        about += [("TASK", task, kind) for task in world.tasks for kind in OF_TASKS if self.chance(0.4)]
        about += [one for one in about if self.chance(0.3)]
        opened: set[tuple[str, int, str]] = set()
        for number, (subject, row, kind) in zip(self.ids(len(about)), about, strict=True):
            key = subject, row.id, kind
            closed = key in opened or self.chance(0.3)
            opened |= set() if closed else {key}
            answered = self.chance(0.4)
            since = START + timedelta(dice.randint(0, 20))
            figures = {"since": since.isoformat(), "stale_days": 14, "progress": str(number), "grace_days": 7}
            world.warnings.append(
                r.EarlyWarning(
                    id=number,
                    kind=kind,
                    subject=subject,
                    subject_id=row.id,
                    plan_id=row.plan_id,
                    unit_id=row.unit_id if subject == "TARGET" else row.lead_unit_id or row.owner_unit_id,
                    severity=dice.choice(("AT_RISK", "OFF_TRACK")),
                    evidence=json.dumps(figures),
                    opened_on=since,
                    opened_at=NOW,
                    acknowledged_by_id=self.maybe(world.persons) if answered else None,
                    acknowledged_at=NOW if answered else None,
                    response=self.word("sẽ") if answered else None,
                    respond_by=END if answered else None,
                    closed_at=NOW if closed else None,
                    closed_because="ENDED" if closed else None,
                )
            )

    # Inboxes and the outside --------------------------------------------------------------------------------

    def _inboxes(self) -> None:
        """People are told of what they may see, and of what they have lost sight of since."""
        world, dice = self.world, self.dice
        subjects = [("Task", row) for row in world.tasks] + [("Target", row) for row in world.targets]
        told = [(dice.choice(world.persons), dice.choice(subjects)) for _ in range(3 * len(world.persons))]
        for number, (person, (kind, row)) in zip(self.ids(len(told)), told, strict=True):
            data = {
                "title": self.word("Việc"),
                "due_on": row.due_on.isoformat(),
                "days_late": dice.randint(1, 9),
            }
            world.notifications.append(
                r.Notification(
                    id=number,
                    person_id=person.id,
                    unit_id=self.maybe(world.units),
                    kind=dice.choice([each.value for each in NotificationKind]),
                    subject_type=kind,
                    subject_id=row.id,
                    plan_id=row.plan_id,
                    data=json.dumps(data),
                    origin="hunt",
                    origin_id=number,
                    created_at=NOW,
                    read_at=dice.choice([None, NOW]),
                )
            )
        for person in world.persons:
            if self.chance(0.6):
                quiet = (time(21), time(6)) if self.chance(0.5) else (None, None)
                muted = dice.sample([each.value for each in NotificationKind], dice.randint(0, 2))
                cadence = dice.choice(("INSTANT", "DAILY", "WEEKLY"))
                because = self.word("550")
                world.preferences.append(
                    r.NotificationPreference(
                        person.id, self.chance(0.5), cadence, *quiet, muted, because, dice.randint(1, 5)
                    )
                )

    def _webhooks(self) -> None:
        world, dice = self.world, self.dice
        deliveries = iter(self.ids(30))
        for number in self.ids(6):
            disabled = self.chance(0.3)
            world.endpoints.append(
                r.WebhookEndpoint(
                    id=number,
                    unit_id=dice.choice(world.units).id,
                    url=f"https://{self.word('x').split()[-1].encode('idna').decode()}.vn/hook",
                    kinds=dice.sample(["REMINDER", "ESCALATION"], dice.randint(0, 2)),
                    secret=b"sealed",
                    created_at=NOW,
                    disabled_at=NOW if disabled else None,
                    disabled_because="BY_HAND" if disabled else None,
                )
            )
            told = dice.sample(world.notifications, min(dice.randint(0, 4), len(world.notifications)))
            for each in told:
                state = dice.choice(("PENDING", "DELIVERED", "DEAD"))
                world.deliveries.append(
                    r.WebhookDelivery(next(deliveries), number, each.id, each.kind, state, 1, NOW, NOW)
                )

    def _feeds(self) -> None:
        for number in self.ids(8):
            self.world.feeds.append(
                r.CalendarFeed(
                    id=number,
                    person_id=self.dice.choice(self.world.persons).id,
                    unit_id=self.maybe(self.world.units),
                    digest=f"digest {number}".encode(),
                    created_at=NOW,
                    revoked_at=self.dice.choice([None, None, NOW]),
                )
            )

    def _exceptions(self) -> None:
        days = self.dice.sample(range(1, 300), 6)
        for number, day in zip(self.ids(6), days, strict=True):
            scope = self.dice.choice(("NATIONAL", "REGION", "UNIT"))
            revoked = self.chance(0.3)
            self.world.exceptions.append(
                r.CalendarException(
                    id=number,
                    scope=scope,
                    unit_id=None if scope == "NATIONAL" else self.dice.choice(self.world.units).id,
                    day=date(2027, 1, 1) + timedelta(day),
                    working=self.chance(0.5),
                    name=self.word("nghỉ"),
                    reason=self.word("công văn"),
                    created_by_id=self.maybe(self.world.persons),
                    created_at=NOW,
                    revoked_by_id=self.maybe(self.world.persons) if revoked else None,
                    revoked_at=NOW if revoked else None,
                )
            )


def done(
    world: World, dice: Random
) -> Iterable[tuple[str, str, int, int | None, int | None, dict[str, Any]]]:
    """What the log has of all that."""
    for warning in world.warnings:
        if warning.response is not None:
            said = {"response": warning.response, "respond_by": END.isoformat()}
            subject = (warning.id, warning.plan_id, warning.unit_id)
            yield ("warning.acknowledged", "EarlyWarning", *subject, said)
    for endpoint in world.endpoints:
        yield ("webhook.registered", "WebhookEndpoint", endpoint.id, None, endpoint.unit_id, {})
    for delivery in world.deliveries[:3]:
        yield ("webhook.replayed", "WebhookDelivery", delivery.id, None, None, {})
    for feed in world.feeds[:3]:
        yield ("calendar_feed.created", "CalendarFeed", feed.id, None, feed.unit_id, {})
    for exception in world.exceptions[:3]:
        data = {"name": exception.name}
        yield (
            "calendar.exception_added", "CalendarException", exception.id, None, exception.unit_id, data
        )  # fmt: skip
    for person in dice.sample(world.persons, 2):
        yield ("inbox.read", "Inbox", person.id, None, None, {"notifications": 2})


def done_to(world: World, task: r.Task) -> Iterable[tuple[str, dict[str, Any]]]:
    """What the log has of a task's dates."""
    for extension in world.extensions:
        if extension.task_id == task.id:
            dates = {"from": extension.due_on.isoformat(), "to": END.isoformat(), "reason": extension.reason}
            yield "extension_requested", {"extension_id": extension.id, **dates}
            if extension.state == "GRANTED":
                yield "due_extended", {"extension_id": extension.id, **dates}
    series = world.get("recurrences", task.recurrence_id)
    if series is not None and series.task_id == task.id:
        yield "repeats", {"recurrence_id": series.id, "rule": series.rule}
