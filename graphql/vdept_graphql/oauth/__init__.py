"""The OAuth 2 authorization server for API clients, on Authlib (RFC 6749, 7009, 7662, 8414, 9068, 9700)."""

from typing import Any

from vdept_graphql.services import Services


def routes(_services: Services) -> list[Any]:
    """The route handlers of the authorization server."""
    return []
