"""The OAuth 2 authorization server for API clients, on Authlib (RFC 6749, 7009, 7662, 8414, 9068, 9700).

``server.py`` is Authlib's server with our clients and tokens, ``grants.py`` the ways to a token,
``proofs.py`` how clients prove who they are, ``ending.py`` revocation and introspection; ``tokens.py``,
``consent.py`` and ``metadata.py`` are the addresses. What a code, token or assertion is worth is decided in
``vdept.clients``.
"""

from typing import Any

from vdept_graphql.oauth import consent, metadata, tokens
from vdept_graphql.oauth.platform import Platform
from vdept_graphql.services import Services


def routes(services: Services) -> list[Any]:
    """The route handlers of the authorization server."""
    platform = Platform(services)
    return [*tokens.routes(platform), *consent.routes(platform), *metadata.routes(platform)]
