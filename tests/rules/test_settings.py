"""Settings that would make the platform unsafe are refused at the start, with what to write instead."""

import re

import pytest

from vdept.kernel.settings import SECRET, Settings, load


@pytest.mark.parametrize(
    ("url", "issuer"),
    [
        ("https://vdept.gov.vn", "https://vdept.gov.vn"),
        ("https://vdept.gov.vn/", "https://vdept.gov.vn"),
        ("https://vdept.gov.vn:8443", "https://vdept.gov.vn:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("", "http://127.0.0.1:8000"),
    ],
)
def test_the_public_address_is_the_issuer(url: str, issuer: str) -> None:
    assert load({"VDEPT_PUBLIC_URL": url}).issuer == issuer


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://vdept.gov.vn", "not https"),
        ("http://127.0.0.1.evil.example", "not https"),
        ("https://vdept.gov.vn/platform", "more than scheme"),
        ("https://vdept.gov.vn?x=1", "more than scheme"),
        ("https://vdept.gov.vn/?", "more than scheme"),
        ("https://vdept.gov.vn#x", "more than scheme"),
        ("https://user:word@vdept.gov.vn", "more than scheme"),
        ("https://user@vdept.gov.vn", "more than scheme"),
        ("vdept.gov.vn", "no address"),
        ("ftp://vdept.gov.vn", "no address"),
        ("https://", "no address"),
        ("https://vdept.gov.vn:port", "no address"),
        ("https://[", "no address"),
        ("https://vdept gov.vn", "no address"),
        ("https://vdept.gov.vn\\@evil.example", "no address"),
    ],
)
def test_a_public_address_that_tokens_cannot_be_issued_under_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError, match="VDEPT_PUBLIC_URL") as refused:
        load({"VDEPT_PUBLIC_URL": url})
    assert said in str(refused.value)
    assert "https://vdept.example.gov.vn" in str(refused.value)
    assert "word" not in str(refused.value), "what was given may hold a secret"


def test_trusted_proxies_are_networks() -> None:
    assert load({"VDEPT_TRUSTED_PROXIES": " 10.0.0.0/8 ,, 192.0.2.7"}).trusted_proxies
    for wrong in ("10.0.0.1/8", "proxy.local", "10.0.0.0/99"):
        with pytest.raises(ValueError, match=r"VDEPT_TRUSTED_PROXIES.*10\.0\.0\.0/8"):
            load({"VDEPT_TRUSTED_PROXIES": wrong})


@pytest.mark.parametrize(
    ("name", "value"), [("BUDGET_POINTS", "-1"), ("SESSION_IDLE_MINUTES", "0"), ("SESSION_HOURS", "0")]
)
def test_a_number_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name.lower()):
        load({f"VDEPT_{name}": value})


def test_the_budget_can_be_switched_off() -> None:
    assert load({"VDEPT_BUDGET_POINTS": "0"}).budget_points == 0


def test_settings_that_end_up_in_a_log_take_no_secret_along() -> None:
    secret = "hunter2" * 7
    shown = repr(Settings(**dict.fromkeys(SECRET, secret), host="10.1.2.3"))
    assert "10.1.2.3" in shown
    assert secret not in shown
    told = {name for name in Settings.__struct_fields__ if re.search("secret|url|password|token|oidc", name)}
    assert told - {"public_url"} == SECRET, "a new setting that looks secret: say so, or here that it is not"
