"""The verb on editions: asking for one. Nobody changes or deletes what was published."""

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.publications.models import EditionRequest as RequestRow
from vdept.publications.requesting import request_edition
from vdept_graphql.context import Info
from vdept_graphql.editions import EditionRequest, load_requests
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, one, perform


@strawberry.type(description="What asking for an edition answers with.")
class PublishEditionPayload:
    """The wish, or why not."""

    request: EditionRequest | None = field(
        default=None, description="The wish; read it again with `node` until it is PUBLISHED or FAILED."
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="An edition beside the monthly ones.")
class PublishEditionInput:
    """Of what."""

    plan_id: strawberry.ID = field(description="The plan, as it stands now.")
    note: str | None = field(
        default=None, description="What readers should know of it, up to 2,000 characters; shown on its page."
    )
    corrects_number: int | None = field(
        default=None, description="The number of the edition that it corrects; it then needs a note."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type
class EditionMutation:
    """Asking for editions."""

    @strawberry.mutation(
        description="Ask for an edition of a plan: head, deputies and coordinators of its issuer do. The "
        "worker publishes it within seconds (a plan of 220,000 targets: half a minute); one at a time."
    )
    async def publish_edition(
        self, info: Info, input: In[PublishEditionInput]
    ) -> PublishEditionPayload | None:
        async def verb(tx: Tx) -> RequestRow:
            return await request_edition(
                tx,
                decode(input.plan_id, "Plan", "planId"),
                note=input.note,
                corrects=input.corrects_number,
            )

        return await perform(info, PublishEditionPayload, input, verb, one("request", load_requests))
