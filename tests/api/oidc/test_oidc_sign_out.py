"""Signing out: at the platform and the provider at once, and when the provider says so."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
import uvicorn
from joserfc.jwk import OctKey, RSAKey

import factories
from api.oidc.browser import Browser
from api.oidc.conftest import Build, Platform, Victim
from api.oidc.forger import CLIENT, SECRET, Forger, as_json, soon
from api.oidc.real import RealProvider
from factories import SYSTEM
from vdept.identity.sessions import Session, Sessions, SessionsAway
from vdept.kernel.activity import Activity
from vdept.kernel.clock import utc_now

EVENT = "http://schemas.openid.net/event/backchannel-logout"
NOW = int(time.time())


async def sign_outs(platform: Platform) -> list[tuple[str, dict[str, Any]]]:
    async with platform.database.snapshot(SYSTEM) as tx:
        found = await tx.session.execute(
            sa.select(Activity.actor, Activity.data)
            .where(Activity.verb == "person.signed_out")
            .order_by(Activity.id)
        )
        return [(actor, data) for actor, data in found]


async def leave(person: Browser, path: str = "/sign-out") -> Any:
    """Press the button on the account page."""
    page = (await person.go("/account")).text
    (token, *_) = re.findall(r'name="csrf" value="([^"]+)"', page)
    return await person.http.post(
        f"{person.site}{path}", data={"csrf": token}, headers={"origin": person.site}
    )


# With the person's browser (OpenID Connect RP-Initiated Logout 1.0).


async def test_who_signs_out_is_led_to_the_provider_and_back(
    platform: Platform, person: Browser, ministry: RealProvider
) -> None:
    await person.sign_in("ministry", "an")
    page = await person.go("/account")
    assert f"form-action 'self' {ministry.issuer}" in page.headers["content-security-policy"]
    answer = await leave(person)
    assert await person.signed_in_as() is None
    asks = await person.follow(answer)
    assert str(asks.url).startswith(f"{ministry.issuer}/session/end?")
    xsrf = re.findall(r'name="xsrf" value="([^"]+)"', asks.text)[0]
    gone = await person.follow(
        await person.http.post(f"{ministry.issuer}/session/end/confirm", data={"xsrf": xsrf, "logout": "yes"})
    )
    assert (str(gone.url), gone.status_code) == (f"{platform.site}/sign-in/signed-out", 200)
    assert "You are signed out" in gone.text
    form = await person.go("/sign-in/oidc/ministry")
    assert "/interaction/" in str(form.url)  # the provider asks again who it is


async def test_where_the_provider_has_no_sign_out_or_is_away_the_platform_s_own_is_enough(
    victim: Victim,
) -> None:
    forger, person = victim.forger, victim.browser
    async with victim.platform.database.begin(SYSTEM) as tx:
        await factories.person(tx, email="mallory@evil.vn")
    sent = await victim.begin()
    forger.gives(forger.sign(forger.claims(sent["nonce"])))
    await victim.back(sent)
    assert (await leave(person)).headers["location"] == "/sign-in/signed-out"


async def test_a_provider_s_sign_out_address_keeps_its_own_query(victim: Victim) -> None:
    forger, person = victim.forger, victim.browser
    forger.metadata["end_session_endpoint"] = f"{forger.issuer}/end?realm=a"
    async with victim.platform.database.begin(SYSTEM) as tx:
        await factories.person(tx, email="mallory@evil.vn")
    sent = await victim.begin()
    token = forger.sign(forger.claims(sent["nonce"]))
    forger.gives(token)
    await victim.back(sent)
    query = parse_qs(urlsplit((await leave(person)).headers["location"]).query)
    assert query == {
        "realm": ["a"],
        "id_token_hint": [token],
        "client_id": [CLIENT],
        "post_logout_redirect_uri": [f"{victim.platform.site}/sign-in/signed-out"],
    }


async def test_an_id_token_too_long_for_an_address_is_not_kept_for_one(victim: Victim) -> None:
    forger, person = victim.forger, victim.browser
    forger.metadata["end_session_endpoint"] = f"{forger.issuer}/end"
    async with victim.platform.database.begin(SYSTEM) as tx:
        await factories.person(tx, email="mallory@evil.vn")
    sent = await victim.begin()
    forger.gives(forger.sign(forger.claims(sent["nonce"], groups=["x" * 4000])))
    assert (await victim.back(sent)).status_code == 303
    query = parse_qs(urlsplit((await leave(person)).headers["location"]).query)
    assert set(query) == {"client_id", "post_logout_redirect_uri"}


# Without a browser (OpenID Connect Back-Channel Logout 1.0).


@pytest.fixture
async def served(platform: Platform, site_socket: socket.socket) -> AsyncIterator[None]:
    """The platform on its real address, where a provider can reach it."""
    config = uvicorn.Config(platform.app, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    listening = socket.socket(fileno=site_socket.dup().detach())
    listening.listen(16)
    task = asyncio.create_task(server._serve(sockets=[listening]))
    await soon(lambda: server.started)
    yield
    server.should_exit = True
    await task
    listening.close()


@pytest.mark.usefixtures("served")
async def test_who_signs_out_at_the_real_provider_is_signed_out_here_by_its_request(
    platform: Platform, browsers: Callable[..., Any], ministry: RealProvider
) -> None:
    here, elsewhere = await browsers(), await browsers()
    await here.sign_in("ministry", "an")
    await elsewhere.sign_in("province", "chi")
    asks = await here.http.get(f"{ministry.issuer}/session/end")
    xsrf = re.findall(r'name="xsrf" value="([^"]+)"', asks.text)[0]
    assert await here.signed_in_as() == "An@moh.gov.vn"
    await here.http.post(f"{ministry.issuer}/session/end/confirm", data={"xsrf": xsrf, "logout": "yes"})
    assert await here.signed_in_as() is None
    assert await elsewhere.signed_in_as() == "chi@hue.gov.vn"
    assert await sign_outs(platform) == [("system:sign-in", {"sessions": 1, "by": "provider"})]


def logout_claims(forger: Forger, **changed: Any) -> dict[str, Any]:
    """Those of a sound logout token, changed; None leaves one out."""
    now = int(time.time())
    sound = {
        "iss": forger.issuer,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": f"jti-{time.monotonic_ns()}",
        "events": {EVENT: {}},
        "sub": "mallory",
    } | changed
    return {name: value for name, value in sound.items() if value is not None}


@pytest.fixture
async def sessions(victim: Victim) -> list[Session]:
    """Two sessions of one subject, in two sessions of the provider; one of another subject; one of another
    provider with the same names; one by a link.
    """
    kept, now, own = victim.platform.sessions, utc_now(), {"issuer": victim.forger.issuer, "method": "oidc"}
    an = victim.platform.an.id
    return [
        await kept.start(an, now, **own, subject="mallory", provider_sid="one"),
        await kept.start(an, now, **own, subject="mallory", provider_sid="two"),
        await kept.start(an, now, **own, subject="somebody", provider_sid="three"),
        await kept.start(
            an, now, method="oidc", issuer="https://b.vn", subject="mallory", provider_sid="one"
        ),
        await kept.start(an, now, method="link"),
    ]


async def alive(victim: Victim, sessions: list[Session]) -> list[bool]:
    return [bool(await victim.platform.sessions.find(one.sid, utc_now())) for one in sessions]


async def tell(victim: Victim, token: str | None, key: str = "evil", **more: Any) -> Any:
    form = {} if token is None else {"logout_token": token}
    return await victim.browser.http.post(
        f"{victim.platform.site}/sign-in/oidc/{key}/back-channel", data=form | more
    )


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ({}, [False, False, True, True, True]),
        ({"sid": "one"}, [False, True, True, True, True]),
        ({"sid": "one", "sub": None}, [False, True, True, True, True]),
        ({"sid": "three"}, [True, True, True, True, True]),  # not that subject's
        ({"sid": "unknown"}, [True, True, True, True, True]),
        ({"sub": "unknown"}, [True, True, True, True, True]),
        ({"aud": ["somebody", CLIENT]}, [False, False, True, True, True]),
    ],
)
async def test_a_logout_token_ends_what_it_names_and_nothing_else(
    victim: Victim, sessions: list[Session], changed: dict[str, Any], left: list[bool]
) -> None:
    answer = await tell(victim, victim.forger.sign(logout_claims(victim.forger, **changed), typ="logout+jwt"))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert await alive(victim, sessions) == left


Forge = Callable[[Forger], str | None]


def changed(**claims: Any) -> Forge:
    return lambda forger: forger.sign(logout_claims(forger, **claims))


OTHER = RSAKey.generate_key(2048, {"kid": "rsa"})
BAD: dict[str, Forge] = {
    "no token": lambda _: None,
    "nonsense": lambda _: "a.b.c",
    "alg none": lambda forger: forger.unsigned(logout_claims(forger)),
    "HS256 by our client secret": lambda forger: forger.sign(
        logout_claims(forger), "HS256", OctKey.import_key(SECRET, {"kid": "rsa"})
    ),
    "another key": lambda forger: forger.sign(logout_claims(forger), key=OTHER),
    "another type": lambda forger: forger.sign(logout_claims(forger), typ="at+jwt"),
    "an ID token": lambda forger: forger.sign(forger.claims("n", jti="x", sid="one")),
    "an ID token with the event": lambda forger: forger.sign(forger.claims("n", jti="x", events={EVENT: {}})),
    "iss of another": changed(iss="https://id.moh.gov.vn"),
    "iss missing": changed(iss=None),
    "aud of another": changed(aud="somebody"),
    "aud missing": changed(aud=None),
    "expired": changed(iat=NOW - 500, exp=NOW - 300),
    "exp missing": changed(exp=None),
    "iat missing": changed(iat=None),
    "from the future": changed(iat=NOW + 3600, exp=NOW + 7200),
    "old, and valid for ever": changed(iat=NOW - 3600, exp=NOW + 10**8),
    "jti missing": changed(jti=None),
    "jti empty": changed(jti=""),
    "jti as a number": changed(jti=7),
    "events missing": changed(events=None),
    "events of something else": changed(events={"http://schemas.openid.net/event/other": {}}),
    "events as text": changed(events=EVENT),
    "events as a list": changed(events=[EVENT]),
    "event as text": changed(events={EVENT: "x"}),
    "a nonce": changed(nonce="n"),
    "an empty nonce": changed(nonce=""),
    "neither sub nor sid": changed(sub=None),
    "sub empty": changed(sub=""),
    "sid empty": changed(sub=None, sid=""),
    "sid as a list": changed(sid=["one"]),
}


async def test_a_forged_logout_token_ends_nothing(victim: Victim, sessions: list[Session]) -> None:
    answers = {name: await tell(victim, forge(victim.forger)) for name, forge in BAD.items()}
    said = {
        name: (answer.status_code, answer.json()["error"], answer.headers["cache-control"])
        for name, answer in answers.items()
    }
    assert said == dict.fromkeys(BAD, (400, "invalid_request", "no-store"))
    assert await alive(victim, sessions) == [True] * 5
    assert await sign_outs(victim.platform) == []


async def test_a_logout_token_is_taken_once(victim: Victim, sessions: list[Session]) -> None:
    token = victim.forger.sign(logout_claims(victim.forger))
    assert (await tell(victim, token)).status_code == 200
    again = await victim.platform.sessions.start(
        victim.platform.an.id, utc_now(), method="oidc", issuer=victim.forger.issuer, subject="mallory"
    )
    assert (await tell(victim, token)).status_code == 400
    assert await alive(victim, [again]) == [True]


async def test_a_logout_token_sent_many_times_at_once_is_taken_once(
    victim: Victim, sessions: list[Session]
) -> None:
    token = victim.forger.sign(logout_claims(victim.forger))
    answers = await asyncio.gather(*[tell(victim, token) for _ in range(5)])
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]
    assert await sign_outs(victim.platform) == [("system:sign-in", {"sessions": 2, "by": "provider"})]


async def test_a_logout_token_of_one_provider_is_worth_nothing_at_another_s_address(
    victim: Victim, sessions: list[Session]
) -> None:
    token = victim.forger.sign(logout_claims(victim.forger))
    assert (await tell(victim, token, key="ministry")).status_code == 400
    assert (await tell(victim, token, key="nobody")).status_code == 404
    assert await alive(victim, sessions) == [True] * 5


async def test_a_request_that_is_no_form_with_one_token_is_refused(
    victim: Victim, sessions: list[Session]
) -> None:
    url = f"{victim.platform.site}/sign-in/oidc/evil/back-channel"
    token = victim.forger.sign(logout_claims(victim.forger))
    for body in (
        f"logout_token={token}&logout_token={token}".encode(),
        b'{"logout_token": "x"}',
        b"\xff\xfe",
        b"",
        b"&".join([b"a=b"] * 50),
    ):
        answer = await victim.browser.http.post(url, content=body)
        assert answer.status_code == 400, body
    huge = await victim.browser.http.post(url, content=b"logout_token=" + b"x" * 100_000)
    assert huge.status_code == 413
    assert (await victim.browser.http.get(url)).status_code == 405
    assert await alive(victim, sessions) == [True] * 5


async def test_a_sign_out_that_cannot_be_checked_may_be_sent_again(
    victim: Victim, sessions: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = victim.forger.sign(logout_claims(victim.forger))
    sound = victim.forger.answers["/jwks"]
    victim.forger.answers["/jwks"] = lambda: as_json({}, 500)
    monkeypatch.setattr("vdept_graphql.sign_in.oidc_provider.SULKING", 0)
    assert (await tell(victim, token)).status_code == 400
    victim.forger.answers["/jwks"] = sound
    assert (await tell(victim, token)).status_code == 200
    assert await alive(victim, sessions) == [False, False, True, True, True]


async def test_a_sign_out_that_failed_half_way_may_be_sent_again(
    victim: Victim, sessions: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any, **__: Any) -> Any:
        raise SessionsAway("Valkey went away at this moment")

    token = victim.forger.sign(logout_claims(victim.forger))
    with monkeypatch.context() as patch:
        patch.setattr(Sessions, "end_of_provider", failing)
        assert (await tell(victim, token)).status_code == 503
    assert (await tell(victim, token)).status_code == 200
    assert await alive(victim, sessions) == [False, False, True, True, True]
    assert (await tell(victim, token)).status_code == 400


async def test_without_valkey_a_sign_out_is_answered_as_not_done(
    victim: Victim, build: Build, browsers: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import vdept_graphql.app as application

    made = application.Services
    monkeypatch.setattr(application, "Services", lambda settings, db, _redis: made(settings, db, None))
    other = await browsers(build(victim.forger.settings))
    token = victim.forger.sign(logout_claims(victim.forger))
    answer = await other.http.post(
        f"{victim.platform.site}/sign-in/oidc/evil/back-channel", data={"logout_token": token}
    )
    assert answer.status_code == 503
