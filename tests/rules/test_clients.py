"""What a client may be, where a code may be sent, which keys are taken, and who may say so."""

import base64
import string
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from vdept.clients import rules
from vdept.clients.models import ClientAuthentication
from vdept.clients.public_keys import ALGORITHMS, PRIVATE, clean_jwks, key_set
from vdept.kernel.actor import Actor, ActorKind, Role, Seat, system
from vdept.kernel.errors import Refused
from vdept.kernel.scopes import Scope, implied

A = ClientAuthentication
HERE, ELSEWHERE = 7, 8


def person(role: Role | None, unit_id: int = HERE, **more: Any) -> Actor:
    seats = () if role is None else (Seat(unit_id, role, (1, unit_id), public_body=True),)
    return Actor(ActorKind.PERSON, person_id=3, seats=seats, **more)


@pytest.mark.parametrize("role", Role)
def test_the_head_and_the_coordinator_of_exactly_the_unit_manage_its_clients(role: Role) -> None:
    assert rules.may_manage(person(role), HERE) is (role in {Role.HEAD, Role.COORDINATOR})
    assert not rules.may_manage(person(role), ELSEWHERE)
    assert not rules.may_manage(person(role, unit_id=1), HERE), "a unit above does not"


def test_administrators_and_the_platform_itself_manage_every_client() -> None:
    assert rules.may_manage(person(None, administrator=True), HERE)
    assert rules.may_manage(system("cli"), HERE)


def test_a_client_manages_no_client_whoever_it_acts_for() -> None:
    machine = Actor(
        ActorKind.CLIENT, client_id=5, seats=(Seat(HERE, Role.COORDINATOR, (HERE,), public_body=True),)
    )
    assert not rules.may_manage(machine, HERE)
    assert not rules.may_manage(person(Role.HEAD, client_id=5), HERE)
    with pytest.raises(Refused) as refused:
        rules.require_may_manage(machine, HERE, "unitId")
    assert (refused.value.code, refused.value.path) == ("FORBIDDEN", ("unitId",))


def test_only_a_person_who_is_here_consents() -> None:
    assert rules.require_person(person(None)) == 3
    for other in (
        system("cli"),
        Actor(ActorKind.PERSON),
        Actor(ActorKind.CLIENT, client_id=5),
        person(None, client_id=5),
    ):
        with pytest.raises(Refused):
            rules.require_person(other)


GOOD_URIS = (
    "https://example.vn",
    "https://example.vn/",
    "https://sub.example.gov.vn:8443/oauth/callback?tenant=1&x=%20",
    "https://intranet/cb",
    "https://10.0.0.1/cb",
    "https://[2001:db8::1]:443/cb",
    "https://xn--bnh-hoa.vn/cb",
    "https://example.vn/a/@me/cb",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:52123/cb",
    "http://[::1]:8000/cb",
    "vn.gov.app:/oauth",
    "vn.gov.app://oauth/cb",
    "com.example.app-2:/cb?x=1",
)
BAD_URIS = (
    "",
    "example.vn/cb",
    "/cb",
    "//example.vn/cb",
    "https://",
    "https:///cb",
    "https:example.vn/cb",
    "https:/example.vn/cb",
    "http://example.vn/cb",
    "http://localhost/cb",
    "http://127.0.0.1.evil.vn/cb",
    "http://127.0.0.1@evil.vn/cb",
    "http://127.0.0.1:80@evil.vn/cb",
    "http://[::1].evil.vn/cb",
    "http://127.1/cb",
    "http://0x7f.0.0.1/cb",
    "https://user@example.vn/cb",
    "https://user:secret@example.vn/cb",
    "https://example.vn/cb#part",
    "https://example.vn/cb#",
    "https://*.example.vn/cb",
    "https://example.vn/*",
    "https://example.vn/cb\n",
    "https://example.vn/c b",
    "https://example.vn\\@evil.vn/cb",
    "https://example.vn/\\evil",
    "https://exämple.vn/cb",
    "https://example.vn/Huế",
    "https://-bad.vn/cb",
    "https://bad-.vn/cb",
    "https://a..vn/cb",
    "https://example.vn.:443/cb",
    "https://example.vn:0/cb",
    "https://example.vn:65536/cb",
    "https://example.vn:/cb",
    "https://example.vn:80x/cb",
    "https://[::1/cb",
    "https://%65xample.vn/cb",
    "HTTPS://example.vn/cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "app:/cb",
    "mailto:a@b.vn",
    "vn.gov.app:",
    "vn.gov.app://user@host/cb",
    "vn.gov.app:/cb#x",
    ".app:/cb",
    "1.app:/cb",
    "https://example.vn/" + "a" * rules.MAX_URI,
)


