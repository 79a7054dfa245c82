"""What a client may be and who may say so. Pure: plain values and an actor in, a refusal or the answer out.

Redirect addresses and keys follow RFC 9700 (OAuth 2.0 Security Best Current Practice), section 2.1 and 4.1,
RFC 8252 (native apps), section 7, and RFC 7517 (JSON Web Key).
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from vdept.clients.errors import CLIENT_COMBINATION, CLIENT_SCOPE_EXCEEDED
from vdept.clients.models import ClientAuthentication
from vdept.kernel.actor import Actor, ActorKind, Role
from vdept.kernel.errors import Refused, Words, invalid
from vdept.kernel.scopes import Scope, implied, written

ACCESS_TOKEN = timedelta(minutes=10)
"""How long an access token lives."""
REFRESH_TOKEN = timedelta(days=30)
"""How long a refresh token waits for its one use; each use gives the next one as long again."""
AUTHORIZATION = timedelta(days=365)
"""When a person must be asked again, however often the tokens were refreshed."""
CODE = timedelta(minutes=1)
"""How long a code may be on its way through the browser."""

MAX_NAME = 100
MAX_REDIRECT_URIS = 10
MAX_URI = 500
MAX_CLIENTS = 50
"""Clients of one unit that are not revoked."""

REGISTRARS = frozenset({Role.HEAD, Role.COORDINATOR})
"""Who registers the clients of their unit."""


def may_manage(actor: Actor, unit_id: int) -> bool:
    """A client never registers or changes clients, whoever it acts for."""
    return actor.client_id is None and actor.has(unit_id, REGISTRARS)


def require_may_manage(actor: Actor, unit_id: int, *path: str) -> None:
    """Refuse unless ``actor`` may register, change and revoke clients of this unit."""
    actor.require(
        may_manage(actor, unit_id),
        Words(
            "người đứng đầu hoặc đầu mối của chính đơn vị đó, hoặc quản trị viên, tự đăng nhập",
            "the head or a coordinator of exactly that unit, or an administrator, in person",
        ),
        *path,
    )


def require_person(actor: Actor, *path: str) -> int:
    """The number of the person who is here themselves; consent is given by nobody else."""
    in_person = actor.kind is ActorKind.PERSON and actor.client_id is None and actor.person_id is not None
    actor.require(in_person, Words("chính người dùng tự đăng nhập", "a person who signed in"), *path)
    return int(actor.person_id or 0)


def clean_name(name: str, *path: str) -> str:
    """A name for people to recognise the client by; format characters could make it read as another."""
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(cleaned) <= MAX_NAME or not cleaned.isprintable():
        raise invalid(
            *path,
            vi=f"tên gồm 1–{MAX_NAME} ký tự, không có ký tự điều khiển",
            en=f"a name has 1–{MAX_NAME} characters and no control characters",
        )
    return cleaned


def clean_scopes(scopes: Iterable[Scope], *path: str) -> list[str]:
    """Scopes as they are stored: their names, each once, in a fixed order."""
    names = written(set(scopes)).split()
    if not names:
        raise invalid(*path, vi="cần ít nhất một phạm vi", en="give at least one scope")
    return names


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """What stored names let do; a name that the platform has given up lets do nothing."""
    return implied(Scope(name) for name in names if name in _SCOPES)


_SCOPES = frozenset(scope.value for scope in Scope)


def require_within(asked: Collection[Scope], registered: Iterable[str], *path: str) -> None:
    """Refuse scopes that go beyond what the client is registered for."""
    beyond = frozenset(asked) - known_scopes(registered)
    if beyond:
        raise CLIENT_SCOPE_EXCEEDED.at(*path, scopes=written(beyond))


def require_combination(
    authentication: ClientAuthentication,
    *,
    jwks: Mapping[str, Any] | None,
    machine: bool,
    redirect_uris: Collection[str],
) -> None:
    """Refuse what cannot work or must not be: keys nobody asks for, a machine without proof of itself, …"""
    private_key = authentication is ClientAuthentication.PRIVATE_KEY
    if private_key and jwks is None:
        raise _combination("jwks", "private_key_jwt cần khóa công khai", "private_key_jwt needs public keys")
    if jwks is not None and not private_key:
        raise _combination(
            "jwks", "chỉ private_key_jwt mới dùng khóa công khai", "only private_key_jwt has public keys"
        )
    if machine and authentication is ClientAuthentication.NONE:
        raise _combination(
            "machine",
            "ứng dụng không có gì chứng minh mình thì không thể hành động thay đơn vị",
            "a client that cannot prove who it is may not act for its unit",
        )
    if not machine and not redirect_uris:
        raise _combination(
            "redirectUris",
            "ứng dụng không hành động thay đơn vị thì cần địa chỉ chuyển hướng để xin phép người dùng",
            "a client that does not act for its unit needs a redirect URI, to ask people",
        )


def _combination(field: str, vi: str, en: str) -> Refused:
    return CLIENT_COMBINATION.at(field, reason_vi=vi, reason=en)


_TEXT = r"[A-Za-z0-9\-._~:/!$&'()+,;=%]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?"
_WEB = re.compile(
    rf"(https?)://({_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::([0-9]{{1,5}}))?"
    rf"((?:/(?:{_TEXT}|@)*)?(?:\?(?:{_TEXT}|[@?])*)?)"
)
_PRIVATE_USE = re.compile(rf"[a-z][a-z0-9\-]*(?:\.[a-z0-9\-]+)+:(?:{_TEXT}|\?)+")
LOOPBACK = frozenset({"127.0.0.1", "[::1]"})
"""Not ``localhost``: somebody else may decide where that name leads (RFC 8252, section 8.3)."""


def clean_redirect_uris(uris: Collection[str], *path: str) -> list[str]:
    """Redirect addresses as they were given, each once and fit to send a code to."""
    if len(uris) > MAX_REDIRECT_URIS:
        raise invalid(
            *path,
            vi=f"tối đa {MAX_REDIRECT_URIS} địa chỉ chuyển hướng",
            en=f"at most {MAX_REDIRECT_URIS} redirect URIs",
        )
    for position, uri in enumerate(uris):
        if not is_redirect_uri(uri):
            raise invalid(
                *path,
                position,
                vi="địa chỉ chuyển hướng có dạng https://…, http://127.0.0.1…, http://[::1]… hoặc lược đồ "
                "riêng như vn.gov.app:/…, không có #, * và tên đăng nhập",
                en="a redirect URI is https://…, http://127.0.0.1…, http://[::1]… or of a private-use scheme "
                "like vn.gov.app:/…, without #, * and user name",
            )
    return list(dict.fromkeys(uris))


def is_redirect_uri(uri: str) -> bool:
    """Whether a code may be sent there: no fragment, no wildcard, no user name, and nobody between."""
    if len(uri) > MAX_URI:
        return False
    web = _WEB.fullmatch(uri)
    if web is None:
        return _PRIVATE_USE.fullmatch(uri) is not None
    scheme, host, port, _ = web.groups()
    return (scheme == "https" or host in LOOPBACK) and int(port or 443) in range(1, 65_536)


def redirects_to(registered: Collection[str], asked: str) -> bool:
    """Whether ``asked`` is registered, letter by letter; a native app on loopback chooses its port.

    RFC 9700, section 2.1, and RFC 8252, section 7.3.
    """
    if asked in registered:
        return True
    anywhere = _without_port(asked) if is_redirect_uri(asked) else None
    return anywhere is not None and anywhere in {_without_port(uri) for uri in registered}


def _without_port(uri: str) -> tuple[str, str] | None:
    """Host and path of a loopback address; None for any other."""
    web = _WEB.fullmatch(uri)
    return (web[2], web[4]) if web is not None and web[1] == "http" and web[2] in LOOPBACK else None
