"""ID tokens that are not what they should be: none of them signs anybody in."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

import factories
from api.oidc.conftest import Victim
from api.oidc.forger import CLIENT, SECRET, Forger, as_json, forging, half_hash
from factories import SYSTEM
from vdept.identity.models import Identity
from vdept.identity.providers import Provider
from vdept.kernel.clock import utc_now
from vdept_graphql.sign_in.oidc_provider import Remote
from vdept_graphql.sign_in.oidc_tokens import Untrusted, check_id_token, check_logout_token

NOW = int(time.time())
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER_EC = ECKey.generate_key("P-256", {"kid": "ec"})
with warnings.catch_warnings(action="ignore"):
    WEAK_RSA = RSAKey.generate_key(1024, {"kid": "weak"})
Forge = Callable[[Forger, dict[str, Any]], str]


def changed(**claims: Any) -> Forge:
    return lambda forger, sound: forger.sign(
        {name: value for name, value in (sound | claims).items() if value is not None}
    )


def by_public_key_as_secret(forger: Forger, sound: dict[str, Any]) -> str:
    """RS/HS confusion: the public key, which everybody has, taken for a shared secret."""
    pem = forger.rsa.as_pem(private=False)
    return forger.sign(sound, "HS256", OctKey(pem, pem, {"kid": "rsa"}))


def with_the_signature_cut(forger: Forger, sound: dict[str, Any]) -> str:
    return forger.sign(sound).rpartition(".")[0] + "."


def with_claims_exchanged(forger: Forger, sound: dict[str, Any]) -> str:
    head, _, signature = forger.sign(sound).split(".")
    return ".".join([head, forger.unsigned(sound | {"sub": "admin"}).split(".")[1], signature])


BAD: dict[str, Forge] = {
    "alg none": lambda forger, sound: forger.unsigned(sound),
    "alg None": lambda forger, sound: forger.unsigned(sound, "None"),
    "alg none with a signature": lambda forger, sound: forger.unsigned(sound) + "AAAA",
    "HS256 by our client secret": lambda forger, sound: forger.sign(
        sound, "HS256", OctKey.import_key(SECRET, {"kid": "rsa"})
    ),
    "HS256 without a kid": lambda forger, sound: forger.sign(
        sound, "HS256", OctKey.import_key(SECRET), kid=None
    ),
    "HS256 by the public key": by_public_key_as_secret,
    "RS512, not on the list": lambda forger, sound: forger.sign(sound, "RS512"),
    "another RSA key, same kid": lambda forger, sound: forger.sign(sound, key=OTHER_RSA),
    "another EC key, same kid": lambda forger, sound: forger.sign(sound, "ES256", OTHER_EC),
    "a key that the token brings along": lambda forger, sound: forger.sign(
        sound, key=OTHER_RSA, jwk=OTHER_RSA.as_dict(private=False), kid=None
    ),
    "a key that the token says where to fetch": lambda forger, sound: forger.sign(
        sound, key=OTHER_RSA, jku=f"{forger.issuer}/jwks", kid="elsewhere"
    ),
    "no kid among several keys": lambda forger, sound: forger.sign(sound, kid=None),
    "RS256 with the kid of an EC key": lambda forger, sound: forger.sign(sound, kid="ec"),
    "an extension we do not know, marked critical": lambda forger, sound: forger.sign(
        sound, crit=["http://example.vn/x"], **{"http://example.vn/x": 1}
    ),
    "signature cut off": with_the_signature_cut,
    "claims exchanged": with_claims_exchanged,
    "iss of another": changed(iss="https://id.moh.gov.vn"),
    "iss missing": changed(iss=None),
    "iss as a list": lambda forger, sound: forger.sign(sound | {"iss": [forger.issuer]}),
    "iss with a slash more": lambda forger, sound: forger.sign(sound | {"iss": forger.issuer + "/"}),
    "aud of another": changed(aud="somebody"),
    "aud of another, azp ours": changed(aud="somebody", azp=CLIENT),
    "aud missing": changed(aud=None),
    "aud empty": changed(aud=[]),
    "aud of others": changed(aud=["somebody", "else"]),
    "several aud without azp": changed(aud=[CLIENT, "somebody"]),
    "several aud, azp of another": changed(aud=[CLIENT, "somebody"], azp="somebody"),
    "azp of another": changed(azp="somebody"),
    "expired": changed(exp=NOW - 3600, iat=NOW - 7200),
    "exp missing": changed(exp=None),
    "exp as text": changed(exp="9999999999"),
    "exp true": changed(exp=True),
    "exp infinite": changed(exp=float("inf")),
    "exp not a number": changed(exp=float("nan")),
    "from the future": changed(iat=NOW + 3600, exp=NOW + 7200),
    "iat missing": changed(iat=None),
    "not yet valid": changed(nbf=NOW + 3600),
    "nonce of another sign-in": changed(nonce="x" * 43),
    "nonce missing": changed(nonce=None),
    "nonce as a list": lambda forger, sound: forger.sign(sound | {"nonce": [sound["nonce"]]}),
    "at_hash of another token": changed(at_hash=half_hash("another access token")),
    "at_hash as a number": changed(at_hash=1),
    "sub missing": changed(sub=None),
    "sub empty": changed(sub=""),
    "sub as a number": changed(sub=1),
    "sub endless": changed(sub="x" * 256),
    "sub with a null character": changed(sub="a\0b"),
    "no token at all": lambda *_: "",
    "no JWT": lambda *_: "not.a.jwt",
    "too many parts": lambda forger, sound: forger.sign(sound) + ".x.y",
    "endless": changed(filler="x" * 200_000),
}


async def signed_in(victim: Victim, forge: Forge) -> tuple[int, str | None]:
    """The status of the answer, and the session, after coming back with this ID token."""
    sent = await victim.begin()
    victim.forger.gives(forge(victim.forger, victim.forger.claims(sent["nonce"])))
    page = await victim.back(sent)
    return page.status_code, victim.browser.session


@pytest.fixture
async def mallory(victim: Victim) -> None:
    """The malicious provider may vouch for this one person."""
    async with victim.platform.database.begin(SYSTEM) as tx:
        await factories.person(tx, email="mallory@evil.vn")


async def identities(victim: Victim) -> int:
    async with victim.platform.database.snapshot(SYSTEM) as tx:
        return int(await tx.session.scalar(sa.select(sa.func.count()).select_from(Identity)) or 0)


@pytest.mark.usefixtures("mallory")
async def test_a_forged_token_signs_nobody_in(victim: Victim) -> None:
    refused = {name: await signed_in(victim, forge) for name, forge in BAD.items()}
    assert refused == dict.fromkeys(BAD, (403, None))
    assert await identities(victim) == 0


GOOD: dict[str, Forge] = {
    "RS256": lambda forger, sound: forger.sign(sound),
    "PS256": lambda forger, sound: forger.sign(sound, "PS256"),
    "ES256": lambda forger, sound: forger.sign(sound, "ES256"),
    "one aud as a list": changed(aud=[CLIENT]),
    "several aud and azp": changed(aud=[CLIENT, "somebody"], azp=CLIENT),
    "a clock that is half a minute off": changed(iat=NOW + 30, exp=NOW + 300, nbf=NOW + 30),
    "at_hash": changed(at_hash=half_hash("an access token")),
    "a header parameter we do not know": lambda forger, sound: forger.sign(sound, x="y"),
}


@pytest.mark.usefixtures("mallory")
async def test_a_sound_token_does_sign_in(victim: Victim) -> None:
    """What the test before refuses is refused for its one fault."""
    names = set()
    for name, forge in GOOD.items():
        status, session = await signed_in(victim, forge)
        assert (status, session in names) == (303, False), name
        names.add(session)
    assert None not in names


@pytest.mark.usefixtures("mallory")
async def test_eddsa_is_taken_from_a_provider_that_has_such_a_key(victim: Victim) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "ed"})
    victim.forger.keys.append(key)
    status, session = await signed_in(victim, lambda forger, sound: forger.sign(sound, "EdDSA", key))
    assert (status, session is not None) == (303, True)


async def test_a_token_response_without_an_id_token_signs_nobody_in(victim: Victim) -> None:
    for answer in (
        {"id_token": None},
        {"id_token": ["x"]},
        {"id_token": 7},
        {"error": "invalid_grant"},
        {"error": ["x"]},
        {"error": "<script>"},
    ):
        sent = await victim.begin()
        status = 400 if "error" in answer else 200
        victim.forger.answers["/token"] = lambda answer=answer, status=status: as_json(answer, status)
        page = await victim.back(sent)
        assert (page.status_code, victim.browser.session) == (403, None), answer
        assert "<script>" not in page.text


# User information.


@pytest.mark.usefixtures("mallory")
async def test_user_information_is_asked_for_an_address_and_must_be_about_the_same_subject(
    victim: Victim,
) -> None:
    victim.forger.metadata["userinfo_endpoint"] = f"{victim.forger.issuer}/userinfo"
    address = {"email": "mallory@evil.vn"}
    for info, status in (
        ({"sub": "somebody", "email_verified": True} | address, 403),
        ({"email_verified": True} | address, 403),
        ({"sub": "mallory", "email_verified": True, "email": ["mallory@evil.vn"]}, 403),
        ({"sub": "mallory", "email_verified": "true"} | address, 403),
        ({"sub": "mallory"} | address, 403),  # the token's own email_verified is about no address
        ({"sub": "mallory", "email_verified": True} | address, 303),
    ):
        victim.forger.answers["/userinfo"] = lambda info=info: as_json(info)
        assert (await signed_in(victim, changed(email=None)))[0] == status, info
    assert victim.forger.asked.count("/userinfo") == 6


@pytest.mark.usefixtures("mallory")
async def test_user_information_is_not_asked_for_where_the_token_has_the_address(victim: Victim) -> None:
    victim.forger.metadata["userinfo_endpoint"] = f"{victim.forger.issuer}/userinfo"
    assert (await signed_in(victim, GOOD["RS256"]))[0] == 303
    assert "/userinfo" not in victim.forger.asked


# Keys.


@pytest.mark.usefixtures("mallory")
async def test_a_key_that_was_rotated_in_is_looked_up_and_one_that_was_taken_out_is_not_believed(
    victim: Victim,
) -> None:
    assert (await signed_in(victim, GOOD["RS256"]))[0] == 303
    forger = victim.forger
    new = RSAKey.generate_key(2048, {"kid": "new"})
    forger.keys = [new]
    assert (await signed_in(victim, lambda forger, sound: forger.sign(sound, key=new)))[0] == 303
    assert (await signed_in(victim, lambda forger, sound: forger.sign(sound, key=forger.rsa)))[0] == 403


async def test_keys_that_never_were_do_not_make_us_ask_the_provider_again_and_again(victim: Victim) -> None:
    for number in range(4):
        kid = f"made-up-{number}"
        status, _ = await signed_in(victim, lambda forger, sound, kid=kid: forger.sign(sound, kid=kid))
        assert status == 403
    assert victim.forger.asked.count("/jwks") == 2


@pytest.mark.usefixtures("mallory")
async def test_a_weak_key_a_shared_one_and_one_for_encryption_are_no_keys(victim: Victim) -> None:
    shared = OctKey.import_key("a secret that everybody can read", {"kid": "oct"})
    enc = RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})
    signing = RSAKey.import_key({**enc.as_dict(private=True), "use": "sig"})
    listed = [WEAK_RSA.as_dict(private=False), shared.as_dict(private=True), enc.as_dict(private=False)]
    listed += [{"kty": "RSA"}, {"kty": "EC", "crv": "P-256", "x": 1}, {"kty": "AKP"}, {}, "x", None]
    keys = [*listed, victim.forger.rsa.as_dict(private=False)]
    victim.forger.answers["/jwks"] = lambda: as_json({"keys": keys})
    for alg, key in (("RS256", WEAK_RSA), ("HS256", shared), ("RS256", signing)):
        forge = lambda forger, sound, alg=alg, key=key: forger.sign(sound, alg, key)  # noqa: E731
        assert await signed_in(victim, forge) == (403, None), key.kid
    found = await Remote(Provider(**{**victim.forger.settings, "email_domains": ()})).keys()
    assert [key.kid for key in found] == ["rsa"]
    assert (await signed_in(victim, GOOD["RS256"]))[0] == 303


# Whatever comes.


@pytest.fixture(scope="module")
def remote() -> Any:
    with forging() as forger:
        yield Remote(Provider(**{**forger.settings, "email_domains": ()})), forger


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
CLAIMS = st.dictionaries(
    st.sampled_from(
        ["iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "at_hash", "jti", "events", "sid"]
    ),
    JSON,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(claims=CLAIMS, keep=st.booleans(), text=st.none() | st.text(max_size=60))
async def test_whatever_a_token_holds_it_is_trusted_or_untrusted_and_never_an_error(
    remote: Any, claims: dict[str, Any], keep: bool, text: str | None
) -> None:
    at, forger = remote
    token = text if text is not None else forger.sign((forger.claims("n") if keep else {}) | claims)
    for check in (
        lambda: check_id_token(at, token, nonce="n", access_token="a", now=utc_now()),
        lambda: check_logout_token(at, token, now=utc_now()),
    ):
        try:
            found = await check()
        except Untrusted:
            continue
        assert found["iss"] == forger.issuer
