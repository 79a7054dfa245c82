"""``/calendar/TOKEN.ics``: due dates for the calendar that people look at anyway.

Whoever knows the address reads it, without signing in. One that is not good answers the same whatever it
lacks (never made, revoked, its person gone or out of the unit), and guessing is slowed as it is for tokens.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from litestar import Request, Response, route
from litestar.params import FromPath

from vdept.feeds import reading, rendering
from vdept.kernel.clock import utc_now
from vdept_graphql.addresses import client_address
from vdept_graphql.failures import Credential, CredentialKind, Failures
from vdept_graphql.services import Services
from vdept_graphql.throttle import Wait

SUFFIX = ".ics"
LONGEST = 100
READS, PER = 60, timedelta(minutes=10)
"""How often one feed is read: calendars ask every quarter of an hour at most, of every device of somebody."""

AT_ONCE = 2
"""Feeds that one process writes down at a time; the largest takes seconds."""

CACHE = {"Cache-Control": "private, max-age=300", "Vary": "Accept-Encoding", "X-Robots-Tag": "noindex"}
NOT_FOUND = "Không có lịch ở địa chỉ này.\nThere is no calendar at this address.\n"
TOO_MANY = "Đã hỏi quá nhiều lần. Hãy thử lại sau.\nAsked too often. Try again later.\n"


def address(issuer: str, token: str) -> str:
    """Where the feed of ``token`` is read."""
    return f"{issuer}/calendar/{token}{SUFFIX}"


def routes(services: Services, failures: Failures) -> list[Any]:
    """The route handler of all feeds."""
    writing = asyncio.Semaphore(AT_ONCE)

    @route("/calendar/{name:str}", http_method=["GET", "HEAD"], status_code=200)
    async def calendar(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        where = client_address(request, services.settings)
        shown = Credential(CredentialKind.FEED, name.removesuffix(SUFFIX))
        if wait := await failures.held_up(where, shown):
            return _too_many(wait)
        now, agenda = utc_now(), None
        async with services.database.snapshot(reading.ACTOR, now=now) as tx:
            good = name.endswith(SUFFIX) and len(name) <= LONGEST
            found = await reading.find_feed(tx, shown.value) if good else None
            if found is not None:
                wait = await services.throttle.allow(f"calendar-feed:{found.id}", limit=READS, per=PER)
                if wait is not None:
                    return _too_many(wait)
                agenda = await reading.read_feed(tx, found)
        if found is None or agenda is None:
            await failures.failed(where, shown)
            return _plain(NOT_FOUND, 404)
        failures.succeeded(shown)
        await reading.note_reading(services.database, found, now)
        issuer = services.settings.issuer
        tag = rendering.etag(agenda, issuer)
        headers = {**CACHE, "ETag": tag}
        if matches(request.headers.getall("if-none-match", []), tag):
            return Response(b"", status_code=304, headers=headers, media_type=rendering.CONTENT_TYPE)
        async with writing:
            written = await asyncio.to_thread(rendering.render, agenda, issuer)
        return Response(written, headers=headers, media_type=rendering.CONTENT_TYPE)

    return [calendar]


def matches(lines: Sequence[str], tag: str) -> bool:
    """Whether ``If-None-Match`` names this version (RFC 9110, section 13.1.2: weakly compared)."""
    named = [one.strip().removeprefix("W/") for line in lines for one in line.split(",")]
    return tag in named or "*" in named


def _too_many(wait: Wait) -> Response[bytes]:
    return _plain(TOO_MANY, 429, wait.headers)


def _plain(text: str, status: int, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(text.encode(), status_code=status, headers=headers or {}, media_type="text/plain")
