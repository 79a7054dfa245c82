"""Verbs on identities."""

import strawberry
from strawberry import field

from vdept.identity import linking
from vdept.identity.models import Identity as IdentityRow
from vdept.kernel.db import Tx
from vdept_graphql.context import Info
from vdept_graphql.errors import UserError
from vdept_graphql.identities import Identity, load_identities
from vdept_graphql.ids import decode
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, one, perform


@strawberry.type(description="What a mutation of an identity answers with.")
class IdentityPayload:
    """The identity, or why not."""

    identity: Identity | None = field(default=None, description="The identity after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="Whose an identity is.")
class LinkIdentityInput:
    """Which and whose."""

    identity_id: strawberry.ID = field(description="Which identity.")
    person_id: strawberry.ID = field(description="Whose it is; somebody who is active.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of an identity's being somebody's.")
class UnlinkIdentityInput:
    """Which."""

    identity_id: strawberry.ID = field(description="Which identity.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type
class IdentityMutation:
    """Verbs on identities."""

    @strawberry.mutation(
        description="Say whose an identity is, having made sure by other means than what it says of itself. "
        "For administrators; an administrator's own identity is never linked in any other way."
    )
    async def link_identity(self, info: Info, input: In[LinkIdentityInput]) -> IdentityPayload | None:
        async def verb(tx: Tx) -> IdentityRow:
            return await linking.link_identity(
                tx,
                decode(input.identity_id, "Identity", "identityId"),
                decode(input.person_id, "Person", "personId"),
            )

        return await perform(info, IdentityPayload, input, verb, one("identity", load_identities))

    @strawberry.mutation(
        description="Take an identity from its person, and end the sessions that it began. It waits then, "
        "and no e-mail address brings it back. For administrators."
    )
    async def unlink_identity(self, info: Info, input: In[UnlinkIdentityInput]) -> IdentityPayload | None:
        async def verb(tx: Tx) -> IdentityRow:
            return await linking.unlink_identity(
                tx, decode(input.identity_id, "Identity", "identityId"), info.context.sessions
            )

        return await perform(info, IdentityPayload, input, verb, one("identity", load_identities))
