"""Sessions of people, in Valkey. Only this module knows how they are kept.

The name of a session (``sid``) is 256 random bits and stands in the person's cookie only: Valkey knows its
SHA-256. A session ends when idle (the key's time to live), for good after its absolute lifetime, at sign-out,
and when the identity provider says so. A sign-in always makes a new one (OWASP session management: a name
somebody planted before is worth nothing after).

``session:DIGEST`` holds one session; ``sessions:person:ID`` (by start), ``sessions:provider:DIGEST`` and
``sessions:subject:DIGEST`` name the sessions to end together, and expire with the last of them.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from redis.exceptions import RedisError

from vdept.kernel.settings import Settings

T = TypeVar("T")

MOST = 20
"""Sessions a person may have at once; a further sign-in ends the oldest."""

REFRESHED = timedelta(minutes=1)
"""How often at most the idle time starts anew: a busy session costs one write a minute."""


class SessionsAway(ConnectionError):
    """Valkey does not answer: nobody can be recognised or signed in until it does."""


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person signed in with one browser."""

    sid: str = ""
    """The name in the cookie; never stored, and empty in what the ``end…`` methods return."""
    person_id: int
    csrf: str
    """What forms and cookie callers of ``/graphql`` send along to prove that they read our pages."""
    method: str
    """How the person proved who they are: ``link`` or ``oidc``."""
    started_at: datetime
    seen_at: datetime
    issuer: str | None = None
    provider_sid: str | None = None
    """The provider's ``sid`` claim (OpenID Connect Back-Channel Logout 1.0, section 2.1)."""
    subject: str | None = None
    id_token: str | None = None
    """Handed back to the provider at sign-out as ``id_token_hint``."""

    def __repr__(self) -> str:
        """Without a secret: it may end up in a log."""
        return f"Session(person_id={self.person_id}, method={self.method!r}, started_at={self.started_at})"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Session).decode


