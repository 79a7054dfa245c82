"""A one-time link signs one person in, once, within a quarter of an hour, and nobody can make up one."""

import asyncio
import hashlib
from datetime import timedelta

import pytest
import sqlalchemy as sa

import factories
from factories import NOW, SYSTEM
from vdept.identity.links import (
    KEPT,
    LIFETIME,
    MOST,
    address_of_link,
    create_link,
    forget_expired,
    person_of_link,
    use_link,
)
from vdept.identity.models import SignInLink
from vdept.kernel import activity
from vdept.kernel.actor import Actor, ActorKind
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.people.models import Person
from vdept.people.service import update_person

SECOND = timedelta(seconds=1)


@pytest.fixture
async def an(db: Database) -> Person:
    async with db.begin(SYSTEM, now=NOW) as tx:
        return await factories.person(tx, "Trần An", email="An.Tran@example.vn")


async def made(db: Database, email: str = "an.tran@example.vn", after: timedelta = timedelta(0)) -> str:
    async with db.begin(SYSTEM, now=NOW + after) as tx:
        return (await create_link(tx, email)).token


async def used(db: Database, token: str, after: timedelta = timedelta(0)) -> int | str:
    """Who was signed in, or the code of the refusal."""
    try:
        async with db.begin(SYSTEM, now=NOW + after) as tx:
            return await use_link(tx, token)
    except Refused as refused:
        return refused.code


async def rows(db: Database) -> list[SignInLink]:
    async with db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(SignInLink).order_by(SignInLink.created_at)))


async def test_a_link_signs_its_person_in_once(db: Database, an: Person) -> None:
    token = await made(db)
    assert await used(db, token, LIFETIME - SECOND) == an.id
    assert await used(db, token, LIFETIME - SECOND) == "SIGN_IN_LINK_INVALID"
    [row] = await rows(db)
    assert (row.person_id, row.used_at) == (an.id, NOW + LIFETIME - SECOND)


async def test_only_the_hash_of_a_link_is_kept_and_the_log_does_not_have_it(db: Database, an: Person) -> None:
    token = await made(db)
    assert len(token) == 43
    [row] = await rows(db)
    assert row.digest == hashlib.sha256(token.encode()).digest()
    async with db.snapshot(SYSTEM) as tx:
        [entry] = await activity.read_feed(tx.session, None, 10)
        dump = await tx.session.scalar(
            sa.text(
                "SELECT (SELECT string_agg(l::text, '') FROM sign_in_link l)"
                " || (SELECT string_agg(a::text, '') FROM activity a)"
            )
        )
    assert token not in dump
    assert "example.vn" not in dump
    assert (entry.verb, entry.subject_type, entry.subject_id, entry.data) == (
        "sign_in_link.created",
        "Person",
        an.id,
        {},
    )


async def test_an_old_a_used_a_foreign_and_a_made_up_link_are_refused_alike(db: Database, an: Person) -> None:
    token = await made(db)
    assert await used(db, token, LIFETIME) == "SIGN_IN_LINK_INVALID"
    for wrong in ("", token[:-1], token + "x", token.swapcase(), "\x00", "\ud800", "x" * 100_000, "é"):
        assert await used(db, wrong) == "SIGN_IN_LINK_INVALID"
    said = set()
    for wrong, after in ((token, LIFETIME), ("made up", timedelta(0))):
        with pytest.raises(Refused) as refused:
            async with db.begin(SYSTEM, now=NOW + after) as tx:
                await use_link(tx, wrong)
        said.add(str(refused.value))
    assert len(said) == 1
    assert await used(db, token) == an.id, "the attempts have not spent it"


async def test_looking_at_a_link_does_not_use_it(db: Database, an: Person) -> None:
    token = await made(db)
    for _ in range(3):
        async with db.snapshot(SYSTEM, now=NOW) as tx:
            assert (await person_of_link(tx, token)).id == an.id
    assert await used(db, token) == an.id
    with pytest.raises(Refused, match="SIGN_IN_LINK_INVALID"):
        async with db.snapshot(SYSTEM, now=NOW) as tx:
            await person_of_link(tx, token)


