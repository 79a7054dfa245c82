"""The keys that access tokens are signed with: ES256, published as a JWKS, rotated without a gap.

A new key is published at once and signs ten minutes later, when everybody who remembers the JWKS knows it.
The key before it stays accepted until the last token that it signed has expired. Private keys are kept
encrypted (:mod:`vdept.kernel.vault`).
"""

import asyncio
import base64
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from vdept.clients.errors import SIGNING_KEY_RETIRED
from vdept.clients.models import SigningKey
from vdept.clients.rules import ACCESS_TOKEN
from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.vault import Vault

ALGORITHM = "ES256"
TYPE = "at+jwt"
"""RFC 9068, section 2.1: no other kind of JWT passes for an access token."""

PUBLISHED_BEFORE = timedelta(minutes=10)
"""How long a key is published before it signs."""
ACCEPTED_AFTER = ACCESS_TOKEN + timedelta(minutes=1)
"""How long a key is accepted after the next one signs; a minute of it is for clocks and for late readers."""
RELOADED = timedelta(seconds=5)
"""How long what was read of the keys is relied on for signing and for what is unknown."""
ASKED_AGAIN = timedelta(seconds=1)
"""How often at most an unknown key is looked up: made-up ones must not hammer the database."""
REMEMBERED = 4096
"""Tokens whose signature is remembered as good."""
LONGEST = 4096
"""Characters of a token; none of ours comes near it."""

ACTOR = system("signing_keys")
ADMINISTRATOR = Words("quản trị viên", "an administrator")
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('vdept.signing_keys'))")


async def rotate_keys(tx: Tx, vault: Vault, *, at_once: bool = False) -> SigningKey:
    """A new key, published now; it signs ten minutes later, or now if ``at_once`` or if no other one does.

    The others are retired when the last token that they can have signed has expired.
    """
    tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR)
    await tx.session.execute(_LOCK)
    live = (await tx.session.scalars(_live(tx.now).with_for_update())).all()
    key = ECKey.generate_key("P-256")
    kid = secrets.token_hex(16)  # not the key's thumbprint: in a command, one may look like an option
    public = {"kty": "EC", **_curve_members(key), "kid": kid, "use": "sig", "alg": ALGORITHM}
    row = SigningKey(
        kid=kid,
        public=public,
        private=vault.encrypt(msgspec.json.encode(key.as_dict(private=True))),
        created_at=tx.now,
        signs_from=begins([key.signs_from for key in live], tx.now, at_once=at_once),
    )
    tx.session.add(row)
    for other in live:
        if other.retired_at is None:
            other.retired_at = row.signs_from + ACCEPTED_AFTER
    await tx.session.flush()
    tx.record("signing_key.made", "SigningKey", row.id, data={"kid": kid, "signs_from": row.signs_from})
    return row


def begins(others: Iterable[datetime], now: datetime, *, at_once: bool) -> datetime:
    """When a key that is made now begins to sign, if the other live ones begin then."""
    return now + PUBLISHED_BEFORE if not at_once and any(other <= now for other in others) else now


async def retire_key(tx: Tx, kid: str) -> SigningKey:
    """Refuse from now on what this key has signed. If no other key signs, the one that waits does now."""
    tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR)
    await tx.session.execute(_LOCK)
    row = await tx.session.scalar(sa.select(SigningKey).where(SigningKey.kid == kid).with_for_update())
    if row is None:
        raise NOT_FOUND.at("kid", what=Words("khóa ký", "signing key"))
    if row.retired_at is not None and row.retired_at <= tx.now:
        raise SIGNING_KEY_RETIRED.at("kid", kid=kid)
    row.retired_at = tx.now
    await tx.session.flush()
    live = (await tx.session.scalars(_live(tx.now))).all()
    waiting = next((key for key in live if key.retired_at is None), None)
    if waiting is not None and not any(key.signs_from <= tx.now for key in live):
        waiting.signs_from = tx.now
        await tx.session.flush()
    tx.record("signing_key.retired", "SigningKey", row.id, data={"kid": kid})
    return row


async def list_keys(tx: Tx) -> list[SigningKey]:
    """Every key there ever was, the newest first; for administrators."""
    tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR)
    return list(await tx.session.scalars(sa.select(SigningKey).order_by(SigningKey.id.desc())))


def _live(now: datetime) -> "sa.Select[SigningKey]":
    accepted = sa.or_(SigningKey.retired_at.is_(None), SigningKey.retired_at > now)
    return sa.select(SigningKey).where(accepted).order_by(SigningKey.id)


def _curve_members(key: ECKey) -> dict[str, Any]:
    whole = key.as_dict(private=False)
    return {name: whole[name] for name in ("crv", "x", "y")}


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """All that the header of a token of ours says; one that says more or other is not ours.

    Nothing in it can name another algorithm, a key of the caller's, or an extension (RFC 8725, section 3).
    """

    alg: Literal["ES256"]
    typ: Literal["at+jwt"]
    kid: str


_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(dict[str, Any])
_registry = jws.JWSRegistry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class _Held:
    """A key in memory; ``sealed`` is its private part, decrypted only where it signs."""

    kid: str
    public: dict[str, Any]
    key: ECKey
    sealed: bytes
    signs_from: datetime
    retired_at: datetime | None

    def accepted(self, now: datetime) -> bool:
        return self.retired_at is None or now < self.retired_at


