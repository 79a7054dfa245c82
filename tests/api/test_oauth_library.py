"""A client library that is not ours, against the real application: Authlib's, over httpx."""

import warnings
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.oauth_scene import CALLBACK, ISSUER, TOKEN, VERIFIER, Scene, scene_on
from vdept.kernel.db import Database

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Authlib would rather have the successor of httpx
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from authlib.oauth2.rfc7523 import PrivateKeyJWT
    from authlib.oauth2.rfc7523.auth import private_key_jwt_sign


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


class ShortLived(PrivateKeyJWT):  # type: ignore[misc]
    """Authlib's assertions live an hour; ours may live five minutes."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        return str(
            private_key_jwt_sign(
                auth.client_secret, auth.client_id, token_endpoint, alg="ES256", expires_in=60
            )
        )


def client(oauth: Scene, *args: Any, **more: Any) -> Any:
    made = AsyncOAuth2Client(
        *args, transport=oauth.http._transport, base_url=ISSUER, token_endpoint=TOKEN, **more
    )
    made.register_client_auth_method(ShortLived(TOKEN))
    return made


async def ask(session: Any) -> int:
    answer: httpx.Response = await session.post("/graphql", json={"query": "{ __typename }"})
    return answer.status_code


async def test_a_machine_by_its_secret(oauth: Scene) -> None:
    async with client(
        oauth, *oauth.machine.auth, scope="tasks:read", grant_type="client_credentials"
    ) as session:
        token = await session.fetch_token()
        assert token["scope"] == "tasks:read"
        assert await ask(session) == 200
        session.token["expires_at"] = 0
        assert await ask(session) == 200, "the library fetches a new token by itself"
        assert session.token["access_token"] != token["access_token"]


async def test_a_machine_by_its_key(oauth: Scene) -> None:
    method = {"token_endpoint_auth_method": "private_key_jwt"}
    async with client(oauth, oauth.keyed.id, oauth.keyed.key, **method) as session:
        await session.fetch_token(grant_type="client_credentials")
        assert await ask(session) == 200
        await session.fetch_token(grant_type="client_credentials")
        assert await ask(session) == 200


async def test_authlibs_own_hour_is_too_long_and_says_so(oauth: Scene) -> None:
    async with client(oauth, oauth.keyed.id, oauth.keyed.key) as session:
        session.register_client_auth_method(PrivateKeyJWT(TOKEN, alg="ES256"))
        session.token_endpoint_auth_method = "private_key_jwt"
        with pytest.raises(OAuthError, match="at most 300 seconds"):
            await session.fetch_token(grant_type="client_credentials")


async def test_an_app_for_a_person_from_the_consent_to_the_end(oauth: Scene) -> None:
    known = {"redirect_uri": CALLBACK, "scope": "tasks:write plans:read", "code_challenge_method": "S256"}
    async with client(oauth, *oauth.app.auth, **known) as session:
        address, state = session.create_authorization_url(f"{ISSUER}/oauth/authorize", code_verifier=VERIFIER)
        await oauth.sign_in()
        answer = await oauth.decide(await oauth.http.get(address))
        where = answer.headers["location"]
        token = await session.fetch_token(authorization_response=where, state=state, code_verifier=VERIFIER)
        assert await ask(session) == 200
        session.token["expires_at"] = 0
        assert await ask(session) == 200, "the library refreshes by itself"
        assert session.token["refresh_token"] != token["refresh_token"]
        answer = await session.revoke_token(f"{ISSUER}/oauth/revoke", session.token["refresh_token"])
        assert answer.status_code == 200
        assert await ask(session) == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            await session.refresh_token(TOKEN)


async def test_a_phone_without_a_secret(oauth: Scene) -> None:
    where = "http://127.0.0.1:45000/done"
    known = {"redirect_uri": where, "code_challenge_method": "S256", "token_endpoint_auth_method": "none"}
    async with client(oauth, oauth.public.id, **known) as session:
        address, state = session.create_authorization_url(f"{ISSUER}/oauth/authorize", code_verifier=VERIFIER)
        await oauth.sign_in()
        answer = await oauth.decide(await oauth.http.get(address))
        await session.fetch_token(
            authorization_response=answer.headers["location"], state=state, code_verifier=VERIFIER
        )
        assert await ask(session) == 200
        await session.refresh_token(TOKEN)
        assert await ask(session) == 200
