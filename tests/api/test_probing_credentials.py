"""Probing for clients, tokens, codes, links and people: what is there and what is not are one answer.

Compared are status, headers, body and the statements that the database is sent, one by one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import redis.asyncio
import sqlalchemy as sa
from joserfc.jwk import ECKey

import factories
from api.edge_scene import Edge, edge_on
from api.oauth_scene import CALLBACK, VERIFIER, Known, Scene, scene_on
from api.sign_in_scene import browser, mail_server
from statements import counting
from vdept.clients.registering import revoke_client
from vdept.identity.links import create_link, use_link
from vdept.identity.models import SignInLink
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.people.models import AccessToken, Person
from vdept.people.tokens import revoke_token

MACHINE = {"grant_type": "client_credentials"}
Told = tuple[int, list[tuple[str, str]], str, list[str]]
CHANGING = {"date", "set-cookie", "ratelimit"}


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


async def told(db: Database, asked: Callable[[], Awaitable[httpx.Response]]) -> Told:
    """Everything that the answer to a question tells, and what it took."""
    with counting(db) as statements:
        answer = await asked()
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in CHANGING)
    return answer.status_code, headers, answer.text, list(statements)


async def one_answer(
    db: Database, redis_url: str, questions: dict[str, Callable[[], Awaitable[httpx.Response]]]
) -> Told:
    """The one answer to all of them; nobody is held up for having asked many."""
    first, *_ = questions.values()
    await first()  # from here on keys are loaded and statements known
    valkey = redis.asyncio.from_url(redis_url)
    answers = {}
    for name, asked in questions.items():
        await valkey.delete(*[key async for key in valkey.scan_iter("throttle:*")] or ["none"])
        answers[name] = await told(db, asked)
    await valkey.aclose()
    (name, sample), *others = answers.items()
    for other, answer in others:
        assert answer == sample, f"{other} and {name} are told apart"
    return sample


async def test_a_client_that_is_not_there_and_a_wrong_secret(oauth: Scene, redis_url: str) -> None:
    async with oauth.db.begin(oauth.head) as tx:
        await revoke_client(tx, oauth.app.row.id)
    pairs = {
        "a wrong secret": (oauth.machine.id, "vdcs_" + "x" * 43),
        "another client's secret": (oauth.machine.id, oauth.other.secret),
        "nobody": ("vdc_" + "0" * 24, oauth.machine.secret),
        "a revoked client with its secret": oauth.app.auth,
        "a client without a secret": (oauth.keyed.id, "vdcs_" + "x" * 43),
        "a public client": (oauth.public.id, "vdcs_" + "x" * 43),
    }
    for path, form in (("token", MACHINE), ("revoke", {"token": "x"}), ("introspect", {"token": "x"})):
        questions = {
            name: (lambda auth=auth, path=path, form=form: oauth.post(path, auth, **form))
            for name, auth in pairs.items()
        }
        status, _, body, statements = await one_answer(oauth.db, redis_url, questions)
        assert (status, len(statements)) == (401, 1), body


async def test_a_client_that_is_not_there_and_a_wrong_key(oauth: Scene, redis_url: str) -> None:
    stranger = ECKey.generate_key("P-256", {"kid": "k1"})

    def proof(client: Known | str, **header: Any) -> Callable[[], Awaitable[httpx.Response]]:
        name = client if isinstance(client, str) else client.id
        claims = {"iss": name, "sub": name}
        signed = oauth.keyed.proof({"alg": "ES256", **header}, key=stranger, **claims)
        return lambda: oauth.token(None, **MACHINE, **signed)

    questions = {
        "a wrong key": proof(oauth.keyed),
        "a kid that it has not": proof(oauth.keyed, kid="k9"),
        "nobody": proof("vdc_" + "0" * 24),
        "a client with a secret": proof(oauth.machine),
        "a public client": proof(oauth.public),
    }
    status, *_, statements = await one_answer(oauth.db, redis_url, questions)
    assert (status, len(statements)) == (401, 1)


async def test_a_token_that_is_another_clients_and_none(oauth: Scene, redis_url: str) -> None:
    """Refresh tokens alone: that an access token is ours, its signature tells everybody who has the keys."""
    foreign = await oauth.tokens()
    used = await oauth.tokens()
    await oauth.refresh(used["refresh_token"])
    tokens = {
        "another client's": foreign["refresh_token"],
        "another client's that was used": used["refresh_token"],
        "none": "x" * 43,
        "none of that length": "y" * 200,
    }
    for path in ("introspect", "revoke"):
        questions = {
            name: (lambda token=token, path=path: oauth.post(path, oauth.other.auth, token=token))
            for name, token in tokens.items()
        }
        status, _, body, statements = await one_answer(oauth.db, redis_url, questions)
        assert (status, body) == (200, '{"active":false}' if path == "introspect" else "{}")
        assert len(statements) == 2
    assert (await oauth.refresh(foreign["refresh_token"])).status_code == 200


async def test_a_code_or_refresh_token_that_is_another_clients_and_none(oauth: Scene, redis_url: str) -> None:
    await oauth.sign_in()
    code, tokens = await oauth.code(), await oauth.tokens()
    exchange = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    refresh = {"grant_type": "refresh_token"}
    for name, kind, value in (("code", exchange, code), ("refresh_token", refresh, tokens["refresh_token"])):
        forms = {"another client's": {**kind, name: value}, "none": {**kind, name: "x" * len(value)}}
        questions = {
            which: (lambda form=form: oauth.token(oauth.other.auth, **form)) for which, form in forms.items()
        }
        status, _, body, statements = await one_answer(oauth.db, redis_url, questions)
        assert (status, len(statements)) == (400, 2), body
        assert '"invalid_grant"' in body


async def test_an_authorization_request_of_a_client_that_is_not_there_and_of_one_that_is_gone(
    oauth: Scene, redis_url: str
) -> None:
    async with oauth.db.begin(oauth.head) as tx:
        await revoke_client(tx, oauth.app.row.id)
    questions = {
        "revoked": oauth.ask,
        "nobody": lambda: oauth.ask(client_id="vdc_" + "0" * 24),
    }
    status, *_ = await one_answer(oauth.db, redis_url, questions)
    assert status == 400


async def test_a_personal_token_that_is_no_good_any_more_and_none(db: Database, redis_url: str) -> None:
    async with edge_on(db, redis_url) as edge:
        tokens = await bad_tokens(db, edge)
        questions = {
            name: (lambda token=token: edge.ask("{ me { id } }", token)) for name, token in tokens.items()
        }
        status, _, body, statements = await one_answer(db, redis_url, questions)
    assert (status, len(statements)) == (401, 1), body


async def bad_tokens(db: Database, edge: Edge) -> dict[str, str]:
    async with db.begin(factories.SYSTEM) as tx:
        unit = await factories.unit(tx)
        people = [await factories.actor(tx, unit, role) for role in ("MEMBER", "DEPUTY")]  # type: ignore[arg-type]
    revoked, inactive = [await edge.personal(one) for one in people]
    async with db.begin(factories.SYSTEM) as tx:
        person = await tx.session.get_one(Person, people[1].person_id)
        person.active = False
        kept = await tx.session.scalar(
            sa.select(AccessToken.id).where(AccessToken.person_id == people[0].person_id)
        )
        await revoke_token(tx, kept or 0)
    return {"revoked": revoked, "of somebody inactive": inactive, "none": "vdept_" + "x" * 43}


async def test_a_link_that_is_no_good_any_more_and_none(db: Database, redis_url: str) -> None:
    valkey = redis.asyncio.from_url(redis_url)
    async with db.begin(factories.SYSTEM) as tx:
        people = [await factories.person(tx) for _ in range(3)]
        used, late, inactive = [(await create_link(tx, one.email)).token for one in people]
    async with db.begin(factories.SYSTEM) as tx:
        await use_link(tx, used)
        await tx.session.execute(
            sa.update(SignInLink).where(SignInLink.person_id == people[1].id).values(expires_at=utc_now())
        )
        (await tx.session.get_one(Person, people[2].id)).active = False
    links = {"used": used, "late": late, "of somebody inactive": inactive, "none": "x" * 43, "": ""}
    async with browser(db, valkey) as reader:
        for ask in (
            lambda token: reader.get(f"/sign-in/link?token={token}"),
            lambda token: reader.post("/sign-in/link/use", {"token": token}),
        ):
            questions = {name: (lambda token=token, ask=ask: ask(token)) for name, token in links.items()}
            status, *_, statements = await one_answer(db, redis_url, questions)
            assert (status, len(statements)) == (400, 1)
    await valkey.aclose()


async def test_asking_for_the_link_of_somebody_and_of_nobody(db: Database, redis_url: str) -> None:
    """The answer is out before anybody is looked up. The page repeats the address: they are of one length."""
    valkey = redis.asyncio.from_url(redis_url)
    async with db.begin(factories.SYSTEM) as tx:
        await factories.person(tx, email="known@example.vn")
        await factories.person(tx, email="enemy@example.vn", active=False)
    answers: dict[str, tuple[int, str, list[str]]] = {}
    async with mail_server() as mailbox, browser(db, valkey, smtp_url=mailbox.url) as reader:
        for name in ("known", "enemy", "never"):
            sent: list[str] = []
            with counting(db) as statements:
                answer = await asked_apart(reader, f"{name}@example.vn", sent, statements)
            answers[name] = answer.status_code, answer.text.replace(name, "NAME"), sent
        assert [letter["to"] for letter in mailbox.letters] != []
    assert answers["known"] == answers["enemy"] == answers["never"]
    assert answers["known"][2] == [], "nothing is looked up before the answer is out"
    await valkey.aclose()


async def asked_apart(reader: Any, email: str, sent: list[str], statements: list[str]) -> httpx.Response:
    """The answer, with what the database had been sent when it began to go out."""
    app = reader.http._transport.app
    original = app.__class__.__call__

    async def noting(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def begun(message: Any) -> None:
            if message["type"] == "http.response.start":
                sent.extend(statements)
            await send(message)

        await original(self, scope, receive, begun)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.__class__, "__call__", noting)
        answer: httpx.Response = await reader.ask(email)
    await asyncio.sleep(0)
    return answer
