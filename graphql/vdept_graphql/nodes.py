"""``node`` and ``nodes``: any object by its global id."""

from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept_graphql.context import Context, Info
from vdept_graphql.errors import INVALID_ID, TOO_MANY_ITEMS
from vdept_graphql.ids import NODES, Node, split
from vdept_graphql.scopes import require_node

NODES_LIMIT = 100

GlobalId = Annotated[strawberry.ID, argument(description="A global id, as read from any object's id field.")]
GlobalIds = Annotated[
    list[strawberry.ID], argument(description="Global ids, as read from the objects' id fields.")
]


def _load(context: Context, given: str, *path: str | int) -> object:
    """The node's loader result; refused are an id that is not ours (``path``), a type outside the scopes."""
    found = split(given)
    if found is None or found[0] not in NODES or len(found[1]) != 1:
        raise INVALID_ID.at(*path, expected="Node")
    require_node(context.actor, found[0])
    return context.load(NODES[found[0]], found[1][0])


@strawberry.type
class NodeQuery:
    """Objects by id."""

    @field(description="Any object by its global id; null if there is none or you may not see it.")
    async def node(self, info: Info, id: GlobalId) -> Node | None:
        found = _load(info.context, id, "id")
        return await found if hasattr(found, "__await__") else found  # type: ignore[return-value]

    @field(
        description="Objects by their global ids, at most 100, in the order given; null where there is none "
        "or you may not see it."
    )
    async def nodes(self, info: Info, ids: GlobalIds) -> list[Node | None]:
        if len(ids) > NODES_LIMIT:
            raise TOO_MANY_ITEMS.at("ids", given=len(ids), limit=NODES_LIMIT)
        found = [_load(info.context, one, "ids", position) for position, one in enumerate(ids)]
        return [await one if hasattr(one, "__await__") else one for one in found]  # type: ignore[misc]
