"""Letting a client act: what is asked, of whom, and where the answer goes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

import factories
from api.oauth_scene import CALLBACK, ISSUER, Scene, fields_of, redirected, scene_on
from vdept.clients.models import AuthorizationCode, ClientAuthorization
from vdept.clients.registering import revoke_client, update_client
from vdept.kernel.actor import Role
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.people.models import Person
from vdept_graphql.oauth.consent import form_target
from vdept_graphql.oauth.words import ABILITIES


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


async def consents(oauth: Scene) -> int:
    """How many authorizations and codes there are."""
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        counts = [
            sa.select(sa.func.count()).select_from(one) for one in (ClientAuthorization, AuthorizationCode)
        ]
        return sum([(await tx.session.execute(one)).scalar_one() for one in counts])


def test_every_scope_has_words_in_both_languages() -> None:
    assert set(ABILITIES) == set(Scope)
    assert all(words.vi and words.en and words.vi != words.en for words in ABILITIES.values())


async def test_the_page_says_who_asks_for_what_of_whom(oauth: Scene) -> None:
    await oauth.sign_in()
    for language, words in (
        ("vi", ("Cho phép ứng dụng này?", "tạo nhiệm vụ", "xem nhiệm vụ", "Từ chối")),
        ("en", ("Allow this app?", "create tasks", "see tasks", "Do not allow")),
    ):
        params = oauth.request(scope="tasks:write")
        page = await oauth.http.get("/oauth/authorize", params=params, headers={"Accept-Language": language})
        assert page.status_code == 200
        for told in (*words, "Sổ tay &lt;Huế&gt;", "Thành phố Huế", "app.hue.example.vn", "@example.vn"):
            assert told in page.text, told
        assert ABILITIES[Scope.PLANS_READ].en not in page.text
        assert "<script" not in page.text


async def test_the_page_cannot_be_framed_stored_or_posted_elsewhere(oauth: Scene) -> None:
    await oauth.sign_in()
    page = await oauth.ask()
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.hue.example.vn;" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] in {"same-origin", "strict-origin"}, (
        "no-referrer would spoil Origin"
    )


def test_the_policy_lets_a_form_lead_to_where_the_client_waits() -> None:
    assert form_target("https://app.example:8443/cb?x=1") == "https://app.example:8443"
    assert form_target("http://127.0.0.1:5000/cb") == "http://127.0.0.1:5000"
    assert form_target("http://[::1]:5000/cb") == "http:"
    assert form_target("vn.hue.app:/done") == "vn.hue.app:"


async def test_allowing_sends_a_code_home_with_state_and_issuer(oauth: Scene) -> None:
    await oauth.sign_in()
    answer = await oauth.decide(await oauth.ask(state="a b&c=d+é%00#"))
    told = redirected(answer)
    assert set(told) == {"code", "state", "iss"}
    assert (told["state"], told["iss"]) == ("a b&c=d+é%00#", ISSUER)
    assert answer.headers["cache-control"] == "no-store"
    told = redirected(await oauth.decide(await oauth.ask(state=None)))
    assert set(told) == {"code", "iss"}


async def test_refusing_sends_the_refusal_home_and_keeps_nothing(oauth: Scene) -> None:
    await oauth.sign_in()
    told = redirected(await oauth.decide(await oauth.ask(), "deny"))
    assert (told["error"], told["state"], told["iss"]) == ("access_denied", "st-1", ISSUER)
    assert "code" not in told
    assert await consents(oauth) == 0


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(oauth: Scene) -> None:
    answer = await oauth.ask(state="một & hai")
    assert answer.status_code == 303
    where = urlsplit(answer.headers["location"])
    assert (where.scheme, where.netloc, where.path) == ("", "", "/sign-in")
    (back,) = parse_qs(where.query)["next"]
    assert back.startswith("/oauth/authorize?")
    assert (await oauth.http.get(answer.headers["location"])).status_code == 200
    await oauth.sign_in()
    page = await oauth.http.get(back)
    assert fields_of(page.text)["state"] == "một & hai"


async def test_a_client_that_wants_nobody_asked_is_told_so(oauth: Scene) -> None:
    told = redirected(await oauth.ask(prompt="none"))
    assert (told["error"], told["state"], told["iss"]) == ("login_required", "st-1", ISSUER)
    await oauth.tokens()
    told = redirected(await oauth.ask(prompt="none"))
    assert told["error"] == "consent_required", "an earlier consent is no consent to this"
    assert redirected(await oauth.ask(prompt="none login"))["error"] == "invalid_request"
    assert (await oauth.ask(prompt="consent")).status_code == 200


async def test_a_wrong_client_or_address_is_told_to_the_person_and_sent_nowhere(oauth: Scene) -> None:
    await oauth.sign_in()
    async with oauth.db.begin(oauth.head) as tx:
        gone = oauth.public
        await revoke_client(tx, gone.row.id)
    wrong: list[dict[str, str | None]] = [
        {"client_id": None},
        {"client_id": "vdc_nobody"},
        {"client_id": gone.id, "redirect_uri": "vn.hue.app:/done"},
        {"client_id": oauth.machine.id},
        {"client_id": "nul\0"},
        {"redirect_uri": None},
        {"redirect_uri": ""},
    ]
    variants = [
        CALLBACK + "/",
        CALLBACK + "?",
        CALLBACK + "?x=1",
        CALLBACK + "#x",
        CALLBACK + "/../other",
        CALLBACK + "%2F",
        CALLBACK.replace("https", "http"),
        CALLBACK.replace("https", "HTTPS"),
        CALLBACK.replace("app.hue", "APP.hue"),
        CALLBACK.replace("/oauth", "//oauth"),
        CALLBACK.replace(".vn/", ".vn:443/"),
        CALLBACK.replace(".vn/", ".vn./"),
        CALLBACK.replace("https://", "https://user@"),
        CALLBACK.replace("https://", "https://app.hue.example.vn@evil.example/"),
        CALLBACK.replace("app.hue.example.vn", "app.hue.example.vn.evil.example"),
        CALLBACK.replace("app.hue.example.vn", "evil.example"),
        CALLBACK.replace("/oauth/", "\\oauth\\"),
        " " + CALLBACK,
        CALLBACK + " ",
        CALLBACK + "\n",
        "//app.hue.example.vn/oauth/callback",
        "/oauth/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://127.0.0.1/done",
        "é" * 50,
        "x" * 1500,
    ]
    for changes in [*wrong, *[{"redirect_uri": uri} for uri in variants]]:
        for more in ({}, {"prompt": "none"}, {"response_type": "token"}):
            answer = await oauth.ask(None, **{**changes, **more})
            assert answer.status_code == 400, (changes, more)
            assert "location" not in answer.headers
            assert answer.headers["content-type"].startswith("text/html")
            assert "evil.example" not in answer.text
    assert await consents(oauth) == 0


async def test_only_a_native_app_chooses_its_port_and_only_on_loopback(oauth: Scene) -> None:
    await oauth.sign_in()
    for uri in (
        "http://127.0.0.1/done",
        "http://127.0.0.1:1/done",
        "http://127.0.0.1:65535/done",
        "vn.hue.app:/done",
    ):
        assert (await oauth.ask(oauth.public, redirect_uri=uri)).status_code == 200, uri
    for uri in (
        "http://127.0.0.1:99999/done",
        "http://127.0.0.1:/done",
        "http://127.0.0.1:80@evil.example/done",
        "http://127.0.0.1:5000/other",
        "http://127.0.0.1.evil.example/done",
        "http://127.0.0.2:5000/done",
        "http://localhost:5000/done",
        "http://[::1]:5000/done",
        "https://127.0.0.1:5000/done",
        "vn.hue.app:/other",
        "vn.hue.app://done",
        "vn.hue.app2:/done",
    ):
        assert (await oauth.ask(oauth.public, redirect_uri=uri)).status_code == 400, uri


async def test_everything_else_that_is_wrong_goes_back_to_the_client(oauth: Scene) -> None:
    await oauth.sign_in()
    wrong: list[tuple[dict[str, str | None], str]] = [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": 'x"é\\'}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "v" * 44}, "invalid_request"),
        ({"code_challenge": "+" * 43}, "invalid_request"),
        ({"scope": "plans:write"}, "invalid_scope"),
        ({"scope": "un:heard"}, "invalid_scope"),
        ({"scope": "tasks:read  tasks:read"}, "invalid_scope"),
    ]
    for changes, code in wrong:
        told = redirected(await oauth.ask(None, **changes))
        assert (told["error"], told["state"], told["iss"]) == (code, "st-1", ISSUER), changes
        assert set(told) <= {"error", "error_description", "state", "iss"}
    assert await consents(oauth) == 0


async def test_a_parameter_given_twice_is_refused_and_never_followed(oauth: Scene) -> None:
    await oauth.sign_in()
    good = list(oauth.request().items())
    for name in ("response_type", "scope", "code_challenge", "code_challenge_method", "nonce"):
        doubled = [*good, (name, "x"), (name, "x")]
        told = redirected(await oauth.http.get("/oauth/authorize", params=doubled))
        assert (told["error"], told["state"]) == ("invalid_request", "st-1"), name
    told = redirected(await oauth.http.get("/oauth/authorize", params=[*good, ("state", "2")]))
    assert told["error"] == "invalid_request"
    assert "state" not in told, "nobody knows which of the two it was"
    for name, value in (
        ("client_id", oauth.app.id),
        ("redirect_uri", CALLBACK),
        ("redirect_uri", "https://evil.example"),
    ):
        for doubled in ([*good, (name, value)], [(name, value), *good]):
            answer = await oauth.http.get("/oauth/authorize", params=doubled)
            assert answer.status_code == 400
            assert "location" not in answer.headers


async def test_consent_needs_our_own_page_the_sessions_token_and_a_decision(oauth: Scene) -> None:
    session = await oauth.sign_in()
    form = fields_of((await oauth.ask()).text) | {"decision": "allow"}
    assert form["csrf"] == session.csrf

    async def post(headers: dict[str, str], **changes: str) -> int:
        sent = {name: value for name, value in {**form, **changes}.items() if value}
        return (await oauth.http.post("/oauth/authorize", data=sent, headers=headers)).status_code

    own = {"Origin": ISSUER}
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ISSUER + ".evil.example"},
        {"Origin": ISSUER, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ISSUER, "Sec-Fetch-Site": "same-site"},
    ):
        assert await post(headers) == 403, headers
    assert await post(own, csrf="") == 403
    assert await post(own, csrf="x" * 43) == 403
    assert await post(own, csrf="é") == 403
    for decision in ("", "maybe", "ALLOW"):
        assert await post(own, decision=decision) == 400
    assert await consents(oauth) == 0
    assert await post(own) == 303


async def test_a_form_of_one_session_is_no_form_of_another(oauth: Scene) -> None:
    await oauth.sign_in()
    form = fields_of((await oauth.ask()).text) | {"decision": "allow"}
    async with oauth.db.begin(factories.SYSTEM) as tx:
        other = await factories.actor(tx, oauth.unit, Role.MEMBER)
    await oauth.sign_in(other)
    answer = await oauth.http.post("/oauth/authorize", data=form, headers={"Origin": ISSUER})
    assert answer.status_code == 403
    oauth.http.cookies.clear()
    answer = await oauth.http.post("/oauth/authorize", data=form, headers={"Origin": ISSUER})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert await consents(oauth) == 0


async def test_everything_is_looked_at_again_when_the_decision_comes(oauth: Scene) -> None:
    await oauth.sign_in()
    form = fields_of((await oauth.ask()).text) | {"decision": "allow"}

    async def post(**changes: str) -> tuple[int, str]:
        sent = {name: value for name, value in {**form, **changes}.items() if value}
        answer = await oauth.http.post("/oauth/authorize", data=sent, headers={"Origin": ISSUER})
        if answer.status_code != 303:
            return answer.status_code, ""
        return 303, redirected(answer).get("error", "")

    assert await post(redirect_uri="https://evil.example/cb") == (400, "")
    assert await post(client_id=oauth.machine.id) == (400, "")
    assert await post(client_id="nul\0") == (400, "")
    assert await post(scope="units:write") == (303, "invalid_scope")
    assert await post(code_challenge_method="plain") == (303, "invalid_request")
    assert await post(code_challenge="") == (303, "invalid_request")
    assert await post(response_type="token") == (303, "unsupported_response_type")
    async with oauth.db.begin(oauth.head) as tx:
        await update_client(tx, oauth.app.row.id, scopes=[Scope.PLANS_READ])
    assert await post() == (303, "invalid_scope"), "the client lost a scope while the page was open"
    async with oauth.db.begin(oauth.head) as tx:
        await update_client(tx, oauth.app.row.id, scopes=list(Scope))
    assert await post() == (303, "")
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        let = (await tx.session.scalars(sa.select(ClientAuthorization))).one()
    assert let.scopes == ["plans:read", "tasks:write"], (
        "what the page showed, although the client may more now"
    )
    async with oauth.db.begin(oauth.head) as tx:
        await revoke_client(tx, oauth.app.row.id)
    assert await post() == (400, "")


async def test_only_who_is_here_can_consent(oauth: Scene) -> None:
    await oauth.sign_in()
    page = await oauth.ask()
    async with oauth.db.begin(factories.SYSTEM) as tx:
        person = sa.update(Person).where(Person.id == oauth.head.person_id)
        await tx.session.execute(person.values(active=False))
    answer = await oauth.decide(page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    tokens = await oauth.machine_token()
    answer = await oauth.http.get(
        "/oauth/authorize", params=oauth.request(), headers={"Authorization": f"Bearer {tokens}"}
    )
    assert answer.headers["location"].startswith("/sign-in?"), "a token is nobody in front of a screen"
    assert await consents(oauth) == 0


async def test_consent_lasts_a_year_at_most(oauth: Scene) -> None:
    await oauth.tokens()
    async with oauth.db.snapshot(factories.SYSTEM) as tx:
        let = (await tx.session.scalars(sa.select(ClientAuthorization))).one()
    assert let.expires_at - let.created_at == timedelta(days=365)


async def test_an_overlong_request_is_refused_before_anything_is_read(oauth: Scene) -> None:
    await oauth.sign_in()
    assert (await oauth.ask(state="x" * 1000)).status_code == 200
    assert (await oauth.ask(state="x" * 3000)).status_code == 400
    body = {"csrf": "x" * 50_000}
    answer = await oauth.http.post("/oauth/authorize", data=body, headers={"Origin": ISSUER})
    assert answer.status_code == 413
