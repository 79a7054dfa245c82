"""A person lets a client act for them, or does not (RFC 6749, section 4.1; RFC 9207; RFC 9700).

Client and redirect address are looked at before everything else: what is wrong with them is said on a page
here and sent nowhere. Every request is asked about anew, whatever was allowed before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InsecureTransportError, InvalidRequestError
from litestar import Request, Response, Router, get, post

from vdept.clients import rules
from vdept.clients.authorizing import authorize
from vdept.clients.models import ApiClient
from vdept.kernel.db import Tx
from vdept.kernel.errors import Words
from vdept.kernel.scopes import implied, parse
from vdept.people.access import get_person
from vdept.units.access import get_unit
from vdept_graphql.http import locale_of
from vdept_graphql.oauth import forms, words
from vdept_graphql.oauth.platform import SYSTEM, Platform, log, security
from vdept_graphql.oauth.protocol import Answer, Asked
from vdept_graphql.oauth.server import Server
from vdept_graphql.pages import render
from vdept_graphql.sign_in.forms import form_of, require_session_form
from vdept_graphql.sign_in.problems import on_exception, problem, reader
from vdept_graphql.sign_in.session import see_other, signed_in

CARRIED = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)
"""What a form takes along from the request to the decision; all of it is looked at again."""


class NoWayBack(Exception):
    """There is no address to which the client may be answered: the person is told instead."""

    def __init__(self, said: Words) -> None:
        super().__init__(said.en)
        self.said = said


class Wish(NamedTuple):
    """A sound request: the client that asks, what it asks, and Authlib's grant to answer it with."""

    client: ApiClient
    asked: Asked
    grant: Any

    @property
    def form(self) -> dict[str, str]:
        """What the page sends along; the scopes are those that it shows, whatever becomes of the client."""
        carried = {name: self.asked.values[name] for name in CARRIED if name in self.asked.values}
        return carried | {"scope": str(self.asked.scope)}


def wish_of(server: Server, parameters: forms.Parameters) -> Wish | Answer:
    """What a client wants of a person, or the error that goes back to it; raises NoWayBack."""
    values = parameters.values
    client = server.query_client(values.get("client_id", ""))
    if client is None:
        raise NoWayBack(words.UNKNOWN_CLIENT)
    redirect_uri = values.get("redirect_uri")
    if redirect_uri is None or not client.check_redirect_uri(redirect_uri):
        raise NoWayBack(words.WRONG_ADDRESS)
    asked = Asked("GET", server.addresses.authorize, {}, values)
    try:
        _require_code(parameters)
        return Wish(client.row, asked, server.get_consent_grant(asked))
    except OAuth2Error as error:
        return refused(server, asked, error)


def _require_code(parameters: forms.Parameters) -> None:
    """What Authlib would not refuse, or would refuse by repeating what was sent, whatever it was."""
    values = parameters.require_single()
    if "response_type" not in values:
        raise InvalidRequestError("Missing 'response_type' in request.")
    if values["response_type"] != "code":
        raise OAuth2Error("The only response type is code.", error="unsupported_response_type")
    if values.get("response_mode", "query") != "query":
        raise InvalidRequestError("The only response mode is query.")
    prompts = values.get("prompt", "").split(" ")
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequestError("prompt=none goes with no other prompt.")


def refused(server: Server, asked: Asked, error: OAuth2Error) -> Answer:
    """An error that the client learns through the browser, at the address it has asked for."""
    error.redirect_uri = asked.values["redirect_uri"]
    error.state = asked.values.get("state")
    answer: Answer = server.handle_error_response(asked, error)
    return answer


def form_target(redirect_uri: str) -> str:
    """Where the answer to our form may lead, as a source of a Content-Security-Policy.

    Such a source cannot name an IPv6 address: then it is everything under the scheme.
    """
    parts = urlsplit(redirect_uri)
    web = parts.scheme in {"https", "http"} and not parts.netloc.startswith("[")
    return f"{parts.scheme}://{parts.netloc}" if web else f"{parts.scheme}:"


