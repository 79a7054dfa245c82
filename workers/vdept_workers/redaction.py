"""Secrets are taken out of what is logged, whoever logged it and however it was put.

Who logs should not log a secret in the first place; this is for the exception that quotes an address, the
library that shows a header, and the day when somebody forgets.
"""

import re
from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

REMOVED = "[removed]"
DEEPEST = 20
SHORTEST = 10
"""Characters; what is shorter holds no secret with its name."""

_NAMES = (
    *("authorization", "proxy_authorization", "cookie", "set_cookie", "x_csrf_token", "csrf", "csrf_token"),
    *("password", "passwd", "secret", "client_secret", "secret_key", "private_key", "token", "access_token"),
    *("refresh_token", "id_token", "id_token_hint", "logout_token", "assertion", "client_assertion", "code"),
    *("code_verifier", "sid", "vdept_secret_key", "__host_vdept"),
)
SECRET_NAMES = frozenset(_NAMES)
"""Names whose values are secrets, in lower case, with underscores."""
NO_SECRETS = frozenset({"kid", "level", "logger", "timestamp", "incident"})
"""Names whose values are shown as they are: a key's id looks like a secret and is none."""

_PLAIN = re.compile(r"[A-Z][A-Z_]*|\d{1,5}")
"""A ``code`` that is an error's name or a status, and no authorization code."""

_name = "|".join(name.replace("_", "[_-]") for name in sorted(_NAMES, key=len, reverse=True))
_quoted = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-csrf-token)(\s*:\s*)(?!['\"])[^\r\n]+"
)
_IN_QUOTES = re.compile(rf"(?i)((['\"])(?:{_name})\2\s*[:,=]\s*)b?({_quoted}|[^\s,'\"\])}}]+)")
_ASSIGNED = re.compile(rf"(?i)(?<![\w-])((?:{_name}|vdept)(?:=|%3D))({_quoted}|[^\s&;,'\"<>\])}}]+)")
_SCHEME = re.compile(r"(?i)\b(bearer|basic|dpop)\s+[a-z0-9._~+/-]{16,}=*")
_IN_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,200}:)[^\s/]*@")
_JWT = re.compile(r"\beyJ[\w-]*\.[\w-]+(?:\.[\w-]*)*")
_TOKEN = re.compile(r"\b(vdept_|vdcs_|vdcal_)[\w-]{30,}")
_RANDOM = re.compile(r"(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[A-Za-z0-9_-]{43,}(?![\w-])")
"""256 random bits as all our secrets are written, wherever they stand."""

_SUSPICIOUS = re.compile(rf"(?i){_name}|://|eyj|bearer|basic|dpop|vdept|vdcs|vdcal|[\w-]{{43}}|private")
"""What every secret brings along; most of what is logged does not."""


def _unless_plain(found: re.Match[str]) -> str:
    name = found[1].strip("'\"=:, ").lower()
    kept = name == "code" and _PLAIN.fullmatch(found[found.re.groups].strip("'\""))
    return found[0] if kept else found[1] + REMOVED


def text_without_secrets(text: str) -> str:
    """``text`` with what is recognised as a secret replaced."""
    if len(text) < SHORTEST or not _SUSPICIOUS.search(text):
        return text
    text = _PRIVATE_KEY.sub(REMOVED, text)
    text = _HEADER.sub(rf"\1\2{REMOVED}", text)
    text = _IN_QUOTES.sub(_unless_plain, text)
    text = _ASSIGNED.sub(_unless_plain, text)
    text = _SCHEME.sub(rf"\1 {REMOVED}", text)
    text = _IN_ADDRESS.sub(rf"\1{REMOVED}@", text)
    text = _JWT.sub(REMOVED, text)
    text = _TOKEN.sub(rf"\1{REMOVED}", text)
    return _RANDOM.sub(REMOVED, text)


def without_secrets(value: Any, depth: int = 0) -> Any:
    """``value`` as it may be logged. What is no plain value is shown as text."""
    if type(value) is str:
        return text_without_secrets(value)
    match value:
        case None | bool() | int() | float() | Decimal() | date() | timedelta() | UUID():
            return value
        case str() if not isinstance(value, Enum):
            return text_without_secrets(value)
        case bytes() | bytearray():
            return text_without_secrets(bytes(value).decode("utf-8", "backslashreplace"))
        case _ if depth >= DEEPEST:
            return "…"
        case Mapping():
            return {
                without_secrets(key, depth + 1): _named(key, item, depth + 1) for key, item in value.items()
            }
        case list() | set() | frozenset():
            return [without_secrets(item, depth + 1) for item in value]
        case tuple() if len(value) == 2:  # a header, a parameter
            return [without_secrets(value[0], depth + 1), _named(value[0], value[1], depth + 1)]
        case tuple():
            return [without_secrets(item, depth + 1) for item in value]
    return text_without_secrets(str(value) if isinstance(value, Enum | BaseException) else repr(value))


def _named(name: object, value: Any, depth: int) -> Any:
    """A value that goes by a name."""
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    plain = str(name).lower().replace("-", "_")
    if plain in NO_SECRETS and isinstance(value, str) and not _TOKEN.search(value):
        return value
    if plain in SECRET_NAMES and value not in (None, "", b""):
        shown = value if isinstance(value, str | int) else ""
        return value if plain == "code" and _PLAIN.fullmatch(str(shown)) else REMOVED
    return without_secrets(value, depth)


def processor(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """For structlog, the last before the renderer: what it lets through is what is written."""
    return {key: _named(key, value, 1) for key, value in event.items()}
