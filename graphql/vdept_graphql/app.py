"""The API: one Litestar application that holds the schema and nothing of the domain."""

from typing import Any

import structlog
from litestar import Litestar, Request, Response, Router, get, route
from litestar.exceptions import ClientException, HTTPException

from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.kernel.settings import Settings
from vdept.people import tokens
from vdept_graphql import oauth, pages, schema, sign_in
from vdept_graphql.engine import Engine
from vdept_graphql.errors import incident, internal_error
from vdept_graphql.health import Pingable, readiness
from vdept_graphql.http import Authenticate, GraphQLOverHTTP, client_error, failed, respond
from vdept_graphql.services import Services

log = structlog.get_logger("vdept.http")


def create_app(
    settings: Settings,
    database: Database,
    redis: Pingable | None = None,
    *,
    authenticate: Authenticate | None = None,
    engine: Engine | None = None,
) -> Litestar:
    """The application on an open database. Whoever opened ``database`` and ``redis`` closes them."""
    serve = GraphQLOverHTTP(engine or schema.engine, database, authenticate or tokens.authenticate)

    @route("/graphql", http_method=["GET", "POST"], status_code=200)
    async def graphql(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await serve(request)

    @get("/health/live")
    async def live() -> Response[bytes]:
        return respond({"status": "ok"})

    @get("/health/ready")
    async def ready() -> Response[bytes]:
        good, parts = await readiness(database, redis)
        return respond({"status": "ok" if good else "not ready", **parts}, 200 if good else 503)

    services = Services(settings, database, redis)
    handlers = [graphql, live, ready, pages.style, *oauth.routes(services), *sign_in.routes(services)]
    return Litestar(
        route_handlers=[Router("/", route_handlers=handlers)],
        request_max_body_size=settings.max_body_bytes,
        exception_handlers={Exception: on_exception},
        openapi_config=None,
        logging_config=None,
    )


def on_exception(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Whatever escapes a handler: still JSON, never a stack trace."""
    if isinstance(error, ClientException):
        return failed(*client_error(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        return failed(error.status_code, "BAD_REQUEST", error.detail or "Bad request.")
    return respond({"errors": [internal_error(incident(error), Locale.VI)]}, 500)
