"""The API: one Litestar application that holds the schema and nothing of the domain."""

from typing import Any

import structlog
from litestar import Litestar, Request, Response, Router, WebSocket, get, route, websocket
from litestar.datastructures import State
from litestar.exceptions import ClientException, HTTPException

from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.kernel.settings import Settings
from vdept_graphql import calendar_feed, headers, oauth, pages, published, schema, sign_in, unsubscribe
from vdept_graphql.authentication import Authenticate, Authentication
from vdept_graphql.budget import Budget
from vdept_graphql.current_session import current_session
from vdept_graphql.engine import Engine
from vdept_graphql.errors import incident, internal_error
from vdept_graphql.health import Pingable, readiness
from vdept_graphql.http import (
    TURNED_AWAY,
    UNAVAILABLE,
    UNREACHABLE,
    GraphQLOverHTTP,
    client_error,
    failed,
    locale_of,
    respond,
    turned_away,
)
from vdept_graphql.live import POLL, Live
from vdept_graphql.live_socket import RECHECK, LiveSocket
from vdept_graphql.metrics import metrics
from vdept_graphql.services import Services

log = structlog.get_logger("vdept.http")


def create_app(
    settings: Settings,
    database: Database,
    redis: Pingable | None = None,
    *,
    authenticate: Authenticate | None = None,
    engine: Engine | None = None,
    live_poll: float = POLL,
    live_recheck: float = RECHECK,
) -> Litestar:
    """The application on an open database. Whoever opened ``database`` and ``redis`` closes them.

    ``authenticate`` takes the place of looking at bearer tokens, for tests. ``live_poll`` and
    ``live_recheck``: seconds between looks at inboxes without a ring, and at who is connected.
    """
    services = Services(settings, database, redis)
    authentication = Authentication(services, authenticate)
    budget = Budget(services.throttle, settings.budget_points)
    serve = GraphQLOverHTTP(engine or schema.engine, services, authentication, budget)

    @route("/graphql", http_method=["GET", "POST"], status_code=200)
    async def graphql(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await serve(request)

    live_inboxes = Live(database, redis, poll=live_poll)
    over_socket = LiveSocket(
        serve.engine, services, authentication, budget, live=live_inboxes, recheck=live_recheck
    )

    @websocket("/graphql")
    async def follow(socket: WebSocket[Any, Any, Any]) -> None:
        await over_socket(socket)

    @get("/health/live")
    async def live() -> Response[bytes]:
        return respond({"status": "ok"})

    @get("/health/ready")
    async def ready() -> Response[bytes]:
        good, parts = await readiness(database, redis)
        return respond({"status": "ok" if good else "not ready", **parts}, 200 if good else 503)

    session = current_session(services, authentication)
    handlers = [
        graphql,
        follow,
        session,
        live,
        ready,
        metrics(services),
        pages.style,
        *oauth.routes(services),
        *sign_in.routes(services),
        *calendar_feed.routes(services, authentication.failures),
        *unsubscribe.routes(services),
        *published.routes(services, authentication),
    ]
    return Litestar(
        route_handlers=[Router("/", route_handlers=handlers)],
        request_max_body_size=settings.max_body_bytes,
        exception_handlers={Exception: on_exception},
        before_send=[headers.before_send(settings)],
        on_shutdown=[live_inboxes.close],
        state=State({"live": over_socket}),
        opt={"settings": settings},
        openapi_config=None,
        logging_config=None,
    )


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Whatever escapes a handler: still JSON, never a stack trace."""
    locale = locale_of(request.headers.get("accept-language")) or Locale.VI
    if isinstance(error, TURNED_AWAY):
        status, told, more = turned_away(error, locale)
        return respond({"errors": [told]}, status, headers=more)
    if isinstance(error, UNREACHABLE):
        incident(error)
        return failed(503, "UNAVAILABLE", UNAVAILABLE[locale], {"Retry-After": "2"})
    if isinstance(error, ClientException):
        return failed(*client_error(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        return failed(error.status_code, "BAD_REQUEST", error.detail or "Bad request.")
    return respond({"errors": [internal_error(incident(error), locale)]}, 500)
