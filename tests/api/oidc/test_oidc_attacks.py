"""Attacks on the way to the provider and back: each is refused, and nobody is signed in by it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from api.oidc.browser import Browser
from api.oidc.conftest import Platform, Victim
from api.oidc.real import RealProvider
from factories import SYSTEM
from vdept.identity import linking
from vdept.identity.models import Identity
from vdept_graphql.sign_in import oidc, oidc_visit


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def nobody_came(platform: Platform) -> bool:
    async with platform.database.snapshot(SYSTEM) as tx:
        return await tx.session.scalar(sa.select(sa.func.count()).select_from(Identity)) == 0


async def test_an_answer_that_was_asked_for_by_nobody_is_refused(platform: Platform, person: Browser) -> None:
    for given in ({}, {"code": "x"}, {"state": ""}, {"code": "x", "state": "made-up"}, {"state": "s" * 5000}):
        page = await person.back("ministry", **given)
        assert (page.status_code, "Start again" in page.text) == (400, True)
    assert person.session is None
    assert await nobody_came(platform)


async def test_a_victim_does_not_finish_what_an_attacker_began(
    platform: Platform, browsers: Callable[..., Any]
) -> None:
    """Login CSRF: the attacker's own answer, sent to the victim's browser."""
    attacker, victim = await browsers(), await browsers()
    answer = await attacker.authorize("ministry", "an")
    assert (await victim.go(answer)).status_code == 400
    assert victim.session is None
    with_own = await browsers()
    await with_own.begin("ministry")
    assert (await with_own.go(answer)).status_code == 400
    assert with_own.session is None
    assert await nobody_came(platform)


async def test_an_answer_is_taken_once(platform: Platform, browsers: Callable[..., Any]) -> None:
    person = await browsers()
    answer = await person.authorize("ministry", "an")
    binding = person.http.cookies["vdept-sign-in"]
    assert (await person.go(answer)).status_code == 200
    first = person.session
    person.http.cookies.set("vdept-sign-in", binding, domain="localhost.local", path="/")
    assert (await person.go(answer)).status_code == 400
    assert person.session == first


async def test_a_code_of_another_sign_in_does_not_fit_into_one_s_own(
    platform: Platform, browsers: Callable[..., Any]
) -> None:
    """Code injection: the provider's PKCE refuses it (RFC 9700, section 4.5)."""
    victim, attacker = await browsers(), await browsers()
    stolen = query_of(await victim.authorize("ministry", "an"))
    own = query_of(await attacker.authorize("ministry", "binh"))
    page = await attacker.back("ministry", **(own | {"code": stolen["code"]}))
    assert (page.status_code, attacker.session) == (403, None)
    assert "cannot be trusted" in page.text
    assert await nobody_came(platform)


async def test_where_the_provider_forgets_pkce_the_nonce_still_notices_an_injected_code(
    victim: Victim,
) -> None:
    sent = await victim.begin()
    victim.forger.gives(victim.forger.sign(victim.forger.claims("the nonce of another sign-in")))
    assert (await victim.back(sent)).status_code == 403
    assert victim.browser.session is None
    assert await nobody_came(victim.platform)


async def test_an_answer_of_one_provider_is_not_taken_at_the_address_of_another(
    platform: Platform, browsers: Callable[..., Any]
) -> None:
    """Mix-up (RFC 9700, section 4.4)."""
    person = await browsers()
    given = query_of(await person.authorize("ministry", "an"))
    assert (await person.back("province", **given)).status_code == 400
    # The state is used up: neither is it taken at the right address any more.
    assert (await person.back("ministry", **given)).status_code == 400
    assert person.session is None


async def test_an_answer_that_says_it_is_of_another_issuer_is_refused(
    platform: Platform, browsers: Callable[..., Any], province: RealProvider
) -> None:
    """RFC 9207, section 2.4: this provider always names itself, so an answer without a name is not its."""
    for change in ({"iss": province.issuer}, {"iss": ""}, {"iss": None}):
        person = await browsers()
        given = query_of(await person.authorize("ministry", "an")) | change
        sent = {name: value for name, value in given.items() if value is not None}
        page = await person.back("ministry", **sent)
        assert (page.status_code, person.session) == (403, None)
    assert await nobody_came(platform)


