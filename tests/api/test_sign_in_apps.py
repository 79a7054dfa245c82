"""What apps are let do is shown to the person who let them, and ended by them alone."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import redis.asyncio

import factories
from api.sign_in_scene import Browser, browser, hidden
from statements import counting
from vdept.clients.models import ApiClient, ClientAuthentication, ClientAuthorization
from vdept.identity.links import address_of_link, create_link
from vdept.kernel.db import Database
from vdept.people.models import Person


@pytest.fixture
async def reader(db: Database, redis_url: str) -> AsyncIterator[Browser]:
    client = redis.asyncio.from_url(redis_url)
    async with browser(db, client) as one:
        yield one
    await client.aclose()


async def let(db: Database, person: Person, name: str, **more: Any) -> int:
    """An app of a unit of its own that ``person`` lets act for them."""
    async with db.begin(factories.SYSTEM) as tx:
        unit = await factories.unit(tx, f"Đơn vị của {name}")
        app = ApiClient(
            client_id=name,
            unit_id=unit.id,
            name=name,
            authentication=ClientAuthentication.NONE,
            machine=False,
            redirect_uris=["https://app.example/cb"],
            scopes=["tasks:read"],
            created_at=tx.now,
        )
        tx.session.add(app)
        await tx.session.flush()
        values = {"created_at": tx.now, "expires_at": tx.now + timedelta(days=1), "scopes": ["tasks:read"]}
        row = ClientAuthorization(client_id=app.id, person_id=person.id, **(values | more))
        tx.session.add(row)
        await tx.session.flush()
        return row.id


async def revoked(db: Database, authorization_id: int) -> bool:
    async with db.snapshot(factories.SYSTEM) as tx:
        row = await tx.session.get_one(ClientAuthorization, authorization_id)
        return row.revoked_at is not None


async def come_in(db: Database, reader: Browser, person: Person) -> None:
    async with db.begin(factories.SYSTEM) as tx:
        token = (await create_link(tx, person.email)).token
    assert (await reader.use(address_of_link("", token))).status_code == 303


@pytest.fixture
async def an(db: Database) -> Person:
    async with db.begin(factories.SYSTEM) as tx:
        return await factories.person(tx, "Trần An")


async def test_a_person_sees_the_apps_that_act_for_them_now(
    db: Database, reader: Browser, an: Person
) -> None:
    async with db.begin(factories.SYSTEM) as tx:
        other = await factories.person(tx)
        past = tx.now - timedelta(days=1)
    for name in ("Ứng dụng <i>", "App B", "App C"):
        await let(db, an, name)
    await let(db, an, "Ended", revoked_at=past)
    await let(db, an, "Ran out", expires_at=past)
    await let(db, other, "Somebody else's")
    await come_in(db, reader, an)
    with counting(db) as statements:
        page = (await reader.get("/account")).text
    shown = [
        name in page for name in ("Ứng dụng &lt;i&gt;", "App B", "App C", "Ended", "Ran out", "else&#39;s")
    ]
    assert shown == [True] * 3 + [False] * 3
    assert "Đơn vị của App B" in page
    assert len(statements) == 6, statements


async def test_an_app_is_ended_by_its_person_and_nothing_else_changes(
    db: Database, reader: Browser, an: Person
) -> None:
    kept, ended = await let(db, an, "Kept"), await let(db, an, "Ended")
    await come_in(db, reader, an)
    fields = hidden(await reader.get("/account"))
    assert fields["authorization"] == str(ended)
    done = await reader.post("/account/apps/end", fields)
    assert (done.status_code, done.headers["location"]) == (303, "/account")
    assert (await revoked(db, ended), await revoked(db, kept)) == (True, False)
    page = (await reader.get("/account")).text
    assert ("Kept" in page, "Ended" in page) == (True, False)


@pytest.mark.parametrize(
    "spoil", ["foreign", "no token", "wrong token", "other site", "signed out", "no number"]
)
async def test_nobody_else_ends_it(db: Database, reader: Browser, an: Person, spoil: str) -> None:
    async with db.begin(factories.SYSTEM) as tx:
        other = await factories.person(tx)
    own, foreign = await let(db, an, "Own"), await let(db, other, "Foreign")
    await come_in(db, reader, an)
    fields, headers = hidden(await reader.get("/account")), {}
    status = 403
    match spoil:
        case "foreign":
            fields["authorization"], status = str(foreign), 404
        case "no number":
            fields["authorization"], status = "١٢", 404
        case "no token":
            del fields["csrf"]
        case "wrong token":
            fields["csrf"] = fields["csrf"].swapcase()
        case "other site":
            headers = {"origin": "https://evil.example", "sec_fetch_site": "cross-site"}
        case "signed out":
            reader.http.cookies.clear()
            status = 303
    answer = await reader.post("/account/apps/end", fields, **headers)
    assert answer.status_code == status
    assert answer.headers.get("location", "/sign-in") == "/sign-in"
    assert (await revoked(db, own), await revoked(db, foreign)) == (False, False)
