"""An access token is worth what its client, its consent and its person are worth at this very moment."""

import hmac
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.util import urlsafe_b64encode

import factories
from factories import NOW, SYSTEM
from statements import counting
from vdept.clients import authorizing, keys, registering
from vdept.clients.access_tokens import LEEWAY, audience, authenticate, claims_of, read_claims
from vdept.clients.keys import ACCEPTED_AFTER, PUBLISHED_BEFORE, Keyring, retire_key, rotate_keys
from vdept.clients.models import (
    ApiClient,
    ClientAuthentication,
    ClientAuthorization,
    RevokedToken,
    SigningKey,
)
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.kernel.scopes import Scope, implied
from vdept.kernel.vault import Vault
from vdept.people.models import Membership, Person
from vdept.units.models import Unit, UnitKind

ISSUER = "https://vdept.example.vn"
VAULT = Vault("v" * 32)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
BOTH = [Scope.TASKS_WRITE, Scope.PLANS_READ]


@dataclass
class Scene:
    """A province's client, the head who let it act for them, and the keys."""

    db: Database
    ring: Keyring
    unit: Unit
    head: Actor
    client: ApiClient
    consent: ClientAuthorization

    def claims(self, *, delegated: bool = False, now: datetime = NOW, **more: Any) -> dict[str, Any]:
        consent = self.consent if delegated else None
        claims = claims_of(self.client, BOTH, issuer=ISSUER, now=now, authorization=consent)
        return {name: value for name, value in (claims | more).items() if value is not ...}

    def token(self, *, delegated: bool = False, now: datetime = NOW, **more: Any) -> str:
        """A token signed by the platform; ``name=...`` leaves the claim out."""
        return self.ring.sign(self.claims(delegated=delegated, now=now, **more), now)

    async def ask(self, token: str, now: datetime = NOW, ring: Keyring | None = None) -> Actor | None:
        async with self.db.snapshot(SYSTEM, now=now) as tx:
            return await authenticate(tx, token, now, keyring=ring or self.ring, issuer=ISSUER)

    async def change(self, table: Any, **values: Any) -> None:
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            await tx.session.execute(sa.update(table).values(**values))


@pytest.fixture
async def scene(db: Database) -> Scene:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top = await factories.unit(tx, kind=UnitKind.GOVERNMENT)
        unit = await factories.unit(tx, parent=top)
        firm = await factories.unit(tx, kind=UnitKind.FIRM)
        head = await factories.actor(tx, unit, locale=Locale.EN, administrator=True)
        person = await tx.session.get_one(Person, head.person_id)
        await factories.membership(tx, person, firm, Role.OBSERVER)
        client, _ = await registering.register_client(
            tx,
            unit.id,
            name="Cổng",
            authentication=ClientAuthentication.SECRET,
            scopes=[*BOTH, Scope.PEOPLE_READ],
            machine=True,
            redirect_uris=["https://hue.gov.vn/cb"],
        )
    async with db.begin(head, now=NOW) as tx:
        consent = await authorizing.authorize(tx, client, BOTH)
    ring = Keyring(VAULT)
    await ring.load(db, NOW)
    return Scene(db, ring, unit, head, client, consent)


async def test_a_token_of_a_client_is_a_coordinator_of_its_unit_within_its_scopes(scene: Scene) -> None:
    assert await scene.ask(scene.token()) == Actor(
        ActorKind.CLIENT,
        client_id=scene.client.id,
        seats=(Seat(scene.unit.id, Role.COORDINATOR, tuple(scene.unit.path), public_body=True),),
        scopes=implied(BOTH),
    )


async def test_a_token_for_a_person_is_that_person_within_the_scopes_and_never_an_administrator(
    scene: Scene,
) -> None:
    actor = await scene.ask(scene.token(delegated=True))
    assert actor is not None
    assert (actor.kind, actor.person_id, actor.client_id) == (
        ActorKind.PERSON,
        scene.head.person_id,
        scene.client.id,
    )
    assert (actor.administrator, actor.sees_everything, actor.locale) == (False, False, Locale.EN)
    assert [(seat.role, seat.public_body) for seat in actor.seats] == [
        (Role.HEAD, True),
        (Role.OBSERVER, False),
    ]
    assert actor.scopes == {Scope.TASKS_READ, Scope.TASKS_WRITE, Scope.PLANS_READ}


