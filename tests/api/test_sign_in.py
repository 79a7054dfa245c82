"""Signing in and out with a browser: cookies, sessions, forms, and what somebody could try with them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import redis.asyncio
import sqlalchemy as sa

import factories
from api.sign_in_scene import Browser, browser, hidden, logged
from statements import counting
from vdept.identity.links import LIFETIME, address_of_link, create_link
from vdept.identity.models import SignInLink
from vdept.identity.sessions import Sessions
from vdept.kernel import activity
from vdept.kernel.actor import Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept.people.models import Person
from vdept.people.service import update_person
from vdept_graphql.sign_in.links import WRONG
from vdept_graphql.sign_in.start import ASKED

EMAIL = "an@example.vn"


@pytest.fixture
async def valkey(redis_url: str) -> AsyncIterator[Any]:
    client = redis.asyncio.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def reader(db: Database, valkey: Any) -> AsyncIterator[Browser]:
    async with browser(db, valkey) as one:
        yield one


@pytest.fixture
async def an(db: Database) -> Person:
    async with db.begin(factories.SYSTEM) as tx:
        return await factories.person(tx, "Trần Ân <b>", email=EMAIL)


async def link(
    db: Database, ago: timedelta = timedelta(0), email: str = EMAIL, where: str = "/account"
) -> str:
    async with db.begin(factories.SYSTEM, now=utc_now() - ago) as tx:
        made = await create_link(tx, email, most=None)
    return address_of_link("", made.token, where)


async def signed_in(reader: Browser) -> bool:
    return (await reader.get("/account")).status_code == 200


async def feed(db: Database) -> list[tuple[str, int | None, dict[str, Any]]]:
    async with db.snapshot(factories.SYSTEM) as tx:
        entries = await activity.read_feed(tx.session, None, 50)
    return [(entry.verb, entry.person_id, entry.data) for entry in entries]


async def test_a_link_signs_a_browser_in_once(db: Database, reader: Browser, an: Person) -> None:
    address = await link(db)
    assert not await signed_in(reader)
    page = await reader.get(address)
    assert "Trần Ân &lt;b&gt;" in page.text
    assert EMAIL in page.text
    done = await reader.post("/sign-in/link/use", hidden(page))
    assert (done.status_code, done.headers["location"], done.text) == (303, "/account", "")
    assert done.headers["cache-control"] == "no-store"
    assert await signed_in(reader)
    used = await reader.get(address)
    assert (used.status_code, "has been used" in used.text) == (400, True)
    again = await reader.post("/sign-in/link/use", hidden(page))
    assert again.status_code == 400
    assert "set-cookie" not in again.headers
    assert await feed(db) == [
        ("sign_in_link.created", None, {}),
        ("person.signed_in", an.id, {"method": "link"}),
    ]


async def test_opening_a_link_uses_nothing_up_and_signs_nobody_in(
    db: Database, reader: Browser, valkey: Any, an: Person
) -> None:
    address = await link(db)
    for _ in range(4):
        page = await reader.get(address)
        assert page.status_code == 200
        assert "set-cookie" not in page.headers
    assert not await signed_in(reader)
    assert [name async for name in valkey.scan_iter("session*")] == []
    assert (await reader.use(address)).status_code == 303


async def test_the_page_of_a_link_keeps_it_to_itself(db: Database, reader: Browser, an: Person) -> None:
    page = await reader.get(await link(db))
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] in {"no-referrer", "strict-origin"}
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    addresses = [part.split('"')[0] for part in page.text.replace("src=", "href=").split('href="')[1:]]
    assert addresses == ["/static/style.css"]
    assert "<script" not in page.text


@pytest.mark.parametrize(
    ("issuer", "name", "more"),
    [
        ("http://127.0.0.1:8000", "vdept", set()),
        ("https://vdept.gov.vn", "__Host-vdept", {"Secure"}),
    ],
)
async def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_neighbours(
    db: Database, valkey: Any, an: Person, issuer: str, name: str, more: set[str]
) -> None:
    async with browser(db, valkey, public_url=issuer) as reader:
        done = await reader.use(await link(db))
        value, *attributes = done.headers["set-cookie"].split("; ")
        assert value.partition("=")[0] == name
        assert len(value.partition("=")[2]) == 43
        assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=lax"} | more
        assert await signed_in(reader)
        out = await reader.post("/sign-out", hidden(await reader.get("/account")))
        value, *attributes = out.headers["set-cookie"].split("; ")
        assert value in {f"{name}=", f'{name}=""'}
        assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=0"} | more


async def test_a_planted_session_is_worth_nothing_after_signing_in(
    db: Database, valkey: Any, an: Person
) -> None:
    """Session fixation: with a made-up name, and with a session that the attacker really has."""
    async with db.begin(factories.SYSTEM) as tx:
        attacker = await factories.person(tx, "Kẻ xấu")
    sessions = Sessions.of(Settings(), valkey)
    own = (await sessions.start(attacker.id, utc_now(), method="link")).sid
    for planted in ("x" * 43, own):
        async with browser(db, valkey) as victim:
            victim.http.cookies.set("vdept", planted, domain="127.0.0.1")
            await victim.use(await link(db))
            assert victim.sid not in {planted, None}
        async with browser(db, valkey) as thief:
            thief.http.cookies.set("vdept", planted, domain="127.0.0.1")
            assert not await signed_in(thief)


async def test_signing_in_again_changes_the_name_of_the_session(
    db: Database, reader: Browser, an: Person
) -> None:
    await reader.use(await link(db))
    first = reader.sid
    await reader.use(await link(db))
    assert reader.sid != first
    assert await signed_in(reader)
    reader.http.cookies.clear()
    reader.http.cookies.set("vdept", first or "", domain="127.0.0.1")
    assert not await signed_in(reader)


@pytest.mark.parametrize("spoil", ["expired", "inactive", "foreign", "none"])
async def test_a_bad_link_signs_nobody_in_and_is_logged(
    db: Database, reader: Browser, valkey: Any, an: Person, spoil: str
) -> None:
    address = await link(db, LIFETIME if spoil == "expired" else timedelta(0))
    if spoil == "inactive":
        async with db.begin(factories.SYSTEM) as tx:
            await update_person(tx, an.id, active=False)
    if spoil in {"foreign", "none"}:
        address = {"foreign": "/sign-in/link?token=" + "x" * 43, "none": "/sign-in/link"}[spoil]
    token = address.partition("token=")[2]
    with logged() as entries:
        page = await reader.get(address)
        used = await reader.post("/sign-in/link/use", {"token": token})
    assert (page.status_code, used.status_code) == (400, 400)
    assert page.text == used.text
    assert "Trần" not in page.text
    assert "set-cookie" not in used.headers
    assert [name async for name in valkey.scan_iter("session*")] == []
    events = [(entry["event"], entry["reason"], entry["address"]) for entry in entries if "reason" in entry]
    assert events == [("sign-in refused", "SIGN_IN_LINK_INVALID", "203.0.113.7")] * 2
    assert not token or token not in str(entries)


async def test_trying_links_out_is_slowed_and_a_good_link_still_works(
    db: Database, reader: Browser, an: Person
) -> None:
    statuses = [(await reader.get(f"/sign-in/link?token={n}")).status_code for n in range(WRONG + 2)]
    assert statuses == [400] * WRONG + [429] * 2
    refused = await reader.post("/sign-in/link/use", {"token": "x"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert (await reader.use(await link(db))).status_code == 303


async def test_asking_for_links_is_slowed_by_address(db: Database, valkey: Any) -> None:
    async with browser(db, valkey, smtp_url="smtp://127.0.0.1:1") as reader:
        statuses = [(await reader.ask("no address")).status_code for _ in range(ASKED + 20)]
    assert statuses[:ASKED] == [400] * ASKED
    assert 429 in statuses[ASKED:]  # one comes back every six seconds meanwhile


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "%2f%2fevil.example",
        "javascript:alert(1)",
        "/a\r\nX: y",
    ],
)
async def test_nobody_is_led_away_after_signing_in(
    db: Database, reader: Browser, an: Person, wanted: str
) -> None:
    for where in ("/account", wanted):
        fields = hidden(await reader.get(await link(db, where=where))) | {"next": wanted}
        done = await reader.post("/sign-in/link/use", fields)
        assert (done.status_code, done.headers["location"]) == (303, "/account")
    page = await reader.http.get("/sign-in", params={"next": wanted})
    assert "evil" not in page.text
    assert "javascript" not in page.text


FORGED: list[dict[str, str]] = [
    {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
    {"origin": "https://evil.example", "sec_fetch_site": ""},
    {"origin": "null", "sec_fetch_site": ""},
    {"origin": "", "sec_fetch_site": ""},
    {"origin": "http://127.0.0.1:8000", "sec_fetch_site": "same-site"},
    {"origin": "http://127.0.0.1:8001", "sec_fetch_site": ""},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
async def test_no_form_of_another_site_is_taken(
    db: Database, reader: Browser, valkey: Any, an: Person, headers: dict[str, str]
) -> None:
    """Before signing in (somebody signs the victim in as themselves), and after."""
    page = hidden(await reader.get(await link(db)))
    with logged() as entries:
        refused = await reader.post("/sign-in/link/use", page, **headers)
    assert refused.status_code == 403
    assert [entry["reason"] for entry in entries if "reason" in entry] == ["CSRF_REFUSED"]
    assert "set-cookie" not in refused.headers
    assert (await reader.post("/sign-in/link", {"email": EMAIL}, **headers)).status_code == 403
    assert (await reader.post("/sign-in/link/use", page)).status_code == 303, "the link was not used up"
    form = hidden(await reader.get("/account"))
    for address in ("/sign-out", "/sign-out/everywhere"):
        assert (await reader.post(address, form, **headers)).status_code == 403
    assert await signed_in(reader)


@pytest.mark.parametrize("csrf", [None, "", "x", "é", "other"])
async def test_signing_out_takes_the_token_of_this_very_session(
    db: Database, reader: Browser, valkey: Any, an: Person, csrf: str | None
) -> None:
    if csrf == "other":
        csrf = (await Sessions.of(Settings(), valkey).start(an.id, utc_now(), method="link")).csrf
    await reader.use(await link(db))
    for address in ("/sign-out", "/sign-out/everywhere"):
        answer = await reader.post(address, {} if csrf is None else {"csrf": csrf})
        assert answer.status_code == 403
    assert await signed_in(reader)


async def test_signing_out_ends_this_session_only(
    db: Database, reader: Browser, valkey: Any, an: Person
) -> None:
    await reader.use(await link(db))
    sid = reader.sid
    async with browser(db, valkey) as phone:
        await phone.use(await link(db))
        out = await reader.post("/sign-out", hidden(await reader.get("/account")))
        assert (out.status_code, out.headers["location"]) == (303, "/sign-in/signed-out")
        assert "You are signed out" in (await reader.get("/sign-in/signed-out")).text
        reader.http.cookies.set("vdept", sid or "", domain="127.0.0.1")
        assert not await signed_in(reader), "the name is dead, not only the cookie"
        assert await signed_in(phone)
    assert (await feed(db))[-1] == ("person.signed_out", an.id, {"sessions": 1, "by": "person"})


async def test_signing_out_everywhere_ends_them_all(
    db: Database, reader: Browser, valkey: Any, an: Person
) -> None:
    await reader.use(await link(db))
    async with browser(db, valkey) as phone:
        await phone.use(await link(db))
        out = await reader.post("/sign-out/everywhere", hidden(await reader.get("/account")))
        assert out.status_code == 303
        assert not await signed_in(phone)
    assert not await signed_in(reader)
    assert (await feed(db))[-1] == ("person.signed_out", an.id, {"sessions": 2, "by": "person"})


async def test_signing_out_without_a_session_does_no_harm(db: Database, reader: Browser) -> None:
    out = await reader.post("/sign-out", {})
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in/signed-out")
    assert await feed(db) == []
    assert (await reader.get("/sign-out")).status_code == 405


async def test_the_account_page_shows_today_s_roles(db: Database, reader: Browser, an: Person) -> None:
    async with db.begin(factories.SYSTEM) as tx:
        for number in range(4):
            unit = await factories.unit(tx, f"Thành phố {number}")
            ended = tx.today - timedelta(days=1) if number == 3 else None
            await factories.membership(tx, an, unit, Role.HEAD, ends_on=ended)
    await reader.use(await link(db))
    with counting(db) as statements:
        page = (await reader.get("/account")).text
    assert [f"Thành phố {n}" in page for n in range(4)] == [True, True, True, False]
    assert page.count("<dd>Head</dd>") == 3
    assert len(statements) == 4, statements
    assert 'lang="en"' in page
    assert "Người đứng đầu" in (await reader.get("/account", accept_language="vi, en;q=0.5")).text
    assert 'lang="vi"' in (await reader.get("/account", accept_language="fr")).text


async def test_somebody_no_longer_active_is_signed_out_at_once(
    db: Database, reader: Browser, valkey: Any, an: Person
) -> None:
    await reader.use(await link(db))
    async with db.begin(factories.SYSTEM) as tx:
        await update_person(tx, an.id, active=False)
    assert not await signed_in(reader)
    async with db.begin(factories.SYSTEM) as tx:
        await update_person(tx, an.id, active=True)
    assert not await signed_in(reader), "a session does not outlive its person's absence"


async def test_who_is_signed_in_is_asked_before_going_on(db: Database, reader: Browser, an: Person) -> None:
    assert "signed in as" not in (await reader.get("/sign-in")).text
    await reader.use(await link(db))
    page = await reader.get("/sign-in?next=/units/46")
    assert "signed in as" in page.text
    assert '<a class="button" href="/units/46">' in page.text
    away = await reader.http.get("/account", headers={"cookie": "vdept=nobody"})
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in")


async def test_without_a_way_to_sign_in_the_page_says_what_to_do(db: Database, reader: Browser) -> None:
    page = await reader.get("/sign-in")
    assert "vdept sign-in-link" in page.text
    assert 'type="email"' not in page.text
    refused = await reader.ask(EMAIL)
    assert (refused.status_code, "cannot send mail" in refused.text) == (409, True)


async def test_while_valkey_is_away_nobody_is_signed_in_and_no_link_is_lost(
    db: Database, reader: Browser, valkey: Any, an: Person
) -> None:
    await reader.use(await link(db))
    address = await link(db)
    away = redis.asyncio.from_url("redis://127.0.0.1:1")
    async with browser(db, away) as other, browser(db, None) as third:
        for broken in (other, third):
            broken.http.cookies.set("vdept", reader.sid or "", domain="127.0.0.1")
            for page in (
                await broken.get("/account"),
                await broken.get("/sign-in"),
                await broken.use(address),
                await broken.post("/sign-out", {"csrf": "x"}),
            ):
                assert page.status_code == 503
                assert "cannot answer at the moment" in page.text
                assert "set-cookie" not in page.headers
    await away.aclose()
    async with db.snapshot(factories.SYSTEM) as tx:
        used = await tx.session.scalar(sa.select(sa.func.count()).where(SignInLink.used_at.is_not(None)))
    assert used == 1
    assert [verb for verb, _, _ in await feed(db)].count("person.signed_in") == 1
    assert (await reader.use(address)).status_code == 303


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"token=a&token=b", "application/x-www-form-urlencoded", 400),
        (b"token", "application/x-www-form-urlencoded", 400),
        (b"token=%ff", "application/x-www-form-urlencoded", 400),
        (b"token=\xc3\xa9", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(30)), "application/x-www-form-urlencoded", 400),
        (b"token=" + b"a" * 20_000, "application/x-www-form-urlencoded", 413),
        (b'{"token": "a"}', "application/json", 415),
        (b"token=a", "text/plain", 415),
        (b"", "", 415),
        (b"", "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_no_form_is_refused_as_a_page(
    reader: Browser, content: bytes, kind: str, status: int
) -> None:
    headers = {"origin": reader.issuer, "content-type": kind, "accept-language": "en"}
    answer = await reader.http.post("/sign-in/link/use", content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "Sign in" in answer.text or "sign-in page" in answer.text


async def test_a_bug_is_told_by_its_number_only(db: Database, reader: Browser, monkeypatch: Any) -> None:
    async def broken(*_: Any) -> None:
        msg = "secret detail"
        raise RuntimeError(msg)

    monkeypatch.setattr("vdept_graphql.sign_in.account.signed_in", broken)
    with logged() as entries:
        answer = await reader.get("/account")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    [incident] = [entry for entry in entries if entry["event"] == "incident"]
    assert incident["incident"] in answer.text