@pytest.mark.parametrize("uri", GOOD_URIS)
def test_a_code_may_be_sent_to(uri: str) -> None:
    assert rules.is_redirect_uri(uri)
    assert rules.clean_redirect_uris([uri, uri], "redirectUris") == [uri]


@pytest.mark.parametrize("uri", BAD_URIS)
def test_a_code_may_not_be_sent_to(uri: str) -> None:
    assert not rules.is_redirect_uri(uri)
    with pytest.raises(Refused) as refused:
        rules.clean_redirect_uris(["https://example.vn", uri], "redirectUris")
    assert (refused.value.code, refused.value.path) == ("INVALID_VALUE", ("redirectUris", 1))


def test_ten_redirect_addresses_are_enough() -> None:
    many = [f"https://example.vn/{number}" for number in range(11)]
    assert len(rules.clean_redirect_uris(many[:10])) == 10
    with pytest.raises(Refused):
        rules.clean_redirect_uris(many)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=string.printable, max_size=60))
def test_no_text_at_all_is_a_redirect_address_with_a_fragment_user_wildcard_or_space(text: str) -> None:
    for uri in (text, f"https://example.vn{text}", f"https://{text}/cb", f"vn.gov.app:{text}"):
        if rules.is_redirect_uri(uri):
            authority = uri.partition("//")[2].partition("/")[0].partition("?")[0]
            assert not set(uri) & set('#*\\ "<>^`{|}')
            assert uri.isprintable()
            assert "@" not in authority
            assert uri.startswith("https://") or "." in uri.partition(":")[0]


REGISTERED = ("https://example.vn/cb", "http://127.0.0.1:1/cb?x=1", "http://[::1]/cb", "vn.gov.app:/cb")


@pytest.mark.parametrize(
    "asked",
    [*REGISTERED, "http://127.0.0.1:52123/cb?x=1", "http://127.0.0.1/cb?x=1", "http://[::1]:9/cb"],
)
def test_a_registered_address_is_one_letter_by_letter_but_for_the_port_on_loopback(asked: str) -> None:
    assert rules.redirects_to(REGISTERED, asked)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "https://example.vn/cb/",
        "https://example.vn/CB",
        "https://EXAMPLE.vn/cb",
        "https://example.vn:443/cb",
        "https://example.vn/cb?x=1",
        "https://example.vn/cb#x",
        "https://example.vn/x/../cb",
        "https://example.vn.evil.vn/cb",
        "http://example.vn/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:1/cb?x=2",
        "http://127.0.0.1:99999/cb?x=1",
        "http://127.0.0.1:1@evil.vn/cb?x=1",
        "http://localhost:1/cb?x=1",
        "https://127.0.0.1:1/cb?x=1",
        "http://[::1]:9/cb#x",
        "vn.gov.app:/cb2",
    ],
)
def test_anything_near_a_registered_address_is_another(asked: str) -> None:
    assert not rules.redirects_to(REGISTERED, asked)


P256 = ECKey.generate_key("P-256").as_dict(private=False)
RSA_2048 = RSAKey.generate_key(2048).as_dict(private=False)
KEYS: dict[str, dict[str, Any]] = {
    "P-256": {**P256, "kid": "a"},
    "P-384": {**ECKey.generate_key("P-384").as_dict(private=False), "kid": "b", "use": "sig", "alg": "ES384"},
    "RSA": {**RSA_2048, "kid": "c", "alg": "PS256"},
    "Ed25519": {**OKPKey.generate_key("Ed25519").as_dict(private=False), "kid": "d", "alg": "EdDSA"},
}


