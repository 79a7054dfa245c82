"""One-time sign-in links: 256 random bits, shown once, kept as SHA-256, good for a quarter of an hour.

A link proves that somebody reads the person's mailbox, or was let in by whoever runs the platform
(``vdept sign-in-link``); nobody else makes one.
"""

import secrets
from datetime import timedelta
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

import sqlalchemy as sa

from vdept.identity.errors import LINK_INVALID, LINKS_TOO_MANY
from vdept.identity.models import SignInLink
from vdept.identity.rules import HOME
from vdept.kernel.actor import ActorKind
from vdept.kernel.db import Tx
from vdept.kernel.errors import Words
from vdept.people.access import get_person_by_email
from vdept.people.errors import PERSON_INACTIVE
from vdept.people.models import Person
from vdept.people.tokens import digest

T = TypeVar("T")

LIFETIME = timedelta(minutes=15)
MOST_AN_HOUR = 5
"""Links that may be asked for by mail within an hour: a mailbox is not to be flooded."""
KEPT = timedelta(days=1)
"""How long the record of a link stays: longer than the hour in which links are counted."""


class NewLink(NamedTuple):
    """A link just made; the token is nowhere else."""

    person: Person
    token: str


async def create_link(tx: Tx, email: str, *, most_an_hour: int | None = MOST_AN_HOUR) -> NewLink:
    """A new link for the active person with this address; the links that person had before end.

    ``most_an_hour`` None: whoever runs the platform is not held up by what others asked for. Raises
    NOT_FOUND, PERSON_INACTIVE, SIGN_IN_LINKS_TOO_MANY; none of it may be told to whoever asked by mail.
    """
    tx.actor.require(tx.actor.kind is ActorKind.SYSTEM, Words("hệ thống", "the platform itself"), "email")
    person = await get_person_by_email(tx, email, "email")
    await tx.session.refresh(person, with_for_update=True)  # one at a time: the count must hold
    if not person.active:
        raise PERSON_INACTIVE.at("email", name=person.name)
    own = SignInLink.person_id == person.id
    if most_an_hour is not None:
        lately = sa.select(sa.func.count()).where(own, SignInLink.created_at > tx.now - timedelta(hours=1))
        if (await tx.session.scalar(lately) or 0) >= most_an_hour:
            raise LINKS_TOO_MANY.at("email", limit=most_an_hour)
    await tx.session.execute(
        sa.update(SignInLink)
        .where(own, SignInLink.used_at.is_(None), SignInLink.expires_at > tx.now)
        .values(expires_at=tx.now)
    )
    token = secrets.token_urlsafe(32)
    tx.session.add(
        SignInLink(digest=digest(token), person_id=person.id, created_at=tx.now, expires_at=tx.now + LIFETIME)
    )
    await tx.session.flush()
    tx.record("sign_in_link.created", "Person", person.id)
    return NewLink(person, token)


def address_of_link(issuer: str, token: str, where: str = HOME) -> str:
    """What its person opens; ``where`` is the path of ours they were on the way to."""
    query = {"token": token} | ({} if where == HOME else {"next": where})
    return f"{issuer}/sign-in/link?{urlencode(query)}"


async def person_of_link(tx: Tx, token: str) -> Person:
    """Whom a link would sign in; it stays unused (mail scanners follow links). Raises LINK_INVALID."""
    person = await tx.session.scalar(
        sa.select(Person)
        .join(SignInLink, SignInLink.person_id == Person.id)
        .where(SignInLink.digest == digest(token), *_usable(tx))
    )
    return _known(person)


async def use_link(tx: Tx, token: str) -> int:
    """Use a link up; the id of the person it signs in. Of two at once one gets it. Raises LINK_INVALID."""
    person_id: int | None = await tx.session.scalar(
        sa.update(SignInLink)
        .where(SignInLink.digest == digest(token), SignInLink.person_id == Person.id, *_usable(tx))
        .values(used_at=tx.now)
        .returning(SignInLink.person_id)
    )
    return _known(person_id)


async def forget_expired(tx: Tx) -> int:
    """Delete the records of links that no count needs any more; returns how many."""
    gone = await tx.session.execute(sa.delete(SignInLink).where(SignInLink.created_at < tx.now - KEPT))
    return int(getattr(gone, "rowcount", 0))


def _usable(tx: Tx) -> list["sa.ColumnElement[bool]"]:
    return [SignInLink.used_at.is_(None), SignInLink.expires_at > tx.now, Person.active.is_(True)]


def _known(found: T | None) -> T:
    """One answer for every bad link."""
    if found is None:
        raise LINK_INVALID.at("token", minutes=LIFETIME // timedelta(minutes=1))
    return found
