"""What programs learn by themselves: the server's metadata (RFC 8414) and its public keys (RFC 7517)."""

from typing import Any

import msgspec
from litestar import Response, get

from vdept.clients.public_keys import ALGORITHMS
from vdept.kernel.clock import utc_now
from vdept.kernel.scopes import Scope
from vdept.publications.signing import PublishedKeys
from vdept_graphql.oauth import grants, proofs
from vdept_graphql.oauth.platform import Platform
from vdept_graphql.oauth.protocol import CODE, MACHINE, REFRESH
from vdept_graphql.oauth.server import Addresses

CACHED = "public, max-age=300"
"""Half of the time for which a new key is published before it signs."""


def metadata(addresses: Addresses) -> dict[str, Any]:
    """Every member is true of this server; what is not named it does not do."""
    algorithms = sorted({name for names in ALGORITHMS.values() for name in names})
    return {
        "issuer": addresses.issuer,
        "authorization_endpoint": addresses.authorize,
        "token_endpoint": addresses.token,
        "jwks_uri": addresses.jwks,
        "scopes_supported": [scope.value for scope in Scope],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [CODE, MACHINE, REFRESH],
        "token_endpoint_auth_methods_supported": proofs.ANY,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint": addresses.revoke,
        "revocation_endpoint_auth_methods_supported": proofs.ANY,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint": addresses.introspect,
        "introspection_endpoint_auth_methods_supported": proofs.CONFIDENTIAL,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": [grants.S256],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["vi", "en"],
    }


def routes(platform: Platform) -> list[Any]:
    """Both are public, and may be remembered for five minutes. Keys of editions stay in the JWKS for ever."""
    editions = PublishedKeys(platform.database)

    def public(body: dict[str, Any]) -> Response[bytes]:
        return Response(
            msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": CACHED}
        )

    @get("/.well-known/oauth-authorization-server")
    async def about() -> Response[bytes]:
        return public(metadata(platform.addresses))

    @get("/oauth/jwks")
    async def jwks() -> Response[bytes]:
        now = utc_now()
        await platform.keyring.load(platform.database, now)
        return public({"keys": [*platform.keyring.public()["keys"], *await editions.now(now)]})

    return [about, jwks]
