"""A session is one browser's, ends when idle and for good, and only the browser knows its name."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import redis.asyncio

from vdept.identity.sessions import MOST, Session, Sessions, SessionsAway
from vdept.kernel.settings import Settings

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)
SECOND = timedelta(seconds=1)
ISSUER = "https://id.example.gov.vn"


@pytest.fixture
async def valkey(redis_url: str) -> AsyncIterator["redis.asyncio.Redis[bytes]"]:
    client = redis.asyncio.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def sessions(valkey: "redis.asyncio.Redis[bytes]") -> Sessions:
    return Sessions(valkey, idle=IDLE, absolute=ABSOLUTE)


def key(sid: str) -> str:
    return f"session:{hashlib.sha256(sid.encode()).hexdigest()}"


async def test_a_session_is_found_by_its_name_and_by_nothing_else(sessions: Sessions) -> None:
    session = await sessions.start(7, NOW, method="link")
    found = await sessions.find(session.sid, NOW)
    assert found == session
    assert (session.person_id, session.method, session.started_at) == (7, "link", NOW)
    assert len({session.sid, session.csrf, (await sessions.start(7, NOW, method="link")).sid}) == 3
    assert len(session.sid) == 43  # 256 bits in base64url
    hashed = hashlib.sha256(session.sid.encode()).hexdigest()
    for wrong in (
        "",
        session.sid[:-1],
        session.sid + "x",
        session.sid.swapcase(),
        hashed,
        "\x00",
        "\ud800",
        "*",
        "é" * 9000,
    ):
        assert await sessions.find(wrong, NOW) is None
    assert await sessions.find(session.sid, NOW) == session


async def test_the_name_of_a_session_is_nowhere_in_valkey(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    session = await sessions.start(7, NOW, method="oidc", issuer=ISSUER, provider_sid="p-1", subject="s-1")
    names = [name async for name in valkey.scan_iter()]
    assert len(names) == 4  # the session, and an index for the person, the provider's session, the subject
    stored = [await valkey.get(key(session.sid)), *names]
    for name in names:
        if await valkey.type(name) == b"zset":
            stored += await valkey.zrange(name, 0, -1)
    assert not [each for each in stored if session.sid.encode() in each]


async def test_nothing_secret_is_told_of_a_session(sessions: Sessions) -> None:
    session = await sessions.start(7, NOW, method="oidc", issuer=ISSUER, id_token="eyJ.secret.x")
    for secret in (session.sid, session.csrf, "eyJ.secret.x"):
        assert secret not in repr(session)
        assert secret not in str(session)


async def test_a_session_ends_when_idle(sessions: Sessions) -> None:
    session = await sessions.start(7, NOW, method="link")
    assert await sessions.find(session.sid, NOW + IDLE - SECOND)
    assert await sessions.find(session.sid, NOW + 2 * IDLE - 2 * SECOND), "the time began anew"
    assert await sessions.find(session.sid, NOW + 3 * IDLE - 2 * SECOND) is None
    assert await sessions.find(session.sid, NOW) is None, "it does not come back"


async def test_valkey_forgets_a_session_by_itself(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    session = await sessions.start(7, NOW, method="link", issuer=ISSUER, subject="s")
    assert 0 <= IDLE / timedelta(milliseconds=1) - await valkey.pttl(key(session.sid)) < 10_000
    for index in [name async for name in valkey.scan_iter("sessions:*")]:
        assert 0 <= ABSOLUTE / timedelta(milliseconds=1) - await valkey.pttl(index) < 10_000


async def test_a_busy_session_ends_for_good_after_its_absolute_lifetime(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    session = await sessions.start(7, NOW, method="link")
    at = NOW
    while (at := at + timedelta(minutes=20)) < NOW + ABSOLUTE:
        assert await sessions.find(session.sid, at)
    assert await sessions.find(session.sid, NOW + ABSOLUTE - SECOND)
    assert await valkey.pttl(key(session.sid)) <= 20 * 60_000, "it is not kept longer than it may live"
    assert await sessions.find(session.sid, NOW + ABSOLUTE) is None
    assert not await valkey.exists(key(session.sid))


async def test_the_idle_time_is_written_at_most_once_a_minute(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    session = await sessions.start(7, NOW, method="link")
    await sessions.find(session.sid, NOW + timedelta(seconds=59))
    before = await valkey.get(key(session.sid))
    found = await sessions.find(session.sid, NOW + timedelta(seconds=60))
    assert found is not None
    assert (found.seen_at, found.sid) == (NOW + timedelta(seconds=60), session.sid)
    assert before != await valkey.get(key(session.sid))


async def test_a_short_idle_time_begins_anew_as_well(valkey: "redis.asyncio.Redis[bytes]") -> None:
    sessions = Sessions(valkey, idle=timedelta(minutes=1), absolute=ABSOLUTE)
    session = await sessions.start(7, NOW, method="link")
    for seconds in range(20, 400, 20):
        assert await sessions.find(session.sid, NOW + timedelta(seconds=seconds))


async def test_a_sign_in_ends_the_session_that_was_brought_along(sessions: Sessions) -> None:
    """Session fixation: a name planted in somebody's browser is worth nothing once they sign in."""
    planted = await sessions.start(666, NOW, method="link")
    fresh = await sessions.start(7, NOW, method="link", replacing=planted.sid)
    assert fresh.sid != planted.sid
    assert fresh.csrf != planted.csrf
    assert await sessions.find(planted.sid, NOW) is None
    chosen = secrets.token_urlsafe(32)
    third = await sessions.start(7, NOW, method="link", replacing=chosen)
    assert third.sid != chosen
    assert await sessions.find(chosen, NOW) is None