async def test_the_claims_are_those_of_rfc_9068(scene: Scene) -> None:
    claims = scene.claims()
    assert claims == {
        "iss": ISSUER,
        "aud": f"{ISSUER}/graphql",
        "sub": f"client:{scene.client.client_id}",
        "client_id": scene.client.client_id,
        "scope": "plans:read tasks:write",
        "jti": claims["jti"],
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 600,
    }
    delegated = scene.claims(delegated=True)
    assert (delegated["sub"], delegated["grant"]) == (f"person:{scene.head.person_id}", scene.consent.id)
    assert len({scene.claims()["jti"] for _ in range(100)}) == 100


async def test_the_check_is_one_statement(scene: Scene) -> None:
    for token in (scene.token(), scene.token(delegated=True)):
        with counting(scene.db) as sent:
            assert await scene.ask(token) is not None
        assert len(sent) == 1


async def test_a_token_lives_ten_minutes_and_the_clocks_may_differ_by_five_seconds(scene: Scene) -> None:
    token = scene.token()
    ends = NOW + 10 * MINUTE
    assert [
        await scene.ask(token, at) is not None
        for at in (NOW - LEEWAY, NOW - LEEWAY - SECOND, ends + LEEWAY - SECOND, ends + LEEWAY, ends + DAY)
    ] == [True, False, True, False, False]