def signing(keys: Iterable[_Held], now: datetime) -> _Held:
    """The key to sign with: of those that have begun, the one that is accepted longest.

    Not simply the latest: one that was overtaken while it waited is retired soon after it would begin.
    """
    accepted = [key for key in keys if key.accepted(now)]
    return max(
        accepted, key=lambda key: (key.signs_from <= now, key.retired_at is None, key.retired_at or now)
    )


class Signed(NamedTuple):
    """What a token says and which key says so."""

    kid: str
    claims: Mapping[str, Any]


class Keyring:
    """The signing keys of one process, parsed once: reading a key costs a hundred times what using it does.

    ``load`` before ``sign`` and ``public``; ``look_up`` before ``verify``. Whether a key was retired this
    moment is for the caller to ask the database (:mod:`vdept.clients.access_tokens` does).
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._held: dict[str, _Held] = {}
        self._private: dict[str, ECKey] = {}
        self._good: OrderedDict[bytes, dict[str, Any]] = OrderedDict()
        self._read_at: datetime | None = None
        self._asked_at: datetime | None = None
        """When a key that was not at hand was last looked for: forged names must not cost a read each."""
        self._reading = asyncio.Lock()

    async def load(self, database: Database, now: datetime) -> None:
        """Have the keys at hand, read again after five seconds. Whoever comes first makes the first key."""
        if self._ready(now):
            return
        async with self._reading:
            if self._ready(now):
                return
            async with database.snapshot(ACTOR, now=now) as tx:
                await self._read(tx)
            if self._lasting():
                return
            async with database.begin(ACTOR, now=now) as tx:
                await _make_first_key(tx, self._vault)
            async with database.snapshot(ACTOR, now=now) as tx:
                await self._read(tx)

    async def look_up(self, tx: Tx, token: str) -> None:
        """Read the keys again if ``token`` names one that is not at hand, at most once a second."""
        header = _header_of(token)
        if (
            header is not None
            and header.kid not in self._held
            and not _since(self._asked_at, tx.now, ASKED_AGAIN)
        ):
            self._asked_at = tx.now
            await self._read(tx)

    def sign(self, claims: Mapping[str, Any], now: datetime) -> str:
        """A signed token (RFC 9068). Raises VaultError when the key cannot be decrypted."""
        held = signing(self._held.values(), now)
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": held.kid}
        return jws.serialize_compact(
            header, msgspec.json.encode(claims), self._private_key(held), registry=_registry
        )

    def verify(self, token: str, now: datetime) -> dict[str, Any] | None:
        """The claims of a token that a key of ours signed, yet to be checked; None for every other token."""
        signed = self.signed(token, now)
        return None if signed is None else dict(signed.claims)

    def signed(self, token: str, now: datetime) -> "Signed | None":
        """The same, with the key's name; a signature that was found good once is not computed again."""
        header = _header_of(token)
        held = self._held.get(header.kid) if header else None
        if held is None or not held.accepted(now):
            return None
        mark = hashlib.sha256(token.encode()).digest()
        claims = self._good.pop(mark, None) or _verified(token, held.key)
        if claims is None:
            return None
        self._good[mark] = claims
        if len(self._good) > REMEMBERED:
            self._good.popitem(last=False)
        return Signed(held.kid, claims)

    def public(self) -> dict[str, Any]:
        """The JWKS: every key that a valid token may have been signed with, and the one that signs next."""
        return {"keys": [dict(held.public) for held in self._held.values()]}

    def _ready(self, now: datetime) -> bool:
        return _since(self._read_at, now, RELOADED) and self._lasting()

    def _lasting(self) -> bool:
        """Whether there is a key that nothing has been decided against."""
        return any(held.retired_at is None for held in self._held.values())

    async def _read(self, tx: Tx) -> None:
        rows = (await tx.session.scalars(_live(tx.now))).all()
        self._held = {row.kid: self._hold(row) for row in rows}
        self._private = {kid: key for kid, key in self._private.items() if kid in self._held}
        self._read_at = tx.now

    def _hold(self, row: SigningKey) -> _Held:
        known = self._held.get(row.kid)
        key = ECKey.import_key(row.public) if known is None else known.key
        return _Held(row.kid, row.public, key, row.private, row.signs_from, row.retired_at)

    def _private_key(self, held: _Held) -> ECKey:
        if held.kid not in self._private:
            private = msgspec.json.decode(self._vault.decrypt(held.sealed))
            self._private[held.kid] = ECKey.import_key(private)
        return self._private[held.kid]


async def _make_first_key(tx: Tx, vault: Vault) -> None:
    await tx.session.execute(_LOCK)
    if not (await tx.session.scalars(_live(tx.now).where(SigningKey.retired_at.is_(None)))).all():
        await rotate_keys(tx, vault)


def _since(last: datetime | None, now: datetime, span: timedelta) -> bool:
    return last is not None and abs(now - last) < span


def _header_of(token: str) -> _Header | None:
    segment, dot, _ = token.partition(".")
    if not dot or len(token) > LONGEST or not token.isascii():
        return None
    try:
        return _header.decode(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, msgspec.MsgspecError):
        return None


def _verified(token: str, key: ECKey) -> dict[str, Any] | None:
    try:
        return _claims.decode(jws.deserialize_compact(token, key, registry=_registry).payload)
    except (JoseError, ValueError, msgspec.MsgspecError):
        return None
