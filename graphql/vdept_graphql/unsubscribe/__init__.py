"""The pages behind the link at a letter's foot: no more letters of a kind, without signing in.

Opening the link changes nothing: mail scanners open links. Sending the page's form does, and so does a mail
program by itself (RFC 8058): without a cookie, and from no page of ours. There is nothing to forge, since the
link is what allows it.
"""

from functools import cache
from typing import Any

from litestar import Request, Response, Router, get, post

from vdept.kernel.errors import Words
from vdept.notifications.mailing import unsubscribing
from vdept.notifications.mailing.letters import KINDS
from vdept.notifications.mailing.unsubscribing import PATH, Links, Subscription
from vdept_graphql.pages import render
from vdept_graphql.services import Services
from vdept_graphql.sign_in.problems import on_exception, reader


def routes(services: Services) -> list[Any]:
    """The route handlers; whatever goes wrong in them is told as a page."""

    @cache
    def links() -> Links:
        """Made when they are first needed: only then must there be a secret key."""
        return Links(services.vault, services.settings.issuer)

    def told(request: Request[Any, Any, Any]) -> tuple[str, Subscription]:
        """The token of the address, once, and what it is for; raises LINK_UNKNOWN (404)."""
        given = request.query_params.getall("token", [])
        token = given[0] if len(given) == 1 else ""
        return token, links().read(token)

    @get(PATH)
    async def ask(request: Request[Any, Any, Any]) -> Response[bytes]:
        token, subscription = told(request)
        return render("unsubscribe", reader(request), token=token, kinds=_named(subscription))

    @post(PATH, status_code=200)
    async def end(request: Request[Any, Any, Any]) -> Response[bytes]:
        token, subscription = told(request)
        async with services.database.begin(subscription.actor) as tx:
            await unsubscribing.unsubscribe(tx, subscription.person_id, subscription.kinds)
        return render("unsubscribed", reader(request), token=token, kinds=_named(subscription))

    @post(f"{PATH}/undo", status_code=200)
    async def undo(request: Request[Any, Any, Any]) -> Response[bytes]:
        token, subscription = told(request)
        async with services.database.begin(subscription.actor) as tx:
            await unsubscribing.subscribe(tx, subscription.person_id, subscription.kinds)
        return render("subscribed", reader(request), token=token, kinds=_named(subscription))

    return [Router("/", route_handlers=[ask, end, undo], exception_handlers={Exception: on_exception})]


def _named(subscription: Subscription) -> list[Words]:
    return [words for kind, words in KINDS.items() if kind in subscription.kinds]
