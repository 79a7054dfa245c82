"""What belongs to a task: parts of units, people, targets served, comments, evidence."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.tasks import queries
from vdept.tasks.models import (
    LinkState,
    ParticipantRole,
    ParticipationState,
    TaskComment,
    TaskEvidence,
)
from vdept_graphql.connections import Connection, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import NODES, Node, encode
from vdept_graphql.people import Person, load_persons
from vdept_graphql.task_people import TaskPerson, load_colleagues
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.targets import Target
    from vdept_graphql.tasks import Task


async def load_participants(tx: Tx, ids: list[int]) -> dict[int, list["Participation"]]:
    found = await queries.participations_of_tasks(tx, ids)
    units = await load_units(tx, list({row.unit_id for rows in found.values() for row in rows}))
    return {
        key: [
            Participation(
                role=row.role,
                state=row.state,
                share=row.share,
                progress=row.progress,
                updated_at=row.updated_at,
                unit=units.get(row.unit_id),
            )
            for row in rows
        ]
        for key, rows in found.items()
    }


async def load_assignees(tx: Tx, ids: list[int]) -> dict[int, list["TaskAssignee"]]:
    found = await queries.assignees_of_tasks(tx, ids)
    units = await load_units(tx, list({row.unit_id for rows in found.values() for row in rows}))
    return {
        key: [
            TaskAssignee(
                name=row.name,
                assigned_at=row.assigned_at,
                unit=units.get(row.unit_id),
                person_key=row.person_id,
            )
            for row in rows
        ]
        for key, rows in found.items()
    }


async def load_links(tx: Tx, ids: list[int]) -> dict[int, list["TaskTarget"]]:
    found = await queries.task_targets_of_tasks(tx, ids)
    return {
        key: [
            TaskTarget(weight=row.weight, state=row.state, reason=row.reason, target_key=row.target_id)
            for row in rows
        ]
        for key, rows in found.items()
    }


async def load_comments(tx: Tx, ids: list[int], request: PageRequest) -> dict[int, Connection["Comment"]]:
    pages = await queries.comments_of_tasks(tx, ids, request)
    return {key: connection(page, Comment.from_row) for key, page in pages.items()}


async def load_comments_by_ids(tx: Tx, ids: list[int]) -> dict[int, "Comment"]:
    found = await queries.comments_by_ids(tx, ids)
    return {key: Comment.from_row(row) for key, row in found.items()}


async def load_evidence(tx: Tx, ids: list[int]) -> dict[int, list["Evidence"]]:
    found = await queries.evidence_of_tasks(tx, ids)
    return {key: [Evidence.from_row(row) for row in rows] for key, rows in found.items()}


NODES["Comment"] = load_comments_by_ids


@strawberry.type(description="A unit's part in a task (đơn vị tham gia).")
class Participation:
    """A participation as its row says it."""

    role: ParticipantRole = field(description="What the unit does in the task.")
    state: ParticipationState = field(description="Whether it has agreed to.")
    share: int = field(description="Weight of its part, relative to the others'.")
    progress: int = field(description="How far it has come with its part, 0 to 100.")
    updated_at: datetime = field(description="When its part last changed.")
    unit: Unit | None = field(description="The unit.")


@strawberry.type(description="A person on a task, for one of its units (người thực hiện).")
class TaskAssignee:
    """An assignee. Units are read with the parts and people of a whole page: plain attributes are cheap."""

    name: str = field(description="Full name; whoever sees the task sees it.")
    assigned_at: datetime = field(description="Since when.")
    unit: Unit | None = field(description="For which unit.")
    person_key: strawberry.Private[int]

    @field(description="Who; null if you may not see them outside this task.")
    def person(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.person_key)


@strawberry.type(description="A target that a task serves (chỉ tiêu mà nhiệm vụ phục vụ).")
class TaskTarget:
    """A link with its weight."""

    weight: Decimal = field(description="How much the task weighs among the target's tasks.")
    state: LinkState = field(description="Whether the unit that holds the target lets the task count for it.")
    reason: str | None = field(description="Why that unit declined.")
    target_key: strawberry.Private[int]

    @field(description="The target.")
    def target(self, info: Info) -> Annotated["Target", strawberry.lazy("vdept_graphql.targets")] | None:
        from vdept_graphql.targets import load_targets

        return info.context.load(load_targets, self.target_key)


@strawberry.type(description="Something said in a task (ý kiến).")
class Comment(Node):
    """A comment as its row says it."""

    body: str = field(description="The text.")
    created_at: datetime = field(description="When it was said.")
    author_key: strawberry.Private[int | None]
    unit_key: strawberry.Private[int | None]
    task_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: TaskComment) -> "Comment":
        return cls(
            id=encode("Comment", row.id),
            body=row.body,
            created_at=row.created_at,
            author_key=row.author_id,
            unit_key=row.unit_id,
            task_key=row.task_id,
        )

    @field(description="Who said it.")
    def author(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.author_key)

    @field(description="The unit for which it was said.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="In which task.")
    def task(self, info: Info) -> Annotated["Task", strawberry.lazy("vdept_graphql.tasks")] | None:
        from vdept_graphql.tasks import load_tasks

        return info.context.load(load_tasks, self.task_key)


@strawberry.type(description="A link to what proves progress or result (minh chứng).")
class Evidence:
    """A link as its row says it."""

    title: str = field(description="What it is.")
    url: str = field(description="Where it is.")
    created_at: datetime = field(description="When it was added.")
    unit_key: strawberry.Private[int | None]
    added_by_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: TaskEvidence) -> "Evidence":
        return cls(
            title=row.title,
            url=row.url,
            created_at=row.created_at,
            unit_key=row.unit_id,
            added_by_key=row.added_by_id,
        )

    @field(description="The unit it was added for.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="Who added it.")
    def added_by(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.added_by_key)
