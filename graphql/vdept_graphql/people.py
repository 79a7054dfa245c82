"""Persons and the roles they hold in units."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.actor import Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import Locale
from vdept.kernel.pages import PageRequest
from vdept.people import queries
from vdept.people.models import Membership as MembershipRow
from vdept.people.models import Person as PersonRow
from vdept.tasks.queries import ALL, TaskOrder
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode_optional, encode
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.task_queries import TaskFilter
    from vdept_graphql.tasks import Task
    from vdept_graphql.verdicts import Verdict, VerdictCounts, VerdictFilter

described(
    Role,
    "What a person is in a unit (chức vụ).",
    HEAD="The head (người đứng đầu): accountable, and that is never delegated; one a unit.",
    DEPUTY="A deputy of the head (cấp phó).",
    COORDINATOR="Coordinates the unit's part (đầu mối).",
    MEMBER="Does the unit's work (thành viên).",
    OBSERVER="Looks on (quan sát).",
)
described(
    Locale, "A language of the platform (ngôn ngữ).", VI="Vietnamese (tiếng Việt).", EN="English (tiếng Anh)."
)


async def load_persons(tx: Tx, ids: list[int]) -> dict[int, "Person"]:
    """Persons by number."""
    return {key: Person.from_row(row) for key, row in (await queries.persons_by_ids(tx, ids)).items()}


async def load_memberships(tx: Tx, ids: list[int]) -> dict[int, "Membership"]:
    """Memberships by number."""
    found = await queries.memberships_by_ids(tx, ids)
    return {key: Membership.from_row(row) for key, row in found.items()}


async def load_roles(tx: Tx, person_ids: list[int], on: date | None) -> dict[int, list["Membership"]]:
    """The memberships of each person on a day."""
    found = await queries.memberships_of_persons(tx, person_ids, on)
    return {key: [Membership.from_row(row) for row in rows] for key, rows in found.items()}


async def load_members(
    tx: Tx, unit_ids: list[int], request: PageRequest, on: date | None
) -> dict[int, Connection["Membership"]]:
    """The same page of memberships for each unit."""
    pages = await queries.memberships_of_units(tx, unit_ids, request, on)
    return {key: connection(page, Membership.from_row) for key, page in pages.items()}


async def load_heads(tx: Tx, unit_ids: list[int], on: date | None) -> dict[int, "Person"]:
    """Who answers for each unit on a day."""
    return {key: Person.from_row(row) for key, row in (await queries.head_of_units(tx, unit_ids, on)).items()}


NODES["Person"] = load_persons
NODES["Membership"] = load_memberships

OnDay = Annotated[date | None, argument(description="On this day; today unless given.")]


@strawberry.type(description="Somebody who works on the platform (người dùng).")
class Person(Node):
    """A person as their row says it."""

    name: str = field(description="Full name.")
    email: str = field(description="E-mail address; unique.")
    locale: Locale = field(description="The language they read.")
    administrator: bool = field(description="Whether they administer the platform.")
    active: bool = field(description="Whether they may sign in.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: PersonRow) -> "Person":
        return cls(
            id=encode("Person", row.id),
            name=row.name,
            email=row.email,
            locale=row.locale,
            administrator=row.administrator,
            active=row.active,
            version=row.version,
            key=row.id,
        )

    @field(description="The roles they hold on a day, in the order in which they were granted.")
    def memberships(self, info: Info, on: OnDay = None) -> list["Membership"]:
        return info.context.load(load_roles, self.key, on)

    @field(
        description="What was judged while they headed its unit on the due date, of those you may see, the "
        "last issued first; never of anybody else's tenure."
    )
    def verdicts(
        self,
        info: Info,
        filter: Annotated[
            Annotated["VerdictFilter", strawberry.lazy("vdept_graphql.verdicts")] | None,
            argument(description="Which of them; those that count unless given."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Verdict", strawberry.lazy("vdept_graphql.verdicts")]]:
        from vdept_graphql.verdicts import load_verdicts_of_persons, plain

        request = PageRequest(first, after, last, before)
        return info.context.load(load_verdicts_of_persons, self.key, request, plain(filter))

    @field(description="The same verdicts, counted.")
    def verdict_counts(
        self,
        info: Info,
        filter: Annotated[
            Annotated["VerdictFilter", strawberry.lazy("vdept_graphql.verdicts")] | None,
            argument(description="Which of them; those that count unless given."),
        ] = None,
    ) -> Annotated["VerdictCounts", strawberry.lazy("vdept_graphql.verdicts")]:
        from vdept_graphql.verdicts import load_verdict_counts, plain

        return info.context.load(load_verdict_counts, self.key, plain(filter))

    @field(description="The tasks they work on, of those you may see.")
    def tasks(
        self,
        info: Info,
        filter: Annotated[
            Annotated["TaskFilter", strawberry.lazy("vdept_graphql.task_queries")] | None,
            argument(description="Which of them; all that you may see unless given."),
        ] = None,
        order_by: Annotated[TaskOrder, argument(description="In which order.")] = TaskOrder.DUE,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Task", strawberry.lazy("vdept_graphql.tasks")]]:
        from vdept_graphql.task_queries import load_tasks_of_persons

        which = filter.plain() if filter else ALL
        request = PageRequest(first, after, last, before)
        return info.context.load(load_tasks_of_persons, self.key, request, which, order_by)


@strawberry.type(description="A person's role in a unit from one day to another (chức vụ).")
class Membership(Node):
    """A membership as its row says it."""

    role: Role = field(description="What the person is in the unit.")
    starts_on: date = field(description="First day on which it counts.")
    ends_on: date | None = field(description="Last day on which it counts; null: no end is set.")
    person_key: strawberry.Private[int]
    unit_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: MembershipRow) -> "Membership":
        return cls(
            id=encode("Membership", row.id),
            role=row.role,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            person_key=row.person_id,
            unit_key=row.unit_id,
        )

    @field(description="Who holds the role.")
    def person(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.person_key)

    @field(description="Where.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)


@strawberry.input(description="Which persons; all conditions given must hold.")
class PersonFilter:
    """Conditions of a list of persons."""

    unit_id: strawberry.ID | None = field(default=None, description="Holding a role in this unit today.")
    role: Role | None = field(default=None, description="Holding this role today (in `unitId`, if given).")
    text: str | None = field(
        default=None, description="With these words in name or e-mail address; marks and case do not matter."
    )
    active: bool | None = field(default=None, description="Who may sign in, or who may not.")

    def plain(self) -> queries.PersonFilter:
        return queries.PersonFilter(
            unit_id=decode_optional(self.unit_id, "Unit", "filter", "unitId"),
            role=self.role,
            text=self.text,
            active=self.active,
        )


@strawberry.type
class PeopleQuery:
    """Reads of persons."""

    @field(description="Who is asking.")
    async def me(self, info: Info) -> Person | None:
        return await info.context.one(load_persons, info.context.actor.person_id)

    @field(description="A person by their global id; null if there is none or you may not see them.")
    async def person(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The person's global id.")]
    ) -> Person | None:
        return await info.context.one(load_persons, decode_optional(id, "Person", "id"))

    @field(description="Persons in alphabetical order.")
    async def persons(
        self,
        info: Info,
        filter: Annotated[
            PersonFilter | None, argument(description="Which persons; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Person]:
        which = filter.plain() if filter else queries.PersonFilter()
        async with info.context.reading() as tx:
            page = await queries.persons_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Person.from_row)
