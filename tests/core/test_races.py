"""Two things at the same moment, one of which takes away what the other gives: never do both come true."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from factories import NOW, SYSTEM
from vdept.clients import authorizing, codes, refreshing, registering
from vdept.clients.models import (
    ApiClient,
    AuthorizationCode,
    ClientAuthentication,
    ClientAuthorization,
    RefreshToken,
)
from vdept.clients.proving import find_client
from vdept.identity.links import LIFETIME, create_link, use_link
from vdept.identity.models import SignInLink
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.kernel.scopes import Scope

CODE = "code-that-went-through-a-browser"
HOME = "https://app.example/cb"
MOMENT = 0.2
"""Seconds in which somebody who does not wait would be done."""


async def world(db: Database) -> tuple[Actor, ApiClient]:
    """The head of a province with a client that asks people."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        unit = await factories.unit(tx)
        head = await factories.actor(tx, unit)
    async with db.begin(head, now=NOW) as tx:
        client, _ = await registering.register_client(
            tx,
            unit.id,
            name="Sổ tay",
            authentication=ClientAuthentication.SECRET,
            scopes=[Scope.TASKS_WRITE],
            redirect_uris=[HOME],
        )
    return head, client


async def family(db: Database, head: Actor, client: ApiClient) -> tuple[ClientAuthorization, str]:
    """A consent with a code and a refresh token on their way."""
    async with db.begin(head, now=NOW) as tx:
        let = await authorizing.authorize(tx, client, [Scope.TASKS_WRITE])
        codes.keep_code(tx, let, CODE, redirect_uri=HOME, challenge="c" * 43)
        return let, refreshing.issue_refresh_token(tx, let)


async def rows(db: Database, what: Any) -> list[Any]:
    async with db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(what)))


async def while_it_waits(
    db: Database, actor: Actor, first: Callable[[Tx], Awaitable[Any]], second: Any
) -> Any:
    """What becomes of ``second``, started while ``first`` is done and not committed."""
    async with db.begin(actor, now=NOW) as tx:
        await first(tx)
        other = asyncio.create_task(second())
        await asyncio.sleep(MOMENT)
        assert not other.done(), "it did not wait"
    return await other


@pytest.mark.parametrize("what", ["revoked", "narrowed"])
async def test_nobody_lets_a_client_do_what_is_being_taken_from_it(db: Database, what: str) -> None:
    head, client = await world(db)

    async def take_away(tx: Tx) -> None:
        if what == "revoked":
            await registering.revoke_client(tx, client.id)
        else:
            await registering.update_client(tx, client.id, scopes=[Scope.PLANS_READ])

    async def consent() -> str:
        async with db.begin(head, now=NOW) as tx:
            known = await tx.session.run_sync(lambda _: find_client(tx, client.client_id))
            assert known is not None
            seen.set()
            await going.wait()
            try:
                await authorizing.authorize(tx, known, [Scope.TASKS_WRITE])
            except Refused as refused:
                return refused.code
            return "let"

    seen, going = asyncio.Event(), asyncio.Event()
    asking = asyncio.create_task(consent())
    await seen.wait()
    async with db.begin(head, now=NOW) as tx:
        await take_away(tx)
        going.set()
        await asyncio.sleep(MOMENT)
    assert await asking == ("CLIENT_REVOKED" if what == "revoked" else "CLIENT_SCOPE_EXCEEDED")
    assert await rows(db, ClientAuthorization) == []


async def test_a_client_revoked_while_somebody_consents_loses_that_too(db: Database) -> None:
    head, client = await world(db)

    async def consent(tx: Tx) -> None:
        await authorizing.authorize(tx, client, [Scope.TASKS_WRITE])

    async def revoke() -> None:
        async with db.begin(head, now=NOW) as tx:
            await registering.revoke_client(tx, client.id)

    await while_it_waits(db, head, consent, revoke)
    assert [row.revoked_at for row in await rows(db, ClientAuthorization)] == [NOW]


@pytest.mark.parametrize("who", ["the person", "the unit"])
@pytest.mark.parametrize("used", ["a code", "a refresh token"])
async def test_what_is_exchanged_while_it_is_taken_away_is_worth_nothing(
    db: Database, used: str, who: str
) -> None:
    head, client = await world(db)
    let, token = await family(db, head, client)

    async def take_away(tx: Tx) -> None:
        if who == "the person":
            await authorizing.revoke_authorization(tx, let.id)
        else:
            await registering.revoke_client(tx, client.id)

    async def exchange() -> bool:
        async with db.begin(SYSTEM, now=NOW) as tx:

            def work(_: Any) -> bool:
                if used == "a code":
                    return codes.hold_code(tx, client, CODE) is not None
                return refreshing.hold_refresh_token(tx, client, token) is not None

            return await tx.session.run_sync(work)

    assert not await while_it_waits(db, head, take_away, exchange)
    assert not any(row.used_at for row in await rows(db, AuthorizationCode))
    assert not any(row.used_at for row in await rows(db, RefreshToken))


async def test_what_was_exchanged_before_it_is_taken_away_ends_with_it(db: Database) -> None:
    head, client = await world(db)
    let, token = await family(db, head, client)

    async def exchange(tx: Tx) -> None:
        def work(_: Any) -> None:
            held = refreshing.hold_refresh_token(tx, client, token)
            assert held is not None
            refreshing.use_refresh_token(tx, held)
            successors.append(refreshing.issue_refresh_token(tx, held.authorization))

        await tx.session.run_sync(work)

    async def take_away() -> None:
        async with db.begin(head, now=NOW) as tx:
            await authorizing.revoke_authorization(tx, let.id)

    successors: list[str] = []
    await while_it_waits(db, SYSTEM, exchange, take_away)
    async with db.begin(SYSTEM, now=NOW) as tx:
        held = await tx.session.run_sync(lambda _: refreshing.hold_refresh_token(tx, client, successors[0]))
    assert held is None


async def test_of_two_links_of_one_person_used_at_once_one_signs_in_and_the_other_is_gone(
    db: Database,
) -> None:
    """They waited for each other until PostgreSQL ended one, or both signed somebody in."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        who = await factories.person(tx)
        links = [(await create_link(tx, who.email)).token for _ in range(2)]

    async def use(token: str) -> str:
        try:
            async with db.begin(SYSTEM, now=NOW) as tx:
                await use_link(tx, token)
        except Refused as refused:
            return refused.code
        return "signed in"

    for _ in range(10):
        assert sorted(await asyncio.gather(*map(use, links))) == ["SIGN_IN_LINK_INVALID", "signed in"]
        async with db.begin(SYSTEM, now=NOW) as tx:
            again = {"used_at": None, "expires_at": NOW + LIFETIME}
            await tx.session.execute(sa.update(SignInLink).values(again))
