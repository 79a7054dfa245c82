"""``/editions/PLAN/…``: what was published, for everybody where the plan is public.

``…/NUMBER.json``, ``.csv``, ``.xlsx`` and ``.html``, ``…/NUMBER/manifest``, ``…/latest`` (also with a
suffix), and ``…`` itself, the list. An edition never changes: caches may keep it for ever. It
is sent part by part, each read in its own transaction: a slow reader holds no connection of the database.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from litestar import Request, Response, route
from litestar.params import FromPath
from litestar.response import Stream

from vdept.kernel.actor import NOBODY
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.publications import access, content, queries
from vdept.publications.models import Edition, EditionFormat
from vdept.publications.page import POLICY
from vdept.publications.publishing import ACTOR
from vdept.targets.models import Plan
from vdept_graphql import pages
from vdept_graphql.addresses import client_address
from vdept_graphql.authentication import Authentication, Caller, Unauthenticated
from vdept_graphql.budget import purse
from vdept_graphql.calendar_feed import matches
from vdept_graphql.http import failed, locale_of
from vdept_graphql.published.asked import SUFFIXES, Asked, asked_for
from vdept_graphql.services import Services

READS, PER = 120, timedelta(minutes=1)
"""How often one address, or one person or client, asks."""

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL takes for no text; no code of a plan holds it."""

LISTED = 200
FOR_EVER = "max-age=31536000, immutable"
A_WHILE = "max-age=300"
ASK_AGAIN = "private, no-cache"
"""Of a plan that is not public: whoever has lost sight of it does not read on from a browser's store."""

NOT_FOUND = "Không có ấn bản ở địa chỉ này. / There is no edition at this address."
TOO_MANY = "Đã hỏi quá nhiều lần. Hãy thử lại sau. / Asked too often. Try again later."
VARY = {"Vary": "Authorization, Cookie"}
MEDIA = {
    EditionFormat.JSON: "application/json; charset=utf-8",
    EditionFormat.CSV: "text/csv; charset=utf-8",
    EditionFormat.EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    EditionFormat.HTML: "text/html; charset=utf-8",
}


class Found(NamedTuple):
    """What was asked for and may be seen. ``size``: of the file as it is stored."""

    plan: Plan
    editions: list[Edition]
    size: int = 0
    sha256: str = ""


def address(issuer: str, plan_code: str, number: int, of: EditionFormat | None = None) -> str:
    """Where a file of an edition is read; without a format, its manifest."""
    suffix = "/manifest" if of is None else f".{SUFFIXES[of]}"
    return f"{issuer}/editions/{quote(plan_code, safe='')}/{number}{suffix}"


def routes(services: Services, authentication: Authentication) -> list[Any]:
    """The route handler of all editions."""

    @route("/editions/{rest:path}", http_method=["GET", "HEAD"], status_code=200)
    async def editions(request: Request[Any, Any, Any], rest: FromPath[Path]) -> Response[Any]:
        asked = asked_for(rest.as_posix())
        async with services.database.snapshot(NOBODY, now=utc_now()) as tx:
            caller = await _caller(authentication, request, tx)
            who = client_address(request, services.settings) if caller is None else purse(caller.actor)
            wait = await services.throttle.allow(f"editions:{who}", limit=READS, per=PER)
            if wait is not None:
                return failed(429, "TOO_MANY_REQUESTS", TOO_MANY, dict(wait.headers))
            if caller is not None:
                await tx.become(caller.actor)
            found = await _find(tx, asked)
        if found is None:
            return failed(404, "NOT_FOUND", NOT_FOUND)
        return _answer(services, request, asked, found)

    return [editions]


async def _caller(authentication: Authentication, request: Request[Any, Any, Any], tx: Any) -> Caller | None:
    """Who reads; nobody where nothing is shown, or only a session that has ended."""
    try:
        return await authentication.caller(request, tx)
    except Unauthenticated:
        if request.headers.getall("authorization", []):
            raise
        return None


