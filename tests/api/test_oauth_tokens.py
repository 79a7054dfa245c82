"""Getting a token: the three grants, what each answers, and what each refuses."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa

import factories
from api.oauth_scene import CALLBACK, ISSUER, VERIFIER, Scene, error_of, redirected, scene_on
from statements import counting
from vdept.clients.models import ApiClient, AuthorizationCode, ClientAuthorization, RefreshToken
from vdept.clients.registering import revoke_client, update_client
from vdept.kernel.activity import Activity
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.people.models import Person

MACHINE = {"grant_type": "client_credentials"}


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


def claims_in(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Header and claims as anybody can read them."""
    header, claims, _ = token.split(".")
    read = [msgspec.json.decode(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]
    return read[0], read[1]


async def test_a_machine_gets_a_token_for_its_unit_after_rfc_9068(oauth: Scene) -> None:
    answer = await oauth.token(oauth.machine.auth, **MACHINE)
    body = answer.json()
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "Bearer",
        600,
        "plans:read tasks:write",
    )
    header, claims = claims_in(body["access_token"])
    assert (header["alg"], header["typ"], set(header)) == ("ES256", "at+jwt", {"alg", "typ", "kid"})
    assert claims["iss"] == ISSUER
    assert claims["aud"] == f"{ISSUER}/graphql"
    assert claims["sub"] == f"client:{oauth.machine.id}"
    assert claims["client_id"] == oauth.machine.id
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 600
    assert claims["scope"] == body["scope"]
    assert await oauth.works(body["access_token"])


async def test_a_token_costs_one_statement_by_secret_and_two_by_key(oauth: Scene) -> None:
    await oauth.machine_token()
    with counting(oauth.db) as statements:
        await oauth.machine_token()
    assert len([one for one in statements if not one.startswith("SELECT set_config")]) == 1
    with counting(oauth.db) as statements:
        assert (await oauth.token(None, **MACHINE, **oauth.keyed.proof())).status_code == 200
    assert len([one for one in statements if not one.startswith("SELECT set_config")]) == 2


async def test_scopes_narrow_and_never_widen(oauth: Scene) -> None:
    async def scope(asked: str) -> object:
        answer = await oauth.token(oauth.machine.auth, **MACHINE, scope=asked)
        return answer.json().get("scope") or error_of(answer)

    assert await scope("tasks:write") == "tasks:write"
    assert await scope("tasks:read") == "tasks:read", "whoever may write may read"
    assert await scope("plans:read tasks:read") == "plans:read tasks:read"
    assert await scope("") == "plans:read tasks:write", "an empty list is none"
    for beyond in (
        "plans:write",
        "tasks:write units:write",
        "unheard:of",
        "tasks:write  plans:read",
        "*",
        "TASKS:WRITE",
    ):
        assert await scope(beyond) == (400, "invalid_scope"), beyond


async def test_a_secret_in_the_body_is_refused_and_says_where_it_belongs(oauth: Scene) -> None:
    name, secret = oauth.machine.auth
    answer = await oauth.token(None, **MACHINE, client_id=name, client_secret=secret)
    assert error_of(answer) == (401, "invalid_client")
    assert "Authorization header" in answer.json()["error_description"]


async def test_who_fails_to_prove_itself_learns_nothing_of_which_clients_there_are(oauth: Scene) -> None:
    async with oauth.db.begin(oauth.head) as tx:
        await revoke_client(tx, oauth.app.row.id)
    known, (name, secret) = oauth.machine.id, oauth.machine.auth
    tries = [
        (known, "wrong"),
        (known, ""),
        (known, oauth.other.secret or ""),
        (known, secret + "x"),
        ("vdc_nobody", secret),
        ("", secret),
        (name.upper(), secret),
        (oauth.app.id, oauth.app.secret or ""),
        (oauth.keyed.id, "anything"),
        (oauth.public.id, ""),
        ("a" * 5000, "b"),
        ("tên", "mật khẩu"),
        ("nul\0", "nul\0"),
    ]
    answers = [await oauth.token(auth, **MACHINE) for auth in tries]
    assert {error_of(answer) for answer in answers} == {(401, "invalid_client")}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {
        'Basic realm="vdept", charset="UTF-8"'
    }


async def test_an_authorization_header_that_is_none_is_refused(oauth: Scene) -> None:
    good = base64.b64encode(":".join(oauth.machine.auth).encode()).decode()
    for header in (
        "Basic",
        "Basic !!!",
        "Basic /w==",
        f"Basic {good[:-4]}",
        f"Bearer {good}",
        f"basic{good}",
        "Digest x",
    ):
        answer = await oauth.http.post("/oauth/token", data=MACHINE, headers={"Authorization": header})
        assert error_of(answer) == (401, "invalid_client"), header
    answer = await oauth.http.post("/oauth/token", data=MACHINE, headers={"Authorization": f"bAsIc {good}"})
    assert answer.status_code == 200, "the scheme's case does not matter (RFC 7235)"
    doubled = [("Authorization", f"Basic {good}"), ("Authorization", f"Basic {good}")]
    assert error_of(await oauth.http.post("/oauth/token", data=MACHINE, headers=doubled)) == (
        400,
        "invalid_request",
    )


