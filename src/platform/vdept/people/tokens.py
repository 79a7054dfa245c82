"""Bearer tokens: 256 random bits, shown once; the table keeps only their SHA-256.

A fast hash is right here: nobody guesses 256 random bits, and every request hashes one.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from vdept.kernel.actor import Actor
from vdept.kernel.clock import local_date
from vdept.kernel.db import Tx
from vdept.kernel.errors import Words
from vdept.people import rules
from vdept.people.access import get_token_for_update, visible_tokens
from vdept.people.actors import caller_of, calling
from vdept.people.errors import PERSON_INACTIVE
from vdept.people.models import AccessToken, Person

PREFIX = "vdept_"
"""So that a token that leaked into a log or a repository is recognised by scanners."""


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def mint_token(tx: Tx, person: Person, *, label: str, ttl: timedelta) -> str:
    """A new token with which ``person`` calls until ``ttl`` has passed. It is shown this once.

    A client that acts for the person gets none: a token of theirs would know no scopes.
    """
    oneself = tx.actor.person_id == person.id and tx.actor.client_id is None
    tx.actor.require(
        tx.actor.sees_everything or oneself,
        Words("chính người đó hoặc quản trị viên", "the person, or an administrator"),
        "personId",
    )
    label = rules.clean_label(label, "label")
    rules.require_lifetime(ttl, "ttl")
    if not person.active:
        raise PERSON_INACTIVE.at("personId", name=person.name)
    token = PREFIX + secrets.token_urlsafe(32)
    row = AccessToken(
        person_id=person.id,
        digest=digest(token),
        label=label,
        created_at=tx.now,
        expires_at=tx.now + ttl,
    )
    tx.session.add(row)
    await tx.session.flush()
    data = {"person_id": person.id, "label": label, "expires_at": row.expires_at}
    tx.record("token.minted", "AccessToken", row.id, data=data)
    return token


async def revoke_token(tx: Tx, token_id: int) -> AccessToken:
    """End a token now. Revoking it again leaves the first instant standing."""
    row = await get_token_for_update(tx, token_id, "tokenId")
    if row.revoked_at is None:
        row.revoked_at = tx.now
        await tx.session.flush()
        tx.record("token.revoked", "AccessToken", row.id, data={"person_id": row.person_id})
    return row


async def list_tokens(tx: Tx, person_id: int) -> list[AccessToken]:
    """A person's tokens, the newest first; nobody but the person and administrators sees any."""
    found = await tx.session.scalars(
        sa.select(AccessToken)
        .where(AccessToken.person_id == person_id, visible_tokens(tx.actor))
        .order_by(AccessToken.id.desc())
    )
    return list(found)


_BY_TOKEN = calling(
    sa.select(AccessToken.person_id)
    .where(
        AccessToken.digest == sa.bindparam("digest"),
        AccessToken.expires_at > sa.bindparam("now"),
        AccessToken.revoked_at.is_(None),
    )
    .scalar_subquery(),
    digest="bytea",
    now="timestamptz",
)
_BY_PERSON = calling(sa.bindparam("person_id", type_=sa.BigInteger()), person_id="bigint")


async def authenticate(tx: Tx, token: str, now: datetime) -> Actor | None:
    """Who calls with ``token`` at ``now``, in one statement; None for every kind of bad token alike."""
    given = {"digest": digest(token), "now": now, "today": local_date(now)}
    return caller_of(await _BY_TOKEN.all(tx, given))


async def actor_of_person(tx: Tx, person_id: int) -> Actor | None:
    """The actor that an active person is today, in one statement: who has signed in with a browser."""
    return caller_of(await _BY_PERSON.all(tx, {"person_id": person_id, "today": tx.today}))