class Sessions:
    """All sessions of the platform. Every method raises :class:`SessionsAway` when Valkey does not answer."""

    def __init__(self, redis: Any | None, *, idle: timedelta, absolute: timedelta) -> None:
        self._redis = redis
        self.idle = idle
        self.absolute = absolute

    @classmethod
    def of(cls, settings: Settings, redis: Any | None) -> "Sessions":
        """With the lifetimes that the settings give."""
        return cls(
            redis,
            idle=timedelta(minutes=settings.session_idle_minutes),
            absolute=timedelta(hours=settings.session_hours),
        )

    async def start(
        self,
        person_id: int,
        now: datetime,
        *,
        method: str,
        replacing: str | None = None,
        issuer: str | None = None,
        provider_sid: str | None = None,
        subject: str | None = None,
        id_token: str | None = None,
    ) -> Session:
        """A new session of somebody who has just proved who they are.

        ``replacing``: the name that the browser brought along, if any. It ends, whoever's it was.
        """
        if replacing:
            await self.end(replacing)
        session = Session(
            sid=secrets.token_urlsafe(32),
            person_id=person_id,
            csrf=secrets.token_urlsafe(32),
            method=method,
            started_at=now,
            seen_at=now,
            issuer=issuer,
            provider_sid=provider_sid,
            subject=subject,
            id_token=id_token,
        )
        name = _digest(session.sid)
        writing = self._client().pipeline(transaction=True)
        writing.set(_key(name), _stored(session), px=_ms(min(self.idle, self.absolute)))
        for index in _indexes(session):
            writing.zremrangebyscore(index, "-inf", (now - self.absolute).timestamp())
            writing.zadd(index, {name: now.timestamp()})
            writing.pexpire(index, _ms(self.absolute))
        await _answered(writing.execute())
        await self._keep_to_the_most(f"sessions:person:{person_id}")
        return session

    async def find(self, sid: str, now: datetime, *, renew: bool = True) -> Session | None:
        """The session of this name, its idle time begun anew; None if there is none any more.

        ``renew`` False: what its browser does by itself, such as staying connected, keeps no session alive.
        """
        client, name = self._client(), _digest(sid)
        found = await _answered(client.get(_key(name)))
        if found is None:
            return None
        session = msgspec.structs.replace(_decode(found), sid=sid)
        left = min(self.idle, session.started_at + self.absolute - now)
        if left <= timedelta(0) or now - session.seen_at >= self.idle:
            await self._end([name])
            return None
        if renew and now - session.seen_at >= min(REFRESHED, self.idle / 4):
            session = msgspec.structs.replace(session, seen_at=now)
            # Only over itself (XX): a session that ended since it was read must not come back.
            if not await _answered(client.set(_key(name), _stored(session), px=_ms(left), xx=True)):
                return None
        return session

    async def end(self, sid: str) -> Session | None:
        """End one session; returns it if it was still there."""
        return next(iter(await self._end([_digest(sid)])), None)

    async def end_of_person(self, person_id: int) -> list[Session]:
        """Sign a person out of everything; returns the sessions that ended."""
        return await self._end(await self._named(f"sessions:person:{person_id}"))

    async def end_of_provider(
        self, issuer: str, *, sid: str | None = None, subject: str | None = None
    ) -> list[Session]:
        """End what an identity provider ended: one session of its own (``sid``), or all of a subject.

        With both, only the provider's session if it is that subject's. ValueError without either.
        """
        if sid is not None:
            names = await self._named(_provider_index(issuer, sid))
        elif subject is not None:
            names = await self._named(_subject_index(issuer, subject))
        else:
            msg = "a provider ends a session, a subject, or both"
            raise ValueError(msg)
        if sid is not None and subject is not None and names:
            names &= await self._named(_subject_index(issuer, subject))
        return await self._end(names)

    async def _named(self, index: str) -> set[str]:
        return {name.decode() for name in await _answered(self._client().zrange(index, 0, -1))}

    async def _end(self, names: Iterable[str]) -> list[Session]:
        """End the sessions of these digests, and forget them wherever they are named."""
        names = sorted(names)
        if not names:
            return []
        taking = self._client().pipeline(transaction=True)
        for name in names:
            taking.getdel(_key(name))
        taken = zip(names, await _answered(taking.execute()), strict=True)
        ended = [(name, _decode(stored)) for name, stored in taken if stored is not None]
        if ended:
            forgetting = self._client().pipeline(transaction=False)
            for name, session in ended:
                for index in _indexes(session):
                    forgetting.zrem(index, name)
            await _answered(forgetting.execute())
        return [session for _, session in ended]

    async def _keep_to_the_most(self, index: str) -> None:
        """Drop names of sessions that ran out by themselves, then end the oldest above :data:`MOST`."""
        client = self._client()
        names = [name.decode() for name in await _answered(client.zrange(index, 0, -1))]
        if len(names) <= MOST:
            return
        asking = client.pipeline(transaction=False)
        for name in names:
            asking.exists(_key(name))
        there = await _answered(asking.execute())
        gone = [name for name, exists in zip(names, there, strict=True) if not exists]
        if gone:
            await _answered(client.zrem(index, *gone))
        alive = [name for name, exists in zip(names, there, strict=True) if exists]
        await self._end(alive[:-MOST])

    def _client(self) -> Any:
        if self._redis is None:
            msg = "no Valkey is connected"
            raise SessionsAway(msg)
        return self._redis


async def _answered(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except (RedisError, OSError) as error:
        raise SessionsAway(str(error)) from error


def _digest(sid: str) -> str:
    return hashlib.sha256(sid.encode("utf-8", "surrogatepass")).hexdigest()


def _key(name: str) -> str:
    return f"session:{name}"


def _stored(session: Session) -> bytes:
    return _encode(msgspec.structs.replace(session, sid=""))


def _indexes(session: Session) -> list[str]:
    indexes = [f"sessions:person:{session.person_id}"]
    if session.issuer is not None and session.provider_sid is not None:
        indexes.append(_provider_index(session.issuer, session.provider_sid))
    if session.issuer is not None and session.subject is not None:
        indexes.append(_subject_index(session.issuer, session.subject))
    return indexes


def _provider_index(issuer: str, sid: str) -> str:
    return f"sessions:provider:{_digest(msgspec.json.encode([issuer, sid]).decode())}"


def _subject_index(issuer: str, subject: str) -> str:
    return f"sessions:subject:{_digest(msgspec.json.encode([issuer, subject]).decode())}"


def _ms(span: timedelta) -> int:
    return max(1, span // timedelta(milliseconds=1))
