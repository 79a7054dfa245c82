"""Who a browser is signed in as, and the two ends of that: starting a session and ending it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from litestar import Request, Response

from vdept.identity.errors import PERSON_NOT_ACTIVE
from vdept.identity.rules import safe_next
from vdept.identity.sessions import Session, Sessions
from vdept.kernel.actor import Actor, system
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Tx
from vdept.people.access import get_person
from vdept.people.tokens import actor_of_person
from vdept_graphql.addresses import client_address
from vdept_graphql.cookies import ended_cookie, session_cookie, sid_of
from vdept_graphql.services import Services

security = structlog.get_logger("vdept.security")
SYSTEM = system("sign-in")


class SignedIn(NamedTuple):
    """A browser that is signed in: its session, and the actor that its person is at this moment."""

    session: Session
    actor: Actor


def address_of(request: Request[Any, Any, Any]) -> str:
    """The address of the network that a request comes from."""
    return client_address(request, request.route_handler.opt["settings"])


def sessions_of(services: Services) -> Sessions:
    return Sessions.of(services.settings, services.redis)


async def actor_today(services: Services, person_id: int, now: datetime) -> Actor | None:
    """The actor that an active person is at ``now``; None for everybody else."""
    async with services.database.snapshot(SYSTEM, now=now) as tx:
        return await actor_of_person(tx, person_id)


async def name_of(services: Services, actor: Actor) -> str:
    """What somebody signed in is called."""
    async with services.database.snapshot(actor) as tx:
        return (await get_person(tx, actor.person_id or 0)).name


async def signed_in(services: Services, request: Request[Any, Any, Any]) -> SignedIn | None:
    """Who sends this request by the session cookie, if anybody. Raises SessionsAway."""
    sid = sid_of(request, services.settings)
    if sid is None:
        return None
    now, sessions = utc_now(), sessions_of(services)
    session = await sessions.find(sid, now)
    if session is None:
        return None
    actor = await actor_today(services, session.person_id, now)
    if actor is None:
        await sessions.end(sid)
        return None
    return SignedIn(session, actor)


async def start_session(
    services: Services,
    request: Request[Any, Any, Any],
    person_id: int,
    *,
    method: str,
    next: str | None,
    prove: Callable[[Tx], Awaitable[None]] | None = None,
    **provider: str | None,
) -> Response[bytes]:
    """Sign a person in who has just proved who they are, and lead on to ``next``.

    ``prove``: what must stand or fall with it (a link is used up, or nobody is signed in). ``provider``: what
    :meth:`Sessions.start` keeps of an identity provider. Raises PERSON_NOT_ACTIVE, and SessionsAway with
    nothing changed.
    """
    now = utc_now()
    actor = await actor_today(services, person_id, now)
    if actor is None:
        raise PERSON_NOT_ACTIVE.at()
    async with services.database.begin(actor, now=now) as tx:
        if prove is not None:
            await prove(tx)
        tx.record("person.signed_in", "Person", person_id, data={"method": method})
        session = await sessions_of(services).start(
            person_id, now, method=method, replacing=sid_of(request, services.settings), **provider
        )
    return see_other(safe_next(next), session_cookie(services.settings, session.sid))


async def end_session(services: Services, session: Session) -> None:
    """Sign one browser out, and say so in the log."""
    if await sessions_of(services).end(session.sid) is None:
        return
    await record_signed_out(services, session.person_id, 1)


async def record_signed_out(services: Services, person_id: int, sessions: int, *, by: str = "person") -> None:
    """``by``: who asked for it, the ``person`` or the ``provider``."""
    actor = await actor_today(services, person_id, utc_now()) or SYSTEM
    async with services.database.begin(actor if by == "person" else SYSTEM) as tx:
        tx.record("person.signed_out", "Person", person_id, data={"sessions": sessions, "by": by})


def see_other(where: str, *cookies: Any) -> Response[bytes]:
    """Go on to ``where`` by GET, whatever the request was; nothing of this answer is kept."""
    return Response(
        b"", status_code=303, headers={"Location": where, "Cache-Control": "no-store"}, cookies=list(cookies)
    )


def signed_out(services: Services, where: str) -> Response[bytes]:
    """Go on to ``where`` without a session; what the browser keeps of this origin's pages is forgotten."""
    return see_other(where, ended_cookie(services.settings))
