"""Whatever may be used once is used once: codes, refresh tokens, assertions; two at the same time as well."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

import factories
from api.oauth_scene import VERIFIER, Scene, error_of, redirected, scene_on
from vdept.clients.models import ClientAuthorization, RefreshToken, UsedAssertion
from vdept.kernel.activity import Activity
from vdept.kernel.db import Database

MACHINE = {"grant_type": "client_credentials"}
REUSE = "authorization.ended_by_reuse"


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


async def endings(oauth: Scene) -> list[Activity]:
    """What the log says of authorizations that ended by re-use."""
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(Activity).where(Activity.verb == REUSE)))


async def family_has_ended(oauth: Scene) -> bool:
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        return (await tx.session.scalars(sa.select(ClientAuthorization))).one().revoked_at is not None


async def test_a_code_used_twice_ends_the_whole_authorization(oauth: Scene) -> None:
    await oauth.sign_in()
    code = await oauth.code()
    first = (await oauth.exchange(code)).json()
    assert await oauth.works(first["access_token"])
    assert error_of(await oauth.exchange(code)) == (400, "invalid_grant")
    assert not await oauth.works(first["access_token"]), "the access token that is out is refused at once"
    assert error_of(await oauth.refresh(first["refresh_token"])) == (400, "invalid_grant")
    (told,) = await endings(oauth)
    assert (told.subject_type, told.unit_id) == ("ClientAuthorization", oauth.unit.id)
    assert told.data == {
        "client_id": oauth.app.row.id,
        "person_id": oauth.head.person_id,
        "reused": "authorization_code",
    }


async def test_a_used_code_ends_the_authorization_even_with_a_wrong_verifier(oauth: Scene) -> None:
    await oauth.sign_in()
    code = await oauth.code()
    tokens = (await oauth.exchange(code)).json()
    assert error_of(await oauth.exchange(code, code_verifier="w" * 43)) == (400, "invalid_grant")
    assert not await oauth.works(tokens["access_token"])


async def test_another_client_with_a_used_code_ends_nothing(oauth: Scene) -> None:
    await oauth.sign_in()
    code = await oauth.code()
    tokens = (await oauth.exchange(code)).json()
    assert error_of(await oauth.exchange(code, oauth.other.auth)) == (400, "invalid_grant")
    assert error_of(await oauth.refresh(tokens["refresh_token"], oauth.other.auth)) == (400, "invalid_grant")
    assert await oauth.works(tokens["access_token"])
    assert await endings(oauth) == []


async def test_of_many_who_exchange_a_code_at_once_one_wins_and_then_the_authorization_ends(
    oauth: Scene,
) -> None:
    await oauth.sign_in()
    code = await oauth.code()
    answers = await asyncio.gather(*[oauth.exchange(code) for _ in range(5)])
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert [error_of(one) for one in answers if one is not won] == [(400, "invalid_grant")] * 4
    assert await family_has_ended(oauth)
    assert not await oauth.works(won.json()["access_token"])
    assert len(await endings(oauth)) == 1, "it ends once, and is told once"


async def test_a_refresh_token_used_twice_ends_the_whole_authorization(oauth: Scene) -> None:
    first = await oauth.tokens()
    second = (await oauth.refresh(first["refresh_token"])).json()
    third = (await oauth.refresh(second["refresh_token"])).json()
    assert all([await oauth.works(one["access_token"]) for one in (first, second, third)])
    assert error_of(await oauth.refresh(first["refresh_token"])) == (400, "invalid_grant")
    for tokens in (first, second, third):
        assert not await oauth.works(tokens["access_token"])
        assert error_of(await oauth.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    (told,) = await endings(oauth)
    assert told.data["reused"] == "refresh_token"


async def test_of_many_who_refresh_at_once_one_wins_and_then_the_authorization_ends(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    answers = await asyncio.gather(*[oauth.refresh(tokens["refresh_token"]) for _ in range(5)])
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert await family_has_ended(oauth)
    assert not await oauth.works(won.json()["access_token"])
    assert error_of(await oauth.refresh(won.json()["refresh_token"])) == (400, "invalid_grant")
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        count = (await tx.session.execute(sa.select(sa.func.count()).select_from(RefreshToken))).scalar_one()
    assert count == 2, "the losers were given nothing"


async def test_another_consent_of_the_same_person_is_left_alone(oauth: Scene) -> None:
    kept = await oauth.tokens()
    lost = await oauth.tokens()
    await oauth.refresh(lost["refresh_token"])
    await oauth.refresh(lost["refresh_token"])
    assert not await oauth.works(lost["access_token"])
    assert await oauth.works(kept["access_token"])


async def test_a_stolen_refresh_token_of_a_public_client_is_noticed_at_its_second_use(oauth: Scene) -> None:
    await oauth.sign_in()
    where = "vn.hue.app:/done"
    code = redirected(await oauth.decide(await oauth.ask(oauth.public, redirect_uri=where)), where)["code"]
    form = {"client_id": oauth.public.id, "grant_type": "authorization_code"}
    mine = (await oauth.token(None, **form, code=code, redirect_uri=where, code_verifier=VERIFIER)).json()
    form["grant_type"] = "refresh_token"
    thief = (await oauth.token(None, **form, refresh_token=mine["refresh_token"])).json()
    assert await oauth.works(thief["access_token"])
    answer = await oauth.token(None, **form, refresh_token=mine["refresh_token"])
    assert error_of(answer) == (400, "invalid_grant")
    assert not await oauth.works(thief["access_token"])


async def test_an_assertion_is_taken_once_even_of_many_at_once(oauth: Scene) -> None:
    proof = oauth.keyed.proof()
    answers = await asyncio.gather(*[oauth.token(None, **MACHINE, **proof) for _ in range(5)])
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert {error_of(one) for one in answers if one is not won} == {(401, "invalid_client")}
    answer = await oauth.token(None, **MACHINE, **proof)
    assert "jti was used before" in answer.json()["error_description"]
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        kept = (await tx.session.scalars(sa.select(UsedAssertion))).one()
    assert kept.client_id == oauth.keyed.row.id


async def test_an_assertion_is_used_up_by_a_request_that_is_refused_for_another_reason(oauth: Scene) -> None:
    proof = oauth.keyed.proof()
    assert error_of(await oauth.token(None, **MACHINE, **proof, scope="un:heard")) == (400, "invalid_scope")
    assert error_of(await oauth.token(None, **MACHINE, **proof)) == (401, "invalid_client")


async def test_an_assertion_used_for_a_token_is_not_good_for_introspection(oauth: Scene) -> None:
    proof = oauth.keyed.proof()
    token = (await oauth.token(None, **MACHINE, **proof)).json()["access_token"]
    assert error_of(await oauth.post("introspect", None, token=token, **proof)) == (401, "invalid_client")
    answer = await oauth.post("introspect", None, token=token, **oauth.keyed.proof())
    assert answer.json()["active"] is True