async def test_an_ended_session_is_not_written_back_by_a_request_under_way(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    """The request has read the session, is about to write its new idle time, and somebody signs out."""
    session = await sessions.start(7, NOW, method="link")

    class SignsOutMeanwhile:
        def __getattr__(self, name: str) -> object:
            return getattr(valkey, name)

        async def get(self, name: str) -> bytes | None:
            read: bytes | None = await valkey.get(name)
            await sessions.end(session.sid)
            return read

    slow = Sessions(SignsOutMeanwhile(), idle=IDLE, absolute=ABSOLUTE)
    assert await slow.find(session.sid, NOW + timedelta(minutes=5)) is None
    assert not await valkey.exists(key(session.sid))


async def test_one_browser_is_signed_out_and_the_others_stay(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    here, there = [await sessions.start(7, NOW, method="link") for _ in range(2)]
    ended = await sessions.end(here.sid)
    assert ended is not None
    assert (ended.person_id, ended.sid) == (7, "")
    assert await sessions.end(here.sid) is None
    assert await sessions.find(here.sid, NOW) is None
    assert await sessions.find(there.sid, NOW)
    assert await valkey.zcard("sessions:person:7") == 1


async def test_somebody_is_signed_out_everywhere_and_nobody_else(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    own = [await sessions.start(7, NOW, method="link") for _ in range(3)]
    other = await sessions.start(77, NOW, method="link")
    assert len(await sessions.end_of_person(7)) == 3
    assert [await sessions.find(each.sid, NOW) for each in own] == [None] * 3
    assert await sessions.find(other.sid, NOW)
    assert not await valkey.exists("sessions:person:7")
    assert await sessions.end_of_person(7) == []


async def test_a_provider_ends_its_session_its_subject_and_nothing_of_another_provider(
    sessions: Sessions,
) -> None:
    async def at(sid: str, subject: str, issuer: str = ISSUER) -> Session:
        return await sessions.start(7, NOW, method="oidc", issuer=issuer, provider_sid=sid, subject=subject)

    first, second, third = await at("a", "an"), await at("b", "an"), await at("c", "binh")
    elsewhere = await at("a", "an", "https://other.example")
    by_link = await sessions.start(7, NOW, method="link")

    async def there() -> list[bool]:
        return [
            bool(await sessions.find(each.sid, NOW)) for each in (first, second, third, elsewhere, by_link)
        ]

    assert await sessions.end_of_provider(ISSUER, sid="a", subject="binh") == []
    assert await there() == [True] * 5
    [ended] = await sessions.end_of_provider(ISSUER, sid="a", subject="an")
    assert (ended.provider_sid, ended.subject) == ("a", "an")
    assert await there() == [False, True, True, True, True]
    assert len(await sessions.end_of_provider(ISSUER, subject="an")) == 1
    assert len(await sessions.end_of_provider(ISSUER, sid="c")) == 1
    assert await there() == [False, False, False, True, True]
    with pytest.raises(ValueError, match="a subject"):
        await sessions.end_of_provider(ISSUER)


async def test_a_person_has_so_many_sessions_and_a_further_one_ends_the_oldest(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    all_of_them = [
        await sessions.start(7, NOW + n * SECOND, method="oidc", issuer=ISSUER, subject="an")
        for n in range(MOST + 3)
    ]
    alive = [bool(await sessions.find(each.sid, NOW + IDLE / 2)) for each in all_of_them]
    assert alive == [False] * 3 + [True] * MOST
    assert [await valkey.zcard(name) async for name in valkey.scan_iter("sessions:*")] == [MOST, MOST]


async def test_sessions_that_ran_out_are_not_counted_and_not_named_for_ever(
    sessions: Sessions, valkey: "redis.asyncio.Redis[bytes]"
) -> None:
    desk = await sessions.start(7, NOW, method="link")
    for n in range(1, MOST + 5):
        gone = await sessions.start(7, NOW + n * SECOND, method="link")
        await valkey.delete(key(gone.sid))  # what running out by itself comes to
    assert await sessions.find(desk.sid, NOW + 2 * SECOND), "the oldest, and the only one alive"
    assert await valkey.zcard("sessions:person:7") <= MOST + 1
    await sessions.start(7, NOW + ABSOLUTE + timedelta(minutes=1), method="link")
    assert await valkey.zcard("sessions:person:7") == 1


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", None])
async def test_nobody_is_signed_in_while_valkey_is_away(url: str | None) -> None:
    client = None if url is None else redis.asyncio.from_url(url)
    sessions = Sessions.of(Settings(), client)
    for act in (
        sessions.find("x" * 43, NOW),
        sessions.start(7, NOW, method="link"),
        sessions.end("x" * 43),
        sessions.end_of_person(7),
        sessions.end_of_provider(ISSUER, subject="an"),
    ):
        with pytest.raises(SessionsAway):
            await act
    if client is not None:
        await client.aclose()


def test_the_lifetimes_are_those_of_the_settings() -> None:
    sessions = Sessions.of(Settings(session_idle_minutes=5, session_hours=2), None)
    assert (sessions.idle, sessions.absolute) == (timedelta(minutes=5), timedelta(hours=2))