@pytest.mark.parametrize("name", KEYS)
def test_a_public_key_is_kept_as_it_is_and_can_be_used(name: str) -> None:
    kept = clean_jwks({"keys": [{**KEYS[name], "x5u": "https://evil.vn", "key_ops": ["verify"]}]}, "jwks")
    assert kept == {"keys": [KEYS[name]]}
    keys = key_set(kept)
    assert [key.kid for key in keys.keys] == [KEYS[name]["kid"]]
    assert key_set(kept) is keys, "read once"


def test_every_kind_of_key_that_is_taken_has_algorithms_that_are_not_symmetric() -> None:
    assert all(names and not any(name.startswith("HS") for name in names) for names in ALGORITHMS.values())


OWN = {
    "EC": ECKey.generate_key("P-256"),
    "RSA": RSAKey.generate_key(2048),
    "OKP": OKPKey.generate_key("Ed25519"),
}


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("member", sorted(PRIVATE))
def test_a_key_set_with_anything_private_is_refused(kind: str, member: str) -> None:
    whole = {
        "EC": ECKey.generate_key("P-256"),
        "RSA": RSAKey.generate_key(2048),
        "OKP": OKPKey.generate_key("Ed25519"),
    }
    private = whole[kind].as_dict(private=True)
    given = {**whole[kind].as_dict(private=False), "kid": "a", member: private.get(member, "AQAB")}
    with pytest.raises(Refused) as refused:
        clean_jwks({"keys": [KEYS["P-256"], given]}, "jwks")
    assert refused.value.path == ("jwks", "keys", 1)
    assert "private key" in str(refused.value)


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8)).decode().rstrip("=")


def rsa_of(bits: int) -> dict[str, str]:
    numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": "AQAB", "kid": "a"}


@pytest.mark.parametrize(
    "key",
    [
        "text",
        None,
        {},
        {"kid": "a"},
        {**KEYS["P-256"], "kid": ""},
        {**KEYS["P-256"], "kid": "a" * 101},
        {**KEYS["P-256"], "kid": 5},
        {**KEYS["P-256"], "kid": "a\x00"},
        {name: value for name, value in KEYS["P-256"].items() if name != "kid"},
        {name: value for name, value in KEYS["P-256"].items() if name != "y"},
        {**KEYS["P-256"], "y": KEYS["P-256"]["x"]},
        {**KEYS["P-256"], "crv": "P-384"},
        {**KEYS["P-256"], "crv": "secp256k1"},
        {**KEYS["P-256"], "crv": ["P-256"]},
        {**KEYS["P-256"], "kty": "RSA"},
        {**KEYS["P-256"], "kty": ["EC"]},
        {**KEYS["P-256"], "use": "enc"},
        {**KEYS["P-256"], "alg": "HS256"},
        {**KEYS["P-256"], "alg": "none"},
        {**KEYS["P-256"], "alg": "RS256"},
        {**KEYS["P-256"], "x": "!" * 43},
        {**KEYS["P-256"], "x": "A" * 100_000},
        {**KEYS["RSA"], "crv": "P-256"},
        {**KEYS["RSA"], "e": "AA"},
        {**KEYS["RSA"], "e": number(2**32 + 1)},
        {**KEYS["RSA"], "e": number((1 << 2047) + 1)},
        {**KEYS["RSA"], "n": "A" * 3000},
        {**KEYS["RSA"], "n": number((1 << 8191) + 1)},
        {**KEYS["Ed25519"], "x": "AQAB"},
        {"kty": "oct", "kid": "a", "alg": "HS256"},
        {"kty": "EC", "crv": "P-521", "kid": "a", **ECKey.generate_key("P-521").as_dict(private=False)},
        {"kid": "a", **OKPKey.generate_key("X25519").as_dict(private=False)},
        rsa_of(1024),
    ],
    ids=lambda key: f"{type(key).__name__}-",  # the keys are new in every process
)
def test_a_key_that_is_not_a_sound_public_signing_key_is_refused(key: object) -> None:
    with pytest.raises(Refused) as refused:
        clean_jwks({"keys": [key]}, "jwks")
    assert (refused.value.code, refused.value.path) == ("INVALID_VALUE", ("jwks", "keys", 0))


