"""GraphQL over HTTP, after the GraphQL-over-HTTP specification: what is read, what is answered, when."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy.exc
import structlog
from graphql import OperationType
from litestar import Request, Response
from litestar.exceptions import ClientException

from vdept.kernel.clock import utc_now
from vdept.kernel.errors import Kind, Locale, Refused
from vdept_graphql import budget, scopes
from vdept_graphql.authentication import Authentication, HeldUp, Unauthenticated
from vdept_graphql.budget import Budget, OverBudget
from vdept_graphql.context import Context
from vdept_graphql.csrf import require_own_page, require_same_origin, require_token
from vdept_graphql.engine import Engine, RequestError
from vdept_graphql.errors import incident, internal_error, present, refused_body, unauthenticated
from vdept_graphql.failures import TOO_MANY_ATTEMPTS
from vdept_graphql.services import Services

log = structlog.get_logger("vdept.http")

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"

UNREACHABLE = (OSError, sqlalchemy.exc.TimeoutError, sqlalchemy.exc.InterfaceError)
"""The database cannot be reached, or all of its connections are taken for too long."""

UNAVAILABLE = {
    Locale.VI: "Hệ thống tạm thời chưa phục vụ được. Hãy thử lại sau vài giây.",
    Locale.EN: "The service cannot answer at the moment. Try again in a few seconds.",
}

STATUS = {Kind.INVALID: 400, Kind.FORBIDDEN: 403, Kind.NOT_FOUND: 404, Kind.CONFLICT: 409}


class GraphQLRequest(msgspec.Struct, rename="camel"):
    """The parameters of a request."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


_body = msgspec.json.Decoder(GraphQLRequest, float_hook=Decimal)
_object = msgspec.json.Decoder(dict[str, Any] | None, float_hook=Decimal)
_encode = msgspec.json.Encoder().encode


class Rejected(Exception):
    """A request that is not a GraphQL request: status, code, sentence."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def respond(
    body: dict[str, Any], status: int = 200, media: str = JSON, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return Response(
        _encode(body), status_code=status, media_type=f"{media}; charset=utf-8", headers=headers or {}
    )


def failed(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    """An error body in the form every GraphQL client understands."""
    return respond({"errors": [{"message": message, "extensions": {"code": code}}]}, status, headers=headers)


_RANGE = re.compile(r"\s*([\w*+./-]+)\s*(?:;[^,]*?q=([\d.]+))?[^,]*")


def accepted(header: str) -> dict[str, float]:
    """The ranges of an Accept or Accept-Language header with their weights."""
    found: dict[str, float] = {}
    for part in header.split(","):
        match = _RANGE.fullmatch(part)
        if match:
            try:
                found[match[1].lower()] = float(match[2] or 1)
            except ValueError:
                found[match[1].lower()] = 0.0
    return found


def media_of(accept: str | None) -> tuple[str, bool]:
    """The media type to answer with, and whether request errors keep status 200.

    The specification asks for 200 towards a client that names ``application/json`` and not the newer type;
    everyone else learns of a request error from the status as well.
    """
    weights = accepted(accept or "*/*")
    new, old = weights.get(RESPONSE_JSON, 0), weights.get(JSON, 0)
    if new and new >= old:
        return RESPONSE_JSON, False
    if old:
        return JSON, True
    if weights.get("*/*") or weights.get("application/*"):
        return JSON, False
    raise Rejected(406, "NOT_ACCEPTABLE", f"This address answers with {RESPONSE_JSON} or {JSON}.")


def locale_of(header: str | None) -> Locale | None:
    """The language a caller asks for; None if neither of ours is named."""
    best: tuple[float, Locale] | None = None
    for tag, weight in accepted(header or "").items():
        for locale in Locale:
            if tag.split("-")[0] == locale.value and weight > (best[0] if best else 0):
                best = (weight, locale)
    return best[1] if best else None


def require_json(content_type: str) -> None:
    """Rejected unless a body of this type is JSON in UTF-8."""
    kind, _, options = content_type.partition(";")
    charset = re.search(r"charset=\"?([\w-]+)", options)
    if kind.strip().lower() != JSON or (charset and charset[1].lower() not in {"utf-8", "utf8"}):
        raise Rejected(415, "UNSUPPORTED_MEDIA_TYPE", f"Send the body as {JSON} in UTF-8.")


def decode_body(body: bytes) -> GraphQLRequest:
    try:
        return _body.decode(body)
    except msgspec.ValidationError as error:
        if body.lstrip()[:1] == b"[":
            raise Rejected(400, "BATCHING_NOT_SUPPORTED", "Send one operation a request.") from None
        message = f"The body must be an object with `query` (string), `variables` (object): {error}."
        raise Rejected(400, "BAD_REQUEST", message) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(400, "MALFORMED_JSON", f"The body is not valid JSON: {error}.") from None


def _from_query(parameters: Any) -> GraphQLRequest:
    query = parameters.get("query")
    if not query:
        raise Rejected(
            400,
            "BAD_REQUEST",
            "Send a query: POST with a JSON body, or GET with ?query=…. There is no IDE at this address.",
        )
    try:
        return GraphQLRequest(
            query,
            _object.decode(parameters.get("variables") or "null"),
            parameters.get("operationName") or None,
            _object.decode(parameters.get("extensions") or "null"),
        )
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = f"`variables` and `extensions` must be JSON objects: {error}."
        raise Rejected(400, "MALFORMED_JSON", message) from None


TURNED_AWAY = (Unauthenticated, HeldUp, OverBudget, Refused)
"""A request that is not run at all, for a reason that its caller is told."""


def turned_away(error: Exception, locale: Locale) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, error and headers of the answer to one of :data:`TURNED_AWAY`."""
    match error:
        case Unauthenticated():
            return 401, unauthenticated(locale), {"WWW-Authenticate": error.challenge}
        case HeldUp():
            refused = TOO_MANY_ATTEMPTS.at(seconds=int(error.wait))
            return 429, refused_body(refused, locale), error.wait.headers
        case OverBudget():
            return 429, refused_body(error.refused, locale), error.headers
        case Refused():
            return STATUS[error.refusal.kind], refused_body(error, locale), {}
    raise error


