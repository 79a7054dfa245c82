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
MOST = 5
"""Links on their way to one mailbox at a time: it is not to be flooded. The older ones stay good, so that
somebody who asks for another person's links keeps that person from nothing."""
KEPT = timedelta(days=1)
"""How long the record of a link stays, for whoever asks what happened."""


class NewLink(NamedTuple):
    """A link just made; the token is nowhere else."""

    person: Person
    token: str


async def create_link(tx: Tx, email: str, *, most: int | None = MOST) -> NewLink:
    """A new link for the active person with this address, unless they have ``most`` that are still good.

    ``most`` None: whoever runs the platform is not held up by what others asked for. Raises
    NOT_FOUND, PERSON_INACTIVE, SIGN_IN_LINKS_TOO_MANY; none of it may be told to whoever asked by mail.
    """
    tx.actor.require(tx.actor.kind is ActorKind.SYSTEM, Words("hệ thống", "the platform itself"), "email")
    person = await get_person_by_email(tx, email, "email")
    await tx.session.refresh(person, with_for_update=True)  # one at a time: the count must hold
    if not person.active:
        raise PERSON_INACTIVE.at("email", name=person.name)
    if most is not None:
        good = sa.select(sa.func.count()).where(SignInLink.person_id == person.id, *_good(tx))
        if (await tx.session.scalar(good) or 0) >= most:
            raise LINKS_TOO_MANY.at("email", limit=most, minutes=LIFETIME // timedelta(minutes=1))
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
    """Use a link up, and all others of its person with it; the id of the person it signs in.

    Of two at once one gets it, of two links of one person as well: the person is locked, as when a link is
    made. Raises LINK_INVALID.
    """
    owner = (
        sa.select(Person.id)
        .join(SignInLink, SignInLink.person_id == Person.id)
        .where(SignInLink.digest == digest(token), *_usable(tx))
    )
    _known(await tx.session.scalar(owner.with_for_update(of=Person)))
    person_id: int | None = await tx.session.scalar(
        sa.update(SignInLink)
        .where(SignInLink.digest == digest(token), SignInLink.person_id == Person.id, *_usable(tx))
        .values(used_at=tx.now)
        .returning(SignInLink.person_id)
    )
    _known(person_id)
    await tx.session.execute(
        sa.update(SignInLink).where(SignInLink.person_id == person_id, *_good(tx)).values(expires_at=tx.now)
    )
    return _known(person_id)


async def forget_expired(tx: Tx) -> int:
    """Delete the records of links that nobody will ask about any more; returns how many."""
    gone = await tx.session.execute(sa.delete(SignInLink).where(SignInLink.created_at < tx.now - KEPT))
    return int(getattr(gone, "rowcount", 0))


def _usable(tx: Tx) -> list["sa.ColumnElement[bool]"]:
    return [*_good(tx), Person.active.is_(True)]


def _good(tx: Tx) -> list["sa.ColumnElement[bool]"]:
    return [SignInLink.used_at.is_(None), SignInLink.expires_at > tx.now]


def _known(found: T | None) -> T:
    """One answer for every bad link."""
    if found is None:
        raise LINK_INVALID.at("token", minutes=LIFETIME // timedelta(minutes=1))
    return found