WRONG: dict[str, Any] = {
    "iss": [..., None, "", "https://evil.vn", ISSUER + "/", 5, [ISSUER]],
    "aud": [..., None, "", ISSUER, ISSUER + "/graphql/", "https://evil.vn/graphql", [audience(ISSUER)], 5],
    "exp": [..., None, "1", 0, -1, 1.5e400, int(NOW.timestamp()) - 5, True, []],
    "iat": [..., None, "1", int(NOW.timestamp()) + 6, {}, 10**400],
    "nbf": ["1", None, int(NOW.timestamp()) + 6, [], {}],
    "sub": [
        ...,
        None,
        "",
        5,
        "person:0",
        "person:" + "9" * 19,
        "client:",
        "client:vdc_other",
        "person:1",
        "person:",
        "1",
        "vdc_",
    ],
    "client_id": [..., None, "", 5, "vdc_other"],
    "scope": [
        ...,
        None,
        5,
        ["tasks:read"],
        "everything",
        "tasks:read everything",
        " ",
        "tasks:read  plans:read",
    ],
    "jti": [..., None, 5, "", "a b", "a\0", "a" * 201],
    "grant": ["1", 0, -1, 1, 2**63, 10**30, [], True],
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_token_with_a_claim_missing_wrong_or_odd_is_refused(scene: Scene, name: str) -> None:
    for value in WRONG[name]:
        try:
            token = scene.token(**{name: value})
        except (ValueError, OverflowError, TypeError):
            token = _signed(scene, msgspec.json.encode(scene.claims()), name, value)
        assert await scene.ask(token) is None, (name, value)


def _signed(scene: Scene, payload: bytes, name: str, value: Any) -> str:
    """Numbers that our own encoder does not write."""
    claims = json.loads(payload) | {name: value}
    [held] = scene.ring._held.values()
    header = {"alg": "ES256", "typ": "at+jwt", "kid": held.kid}
    return jws.serialize_compact(header, json.dumps(claims), scene.ring._private_key(held))


@pytest.mark.parametrize("name", ["grant", "sub", "client_id"])
async def test_a_token_for_a_person_with_a_claim_missing_wrong_or_odd_is_refused(
    scene: Scene, name: str
) -> None:
    assert await scene.ask(scene.token(delegated=True)) is not None
    right = (scene.consent.id, f"person:{scene.head.person_id}")
    for value in (*WRONG[name], f"person:{(scene.head.person_id or 0) + 1}", "person:٣", 2**62):
        if value in right:
            continue
        assert await scene.ask(scene.token(delegated=True, **{name: value})) is None, (name, value)


async def test_an_odd_claim_beside_the_known_ones_does_no_harm(scene: Scene) -> None:
    token = scene.token(administrator=True, roles=["HEAD"], nbf=int(NOW.timestamp()))
    assert await scene.ask(token) == await scene.ask(scene.token())


async def test_no_other_algorithm_key_or_kind_of_token_passes(scene: Scene) -> None:
    [held] = scene.ring._held.values()
    payload = msgspec.json.encode(scene.claims())
    private = scene.ring._private_key(held)
    ours = {"alg": "ES256", "typ": "at+jwt", "kid": held.kid}
    foreign = ECKey.generate_key("P-256")
    forged = {
        "another key under our kid": (ours, foreign),
        "another key under its own kid": ({**ours, "kid": "mine"}, foreign),
        "a key in the header": ({**ours, "jwk": foreign.as_dict(private=False)}, foreign),
        "a key behind an address": ({**ours, "jku": "https://evil.vn/jwks"}, foreign),
        "HS256": ({**ours, "alg": "HS256"}, OctKey.generate_key(256)),
        "RS256": ({**ours, "alg": "RS256"}, RSAKey.generate_key(2048)),
        "ES384": ({**ours, "alg": "ES384"}, ECKey.generate_key("P-384")),
        "an ID token": ({**ours, "typ": "JWT"}, private),
        "a token without a type": ({"alg": "ES256", "kid": held.kid}, private),
        "a long name of the type": ({**ours, "typ": "application/at+jwt"}, private),
        "no kid": ({"alg": "ES256", "typ": "at+jwt"}, private),
        "an extension": ({**ours, "crit": ["b64"], "b64": True}, private),
        "a number of headers": ({**ours, "x5t": "x", "cty": "JWT"}, private),
    }
    for name, (header, key) in forged.items():
        algorithms = [header["alg"]]
        token = jws.serialize_compact(header, payload, key, algorithms=algorithms)
        assert await scene.ask(token) is None, name
    good = jws.serialize_compact(ours, payload, private)
    assert await scene.ask(good) is not None, "the same, made right"
    none = f"{_segment({**ours, 'alg': 'none'})}.{good.split('.')[1]}."
    for name, token in {
        "HS256 with the public key as the secret": _hmac(good, {**ours, "alg": "HS256"}, held.key.as_pem()),
        "HS256 that calls itself ES256": _hmac(good, ours, held.key.as_pem()),
        "alg none": none,
        "alg none with the old signature": none + good.rpartition(".")[2],
        "no signature": good.rpartition(".")[0] + ".",
        "no second dot": good.rpartition(".")[0],
        "another payload under the same signature": _with_payload(
            good, {**scene.claims(), "scope": "tasks:read"}
        ),
        "an array around the kid": _with_header(good, {**ours, "kid": [held.kid]}),
        "a path as the kid": _with_header(good, {**ours, "kid": "../../dev/null"}),
        "SQL as the kid": _with_header(good, {**ours, "kid": "' OR 1=1 --"}),
        "a null byte in the kid": _with_header(good, {**ours, "kid": "\0"}),
        "alg as an array": _with_header(good, {**ours, "alg": ["ES256"]}),
    }.items():
        assert await scene.ask(token) is None, name


def _segment(value: Any) -> str:
    return urlsafe_b64encode(msgspec.json.encode(value)).decode()


def _hmac(token: str, header: dict[str, Any], secret: bytes) -> str:
    """The library itself refuses to do this."""
    signed = f"{_segment(header)}.{token.split('.')[1]}"
    return f"{signed}.{urlsafe_b64encode(hmac.digest(secret, signed.encode(), 'sha256')).decode()}"


def _with_header(token: str, header: dict[str, Any]) -> str:
    return ".".join([_segment(header), *token.split(".")[1:]])


def _with_payload(token: str, claims: dict[str, Any]) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{_segment(claims)}.{signature}"


async def test_garbage_of_every_kind_is_refused_and_reads_nothing_but_keys(scene: Scene) -> None:
    good = scene.token()
    for token in ("", ".", "..", "...", "a.b.c", "vdept_x", good + ".", good + "x", good[:-4], good * 40):
        with counting(scene.db) as sent:
            assert await scene.ask(token) is None
        assert all("signing_key" in sql for sql in sent)


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.lists(st.text(alphabet="eyJhbGciOi_-.0", max_size=30), max_size=4).map(".".join),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=9),
            lambda one: st.lists(one) | st.dictionaries(st.text(max_size=4), one),
            max_leaves=5,
        ).map(lambda header: f"{_segment(header)}.e30.AAAA"),
    )
)
def test_no_text_at_all_is_a_signed_token(text: str) -> None:
    assert RING.verify(text, NOW) is None
    assert keys._header_of(text) is None


RING = Keyring(VAULT)
"""Without any key: what is asked of it is asked of the form of a token alone."""

CLAIM = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers())
)


