"""Bearer tokens: stored hashed, expiring, revocable, and worth exactly what their person is today."""

import hashlib
from datetime import timedelta

import pytest
import sqlalchemy as sa

import factories
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel import activity
from vdept.kernel.actor import Actor, ActorKind, Role
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale, Refused
from vdept.people import tokens
from vdept.people.actors import actor_for
from vdept.people.models import AccessToken, Person
from vdept.people.service import update_person
from vdept.units.models import UnitKind

HOUR = timedelta(hours=1)


async def official(db: Database) -> tuple[Person, Actor]:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top = await factories.unit(tx, kind=UnitKind.GOVERNMENT)
        province = await factories.unit(tx, parent=top)
        firm = await factories.unit(tx, kind=UnitKind.FIRM)
        person = await factories.person(tx, locale=Locale.EN)
        await factories.membership(tx, person, province, Role.DEPUTY)
        await factories.membership(tx, person, firm, Role.OBSERVER)
        ended = local_date(NOW) - timedelta(days=1)
        await factories.membership(tx, person, top, Role.HEAD, ends_on=ended)
        return person, await actor_for(tx.session, person, tx.today)


async def test_a_token_is_its_person_with_the_roles_of_today(db: Database) -> None:
    person, actor = await official(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        token = await tokens.mint_token(tx, person, label=" laptop ", ttl=HOUR)
    async with db.snapshot(SYSTEM) as tx:
        await tx.session.execute(sa.text("SELECT 1"))
        with counting(db) as statements:
            known = await tokens.authenticate(tx, token, NOW)
    assert known == actor
    assert [(seat.role, seat.public_body, len(seat.path)) for seat in actor.seats] == [
        (Role.DEPUTY, True, 2),
        (Role.OBSERVER, False, 1),
    ]
    assert (actor.locale, actor.kind, len(statements)) == (Locale.EN, ActorKind.PERSON, 1)


async def test_only_the_hash_is_stored_and_the_token_is_nowhere_else(db: Database) -> None:
    person, _ = await official(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        token = await tokens.mint_token(tx, person, label="laptop", ttl=HOUR)
        other = await tokens.mint_token(tx, person, label="phone", ttl=HOUR)
    assert token.startswith("vdept_")
    assert (len(token), token != other) == (len("vdept_") + 43, True)
    async with db.snapshot(SYSTEM) as tx:
        row = await tx.session.scalar(sa.select(AccessToken).where(AccessToken.label == "laptop"))
        assert row is not None
        assert row.digest == hashlib.sha256(token.encode()).digest()
        assert (row.created_at, row.expires_at, row.revoked_at) == (NOW, NOW + HOUR, None)
        dump = await tx.session.scalar(
            sa.text(
                "SELECT (SELECT string_agg(t::text, '') FROM access_token t)"
                " || (SELECT string_agg(a::text, '') FROM activity a)"
            )
        )
        [entry, _] = await activity.read_feed(tx.session, None, 10)
    assert token.removeprefix("vdept_") not in dump
    assert (entry.verb, entry.subject_id) == ("token.minted", row.id)


async def test_unknown_expired_revoked_and_inactive_look_all_the_same(db: Database) -> None:
    person, actor = await official(db)
    async with db.begin(actor, now=NOW) as tx:
        token = await tokens.mint_token(tx, person, label="laptop", ttl=HOUR)

    async def known(given: str, after: timedelta = timedelta(0)) -> bool:
        async with db.snapshot(SYSTEM) as tx:
            return await tokens.authenticate(tx, given, NOW + after) is not None

    assert await known(token)
    assert await known(token, HOUR - timedelta(microseconds=1))
    assert not await known(token, HOUR)
    for wrong in ("", "vdept_", token[:-1], token + "x", token.upper(), "\x00", "\ud800", "x" * 100_000):
        assert not await known(wrong)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await update_person(tx, person.id, active=False)
    assert not await known(token)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await update_person(tx, person.id, active=True)
    assert await known(token)
    async with db.begin(actor, now=NOW) as tx:
        [row] = await tokens.list_tokens(tx, person.id)
        await tokens.revoke_token(tx, row.id)
    assert not await known(token)
    async with db.begin(actor, now=NOW + HOUR) as tx:
        assert (await tokens.revoke_token(tx, row.id)).revoked_at == NOW
    async with db.snapshot(SYSTEM) as tx:
        verbs = [entry.verb for entry in await activity.read_feed(tx.session, None, 20)]
    assert verbs == ["token.minted", "person.updated", "person.updated", "token.revoked"]


async def test_one_mints_and_revokes_for_oneself_only_unless_administrator(db: Database) -> None:
    person, actor = await official(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        stranger = await actor_for(tx.session, await factories.person(tx), tx.today)
        admin = await actor_for(tx.session, await factories.person(tx, administrator=True), tx.today)
        idle = await factories.person(tx, active=False)
    for who, whose, values, code in [
        (stranger, person, {}, "FORBIDDEN"),
        (Actor(ActorKind.PERSON), person, {}, "FORBIDDEN"),
        (actor, person, {"label": "  "}, "INVALID_VALUE"),
        (actor, person, {"ttl": timedelta(seconds=59)}, "TOKEN_LIFETIME"),
        (actor, person, {"ttl": timedelta(days=367)}, "TOKEN_LIFETIME"),
        (admin, idle, {}, "PERSON_INACTIVE"),
    ]:
        with pytest.raises(Refused) as refused:
            async with db.begin(who, now=NOW) as tx:
                await tokens.mint_token(tx, whose, **{"label": "x", "ttl": HOUR, **values})
        assert refused.value.code == code
    async with db.begin(admin, now=NOW) as tx:
        assert await tokens.list_tokens(tx, person.id) == []
        await tokens.mint_token(tx, person, label="by admin", ttl=HOUR)
    async with db.begin(actor, now=NOW) as tx:
        [row] = await tokens.list_tokens(tx, person.id)
    async with db.snapshot(stranger) as tx:
        assert await tokens.list_tokens(tx, person.id) == []
    with pytest.raises(Refused, match="NOT_FOUND"):
        async with db.begin(stranger, now=NOW) as tx:
            await tokens.revoke_token(tx, row.id)
    async with db.begin(actor, now=NOW) as tx:
        [row] = await tokens.list_tokens(tx, person.id)
        assert row.revoked_at is None
    async with db.begin(admin, now=NOW) as tx:
        await tokens.revoke_token(tx, row.id)


async def test_who_signed_in_with_a_browser_is_the_same_actor_in_one_statement(db: Database) -> None:
    person, actor = await official(db)
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        with counting(db) as statements:
            assert await tokens.actor_of_person(tx, person.id) == actor
        assert len(statements) == 1
        assert await tokens.actor_of_person(tx, person.id + 1) is None
    async with db.snapshot(SYSTEM, now=NOW + timedelta(days=100_000)) as tx:
        later = await tokens.actor_of_person(tx, person.id)
        assert later is not None
        assert later.seats == actor.seats, "memberships and units without an end"
    async with db.snapshot(SYSTEM, now=NOW - timedelta(days=100_000)) as tx:
        before = await tokens.actor_of_person(tx, person.id)
        assert before is not None
        assert before.seats == ()
    async with db.begin(SYSTEM, now=NOW) as tx:
        await update_person(tx, person.id, active=False)
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        assert await tokens.actor_of_person(tx, person.id) is None
