"""Two worlds that look the same to one viewer: the whole one, and what is left without all that is hidden.

Whatever the viewer asks must be answered alike in both: counts, pages, rankings, figures. Nothing of what is
hidden may have left a trace in what is shown (non-interference), whether or not the policy thought of it.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hunt.policy import Sight
from hunt.world import World


def only(rows: Iterable[Any], column: str, kept: set[int]) -> list[Any]:
    """The rows whose ``column`` is one of ``kept``."""
    return [row for row in rows if getattr(row, column) in kept]


def seen_part(sight: Sight) -> World:
    """The world without anything that is hidden from the viewer and has no part in what they are shown.

    A hidden plan stays, without what is in it, where it decides whom a task that is seen reminds when.
    """
    w = sight.world
    tasks = {task.id for task in w.tasks if sight.task(task)}
    targets = [target for target in w.targets if sight.target(target)]
    target_ids = {target.id for target in targets}
    activities = [done for done in w.activities if sight.activity(done) or _of_task(done, tasks)]
    comments, evidence = only(w.comments, "task_id", tasks), only(w.evidence, "task_id", tasks)
    assignees = only(w.assignees, "task_id", tasks)
    named = {row.person_id for row in [*assignees, *activities]} | {row.author_id for row in comments}
    named |= {row.added_by_id for row in evidence} | {sight.viewer.person_id}
    extensions = only(w.extensions, "task_id", tasks)
    named |= {number for row in extensions for number in (row.requested_by_id, row.decided_by_id)}
    reminders = [row for row in w.reminders if row.subject != "TARGET_REVIEW" and row.subject_id in tasks]
    named |= {row.recipient_id for row in reminders if sight.reminder(row)}
    endpoints = [each for each in w.endpoints if sight.endpoint(each)]
    shown = [plan for plan in w.plans if sight.plan(plan)]
    plan_ids = {plan.id for plan in shown} | {task.plan_id for task in only(w.tasks, "id", tasks)}
    warnings = [each for each in w.warnings if sight.warning(each)]
    answers = {each.id for each in warnings}
    activities += [done for done in w.activities if done not in activities and _answers(done, answers)]
    activities.sort(key=lambda done: done.id)
    named |= {done.person_id for done in activities}
    named |= {number for t in only(w.tasks, "id", tasks) for number in (t.created_by_id, t.verified_by_id)}
    persons = [person for person in w.persons if sight.person(person) or person.id in named]
    held = [m for m in w.memberships if sight.membership(m) or m.person_id == sight.viewer.person_id]
    measured = {(target.unit_id, target.indicator_id) for target in targets}
    clients = [client for client in w.clients if sight.client(client)]
    client_ids = {client.id for client in clients}
    return replace(
        w,
        persons=persons,
        memberships=held,
        plans=[plan for plan in w.plans if plan.id in plan_ids],
        objectives=[each for each in w.objectives if sight.objective(each)],
        key_results=[each for each in w.key_results if sight.key_result(each)],
        targets=targets,
        measurements=[
            m for m in w.measurements if sight.measurement(m) or (m.unit_id, m.indicator_id) in measured
        ],
        tasks=only(w.tasks, "id", tasks),
        participations=only(w.participations, "task_id", tasks),
        assignees=assignees,
        links=only(only(w.links, "task_id", tasks), "target_id", target_ids),
        dependencies=only(only(w.dependencies, "task_id", tasks), "blocked_by_id", tasks),
        comments=comments,
        evidence=evidence,
        clients=clients,
        authorizations=[each for each in w.authorizations if each.client_id in client_ids],
        identities=[each for each in w.identities if sight.identity(each)],
        activities=activities,
        extensions=extensions,
        recurrences=[each for each in w.recurrences if sight.recurrence(each)],
        policies=only(w.policies, "plan_id", plan_ids),
        steps=only(w.steps, "plan_id", plan_ids),
        reminders=reminders,
        notifications=[each for each in w.notifications if sight.notification(each)],
        preferences=[each for each in w.preferences if sight.own_inbox(each.person_id)],
        warnings=warnings,
        endpoints=endpoints,
        deliveries=only(w.deliveries, "endpoint_id", {each.id for each in endpoints}),
        feeds=[each for each in w.feeds if sight.feed(each)],
        **_judged(sight),
    )


def _judged(sight: Sight) -> dict[str, list[Any]]:
    """What is measured, judged and published of it."""
    w = sight.world
    sources = [each for each in w.sources if sight.source(each)]
    intakes = [each for each in w.intakes if sight.intake(each)]
    editions = [each for each in w.editions if sight.edition(each)]
    focuses = [each for each in w.focuses if sight.focus(each)]
    source_ids, edition_ids = {each.id for each in sources}, {each.id for each in editions}
    plans = {plan.id for plan in w.plans if sight.whole(plan)}
    return {
        "sources": sources,
        "source_indicators": only(w.source_indicators, "source_id", source_ids),
        "connectors": [each for each in w.connectors if sight.connector(each.source_id)],
        "intakes": intakes,
        "rejected": only(w.rejected, "intake_id", {each.id for each in intakes}),
        "verdicts": [each for each in w.verdicts if sight.verdict(each)],
        "gaps": [each for each in w.gaps if sight.gap(each)],
        "editions": editions,
        "edition_files": only(w.edition_files, "edition_id", edition_ids),
        "edition_requests": only(w.edition_requests, "plan_id", plans),
        "signals": [each for each in w.signals if sight.signal(each)],
        "focuses": focuses,
        "focus_objectives": only(w.focus_objectives, "focus_id", {each.id for each in focuses}),
    }


def _answers(done: Any, warnings: set[int]) -> bool:
    """What was answered to a warning is in the log, which is not for everybody."""
    return done.subject_type == "EarlyWarning" and done.subject_id in warnings


def _of_task(done: Any, tasks: set[int]) -> bool:
    """A task shows its whole history, also to whom the feed is not for."""
    return done.subject_type == "Task" and done.subject_id in tasks
