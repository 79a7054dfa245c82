"""The page of somebody signed in: who they are, and which apps act for them."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from litestar import Request, Response, get, post

from vdept.clients.authorizing import revoke_authorization
from vdept.clients.queries import clients_by_ids, own_authorizations
from vdept.identity.rules import HOME
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import local_date
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.pages import PageRequest
from vdept.people.access import get_person
from vdept.units.queries import units_by_ids
from vdept_graphql.pages import render
from vdept_graphql.services import Services
from vdept_graphql.sign_in import oidc
from vdept_graphql.sign_in.forms import form_of_account
from vdept_graphql.sign_in.problems import reader
from vdept_graphql.sign_in.session import see_other, signed_in

ROLES = {
    Role.HEAD: Words("Người đứng đầu", "Head"),
    Role.DEPUTY: Words("Cấp phó", "Deputy"),
    Role.COORDINATOR: Words("Đầu mối", "Coordinator"),
    Role.MEMBER: Words("Thành viên", "Member"),
    Role.OBSERVER: Words("Quan sát", "Observer"),
}

SHOWN = 50
"""Apps on the page; who lets more act for them than that asks the API."""


class App(NamedTuple):
    """Something that acts for a person: what it is called, whose it is, since when."""

    id: int
    name: str
    unit: str
    since: str


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


async def apps_of(services: Services, actor: Actor) -> list[App]:
    """What a person lets act for them, the newest first; in three statements, however many there are."""
    async with services.database.snapshot(actor) as tx:
        held = (await own_authorizations(tx, PageRequest(first=SHOWN))).rows
        if not held:
            return []
        clients = await clients_by_ids(tx, {row.client_id for row in held})
        units = await units_by_ids(tx, {client.unit_id for client in clients.values()})
    return [
        App(row.id, client.name, units[client.unit_id].name, f"{local_date(row.created_at):%d/%m/%Y}")
        for row in held
        if (client := clients.get(row.client_id)) is not None
    ]


def routes(services: Services) -> list[Any]:
    """The route handlers of the account page."""

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
            apps=await apps_of(services, found.actor),
            **(await standing_of(services, found.actor))._asdict(),
        )

    @post("/account/apps/end", status_code=303)
    async def end_app(request: Request[Any, Any, Any]) -> Response[bytes]:
        """What an app was let do ends, with all its tokens."""
        fields, found = await form_of_account(services, request)
        if found is None:
            return see_other("/sign-in")
        given = fields.get("authorization", "")
        if not (given.isascii() and given.isdigit() and len(given) < 19):
            raise NOT_FOUND.at("authorization", what=Words("ủy quyền", "authorization"))
        async with services.database.begin(found.actor) as tx:
            await revoke_authorization(tx, int(given))
        return see_other(HOME)

    return [account, end_app]


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
