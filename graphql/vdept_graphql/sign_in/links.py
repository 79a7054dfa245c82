"""Signing in with a one-time link."""

from typing import Any

from vdept_graphql.services import Services


def routes(_services: Services) -> list[Any]:
    """The route handlers of one-time links."""
    return []
