"""The page of somebody signed in, and signing out."""

from typing import Any

from vdept_graphql.services import Services


def routes(_services: Services) -> list[Any]:
    """The route handlers of the account page."""
    return []