async def _find(tx: Any, asked: Asked) -> Found | None:
    if _NO_TEXT.search(asked.plan_code):
        return None
    plan = await queries.published_plan(tx, asked.plan_code)
    if plan is None:
        return None
    if asked.listing:
        return Found(plan, await queries.last_editions(tx, plan.id, LISTED))
    edition = await queries.edition_of(tx, plan.id, asked.number)
    if edition is None:
        return None
    if asked.format is None or asked.number is None:
        return Found(plan, [edition])
    file = await queries.file_of(tx, edition.id, asked.format)
    return None if file is None else Found(plan, [edition], file.size, file.sha256.hex())


def _answer(services: Services, request: Request[Any, Any, Any], asked: Asked, found: Found) -> Response[Any]:
    public = access.is_public(found.plan)
    cached = {"Cache-Control": f"public, {FOR_EVER}"} if public else {"Cache-Control": ASK_AGAIN, **VARY}
    a_while = {"Cache-Control": f"public, {A_WHILE}"} if public else cached
    if asked.listing:
        return _list(request, found, a_while)
    edition, code = found.editions[0], found.plan.code
    if asked.number is None:
        where = address("", code, edition.number, asked.format)
        return Response(b"", status_code=302, headers={"Location": where, **a_while})
    tag = (
        f'"{found.sha256}"'
        if asked.format is not None
        else f'"{edition.manifest["files"]["JSON"]["sha256"]}-m"'
    )
    headers = {"ETag": tag, **cached}
    if matches(request.headers.getall("if-none-match", []), tag):
        return Response(b"", status_code=304, headers=headers)
    if asked.format is None:
        body = msgspec.json.encode({"manifest": edition.manifest, "signature": edition.signature})
        return Response(body, headers=headers, media_type=MEDIA[EditionFormat.JSON])
    before, after = _around(edition, asked.format)
    headers |= {
        "Content-Length": str(len(before) + found.size + len(after)),
        "Content-Disposition": _disposition(code, edition.number, asked.format),
    }
    if asked.format is EditionFormat.HTML:
        headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors 'none'"
    if request.method == "HEAD":
        return Stream(iter(()), headers=headers, media_type=MEDIA[asked.format])
    sent = _sent(services.database, edition.id, asked.format, before, after)
    return Stream(sent, headers=headers, media_type=MEDIA[asked.format])


def _around(edition: Edition, of: EditionFormat) -> tuple[bytes, bytes]:
    """A JSON file verifies by itself: manifest and signature come with it."""
    if of is not EditionFormat.JSON:
        return b"", b""
    signed = (msgspec.json.encode(edition.manifest), msgspec.json.encode(edition.signature))
    return b'{"content":', b',"manifest":%s,"signature":%s}\n' % signed


async def _sent(
    database: Database, edition_id: int, of: EditionFormat, before: bytes, after: bytes
) -> AsyncIterator[bytes]:
    if before:
        yield before
    number = 0
    while True:
        async with database.snapshot(ACTOR) as tx:
            part = await content.chunk(tx, edition_id, of, number)
        if part is None:
            break
        yield part
        number += 1
    if after:
        yield after


def _disposition(code: str, number: int, of: EditionFormat) -> str:
    """A page is shown, the rest is saved under a name of its own (RFC 6266)."""
    if of is EditionFormat.HTML:
        return "inline"
    name = re.sub(r"[/\\]", "-", f"{code}-{number}.{SUFFIXES[of]}")
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _list(request: Request[Any, Any, Any], found: Found, cached: Mapping[str, str]) -> Response[Any]:
    locale = locale_of(request.headers.get("accept-language")) or Locale.VI
    base = f"/editions/{quote(found.plan.code, safe='')}"
    body = pages.html(
        "editions", locale, plan=found.plan, editions=found.editions, base=base, suffixes=SUFFIXES
    )
    headers = {
        **cached,
        "Content-Security-Policy": pages.policy(),
        "Vary": "Accept-Language, Authorization, Cookie",
    }
    return Response(body.encode(), media_type=MEDIA[EditionFormat.HTML], headers=headers)
