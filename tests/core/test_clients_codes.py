"""Codes and refresh tokens below the protocol: when each may be used, and what its second use does."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

import factories
from factories import NOW, SYSTEM
from vdept.clients import codes, refreshing
from vdept.clients.assertions import take
from vdept.clients.authorizing import authorize, revoke_authorization
from vdept.clients.models import (
    ApiClient,
    AuthorizationCode,
    ClientAuthentication,
    ClientAuthorization,
    RefreshToken,
    RevokedToken,
    UsedAssertion,
)
from vdept.clients.proving import find_client, has_secret
from vdept.clients.registering import register_client, revoke_client
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database, Tx
from vdept.kernel.scopes import Scope
from vdept.people.models import Person
from vdept.units.models import Unit

T = TypeVar("T")
CODE = "code-that-went-through-a-browser"
HOME = "https://app.example/cb"
SECOND = timedelta(seconds=1)


async def world(db: Database) -> tuple[Actor, ApiClient, str]:
    """The head of a province with a client that asks people, and its secret."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        unit = await factories.unit(tx)
        head = await factories.actor(tx, unit)
    async with db.begin(head, now=NOW) as tx:
        client, secret = await register_client(
            tx,
            unit.id,
            name="Sổ tay",
            authentication=ClientAuthentication.SECRET,
            scopes=[Scope.TASKS_WRITE],
            redirect_uris=[HOME],
        )
    assert secret is not None
    return head, client, secret


async def consent(db: Database, head: Actor, client: ApiClient) -> ClientAuthorization:
    """What the head lets the client do, with a code on its way."""
    async with db.begin(head, now=NOW) as tx:
        let = await authorize(tx, client, [Scope.TASKS_WRITE])
        codes.keep_code(tx, let, CODE, redirect_uri=HOME, challenge="c" * 43)
        return let


async def do(db: Database, work: Callable[[Tx], T], *, now: datetime = NOW) -> T:
    """One synchronous step in a transaction of its own."""
    async with db.begin(SYSTEM, now=now) as tx:
        return await tx.session.run_sync(lambda _: work(tx))


async def use_code(db: Database, client: ApiClient, *, now: datetime = NOW) -> bool:
    """Whether the code could be used, by the client, at ``now``."""

    def work(tx: Tx) -> bool:
        held = codes.hold_code(tx, client, CODE)
        if held is not None:
            codes.use_code(tx, held)
        return held is not None

    return await do(db, work, now=now)


async def rows(db: Database, what: Any) -> list[Any]:
    async with db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(what)))


async def test_a_code_is_good_until_its_minute_is_over(db: Database) -> None:
    head, client, _ = await world(db)
    await consent(db, head, client)
    assert not await use_code(db, client, now=NOW + timedelta(seconds=60))
    assert await use_code(db, client, now=NOW + timedelta(seconds=59))


async def test_what_was_done_in_a_transaction_that_failed_uses_nothing_up(db: Database) -> None:
    head, client, _ = await world(db)
    let = await consent(db, head, client)

    def fail(tx: Tx) -> None:
        held = codes.hold_code(tx, client, CODE)
        assert held is not None
        codes.use_code(tx, held)
        refreshing.issue_refresh_token(tx, held.authorization)
        msg = "the network, the disk, a bug"
        raise OSError(msg)

    with pytest.raises(OSError, match="a bug"):
        await do(db, fail)
    assert await rows(db, RefreshToken) == []
    assert await use_code(db, client)
    assert (await rows(db, ClientAuthorization))[0].id == let.id


async def test_a_second_use_ends_the_authorization_once_and_says_so_once(db: Database) -> None:
    head, client, _ = await world(db)
    let = await consent(db, head, client)
    assert await use_code(db, client)
    for _ in range(3):
        assert not await use_code(db, client, now=NOW + SECOND)
    (ended,) = await rows(db, ClientAuthorization)
    assert ended.revoked_at == NOW + SECOND
    told = [one for one in await rows(db, Activity) if one.verb == "authorization.ended_by_reuse"]
    assert [(one.subject_id, one.unit_id, one.at) for one in told] == [(let.id, client.unit_id, NOW + SECOND)]


async def test_a_used_code_that_has_expired_still_ends_the_authorization(db: Database) -> None:
    head, client, _ = await world(db)
    await consent(db, head, client)
    assert await use_code(db, client)
    assert not await use_code(db, client, now=NOW + timedelta(minutes=30))
    assert (await rows(db, ClientAuthorization))[0].revoked_at is not None


async def test_a_code_that_ran_out_unused_ends_nothing(db: Database) -> None:
    head, client, _ = await world(db)
    await consent(db, head, client)
    for _ in range(2):
        assert not await use_code(db, client, now=NOW + timedelta(minutes=2))
    assert (await rows(db, ClientAuthorization))[0].revoked_at is None


