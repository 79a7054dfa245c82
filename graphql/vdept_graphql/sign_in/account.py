"""The page of somebody signed in, and signing out."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from litestar import Request, Response, get, post

from vdept.kernel.actor import Actor, Role
from vdept.kernel.errors import Words
from vdept.people.access import get_person
from vdept.units.queries import units_by_ids
from vdept_graphql.pages import render
from vdept_graphql.services import Services
from vdept_graphql.sign_in import oidc
from vdept_graphql.sign_in.forms import form_of, require_session_form
from vdept_graphql.sign_in.problems import reader
from vdept_graphql.sign_in.session import (
    SignedIn,
    end_session,
    record_signed_out,
    see_other,
    sessions_of,
    signed_in,
    signed_out,
)

ROLES = {
    Role.HEAD: Words("Người đứng đầu", "Head"),
    Role.DEPUTY: Words("Cấp phó", "Deputy"),
    Role.COORDINATOR: Words("Đầu mối", "Coordinator"),
    Role.MEMBER: Words("Thành viên", "Member"),
    Role.OBSERVER: Words("Quan sát", "Observer"),
}
GOODBYE = "/sign-in/signed-out"


class Standing(NamedTuple):
    """What is shown of a person: their name, and what they are where, today."""

    name: str
    email: str
    seats: list[tuple[str, Words]]


async def standing_of(services: Services, actor: Actor) -> Standing:
    """In two statements, however many roles there are."""
    async with services.database.snapshot(actor) as tx:
        person = await get_person(tx, actor.person_id or 0)
        units = await units_by_ids(tx, actor.unit_ids)
    seats = [(units[seat.unit_id].name, ROLES[seat.role]) for seat in actor.seats if seat.unit_id in units]
    return Standing(person.name, person.email, seats)


def routes(services: Services) -> list[Any]:
    """The route handlers of the account page and of signing out."""

    async def leaving(request: Request[Any, Any, Any]) -> SignedIn | None:
        """Whoever asks to sign out, by a form of their own account page."""
        fields = await form_of(request, services.settings.issuer)
        found = await signed_in(services, request)
        if found is not None:
            require_session_form(fields, found.session)
        return found

    @get("/account")
    async def account(request: Request[Any, Any, Any]) -> Response[bytes]:
        found = await signed_in(services, request)
        if found is None:
            return see_other("/sign-in")
        farewell = await oidc.farewell(services, found.session)
        return render(
            "account",
            reader(request),
            form_targets=() if farewell is None else (_origin(farewell),),
            csrf=found.session.csrf,
            administrator=found.actor.administrator,
            **(await standing_of(services, found.actor))._asdict(),
        )

    @post("/sign-out", status_code=303)
    async def sign_out(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Out of this browser; and at the provider, if it was one that signed the person in."""
        found = await leaving(request)
        if found is None:
            return signed_out(services, GOODBYE)
        farewell = await oidc.farewell(services, found.session)
        await end_session(services, found.session)
        return signed_out(services, farewell or GOODBYE)

    @post("/sign-out/everywhere", status_code=303)
    async def sign_out_everywhere(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Out of every browser, this one included."""
        found = await leaving(request)
        if found is None:
            return signed_out(services, GOODBYE)
        farewell = await oidc.farewell(services, found.session)
        ended = await sessions_of(services).end_of_person(found.session.person_id)
        await record_signed_out(services, found.session.person_id, len(ended))
        return signed_out(services, farewell or GOODBYE)

    @get(GOODBYE)
    async def goodbye(request: Request[Any, Any, Any]) -> Response[bytes]:
        return render("signed_out", reader(request))

    return [account, sign_out, sign_out_everywhere, goodbye]


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
