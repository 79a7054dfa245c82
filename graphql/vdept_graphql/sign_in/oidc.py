"""Signing in through identity providers (OpenID Connect)."""

from typing import Any, NamedTuple

from vdept.identity.sessions import Session
from vdept_graphql.services import Services


class Button(NamedTuple):
    """One provider on the sign-in page."""

    label: str
    href: str


def routes(_services: Services) -> list[Any]:
    """The route handlers of the providers."""
    return []


def buttons(_services: Services, _next: str) -> list[Button]:
    """The providers a person can choose; ``next`` is where to go afterwards, a path of ours."""
    return []


async def farewell(_services: Services, _session: Session) -> str | None:
    """Where a browser goes to sign out at the provider as well (RP-Initiated Logout); None: nowhere."""
    return None
