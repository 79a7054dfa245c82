"""Whose a provider's subject is: found out at sign-in, or said by an administrator."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from vdept.identity import rules
from vdept.identity.access import get_identity_for_update
from vdept.identity.errors import IDENTITY_LINKED, IDENTITY_TAKEN_AWAY, SESSIONS_AWAY
from vdept.identity.models import Identity
from vdept.identity.rules import Candidate, Claims, Decision, Owner, Why
from vdept.identity.sessions import Sessions, SessionsAway
from vdept.kernel.db import Tx
from vdept.kernel.errors import Words
from vdept.people.access import get_person_for_update
from vdept.people.errors import PERSON_INACTIVE
from vdept.people.models import Person

ADMINISTRATOR = Words("quản trị viên", "an administrator")
SHOWN = 200
"""Characters kept of a name or an address that a provider tells: they are for display."""


class Arrival(NamedTuple):
    """Who has come from a provider. ``person_id`` None: nobody yet, and ``why``."""

    identity: Identity
    person_id: int | None
    why: Why | None


async def arrive(tx: Tx, claims: Claims, email_domains: tuple[str, ...]) -> Arrival:
    """Find whose subject has come from a provider, and link it where the rules let its e-mail address say so.

    ``email_domains``: those that the provider answers for.
    """
    identity = await _seen(tx, claims)
    decision = rules.decide(
        claims,
        email_domains,
        owner=await _owner(tx, identity),
        unlinked=identity.unlinked_from_id is not None,
        candidates=await _candidates(tx, claims, email_domains) if identity.person_id is None else (),
    )
    if decision.link:
        await _link(tx, identity, decision)
    elif decision.why is not None and identity.first_seen_at == tx.now:
        data = {"issuer": claims.issuer, "why": decision.why}
        tx.record("identity.waiting", "Identity", identity.id, data=data)
    return Arrival(identity, decision.person_id, decision.why)


async def hold_identity(tx: Tx, identity_id: int, person_id: int) -> None:
    """Make sure that the identity is still this person's, and that it stays so until the transaction ends.

    A session is started within: whoever unlinks the identity comes after, and finds the session to end.
    """
    query = sa.select(Identity.person_id).where(Identity.id == identity_id).with_for_update()
    if await tx.session.scalar(query) != person_id:
        raise IDENTITY_TAKEN_AWAY.at()


async def link_identity(tx: Tx, identity_id: int, person_id: int) -> Identity:
    """Say whose an identity is, or confirm what was found by e-mail. For administrators.

    It is the only way in for an administrator's own identity.
    """
    identity = await get_identity_for_update(tx, identity_id, "identityId")
    tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR, "identityId")
    person = await get_person_for_update(tx, person_id, "personId")
    if identity.person_id == person.id and identity.linked_by_id is not None:
        return identity
    if identity.person_id not in {None, person.id}:
        raise IDENTITY_LINKED.at("identityId", name=await _name(tx, identity.person_id))
    if not person.active:
        raise PERSON_INACTIVE.at("personId", name=person.name)
    identity.person_id, identity.linked_at = person.id, tx.now
    identity.linked_by_id, identity.unlinked_from_id = tx.actor.person_id, None
    await tx.session.flush()
    data = {"person_id": person.id, "issuer": identity.issuer, "method": "administrator"}
    tx.record("identity.linked", "Identity", identity.id, data=data)
    return identity


async def unlink_identity(tx: Tx, identity_id: int, sessions: Sessions | None) -> Identity:
    """Take an identity from its person, and end the sessions it began. For administrators.

    It waits for an administrator from then on. The sessions end while the row is locked, so that nobody can
    start another one in between (:func:`hold_identity`).
    """
    identity = await get_identity_for_update(tx, identity_id, "identityId")
    tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR, "identityId")
    if identity.person_id is None:
        return identity
    data = {"person_id": identity.person_id, "issuer": identity.issuer}
    identity.unlinked_from_id, identity.person_id = identity.person_id, None
    identity.linked_at = identity.linked_by_id = None
    await tx.session.flush()
    try:
        if sessions is None:
            raise SessionsAway("no sessions are kept here")
        await sessions.end_of_provider(identity.issuer, subject=identity.subject)
    except SessionsAway as error:
        raise SESSIONS_AWAY.at("identityId") from error
    tx.record("identity.unlinked", "Identity", identity.id, data=data)
    return identity


async def _seen(tx: Tx, claims: Claims) -> Identity:
    """The identity's row with what the provider says today, made where there is none, and locked."""
    told: dict[str, Any] = {
        "name": _shown(claims.name),
        "email": _shown(claims.email),
        "last_seen_at": tx.now,
    }
    statement = (
        insert(Identity)
        .values(issuer=claims.issuer, subject=claims.subject, first_seen_at=tx.now, **told)
        .on_conflict_do_update(index_elements=[Identity.issuer, Identity.subject], set_=told)
        .returning(Identity)
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(statement)).one()


async def _owner(tx: Tx, identity: Identity) -> Owner | None:
    if identity.person_id is None:
        return None
    found = await tx.session.execute(
        sa.select(Person.id, Person.active, Person.administrator).where(Person.id == identity.person_id)
    )
    return Owner(*found.one(), by_email=identity.linked_by_id is None)


async def _candidates(tx: Tx, claims: Claims, domains: tuple[str, ...]) -> list[Candidate]:
    """Active persons with the vouched address, locked: two subjects cannot both become the same person."""
    email = rules.vouched_email(claims, domains)
    if isinstance(email, Why):
        return []
    with_address = (
        sa.select(Person.id, Person.administrator)
        .where(sa.func.lower(Person.email) == email, Person.active)
        .with_for_update(key_share=True)
    )
    persons = (await tx.session.execute(with_address)).all()
    ids = [person_id for person_id, _ in persons]
    known = sa.select(Identity.person_id, Identity.unlinked_from_id).where(
        Identity.issuer == claims.issuer,
        sa.or_(Identity.person_id.in_(ids), Identity.unlinked_from_id.in_(ids)),
    )
    held = {person_id for row in await tx.session.execute(known) for person_id in row}
    return [Candidate(person_id, administrator, person_id in held) for person_id, administrator in persons]


async def _link(tx: Tx, identity: Identity, decision: Decision) -> None:
    identity.person_id, identity.linked_at = decision.person_id, tx.now
    await tx.session.flush()
    data = {"person_id": decision.person_id, "issuer": identity.issuer, "method": "email"}
    tx.record("identity.linked", "Identity", identity.id, data=data)


async def _name(tx: Tx, person_id: int) -> str | None:
    name: str | None = await tx.session.scalar(sa.select(Person.name).where(Person.id == person_id))
    return name


def _shown(text: str | None) -> str | None:
    """A claim as it can be stored and shown: no control characters, not too long."""
    if text is None:
        return None
    cleaned = "".join(character for character in text if character.isprintable())
    return cleaned[:SHOWN].strip() or None