@settings(max_examples=500, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "client_id", "scope", "jti", "iat", "exp", "nbf", "grant"]),
        CLAIM,
    )
)
def test_whatever_claims_say_they_are_read_or_refused_and_never_break(changed: dict[str, Any]) -> None:
    at = int(NOW.timestamp())
    sound = {
        "iss": ISSUER,
        "aud": audience(ISSUER),
        "sub": "client:vdc_a",
        "client_id": "vdc_a",
        "scope": "tasks:read",
        "jti": "x",
        "iat": at,
        "exp": at + 600,
    }
    read = read_claims(sound | changed, NOW, issuer=ISSUER)
    if read is not None:
        assert (read.iss, read.aud, read.person_id) == (ISSUER, audience(ISSUER), None)
        assert read.exp > at - 5
        assert read.sub == f"client:{read.client_id}"


async def test_a_client_revoked_a_second_ago_is_refused(scene: Scene) -> None:
    tokens = [scene.token(), scene.token(delegated=True)]
    assert None not in [await scene.ask(token) for token in tokens]
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        await registering.revoke_client(tx, scene.client.id)
    assert [await scene.ask(token, NOW + SECOND) for token in tokens] == [None, None]


async def test_a_consent_that_was_ended_or_has_run_out_is_refused_and_the_client_itself_is_not(
    scene: Scene,
) -> None:
    token = scene.token(delegated=True)
    ends = scene.consent.expires_at
    late = scene.token(delegated=True, now=ends - MINUTE)
    assert [await scene.ask(late, at) is not None for at in (ends - SECOND, ends)] == [True, False]
    async with scene.db.begin(scene.head, now=NOW) as tx:
        await authorizing.revoke_authorization(tx, scene.consent.id)
    assert await scene.ask(token, NOW + SECOND) is None
    assert await scene.ask(scene.token(), NOW + SECOND) is not None


async def test_a_consent_ended_by_the_server_is_refused(scene: Scene) -> None:
    token = scene.token(delegated=True)
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        assert await tx.session.run_sync(authorizing.end_family, scene.consent.id, NOW)
        assert not await tx.session.run_sync(authorizing.end_family, scene.consent.id, NOW + DAY)
    assert await scene.ask(token) is None


async def test_the_consent_of_another_person_or_to_another_client_is_of_no_use(scene: Scene) -> None:
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        other = await factories.actor(tx, scene.unit, Role.MEMBER)
        second, _ = await registering.register_client(
            tx,
            scene.unit.id,
            name="Khác",
            authentication=ClientAuthentication.SECRET,
            scopes=BOTH,
            redirect_uris=["https://b.vn"],
        )
    async with scene.db.begin(other, now=NOW) as tx:
        theirs = await authorizing.authorize(tx, scene.client, BOTH)
    async with scene.db.begin(scene.head, now=NOW) as tx:
        to_second = await authorizing.authorize(tx, second, BOTH)
    for grant in (theirs.id, to_second.id, 10**6):
        assert await scene.ask(scene.token(delegated=True, grant=grant)) is None
    stolen = scene.claims(delegated=True, client_id=second.client_id)
    assert await scene.ask(scene.ring.sign(stolen, NOW)) is None
    mine = replace(scene, client=second, consent=to_second)
    assert await mine.ask(mine.token(delegated=True)) is not None
    assert await mine.ask(mine.token()) is None, "it may not act for its unit"


async def test_a_scope_taken_away_after_the_token_was_issued_counts_at_once(scene: Scene) -> None:
    tokens = [scene.token(), scene.token(delegated=True)]

    async def scopes() -> list[Any]:
        return [actor.scopes if (actor := await scene.ask(token)) else None for token in tokens]

    async with scene.db.begin(scene.head, now=NOW) as tx:
        await registering.update_client(tx, scene.client.id, scopes=[Scope.TASKS_READ, Scope.PLANS_WRITE])
    assert await scopes() == [{Scope.TASKS_READ, Scope.PLANS_READ}] * 2
    await scene.change(ClientAuthorization, scopes=["plans:write"])
    assert await scopes() == [{Scope.TASKS_READ, Scope.PLANS_READ}, {Scope.PLANS_READ}]
    await scene.change(ApiClient, scopes=["budgets:read"])
    assert await scopes() == [frozenset(), frozenset()]


async def test_scopes_are_never_more_than_the_token_says(scene: Scene) -> None:
    for delegated in (False, True):
        actor = await scene.ask(scene.token(delegated=delegated, scope="tasks:read"))
        assert actor is not None
        assert actor.scopes == {Scope.TASKS_READ}


