"""GraphQL over HTTP, after the GraphQL-over-HTTP specification: what is read, what is answered, when."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy.exc
import structlog
from graphql import OperationType
from litestar import Request, Response
from litestar.exceptions import ClientException

from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept_graphql.context import Context
from vdept_graphql.engine import Engine, RequestError
from vdept_graphql.errors import incident, internal_error, present, unauthenticated

log = structlog.get_logger("vdept.http")

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"

UNREACHABLE = (OSError, sqlalchemy.exc.TimeoutError, sqlalchemy.exc.InterfaceError)
"""The database cannot be reached, or all of its connections are taken for too long."""

UNAVAILABLE = {
    Locale.VI: "Hệ thống tạm thời chưa phục vụ được. Hãy thử lại sau vài giây.",
    Locale.EN: "The service cannot answer at the moment. Try again in a few seconds.",
}

Authenticate = Callable[[Any, str, Any], Awaitable[Actor | None]]


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


async def read_request(request: Request[Any, Any, Any]) -> GraphQLRequest:
    """The parameters, from the query string or the body; raises Rejected."""
    if request.method == "GET":
        return _from_query(request.query_params)
    kind, _, options = request.headers.get("content-type", "").partition(";")
    charset = re.search(r"charset=\"?([\w-]+)", options)
    if kind.strip().lower() != JSON or (charset and charset[1].lower() not in {"utf-8", "utf8"}):
        raise Rejected(415, "UNSUPPORTED_MEDIA_TYPE", f"Send the body as {JSON} in UTF-8.")
    return decode_body(await request.body())


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


def bearer(header: str | None) -> str | None:
    scheme, _, token = (header or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class GraphQLOverHTTP:
    """Answers one HTTP request: who asks, what is asked, what came of it, and one line in the log."""

    def __init__(self, engine: Engine, database: Database, authenticate: Authenticate) -> None:
        self.engine = engine
        self.database = database
        self.authenticate = authenticate

    async def __call__(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        started = time.perf_counter()
        named = locale_of(request.headers.get("accept-language"))
        context = Context(self.database, utc_now(), named or Locale.VI)
        seen: dict[str, Any] = {"method": request.method}
        try:
            response = await self._answer(request, context, named, seen)
        except Rejected as error:
            response = failed(error.status, error.code, error.message, error.headers)
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
        seen |= {"status": response.status_code, "ms": round((time.perf_counter() - started) * 1000, 1)}
        log.info("graphql", actor=context.actor.key, **seen)
        return response

    async def _answer(
        self, request: Request[Any, Any, Any], context: Context, named: Locale | None, seen: dict[str, Any]
    ) -> Response[bytes]:
        media, old_client = media_of(request.headers.get("accept"))
        asked = await read_request(request)
        if not await self._sign_in(context, request.headers.get("authorization"), named):
            return respond(
                {"errors": [unauthenticated(context.locale)]}, 401, media, {"WWW-Authenticate": "Bearer"}
            )
        refused = 200 if old_client else 400
        try:
            document = self.engine.document(asked.query)
            operation = self.engine.operation(document, asked.operation_name)
            cost = self.engine.cost(document, asked.operation_name, asked.variables)
        except RequestError as error:
            seen["refused"] = error.code
            errors = [one for each in error.errors for one in present(each, context, error.code)]
            return respond({"errors": errors}, refused, media)
        seen |= {
            "operation": operation.name.value if operation.name else None,
            "kind": operation.operation.value,
            "cost": cost,
        }
        if request.method == "GET" and operation.operation is not OperationType.QUERY:
            raise Rejected(405, "METHOD_NOT_ALLOWED", "Mutations are sent by POST.", {"Allow": "POST"})
        answer = await self.engine.run(document, asked.operation_name, asked.variables, context)
        body: dict[str, Any] = {"extensions": {"cost": cost}}
        if answer.errors:
            body["errors"] = [one for each in answer.errors for one in present(each, context)]
            seen["errors"] = sorted({one["extensions"]["code"] for one in body["errors"]})
        if answer.ran or answer.data is not None:
            return respond({"data": answer.data, **body}, 200, media)
        return respond(body, refused, media)

    async def _sign_in(self, context: Context, header: str | None, named: Locale | None) -> bool:
        token = bearer(header)
        if token is None:
            return False
        async with context.reading() as tx:
            actor = await self.authenticate(tx, token, context.now)
        if actor is None:
            return False
        context.act_as(actor)
        context.locale = named or actor.locale
        return True


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
