"""The session cookie: one name, one set of attributes, for setting it and for clearing it alike."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from vdept.kernel.settings import Settings


def cookie_name(settings: Settings) -> str:
    """``__Host-``: the browser takes it from this very host over https only, never from a neighbour."""
    return "__Host-vdept" if _secure(settings) else "vdept"


def sid_of(request: ASGIConnection[Any, Any, Any, Any], settings: Settings) -> str | None:
    """The name of a session that the browser brings along, if any. Nothing is known of it yet."""
    return request.cookies.get(cookie_name(settings)) or None


def session_cookie(settings: Settings, sid: str) -> Cookie:
    """Without an age: the browser forgets it when it is closed, the server earlier."""
    return Cookie(
        key=cookie_name(settings),
        value=sid,
        path="/",
        secure=_secure(settings),
        httponly=True,
        samesite="lax",
    )


def ended_cookie(settings: Settings) -> Cookie:
    """Takes the session's name from the browser."""
    cookie = session_cookie(settings, "")
    cookie.max_age = 0
    return cookie


def _secure(settings: Settings) -> bool:
    return settings.issuer.startswith("https://")