async def test_a_person_who_has_left_lends_nothing(scene: Scene) -> None:
    token = scene.token(delegated=True)
    await scene.change(Person, active=False)
    assert await scene.ask(token) is None
    assert await scene.ask(scene.token()) is not None


async def test_yesterdays_head_lends_no_headship_today(scene: Scene) -> None:
    token = scene.token(delegated=True)
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.update(Membership).where(Membership.role == Role.HEAD).values(ends_on=local_date(NOW) - DAY)
        )
    actor = await scene.ask(token)
    assert actor is not None
    assert [seat.role for seat in actor.seats] == [Role.OBSERVER]
    await scene.change(Membership, ends_on=local_date(NOW) - DAY)
    actor = await scene.ask(token)
    assert actor is not None
    assert actor.seats == ()


@pytest.mark.parametrize(
    "dates", [{"valid_to": local_date(NOW) - DAY}, {"valid_from": local_date(NOW) + DAY}]
)
async def test_the_client_of_a_unit_that_does_not_exist_today_is_refused(
    scene: Scene, dates: dict[str, Any]
) -> None:
    tokens = [scene.token(), scene.token(delegated=True)]
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Unit).where(Unit.id == scene.unit.id).values(**dates))
    assert [await scene.ask(token) for token in tokens] == [None, None]


async def test_a_role_that_begins_tomorrow_or_in_a_unit_that_has_ended_lends_nothing_today(
    scene: Scene,
) -> None:
    token = scene.token(delegated=True)
    today = local_date(NOW)
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        person = await tx.session.get_one(Person, scene.head.person_id)
        gone = await factories.unit(tx, valid_to=today - DAY)
        coming = await factories.unit(tx, valid_from=today + DAY)
        here = await factories.unit(tx, valid_from=today, valid_to=today)
        for where, starts in ((gone, today), (coming, today), (here, today), (scene.unit, today + DAY)):
            await factories.membership(tx, person, where, Role.MEMBER, starts_on=starts)
    actor = await scene.ask(token)
    assert actor is not None
    assert [(seat.unit_id, seat.role) for seat in actor.seats][2:] == [(here.id, Role.MEMBER)]


async def test_a_client_that_may_no_longer_act_for_its_unit_still_acts_for_people(scene: Scene) -> None:
    await scene.change(ApiClient, machine=False)
    assert await scene.ask(scene.token()) is None
    assert await scene.ask(scene.token(delegated=True)) is not None


async def test_one_token_can_be_ended_alone(scene: Scene) -> None:
    ended, other = scene.token(), scene.token(delegated=True)
    assert await scene.ask(ended) is not None
    claims = scene.ring.verify(ended, NOW)
    assert claims is not None
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        tx.session.add(RevokedToken(jti=claims["jti"], expires_at=NOW + DAY))
    assert await scene.ask(ended) is None
    assert await scene.ask(other) is not None


async def test_keys_are_rotated_while_tokens_are_on_their_way(scene: Scene) -> None:
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        await rotate_keys(tx, VAULT)
    begins = NOW + PUBLISHED_BEFORE
    before = begins - SECOND
    old = scene.token(now=before)
    late = Keyring(VAULT)
    assert await scene.ask(old, before, late) is not None, "who has not read the keys yet reads them now"
    await scene.ring.load(scene.db, begins)
    new = scene.token(now=begins)
    assert [keys._header_of(token).kid for token in (old, new)] == [  # type: ignore[union-attr]
        row.kid for row in await _keys(scene)
    ]
    for ring in (scene.ring, late):
        assert await scene.ask(old, before + 10 * MINUTE, ring) is not None, "to the end of its life"
        assert await scene.ask(new, begins + MINUTE, ring) is not None
    assert await scene.ask(scene.token(now=begins), begins + ACCEPTED_AFTER, late) is None


async def _keys(scene: Scene) -> list[SigningKey]:
    async with scene.db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(SigningKey).order_by(SigningKey.id)))


async def test_what_a_retired_key_signed_is_refused_at_once_by_who_has_not_heard_of_it_too(
    scene: Scene,
) -> None:
    tokens = [scene.token(), scene.token(delegated=True)]
    unaware = Keyring(VAULT)
    assert None not in [await scene.ask(token, NOW, unaware) for token in tokens]
    [key] = await _keys(scene)
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        await retire_key(tx, key.kid)
    assert [await scene.ask(token, NOW + SECOND, unaware) for token in tokens] == [None, None]
    assert unaware.verify(tokens[0], NOW + SECOND) is not None, "the signature alone is still good"