async def test_a_malicious_provider_gets_no_code_of_the_honest_one_by_naming_its_endpoints(
    victim: Victim, ministry: RealProvider
) -> None:
    """Mix-up: the victim is sent to the ministry's own page and comes back to the malicious one's address."""
    victim.forger.metadata["authorization_endpoint"] = f"{ministry.issuer}/auth"
    form = await victim.browser.go("/sign-in/oidc/evil")
    assert "redirect_uri" in form.text  # the ministry does not know that address and stops
    assert "/interaction/" not in str(form.url)
    assert victim.forger.given == []


async def test_an_error_is_shown_only_to_whoever_asked(victim: Victim) -> None:
    text = "<img src=x onerror=alert(1)>"
    page = await victim.browser.back("evil", error=text, error_description=text, state="x")
    assert (page.status_code, "img" in page.text) == (400, False)
    sent = await victim.begin()
    page = await victim.browser.back("evil", error=text, error_description=text * 500, state=sent["state"])
    assert page.status_code == 403
    assert "<img" not in page.text
    assert "&lt;img" in page.text
    assert "Nhà cung cấp &lt;b&gt;lạ&lt;/b&gt;" in page.text
    assert len(page.text) < 4000


async def test_a_parameter_given_twice_is_refused(platform: Platform, browsers: Callable[..., Any]) -> None:
    for again in ("code", "state", "iss"):
        person = await browsers()
        answer = await person.authorize("ministry", "an")
        assert (await person.go(f"{answer}&{again}=another")).status_code == 403
        assert person.session is None
    assert await nobody_came(platform)


async def test_an_answer_without_a_code_or_with_an_endless_one_is_refused(victim: Victim) -> None:
    for code in ("", "x" * 4001):
        sent = await victim.begin()
        assert (await victim.back(sent, code=code)).status_code == 403
    assert victim.forger.given == []


async def test_the_code_is_exchanged_with_the_verifier_and_our_own_proof(victim: Victim) -> None:
    sent = await victim.begin()
    victim.forger.gives(victim.forger.sign(victim.forger.claims(sent["nonce"])))
    await victim.back(sent)
    (form,) = victim.forger.given
    assert form["code"] == "a-code"
    assert form["redirect_uri"] == sent["redirect_uri"]
    assert len(form["code_verifier"]) >= 43
    assert form["authorization"].startswith("Basic ")
    assert "client_secret" not in form


async def test_an_identity_taken_away_in_the_middle_of_the_sign_in_signs_nobody_in(
    platform: Platform, person: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = oidc.start_session

    async def after_the_administrator(*given: Any, **more: Any) -> Any:
        async with platform.database.begin(SYSTEM) as tx:
            (number,) = await tx.session.scalars(sa.select(Identity.id))
            await linking.unlink_identity(tx, number, platform.sessions)
        return await start(*given, **more)

    monkeypatch.setattr(oidc, "start_session", after_the_administrator)
    page = await person.sign_in("ministry", "an")
    assert (page.status_code, person.session) == (403, None)
    assert "has just been taken from your account" in page.text
    assert await platform.sessions.end_of_person(platform.an.id) == []


async def test_sign_ins_that_fail_again_and_again_are_slowed_down(
    platform: Platform, person: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_visit, "TRIES", 3)
    answers = [await person.back("ministry", state="guess", code="x") for _ in range(5)]
    assert [page.status_code for page in answers] == [400, 400, 400, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    begun = [(await person.step("/sign-in/oidc/ministry")).status_code for _ in range(4)]
    assert begun == [303, 303, 303, 429]


async def test_the_log_says_why_and_holds_no_code_and_no_token(
    victim: Victim, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = await victim.begin()
    token = victim.forger.sign(victim.forger.claims(sent["nonce"], aud="somebody"))
    victim.forger.gives(token)
    page = await victim.back(sent, code="a-secret-code")
    said = capsys.readouterr().out
    assert "PROVIDER_UNTRUSTED" in said
    number = page.text.split("the code ")[1].split(".")[0].split("<")[0]
    assert number in said
    for secret in ("a-secret-code", token, sent["state"], sent["nonce"]):
        assert secret not in said
