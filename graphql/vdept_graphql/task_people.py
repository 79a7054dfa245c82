"""People met in a task: their name for whoever sees the task, the rest for whoever may see them."""

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.tasks.colleagues import colleagues_by_ids
from vdept_graphql.people import Person


async def load_colleagues(tx: Tx, ids: list[int]) -> dict[int, "TaskPerson"]:
    """People whose numbers were read from a task shown to the caller."""
    found = await colleagues_by_ids(tx, ids)
    return {
        key: TaskPerson(name=who.person.name, person=Person.from_row(who.person) if who.visible else None)
        for key, who in found.items()
    }


@strawberry.type(description="Somebody met in a task (người trong nhiệm vụ).")
class TaskPerson:
    """A name, and the person where the caller may see them."""

    name: str = field(description="Full name; whoever sees the task sees it.")
    person: Person | None = field(description="The person; null if you may not see them outside this task.")
