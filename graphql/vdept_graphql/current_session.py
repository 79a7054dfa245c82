"""``GET /session``: what a page must know of its own session to call ``/graphql`` by cookie."""

from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from vdept.kernel.actor import NOBODY
from vdept.kernel.clock import utc_now
from vdept.people.access import get_person
from vdept_graphql.authentication import CHALLENGE, Authentication, Unauthenticated
from vdept_graphql.csrf import require_own_page
from vdept_graphql.http import respond
from vdept_graphql.ids import encode
from vdept_graphql.services import Services


def current_session(services: Services, authentication: Authentication) -> HTTPRouteHandler:
    """The handler. It is only read by our own pages: other origins are shown nothing (no CORS)."""

    @get("/session")
    async def session(request: Request[Any, Any, Any]) -> Response[bytes]:
        require_own_page(request)
        async with services.database.snapshot(NOBODY, now=utc_now()) as tx:
            caller = await authentication.caller(request, tx)
            if caller.session is None:
                raise Unauthenticated(CHALLENGE)
            await tx.become(caller.actor)
            person = await get_person(tx, caller.session.person_id)
        about = {"id": encode("Person", person.id), "name": person.name, "locale": person.locale.value}
        return respond({"csrfToken": caller.session.csrf, "person": about})

    return session
