"""Headers that every answer carries, whoever made it: errors, addresses that do not exist, pages, JSON.

An answer that sets one of them itself keeps what it set. Nothing here or anywhere is built from the request's
``Host``: the platform knows its own address (``settings.issuer``), so a forged one changes nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from vdept.kernel.settings import Settings

NO_CONTENT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What is no page may not become one: nothing runs, loads or is framed."""

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
)

YEAR = 365 * 24 * 60 * 60

Hook = Callable[[Any, Any], Awaitable[None]]


def security_headers(settings: Settings) -> dict[str, str]:
    """The headers of an answer of ``settings.issuer``, in lower case, for what does not set its own."""
    headers = {
        "x-content-type-options": "nosniff",
        "content-security-policy": NO_CONTENT,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": PERMISSIONS,
        "cache-control": "no-store",
    }
    if settings.issuer.startswith("https://"):
        headers["strict-transport-security"] = f"max-age={YEAR}"
    return headers


def referrer_policy(content_type: bytes) -> bytes:
    """No address of ours is told to others. To ourselves our pages say where a form comes from: under
    ``no-referrer`` a browser would send it with ``Origin: null`` (Fetch, "append a request Origin header").
    """
    return b"same-origin" if content_type.startswith(b"text/html") else b"no-referrer"


def before_send(settings: Settings) -> Hook:
    """The hook that completes the headers of every answer."""
    usual = [(name.encode(), value.encode()) for name, value in security_headers(settings).items()]

    async def complete(message: Any, _scope: Any) -> None:
        if message["type"] != "http.response.start":
            return
        given = {name.lower(): value for name, value in message["headers"]}
        referrer = (b"referrer-policy", referrer_policy(given.get(b"content-type", b"")))
        missing = [(name, value) for name, value in (*usual, referrer) if name not in given]
        message["headers"] = [*message["headers"], *missing]

    return complete
