"""The keys that editions are signed with, and what is signed: the manifest, as a compact JWS (ES256).

These keys are kept apart from those of access tokens: what they sign is of another type, their public parts
say what they are for, and stay published for ever, because an edition is checked for as long as it is kept.
"""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx
from vdept.kernel.vault import Vault
from vdept.publications.models import EditionKey

ALGORITHM = "ES256"
TYPE = "edition+jws"
"""No other kind of JWS passes for an edition, and an edition for no other kind."""

PURPOSE = "edition"
"""What the public key says it is for: no other key of the same JWKS is taken."""

REMEMBERED = timedelta(seconds=5)
ACTOR = system("edition_keys")
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('vdept.edition_keys'))")
_registry = jws.JWSRegistry(algorithms=[ALGORITHM])


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """All that the header of a signature says; one that says more or other is not ours."""

    alg: Literal["ES256"]
    typ: Literal["edition+jws"]
    kid: str


_header = msgspec.json.Decoder(_Header)


async def signing_key(tx: Tx, vault: Vault) -> EditionKey:
    """The key that signs now; whoever comes first makes the first one."""
    await tx.session.execute(_LOCK)
    live = sa.select(EditionKey).where(EditionKey.retired_at.is_(None)).order_by(EditionKey.id.desc())
    found = await tx.session.scalar(live.limit(1))
    return found or await _make(tx, vault)


async def rotate(tx: Tx, vault: Vault) -> EditionKey:
    """Sign with a new key from now on; what the others have signed stays good.

    Their private parts are destroyed: nobody signs with them again, whoever gets hold of what.
    """
    await tx.session.execute(_LOCK)
    live = sa.update(EditionKey).where(EditionKey.retired_at.is_(None)).values(retired_at=tx.now, private=b"")
    for retired in (await tx.session.execute(live.returning(EditionKey.id, EditionKey.kid))).all():
        tx.record("edition_key.retired", "EditionKey", retired.id, data={"kid": retired.kid})
    return await _make(tx, vault)


async def all_keys(tx: Tx) -> list[EditionKey]:
    """Every key that ever signed an edition, the newest first."""
    return list(await tx.session.scalars(sa.select(EditionKey).order_by(EditionKey.id.desc())))


async def _make(tx: Tx, vault: Vault) -> EditionKey:
    key = ECKey.generate_key("P-256")
    kid = secrets.token_hex(16)
    whole = key.as_dict(private=False)
    public = {"kty": "EC", **{name: whole[name] for name in ("crv", "x", "y")}}
    row = EditionKey(
        kid=kid,
        public=public | {"kid": kid, "use": "sig", "alg": ALGORITHM, "purpose": PURPOSE},
        private=vault.encrypt(msgspec.json.encode(key.as_dict(private=True))),
        created_at=tx.now,
    )
    tx.session.add(row)
    await tx.session.flush()
    tx.record("edition_key.made", "EditionKey", row.id, data={"kid": kid})
    return row


def payload(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as it is signed."""
    return msgspec.json.encode(manifest, order="deterministic")


def sign(manifest: Mapping[str, Any], key: EditionKey, vault: Vault) -> str:
    """The signature over a manifest. Raises VaultError when the key cannot be decrypted."""
    private = ECKey.import_key(msgspec.json.decode(vault.decrypt(key.private)))
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.kid}
    return jws.serialize_compact(header, payload(manifest), private, registry=_registry)


def kid_of(signature: str) -> str | None:
    """Which key a signature says it is by; None if it is no signature of an edition."""
    segment, dot, _ = signature.partition(".")
    if not dot or not signature.isascii():
        return None
    try:
        return _header.decode(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))).kid
    except (ValueError, msgspec.MsgspecError):
        return None


def signed_by(signature: str, manifest: Mapping[str, Any], public: Mapping[str, Any]) -> bool:
    """Whether this key for editions has signed exactly this manifest."""
    if public.get("purpose") != PURPOSE or public.get("kid") != kid_of(signature):
        return False
    try:
        key = ECKey.import_key({name: public[name] for name in ("kty", "crv", "x", "y")})
        said = jws.deserialize_compact(signature, key, registry=_registry).payload
    except (JoseError, ValueError, KeyError):
        return False
    return said == payload(manifest)


async def public_keys(tx: Tx) -> list[dict[str, Any]]:
    """Every key that ever signed an edition."""
    return list(await tx.session.scalars(sa.select(EditionKey.public).order_by(EditionKey.id)))


class PublishedKeys:
    """The same for whoever asks often: read again after a few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read_at: datetime | None = None
        self._keys: list[dict[str, Any]] = []

    async def now(self, now: datetime) -> list[dict[str, Any]]:
        if self._read_at is None or abs(now - self._read_at) >= REMEMBERED:
            async with self._database.snapshot(ACTOR, now=now) as tx:
                self._keys = await public_keys(tx)
            self._read_at = now
        return self._keys
