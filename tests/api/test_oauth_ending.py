"""Giving tokens back (RFC 7009), asking about them (RFC 7662), and what is said in public (RFC 8414)."""

import base64
import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

import factories
from api.oauth_scene import ASSERTION_TYPE, ISSUER, TOKEN, Scene, error_of, scene_on
from vdept.clients.keys import retire_key, rotate_keys
from vdept.clients.models import ClientAuthorization, RevokedToken, SigningKey
from vdept.clients.registering import revoke_client
from vdept.kernel.activity import Activity
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.kernel.vault import Vault
from vdept_graphql.app import create_app


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


async def activities(oauth: Scene, verb: str) -> list[Activity]:
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(Activity).where(Activity.verb == verb)))


async def active(oauth: Scene, token: str, auth: tuple[str, str]) -> bool:
    answer = await oauth.post("introspect", auth, token=token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body == {"active": False} or body["active"] is True, "nothing is told of a token that is not good"
    return bool(body["active"])


async def test_a_refresh_token_given_back_ends_everything_the_person_let(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    second = (await oauth.refresh(tokens["refresh_token"])).json()
    answer = await oauth.post("revoke", oauth.app.auth, token=second["refresh_token"])
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert not await oauth.works(tokens["access_token"])
    assert not await oauth.works(second["access_token"])
    assert error_of(await oauth.refresh(second["refresh_token"])) == (400, "invalid_grant")
    (told,) = await activities(oauth, "authorization.revoked")
    assert (told.subject_type, told.unit_id, told.data["by"]) == (
        "ClientAuthorization",
        oauth.unit.id,
        "client",
    )
    assert (await oauth.post("revoke", oauth.app.auth, token=second["refresh_token"])).status_code == 200
    assert len(await activities(oauth, "authorization.revoked")) == 1


async def test_a_used_refresh_token_given_back_ends_its_family_too(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    second = (await oauth.refresh(tokens["refresh_token"])).json()
    assert (await oauth.post("revoke", oauth.app.auth, token=tokens["refresh_token"])).status_code == 200
    assert not await oauth.works(second["access_token"])
    assert await activities(oauth, "authorization.ended_by_reuse") == []


async def test_an_access_token_given_back_ends_alone_and_at_once(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    for hint in ("access_token", "refresh_token", "something"):
        answer = await oauth.post(
            "revoke", oauth.app.auth, token=tokens["access_token"], token_type_hint=hint
        )
        assert answer.status_code == 200
    assert not await oauth.works(tokens["access_token"])
    (told,) = await activities(oauth, "access_token.revoked")
    assert told.subject_type == "ClientAuthorization"
    fresh = (await oauth.refresh(tokens["refresh_token"])).json()
    assert await oauth.works(fresh["access_token"])
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        kept = (await tx.session.scalars(sa.select(RevokedToken))).one()
    assert kept.expires_at - utc_now() <= timedelta(minutes=10)


async def test_a_machines_token_given_back_ends_for_its_unit(oauth: Scene) -> None:
    token = await oauth.machine_token()
    assert (await oauth.post("revoke", oauth.machine.auth, token=token)).status_code == 200
    assert not await oauth.works(token)
    (told,) = await activities(oauth, "access_token.revoked")
    assert (told.subject_type, told.subject_id, told.unit_id) == (
        "ApiClient",
        oauth.machine.row.id,
        oauth.unit.id,
    )


async def test_nobody_gives_back_or_learns_of_another_clients_token(oauth: Scene) -> None:
    tokens, machine = await oauth.tokens(), await oauth.machine_token()
    for token in (
        tokens["access_token"],
        tokens["refresh_token"],
        machine,
        "unheard-of",
        "a.b.c",
        "é" * 5000,
    ):
        answer = await oauth.post("revoke", oauth.other.auth, token=token)
        assert (answer.status_code, answer.json()) == (200, {}), "unknown and not yours are one answer"
        assert not await active(oauth, token, oauth.other.auth)
    assert await oauth.works(tokens["access_token"])
    assert await oauth.works(machine)
    assert (await oauth.refresh(tokens["refresh_token"])).status_code == 200
    assert await activities(oauth, "authorization.revoked") == []


async def test_both_need_a_client_that_proves_itself_and_a_token(oauth: Scene) -> None:
    token = await oauth.machine_token()
    for path in ("revoke", "introspect"):
        assert error_of(await oauth.post(path, None, token=token)) == (401, "invalid_client")
        assert error_of(await oauth.post(path, (oauth.machine.id, "wrong"), token=token)) == (
            401,
            "invalid_client",
        )
        assert error_of(await oauth.post(path, oauth.machine.auth)) == (400, "invalid_request")
        name, secret = oauth.machine.auth
        in_body = await oauth.post(path, None, token=token, client_id=name, client_secret=secret)
        assert error_of(in_body) == (401, "invalid_client")
        answer = await oauth.post(path, None, token="x", **oauth.keyed.proof())
        assert answer.status_code == 200
        answer = await oauth.post(path, None, token="x", **oauth.keyed.proof(aud=f"{ISSUER}/oauth/{path}"))
        assert error_of(answer) == (401, "invalid_client")
    assert await oauth.works(token)


async def test_a_public_client_may_give_back_its_own_but_not_ask(oauth: Scene) -> None:
    answer = await oauth.post("revoke", None, token="x", client_id=oauth.public.id)
    assert answer.status_code == 200
    answer = await oauth.post("introspect", None, token="x", client_id=oauth.public.id)
    assert error_of(answer) == (401, "invalid_client")
    machine = await oauth.machine_token()
    assert (await oauth.post("revoke", None, token=machine, client_id=oauth.public.id)).status_code == 200
    assert await oauth.works(machine)


async def test_introspection_tells_a_client_what_its_own_tokens_are_good_for(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    access = (await oauth.post("introspect", oauth.app.auth, token=tokens["access_token"])).json()
    assert set(access) == {
        "active",
        "token_type",
        "iss",
        "aud",
        "sub",
        "client_id",
        "scope",
        "jti",
        "iat",
        "exp",
    }
    assert (access["sub"], access["client_id"]) == (f"person:{oauth.head.person_id}", oauth.app.id)
    assert (access["scope"], access["token_type"]) == ("plans:read tasks:write", "Bearer")
    refresh = (await oauth.post("introspect", oauth.app.auth, token=tokens["refresh_token"])).json()
    assert set(refresh) == {"active", "sub", "scope", "iat", "exp"}
    assert refresh["exp"] - refresh["iat"] == 30 * 24 * 3600
    assert (await oauth.refresh(tokens["refresh_token"])).status_code == 200, "looking at one does not use it"
    assert not await active(oauth, tokens["refresh_token"], oauth.app.auth)
    assert await oauth.works(tokens["access_token"]), "nor is looking at a used one a re-use"


async def test_what_has_ended_is_not_active(oauth: Scene) -> None:
    tokens, machine = await oauth.tokens(), await oauth.machine_token()
    await oauth.post("revoke", oauth.machine.auth, token=machine)
    assert not await active(oauth, machine, oauth.machine.auth)
    async with oauth.db.begin(factories.SYSTEM) as tx:
        await tx.session.execute(sa.update(ClientAuthorization).values(expires_at=utc_now()))
    assert not await active(oauth, tokens["access_token"], oauth.app.auth)
    assert not await active(oauth, tokens["refresh_token"], oauth.app.auth)


async def test_a_client_revoked_a_second_ago_gets_and_keeps_nothing(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    async with oauth.db.begin(oauth.head) as tx:
        await revoke_client(tx, oauth.app.row.id)
    assert not await oauth.works(tokens["access_token"])
    assert error_of(await oauth.refresh(tokens["refresh_token"])) == (401, "invalid_client")


async def test_the_metadata_is_true(oauth: Scene) -> None:
    answer = await oauth.http.get("/.well-known/oauth-authorization-server")
    about = answer.json()
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert about["issuer"] == ISSUER
    assert about["token_endpoint"] == TOKEN
    assert about["scopes_supported"] == [scope.value for scope in Scope]
    assert about["code_challenge_methods_supported"] == ["S256"]
    assert about["authorization_response_iss_parameter_supported"] is True
    assert about["response_types_supported"] == ["code"]
    assert about["token_endpoint_auth_methods_supported"] == [
        "private_key_jwt",
        "client_secret_basic",
        "none",
    ]
    assert about["introspection_endpoint_auth_methods_supported"] == [
        "private_key_jwt",
        "client_secret_basic",
    ]
    assert not {"none", "HS256"} & set(about["token_endpoint_auth_signing_alg_values_supported"])
    for grant in about["grant_types_supported"]:
        answer = await oauth.token(oauth.machine.auth, grant_type=grant)
        assert answer.json().get("error") != "unsupported_grant_type"
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "introspection_endpoint"):
        path = about[name].removeprefix(ISSUER)
        assert (await oauth.http.post(path)).status_code not in {404, 405}, name
    assert (await oauth.http.get(about["jwks_uri"].removeprefix(ISSUER))).status_code == 200
    from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

    AuthorizationServerMetadata(about).validate()


async def test_anybody_can_check_a_token_by_the_published_keys_and_nothing_more(oauth: Scene) -> None:
    answer = await oauth.http.get("/oauth/jwks")
    assert answer.headers["cache-control"] == "public, max-age=300"
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    token = await oauth.machine_token()
    read = jwt.decode(token, KeySet.import_key_set(answer.json()), algorithms=["ES256"])
    assert read.header["kid"] == key["kid"]


async def test_keys_change_under_tokens_in_flight(oauth: Scene) -> None:
    before = await oauth.machine_token()
    vault = Vault.of(oauth.settings)
    async with oauth.db.begin(factories.SYSTEM) as tx:
        old = (await tx.session.scalars(sa.select(SigningKey))).one()
        new = await rotate_keys(tx, vault, at_once=True)
    async for other in served_again(oauth):
        after = await other.machine_token()
        kids = [one["kid"] for one in (await other.http.get("/oauth/jwks")).json()["keys"]]
        assert sorted(kids) == sorted([old.kid, new.kid])
        for token in (before, after):
            assert await oauth.works(token), "a process that has not read the new key yet looks it up"
            assert await other.works(token)
            assert await active(other, token, oauth.machine.auth)
        async with oauth.db.begin(factories.SYSTEM) as tx:
            await retire_key(tx, old.kid)
        assert not await oauth.works(before)
        assert not await active(other, before, oauth.machine.auth)
        assert await oauth.works(after)


async def served_again(oauth: Scene) -> AsyncIterator[Scene]:
    """The same platform by a second process, so to speak: nothing is remembered in it yet."""
    transport = httpx.ASGITransport(app=create_app(oauth.settings, oauth.db, None))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
        yield dataclasses.replace(oauth, http=http)


async def test_a_token_of_another_maker_or_for_another_use_is_refused(oauth: Scene) -> None:
    token = await oauth.machine_token()
    header, claims, signature = token.split(".")
    stranger = ECKey.generate_key("P-256")
    kid = msgspec.json.decode(base64.urlsafe_b64decode(header + "=="))["kid"]
    read = jwt.decode(token, KeySet.import_key_set((await oauth.http.get("/oauth/jwks")).json())).claims
    forged = jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": kid}, dict(read), stranger)
    for bad in (forged, f"{header}.{claims}.", f"{header}.{claims}.{signature[:-4]}AAAA"):
        assert not await oauth.works(bad)
        assert not await active(oauth, bad, oauth.machine.auth)
    assert not await oauth.works(oauth.keyed.assertion()), "an assertion is no access token"
    sent = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
    answer = await oauth.token(None, grant_type="client_credentials", **sent)
    assert error_of(answer) == (401, "invalid_client"), "nor is an access token an assertion"
