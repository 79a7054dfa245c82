"""Opening a one-time link and using it.

Opening it shows whom it signs in, and a button, and uses nothing up: mail scanners open links too.
"""

from datetime import timedelta
from typing import Any

from litestar import Request, Response, get, post

from vdept.identity.links import person_of_link, use_link
from vdept.identity.rules import safe_next
from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused
from vdept.people.models import Person
from vdept_graphql.pages import render
from vdept_graphql.services import Services
from vdept_graphql.sign_in.forms import form_of
from vdept_graphql.sign_in.problems import TooMany, reader
from vdept_graphql.sign_in.session import SYSTEM, address_of, security, start_session

WRONG = 20
PER = timedelta(minutes=10)
"""Bad links that an address may try. A good one is let through even then: nobody guesses 256 bits."""


def routes(services: Services) -> list[Any]:
    """The route handlers of one-time links."""
    throttle = services.throttle

    async def owner(request: Request[Any, Any, Any], token: str) -> Person:
        try:
            async with services.database.snapshot(SYSTEM) as tx:
                return await person_of_link(tx, token)
        except Refused as refused:
            address = address_of(request)
            security.warning("sign-in refused", method="link", reason=refused.code, address=address)
            if wait := await throttle.allow(f"sign-in-link:wrong:{address}", limit=WRONG, per=PER):
                raise TooMany(wait) from None
            raise

    @get("/sign-in/link")
    async def show(request: Request[Any, Any, Any]) -> Response[bytes]:
        token = request.query_params.get("token", "")
        person = await owner(request, token)
        where = safe_next(request.query_params.get("next"))
        response = render(
            "link", reader(request), name=person.name, email=person.email, token=token, next=where
        )
        # The link stays here. Not `no-referrer`: a form of such a page is sent with `Origin: null`.
        response.headers["Referrer-Policy"] = "strict-origin"
        return response

    @post("/sign-in/link/use", status_code=303)
    async def use(request: Request[Any, Any, Any]) -> Response[bytes]:
        fields = await form_of(request, services.settings.issuer)
        token = fields.get("token", "")
        person = await owner(request, token)

        async def prove(tx: Tx) -> None:
            await use_link(tx, token)

        return await start_session(
            services, request, person.id, method="link", next=fields.get("next"), prove=prove
        )

    return [show, use]
