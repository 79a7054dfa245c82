"""Signing out: here, everywhere, and at the provider that signed the person in."""

from typing import Any

from litestar import Request, Response, get, post

from vdept_graphql.pages import render
from vdept_graphql.services import Services
from vdept_graphql.sign_in import oidc
from vdept_graphql.sign_in.forms import form_of_account
from vdept_graphql.sign_in.problems import reader
from vdept_graphql.sign_in.session import end_session, record_signed_out, sessions_of, signed_out

GOODBYE = "/sign-in/signed-out"


def routes(services: Services) -> list[Any]:
    """The route handlers of signing out."""

    @post("/sign-out", status_code=303)
    async def sign_out(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Out of this browser; and at the provider, if it was one that signed the person in."""
        _, found = await form_of_account(services, request)
        if found is None:
            return signed_out(services, GOODBYE)
        farewell = await oidc.farewell(services, found.session)
        await end_session(services, found.session)
        return signed_out(services, farewell or GOODBYE)

    @post("/sign-out/everywhere", status_code=303)
    async def sign_out_everywhere(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Out of every browser, this one included."""
        _, found = await form_of_account(services, request)
        if found is None:
            return signed_out(services, GOODBYE)
        farewell = await oidc.farewell(services, found.session)
        ended = await sessions_of(services).end_of_person(found.session.person_id)
        await record_signed_out(services, found.session.person_id, len(ended))
        return signed_out(services, farewell or GOODBYE)

    @get(GOODBYE)
    async def goodbye(request: Request[Any, Any, Any]) -> Response[bytes]:
        return render("signed_out", reader(request))

    return [sign_out, sign_out_everywhere, goodbye]
