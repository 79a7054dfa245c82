"""Whose a subject is: never by an unverified claim, never a foreign one, and never an administrator."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey

from vdept.identity import providers
from vdept.identity.rules import Candidate, Claims, Decision, Owner, Why, decide, vouched_email
from vdept.kernel.settings import Settings

DOMAINS = ("moh.gov.vn", "byt.gov.vn")
AN = Candidate(7, administrator=False, has_identity=False)


def claims(email: str | None = "an@moh.gov.vn", verified: object = True) -> Claims:
    return Claims("https://id.moh.gov.vn", "subject", "An", email, verified)


@pytest.mark.parametrize(
    ("given_claims", "owner", "unlinked", "candidates", "decision"),
    [
        # Known already: nothing that the provider claims today matters.
        (claims(), Owner(7, True, False, True), False, [], Decision(7)),
        (claims("other@elsewhere.vn", None), Owner(7, True, False, True), False, [AN], Decision(7)),
        (claims(None, None), Owner(7, True, False, True), False, [], Decision(7)),
        (claims(), Owner(7, False, False, True), False, [AN], Decision(why=Why.INACTIVE)),
        (claims(), Owner(7, True, True, False), False, [], Decision(7)),
        (claims(), Owner(7, True, True, True), False, [], Decision(why=Why.ADMINISTRATOR)),
        # Found by e-mail.
        (claims(), None, False, [AN], Decision(7, link=True)),
        (claims("An@BYT.gov.vn"), None, False, [AN], Decision(7, link=True)),
        # Not found.
        (claims(None), None, False, [AN], Decision(why=Why.NO_EMAIL)),
        (claims(""), None, False, [AN], Decision(why=Why.NO_EMAIL)),
        (claims(verified=None), None, False, [AN], Decision(why=Why.UNVERIFIED)),
        (claims(verified=False), None, False, [AN], Decision(why=Why.UNVERIFIED)),
        (claims(verified="true"), None, False, [AN], Decision(why=Why.UNVERIFIED)),
        (claims(verified=1), None, False, [AN], Decision(why=Why.UNVERIFIED)),
        (claims("an@hue.gov.vn"), None, False, [AN], Decision(why=Why.FOREIGN_DOMAIN)),
        (claims(), None, False, [], Decision(why=Why.UNKNOWN_PERSON)),
        (claims(), None, False, [AN, Candidate(8, False, False)], Decision(why=Why.UNKNOWN_PERSON)),
        (claims(), None, False, [Candidate(7, True, False)], Decision(why=Why.ADMINISTRATOR)),
        (claims(), None, False, [Candidate(7, False, True)], Decision(why=Why.OTHER_IDENTITY)),
        (claims(), None, True, [AN], Decision(why=Why.UNLINKED)),
    ],
)
def test_whose_a_subject_is(
    given_claims: Claims, owner: Owner | None, unlinked: bool, candidates: list[Candidate], decision: Decision
) -> None:
    assert decide(given_claims, DOMAINS, owner=owner, unlinked=unlinked, candidates=candidates) == decision


@pytest.mark.parametrize(
    "email",
    [
        "an@sub.moh.gov.vn",
        "an@gov.vn",
        "an@moh.gov.vn.evil.com",
        "an@evilmoh.gov.vn",
        "an@evil.com@moh.gov.vn",
        '"an@evil.com "@moh.gov.vn',
        "an@evil.com,an@moh.gov.vn",
        "an@moh.gov.vn ",
        " an@moh.gov.vn",
        "an@moh.gov.vn\n",
        "an@moh.gov.vn\0",
        "an <an@moh.gov.vn>",
        "@moh.gov.vn",
        "moh.gov.vn",
        "an@moh.gov.vn.",
        "ản@moh.gov.vn",
        "\u212aien@moh.gov.vn",  # KELVIN SIGN, which is k in small letters
        "an@moh.gov.vn\u200b",
        "an\uff20moh.gov.vn",
        "an@\u217coh.gov.vn",
    ],
)
def test_an_address_that_only_looks_like_one_of_the_domain_is_not_vouched_for(email: str) -> None:
    assert vouched_email(claims(email), DOMAINS) is Why.FOREIGN_DOMAIN


@given(email=st.text(max_size=40), verified=st.booleans() | st.none() | st.text() | st.integers())
def test_what_is_vouched_for_is_verified_and_of_the_domain_to_the_letter(
    email: str, verified: object
) -> None:
    found = vouched_email(claims(email, verified), DOMAINS)
    if isinstance(found, Why):
        return
    assert verified is True
    local, at, domain = found.partition("@")
    assert (bool(local), at, domain in DOMAINS) == (True, "@", True)
    assert found.isascii()
    assert found == email.lower()


@given(st.builds(Candidate, st.integers(1, 9), st.booleans(), st.booleans()), st.booleans())
def test_nobody_without_an_own_identity_is_found_who_is_an_administrator_or_known_by_another_subject(
    candidate: Candidate, unlinked: bool
) -> None:
    found = decide(claims(), DOMAINS, owner=None, unlinked=unlinked, candidates=[candidate])
    harmless = not (candidate.administrator or candidate.has_identity or unlinked)
    assert (found.person_id is not None) == harmless


def test_a_provider_that_answers_for_no_domain_finds_nobody_by_e_mail() -> None:
    assert vouched_email(claims(), ()) is Why.FOREIGN_DOMAIN


# The settings.

SOUND = {
    "key": "moh",
    "name": "Bộ Y tế",
    "issuer": "https://id.moh.gov.vn",
    "client_id": "vdept",
    "client_secret": "s3cret-of-moh",
    "email_domains": ["moh.gov.vn"],
}


def listed(*entries: Any) -> Settings:
    return Settings(oidc_providers=msgspec.json.encode(list(entries)).decode())


def test_without_the_setting_there_is_no_provider() -> None:
    assert providers.of(Settings()) == ()
    assert providers.of(Settings(oidc_providers=" \n")) == ()


def test_several_providers_are_read_with_what_their_files_hold(tmp_path: Path) -> None:
    secret, key = tmp_path / "secret", tmp_path / "key.pem"
    secret.write_text("from a file\n")
    key.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    without = {name: value for name, value in SOUND.items() if name != "client_secret"}
    hue = without | {
        "key": "hue-1",
        "issuer": "https://hue.gov.vn/realms/a",
        "client_secret_file": str(secret),
    }
    dev = without | {"key": "dev", "issuer": "http://127.0.0.1:9", "private_key_file": str(key)}
    moh, from_file, signing = providers.of(listed(SOUND, hue, dev))
    assert (moh.client_secret, moh.email_domains) == ("s3cret-of-moh", ("moh.gov.vn",))
    assert from_file.client_secret == "from a file"
    assert providers.algorithm(providers.private_key(signing)) == "ES256"
    assert providers.find((moh, from_file), "hue-1") is from_file
    assert providers.find((moh, from_file), "nobody") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "Mo H"}, "key"),
        ({"key": "../x"}, "key"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"issuer": "http://id.moh.gov.vn"}, "must begin with https://"),
        ({"issuer": "id.moh.gov.vn"}, "not an address"),
        ({"issuer": "https://"}, "not an address"),
        ({"issuer": "https://id.moh.gov.vn:99999"}, "not an address"),
        ({"issuer": "https://ID.moh.gov.vn/\n"}, "not an address"),
        ({"issuer": "https://a:b@id.moh.gov.vn"}, "password"),
        ({"issuer": "https://id.moh.gov.vn/#x"}, "fragment"),
        ({"issuer": "https://id.moh.gov.vn/?x=1"}, "no query"),
        ({"issuer": "ftp://id.moh.gov.vn"}, "must begin with https://"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ""}, "give one of client_secret"),
        ({"private_key": "x"}, "give one of client_secret"),
        ({"client_secret": "", "client_secret_file": "/nowhere/at/all"}, "cannot be read"),
        ({"client_secret": "", "client_secret_file": "/dev/null"}, "is empty"),
        ({"email_domains": "moh.gov.vn"}, "email_domains"),
        ({"email_domains": ["@moh.gov.vn"]}, "'@moh.gov.vn' is not a domain"),
        ({"email_domains": ["MOH.gov.vn"]}, "'MOH.gov.vn' is not a domain"),
        ({"email_domains": ["*.gov.vn"]}, "is not a domain"),
        ({"email_domains": ["vn"]}, "is not a domain"),
        ({"scopes": ["email"]}, "openid"),
        ({"scopes": ["openid", "a b"]}, "scopes"),
        ({"secret": "typo"}, "secret"),
    ],
)
def test_a_provider_that_cannot_be_right_is_refused_in_one_sentence_without_its_secret(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=r"^settings: VDEPT_OIDC_PROVIDERS: ") as refused:
        providers.of(listed(SOUND | change))
    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"), [("[{", "truncated"), ("{}", "Expected `array`"), ('["moh"]', "Expected `object`")]
)
def test_a_setting_that_is_no_list_of_objects_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="VDEPT_OIDC_PROVIDERS") as refused:
        providers.of(Settings(oidc_providers=text))
    assert said in str(refused.value)


def pem(key: Any) -> str:
    return str(key.as_pem(private=True), "ascii")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSAKey.generate_key(2048), "RS256"),
        (ECKey.generate_key("P-256"), "ES256"),
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
    ],
)
def test_a_private_key_is_a_pem_or_a_jwk(key: Any, algorithm: str) -> None:
    jwk = msgspec.json.encode(key.as_dict(private=True)).decode()
    for text in (pem(key), jwk):
        (found,) = providers.of(listed(SOUND | {"client_secret": "", "private_key": text}))
        assert providers.algorithm(providers.private_key(found)) == algorithm


PUBLIC = RSAKey.generate_key(2048).as_dict(private=False)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        "{}",
        '{"kty": "oct", "k": "c2VjcmV0"}',
        msgspec.json.encode(PUBLIC).decode(),
        pem(ECKey.generate_key("P-384")),
        pem(OKPKey.generate_key("X25519")),
    ],
)
def test_a_private_key_that_is_none_of_ours_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="moh: private_key: ") as refused:
        providers.of(listed(SOUND | {"client_secret": "", "private_key": text}))
    assert text[-12:] not in str(refused.value)


@pytest.mark.parametrize(("change", "said"), [({"issuer": "https://b.vn"}, "key"), ({"key": "b"}, "issuer")])
def test_two_providers_share_neither_key_nor_issuer(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"two providers have the same {said}"):
        providers.of(listed(SOUND, SOUND | change))


def test_a_provider_shown_in_a_log_shows_no_secret() -> None:
    assert "s3cret" not in repr(providers.of(listed(SOUND)))
