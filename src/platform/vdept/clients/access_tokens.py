"""Access tokens of clients: JWTs after RFC 9068, and what each is worth at the moment it is shown.

The signature says that a token is ours; what it lets do is asked of the database every time, in one
statement: a client or a consent revoked a second ago, a scope taken away, a person who has left, a role that
ended yesterday all count at once.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from vdept.clients.keys import Keyring
from vdept.clients.models import ApiClient, ClientAuthorization
from vdept.clients.rules import ACCESS_TOKEN, known_scopes
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.clock import local_date
from vdept.kernel.db import Tx
from vdept.kernel.driver import DriverStatement
from vdept.kernel.errors import Locale
from vdept.kernel.scopes import Scope, implied, parse, written
from vdept.units.models import BESIDE_THE_TREE, UnitKind

LEEWAY = timedelta(seconds=5)
"""How far the clocks of two machines of ours may be apart."""


_PERSON = re.compile(r"person:([1-9][0-9]{0,17})")


def audience(issuer: str) -> str:
    """What a token is good for: the GraphQL API of this platform and nothing else."""
    return f"{issuer}/graphql"


def claims_of(
    client: ApiClient,
    scopes: Collection[Scope],
    *,
    issuer: str,
    now: datetime,
    authorization: ClientAuthorization | None = None,
) -> dict[str, Any]:
    """The claims of a new token (RFC 9068, section 2.2): for the person who authorized, or for the client.

    ``sub`` says which of the two in its first letters, so that a client cannot choose a name that is taken
    for a person (RFC 9700, section 4.15).
    """
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience(issuer),
        "sub": f"client:{client.client_id}",
        "client_id": client.client_id,
        "scope": written(scopes),
        "jti": secrets.token_urlsafe(16),
        "iat": issued,
        "exp": issued + int(ACCESS_TOKEN.total_seconds()),
    }
    if authorization is not None:
        claims |= {"sub": f"person:{authorization.person_id}", "grant": authorization.id}
    return claims


Name = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z", max_length=200)]
Instant = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
Number = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class Claims(msgspec.Struct):
    """What a token must say, each of its type. ``grant``: the authorization by which it acts for a person."""

    iss: Name
    aud: Name
    sub: Name
    client_id: Name
    scope: str
    jti: Name
    iat: Instant
    exp: Instant
    nbf: Instant = 0
    grant: Number | None = None

    @property
    def person_id(self) -> int | None:
        """The person it acts for; None for a client that acts for its unit."""
        found = _PERSON.fullmatch(self.sub)
        return int(found[1]) if found else None


def read_claims(claims: Mapping[str, Any], now: datetime, *, issuer: str) -> Claims | None:
    """The claims of a token of this platform, for it, at this time; None if one is missing, wrong or odd."""
    try:
        read = msgspec.convert(claims, Claims)
    except msgspec.ValidationError:
        return None
    earliest, latest = (now - LEEWAY).timestamp(), (now + LEEWAY).timestamp()
    in_time = read.exp > earliest and max(read.iat, read.nbf) <= latest
    ours = read.iss == issuer and read.aud == audience(issuer)
    machine = read.grant is None and read.sub == f"client:{read.client_id}"
    delegated = read.grant is not None and read.person_id is not None
    return read if in_time and ours and (machine or delegated) else None


async def authenticate(tx: Tx, token: str, now: datetime, *, keyring: Keyring, issuer: str) -> Actor | None:
    """Who calls with this token now, in one statement; None for every kind of bad token alike."""
    await keyring.look_up(tx, token)
    signed = keyring.signed(token, now)
    claims = None if signed is None else read_claims(signed.claims, now, issuer=issuer)
    scopes = None if claims is None else parse(claims.scope)
    if signed is None or claims is None or scopes is None:
        return None
    asked = {
        "kid": signed.kid,
        "jti": claims.jti,
        "client_id": claims.client_id,
        "grant": claims.grant,
        "person_id": claims.person_id,
        "now": now,
        "today": local_date(now),
    }
    return await (_client(tx, asked, scopes) if claims.grant is None else _delegate(tx, asked, scopes))


_TYPES = {
    "kid": "text",
    "jti": "text",
    "client_id": "text",
    "grant": "bigint",
    "person_id": "bigint",
    "now": "timestamptz",
    "today": "date",
}

_SOUND = """
    c.client_id = :client_id AND c.revoked_at IS NULL
    AND cu.valid_from <= :today AND (cu.valid_to IS NULL OR cu.valid_to >= :today)
    AND EXISTS (
        SELECT FROM signing_key k WHERE k.kid = :kid AND (k.retired_at IS NULL OR k.retired_at > :now)
    )
    AND NOT EXISTS (SELECT FROM revoked_token r WHERE r.jti = :jti)
"""

_CLIENT = DriverStatement(
    f"""
    SELECT c.id AS client, c.scopes, c.unit_id, cu.path, cu.kind
    FROM api_client c
    JOIN unit cu ON cu.id = c.unit_id
    WHERE c.machine AND {_SOUND}
""",
    _TYPES,
)

_DELEGATE = DriverStatement(
    f"""
    SELECT c.id AS client, c.scopes, a.scopes AS granted, p.id AS person, p.locale,
        m.unit_id, m.role, u.path, u.kind
    FROM api_client c
    JOIN unit cu ON cu.id = c.unit_id
    JOIN client_authorization a ON a.client_id = c.id
    JOIN person p ON p.id = a.person_id
    LEFT JOIN membership m ON m.person_id = p.id
        AND m.starts_on <= :today AND (m.ends_on IS NULL OR m.ends_on >= :today)
    LEFT JOIN unit u ON u.id = m.unit_id
        AND u.valid_from <= :today AND (u.valid_to IS NULL OR u.valid_to >= :today)
    WHERE a.id = :grant AND a.revoked_at IS NULL AND a.expires_at > :now
        AND p.id = :person_id AND p.active AND {_SOUND}
    ORDER BY m.id
""",
    _TYPES,
)


async def _client(tx: Tx, asked: dict[str, Any], scopes: frozenset[Scope]) -> Actor | None:
    """A client for its unit: it does what a coordinator does."""
    row = await _CLIENT.first(tx, asked)
    if row is None:
        return None
    return Actor(
        ActorKind.CLIENT,
        client_id=row["client"],
        seats=(_seat(row, Role.COORDINATOR),),
        scopes=implied(scopes) & known_scopes(row["scopes"]),
    )


async def _delegate(tx: Tx, asked: dict[str, Any], scopes: frozenset[Scope]) -> Actor | None:
    """A client for a person: what both may do. Administrators lend nobody that power."""
    rows = await _DELEGATE.all(tx, asked)
    if not rows:
        return None
    first = rows[0]
    return Actor(
        ActorKind.PERSON,
        person_id=first["person"],
        client_id=first["client"],
        locale=Locale[first["locale"]],
        seats=tuple(_seat(row, Role[row["role"]]) for row in rows if row["path"] is not None),
        scopes=implied(scopes) & known_scopes(first["scopes"]) & known_scopes(first["granted"]),
    )


def _seat(row: Any, role: Role) -> Seat:
    return Seat(row["unit_id"], role, tuple(row["path"]), UnitKind[row["kind"]] not in BESIDE_THE_TREE)
