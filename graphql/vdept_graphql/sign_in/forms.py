"""Reading the small forms of our pages."""

import hmac
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.exceptions import ClientException

from vdept.identity.sessions import Session
from vdept_graphql.csrf import CSRF_REFUSED, require_same_origin
from vdept_graphql.services import Services
from vdept_graphql.sign_in.session import SignedIn, signed_in

LARGEST = 16_000
"""Bytes of a form; the longest holds an address of ours to go on to."""


async def form_of(request: Request[Any, Any, Any], issuer: str) -> dict[str, str]:
    """The fields of a form that one of our own pages sent.

    Raises CSRF_REFUSED for a form of somebody else's page, ClientException (400) for what is no form, and for
    a field given twice: two readers could take it in two ways.
    """
    require_same_origin(request, issuer)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise ClientException(status_code=415)
    body = await request.body()
    if len(body) > LARGEST:
        raise ClientException(status_code=413)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=20,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise ClientException(status_code=400) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ClientException(status_code=400)
    return fields


def require_session_form(fields: dict[str, str], session: Session) -> None:
    """Raise CSRF_REFUSED unless the form carries the token of its session; compared in constant time."""
    if not hmac.compare_digest(fields.get("csrf", "").encode(), session.csrf.encode()):
        raise CSRF_REFUSED.at()


async def form_of_account(
    services: Services, request: Request[Any, Any, Any]
) -> tuple[dict[str, str], SignedIn | None]:
    """A form of somebody's own account page, and who that is; None if they are not signed in any more."""
    fields = await form_of(request, services.settings.issuer)
    found = await signed_in(services, request)
    if found is not None:
        require_session_form(fields, found.session)
    return fields, found
