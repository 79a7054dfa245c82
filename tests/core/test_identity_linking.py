"""From a provider's subject to a person: by vouched e-mail once, by an administrator, never by a race."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import redis.asyncio
import sqlalchemy as sa

import factories
from factories import NOW, SYSTEM
from statements import counting
from vdept.identity import linking, queries
from vdept.identity.models import Identity
from vdept.identity.queries import IdentityFilter
from vdept.identity.rules import Claims, Why
from vdept.identity.sessions import Sessions
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, ActorKind, system
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.kernel.settings import Settings
from vdept.people.models import Person
from vdept.people.service import update_person

MOH = "https://id.moh.gov.vn"
DOMAINS = ("moh.gov.vn",)
DOOR = system("sign-in")
ADMIN = Actor(ActorKind.PERSON, person_id=900, administrator=True)


@pytest.fixture
async def sessions(redis_url: str) -> AsyncIterator[Sessions]:
    client = redis.asyncio.from_url(redis_url)
    yield Sessions.of(Settings(), client)
    await client.aclose()


def claims(subject: str = "s-1", email: str | None = "an@moh.gov.vn", **more: object) -> Claims:
    return Claims(MOH, subject, "Nguyễn Thị An", email, more.get("verified", True))


async def person(db: Database, email: str = "an@moh.gov.vn", **more: object) -> Person:
    async with db.begin(SYSTEM) as tx:
        return await factories.person(tx, email=email, **more)


async def arrive(db: Database, who: Claims, **more: object) -> linking.Arrival:
    async with db.begin(DOOR, now=more.get("now", NOW)) as tx:
        return await linking.arrive(tx, who, DOMAINS)


async def row(db: Database, identity_id: int) -> Identity:
    async with db.snapshot(SYSTEM) as tx:
        return (await tx.session.scalars(sa.select(Identity).where(Identity.id == identity_id))).one()


async def verbs(db: Database) -> list[tuple[str, str, dict[str, object]]]:
    async with db.snapshot(SYSTEM) as tx:
        found = await tx.session.scalars(
            sa.select(Activity).where(Activity.subject_type == "Identity").order_by(Activity.id)
        )
        return [(one.verb, one.actor, one.data) for one in found]


async def test_a_vouched_address_links_the_subject_to_its_person_once(db: Database) -> None:
    an = await person(db, "An@MOH.gov.vn")
    first = await arrive(db, claims())
    again = await arrive(db, claims(), now=NOW + timedelta(days=1))
    assert (first.person_id, again.person_id, again.why) == (an.id, an.id, None)
    kept = await row(db, first.identity.id)
    assert (kept.issuer, kept.subject, kept.person_id, kept.linked_by_id) == (MOH, "s-1", an.id, None)
    assert (kept.first_seen_at, kept.last_seen_at, kept.linked_at) == (NOW, NOW + timedelta(days=1), NOW)
    data = {"person_id": an.id, "issuer": MOH, "method": "email"}
    assert await verbs(db) == [("identity.linked", "system:sign-in", data)]


async def test_another_address_at_the_provider_later_changes_nothing_but_what_is_shown(db: Database) -> None:
    an, binh = await person(db), await person(db, "binh@moh.gov.vn")
    await arrive(db, claims())
    for email, verified in (("binh@moh.gov.vn", True), ("x@evil.com", False), (None, None)):
        again = await arrive(db, claims(email=email, verified=verified))
        assert again.person_id == an.id
        assert (await row(db, again.identity.id)).email == email
    assert binh.id != an.id
    assert len(await verbs(db)) == 1


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (claims(verified=False), Why.UNVERIFIED),
        (claims(email="an@hue.gov.vn"), Why.FOREIGN_DOMAIN),
        (claims(email="chi@moh.gov.vn"), Why.UNKNOWN_PERSON),
        (claims(email="inactive@moh.gov.vn"), Why.UNKNOWN_PERSON),
        (claims(email="admin@moh.gov.vn"), Why.ADMINISTRATOR),
        (claims(email=None), Why.NO_EMAIL),
    ],
)
async def test_who_is_not_found_waits_and_is_seen_by_nobody_but_administrators(
    db: Database, who: Claims, why: Why
) -> None:
    an = await person(db)
    await person(db, "an@hue.gov.vn")
    await person(db, "inactive@moh.gov.vn", active=False)
    await person(db, "admin@moh.gov.vn", administrator=True)
    came = await arrive(db, who)
    await arrive(db, who, now=NOW + timedelta(minutes=1))
    assert (came.person_id, came.why) == (None, why)
    kept = await row(db, came.identity.id)
    assert (kept.person_id, kept.name, kept.email) == (None, "Nguyễn Thị An", who.email)
    assert await verbs(db) == [("identity.waiting", "system:sign-in", {"issuer": MOH, "why": why})]
    waiting = IdentityFilter(waiting=True)
    for actor, seen in ((ADMIN, [kept.id]), (Actor(ActorKind.PERSON, person_id=an.id), [])):
        async with db.snapshot(actor) as tx:
            page = await queries.identities_page(tx, PageRequest(), waiting)
            assert [one.id for one in page.rows] == seen
            assert list(await queries.identities_by_ids(tx, [kept.id])) == seen


async def test_a_second_subject_with_the_same_address_waits(db: Database) -> None:
    an = await person(db)
    assert (await arrive(db, claims("s-1"))).person_id == an.id
    second = await arrive(db, claims("s-2"))
    assert (second.person_id, second.why) == (None, Why.OTHER_IDENTITY)


async def test_the_same_subject_of_another_issuer_is_somebody_else(db: Database) -> None:
    an = await person(db)
    assert (await arrive(db, claims())).person_id == an.id
    elsewhere = Claims("https://id.hue.gov.vn", "s-1", None, "an@moh.gov.vn", True)
    async with db.begin(DOOR, now=NOW) as tx:
        came = await linking.arrive(tx, elsewhere, ("hue.gov.vn",))
    assert (came.person_id, came.why) == (None, Why.FOREIGN_DOMAIN)


async def test_two_subjects_racing_for_one_person_cannot_both_win(db: Database) -> None:
    an = await person(db)
    came = await asyncio.gather(*[arrive(db, claims(f"s-{number}")) for number in range(4)])
    assert sorted(str(one.why) for one in came) == ["None", *["OTHER_IDENTITY"] * 3]
    assert [one.person_id for one in came if one.person_id] == [an.id]
    async with db.snapshot(SYSTEM) as tx:
        linked = await tx.session.scalars(
            sa.select(Identity.person_id).where(Identity.person_id.is_not(None))
        )
        assert list(linked) == [an.id]


async def test_one_subject_arriving_twice_at_once_is_one_identity_linked_once(db: Database) -> None:
    an = await person(db)
    came = await asyncio.gather(*[arrive(db, claims()) for _ in range(4)])
    assert {one.person_id for one in came} == {an.id}
    assert len({one.identity.id for one in came}) == 1
    assert [verb for verb, _, _ in await verbs(db)] == ["identity.linked"]


async def test_a_person_who_was_deactivated_is_not_let_in_by_what_was_linked(db: Database) -> None:
    an = await person(db)
    await arrive(db, claims())
    async with db.begin(SYSTEM) as tx:
        await update_person(tx, an.id, active=False)
    came = await arrive(db, claims())
    assert (came.person_id, came.why) == (None, Why.INACTIVE)
    assert (await row(db, came.identity.id)).person_id == an.id


async def test_an_administrator_says_whose_an_identity_is(db: Database) -> None:
    boss = await person(db, "admin@moh.gov.vn", administrator=True)
    waiting = (await arrive(db, claims(email="admin@moh.gov.vn"))).identity
    for _ in range(2):  # the second time changes nothing
        async with db.begin(ADMIN, now=NOW + timedelta(hours=1)) as tx:
            await linking.link_identity(tx, waiting.id, boss.id)
    kept = await row(db, waiting.id)
    assert (kept.person_id, kept.linked_by_id, kept.linked_at) == (boss.id, 900, NOW + timedelta(hours=1))
    assert (await arrive(db, claims(email="admin@moh.gov.vn"))).person_id == boss.id
    data = {"person_id": boss.id, "issuer": MOH, "method": "administrator"}
    assert (await verbs(db))[1:] == [("identity.linked", "person:900", data)]


async def test_who_becomes_an_administrator_comes_in_again_once_another_has_confirmed_it(
    db: Database,
) -> None:
    an = await person(db)
    found = await arrive(db, claims())
    async with db.begin(SYSTEM, now=NOW) as tx:
        await update_person(tx, an.id, administrator=True)
    again = await arrive(db, claims())
    assert (again.person_id, again.why) == (None, Why.ADMINISTRATOR)
    async with db.begin(ADMIN, now=NOW) as tx:
        await linking.link_identity(tx, found.identity.id, an.id)
    assert (await arrive(db, claims())).person_id == an.id


async def test_what_an_administrator_took_away_does_not_come_back_by_e_mail(
    db: Database, sessions: Sessions
) -> None:
    an = await person(db)
    identity = (await arrive(db, claims())).identity
    for _ in range(2):
        async with db.begin(ADMIN) as tx:
            await linking.unlink_identity(tx, identity.id, sessions)
    kept = await row(db, identity.id)
    assert (kept.person_id, kept.linked_at, kept.linked_by_id) == (None, None, None)
    assert (await arrive(db, claims(), now=NOW + timedelta(hours=1))).why is Why.UNLINKED
    # Nor through a new subject with the same address: whoever can make one is whom the link was cut for.
    assert (await arrive(db, claims("s-2"))).why is Why.OTHER_IDENTITY
    assert [verb for verb, _, _ in await verbs(db)] == [
        "identity.linked",
        "identity.unlinked",
        "identity.waiting",
    ]
    async with db.begin(ADMIN) as tx:
        await linking.link_identity(tx, identity.id, an.id)
    assert (await arrive(db, claims())).person_id == an.id


async def test_an_identity_goes_to_nobody_else_and_to_nobody_inactive(db: Database) -> None:
    an, binh = await person(db, name="An"), await person(db, "binh@moh.gov.vn")
    gone = await person(db, "gone@moh.gov.vn", active=False)
    linked = (await arrive(db, claims())).identity
    waiting = (await arrive(db, claims("s-2", None))).identity
    for identity, who, code, path in (
        (linked.id, binh.id, "IDENTITY_LINKED", "identityId"),
        (waiting.id, gone.id, "PERSON_INACTIVE", "personId"),
        (waiting.id, 10**9, "NOT_FOUND", "personId"),
        (10**9, an.id, "NOT_FOUND", "identityId"),
    ):
        with pytest.raises(Refused) as refused:
            async with db.begin(ADMIN) as tx:
                await linking.link_identity(tx, identity, who)
        assert (refused.value.code, refused.value.path) == (code, (path,))
        assert refused.value.message()
    assert (await row(db, linked.id)).person_id == an.id
    assert (await row(db, waiting.id)).person_id is None


async def test_only_administrators_link_and_unlink_and_others_see_only_their_own(
    db: Database, sessions: Sessions
) -> None:
    an, binh = await person(db), await person(db, "binh@moh.gov.vn")
    own = (await arrive(db, claims())).identity
    other = (await arrive(db, claims("s-2", None))).identity
    before = await verbs(db)
    actor = Actor(ActorKind.PERSON, person_id=an.id)
    for act, code in (
        (lambda tx: linking.link_identity(tx, own.id, binh.id), "FORBIDDEN"),
        (lambda tx: linking.unlink_identity(tx, own.id, sessions), "FORBIDDEN"),
        (lambda tx: linking.link_identity(tx, other.id, an.id), "NOT_FOUND"),
        (lambda tx: linking.unlink_identity(tx, other.id, sessions), "NOT_FOUND"),
    ):
        with pytest.raises(Refused) as refused:
            async with db.begin(actor) as tx:
                await act(tx)
        assert refused.value.code == code
    assert await verbs(db) == before
    delegated = Actor(ActorKind.PERSON, person_id=an.id, client_id=5, scopes=frozenset())
    for who, seen in (
        (actor, [own.id]),
        (delegated, []),
        (Actor(ActorKind.CLIENT, client_id=5), []),
        (Actor(ActorKind.PERSON), []),
    ):
        async with db.snapshot(who) as tx:
            assert [one.id for one in (await queries.identities_page(tx, PageRequest())).rows] == seen


async def test_lists_are_the_newest_first_and_narrowed_by_each_condition(db: Database) -> None:
    an = await person(db)
    own = (await arrive(db, claims())).identity
    others = [(await arrive(db, claims(f"w-{number}", None))).identity for number in range(3)]

    async def listed(**which: object) -> list[int]:
        async with db.snapshot(ADMIN) as tx:
            page = await queries.identities_page(tx, PageRequest(), IdentityFilter(**which))  # type: ignore[arg-type]
            return [one.id for one in page.rows]

    newest = [one.id for one in reversed(others)]
    assert await listed() == [*newest, own.id]
    assert await listed(waiting=True) == newest
    assert await listed(waiting=False) == await listed(person_id=an.id) == [own.id]
    assert await listed(reference=own.id) == [own.id]
    assert await listed(reference=own.id, waiting=True) == []


async def test_what_a_provider_claims_is_kept_short_and_printable(db: Database) -> None:
    wild = Claims(MOH, "s-1", "A\0n\u202e" + "x" * 5000, "e\n@" + "y" * 5000, True)
    kept = await row(db, (await arrive(db, wild)).identity.id)
    assert kept.name is not None
    assert kept.email is not None
    assert (kept.name[:4], len(kept.name), kept.email[:3], len(kept.email)) == ("Anxx", 200, "e@y", 200)


async def test_a_sign_in_takes_the_same_few_statements_however_many_people_wait(db: Database) -> None:
    await person(db)
    taken = []
    for subject in ("s-1", "s-2"):
        with counting(db) as statements:
            await arrive(db, claims(subject))
        taken.append(len(statements))
        for number in range(5):
            await arrive(db, claims(f"{subject}-{number}", None))
    with counting(db) as statements:
        await arrive(db, claims())
    assert (taken, len(statements)) == ([5, 4], 2)


async def test_unlinking_ends_the_sessions_that_the_identity_began_and_no_others(
    db: Database, sessions: Sessions
) -> None:
    an = await person(db)
    identity = (await arrive(db, claims())).identity
    now = utc_now()
    began = await sessions.start(an.id, now, method="oidc", issuer=MOH, subject="s-1")
    others = [
        await sessions.start(an.id, now, method="link"),
        await sessions.start(an.id, now, method="oidc", issuer="https://id.hue.gov.vn", subject="s-1"),
        await sessions.start(an.id, now, method="oidc", issuer=MOH, subject="s-2"),
    ]
    async with db.begin(ADMIN) as tx:
        await linking.unlink_identity(tx, identity.id, sessions)
    assert await sessions.find(began.sid, now) is None
    assert [bool(await sessions.find(one.sid, now)) for one in others] == [True] * 3


@pytest.mark.parametrize("away", ["none", "unreachable"])
async def test_an_identity_whose_sessions_cannot_be_ended_stays_linked(db: Database, away: str) -> None:
    an = await person(db)
    identity = (await arrive(db, claims())).identity
    before = await verbs(db)
    nowhere = redis.asyncio.from_url("redis://127.0.0.1:1") if away == "unreachable" else None
    gone = Sessions.of(Settings(), nowhere) if nowhere is not None else None
    with pytest.raises(Refused) as refused:
        async with db.begin(ADMIN) as tx:
            await linking.unlink_identity(tx, identity.id, gone)
    assert refused.value.code == "SESSIONS_AWAY"
    assert (await row(db, identity.id)).person_id == an.id
    assert await verbs(db) == before
    if nowhere is not None:
        await nowhere.aclose()


async def test_who_unlinks_waits_until_the_session_is_there_to_be_ended(
    db: Database, sessions: Sessions
) -> None:
    an = await person(db)
    identity = (await arrive(db, claims())).identity
    order: list[str] = []

    async def unlink() -> None:
        async with db.begin(ADMIN) as tx:
            await linking.unlink_identity(tx, identity.id, sessions)
            order.append("unlinked")

    async with db.begin(DOOR) as tx:
        await linking.hold_identity(tx, identity.id, an.id)
        other = asyncio.create_task(unlink())
        await asyncio.sleep(0.2)
        order.append("session started")
    await other
    assert order == ["session started", "unlinked"]
    with pytest.raises(Refused) as refused:
        async with db.begin(DOOR) as tx:
            await linking.hold_identity(tx, identity.id, an.id)
    assert refused.value.code == "IDENTITY_TAKEN_AWAY"
