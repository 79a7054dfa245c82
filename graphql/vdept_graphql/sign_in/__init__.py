"""Signing in and out for people: identity providers, one-time links, and the pages for both."""

from typing import Any

from vdept_graphql.services import Services


def routes(_services: Services) -> list[Any]:
    """The route handlers of signing in."""
    return []
