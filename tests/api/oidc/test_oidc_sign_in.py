"""Signing in through real providers, as a person does it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api.conftest import Api
from api.oidc.browser import Browser
from api.oidc.conftest import Build, Platform
from api.oidc.real import RealProvider
from factories import SYSTEM
from vdept.identity.models import Identity
from vdept.kernel.activity import Activity
from vdept.kernel.clock import utc_now
from vdept.people.actors import actor_for
from vdept.people.service import update_person
from vdept_graphql.ids import encode


async def identities(platform: Platform) -> list[tuple[str, int | None]]:
    async with platform.database.snapshot(SYSTEM) as tx:
        found = await tx.session.execute(
            sa.select(Identity.subject, Identity.person_id).order_by(Identity.id)
        )
        return [(subject, person_id) for subject, person_id in found]


async def verbs(platform: Platform) -> list[tuple[str, str]]:
    async with platform.database.snapshot(SYSTEM) as tx:
        found = await tx.session.execute(
            sa.select(Activity.verb, Activity.actor)
            .where(Activity.subject_type.in_(["Identity", "Person"]))
            .order_by(Activity.id)
        )
        return [(verb, actor) for verb, actor in found]


async def test_a_person_of_the_ministry_signs_in_and_is_led_on_to_where_they_were_going(
    platform: Platform, person: Browser
) -> None:
    page = await person.sign_in("ministry", "an", "/account")
    assert (page.status_code, person.visited[-1]) == (200, f"{platform.site}/account")
    assert await person.signed_in_as() == "An@moh.gov.vn"
    assert await identities(platform) == [("an", platform.an.id)]
    me = f"person:{platform.an.id}"
    assert await verbs(platform) == [("identity.linked", "system:sign-in"), ("person.signed_in", me)]


async def test_a_person_of_the_province_signs_in_where_the_platform_has_a_key_and_no_secret(
    platform: Platform, person: Browser
) -> None:
    await person.sign_in("province", "chi")
    assert await person.signed_in_as() == "chi@hue.gov.vn"
    assert await identities(platform) == [("chi", platform.chi.id)]


async def test_the_session_knows_what_a_sign_out_will_need(
    platform: Platform, person: Browser, ministry: RealProvider
) -> None:
    await person.sign_in("ministry", "an")
    session = await platform.sessions.find(person.session or "", utc_now())
    assert session is not None
    assert (session.method, session.issuer, session.subject) == ("oidc", ministry.issuer, "an")
    assert session.provider_sid
    assert (session.id_token or "").count(".") == 2


async def test_every_sign_in_makes_a_new_session_and_ends_the_one_the_browser_brought_along(
    platform: Platform, person: Browser
) -> None:
    person.http.cookies.set("vdept", "planted-by-somebody", domain="localhost.local", path="/")
    await person.sign_in("ministry", "an")
    first = person.session
    assert first != "planted-by-somebody"
    assert await person.go("/sign-in/oidc/ministry?next=/account")  # the provider asks no second time
    assert person.session != first
    now = utc_now()
    assert await platform.sessions.find(first or "", now) is None
    assert await platform.sessions.find(person.session or "", now) is not None


async def test_two_people_in_two_browsers_are_two_people(
    platform: Platform, browsers: Callable[..., Any]
) -> None:
    here, there = await browsers(), await browsers()
    await here.sign_in("ministry", "an")
    await there.sign_in("province", "chi")
    assert (await here.signed_in_as(), await there.signed_in_as()) == ("An@moh.gov.vn", "chi@hue.gov.vn")


async def test_the_sign_in_page_names_the_providers_in_the_reader_s_language_and_keeps_the_way(
    platform: Platform, person: Browser
) -> None:
    english = (await person.go("/sign-in?next=/account")).text
    assert 'href="/sign-in/oidc/ministry?next=%2Faccount">Ministry of Health<' in english
    assert 'href="/sign-in/oidc/province?next=%2Faccount">Thành phố Huế<' in english
    person.http.headers["accept-language"] = "vi"
    assert ">Bộ Y tế<" in (await person.go("/sign-in")).text


async def test_the_browser_is_sent_off_with_all_that_the_code_flow_needs(
    platform: Platform, person: Browser, ministry: RealProvider
) -> None:
    answer = await person.step("/sign-in/oidc/ministry")
    assert answer.headers["location"].startswith(f"{ministry.issuer}/auth?")
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("vdept-sign-in=")
    attributes = set(cookie.lower().split("; ")[1:])
    assert attributes == {"httponly", "max-age=600", "path=/", "samesite=lax"}
    sent = await person.begin("ministry")
    assert sent["redirect_uri"] == f"{platform.site}/sign-in/oidc/ministry/callback"
    assert (sent["response_type"], sent["scope"]) == ("code", "openid email profile")
    assert (sent["code_challenge_method"], len(sent["code_challenge"])) == ("S256", 43)
    assert len(sent["state"]) == len(sent["nonce"]) == 43
    again = await person.begin("ministry")
    assert {sent[name] for name in ("state", "nonce", "code_challenge")}.isdisjoint(again.values())


async def test_over_tls_the_cookies_are_of_this_host_only(
    platform: Platform, browsers: Callable[..., Any], build: Build, ministry: RealProvider
) -> None:
    secure = build(ministry.settings, public_url="https://vdept.example.gov.vn")
    cookie = (await (await browsers(secure)).step("/sign-in/oidc/ministry")).headers["set-cookie"]
    assert cookie.startswith("__Host-vdept-sign-in=")
    assert "secure" in cookie.lower()
    assert "domain" not in cookie.lower()


async def test_who_cannot_be_told_for_certain_waits_with_a_reference_and_no_session(
    platform: Platform, browsers: Callable[..., Any]
) -> None:
    """Unverified; vouched for by the wrong provider; an administrator; not known here; without an address."""
    accounts = ("binh", "chi", "admin", "nobody", "nameless")
    for account in accounts:
        person = await browsers()
        page = await person.sign_in("ministry", account)
        assert (page.status_code, person.session) == (403, None)
        async with platform.database.snapshot(SYSTEM) as tx:
            number = await tx.session.scalar(sa.select(Identity.id).where(Identity.subject == account))
        assert f"the reference {number}." in page.text
        assert await person.signed_in_as() is None
    assert await identities(platform) == [(account, None) for account in accounts]
    assert {verb for verb, _ in await verbs(platform)} == {"identity.waiting"}


async def test_the_answer_to_who_waits_is_the_same_whoever_they_would_be(
    platform: Platform, browsers: Callable[..., Any]
) -> None:
    pages = [(await (await browsers()).sign_in("ministry", who)).text for who in ("binh", "admin", "nobody")]
    assert len({re.sub(r"reference \d+", "reference N", page) for page in pages}) == 1


async def test_a_province_does_not_vouch_for_a_ministry_s_people(platform: Platform, person: Browser) -> None:
    assert (await person.sign_in("province", "an")).status_code == 403
    assert await identities(platform) == [("an", None)]


async def test_another_address_at_the_provider_later_changes_nothing(
    platform: Platform, browsers: Callable[..., Any], ministry: RealProvider
) -> None:
    await (await browsers()).sign_in("ministry", "an")
    for email, verified in (("admin@moh.gov.vn", True), ("binh@moh.gov.vn", True), ("x@evil.vn", False)):
        ministry.says("an", email=email, email_verified=verified)
        again = await browsers()
        await again.sign_in("ministry", "an")
        assert await again.signed_in_as() == "An@moh.gov.vn"


async def test_a_person_who_was_deactivated_is_let_in_no_more(
    platform: Platform, browsers: Callable[..., Any]
) -> None:
    here, again = await browsers(), await browsers()
    await here.sign_in("ministry", "an")
    async with platform.database.begin(SYSTEM) as tx:
        await update_person(tx, platform.an.id, active=False)
    assert await here.signed_in_as() is None
    page = await again.sign_in("ministry", "an")
    assert (page.status_code, again.session) == (403, None)
    assert "not active" in page.text


ELSEWHERE = (
    "https://evil.vn/",
    "//evil.vn",
    "/\\evil.vn",
    "/%09/evil.vn",
    "javascript:alert(1)",
    "/account/../../evil",
    "evil.vn",
    "/account%0d%0aset-cookie:a=b",
    "",
)


async def test_nobody_is_led_on_to_somewhere_else(platform: Platform, browsers: Callable[..., Any]) -> None:
    led = {where: await _led_to(await browsers(), where) for where in ELSEWHERE}
    assert led == dict.fromkeys(ELSEWHERE, "/account")


async def _led_to(person: Browser, where: str) -> str:
    answer = await person.http.get(f"{person.site}/sign-in/oidc/ministry", params={"next": where})
    form = await person.follow(answer)
    finished = await person.http.post(form.url, data={"account": "an"})
    while not finished.headers["location"].startswith(person.site):
        finished = await person.http.get(str(finished.url.join(finished.headers["location"])))
    return str((await person.step(finished.headers["location"])).headers["location"])


async def test_what_a_provider_answers_instead_of_a_code_is_shown_as_text(
    platform: Platform, person: Browser
) -> None:
    page = await person.sign_in("ministry", "nobody-of-that-name")
    assert page.status_code == 403
    assert "access_denied" in page.text
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert await identities(platform) == []


async def test_a_provider_that_is_not_in_the_settings_is_not_there(person: Browser) -> None:
    for address in ("/sign-in/oidc/finance", "/sign-in/oidc/finance/callback?state=a&code=b"):
        page = await person.go(address)
        assert page.status_code == 404
        assert "Choose one on the sign-in page" in page.text


# Administrators.

LIST = """query($filter: IdentityFilter) { identities(filter: $filter) {
  totalCount nodes { id reference issuer subject email person { email } } } }"""


async def test_an_administrator_sees_who_waits_links_them_and_they_get_in(
    platform: Platform, browsers: Callable[..., Any], graphql: Api, ministry: RealProvider
) -> None:
    async with platform.database.snapshot(SYSTEM) as tx:
        admin = await actor_for(tx.session, platform.admin, tx.today)
        an = await actor_for(tx.session, platform.an, tx.today)
    before = await browsers()
    await before.sign_in("ministry", "binh")
    listed = (await graphql.gql(LIST, {"filter": {"waiting": True}}, admin)).data["identities"]
    assert listed["totalCount"] == 1
    (one,) = listed["nodes"]
    told = {"issuer": ministry.issuer, "subject": "binh", "email": "binh@moh.gov.vn", "person": None}
    assert {name: one[name] for name in told} == told
    found = await graphql.gql(LIST, {"filter": {"reference": one["reference"]}}, admin)
    assert found.data["identities"]["nodes"] == [one]
    given = {"identityId": one["id"], "personId": encode("Person", platform.an.id)}
    for actor, code in ((an, "NOT_FOUND"), (admin, None)):
        done = await graphql.do("linkIdentity", given, actor, "identity { person { email } }")
        assert [error["code"] for error in done.data["linkIdentity"]["errors"]] == ([code] if code else [])
    assert done.data["linkIdentity"]["identity"] == {"person": {"email": "An@moh.gov.vn"}}
    after = await browsers()
    await after.sign_in("ministry", "binh")
    assert await after.signed_in_as() == "An@moh.gov.vn"
    mine = await graphql.gql(LIST, {"filter": {"personId": given["personId"]}}, an)
    assert [one["subject"] for one in mine.data["identities"]["nodes"]] == ["binh"]
    waiting = await graphql.gql(LIST, {"filter": {"waiting": True}}, an)
    assert waiting.data["identities"]["nodes"] == []


async def test_an_administrator_who_takes_an_identity_away_ends_its_sessions(
    platform: Platform, browsers: Callable[..., Any], graphql: Api
) -> None:
    async with platform.database.snapshot(SYSTEM) as tx:
        admin = await actor_for(tx.session, platform.admin, tx.today)
    here, elsewhere, again = [await browsers() for _ in range(3)]
    await here.sign_in("ministry", "an")
    await elsewhere.sign_in("province", "chi")
    (one,) = (
        await graphql.gql(LIST, {"filter": {"personId": encode("Person", platform.an.id)}}, admin)
    ).data["identities"]["nodes"]
    done = await graphql.do("unlinkIdentity", {"identityId": one["id"]}, admin, "identity { person { id } }")
    assert done.data["unlinkIdentity"] == {"identity": {"person": None}, "errors": []}
    assert await here.signed_in_as() is None
    assert await elsewhere.signed_in_as() == "chi@hue.gov.vn"
    assert (await again.sign_in("ministry", "an")).status_code == 403


async def test_a_reference_that_is_no_number_is_refused(platform: Platform, graphql: Api) -> None:
    async with platform.database.snapshot(SYSTEM) as tx:
        admin = await actor_for(tx.session, platform.admin, tx.today)
    for reference in ("x", "-1", "1 2", "9" * 30, "٣", ""):
        reply = await graphql.gql(LIST, {"filter": {"reference": reference}}, admin)
        assert reply.codes == ["INVALID_VALUE"], reference


async def test_a_sign_in_that_took_too_long_is_over(platform: Platform, person: Browser, valkey: Any) -> None:
    back = await person.authorize("ministry", "an")
    (key,) = await valkey.keys("sign-in:oidc:*")
    assert 0 < await valkey.pttl(key) <= timedelta(minutes=10) / timedelta(milliseconds=1)
    await valkey.delete(key)
    page = await person.go(back)
    assert page.status_code == 400
    assert "older than 10 minutes" in page.text
    assert person.session is None


async def test_what_is_kept_meanwhile_tells_a_reader_of_valkey_no_state_and_no_cookie(
    platform: Platform, person: Browser, valkey: Any
) -> None:
    sent = await person.begin("ministry")
    (key,) = await valkey.keys("sign-in:oidc:*")
    kept = (await valkey.get(key)).decode() + key.decode()
    assert sent["state"] not in kept
    assert person.http.cookies["vdept-sign-in"] not in kept


async def test_without_valkey_nobody_signs_in_and_a_page_says_so(
    browsers: Callable[..., Any], build: Build, ministry: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vdept_graphql.app as application

    made = application.Services
    monkeypatch.setattr(application, "Services", lambda settings, db, _redis: made(settings, db, None))
    page = await (await browsers(build(ministry.settings))).step("/sign-in/oidc/ministry")
    assert page.status_code == 503
    assert "Temporarily unavailable" in page.text