async def test_of_many_at_once_one_is_signed_in(db: Database, an: Person) -> None:
    token = await made(db)
    answers = await asyncio.gather(*[used(db, token) for _ in range(6)])
    assert sorted(map(str, answers)) == sorted([str(an.id), *["SIGN_IN_LINK_INVALID"] * 5])


async def test_a_link_stays_good_when_what_it_was_used_for_fails(db: Database, an: Person) -> None:
    token = await made(db)

    async def failing() -> None:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await use_link(tx, token)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await failing()
    assert await used(db, token) == an.id


async def test_using_a_link_ends_the_other_ones_of_that_person_only(db: Database, an: Person) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        other = await factories.person(tx, email="binh@example.vn")
    first, of_another = await made(db), await made(db, "binh@example.vn")
    second = await made(db, after=SECOND)
    assert await used(db, first, SECOND) == an.id
    assert await used(db, second, SECOND) == "SIGN_IN_LINK_INVALID"
    assert await used(db, of_another, SECOND) == other.id


async def test_somebody_who_is_not_active_gets_no_link_and_cannot_use_one(db: Database, an: Person) -> None:
    token = await made(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await update_person(tx, an.id, active=False)
    assert await used(db, token) == "SIGN_IN_LINK_INVALID"
    with pytest.raises(Refused, match="PERSON_INACTIVE"):
        await made(db)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await made(db, "nobody@example.vn")
    assert len(await rows(db)) == 1


async def test_so_many_links_are_on_their_way_to_a_mailbox_even_when_asked_for_at_once(
    db: Database, an: Person
) -> None:
    answers = await asyncio.gather(*[made(db) for _ in range(MOST + 3)], return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert [each.code for each in refused] == ["SIGN_IN_LINKS_TOO_MANY"] * 3
    assert len(await rows(db)) == MOST
    with pytest.raises(Refused, match="SIGN_IN_LINKS_TOO_MANY"):
        await made(db, after=LIFETIME - SECOND)
    assert await made(db, after=LIFETIME)


async def test_whoever_runs_the_platform_is_not_held_up_by_what_others_asked_for(
    db: Database, an: Person
) -> None:
    for _ in range(MOST):
        await made(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        token = (await create_link(tx, an.email, most=None)).token
    assert await used(db, token) == an.id


async def test_records_of_links_are_forgotten_after_a_day(db: Database, an: Person) -> None:
    await made(db)
    await made(db, after=KEPT)
    for after, gone, left in ((KEPT, 0, 2), (KEPT + SECOND, 1, 1), (2 * KEPT + SECOND, 1, 0)):
        async with db.begin(SYSTEM, now=NOW + after) as tx:
            assert await forget_expired(tx) == gone
        assert len(await rows(db)) == left


async def test_nobody_but_the_platform_makes_links(db: Database, an: Person) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        admin = await factories.person(tx, administrator=True)
    for actor in (
        Actor(ActorKind.PERSON, person_id=an.id),
        Actor(ActorKind.PERSON, person_id=admin.id, administrator=True),
        Actor(ActorKind.CLIENT, client_id=1),
        Actor(ActorKind.PERSON),
    ):
        with pytest.raises(Refused, match="FORBIDDEN"):
            async with db.begin(actor, now=NOW) as tx:
                await create_link(tx, an.email)
    assert await rows(db) == []


def test_the_address_of_a_link_carries_where_its_person_was_on_the_way_to() -> None:
    assert address_of_link("https://x.vn", "t-_1") == "https://x.vn/sign-in/link?token=t-_1"
    assert (
        address_of_link("https://x.vn", "t", "/a?b=c&d=/")
        == "https://x.vn/sign-in/link?token=t&next=%2Fa%3Fb%3Dc%26d%3D%2F"
    )
