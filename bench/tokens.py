"""The authorization server, and what its tokens cost where they are shown.

Tokens a second of one core: the CPU time that the API's process takes for a token, whole requests over HTTP,
signed with ES256. The check of a token: the same GraphQL request with a client's token and with its actor
known beforehand, in turn; what the first takes more of the processors, in the API's process and in the
database's together, is the check with its statement. CPU time, for the difference is small and a machine that
does anything else drowns it in waiting.
"""

import base64
import time
from urllib.parse import urlencode

import msgspec
import psutil
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey
from litestar import Litestar, Request, Response, get, post

from bench.api import Client, official, operation, running
from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh
from vdept.clients import access_tokens
from vdept.clients.keys import Keyring
from vdept.clients.models import ClientAuthentication
from vdept.clients.registering import register_client
from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database, Tx
from vdept.kernel.scopes import Scope
from vdept.kernel.settings import Settings
from vdept.kernel.vault import Vault
from vdept.units.models import UnitKind
from vdept.units.service import create_unit
from vdept_graphql import schema
from vdept_graphql.authentication import Authentication
from vdept_graphql.budget import Budget
from vdept_graphql.http import GraphQLOverHTTP
from vdept_graphql.services import Services
from vdept_graphql.throttle import Throttle
from vdept_workers.doorbell import open_redis

TOKENS = 1_500
CHECKS = 3_000
BLOCK = 50
LEAST = 200
"""Tokens a second."""
MOST = 0.3
"""Milliseconds that a check may take."""
QUERY = operation("{ units(first: 1) { nodes { id } } }", {})
MACHINE = {"grant_type": "client_credentials"}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def bench() -> list[Figure]:
    async with fresh("bench_tokens") as (database, servers):
        key = ECKey.generate_key("P-256", {"kid": "bench"})
        async with database.begin(SYSTEM) as tx:
            unit = await create_unit(tx, code="BENCH", name="Đơn vị đo", kind=UnitKind.GOVERNMENT)
        by_secret, secret, by_key = await clients(database, unit.id, key)
        _, token = await official(database, unit.id)
        async with running(servers, token, extend) as client:
            basic = base64.b64encode(f"{by_secret}:{secret}".encode()).decode()
            forms = [urlencode(MACHINE).encode()] * TOKENS
            with_secret = issued(client, forms, {"authorization": f"Basic {basic}"})
            with_key = issued(client, proofs(client, by_key, key), {})
            return [*with_secret, *with_key, await checked(database, client, basic)]


async def clients(database: Database, unit_id: int, key: ECKey) -> tuple[str, str, str]:
    """One that signs in with a secret, its secret, and one that has a key."""
    scopes = [Scope.TASKS_WRITE, Scope.PLANS_READ, Scope.MEASUREMENTS_WRITE]
    async with database.begin(SYSTEM) as tx:
        how = ClientAuthentication.SECRET
        by_secret, secret = await register_client(
            tx, unit_id, name="Mật khẩu", authentication=how, scopes=scopes, machine=True
        )
        how = ClientAuthentication.PRIVATE_KEY
        jwks = {"keys": [key.as_dict(private=False)]}
        by_key, _ = await register_client(
            tx, unit_id, name="Khóa", authentication=how, scopes=scopes, machine=True, jwks=jwks
        )
    return by_secret.client_id, secret or "", by_key.client_id


def proofs(client: Client, name: str, key: ECKey) -> list[bytes]:
    """Forms, each with an assertion of its own, good for the next minutes."""
    issuer = msgspec.json.decode(get_from(client, "/.well-known/oauth-authorization-server"))["issuer"]
    now = int(time.time())
    forms = []
    for number in range(TOKENS):
        claims = {
            "iss": name,
            "sub": name,
            "aud": issuer,
            "iat": now,
            "exp": now + 290,
            "jti": f"jti-{number}",
        }
        assertion = jwt.encode({"alg": "ES256", "kid": "bench"}, claims, key)
        sent = {**MACHINE, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        forms.append(urlencode(sent).encode())
    return forms


def issued(client: Client, forms: list[bytes], headers: dict[str, str]) -> list[Figure]:
    """Tokens a second of a core."""
    sent = {"content-type": "application/x-www-form-urlencoded", **headers}

    def token(form: bytes) -> str:
        client.http.request("POST", "/oauth/token", form, sent)
        answer = client.http.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return str(msgspec.json.decode(content)["access_token"])

    warm, forms = forms[:100], forms[100:]
    for form in warm:
        token(form)
    before = cpu(client)
    for form in forms:
        token(form)
    each = (cpu(client) - before) / len(forms)
    how = "client_secret_basic" if headers else "private_key_jwt"
    return [figure(f"tokens a second of a core, ES256, {how}", 1 / each, LEAST, "tokens/s", ">= 1")]


async def checked(database: Database, client: Client, basic: str) -> Figure:
    """What a token costs a GraphQL request."""
    form = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    client.http.request("POST", "/oauth/token", urlencode(MACHINE), form)
    token = msgspec.json.decode(client.http.getresponse().read())["access_token"]
    client.headers["authorization"] = f"Bearer {token}"
    paths = ("/graphql", "/graphql-known")
    for path in paths * 50:
        client.post(path, QUERY)
    async with database.begin(SYSTEM) as tx:
        query = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        backends = [psutil.Process(pid) for pid in await tx.session.scalars(sa.text(query))]
    spent = dict.fromkeys(paths, 0.0)
    for path in paths * (CHECKS // BLOCK):
        before = cpu(client, *backends)
        for _ in range(BLOCK):
            client.post(path, QUERY)
        spent[path] += cpu(client, *backends) - before
    ours, known = (seconds * 1000 / (CHECKS // BLOCK * BLOCK) for seconds in spent.values())
    return figure("check of an access token, a GraphQL request", ours - known, MOST, "ms", "<= 1")


def extend(app: Litestar, database: Database) -> None:
    """The CPU time of the API's process, and GraphQL for somebody who is known beforehand."""
    settings: Settings = app.opt["settings"]
    redis = open_redis(settings.redis_url)
    services = Services(settings, database, redis)
    keyring = Keyring(Vault.of(settings))
    known: dict[str, Actor | None] = {}

    async def look_up_once(tx: Tx, token: str, _now: object) -> Actor | None:
        if token not in known:
            known[token] = await access_tokens.authenticate(
                tx, token, utc_now(), keyring=keyring, issuer=settings.issuer
            )
        return known[token]

    budget = Budget(Throttle(redis), settings.budget_points)
    serve = GraphQLOverHTTP(schema.engine, services, Authentication(services, look_up_once), budget)

    @post("/graphql-known", status_code=200)
    async def graphql_known(request: Request) -> Response[bytes]:  # type: ignore[type-arg]
        return await serve(request)

    @get("/cpu")
    async def spent() -> Response[bytes]:
        return Response(msgspec.json.encode(time.process_time()), media_type="application/json")

    app.register(graphql_known)
    app.register(spent)


def get_from(client: Client, path: str) -> bytes:
    client.http.request("GET", path)
    return client.http.getresponse().read()


def cpu(client: Client, *others: psutil.Process) -> float:
    """Seconds of CPU time that the API's process and ``others`` have taken so far."""
    times = [other.cpu_times() for other in others]
    return float(get_from(client, "/cpu")) + sum(one.user + one.system for one in times)


if __name__ == "__main__":
    main(bench)