async def test_each_client_has_its_own_grants_and_way_of_proving_itself(oauth: Scene) -> None:
    assert error_of(await oauth.token(oauth.app.auth, **MACHINE)) == (400, "unauthorized_client")
    assert error_of(await oauth.token(None, **MACHINE, client_id=oauth.public.id)) == (401, "invalid_client")
    assert error_of(await oauth.exchange("any", oauth.machine.auth)) == (400, "unauthorized_client")
    assert error_of(await oauth.refresh("any", oauth.machine.auth)) == (400, "unauthorized_client")
    assert error_of(await oauth.token(None, **MACHINE, client_id=oauth.machine.id)) == (401, "invalid_client")
    crossed = await oauth.token(oauth.machine.auth, **MACHINE, client_id=oauth.other.id)
    assert error_of(crossed) == (400, "invalid_request")
    same = await oauth.token(oauth.machine.auth, **MACHINE, client_id=oauth.machine.id)
    assert same.status_code == 200


async def test_grants_that_there_are_not_are_refused(oauth: Scene) -> None:
    for grant in (
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "Client_Credentials",
        'x"\\é',
    ):
        assert error_of(await oauth.token(oauth.machine.auth, grant_type=grant)) == (
            400,
            "unsupported_grant_type",
        )
    assert error_of(await oauth.token(oauth.machine.auth)) == (400, "invalid_request")


async def test_a_person_lets_an_app_act_for_them(oauth: Scene) -> None:
    tokens = await oauth.tokens(scope="tasks:write")
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert tokens["scope"] == "tasks:write"
    _, claims = claims_in(tokens["access_token"])
    assert claims["sub"] == f"person:{oauth.head.person_id}"
    assert claims["client_id"] == oauth.app.id
    assert await oauth.works(tokens["access_token"])
    plans = await oauth.call(tokens["access_token"], "{ plans(first: 1) { edges { node { id } } } }")
    assert plans.json()["errors"][0]["extensions"]["code"] == "INSUFFICIENT_SCOPE"
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        consents = sa.select(Activity).where(Activity.verb == "client.authorized")
        told = (await tx.session.scalars(consents)).one()
        let = (await tx.session.scalars(sa.select(ClientAuthorization))).one()
    assert (told.person_id, told.client_id) == (oauth.head.person_id, None)
    assert (told.subject_id, told.unit_id, told.data["scopes"]) == (let.id, oauth.unit.id, ["tasks:write"])


async def test_nothing_of_codes_and_refresh_tokens_is_kept_but_their_hashes(oauth: Scene) -> None:
    await oauth.sign_in()
    code = await oauth.code()
    refresh = (await oauth.exchange(code)).json()["refresh_token"]
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        for table in (AuthorizationCode, RefreshToken, ClientAuthorization, Activity, ApiClient):
            rows = (
                await tx.session.execute(sa.text(f"SELECT t::text FROM {table.__tablename__} t"))
            ).scalars()
            for row in rows:
                assert not any(secret in row for secret in (code, refresh, oauth.app.secret or ""))


async def test_a_public_client_has_pkce_and_no_secret(oauth: Scene) -> None:
    await oauth.sign_in()
    where = "http://127.0.0.1:51234/done"
    answer = await oauth.decide(await oauth.ask(oauth.public, redirect_uri=where))
    code = redirected(answer, where)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": where}
    assert error_of(await oauth.token(None, **form, client_id=oauth.public.id)) == (400, "invalid_request")
    good = await oauth.token(None, **form, client_id=oauth.public.id, code_verifier=VERIFIER)
    assert good.status_code == 200, good.text
    refresh = good.json()["refresh_token"]
    again = await oauth.token(
        None, grant_type="refresh_token", refresh_token=refresh, client_id=oauth.public.id
    )
    assert again.status_code == 200
    assert again.json()["refresh_token"] != refresh


async def test_a_code_is_bound_to_client_address_and_verifier_and_survives_a_wrong_try(
    oauth: Scene,
) -> None:
    await oauth.sign_in()
    code = await oauth.code()
    wrong = [
        await oauth.exchange(code, oauth.other.auth),
        await oauth.exchange(code, redirect_uri=CALLBACK + "/"),
        await oauth.exchange(code, redirect_uri=None),
        await oauth.exchange(code, code_verifier="w" * 43),
        await oauth.exchange(code + "x"),
        await oauth.exchange("unheard-of"),
    ]
    assert {error_of(answer) for answer in wrong} == {(400, "invalid_grant")}
    malformed = [
        await oauth.exchange(code, code_verifier=None),
        await oauth.exchange(code, code_verifier="short"),
        await oauth.exchange(code, code_verifier="é" * 43),
        await oauth.token(oauth.app.auth, grant_type="authorization_code", redirect_uri=CALLBACK),
    ]
    assert {error_of(answer) for answer in malformed} == {(400, "invalid_request")}
    assert (await oauth.exchange(code)).status_code == 200


