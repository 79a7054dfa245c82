"""Identities: the subjects of identity providers, and whose they are."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.identity import queries
from vdept.identity.models import Identity as IdentityRow
from vdept.kernel.db import Tx
from vdept.kernel.errors import invalid
from vdept.kernel.pages import PageRequest
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import LARGEST, NODES, Node, decode_optional, encode
from vdept_graphql.people import Person, load_persons


async def load_identities(tx: Tx, ids: list[int]) -> dict[int, "Identity"]:
    """Identities by number."""
    return {key: Identity.from_row(row) for key, row in (await queries.identities_by_ids(tx, ids)).items()}


NODES["Identity"] = load_identities


@strawberry.type(
    description="Somebody as an identity provider knows them (danh tính): a person of ours, or waiting until "
    "an administrator says whose it is."
)
class Identity(Node):
    """An identity as its row says it."""

    reference: str = field(description="What the sign-in page tells who waits, for them to tell you.")
    issuer: str = field(description="The provider, by its OpenID Connect issuer.")
    subject: str = field(description="The provider's own name for them; it never changes.")
    name: str | None = field(description="The name that the provider last told; anybody could say it.")
    email: str | None = field(
        description="The address that the provider last told: no proof of anything, verified or not."
    )
    first_seen_at: datetime = field(description="When they first came.")
    last_seen_at: datetime = field(description="When they last came.")
    linked_at: datetime | None = field(description="Since when it is the person's.")
    person_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: IdentityRow) -> "Identity":
        return cls(
            id=encode("Identity", row.id),
            reference=str(row.id),
            issuer=row.issuer,
            subject=row.subject,
            name=row.name,
            email=row.email,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            linked_at=row.linked_at,
            person_key=row.person_id,
        )

    @field(description="Whose it is; null: it waits.")
    def person(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.person_key)


@strawberry.input(description="Which identities; all conditions given must hold.")
class IdentityFilter:
    """Conditions of a list of identities."""

    waiting: bool | None = field(default=None, description="Those that are nobody's yet, or somebody's.")
    person_id: strawberry.ID | None = field(default=None, description="Those of this person.")
    reference: str | None = field(default=None, description="The one with this reference.")

    def plain(self) -> queries.IdentityFilter:
        return queries.IdentityFilter(
            person_id=decode_optional(self.person_id, "Person", "filter", "personId"),
            waiting=self.waiting,
            reference=None if self.reference is None else _number(self.reference),
        )


def _number(reference: str) -> int:
    text = reference.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LARGEST):
        raise invalid("filter", "reference", vi="mã tham chiếu là một con số", en="a reference is a number")
    return int(text)


@strawberry.type
class IdentityQuery:
    """Reads of identities."""

    @field(
        description="Identities, the newest first: all of them for administrators, your own for you, none "
        "for an API client."
    )
    async def identities(
        self,
        info: Info,
        filter: Annotated[
            IdentityFilter | None, argument(description="Which identities; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Identity]:
        which = filter.plain() if filter else queries.IdentityFilter()
        async with info.context.reading() as tx:
            page = await queries.identities_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Identity.from_row)
