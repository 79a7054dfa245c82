"""A random world, made of a seed: units, people, plans, tasks, and what hangs on them.

Rows are what the verbs could have left (a lead has its part in the task, nobody below a withdrawn target
holds on to theirs, a firm's target is served by tasks that the firm is in), with two exceptions that the
policy must stand all the same: targets in drafts, and dates on the very edge.
"""

import json
import random
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from factories import NOW
from hunt import making_deadlines, making_judged
from hunt import rows as r
from hunt.making_deadlines import Deadlines
from hunt.making_judged import Judged
from hunt.world import END, LIVE, OPEN_STATES, START, TODAY, World
from vdept.kernel.scopes import Scope
from vdept.kernel.text import fold, sort_key

AUDIENCES = ("PUBLIC", "GOVERNMENT", "PARTICIPANTS", "PARTICIPANTS")
T = TypeVar("T")


def make(seed: str) -> World:
    """The world of this seed."""
    return _Maker(seed).make()


class _Maker:
    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)
        self.links = random.Random(f"{seed} links")
        """Dice of their own: the rest of a seed's world stays as it was."""
        self.world = World()
        self.words = iter(range(10, 10_000))

    def make(self) -> World:
        self._units()
        self._people()
        self._clients()
        self._identities()
        self._plans()
        self._measurements()
        self._tasks()
        self._around_tasks()
        Deadlines(self.world, self.dice, self.word, self.ids).make()
        Judged(self.world, self.dice, self.word, self.ids).make()
        self._activities()
        return self.world

    # What is drawn ------------------------------------------------------------------------------------------

    def ids(self, count: int) -> list[int]:
        """Small numbers with gaps, the same for every kind: what is taken for another kind's is noticed."""
        return sorted(self.dice.sample(range(1, 3 * count + 4), count))

    def word(self, start: str) -> str:
        """A name with a word that no other has."""
        return f"{start} {self.dice.choice(('Sao', 'Đa', 'Hồng', 'Ấm', 'Lam'))}{next(self.words)}"

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def some(self, given: Sequence[T], most: int) -> list[T]:
        return self.dice.sample(given, self.dice.randint(0, min(most, len(given))))

    def one(self, given: Iterable[T]) -> T | None:
        choices = list(given)
        return self.dice.choice(choices) if choices else None

    def anybody(self) -> int | None:
        return self.dice.choice([None, *[person.id for person in self.world.persons]])

    # Units and people ---------------------------------------------------------------------------------------

    def _units(self) -> None:
        dice = self.dice
        shape: list[tuple[str, int | None]] = [("GOVERNMENT", None)]
        shape += [("MINISTRY", 0)] * dice.randint(1, 2) + [("PROVINCE", 0)] * dice.randint(1, 3)
        second = len(shape)
        shape += [
            (dice.choice(("DEPARTMENT", "COMMUNE")), dice.randrange(1, second))
            for _ in range(dice.randint(1, 3))
        ]
        third = len(shape)
        shape += [("COMMUNE", dice.randrange(second, third)) for _ in range(dice.randint(0, 2))]
        shape += [("FIRM", None)] * dice.randint(2, 3) + [("ASSOCIATION", None)]
        numbers = self.ids(len(shape))
        dice.shuffle(numbers)
        for number, (kind, above) in zip(numbers, shape, strict=True):
            parent = None if above is None else self.world.units[above]
            name = self.word("Đơn vị")
            edge = [None] * 8 + [TODAY, TODAY - timedelta(1)]
            self.world.units.append(
                r.Unit(
                    id=number,
                    code=f"U{number}",
                    name=name,
                    kind=kind,
                    parent_id=parent.id if parent else None,
                    path=[*(parent.path if parent else []), number],
                    sort_key=sort_key(name),
                    search=fold(f"{name} U{number}"),
                    valid_from=dice.choice([date(2000, 1, 1)] * 8 + [TODAY, TODAY + timedelta(1)]),
                    valid_to=dice.choice(edge),
                )
            )
        for unit in self.world.units:
            unit.valid_to = unit.valid_to and max(unit.valid_to, unit.valid_from)

    def _people(self) -> None:
        units = self.world.units
        numbers = self.ids(len(units) + 6)
        for number in numbers:
            name = self.word("Nguyễn")
            email = f"person{number}@example.vn"
            self.world.persons.append(
                r.Person(
                    id=number,
                    name=name,
                    email=email,
                    administrator=number == numbers[0],
                    active=self.chance(0.9),
                    sort_key=sort_key(name),
                    search=fold(f"{name} {email}"),
                )
            )
        people = numbers[1:-1]  # the last one has no role anywhere
        firm = next(unit for unit in units if unit.beside)
        seats = [
            (people[i % len(people)], unit.id, "HEAD")
            for i, unit in enumerate(units)
            if self.chance(0.8) and unit is not firm
        ]
        seats += [
            (self.dice.choice(people), self.dice.choice(units).id, role)
            for role in ("DEPUTY", "COORDINATOR", "MEMBER", "OBSERVER")
            for _ in range(self.dice.randint(1, 4))
        ]
        both, former = people[-1], people[-2]
        seats += [(both, firm.id, "HEAD"), (both, units[0].id, "OBSERVER"), (former, firm.id, "HEAD")]
        seats = list(dict.fromkeys(seats))
        for number, (person, unit_id, role) in zip(self.ids(len(seats)), seats, strict=True):
            starts, ends = self.dice.choice(
                [(date(2020, 1, 1), None)] * 6
                + [
                    (date(2020, 1, 1), TODAY - timedelta(1)),
                    (date(2020, 1, 1), TODAY),
                    (TODAY, None),
                    (TODAY + timedelta(1), None),
                ]
            )
            if unit_id == firm.id and role == "HEAD":  # one after the other
                starts, ends = date(2020, 1, 1), TODAY - timedelta(1)
                if person == both:
                    starts, ends = TODAY, None
            self.world.memberships.append(r.Membership(number, person, unit_id, role, starts, ends))

    def _clients(self) -> None:
        numbers = self.ids(4)
        for number in numbers:
            scopes = self.dice.sample(list(Scope), self.dice.randint(0, 6))
            self.world.clients.append(
                r.ApiClient(
                    id=number,
                    client_id=f"client{number}",
                    unit_id=self.dice.choice(self.world.units).id,
                    name=self.word("Ứng dụng"),
                    authentication="SECRET",
                    machine=True,
                    redirect_uris=[],
                    scopes=[scope.value for scope in scopes],
                    created_at=NOW,
                    revoked_at=self.dice.choice([None, None, NOW]),
                )
            )
        for number in self.ids(5):
            self.world.authorizations.append(
                r.ClientAuthorization(
                    id=number,
                    client_id=self.dice.choice(numbers),
                    person_id=self.dice.choice(self.world.persons).id,
                    scopes=["tasks:read"],
                    created_at=NOW,
                    expires_at=NOW + timedelta(self.dice.choice([-1, 30])),
                    revoked_at=self.dice.choice([None, None, NOW]),
                )
            )

    def _identities(self) -> None:
        for number in self.ids(4):
            person = self.dice.choice([None, *[person.id for person in self.world.persons]])
            name = self.word("Nguyễn")
            self.world.identities.append(
                r.Identity(number, "https://sso.example.vn", f"s{number}", person, name, NOW, NOW)
            )

    # Plans --------------------------------------------------------------------------------------------------

    def _plans(self) -> None:
        world, dice = self.world, self.dice
        for number in self.ids(2):
            name = self.word("Chỉ số")
            world.indicators.append(
                r.Indicator(
                    number,
                    f"I{number}",
                    name,
                    "%",
                    dice.choice(("AT_LEAST", "AT_MOST")),
                    sort_key(name),
                    fold(name),
                )
            )
        public = [unit for unit in world.units if not unit.beside]
        objectives, key_results = iter(self.ids(12)), iter(self.ids(24))
        for number in self.ids(dice.randint(2, 4)):
            starts = START + timedelta(dice.randint(0, 2))
            issuer = dice.choice([public[0], dice.choice(public)])
            state = dice.choice(("DRAFT", "ISSUED", "ISSUED", "ISSUED", "ISSUED", "CLOSED"))
            plan = r.Plan(
                number,
                f"KH{number}",
                self.word("Kế hoạch"),
                issuer.id,
                starts,
                END,
                dice.choice(AUDIENCES),
                state,
            )
            world.plans.append(plan)
            for position in range(1, dice.randint(1, 2) + 1):
                objective = r.Objective(next(objectives), number, position, self.word("Mục tiêu"))
                world.objectives.append(objective)
                for place in range(1, dice.randint(1, 2) + 1):
                    world.key_results.append(
                        r.KeyResult(
                            id=next(key_results),
                            plan_id=number,
                            objective_id=objective.id,
                            indicator_id=dice.choice(world.indicators).id,
                            position=place,
                            title=self.word("Chỉ tiêu"),
                            value=Decimal(60),
                            due_on=dice.choice([END, TODAY - timedelta(3)]),
                            rollup=dice.choice(("EACH", "SUM", "MEAN", "MAX", "OWN", "RATIO", "MILESTONE")),
                            basis=dice.choice(("MEASURED", "REPORTED")),
                        )
                    )
        self._targets()

    def _targets(self) -> None:
        world, dice = self.world, self.dice
        numbers = self.ids(len(world.key_results) * len(world.units))
        dice.shuffle(numbers)
        drafts = [plan.id for plan in world.plans if plan.state == "DRAFT"]
        for key_result in world.key_results:
            plan = world.get("plans", key_result.plan_id)
            if plan.id in drafts and self.chance(0.6):
                continue
            root = self._target(numbers.pop(), key_result, plan.issuer_unit_id, None)
            held = {plan.issuer_unit_id: root}
            width = dice.choice((0.2, 0.5))
            for unit in sorted(world.units, key=lambda each: len(each.path)):
                above = [held[each] for each in unit.path[:-1] if each in held] or (
                    [root] if unit.beside else []
                )
                if above and unit.id not in held and self.chance(width):
                    held[unit.id] = self._target(numbers.pop(), key_result, unit.id, dice.choice(above))
        withdrawn: set[int] = set()
        for target in sorted(world.targets, key=lambda each: each.level):
            if target.parent_id in withdrawn or self.chance(0.2):
                withdrawn.add(target.id)
                target.state = "WITHDRAWN"
        world.targets.sort(key=lambda each: each.id)

    def _target(self, number: int, of: r.KeyResult, holder: int, parent: r.Target | None) -> r.Target:
        known = self.chance(0.5)
        target = r.Target(
            id=number,
            plan_id=of.plan_id,
            key_result_id=of.id,
            indicator_id=of.indicator_id,
            unit_id=holder,
            parent_id=parent.id if parent else None,
            level=parent.level + 1 if parent else 0,
            value=Decimal(self.dice.randint(40, 80)),
            starts_on=START,
            due_on=self.dice.choice([of.due_on, END]),
            state="ACTIVE",
            assigned_by_unit_id=parent.unit_id if parent else holder,
            assigned_by_id=self.anybody(),
            assigned_at=NOW,
            acknowledged_at=NOW if known else None,
            acknowledged_by_id=self.anybody() if known else None,
        )
        self.world.targets.append(target)
        return target

    def _measurements(self) -> None:
        world, dice = self.world, self.dice
        places = [(unit.id, what.id) for unit in world.units for what in world.indicators if self.chance(0.6)]
        places += [dice.choice(places) for _ in range(4)] if places else []
        for number, (unit_id, indicator_id) in zip(self.ids(len(places)), places, strict=True):
            again = [
                each
                for each in world.measurements
                if (each.unit_id, each.indicator_id) == (unit_id, indicator_id)
                and all(other.supersedes_id != each.id for other in world.measurements)
            ]
            wrong = dice.choice(again) if again and self.chance(0.5) else None
            world.measurements.append(
                r.Measurement(
                    id=number,
                    indicator_id=indicator_id,
                    unit_id=unit_id,
                    basis=wrong.basis if wrong else dice.choice(("MEASURED", "REPORTED")),
                    as_of=wrong.as_of if wrong else START + timedelta(dice.randint(3, 50)),
                    value=Decimal(dice.randint(0, 100)),
                    source="nguồn",
                    recorded_at=NOW,
                    recorded_by_id=self.anybody(),
                    supersedes_id=wrong.id if wrong else None,
                )
            )

    # Tasks --------------------------------------------------------------------------------------------------

    def _tasks(self) -> None:
        dice, world = self.dice, self.world
        states = (*OPEN_STATES, "IN_PROGRESS", "DELIVERED", "VERIFIED", "DECLINED", "PAUSED", "CANCELLED")
        for number in self.ids(dice.randint(7, 13)):
            state = dice.choice(states)
            done = state in {"DELIVERED", "VERIFIED"}
            title = self.word("Nhiệm vụ")
            due_on = TODAY + timedelta(dice.randint(-3, 5))
            plan = self.one(world.plans) if self.chance(0.7) else None
            whole = self.one(each for each in world.tasks if each.plan_id == (plan.id if plan else None))
            no_lead = state == "OPEN" or (state == "CANCELLED" and self.chance(0.3))
            task = r.Task(
                id=number,
                plan_id=plan.id if plan else None,
                parent_id=whole.id if whole and self.chance(0.4) else None,
                title=title,
                search=fold(title),
                kind=dice.choice(("ROUTINE", "DEEP")),
                audience=dice.choice(AUDIENCES),
                state=state,
                state_reason="lý do" if state in {"PAUSED", "CANCELLED", "DECLINED"} else None,
                review_on=END if state == "PAUSED" else None,
                owner_unit_id=dice.choice(world.units).id,
                lead_unit_id=None if no_lead else dice.choice(world.units).id,
                created_by_id=self.anybody(),
                created_at=NOW - timedelta(minutes=dice.randint(0, 5)),
                updated_at=NOW,
                due_on=due_on,
                original_due_on=due_on,
                progress=Decimal(0),
                delivered_on=TODAY + timedelta(dice.randint(-6, 0)) if done else None,
                verified_by_id=self.anybody() if state == "VERIFIED" else None,
                paused_on=TODAY - timedelta(dice.randint(0, 3)) if state == "PAUSED" else None,
                recurrence_id=None,
                occurrence_on=None,
            )
            world.tasks.append(task)
            self._parts(task)

    def _parts(self, task: r.Task) -> None:
        parts: dict[int, str] = {}
        if task.lead_unit_id is not None:
            said_no = task.state == "DECLINED" or (task.state == "CANCELLED" and self.chance(0.5))
            parts[task.lead_unit_id] = (
                "DECLINED" if said_no else "INVITED" if task.state == "OFFERED" else "ACCEPTED"
            )
        for unit in self.some(self.world.units, 3):
            parts.setdefault(
                unit.id, self.dice.choice(("INVITED", "ACCEPTED", "ACCEPTED", "DECLINED", "LEFT"))
            )
        for unit_id, state in parts.items():
            self.world.participations.append(
                r.Participation(
                    task_id=task.id,
                    unit_id=unit_id,
                    role=self.dice.choice(("PROBLEM_OWNER", "BUILDER", "USER", "CONTRIBUTOR", "SUPERVISOR")),
                    state=state,
                    share=self.dice.choice((0, 1, 3)),
                    progress=self.dice.choice((0, 50, 100)),
                    due_on=task.due_on,
                    open=task.state in OPEN_STATES and state in LIVE,
                    updated_at=NOW,
                )
            )

    def _around_tasks(self) -> None:
        world, dice = self.world, self.dice
        comments, evidence = iter(self.ids(60)), iter(self.ids(40))
        for task in world.tasks:
            live = {
                p.unit_id: p.state for p in world.participations if p.task_id == task.id and p.state in LIVE
            }
            members = {
                (m.person_id, m.unit_id) for m in world.memberships if live.get(m.unit_id) == "ACCEPTED"
            }
            for person, unit_id in sorted(dict(sorted(members)).items()):
                if self.chance(0.4):
                    world.assignees.append(r.Assignee(task.id, person, unit_id, NOW))
            for target in world.targets:
                holder = world.get("units", target.unit_id)
                involved = target.unit_id in live or target.unit_id == task.owner_unit_id
                if target.plan_id == task.plan_id and (involved or not holder.beside) and self.chance(0.3):
                    state = self.links.choice(["ACCEPTED", "ACCEPTED", "PROPOSED", "DECLINED"])
                    reason = "ngoài phạm vi" if state == "DECLINED" else None
                    weight = Decimal(dice.randint(1, 3))
                    world.links.append(r.TaskTarget(task.id, target.id, weight, state, reason))
            for other in self.some(world.tasks, 2):
                if other.id < task.id and other.plan_id == task.plan_id:
                    world.dependencies.append(r.TaskDependency(task.id, other.id))
            speaker = dice.choice(world.units).id
            for _ in range(dice.randint(0, 2)):
                said = r.Comment(next(comments), task.id, self.anybody(), speaker, self.word("lời"), NOW)
                world.comments.append(said)
            if self.chance(0.4):
                proof = r.Evidence(
                    next(evidence), task.id, self.anybody(), speaker, self.word("tệp"), "https://x.vn/", NOW
                )
                world.evidence.append(proof)

    # The log ------------------------------------------------------------------------------------------------

    def _activities(self) -> None:
        world = self.world
        said: list[tuple[str, str, int, int | None, int | None, dict[str, Any]]] = []
        said += [("unit.created", "Unit", each.id, None, each.id, {}) for each in self.some(world.units, 2)]
        said += [
            ("person.created", "Person", each.id, None, None, {}) for each in self.some(world.persons, 3)
        ]
        said += [
            ("membership.granted", "Membership", each.id, None, each.unit_id, {"person_id": each.person_id})
            for each in self.some(world.memberships, 3)
        ]
        said += [("indicator.created", "Indicator", each.id, None, None, {}) for each in world.indicators]
        said += [
            ("client.registered", "ApiClient", each.id, None, each.unit_id, {}) for each in world.clients
        ]
        said += [
            ("client.authorized", "ClientAuthorization", each.id, None, None, {})
            for each in self.some(world.authorizations, 3)
        ]
        said += [("token.minted", "AccessToken", 1, None, None, {"person_id": self.anybody()})]
        said += [("plan.created", "Plan", each.id, each.id, each.issuer_unit_id, {}) for each in world.plans]
        said += [
            ("objective.added", "Objective", each.id, each.plan_id, None, {}) for each in world.objectives
        ]
        said += [
            ("key_result.added", "KeyResult", each.id, each.plan_id, None, {}) for each in world.key_results
        ]
        said += [
            ("key_result.removed", "KeyResult", 900 + p.id, p.id, None, {}) for p in self.some(world.plans, 4)
        ]
        said += [
            ("target.assigned", "Target", each.id, each.plan_id, each.unit_id, {})
            for each in self.some(world.targets, 8)
        ]
        said += [
            ("measurement.recorded", "Measurement", m.id, None, m.unit_id, {})
            for m in self.some(world.measurements, 5)
        ]
        for task in world.tasks:
            said += [
                (f"task.{verb}", "Task", task.id, task.plan_id, task.owner_unit_id, data)
                for verb, data in self._done_to(task)
            ]
        said += making_deadlines.done(world, self.dice)
        said += making_judged.done(world)
        self.dice.shuffle(said)
        for number, (verb, kind, subject, plan_id, unit_id, data) in zip(
            self.ids(len(said)), said, strict=True
        ):
            person = self.anybody()
            actor = "system:outcomes" if person is None else f"person:{person}"
            world.activities.append(
                r.Activity(
                    id=number,
                    at=NOW,
                    actor=actor,
                    person_id=person,
                    client_id=self.dice.choice([None, *[client.id for client in world.clients]]),
                    verb=verb,
                    subject_type=kind,
                    subject_id=subject,
                    plan_id=plan_id,
                    unit_id=unit_id,
                    data=json.dumps(data),
                )
            )

    def _done_to(self, task: r.Task) -> Iterable[tuple[str, dict[str, Any]]]:
        links = [link.target_id for link in self.world.links if link.task_id == task.id]
        if self.chance(0.7):
            data = {"owner_unit_id": task.owner_unit_id, "parent_id": task.parent_id, "title": task.title}
            data |= {"recurrence_id": task.recurrence_id} if task.recurrence_id else {}
            yield "created", data | {"targets": [{"target_id": one, "weight": "1"} for one in links]}
        yield from making_deadlines.done_to(self.world, task)
        for dependency in self.world.dependencies:
            if dependency.task_id == task.id:
                yield "dependency_added", {"blocked_by_id": dependency.blocked_by_id}
        if task.parent_id is not None:
            yield "parent_set", {"from": self.dice.choice(self.world.tasks).id, "to": task.parent_id}
        if links:
            yield "target_unlinked", {"target_id": links[0], "weight": "1"}
