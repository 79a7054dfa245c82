"""Clients belong to a unit, are registered by its head and coordinators, and end for good."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey

import factories
from factories import NOW, SYSTEM
from statements import counting
from vdept.clients import authorizing, queries, registering, rules, upkeep
from vdept.clients.models import (
    ApiClient,
    AuthorizationCode,
    ClientAuthentication,
    ClientAuthorization,
    RefreshToken,
    RevokedToken,
    UsedAssertion,
)
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.kernel.scopes import Scope
from vdept.people import tokens
from vdept.people.access import get_person
from vdept.people.models import Membership
from vdept.units.models import Unit, UnitKind

DAY = timedelta(days=1)
ALL = PageRequest(first=100)
A = ClientAuthentication


@dataclass
class Country:
    """A government over two provinces, one over a commune; a firm; who is what in them."""

    government: Unit
    hue: Unit
    commune: Unit
    firm: Unit
    prime: Actor
    head: Actor
    deputy: Actor
    coordinator: Actor
    member: Actor
    neighbour: Actor
    commune_head: Actor
    firm_head: Actor
    citizen: Actor
    administrator: Actor


@pytest.fixture
async def country(db: Database) -> Country:
    async with db.begin(SYSTEM, now=NOW) as tx:
        government = await factories.unit(tx, kind=UnitKind.GOVERNMENT)
        hue, danang = [await factories.unit(tx, parent=government) for _ in range(2)]
        commune = await factories.unit(tx, kind=UnitKind.COMMUNE, parent=hue)
        firm = await factories.unit(tx, kind=UnitKind.FIRM)
        nobody = await factories.person(tx)
        chief = await factories.person(tx, administrator=True)
        return Country(
            government,
            hue,
            commune,
            firm,
            prime=await factories.actor(tx, government),
            head=await factories.actor(tx, hue),
            deputy=await factories.actor(tx, hue, Role.DEPUTY),
            coordinator=await factories.actor(tx, hue, Role.COORDINATOR),
            member=await factories.actor(tx, hue, Role.MEMBER),
            neighbour=await factories.actor(tx, danang),
            commune_head=await factories.actor(tx, commune),
            firm_head=await factories.actor(tx, firm),
            citizen=Actor(ActorKind.PERSON, person_id=nobody.id),
            administrator=Actor(ActorKind.PERSON, person_id=chief.id, administrator=True),
        )


PORTAL: dict[str, Any] = {
    "name": " Cổng  báo cáo ",
    "authentication": A.SECRET,
    "scopes": [Scope.TASKS_WRITE, Scope.PLANS_READ],
    "machine": True,
    "redirect_uris": ["https://hue.gov.vn/cb"],
}


async def registered(db: Database, actor: Actor, unit: Unit, **more: Any) -> ApiClient:
    async with db.begin(actor, now=NOW) as tx:
        return (await registering.register_client(tx, unit.id, **{**PORTAL, **more}))[0]


async def kept(db: Database, client: ApiClient) -> ApiClient:
    async with db.snapshot(SYSTEM) as tx:
        return await tx.session.get_one(ApiClient, client.id)


async def log(db: Database) -> list[tuple[str, int | None, dict[str, Any]]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(sa.select(Activity).order_by(Activity.id))
        return [(row.verb, row.unit_id, row.data) for row in rows]


def machine_of(client: ApiClient) -> Actor:
    seat = Seat(client.unit_id, Role.COORDINATOR, (client.unit_id,), public_body=True)
    return Actor(ActorKind.CLIENT, client_id=client.id, seats=(seat,), scopes=frozenset(Scope))


async def test_a_head_registers_a_client_and_is_shown_its_secret_once(db: Database, country: Country) -> None:
    async with db.begin(country.head, now=NOW) as tx:
        made, secret = await registering.register_client(tx, country.hue.id, **PORTAL)
    assert secret is not None
    assert secret.startswith("vdcs_")
    assert len(secret) == len("vdcs_") + 43
    client = await kept(db, made)
    assert client.secret_digest == tokens.digest(secret)
    assert (client.client_id[:4], len(client.client_id)) == ("vdc_", 28)
    assert (client.name, client.unit_id, client.version) == ("Cổng báo cáo", country.hue.id, 1)
    assert (client.machine, client.redirect_uris) == (True, ["https://hue.gov.vn/cb"])
    assert client.scopes == ["plans:read", "tasks:write"]
    assert (client.created_at, client.revoked_at, client.jwks) == (NOW, None, None)
    [(verb, unit_id, data)] = await log(db)
    assert (verb, unit_id, data["client_id"]) == ("client.registered", country.hue.id, client.client_id)
    async with db.snapshot(SYSTEM) as tx:
        for table in ("api_client", "activity"):
            rows = await tx.session.scalar(sa.text(f"SELECT string_agg(t::text, '') FROM {table} t"))
            assert secret.removeprefix("vdcs_") not in rows


async def test_a_client_with_a_private_key_has_no_secret_and_leaves_only_names_of_keys_in_the_log(
    db: Database, country: Country
) -> None:
    key = {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "2026-03"}
    async with db.begin(country.coordinator, now=NOW) as tx:
        client, secret = await registering.register_client(
            tx, country.hue.id, **{**PORTAL, "authentication": A.PRIVATE_KEY, "jwks": {"keys": [key]}}
        )
    assert (secret, client.secret_digest, client.jwks) == (None, None, {"keys": [key]})
    [(_, _, data)] = await log(db)
    assert data["keys"] == ["2026-03"]


WHO = {
    "administrator": None,
    "head": None,
    "coordinator": None,
    "deputy": "FORBIDDEN",
    "member": "FORBIDDEN",
    "prime": "FORBIDDEN",
    "neighbour": "NOT_FOUND",
    "commune_head": "NOT_FOUND",
    "firm_head": "NOT_FOUND",
    "citizen": "NOT_FOUND",
}


@pytest.mark.parametrize("who", WHO)
async def test_who_manages_a_client(db: Database, country: Country, who: str) -> None:
    client = await registered(db, country.head, country.hue)
    before = await log(db)
    actor: Actor = getattr(country, who)
    verbs = {
        "update": lambda tx: registering.update_client(tx, client.id, name="Khác"),
        "rotate": lambda tx: registering.rotate_secret(tx, client.id),
        "revoke": lambda tx: registering.revoke_client(tx, client.id),
    }
    refusals = {}
    for name, verb in verbs.items():
        try:
            async with db.begin(actor, now=NOW) as tx:
                await verb(tx)
        except Refused as refused:
            refusals[name] = refused.code
    code = WHO[who]
    assert refusals == ({} if code is None else dict.fromkeys(verbs, code))
    if code is not None:
        assert await log(db) == before
        assert (await kept(db, client)).version == 1


@pytest.mark.parametrize("who", WHO)
async def test_who_registers_a_client(db: Database, country: Country, who: str) -> None:
    if WHO[who] is None:
        await registered(db, getattr(country, who), country.hue)
        return
    with pytest.raises(Refused, match="FORBIDDEN at unitId"):
        await registered(db, getattr(country, who), country.hue)
    assert await log(db) == []


async def test_no_client_registers_changes_or_ends_one_whoever_it_acts_for(
    db: Database, country: Country
) -> None:
    client = await registered(db, country.head, country.hue)
    for actor in (machine_of(client), replace(country.head, client_id=client.id, scopes=frozenset(Scope))):
        with pytest.raises(Refused, match="FORBIDDEN"):
            await registered(db, actor, country.hue)
        for verb in (registering.rotate_secret, registering.revoke_client, registering.update_client):
            with pytest.raises(Refused, match="FORBIDDEN at apiClientId"):
                async with db.begin(actor, now=NOW) as tx:
                    await verb(tx, client.id)
    assert len(await log(db)) == 1


async def test_yesterdays_head_registers_nothing_today(db: Database, country: Country) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.update(Membership)
            .where(Membership.person_id == country.head.person_id)
            .values(ends_on=local_date(NOW) - DAY)
        )
        from vdept.people.actors import actor_for

        person = await get_person(tx, country.head.person_id or 0)
        today = await actor_for(tx.session, person, tx.today)
    with pytest.raises(Refused, match="FORBIDDEN"):
        await registered(db, today, country.hue)


async def test_a_unit_that_has_ended_gets_no_client(db: Database, country: Country) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        gone = await factories.unit(tx, valid_to=local_date(NOW) - DAY)
    with pytest.raises(Refused, match="CLIENT_UNIT_ENDED"):
        await registered(db, country.administrator, gone)


@pytest.mark.parametrize(
    ("more", "code", "path"),
    [
        ({"name": ""}, "INVALID_VALUE", ("name",)),
        ({"scopes": []}, "INVALID_VALUE", ("scopes",)),
        ({"redirect_uris": ["http://hue.gov.vn"]}, "INVALID_VALUE", ("redirectUris", 0)),
        ({"machine": False, "redirect_uris": []}, "CLIENT_COMBINATION", ("redirectUris",)),
        ({"authentication": A.NONE}, "CLIENT_COMBINATION", ("machine",)),
        ({"authentication": A.PRIVATE_KEY}, "CLIENT_COMBINATION", ("jwks",)),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}}, "INVALID_VALUE", ("jwks", "keys", 0)),
    ],
)
async def test_bad_input_registers_nothing(
    db: Database, country: Country, more: dict[str, Any], code: str, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(Refused) as refused:
        await registered(db, country.head, country.hue, **more)
    assert (refused.value.code, refused.value.path) == (code, path)
    async with db.snapshot(SYSTEM) as tx:
        assert await tx.session.scalar(sa.select(sa.func.count()).select_from(ApiClient)) == 0


async def test_of_two_who_register_the_last_possible_client_at_once_one_is_refused(
    db: Database, country: Country
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        for number in range(rules.MAX_CLIENTS):
            await registering.register_client(tx, country.hue.id, **{**PORTAL, "name": f"Số {number}"})
        first = (await tx.session.scalars(sa.select(ApiClient).order_by(ApiClient.id).limit(1))).one()
        await registering.revoke_client(tx, first.id)
    both = await asyncio.gather(
        *[registered(db, country.head, country.hue) for _ in range(2)], return_exceptions=True
    )
    refused = [each for each in both if isinstance(each, Refused)]
    assert [each.code for each in refused] == ["CLIENT_LIMIT"]
    await registered(db, country.firm_head, country.firm)
    async with db.snapshot(SYSTEM) as tx:
        live = sa.select(sa.func.count()).where(
            ApiClient.unit_id == country.hue.id, ApiClient.revoked_at.is_(None)
        )
        assert await tx.session.scalar(live) == rules.MAX_CLIENTS


async def test_a_change_says_what_it_was_before(db: Database, country: Country) -> None:
    client = await registered(db, country.head, country.hue)
    async with db.begin(country.coordinator, now=NOW) as tx:
        await registering.update_client(
            tx, client.id, name="Cổng mới", scopes=[Scope.TASKS_READ], redirect_uris=[], expected_version=1
        )
    changed = await kept(db, client)
    assert (changed.name, changed.scopes, changed.redirect_uris, changed.version) == (
        "Cổng mới",
        ["tasks:read"],
        [],
        2,
    )
    assert changed.secret_digest == client.secret_digest
    verb, unit_id, data = (await log(db))[-1]
    assert (verb, unit_id) == ("client.updated", country.hue.id)
    assert data == {
        "name": {"from": "Cổng báo cáo", "to": "Cổng mới"},
        "scopes": {"from": ["plans:read", "tasks:write"], "to": ["tasks:read"]},
        "redirect_uris": {"from": ["https://hue.gov.vn/cb"], "to": []},
    }


async def test_a_change_that_leaves_no_sound_client_is_refused(db: Database, country: Country) -> None:
    client = await registered(db, country.head, country.hue, machine=False)
    for given, code in (
        ({"redirect_uris": []}, "CLIENT_COMBINATION"),
        (
            {"jwks": {"keys": [{**ECKey.generate_key("P-256").as_dict(private=False), "kid": "a"}]}},
            "CLIENT_COMBINATION",
        ),
        ({"scopes": []}, "INVALID_VALUE"),
        ({"name": "Khác", "expected_version": 7}, "STALE_VERSION"),
    ):
        with pytest.raises(Refused, match=code):
            async with db.begin(country.head, now=NOW) as tx:
                await registering.update_client(tx, client.id, **given)
    assert (await kept(db, client)).version == 1


async def test_a_new_secret_takes_the_place_of_the_old_one(db: Database, country: Country) -> None:
    client = await registered(db, country.head, country.hue)
    async with db.begin(country.head, now=NOW) as tx:
        _, secret = await registering.rotate_secret(tx, client.id, expected_version=1)
    changed = await kept(db, client)
    assert changed.secret_digest == tokens.digest(secret) != client.secret_digest
    assert changed.version == 2
    assert (await log(db))[-1] == ("client.secret_rotated", country.hue.id, {})
    public = await registered(db, country.head, country.hue, authentication=A.NONE, machine=False)
    with pytest.raises(Refused, match="CLIENT_HAS_NO_SECRET"):
        async with db.begin(country.head, now=NOW) as tx:
            await registering.rotate_secret(tx, public.id)


async def authorized(db: Database, actor: Actor, client: ApiClient, *scopes: Scope) -> ClientAuthorization:
    async with db.begin(actor, now=NOW) as tx:
        return await authorizing.authorize(tx, client, scopes or (Scope.TASKS_READ,))


async def state_of(db: Database, row: ClientAuthorization) -> ClientAuthorization:
    async with db.snapshot(SYSTEM) as tx:
        return await tx.session.get_one(ClientAuthorization, row.id)


async def test_revoking_a_client_ends_all_that_people_let_it_do_and_is_final(
    db: Database, country: Country
) -> None:
    client = await registered(db, country.head, country.hue)
    other = await registered(db, country.head, country.hue)
    let = [await authorized(db, actor, client) for actor in (country.citizen, country.prime)]
    untouched = await authorized(db, country.citizen, other)
    async with db.begin(country.citizen, now=NOW) as tx:
        await authorizing.revoke_authorization(tx, let[0].id)
    later = NOW + DAY
    for _ in range(2):
        async with db.begin(country.head, now=later) as tx:
            await registering.revoke_client(tx, client.id)
        later += DAY
    assert (await kept(db, client)).revoked_at == NOW + DAY
    assert [(await state_of(db, row)).revoked_at for row in let] == [NOW, NOW + DAY]
    assert (await state_of(db, untouched)).revoked_at is None
    assert [entry for entry in await log(db) if entry[0] == "client.revoked"] == [
        ("client.revoked", country.hue.id, {"authorizations": 1})
    ]
    for verb in (registering.update_client, registering.rotate_secret):
        with pytest.raises(Refused, match="CLIENT_REVOKED"):
            async with db.begin(country.head, now=later) as tx:
                await verb(tx, client.id)
    with pytest.raises(Refused, match="CLIENT_REVOKED"):
        await authorized(db, country.citizen, await kept(db, client))


async def test_a_person_lets_a_client_act_within_its_scopes_for_a_year(
    db: Database, country: Country
) -> None:
    client = await registered(db, country.head, country.hue)
    row = await authorized(db, country.citizen, client, Scope.TASKS_READ, Scope.PLANS_READ)
    assert (row.client_id, row.person_id) == (client.id, country.citizen.person_id)
    assert (row.scopes, row.expires_at) == (["plans:read", "tasks:read"], NOW + timedelta(days=365))
    assert (await log(db))[-1][:2] == ("client.authorized", country.hue.id)


async def test_nobody_but_a_person_in_person_consents_and_never_beyond_the_clients_scopes(
    db: Database, country: Country
) -> None:
    client = await registered(db, country.head, country.hue)
    for actor in (
        SYSTEM,
        machine_of(client),
        replace(country.head, client_id=client.id),
        Actor(ActorKind.PERSON),
    ):
        with pytest.raises(Refused, match="FORBIDDEN"):
            await authorized(db, actor, client)
    with pytest.raises(Refused, match="CLIENT_SCOPE_EXCEEDED"):
        await authorized(db, country.head, client, Scope.TASKS_READ, Scope.PEOPLE_READ)
    with pytest.raises(Refused, match="INVALID_VALUE"):
        async with db.begin(country.head, now=NOW) as tx:
            await authorizing.authorize(tx, client, ())
    machine = await registered(db, country.head, country.hue, redirect_uris=[])
    with pytest.raises(Refused, match="CLIENT_COMBINATION"):
        await authorized(db, country.head, machine)
    async with db.snapshot(SYSTEM) as tx:
        assert await tx.session.scalar(sa.select(sa.func.count()).select_from(ClientAuthorization)) == 0


ENDERS = {"citizen": True, "head": True, "coordinator": True, "administrator": True} | dict.fromkeys(
    ("deputy", "member", "prime", "neighbour", "firm_head"), False
)


@pytest.mark.parametrize("who", ENDERS)
async def test_who_ends_what_a_person_let_a_client_do(db: Database, country: Country, who: str) -> None:
    client = await registered(db, country.head, country.hue)
    row = await authorized(db, country.citizen, client)
    before = await log(db)

    async def end(actor: Actor) -> None:
        async with db.begin(actor, now=NOW + DAY) as tx:
            ended = await authorizing.revoke_authorization(tx, row.id)
            assert ended.revoked_at == NOW + DAY

    if ENDERS[who]:
        await end(getattr(country, who))
        await end(getattr(country, who))
        assert [entry[0] for entry in await log(db)][len(before) :] == ["authorization.revoked"]
    else:
        with pytest.raises(Refused, match="NOT_FOUND at authorizationId"):
            await end(getattr(country, who))
        assert await log(db) == before
    assert ((await state_of(db, row)).revoked_at is not None) is ENDERS[who]


async def test_a_client_ends_no_authorization_through_the_api_not_even_its_own(
    db: Database, country: Country
) -> None:
    client = await registered(db, country.head, country.hue)
    row = await authorized(db, country.head, client)
    for actor in (machine_of(client), replace(country.head, client_id=client.id)):
        with pytest.raises(Refused, match="NOT_FOUND"):
            async with db.begin(actor, now=NOW) as tx:
                await authorizing.revoke_authorization(tx, row.id)


async def test_who_sees_which_client(db: Database, country: Country) -> None:
    hues = await registered(db, country.head, country.hue)
    communes = await registered(db, country.commune_head, country.commune)
    firms = await registered(db, country.firm_head, country.firm)
    row = await authorized(db, country.citizen, firms)
    async with db.begin(country.citizen, now=NOW) as tx:
        await authorizing.revoke_authorization(tx, row.id)

    async def seen(actor: Actor) -> set[int]:
        async with db.snapshot(actor, now=NOW) as tx:
            page = await queries.clients_page(tx, ALL)
            by_id = await queries.clients_by_ids(tx, [hues.id, communes.id, firms.id])
            assert {client.id for client in page.rows} == set(by_id)
            return set(by_id)

    everything = {hues.id, communes.id, firms.id}
    assert await seen(country.administrator) == await seen(SYSTEM) == everything
    for own in (country.deputy, country.coordinator, country.member):
        assert await seen(own) == {hues.id}
    assert await seen(country.head) == {hues.id, communes.id}, "the head of a unit above"
    assert await seen(country.prime) == {hues.id, communes.id}, "public bodies, not firms"
    assert await seen(country.commune_head) == {communes.id}
    assert await seen(country.firm_head) == {firms.id}
    assert await seen(country.citizen) == {firms.id}, "it acted for them"
    assert await seen(country.neighbour) == set()
    assert await seen(Actor(ActorKind.PERSON)) == set()
    assert await seen(machine_of(hues)) == {hues.id}, "itself"
    assert await seen(replace(country.administrator, client_id=firms.id)) == {firms.id}


async def test_clients_are_found_by_unit_and_by_whether_they_live(db: Database, country: Country) -> None:
    one, two = [await registered(db, country.head, country.hue) for _ in range(2)]
    await registered(db, country.commune_head, country.commune)
    async with db.begin(country.head, now=NOW) as tx:
        await registering.revoke_client(tx, one.id)

    async def found(**which: Any) -> list[int]:
        async with db.snapshot(country.prime, now=NOW) as tx:
            page = await queries.clients_page(tx, ALL, queries.ClientFilter(**which))
            return [client.id for client in page.rows]

    assert await found(unit_id=country.hue.id) == [two.id, one.id]
    assert await found(unit_id=country.hue.id, revoked=False) == [two.id]
    assert await found(unit_id=country.hue.id, revoked=True) == [one.id]


async def test_who_sees_what_people_let_clients_do_takes_as_many_statements_for_many_as_for_one(
    db: Database, country: Country
) -> None:
    clients = [await registered(db, country.head, country.hue) for _ in range(3)]
    for client in clients:
        await authorized(db, country.citizen, client)
        await authorized(db, country.prime, client)
    ended = await authorized(db, country.citizen, clients[0])
    async with db.begin(country.citizen, now=NOW) as tx:
        await authorizing.revoke_authorization(tx, ended.id)

    async def pages(actor: Actor, ids: list[int]) -> tuple[list[int], int]:
        async with db.snapshot(actor, now=NOW) as tx:
            with counting(db) as sent:
                found = await queries.authorizations_of_clients(tx, ids, ALL)
            return [len(found[key].rows) for key in ids], len(sent)

    ids = [client.id for client in clients]
    assert await pages(country.head, ids[:1]) == ([2], 1)
    assert await pages(country.head, ids) == ([2, 2, 2], 1)
    assert await pages(country.citizen, ids) == ([1, 1, 1], 1), "one's own"
    assert await pages(country.deputy, ids) == ([0, 0, 0], 1)
    assert await pages(machine_of(clients[0]), ids) == ([0, 0, 0], 1)
    async with db.snapshot(country.citizen, now=NOW) as tx:
        assert len((await queries.own_authorizations(tx, ALL)).rows) == 3
        assert (await queries.own_authorizations(tx, ALL, live=False)).rows[0].id == ended.id
    async with db.snapshot(country.citizen, now=NOW + timedelta(days=365)) as tx:
        assert (await queries.own_authorizations(tx, ALL)).rows == []
    async with db.snapshot(country.head, now=NOW) as tx:
        assert (await queries.own_authorizations(tx, ALL)).rows == [], "those of others are not one's own"
        assert set(await queries.authorizations_by_ids(tx, [ended.id])) == {ended.id}
    async with db.snapshot(country.neighbour, now=NOW) as tx:
        assert await queries.authorizations_by_ids(tx, [ended.id]) == {}


async def test_a_client_that_acts_for_a_person_mints_no_token_of_theirs(
    db: Database, country: Country
) -> None:
    delegate = replace(country.head, client_id=1, scopes=frozenset({Scope.TASKS_READ}))
    async with db.begin(SYSTEM, now=NOW) as tx:
        person = await get_person(tx, country.head.person_id or 0)
    with pytest.raises(Refused, match="FORBIDDEN"):
        async with db.begin(delegate, now=NOW) as tx:
            await tokens.mint_token(tx, person, label="x", ttl=DAY)


async def test_what_is_long_past_its_end_is_forgotten_and_nothing_else(
    db: Database, country: Country
) -> None:
    client = await registered(db, country.head, country.hue)
    row = await authorized(db, country.citizen, client)

    def kinds(tx: Tx, mark: str, expires_at: Any) -> list[Any]:
        many = {"authorization_id": row.id, "expires_at": expires_at, "used_at": NOW}
        digest = mark.encode()
        return [
            AuthorizationCode(digest=digest, redirect_uri="x", challenge="x", **many),
            RefreshToken(digest=digest, scopes=[], issued_at=NOW, **many),
            UsedAssertion(client_id=client.id, jti=mark, expires_at=expires_at),
            RevokedToken(jti=mark, expires_at=expires_at),
        ]

    second = timedelta(seconds=1)
    async with db.begin(SYSTEM, now=NOW) as tx:
        tx.session.add_all(kinds(tx, "past", NOW - upkeep.KEPT - second))
        tx.session.add_all(kinds(tx, "just", NOW - upkeep.KEPT + second))
        tx.session.add_all(kinds(tx, "live", NOW + DAY))
    async with db.begin(SYSTEM, now=NOW) as tx:
        assert await upkeep.forget_expired(tx) == 4
    async with db.snapshot(SYSTEM) as tx:
        for table in (AuthorizationCode, RefreshToken):
            assert set(await tx.session.scalars(sa.select(table.digest))) == {b"just", b"live"}
        for jti in (UsedAssertion.jti, RevokedToken.jti):
            assert set(await tx.session.scalars(sa.select(jti))) == {"just", "live"}
        assert await tx.session.get(ClientAuthorization, row.id) is not None
