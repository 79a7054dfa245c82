"""Sign-ins that are under way at a provider: what must be the same when the browser comes back.

Kept in Valkey for ten minutes under the SHA-256 of ``state``, and taken once. A cookie binds it to the
browser that began, so that nobody can make another browser finish it (RFC 9700, section 4.7).
"""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from litestar import Request
from litestar.datastructures import Cookie
from redis.exceptions import RedisError

from vdept.identity.sessions import SessionsAway
from vdept.kernel.settings import Settings

LASTS = timedelta(minutes=10)
LONGEST_STATE = 100


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in under way."""

    provider: str
    """The provider's key: no other provider can finish it (mix-up, RFC 9700, section 4.4)."""
    nonce: str
    """Comes back inside the ID token: a code of another sign-in does not fit."""
    verifier: str
    """PKCE (RFC 7636)."""
    browser: str
    """SHA-256 of what is in the cookie."""
    next: str


class Begun(NamedTuple):
    """A sign-in that has just begun, with what only the browser carries."""

    pending: Pending
    state: str
    cookie: Cookie


async def begin(redis: Any | None, settings: Settings, provider: str, next: str) -> Begun:
    """Begin; a browser has one under way, the newest. Raises SessionsAway."""
    state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    pending = Pending(
        provider=provider,
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        browser=_digest(browser),
        next=next,
    )
    kept = msgspec.json.encode(pending)
    await _asked(redis, "set", _key(state), kept, px=LASTS // timedelta(milliseconds=1))
    return Begun(pending, state, _cookie(settings, browser, LASTS))


async def take(
    redis: Any | None, settings: Settings, request: Request[Any, Any, Any], provider: str, state: str
) -> Pending | None:
    """The sign-in of this state, once, if this browser began it with this provider. Raises SessionsAway."""
    if not 0 < len(state) <= LONGEST_STATE:
        return None
    kept = await _asked(redis, "getdel", _key(state))
    if kept is None:
        return None
    pending = msgspec.json.decode(kept, type=Pending)
    browser = _digest(request.cookies.get(_name(settings), ""))
    ours = hmac.compare_digest(browser, pending.browser) and pending.provider == provider
    return pending if ours else None


def ended(settings: Settings) -> Cookie:
    """Takes the binding from the browser."""
    return _cookie(settings, "", timedelta(0))


async def was_taken(redis: Any | None, issuer: str, jti: str) -> bool:
    """Whether this logout token was taken before. Raises SessionsAway."""
    return bool(await _asked(redis, "exists", _logout(issuer, jti)))


async def first_time(redis: Any | None, issuer: str, jti: str, lasts: timedelta) -> bool:
    """Take this logout token: whether that is for the first time within ``lasts``. Raises SessionsAway."""
    options = {"px": lasts // timedelta(milliseconds=1), "nx": True}
    return bool(await _asked(redis, "set", _logout(issuer, jti), b"1", **options))


def _logout(issuer: str, jti: str) -> str:
    return f"sign-in:logout:{_digest(msgspec.json.encode([issuer, jti]).decode())}"


async def _asked(redis: Any | None, command: str, *arguments: Any, **options: Any) -> Any:
    if redis is None:
        raise SessionsAway("no Valkey is connected")
    try:
        return await getattr(redis, command)(*arguments, **options)
    except (RedisError, OSError) as error:
        raise SessionsAway(str(error)) from error


def _cookie(settings: Settings, value: str, lasts: timedelta) -> Cookie:
    return Cookie(
        key=_name(settings),
        value=value,
        path="/",
        max_age=int(lasts.total_seconds()),
        secure=settings.issuer.startswith("https://"),
        httponly=True,
        samesite="lax",  # the provider sends the browser back from its own site
    )


def _name(settings: Settings) -> str:
    return "__Host-vdept-sign-in" if settings.issuer.startswith("https://") else "vdept-sign-in"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _key(state: str) -> str:
    return f"sign-in:oidc:{_digest(state)}"
