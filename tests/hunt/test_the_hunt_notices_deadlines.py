"""Every condition of who sees what of deadlines is broken once, and the hunt must notice."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

import vdept_graphql.schema  # noqa: F401  every feature is loaded before anything is broken
from hunt.breaking import broken, questions
from hunt.chains import chain, sent_at
from hunt.conftest import settled
from hunt.deadline_fields import DEFAULT as STEPS
from hunt.documents import Composer, Document
from hunt.hunter import Hunter, Leak, Place, _clients
from hunt.making import make
from hunt.occasions import sights
from hunt.policy import Sight, Viewer
from hunt.world import World
from vdept.tasks.access import _visible_from

CHECKS = 300

CHAIN = "{ step state dropped person { name } unit { id } vacantUnits { id } }"
ASKED = {
    "inbox": "inbox(first: 100) { totalCount nodes { id message subject { __typename id } } }",
    "unread": "unreadCount(filter: $inboxFilter) { total kinds { kind count } }",
    "warnings": "warnings(filter: $warningFilter first: 100) { totalCount nodes { id response } }",
    "counts": "warningCounts(unitId: $ofUnit below: $yes) { kind severity number unacknowledged }",
    "warning": "warning(id: $earlyWarningId) { id response sentence }",
    "chains": f"tasks(first: 100) {{ nodes {{ id escalations {CHAIN} }} }}",
    "reminders": "tasks(first: 100) { nodes { id reminders(first: 50) { totalCount nodes { step } } } }",
    "explained": "explainDeadline(taskId: $taskId) { lines { sentence people } }",
    "requests": "extensionRequests(unitId: $unitId first: 100) { totalCount nodes { id reason } }",
    "repeated": "tasks(first: 100) { nodes { recurrence { id occurrences(first: 50) { nodes { id } } } } }",
    "history": "tasks(first: 100) { nodes { history(first: 100) { nodes { data } } } }",
    "endpoints": "webhookEndpoints(first: 100) { totalCount nodes { id url } }",
    "deliveries": "webhookDeliveries(endpointId: $endpointId first: 100) { totalCount nodes { id } }",
    "feeds": "myCalendarFeeds(revoked: $yes first: 100) { totalCount nodes { id } }",
    "exceptions": "calendarExceptions(first: 100) { totalCount nodes { id name } }",
    "calendar": 'workingCalendar(from: "2026-12-28" to: "2027-02-10" unitId: $ofUnit) { scope }',
}
"""Questions after everything of a kind at once: what is broken shows soon."""

INBOX, WARNINGS = "vdept.notifications.access", "vdept.warnings"
DEADLINES, SCHEDULE = "vdept.deadlines", "vdept.tasks.schedule_queries"
WEBHOOKS, FEEDS, CALENDARS = "vdept.notifications.webhooks.access", "vdept.feeds.access", "vdept.calendars"


@dataclass(frozen=True)
class Break:
    """Where, what it says and what it says instead; what is asked then, and who asks it."""

    where: str
    old: str
    new: str
    asked: str
    only: str = ""
    group: str = ""
    world: str = ""

    def __str__(self) -> str:
        name = self.where.rpartition(":")[2]
        return f"{name}: {self.old[:40].strip()} → {self.new[:25].strip() or 'nothing'}"


BREAKS = [
    # one's own inbox
    Break(f"{INBOX}:_own", "person_id == actor.person_id", "sa.true()", "inbox"),
    Break(f"{INBOX}:_own", " or not actor.may(Scope.NOTIFICATIONS_READ)", "", "unread", group="client"),
    # warnings, with what they are about
    Break(f"{WARNINGS}.access:visible_warnings", "visible_target_outcomes(actor)", "sa.true()", "warnings"),
    Break(f"{WARNINGS}.access:visible_warnings", "visible_tasks(actor)", "sa.true()", "warnings"),
    Break(
        f"{WARNINGS}.access:_of",
        "EarlyWarning.subject == subject, ",
        "",
        "warnings",
        group="outside",
        world="numbers",
    ),
    Break(f"{WARNINGS}.queries:counts", "visible_warnings(tx.actor), ", "", "counts"),
    Break(f"{WARNINGS}.queries:warnings_by_ids", "visible_warnings(tx.actor)", "sa.true()", "warning"),
    Break(
        f"{WARNINGS}.queries:WarningFilter.conditions",
        "visible_plans(actor)",
        "sa.true()",
        "warnings",
        only="planId",
        group="outside",
    ),
    # reminders, chains and explanations
    Break(
        f"{DEADLINES}.access:sees_offices",
        "(actor.is_public_official and actor.may(Scope.PEOPLE_READ))",
        "True",
        "reminders",
        group="outside",
    ),
    Break(
        f"{DEADLINES}.access:sees_offices",
        " and actor.may(Scope.PEOPLE_READ)",
        "",
        "reminders",
        group="client",
    ),
    Break(
        f"{DEADLINES}.access:own_offices",
        " if actor.may(Scope.PEOPLE_READ) else frozenset()",
        "",
        "reminders",
        group="client",
    ),
    Break(f"{DEADLINES}.access:visible_reminders", ", offices", "", "reminders", group="outside"),
    Break(f"{DEADLINES}.access:visible_reminders", "ways.append", "list", "reminders", group="outside"),
    Break(f"{DEADLINES}.escalating:chains_of_tasks", "not sees_offices(tx.actor)", "False", "chains"),
    Break(
        f"{DEADLINES}.escalating:_without_offices",
        " and one.state is not EscalationState.PLANNED",
        "",
        "chains",
        group="outside",
    ),
    Break(
        f"{DEADLINES}.escalating:_nameless",
        "{None, Dropped.RECIPIENT_LEFT}",
        "{None}",
        "chains",
        group="outside",
    ),
    Break(f"{DEADLINES}.explaining:explain_deadline", "visible_tasks(tx.actor)", "sa.true()", "explained"),
    Break(f"{DEADLINES}.explaining:_told", "sees_offices(tx.actor)", "True", "explained", group="outside"),
    # extensions and series
    Break(f"{SCHEDULE}:extensions_by_ids", ", visible_tasks(tx.actor)", "", "extension"),
    Break(f"{SCHEDULE}:requests_page", "visible_tasks(tx.actor),", "", "requests"),
    Break(f"{SCHEDULE}:recurrences_by_ids", ", visible_tasks(tx.actor)", "", "repeated", group="outside"),
    Break(
        f"{SCHEDULE}:tasks_of_recurrences",
        "visible_tasks(tx.actor)",
        "sa.true()",
        "repeated",
        group="outside",
    ),
    Break(
        "vdept.tasks.history:hidden_in",
        "first.correlate(TaskRecurrence)",
        "sa.true()",
        "history",
        group="outside",
    ),
    # the outside
    Break(
        f"{WEBHOOKS}:visible_endpoints", "actor.client_id is not None or ", "", "endpoints", group="client"
    ),
    Break(
        f"{WEBHOOKS}:visible_endpoints",
        " if s.role in MANAGING",
        "",
        "endpoints",
        group="outside",
        world="numbers",
    ),
    Break(f"{WEBHOOKS}:visible_deliveries", ", visible_endpoints(actor)", "", "deliveries"),
    Break(f"{FEEDS}:owner_of", " if actor.client_id is None else None", "", "feeds", group="client"),
    Break(f"{FEEDS}:visible_feeds", "CalendarFeed.person_id == person_id", "sa.true()", "feeds"),
    # the calendar: public facts for whoever has signed in
    Break(f"{CALENDARS}.access:visible_exceptions", "actor.known", "True", "exceptions", group="nobody"),
    Break(f"{CALENDARS}.queries:stretch", "not tx.actor.known", "False", "calendar", group="nobody"),
]


Ready = tuple[dict[str, tuple[Hunter, Place]], dict[str, Document]]


def _sees_first_of_series(sight: Sight) -> bool:
    """The first task of a series, and not what came of it."""
    w = sight.world
    tasks = [(w.get("recurrences", t.recurrence_id), t) for t in w.tasks if t.recurrence_id is not None]
    return any(sight.recurrence(series) and not sight.task(task) for series, task in tasks)


def _sees_a_target_numbered_as_a_hidden_task(sight: Sight) -> bool:
    warned = {x.subject_id for x in sight.world.warnings if x.subject == "TASK" and not sight.warning(x)}
    return any(sight.target_outcome(t) and t.id in warned for t in sight.world.targets)


def _works_beside_an_endpoint(sight: Sight) -> bool:
    """Their unit has an endpoint, and they do not manage the unit."""
    return any(x.unit_id in sight.own and not sight.endpoint(x) for x in sight.world.endpoints)


def _will_be_told(sight: Sight) -> bool:
    """A step to come is for their own unit: known, it would tell that nobody before them holds the office."""
    return any(
        one.state == "PLANNED" and one.unit_id in sight.own
        for task in sight.world.tasks
        if sight.task(task)
        for one in chain(replace(sight, viewer=ADMINISTRATOR), task)
    )


def _somebody_left(sight: Sight) -> bool:
    """Of a step that is past, all that is known is that it was dropped, as whoever it was for had left."""
    chains = [(t, chain(replace(sight, viewer=ADMINISTRATOR), t)) for t in sight.world.tasks if sight.task(t)]
    for _, whole in chains:
        for one in whole:
            alike = [
                x for x in whole if (x.due_on, x.step, x.recipient) == (one.due_on, one.step, one.recipient)
            ]
            if {x.dropped for x in alike} == {"RECIPIENT_LEFT"} and one.unit_id not in sight.own:
                return True
    return False


def _was_sent(sight: Sight) -> bool:
    """Somebody was told by a step that is in the policy, of the date that holds."""
    for x in sight.world.reminders:
        task = sight.world.get("tasks", x.subject_id) if x.subject == "TASK" else None
        if task is None or not sight.task(task) or x.due_on != task.due_on or not sent_at(sight.world, x):
            continue
        own = any(each.plan_id == task.plan_id for each in sight.world.policies)
        steps = [(each.step, each.recipient) for each in sight.world.steps if each.plan_id == task.plan_id]
        if (x.step, x.recipient) in (steps if own else STEPS):
            return True
    return False


def _narrowed(world: World, seed: str) -> bool:
    """Apps that see a task and not people: one of officials, one of a unit whose people were reminded."""
    sights = [Sight(world, each.viewer) for each in _clients(world, Random(seed))]
    narrow = [s for s in sights if s.viewer.may("tasks:read") and not s.viewer.may("people:read")]
    told = [
        (s, x)
        for s in narrow
        for x in world.reminders
        if x.subject == "TASK" and s.task(world.get("tasks", x.subject_id))
    ]
    return any(s.official for s, _ in told) and any(not s.official and x.unit_id in s.own for s, x in told)


def _has_a_feed_and_an_app(world: World, seed: str) -> bool:
    through = {reader.viewer.person_id for reader in _clients(world, Random(seed))}
    return any(feed.person_id in through for feed in world.feeds)


def _has_an_inbox_and_an_app(world: World, seed: str) -> bool:
    """An app acts for somebody who was told something, and may not open their inbox."""
    told = {x.person_id for x in world.notifications if x.read_at is None}
    through = [reader.viewer for reader in _clients(world, Random(seed))]
    return any(v.person_id in told and not v.may("notifications:read") for v in through)


ADMINISTRATOR = Viewer(administrator=True)


def _outside(*needed: Callable[[Sight], bool]) -> Callable[[str], bool]:
    """A world in which there is each of these occasions for somebody who is only in firms."""

    def fits(seed: str) -> bool:
        world = make(seed)
        return all(any(map(has, sights(world, official=False))) for has in needed)

    return fits


def _client(seed: str) -> bool:
    world = make(seed)
    both = _has_a_feed_and_an_app(world, seed) and _has_an_inbox_and_an_app(world, seed)
    return both and _narrowed(world, seed)


WORLDS: dict[str, Callable[[str], bool]] = {
    "": _outside(_will_be_told, _somebody_left, _was_sent),
    "numbers": _outside(
        _sees_first_of_series, _sees_a_target_numbered_as_a_hidden_task, _works_beside_an_endpoint
    ),
    "client": _client,
}


@pytest.fixture(scope="module")
async def ready(servers: Any, template: str) -> AsyncIterator[Ready]:
    compose = Composer(Random(1))
    documents = {name: compose.written(text) for name, text in ASKED.items()}
    by_number = "nodes(ids: $ids) { ... on TaskExtension { id reason } }"
    documents["extension"] = compose.written(by_number, kinds=("TaskExtension",))
    async with settled(servers, template, WORLDS, documents) as places:
        yield places, documents


async def test_nothing_leaks_while_nothing_is_broken(ready: Ready) -> None:
    places, documents = ready
    for asked in documents.values():
        await questions(list(places.values()), 6, [asked])


@pytest.mark.parametrize("case", BREAKS, ids=str)
async def test_a_broken_condition_of_deadlines_is_noticed(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, case: Break
) -> None:
    broken(monkeypatch, case.where, case.old, case.new)
    places, documents = ready
    hunter, place = places[case.world or (case.group if case.group in places else "")]
    if case.group:
        place = replace(place, readers=place.groups[case.group], groups={})
    with pytest.raises(Leak):
        await questions([(hunter, place)], CHECKS, [documents[case.asked]], case.only)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Conditions that are remembered from one call to the next are made anew while something is broken."""
    _visible_from.cache_clear()
    yield
    _visible_from.cache_clear()