def routes(platform: Platform) -> list[Any]:
    """The page on which a person decides, and their decision."""

    async def look(tx: Tx, parameters: forms.Parameters) -> Wish | Answer:
        server = Server(tx, platform.addresses, platform.keyring)
        return await tx.session.run_sync(lambda _: wish_of(server, parameters))

    @get("/oauth/authorize")
    async def ask(request: Request[Any, Any, Any]) -> Response[bytes]:
        parameters = parameters_of(request)
        found = await signed_in(platform.services, request)
        async with platform.database.snapshot(SYSTEM) as tx:
            wish = await look(tx, parameters)
            if isinstance(wish, Wish) and wish.asked.values.get("prompt") == "none":
                code = "consent_required" if found else "login_required"
                wish = refused(wish.grant.server, wish.asked, OAuth2Error(error=code))
            if isinstance(wish, Answer):
                return wish.response()
            unit = await get_unit(tx, wish.client.unit_id)
            person = await get_person(tx, found.session.person_id) if found else None
        if found is None or person is None:
            query = urlencode(dict(parameters.values), quote_via=quote)
            return see_other(f"/sign-in?{urlencode({'next': f'/oauth/authorize?{query}'}, quote_via=quote)}")
        may = implied(parse(wish.form["scope"]) or ())
        redirect_uri = wish.form["redirect_uri"]
        return render(
            "consent",
            locale_of(request.headers.get("accept-language")) or found.actor.locale,
            form_targets=(form_target(redirect_uri),),
            client=wish.client.name,
            unit=unit.name,
            abilities=[said for scope, said in words.ABILITIES.items() if scope in may],
            name=person.name,
            email=person.email,
            where=urlsplit(redirect_uri).netloc or urlsplit(redirect_uri).scheme,
            days=rules.AUTHORIZATION.days,
            csrf=found.session.csrf,
            form=wish.form,
        )

    @post("/oauth/authorize", status_code=303, request_max_body_size=forms.MAX_BODY)
    async def decide(request: Request[Any, Any, Any]) -> Response[bytes]:
        fields = await form_of(request, platform.settings.issuer)
        found = await signed_in(platform.services, request)
        if found is None:
            return see_other("/sign-in")
        require_session_form(fields, found.session)
        decision = fields.get("decision")
        if decision not in {"allow", "deny"}:
            return problem(reader(request), 400, words.NO_WAY_BACK, words.UNDECIDED)
        parameters = readable(lambda: forms.checked([(n, fields[n]) for n in CARRIED if n in fields]))
        async with platform.database.begin(found.actor) as tx:
            wish = await look(tx, parameters)
            if isinstance(wish, Wish):
                wish = await answer(tx, wish, allowed=decision == "allow")
            return wish.response()

    async def answer(tx: Tx, wish: Wish, *, allowed: bool) -> Answer:
        """A code for the client, or its refusal; the consent stands in the log with the code's making."""
        let = await authorize(tx, wish.client, parse(wish.form["scope"]) or ()) if allowed else None
        server: Server = wish.grant.server
        given: Answer = await tx.session.run_sync(
            lambda _: server.create_authorization_response(wish.asked, grant_user=let, grant=wish.grant)
        )
        person = tx.actor.person_id
        log.info("consent", client=wish.client.client_id, person=person, allowed=allowed)
        return given

    return [Router("/", route_handlers=[ask, decide], exception_handlers={Exception: on_page_exception})]


def parameters_of(request: Request[Any, Any, Any]) -> forms.Parameters:
    """The parameters of the address; raises NoWayBack for what is none, or longer than what survives."""
    encoded: bytes = request.scope["query_string"]
    if len(encoded) > forms.MAX_QUERY:
        raise NoWayBack(words.UNREADABLE)
    return readable(lambda: forms.read(encoded))


def readable(read: Callable[[], forms.Parameters]) -> forms.Parameters:
    """What ``read`` gives; NoWayBack where it gives up: nothing in it can be believed."""
    try:
        return read()
    except InvalidRequestError:
        raise NoWayBack(words.UNREADABLE) from None


def on_page_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Whatever escapes, as a page."""
    if isinstance(error, InsecureTransportError):
        error = NoWayBack(words.NOT_SECURE)
    if isinstance(error, NoWayBack):
        security.warning("authorization request refused", reason=error.said.en)
        return problem(reader(request), 400, words.NO_WAY_BACK, error.said)
    return on_exception(request, error)