async def test_a_code_dies_with_consent_person_and_year(db: Database) -> None:
    head, client, _ = await world(db)
    let = await consent(db, head, client)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Person).values(active=False))
    assert not await use_code(db, client)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Person).values(active=True))
        await tx.session.execute(sa.update(ClientAuthorization).values(expires_at=NOW))
    assert not await use_code(db, client)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(ClientAuthorization).values(expires_at=let.expires_at))
    async with db.begin(head, now=NOW) as tx:
        await revoke_authorization(tx, let.id)
    assert not await use_code(db, client)
    (row,) = await rows(db, AuthorizationCode)
    assert row.used_at is None


async def test_a_refresh_token_lives_thirty_days_and_no_longer_than_the_consent(db: Database) -> None:
    head, client, _ = await world(db)
    await consent(db, head, client)

    def issue(tx: Tx) -> str:
        held = codes.hold_code(tx, client, CODE)
        assert held is not None
        return refreshing.issue_refresh_token(tx, held.authorization)

    def usable(token: str, now: datetime) -> Any:
        return do(db, lambda tx: refreshing.hold_refresh_token(tx, client, token) is not None, now=now)

    token = await do(db, issue)
    assert await usable(token, NOW + timedelta(days=30) - SECOND)
    assert not await usable(token, NOW + timedelta(days=30))
    (row,) = await rows(db, RefreshToken)
    assert (row.issued_at, row.expires_at, row.scopes) == (NOW, NOW + timedelta(days=30), ["tasks:write"])
    assert token.encode() not in row.digest
    late = NOW + timedelta(days=30) - SECOND
    async with db.begin(SYSTEM, now=late) as tx:
        await tx.session.execute(sa.update(ClientAuthorization).values(expires_at=late + SECOND))
        let = (await tx.session.scalars(sa.select(ClientAuthorization))).one()
        refreshing.issue_refresh_token(tx, let)
    assert {one.expires_at for one in await rows(db, RefreshToken)} == {NOW + timedelta(days=30)}


async def test_looking_at_a_used_refresh_token_is_no_use_of_it(db: Database) -> None:
    head, client, _ = await world(db)
    await consent(db, head, client)

    def issue_and_use(tx: Tx) -> str:
        held = codes.hold_code(tx, client, CODE)
        assert held is not None
        token = refreshing.issue_refresh_token(tx, held.authorization)
        tx.session.sync_session.flush()
        fresh = refreshing.hold_refresh_token(tx, client, token)
        assert fresh is not None
        refreshing.use_refresh_token(tx, fresh)
        return token

    token = await do(db, issue_and_use)
    found = await do(db, lambda tx: refreshing.find_refresh_token(tx, client, token))
    assert found is not None
    assert not found.usable
    assert (await rows(db, ClientAuthorization))[0].revoked_at is None


async def test_an_access_token_is_ended_once(db: Database) -> None:
    _, client, _ = await world(db)
    claims = {"jti": "j1", "exp": int(NOW.timestamp()) + 600}
    for _ in range(2):
        await do(db, lambda tx: refreshing.revoke_access_token(tx, client, claims))
    assert [one.jti for one in await rows(db, RevokedToken)] == ["j1"]
    assert [one.verb for one in await rows(db, Activity)].count("access_token.revoked") == 1


async def test_a_jti_is_taken_once_by_each_client(db: Database) -> None:
    head, client, _ = await world(db)
    async with db.begin(head, now=NOW) as tx:
        other, _ = await register_client(
            tx,
            client.unit_id,
            name="Khác",
            authentication=ClientAuthentication.SECRET,
            scopes=[Scope.TASKS_READ],
            machine=True,
        )
    claims = {"jti": "j1", "exp": NOW.timestamp() + 60}
    assert await do(db, lambda tx: take(tx, client, claims))
    assert not await do(db, lambda tx: take(tx, client, claims))
    assert await do(db, lambda tx: take(tx, other, claims)), "what one client uses takes nothing from another"
    assert {one.expires_at for one in await rows(db, UsedAssertion)} == {NOW + timedelta(seconds=60)}


async def test_only_a_living_client_of_a_living_unit_is_found(db: Database, owner: Database) -> None:
    head, client, secret = await world(db)

    async def found() -> bool:
        return await do(db, lambda tx: find_client(tx, client.client_id)) is not None

    assert await found()
    assert await do(db, lambda tx: find_client(tx, client.client_id.upper())) is None
    assert await do(db, lambda tx: find_client(tx, "nul\0")) is None
    assert has_secret(client, secret)
    assert not has_secret(client, secret + "x")
    assert not has_secret(None, secret)
    assert not has_secret(ApiClient(secret_digest=None), "")
    async with owner.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Unit).values(valid_to=tx.today - timedelta(days=1)))
    assert not await found()
    async with owner.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Unit).values(valid_to=None))
    assert await found()
    async with db.begin(head, now=NOW) as tx:
        await revoke_client(tx, client.id)
    assert not await found()
