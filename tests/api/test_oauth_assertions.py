"""private_key_jwt: what an assertion must be signed with, say, and not be."""

import base64
import hmac
from collections.abc import AsyncIterator

import msgspec
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from api.oauth_scene import ASSERTION_TYPE, ISSUER, TOKEN, Scene, error_of, scene_on
from vdept.clients.registering import revoke_client, update_client
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database

MACHINE = {"grant_type": "client_credentials"}
REFUSED = (401, "invalid_client")


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


async def test_the_audience_is_exactly_the_issuer_or_the_token_endpoint(oauth: Scene) -> None:
    for audience in (ISSUER, TOKEN, [TOKEN]):
        answer = await oauth.token(None, **MACHINE, **oauth.keyed.proof(aud=audience))
        assert answer.status_code == 200, answer.text
    wrong = [
        None,
        "",
        f"{ISSUER}/",
        f"{TOKEN}/",
        f"{ISSUER}/oauth/introspect",
        f"{ISSUER}/graphql",
        "https://evil.example",
        f"{ISSUER} https://evil.example",
        [ISSUER, "https://evil.example"],
        [ISSUER, TOKEN],
        [],
        [[ISSUER]],
        {"aud": ISSUER},
        True,
    ]
    for audience in wrong:
        answer = await oauth.token(None, **MACHINE, **oauth.keyed.proof(aud=audience))
        assert error_of(answer) == REFUSED, audience


async def test_every_claim_is_held_to_its_rule(oauth: Scene) -> None:
    now = int(utc_now().timestamp())
    wrong = [
        {"iss": oauth.machine.id},
        {"sub": oauth.machine.id},
        {"iss": None},
        {"exp": None},
        {"exp": now - 1},
        {"exp": now + 400},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 10**400},
        {"iat": now + 300},
        {"iat": "now"},
        {"nbf": now + 300},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 129},
        {"jti": 7},
        {"jti": "nul\0"},
    ]
    for claims in wrong:
        answer = await oauth.token(None, **MACHINE, **oauth.keyed.proof(**claims))
        assert error_of(answer) == REFUSED, claims
    for claims in (
        {"exp": now + 290},
        {"iat": None},
        {"iat": now - 5000},
        {"nbf": now},
        {"more": {"x": [1]}},
    ):
        answer = await oauth.token(None, **MACHINE, **oauth.keyed.proof(**claims))
        assert answer.status_code == 200, (claims, answer.text)


async def test_who_has_not_the_key_learns_nothing_of_which_clients_there_are(oauth: Scene) -> None:
    stranger = ECKey.generate_key("P-256", {"kid": "k1"})
    async with oauth.db.begin(oauth.head) as tx:
        await revoke_client(tx, oauth.app.row.id)
    tries = [
        oauth.keyed.proof(key=stranger),
        oauth.keyed.proof(key=stranger, sub="vdc_nobody", iss="vdc_nobody"),
        oauth.keyed.proof(sub=oauth.machine.id, iss=oauth.machine.id),
        oauth.keyed.proof(sub=oauth.app.id, iss=oauth.app.id),
        oauth.keyed.proof({"alg": "ES256", "kid": "k2"}),
        oauth.keyed.proof(sub=None),
        oauth.keyed.proof(sub=7),
        oauth.keyed.proof(sub="nul\0", iss="nul\0"),
    ]
    answers = [await oauth.token(None, **MACHINE, **proof) for proof in tries]
    assert {error_of(answer) for answer in answers} == {REFUSED}
    assert len({answer.content for answer in answers}) == 1


async def test_no_algorithm_but_the_registered_keys_own(oauth: Scene) -> None:
    assert oauth.keyed.key is not None
    good = oauth.keyed.assertion()
    header, claims, signature = good.split(".")

    def with_header(**members: object) -> str:
        encoded = base64.urlsafe_b64encode(msgspec.json.encode(members)).decode().rstrip("=")
        return f"{encoded}.{claims}.{signature}"

    def by_hmac(secret: bytes) -> str:
        encoded = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
        mac = hmac.digest(secret, f"{encoded}.{claims}".encode(), "sha256")
        return f"{encoded}.{claims}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    public = oauth.keyed.key
    forged = [
        with_header(alg="none"),
        with_header(alg="none")[: -len(signature)],
        with_header(alg="None"),
        with_header(alg="RS256"),
        with_header(alg="ES384"),
        with_header(alg=None),
        with_header(typ="JWT"),
        with_header(alg="ES256", crit=["b64"], b64=False),
        by_hmac(public.as_pem(private=False)),
        by_hmac(msgspec.json.encode(public.as_dict(private=False))),
        by_hmac(b""),
        f"{header}.{claims}",
        f"{header}.{claims}.",
        f"{header}.{claims}.{signature}.",
        f"{header}.{claims}.{signature[::-1]}",
        f"{header}..{signature}",
        "e30.e30.e30",
        "x" * 9000,
        "[" * 4000,
        f"{header}.{base64.urlsafe_b64encode(b'[' * 2500).decode()}.{signature}",
        "ký",
    ]
    for assertion in forged:
        sent = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        assert error_of(await oauth.token(None, **MACHINE, **sent)) == REFUSED, assertion[:80]
    sent = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": good}
    assert (await oauth.token(None, **MACHINE, **sent)).status_code == 200


async def test_keys_of_every_registered_kind_sign_with_their_own_algorithms(oauth: Scene) -> None:
    keys = [
        (RSAKey.generate_key(2048, {"kid": "rsa"}), ["RS256", "PS256"]),
        (ECKey.generate_key("P-384", {"kid": "p384"}), ["ES384"]),
        (OKPKey.generate_key("Ed25519", {"kid": "ed"}), ["Ed25519"]),
    ]
    jwks = {"keys": [key.as_dict(private=False) for key, _ in keys]}
    async with oauth.db.begin(oauth.head) as tx:
        await update_client(tx, oauth.keyed.row.id, jwks=jwks)
    assert error_of(await oauth.token(None, **MACHINE, **oauth.keyed.proof())) == REFUSED, (
        "the old key is gone"
    )
    for key, algorithms in keys:
        for algorithm in algorithms:
            for header in ({"alg": algorithm}, {"alg": algorithm, "kid": key.kid}):
                answer = await oauth.token(None, **MACHINE, **oauth.keyed.proof(header, key))
                assert answer.status_code == 200, (header, answer.text)
    rsa = keys[0][0]
    for header in ({"alg": "RS512"}, {"alg": "PS512"}, {"alg": "RS256", "kid": "ed"}):
        assert error_of(await oauth.token(None, **MACHINE, **oauth.keyed.proof(header, rsa))) == REFUSED, (
            header
        )


async def test_one_way_of_proving_at_a_time(oauth: Scene) -> None:
    proof = oauth.keyed.proof()
    answer = await oauth.token(oauth.machine.auth, **MACHINE, **proof)
    assert error_of(answer) == (400, "invalid_request")
    for partial in (
        {"client_assertion": proof["client_assertion"]},
        {"client_assertion_type": ASSERTION_TYPE},
        {**proof, "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
    ):
        assert error_of(await oauth.token(None, **MACHINE, **partial)) == (400, "invalid_request")
    answer = await oauth.token(None, **MACHINE, **proof, client_id=oauth.other.id)
    assert error_of(answer) == (400, "invalid_request")
    answer = await oauth.token(None, **MACHINE, **oauth.keyed.proof(), client_id=oauth.keyed.id)
    assert answer.status_code == 200
