"""Assertions with which a client proves that it has its private key (``private_key_jwt``).

RFC 7523, sections 2.2 and 3; OpenID Connect Core 1.0, section 9. An assertion is for us alone, for a few
minutes, and for one use.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key
from sqlalchemy.dialects.postgresql import insert

from vdept.clients.models import ApiClient, UsedAssertion
from vdept.clients.public_keys import ALGORITHMS, key_set
from vdept.kernel.db import Tx

LONGEST = timedelta(minutes=5)
"""How far ahead an assertion may expire; for so long its ``jti`` is remembered."""
SKEW = timedelta(seconds=30)
"""How far a client's clock may run ahead of ours."""
MAX_LENGTH = 4_096
MAX_JTI = 128
_LAST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def named_client(assertion: str) -> str | None:
    """The client that an assertion says it is from. Nothing is proven yet."""
    found = _taken_apart(assertion)
    subject = found[1].get("sub") if found else None
    return subject if isinstance(subject, str) else None


def signed_claims(assertion: str, jwks: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The claims, if one of these keys signed them with an algorithm that is that key's own.

    So neither ``none`` nor an HMAC keyed with a public key can pass, whatever the header says. Without a
    fitting key as much is computed as with one and nothing passes: time does not tell which clients exist.
    """
    found = _taken_apart(assertion)
    if found is None:
        return None
    header, claims = found
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or "crit" in header:
        return None
    keys = [] if jwks is None else [*_fitting(key_set(jwks).keys, algorithm, kid)]
    if not keys:
        _signed_by(_decoy(), assertion, "ES256")
    return claims if any(_signed_by(key, assertion, algorithm) for key in keys) else None


def why_refused(
    claims: Mapping[str, Any], client_id: str, audiences: Collection[str], now: datetime
) -> str | None:
    """What is wrong with claims that ``client_id`` has signed, for its programmer; None if they are good.

    ``audiences``: the names that we go by, of which the assertion must give exactly one.
    """
    audience, jti = claims.get("aud"), claims.get("jti")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    expires = _seconds_ahead(claims.get("exp"), now)
    begins = [_seconds_ahead(claims[name], now) for name in ("iat", "nbf") if claims.get(name) is not None]
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        return "iss and sub must both be the client_id"
    if not isinstance(audience, str) or audience not in audiences:
        return f"aud must be one of: {' '.join(audiences)}"
    if expires is None or expires <= 0:
        return "exp is missing or has passed"
    if expires > LONGEST.total_seconds():
        return f"exp may be at most {LONGEST.total_seconds():.0f} seconds ahead"
    if any(ahead is None or ahead > SKEW.total_seconds() for ahead in begins):
        return "iat and nbf must not lie in the future"
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_JTI or not jti.isprintable():
        return f"jti must be a string of 1 to {MAX_JTI} characters, new in every assertion"
    return None


def take(tx: Tx, client: ApiClient, claims: Mapping[str, Any]) -> bool:
    """Whether these good claims come for the first time. Of two at once, one waits and is late.

    Synchronous, inside ``tx.session.run_sync``; it counts as taken whatever becomes of the request.
    """
    row = insert(UsedAssertion).values(
        client_id=client.id, jti=claims["jti"], expires_at=datetime.fromtimestamp(claims["exp"], UTC)
    )
    taken = row.on_conflict_do_nothing().returning(UsedAssertion.jti)
    return tx.session.sync_session.execute(taken).first() is not None


def _taken_apart(assertion: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Header and claims as they stand there, unproven; None unless both are JSON objects."""
    if len(assertion) > MAX_LENGTH or not assertion.isascii():
        return None
    try:
        signature = jws.extract_compact(assertion.encode())
        claims = msgspec.json.decode(signature.payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    header = signature.headers()
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def _fitting(keys: Iterable[Key], algorithm: str, kid: object) -> Iterator[Key]:
    """The keys that may have signed with ``algorithm``; only the one of this ``kid`` where it is given."""
    for key in keys:
        members = key.as_dict(private=False)
        curve = None if members["kty"] == "RSA" else str(members.get("crv"))
        possible = ALGORITHMS.get((str(members["kty"]), curve), ())
        named = kid in (None, members.get("kid"))
        if named and algorithm in possible and members.get("alg", algorithm) == algorithm:
            yield key


def _signed_by(key: Key, assertion: str, algorithm: str) -> bool:
    """Whether ``key`` signed it. ``algorithm`` is one of the key's own: joserfc would take any, even none."""
    try:
        jws.deserialize_compact(assertion, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _seconds_ahead(value: Any, now: datetime) -> float | None:
    """How far ahead an instant of a JWT lies; None for what is none."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value - now.timestamp() if number and abs(value) < _LAST else None


@cache
def _decoy() -> Key:
    """The key of no client: whoever has made it has forgotten the private half."""
    return ECKey.generate_key("P-256", private=False)