@dataclass(slots=True)
class Exchange:
    """One request and what becomes of it."""

    request: Request[Any, Any, Any]
    context: Context
    named: Locale | None
    """The language that the request names, before the caller's own."""
    media: str = JSON
    old_client: bool = False
    """Reads the status 200 even where the request is refused."""
    headers: dict[str, str] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    """What the log will say."""
    unpaid: int = 0
    """Points of the body that are still to be spent."""

    def answer(
        self, body: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response[bytes]:
        return respond(body, status, self.media, {**self.headers, **(headers or {})})

    def refuse(
        self, error: dict[str, Any], status: int, headers: Mapping[str, str] | None = None
    ) -> Response[bytes]:
        """One refusal of the request as a whole."""
        self.seen["refused"] = error["extensions"]["code"]
        return self.answer({"errors": [error]}, status, headers)


class GraphQLOverHTTP:
    """Answers one HTTP request: who asks, what is asked, what came of it, and one line in the log."""

    def __init__(
        self, engine: Engine, services: Services, authentication: Authentication, budget: Budget
    ) -> None:
        self.engine = engine
        self.services = services
        self.authentication = authentication
        self.budget = budget

    async def __call__(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        started = time.perf_counter()
        named = locale_of(request.headers.get("accept-language"))
        context = Context(self.services.database, utc_now(), named or Locale.VI)
        context.sessions, context.services = self.authentication.sessions, self.services
        it = Exchange(request, context, named, seen={"method": request.method})
        try:
            response = await self._answer(it)
        except TURNED_AWAY as error:
            status, told, headers = turned_away(error, context.locale)
            response = it.refuse(told, status, headers)
        except Rejected as error:
            response = failed(error.status, error.code, error.message, {**it.headers, **error.headers})
        except ClientException as error:
            response = failed(*client_error(error))
        except UNREACHABLE as error:
            incident(error, actor=context.actor.key)
            response = failed(503, "UNAVAILABLE", UNAVAILABLE[context.locale], {"Retry-After": "2"})
        except Exception as error:  # noqa: BLE001  masked: nobody outside sees a stack trace
            body = internal_error(incident(error, actor=context.actor.key), context.locale)
            response = respond({"errors": [body]}, 500)
        finally:
            await context.close()
        it.seen |= {"status": response.status_code, "ms": round((time.perf_counter() - started) * 1000, 1)}
        log.info("graphql", actor=context.actor.key, **it.seen)
        return response

    async def _answer(self, it: Exchange) -> Response[bytes]:
        it.media, it.old_client = media_of(it.request.headers.get("accept"))
        asked = await self._read(it)
        if not self.engine.remembers(asked.query):
            await self._spend(it, budget.of_reading(asked.query))
        refused = 200 if it.old_client else 400
        context = it.context
        try:
            document = self.engine.document(asked.query)
            operation = self.engine.operation(document, asked.operation_name)
            self.engine.require_one_answer(operation)
            needed = self.engine.needs(document, operation)
            cost = self.engine.cost(document, asked.operation_name, asked.variables)
        except RequestError as error:
            await self._spend(it, budget.REFUSED)
            it.seen["refused"] = error.code
            return it.answer(
                {"errors": [one for e in error.errors for one in present(e, context, error.code)]}, refused
            )
        it.seen |= {
            "operation": operation.name.value if operation.name else None,
            "kind": operation.operation.value,
            "cost": cost,
        }
        await self._spend(it, cost + it.unpaid)
        try:
            scopes.require(context.actor, needed)
        except Refused as error:
            return it.refuse(
                refused_body(error, context.locale), 403, {"WWW-Authenticate": scopes.challenge(needed)}
            )
        if it.request.method == "GET" and operation.operation is not OperationType.QUERY:
            raise Rejected(405, "METHOD_NOT_ALLOWED", "Mutations are sent by POST.", {"Allow": "POST"})
        answer = await self.engine.run(document, asked.operation_name, asked.variables, context)
        body: dict[str, Any] = {"extensions": {"cost": cost}}
        if answer.errors:
            body["errors"] = [one for each in answer.errors for one in present(each, context)]
            it.seen["errors"] = sorted({one["extensions"]["code"] for one in body["errors"]})
        if answer.ran or answer.data is not None:
            return it.answer({"data": answer.data, **body})
        return it.answer(body, refused)

    async def _read(self, it: Exchange) -> GraphQLRequest:
        """The parameters, from the query string or the body; raises Rejected.

        A body is taken apart when it is known whose it is, and a large one when it is paid for: megabytes of
        JSON take seconds. It is here by then: nobody holds a connection while they are still sending.
        """
        request = it.request
        if request.method == "GET":
            asked = _from_query(request.query_params)
            await self._sign_in(it)
            return asked
        require_json(request.headers.get("content-type", ""))
        body = await request.body()
        await self._sign_in(it)
        it.unpaid = budget.of_body(len(body))
        if len(body) > budget.LARGE_BODY:
            await self._spend(it, it.unpaid)
            it.unpaid = 0
        try:
            return decode_body(body)
        except Rejected:
            await self._spend(it, budget.REFUSED)
            raise

    async def _sign_in(self, it: Exchange) -> None:
        """Find out who asks. A browser sends its cookie by itself: then our own page must have asked."""
        context = it.context
        async with context.database.glance(now=context.now) as tx:
            caller = await self.authentication.caller(it.request, tx)
        context.locale = it.named or caller.actor.locale
        if caller.session is not None and it.request.method == "GET":
            require_own_page(it.request)
        elif caller.session is not None:
            require_same_origin(it.request, self.services.settings.issuer)
            require_token(it.request, caller.session.csrf)
        context.actor = caller.actor

    async def _spend(self, it: Exchange, points: int) -> None:
        it.headers |= await self.budget.spend(it.context.actor, points)


def client_error(error: ClientException) -> tuple[int, str, str]:
    """Litestar's own refusals (body too large, no such address, wrong method) in our form."""
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}
    messages = {
        404: "There is nothing at this address. GraphQL is served at /graphql.",
        405: "This address does not take this method.",
        413: "The body is larger than this server accepts.",
    }
    status = error.status_code
    return status, codes.get(status, "BAD_REQUEST"), messages.get(status, error.detail or "Bad request.")
