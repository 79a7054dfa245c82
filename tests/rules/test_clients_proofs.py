"""What is proven by an assertion, and what a token is granted: pure rules."""

import base64
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from vdept.clients.assertions import LONGEST, SKEW, named_client, signed_claims, why_refused
from vdept.clients.granting import granted
from vdept.clients.rules import known_scopes
from vdept.kernel.scopes import Scope, written

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
AUDIENCES = ("https://vdept.example", "https://vdept.example/oauth/token")
GOOD = {"iss": "c", "sub": "c", "aud": AUDIENCES[0], "exp": SECONDS + 60, "iat": SECONDS, "jti": "1"}
KEY = ECKey.generate_key("P-256", {"kid": "k1"})
JWKS = {"keys": [KEY.as_dict(private=False)]}

SCOPES = st.sets(st.sampled_from(list(Scope)))


def why(**claims: Any) -> str | None:
    return why_refused(GOOD | claims, "c", AUDIENCES, NOW)


def test_good_claims_are_refused_for_nothing() -> None:
    assert why() is None
    assert why(aud=AUDIENCES[1]) is None


@pytest.mark.parametrize(
    ("seconds", "good"), [(-1, False), (0, False), (1, True), (300, True), (300.5, False), (301, False)]
)
def test_an_assertion_ends_within_five_minutes(seconds: float, good: bool) -> None:
    assert timedelta(minutes=5) == LONGEST
    assert (why(exp=SECONDS + seconds) is None) is good


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_clock_may_run_half_a_minute_ahead(name: str) -> None:
    assert timedelta(seconds=30) == SKEW
    assert why(**{name: SECONDS + 30}) is None
    assert why(**{name: SECONDS + 31}) is not None


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "nbf"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
            max_leaves=4,
        ),
    )
)
def test_any_other_claims_are_refused_or_good_but_never_an_error(claims: dict[str, Any]) -> None:
    refused = why(**claims)
    given_up = {
        name for name in ("iss", "sub", "exp", "jti") if name in claims and claims[name] != GOOD[name]
    }
    if refused is None:
        assert given_up <= {"exp", "jti"}
    else:
        assert all(32 <= ord(char) < 127 and char not in '"\\' for char in refused), "RFC 6749, section 5.2"


def signed(header: dict[str, Any] | None = None, key: ECKey = KEY) -> str:
    return jwt.encode(header or {"alg": "ES256"}, dict(GOOD), key)


def test_only_the_registered_key_signs() -> None:
    other = ECKey.generate_key("P-256", {"kid": "k1"})
    assert signed_claims(signed(), JWKS) == GOOD
    assert signed_claims(signed({"alg": "ES256", "kid": "k1"}), JWKS) == GOOD
    assert signed_claims(signed({"alg": "ES256", "kid": "k2"}), JWKS) is None
    assert signed_claims(signed(key=other), JWKS) is None
    assert signed_claims(signed(), None) is None
    assert signed_claims(signed(), {"keys": [{**JWKS["keys"][0], "alg": "ES384"}]}) is None


@pytest.mark.parametrize("jwks", [None, JWKS])
def test_nothing_unsigned_passes_with_or_without_a_key_to_check_it_by(jwks: Any) -> None:
    _, claims, signature = signed().split(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc warns where it is let take `none`; it must not come to that
        for algorithm in ("none", "None", "NONE", "HS256", "", "ES256"):
            header = base64.urlsafe_b64encode(msgspec.json.encode({"alg": algorithm})).decode().rstrip("=")
            assert signed_claims(f"{header}.{claims}.", jwks) is None
            assert algorithm == "ES256" or signed_claims(f"{header}.{claims}.{signature}", jwks) is None


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}"))
def test_text_that_is_no_assertion_names_nobody(text: str) -> None:
    assert signed_claims(text, JWKS) is None
    assert signed_claims(text, None) is None
    name = named_client(text)
    assert name is None or isinstance(name, str)


@given(asked=st.none() | SCOPES, let=SCOPES, registered=SCOPES)
def test_a_token_is_granted_what_was_asked_let_and_registered_and_nothing_else(
    asked: set[Scope] | None, let: set[Scope], registered: set[Scope]
) -> None:
    held = [scope.value for scope in let], [scope.value for scope in registered]
    scopes = granted(None if asked is None else written(asked), *held)
    if scopes is not None:
        assert scopes
        assert scopes <= known_scopes(held[0])
        assert scopes <= known_scopes(held[1])
        assert scopes == asked if asked is not None else scopes <= let
    elif asked:
        assert not asked <= known_scopes(held[0]) & known_scopes(held[1])


def test_a_scope_that_the_platform_has_given_up_lets_do_nothing() -> None:
    assert granted(None, ["tasks:write", "given:up"]) == {Scope.TASKS_WRITE}
    assert granted(None, ["given:up"]) is None
    assert granted("given:up", ["given:up"]) is None
