"""``GET /session``: what a page must know of its own session to call ``/graphql`` by cookie."""

from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from vdept.kernel.clock import utc_now
from vdept.kernel.errors import Locale
from vdept.people.access import get_person
from vdept_graphql.authentication import Authentication, HeldUp, Unauthenticated
from vdept_graphql.context import NOBODY
from vdept_graphql.csrf import CSRF_REFUSED
from vdept_graphql.errors import refused_body, unauthenticated
from vdept_graphql.failures import TOO_MANY_ATTEMPTS
from vdept_graphql.http import locale_of, respond
from vdept_graphql.ids import encode
from vdept_graphql.services import Services


def current_session(services: Services, authentication: Authentication) -> HTTPRouteHandler:
    """The handler. It is only read by our own pages: other origins are shown nothing (no CORS)."""

    @get("/session")
    async def session(request: Request[Any, Any, Any]) -> Response[bytes]:
        locale = locale_of(request.headers.get("accept-language")) or Locale.VI
        if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise CSRF_REFUSED.at()
        try:
            async with services.database.snapshot(NOBODY, now=utc_now()) as tx:
                caller = await authentication.caller(request, tx)
                if caller.session is None:
                    raise Unauthenticated("")
                await tx.become(caller.actor)
                person = await get_person(tx, caller.session.person_id)
        except Unauthenticated:
            return respond({"errors": [unauthenticated(locale)]}, 401)
        except HeldUp as error:
            refused = TOO_MANY_ATTEMPTS.at(seconds=int(error.wait))
            return respond({"errors": [refused_body(refused, locale)]}, 429, headers=error.wait.headers)
        about = {"id": encode("Person", person.id), "name": person.name, "locale": person.locale.value}
        return respond({"csrfToken": caller.session.csrf, "person": about})

    return session
