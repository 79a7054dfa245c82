"""Signing in and out for people: identity providers, one-time links, and the pages for both."""

from typing import Any

from litestar import Router

from vdept_graphql.services import Services
from vdept_graphql.sign_in import account, leaving, links, oidc, start
from vdept_graphql.sign_in.problems import on_exception


def routes(services: Services) -> list[Any]:
    """The route handlers of signing in; whatever goes wrong in them is told as a page."""
    handlers = [each for part in (start, links, oidc, account, leaving) for each in part.routes(services)]
    return [Router("/", route_handlers=handlers, exception_handlers={Exception: on_exception})]
