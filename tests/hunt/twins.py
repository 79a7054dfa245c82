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
    """The world without anything that is hidden from the viewer and has no part in what they are shown."""
    w = sight.world
    tasks = {task.id for task in w.tasks if sight.task(task)}
    targets = [target for target in w.targets if sight.target(target)]
    target_ids = {target.id for target in targets}
    activities = [done for done in w.activities if sight.activity(done) or _of_task(done, tasks)]
    comments, evidence = only(w.comments, "task_id", tasks), only(w.evidence, "task_id", tasks)
    assignees = only(w.assignees, "task_id", tasks)
    named = {row.person_id for row in [*assignees, *activities]} | {row.author_id for row in comments}
    named |= {row.added_by_id for row in evidence} | {sight.viewer.person_id}
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
        plans=[plan for plan in w.plans if sight.plan(plan)],
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
    )


def _of_task(done: Any, tasks: set[int]) -> bool:
    """A task shows its whole history, also to whom the feed is not for."""
    return done.subject_type == "Task" and done.subject_id in tasks