@pytest.mark.parametrize(
    "jwks",
    [
        *(None, [], "x", {}, {"keys": None}, {"keys": {}}, {"keys": []}, {"keys": [KEYS["P-256"]] * 2}),
        {"keys": [{**KEYS["P-256"], "kid": str(number)} for number in range(6)]},
    ],
    ids=lambda jwks: str(jwks)[:30],
)
def test_a_key_set_holds_one_to_five_keys_each_with_its_own_kid(jwks: object) -> None:
    with pytest.raises(Refused) as refused:
        clean_jwks(jwks, "jwks")
    assert refused.value.path == ("jwks",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(KEYS)),
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "d", "k"]), JSON, min_size=1
    ),
)
def test_whatever_stands_in_a_key_is_taken_or_refused_and_never_breaks(
    name: str, spoiled: dict[str, Any]
) -> None:
    try:
        kept = clean_jwks({"keys": [{**KEYS[name], **spoiled}]}, "jwks")
    except Refused:
        return
    assert not PRIVATE & kept["keys"][0].keys()
    KeySet.import_key_set(kept)


@pytest.mark.parametrize(
    ("authentication", "keys", "machine", "uris", "at"),
    [
        (A.SECRET, False, True, False, None),
        (A.SECRET, False, True, True, None),
        (A.SECRET, False, False, True, None),
        (A.SECRET, False, False, False, "redirectUris"),
        (A.SECRET, True, True, False, "jwks"),
        (A.PRIVATE_KEY, True, True, False, None),
        (A.PRIVATE_KEY, True, True, True, None),
        (A.PRIVATE_KEY, True, False, True, None),
        (A.PRIVATE_KEY, True, False, False, "redirectUris"),
        (A.PRIVATE_KEY, False, True, True, "jwks"),
        (A.NONE, False, False, True, None),
        (A.NONE, False, False, False, "redirectUris"),
        (A.NONE, False, True, True, "machine"),
        (A.NONE, True, False, True, "jwks"),
    ],
)
def test_combinations(authentication: A, keys: bool, machine: bool, uris: bool, at: str | None) -> None:
    given = {
        "jwks": {"keys": []} if keys else None,
        "machine": machine,
        "redirect_uris": ["https://example.vn"] if uris else [],
    }
    if at is None:
        rules.require_combination(authentication, **given)
        return
    with pytest.raises(Refused) as refused:
        rules.require_combination(authentication, **given)
    assert (refused.value.code, refused.value.path) == ("CLIENT_COMBINATION", (at,))


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "Cổng\u202eoáb", "a\u200bb", "a\x00b"])
def test_a_name_that_misleads_or_is_none_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        rules.clean_name(name, "name")


def test_a_name_is_written_one_way() -> None:
    assert rules.clean_name("  Cổng  báo\u0020cáo ".replace("ổ", "o\u0302\u0309")) == "Cổng báo cáo"


def test_a_client_without_scopes_is_none() -> None:
    assert rules.clean_scopes([Scope.TASKS_WRITE, Scope.PLANS_READ, Scope.TASKS_WRITE]) == [
        "plans:read",
        "tasks:write",
    ]
    with pytest.raises(Refused):
        rules.clean_scopes([], "scopes")


@given(st.sets(st.sampled_from(Scope)), st.sets(st.sampled_from(Scope)))
def test_what_is_asked_must_be_within_what_is_registered(asked: set[Scope], registered: set[Scope]) -> None:
    names = [scope.value for scope in registered]
    if asked <= implied(registered):
        rules.require_within(asked, names, "scopes")
    else:
        with pytest.raises(Refused) as refused:
            rules.require_within(asked, names, "scopes")
        assert refused.value.code == "CLIENT_SCOPE_EXCEEDED"


def test_a_scope_that_the_platform_has_given_up_lets_do_nothing() -> None:
    assert rules.known_scopes(["tasks:write", "budgets:write", ""]) == {Scope.TASKS_WRITE, Scope.TASKS_READ}
