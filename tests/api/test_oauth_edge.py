"""The authorization server at its edge: methods, types, sizes, garbage, and many refusals."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from api.oauth_scene import CALLBACK, ISSUER, Scene, error_of, redirected, scene_on
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept_graphql.app import create_app
from vdept_graphql.oauth.tokens import FROM_ADDRESS, OF_CLIENT, PER
from vdept_graphql.throttle import Throttle

MACHINE = {"grant_type": "client_credentials"}
OTHER_TYPES = (
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=x",
    "",
    "application/x-www-form-urlencoded; charset=utf-16",
)
NO_TEXT = (
    b"grant_type=\xff",
    b"grant_type=%FF",
    b"grant_type=%00",
    "grant_type=é".encode(),
    b"a=%0d%0a",
    b"%00=x",
)
POSTED = ("token", "revoke", "introspect")


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


async def test_only_a_form_in_the_body_of_a_post(oauth: Scene) -> None:
    auth = oauth.machine.auth
    good = urlencode(MACHINE)
    for kind in OTHER_TYPES:
        headers = {"content-type": kind} if kind else {}
        for path in POSTED:
            answer = await oauth.http.post(f"/oauth/{path}", content=good, headers=headers, auth=auth)
            assert error_of(answer) == (400, "invalid_request"), kind
    form = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    answer = await oauth.http.post("/oauth/token", content=good, headers=form, auth=auth)
    assert answer.status_code == 200
    answer = await oauth.http.post(f"/oauth/token?{good}", headers=form, auth=auth)
    assert error_of(answer) == (400, "invalid_request"), "parameters in an address end up in logs"
    answer = await oauth.http.post("/oauth/token?scope=tasks:read", content=good, headers=form, auth=auth)
    assert error_of(answer) == (400, "invalid_request")


async def test_other_methods_are_refused(oauth: Scene) -> None:
    auth = oauth.machine.auth
    for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD"):
        for path in POSTED:
            answer = await oauth.http.request(method, f"/oauth/{path}", params=MACHINE, auth=auth)
            assert answer.status_code == 405, (method, path)
    await oauth.sign_in()
    for method in ("PUT", "DELETE"):
        assert (
            await oauth.http.request(method, "/oauth/authorize", params=oauth.request())
        ).status_code == 405
    override = {"X-HTTP-Method-Override": "POST", "Origin": ISSUER}
    answer = await oauth.http.get(
        "/oauth/authorize", params=oauth.request() | {"decision": "allow"}, headers=override
    )
    assert answer.status_code == 200, "a consent page, and no consent"


async def test_a_parameter_given_twice_is_refused_everywhere(oauth: Scene) -> None:
    auth = oauth.machine.auth
    form = {"content-type": "application/x-www-form-urlencoded"}
    for body in (
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&scope=tasks:read&scope=plans:read",
        "grant_type=client_credentials&x=1&x=1",
        "grant_type=client_credentials&grant_type=",
    ):
        for path in POSTED:
            answer = await oauth.http.post(f"/oauth/{path}", content=body, headers=form, auth=auth)
            assert error_of(answer) == (400, "invalid_request"), body


async def test_what_is_too_large_is_not_read(oauth: Scene) -> None:
    for path in POSTED:
        answer = await oauth.post(path, oauth.machine.auth, token="x" * 40_000)
        assert error_of(answer) == (413, "invalid_request")
    many = {f"p{number}": "x" for number in range(100)}
    assert error_of(await oauth.token(oauth.machine.auth, **many)) == (400, "invalid_request")


async def test_text_that_is_no_text_is_refused(oauth: Scene) -> None:
    auth = oauth.machine.auth
    form = {"content-type": "application/x-www-form-urlencoded"}
    for body in NO_TEXT:
        answer = await oauth.http.post("/oauth/token", content=body, headers=form, auth=auth)
        assert error_of(answer) == (400, "invalid_request"), body


PARAMETERS = (
    "grant_type code redirect_uri code_verifier refresh_token scope client_id client_secret client_assertion "
    "client_assertion_type token token_type_hint response_type state code_challenge code_challenge_method "
    "prompt response_mode nonce request csrf decision"
)
TELLING = (
    "client_credentials authorization_code refresh_token code S256 tasks:read none a.b.c e30.e30. "
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0. urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)
NAMES = st.sampled_from(PARAMETERS.split())
VALUES = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=30).map(lambda raw: raw.decode("latin-1")),
    st.sampled_from([*TELLING.split(), CALLBACK]),
)
FORMS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
LATIN = st.characters(codec="latin-1", exclude_characters="\r\n\0")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=FORMS, header=st.none() | st.text(LATIN, max_size=40))
async def test_garbage_is_refused_and_never_an_error_of_ours(
    oauth: Scene, form: list[tuple[str, str]], header: str | None
) -> None:
    oauth.http.cookies.clear()
    body = urlencode(form, errors="surrogatepass").encode()
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"origin", ISSUER.encode())]
    if header is not None:
        headers.append((b"authorization", header.strip().encode("latin-1")))
    for path in POSTED:
        answer = await oauth.http.post(f"/oauth/{path}", content=body, headers=headers)
        assert answer.status_code in {400, 401, 429}, answer.text
        error_of(answer)
    answer = await oauth.http.get(f"/oauth/authorize?{body.decode()}")
    assert answer.status_code == 400
    answer = await oauth.http.post("/oauth/authorize", content=body, headers=headers)
    assert answer.status_code in {303, 400}
    assert answer.headers.get("location", "/sign-in") == "/sign-in"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(NAMES, VALUES, max_size=4))
async def test_whatever_a_known_client_asks_the_answer_goes_to_its_own_address_or_nowhere(
    oauth: Scene, changes: dict[str, str]
) -> None:
    query = urlencode({**oauth.request(), **changes, "client_id": oauth.app.id}, errors="surrogatepass")
    answer = await oauth.http.get(f"/oauth/authorize?{query}")
    assert answer.status_code in {303, 400}
    where = answer.headers.get("location", "/sign-in")
    if not where.startswith("/sign-in"):
        told = redirected(answer)
        assert told["iss"] == ISSUER
        assert told["error"]


async def test_a_platform_without_tls_speaks_to_this_machine_only(oauth: Scene) -> None:
    app = create_app(Settings(secret_key="s" * 40, host="10.1.2.3"), oauth.db, oauth.valkey)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3:8000") as http:
        answer = await http.post("/oauth/token", data=MACHINE, auth=oauth.machine.auth)
        assert error_of(answer) == (400, "insecure_transport")
        answer = await http.get("/oauth/authorize", params=oauth.request())
        assert answer.status_code == 400
        assert "VDEPT_PUBLIC_URL" in answer.text


async def test_many_refusals_from_an_address_are_slowed_and_logged_without_a_secret(oauth: Scene) -> None:
    wrong = (oauth.machine.id, "vdcs_very-wrong")
    with capture_logs() as logs:
        answers = [await oauth.token(wrong, **MACHINE) for _ in range(FROM_ADDRESS + 3)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:FROM_ADDRESS] == [401] * FROM_ADDRESS
    assert statuses[-1] == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= timedelta(minutes=1).total_seconds()
    assert error_of(answers[-1]) == (429, "temporarily_unavailable")
    warned = [entry for entry in logs if entry["log_level"] == "warning"]
    assert len(warned) >= FROM_ADDRESS
    assert warned[0]["client"] == oauth.machine.id
    assert warned[0]["address"]
    assert not any("very-wrong" in str(entry) for entry in logs)


async def test_nobody_keeps_a_client_out_by_failing_in_its_name(oauth: Scene) -> None:
    throttle = Throttle(oauth.valkey)
    for _ in range(OF_CLIENT):
        await throttle.allow(f"oauth:client:{oauth.machine.id}", limit=OF_CLIENT, per=PER)
    assert (await oauth.token((oauth.machine.id, "wrong"), **MACHINE)).status_code == 429
    assert (await oauth.token(oauth.machine.auth, **MACHINE)).status_code == 200


async def test_who_was_good_is_not_held_up_for_what_others_behind_the_same_address_do(oauth: Scene) -> None:
    await oauth.machine_token()
    for _ in range(FROM_ADDRESS):
        await oauth.token((oauth.other.id, "wrong"), **MACHINE)
    assert (await oauth.token(oauth.other.auth, **MACHINE)).status_code == 429
    assert (await oauth.token(oauth.machine.auth, **MACHINE)).status_code == 200


async def test_no_secret_code_or_token_is_ever_logged(oauth: Scene) -> None:
    with capture_logs() as logs:
        await oauth.sign_in()
        code = await oauth.code()
        tokens = (await oauth.exchange(code)).json()
        again = (await oauth.refresh(tokens["refresh_token"])).json()
        await oauth.refresh(tokens["refresh_token"])
        await oauth.exchange(code)
        proof = oauth.keyed.proof()
        await oauth.token(None, **MACHINE, **proof)
        await oauth.token(None, **MACHINE, **proof)
        await oauth.post("revoke", oauth.app.auth, token=again["access_token"])
    secrets = [code, proof["client_assertion"], oauth.app.secret or ""]
    secrets += [one[kind] for one in (tokens, again) for kind in ("access_token", "refresh_token")]
    assert not any(secret in str(entry) for entry in logs for secret in secrets)
    ended = [entry for entry in logs if entry["event"] == "oauth authorization ended by reuse"]
    assert [(entry["log_level"], entry["client_id"], entry["reused"]) for entry in ended] == [
        ("warning", oauth.app.row.id, "refresh_token")
    ]