async def test_a_code_is_good_for_a_minute(oauth: Scene) -> None:
    await oauth.sign_in()
    code = await oauth.code()
    async with oauth.db.begin(factories.SYSTEM) as tx:
        left = (await tx.session.scalars(sa.select(AuthorizationCode.expires_at))).one() - utc_now()
        assert timedelta(seconds=50) < left <= timedelta(seconds=60)
        await tx.session.execute(sa.update(AuthorizationCode).values(expires_at=utc_now()))
    assert error_of(await oauth.exchange(code)) == (400, "invalid_grant")


async def test_refreshing_may_narrow_the_access_token_but_never_widen_it(oauth: Scene) -> None:
    tokens = await oauth.tokens(scope="tasks:write")
    narrowed = (await oauth.refresh(tokens["refresh_token"], scope="tasks:read")).json()
    assert narrowed["scope"] == "tasks:read"
    whole = (await oauth.refresh(narrowed["refresh_token"])).json()
    assert whole["scope"] == "tasks:write", "the refresh token is good for all that was let"
    for beyond in ("plans:read", "tasks:write plans:read", "units:write", "unheard:of"):
        assert error_of(await oauth.refresh(whole["refresh_token"], scope=beyond)) == (400, "invalid_scope")
    assert (await oauth.refresh(whole["refresh_token"])).status_code == 200, "a refused scope uses nothing up"


async def test_what_the_client_lost_since_is_not_granted_again(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    async with oauth.db.begin(oauth.head) as tx:
        await update_client(tx, oauth.app.row.id, scopes=[Scope.PLANS_READ])
    after = (await oauth.refresh(tokens["refresh_token"])).json()
    assert after["scope"] == "plans:read"
    async with oauth.db.begin(oauth.head) as tx:
        await update_client(tx, oauth.app.row.id, scopes=[Scope.UNITS_WRITE])
    assert error_of(await oauth.refresh(after["refresh_token"])) == (400, "invalid_scope")


async def test_a_refresh_token_is_its_clients_own_and_ends_with_its_person(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    assert error_of(await oauth.refresh(tokens["refresh_token"], oauth.other.auth)) == (400, "invalid_grant")
    assert error_of(await oauth.refresh("")) == (400, "invalid_request")
    assert error_of(await oauth.refresh("unheard-of")) == (400, "invalid_grant")
    assert await oauth.works(tokens["access_token"])
    async with oauth.db.begin(factories.SYSTEM) as tx:
        await tx.session.execute(
            sa.update(Person).where(Person.id == oauth.head.person_id).values(active=False)
        )
    assert not await oauth.works(tokens["access_token"])
    assert error_of(await oauth.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_refresh_tokens_end_after_thirty_days_and_with_the_consent(oauth: Scene) -> None:
    tokens = await oauth.tokens()
    async with oauth.db.begin(factories.SYSTEM) as tx:
        row = (await tx.session.scalars(sa.select(RefreshToken))).one()
        assert row.expires_at - row.issued_at == timedelta(days=30)
        soon = utc_now() + timedelta(days=3)
        await tx.session.execute(sa.update(ClientAuthorization).values(expires_at=soon))
    second = (await oauth.refresh(tokens["refresh_token"])).json()
    async with oauth.db.begin(factories.SYSTEM) as tx:
        latest = sa.select(sa.func.max(RefreshToken.issued_at)).scalar_subquery()
        ends = await tx.session.scalar(
            sa.select(RefreshToken.expires_at).where(RefreshToken.issued_at == latest)
        )
        assert ends == soon, "a refresh token never outlives the consent"
        await tx.session.execute(sa.update(RefreshToken).values(expires_at=utc_now()))
    assert error_of(await oauth.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert await oauth.works(second["access_token"]), "an expired refresh token is no re-use"


async def test_a_client_of_a_unit_that_has_ended_is_not_known_any_more(oauth: Scene, owner: Database) -> None:
    async with owner.begin(factories.SYSTEM) as tx:
        yesterday = tx.today - timedelta(days=1)
        await tx.session.execute(
            sa.text("UPDATE unit SET valid_to = :day WHERE id = :id"), {"day": yesterday, "id": oauth.unit.id}
        )
    assert error_of(await oauth.token(oauth.machine.auth, **MACHINE)) == (401, "invalid_client")
