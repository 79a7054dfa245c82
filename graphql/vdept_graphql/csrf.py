"""Requests that a browser sends with our cookie: only from our own pages, never from somebody else's.

A cookie goes along with whatever a page makes the browser send. SameSite=Lax keeps it from most of that; a
form post and a GraphQL call by cookie must in addition come from our own origin (``Sec-Fetch-Site`` and
``Origin``, which no page can forge), and a GraphQL call must bring the token of its session along.
"""

import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from litestar import Request

from vdept.kernel.errors import Kind, Refusal
from vdept.kernel.settings import LOOPBACK

HEADER = "X-CSRF-Token"
"""Where a caller by cookie sends the token of its session (``GET /session`` tells it)."""

# Not in the registry: it refuses a request, never a mutation, and is no part of its error enum.
CSRF_REFUSED = Refusal(
    "CSRF_REFUSED",
    Kind.FORBIDDEN,
    vi="Yêu cầu không đến từ trang của hệ thống này hoặc thiếu mã chống giả mạo. Hãy tải lại trang rồi thử "
    "lại.",
    en="The request did not come from a page of this platform, or lacks its anti-forgery token. Reload the "
    "page and try again.",
)

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port. The names of this machine are one host: people type any of them."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin | None:
    """The origin of an address; None for ``null`` and for what is no address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host:
        return None
    return Origin(
        parts.scheme,
        "localhost" if host in LOOPBACK else host,
        _PORTS[parts.scheme] if port is None else port,
    )


def same_origin(origins: Sequence[str], sites: Sequence[str], issuer: str) -> bool:
    """Whether the ``Origin`` and ``Sec-Fetch-Site`` headers of a request say that ``issuer``'s page sent it.

    An absent or ``null`` origin (a page that sends no referrer) needs the other header's word; a request with
    neither comes from no browser of today. A header given twice is somebody playing.
    """
    if len(origins) > 1 or len(sites) > 1:
        return False
    if sites and sites[0] != "same-origin":
        return False
    if not origins or origins[0] == "null":
        return bool(sites)
    origin = origin_of(origins[0])
    return origin is not None and origin == origin_of(issuer)


def require_same_origin(request: Request[Any, Any, Any], issuer: str) -> None:
    """Raise CSRF_REFUSED (Refused, answered with 403) unless one of our own pages sent the request."""
    headers = request.headers
    if not same_origin(headers.getall("origin", []), headers.getall("sec-fetch-site", []), issuer):
        raise CSRF_REFUSED.at()


def require_own_page(request: Request[Any, Any, Any]) -> None:
    """Raise CSRF_REFUSED if another site's page makes the browser ask, even if it only reads.

    What a page cannot read it could still measure, and it would spend the person's points. An address that
    somebody types is asked for by no page.
    """
    sites = request.headers.getall("sec-fetch-site", [])
    if len(sites) > 1 or (sites and sites[0] not in {"same-origin", "none"}):
        raise CSRF_REFUSED.at()


def require_visit(request: Request[Any, Any, Any]) -> None:
    """Raise CSRF_REFUSED for what a page loads as its picture, frame or script instead of being gone to."""
    if any(what != "document" for what in request.headers.getall("sec-fetch-dest", [])):
        raise CSRF_REFUSED.at()


def require_token(request: Request[Any, Any, Any], expected: str) -> None:
    """Raise CSRF_REFUSED unless the request brings its session's token; compared in constant time."""
    given = request.headers.getall(HEADER, [])
    if len(given) != 1 or not hmac.compare_digest(given[0].encode(), expected.encode()):
        raise CSRF_REFUSED.at()
