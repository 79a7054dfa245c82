"""Between Authlib and Litestar: requests as it reads them, clients as it asks, answers as it gives them."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from litestar import Response

from vdept.clients import rules
from vdept.clients.granting import granted
from vdept.clients.models import ApiClient, ClientAuthentication
from vdept.clients.proving import has_secret
from vdept.kernel.scopes import written

logging.getLogger("authlib").setLevel(logging.INFO)
"""Its debug lines show tokens as they are."""

CODE = "authorization_code"
REFRESH = "refresh_token"
MACHINE = "client_credentials"

OURS = frozenset({"WWW-Authenticate", "Retry-After"})
CHALLENGE = {"WWW-Authenticate": 'Basic realm="vdept", charset="UTF-8"'}


class Asked(OAuth2Request):
    """A request whose parameters were read and found single.

    ``url`` is made of the issuer and not of what came in: behind a proxy the latter says http, which Authlib
    refuses for anything but this machine itself.
    """

    def __init__(self, method: str, url: str, headers: Mapping[str, str], values: Mapping[str, str]) -> None:
        super().__init__(method, url, headers=headers)
        self.payload = BasicOAuth2Payload(dict(values))
        self.values = values

    @property
    def form(self) -> Mapping[str, str]:
        return self.values

    @property
    def args(self) -> Mapping[str, str]:
        return self.values


class Registered(ClientMixin):
    """A registered client, as Authlib's grants and endpoints ask about it."""

    def __init__(self, row: ApiClient) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_default_redirect_uri(self) -> None:
        """There is none: every request names its own."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        scopes = granted(scope or None, self.row.scopes)
        return None if scopes is None else written(scopes)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return rules.redirects_to(self.row.redirect_uris, redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        return has_secret(self.row, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002  the same at all
        return self.row.authentication.value == method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and bool(self.row.redirect_uris)

    def check_grant_type(self, grant_type: str) -> bool:
        if grant_type == MACHINE:
            return self.row.machine and self.row.authentication is not ClientAuthentication.NONE
        return grant_type in {CODE, REFRESH} and bool(self.row.redirect_uris)


class NotProven(InvalidClientError):
    """Who calls is not known: the same words for a client that does not exist and for a wrong proof."""

    def __init__(self, description: str = "The client is not known, or did not prove who it is.") -> None:
        super().__init__(description, status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        return [*OAuth2Error.get_headers(self), *CHALLENGE.items()]


class Answer:
    """What Authlib answers, on its way to HTTP; nothing of it is ever stored by a browser or proxy."""

    def __init__(self, status: int, body: Any, headers: Iterable[tuple[str, str]]) -> None:
        self.status = status
        self.body = body
        self.headers = dict(headers)

    @property
    def error(self) -> str | None:
        """The error code of RFC 6749, if it is an error."""
        return self.body.get("error") if isinstance(self.body, dict) else None

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")

    def response(self) -> Response[bytes]:
        kept = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        if self.location is not None:  # 303: whatever the request was, the browser goes on with GET
            return Response(b"", status_code=303, headers={**kept, "Location": self.location})
        kept |= {name: value for name, value in self.headers.items() if name in OURS}
        return Response(
            msgspec.json.encode(self.body),
            status_code=self.status,
            media_type="application/json",
            headers=kept,
        )


def with_parameter(url: str, name: str, value: str) -> str:
    """``url`` with one more parameter in its query."""
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), (name, value)]
    return parts._replace(query=urlencode(query)).geturl()
