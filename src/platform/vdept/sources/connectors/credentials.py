"""What a source wants to be shown: sealed, and bound to the source and the host that it was given for.

Whoever may change a connector's address must not get at what somebody else entered: with another host the
credentials are asked for anew, and what was sealed for one source or host opens for no other.
"""

import base64
import re
from typing import TypeAlias

import msgspec

from vdept.kernel.errors import Refused
from vdept.kernel.vault import Vault, VaultError
from vdept.sources.connectors.errors import CONNECTOR_CREDENTIALS
from vdept.sources.models import ConnectorKind

MAX_SECRET = 4_000

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_NOT_THEIRS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
    | {"accept-encoding", "if-none-match", "proxy-authorization", "proxy-connection", "keep-alive", "range"}
)
"""Headers that say how we talk and not who we are."""


class Bearer(msgspec.Struct, frozen=True, tag="bearer"):
    token: str

    def __repr__(self) -> str:
        return "Bearer(…)"


class Basic(msgspec.Struct, frozen=True, tag="basic"):
    user: str
    password: str

    def __repr__(self) -> str:
        return "Basic(…)"


class Header(msgspec.Struct, frozen=True, tag="header"):
    name: str
    value: str

    def __repr__(self) -> str:
        return "Header(…)"


class Password(msgspec.Struct, frozen=True, tag="password"):
    """Of the database's user."""

    password: str

    def __repr__(self) -> str:
        return "Password(…)"


Credentials: TypeAlias = Bearer | Basic | Header | Password


class _Sealed(msgspec.Struct):
    source_id: int
    where: str
    credentials: Credentials


def checked(kind: ConnectorKind, credentials: Credentials | None) -> Credentials | None:
    """The credentials if this kind of connector can show them."""
    database = kind is ConnectorKind.POSTGRESQL
    if database and credentials is None:
        raise _refused("cơ sở dữ liệu cần mật khẩu", "a database needs a password")
    if credentials is None:
        return None
    if database is not isinstance(credentials, Password):
        raise _refused(
            "password dành cho cơ sở dữ liệu; bearer, basic, header dành cho HTTP",
            "a password is for databases; bearer, basic and header are for HTTP",
        )
    for name in credentials.__struct_fields__:
        value = getattr(credentials, name)
        if not 1 <= len(value) <= MAX_SECRET or "\0" in value:
            raise _refused(
                f"mỗi giá trị dài 1–{MAX_SECRET} ký tự", f"each value has 1 to {MAX_SECRET} characters"
            )
    if isinstance(credentials, Basic) and ":" in credentials.user:
        raise _refused("tên đăng nhập không được có dấu hai chấm", "a user name has no colon")
    if isinstance(credentials, Header) and (
        not _TOKEN.fullmatch(credentials.name) or credentials.name.lower() in _NOT_THEIRS
    ):
        raise _refused("tên tiêu đề này không dùng được", "this header cannot be sent")
    for text in headers_of(credentials).values():
        if not text.isascii() or not text.isprintable() or text != text.strip():
            raise _refused("chỉ gồm ký tự ASCII in được", "printable ASCII characters only")
    return credentials


def headers_of(credentials: Credentials | None) -> dict[str, str]:
    """The request's headers that show them."""
    match credentials:
        case Bearer(token):
            return {"authorization": f"Bearer {token}"}
        case Basic(user, password):
            return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
        case Header(name, value):
            return {name.lower(): value}
        case _:
            return {}


def seal(vault: Vault, source_id: int, where: str, credentials: Credentials) -> bytes:
    """The credentials as they are kept."""
    return vault.encrypt(msgspec.json.encode(_Sealed(source_id, where, credentials)))


def opened(vault: Vault, source_id: int, where: str, sealed: bytes) -> Credentials:
    """What was sealed for this source and this host; raises VaultError for anything else."""
    try:
        kept = msgspec.json.decode(vault.decrypt(sealed), type=_Sealed)
    except msgspec.MsgspecError:
        kept = None
    if kept is None or (kept.source_id, kept.where) != (source_id, where):
        msg = "The stored credentials were given for another source or host. Set them anew (setConnector)."
        raise VaultError(msg)
    return kept.credentials


def _refused(vi: str, en: str) -> Refused:
    return CONNECTOR_CREDENTIALS.at("credentials", reason_vi=vi, reason=en)
