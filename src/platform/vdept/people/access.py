"""Which persons and memberships an actor sees.

Public officials see everybody who works on the platform. Who is only in firms and associations sees
themselves and those who hold a role in one of their units, or are about to; of a former colleague there
remains the membership, which is the unit's own record, and not the person. Who they meet in a shared task,
they see through that task.
"""

from datetime import date
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND
from vdept.kernel.scopes import Scope
from vdept.people.models import AccessToken, Membership, Person

T = TypeVar("T")


def _sees_all(actor: Actor) -> bool:
    return actor.sees_everything or actor.is_public_official


def visible_persons(actor: Actor, today: date) -> "sa.ColumnElement[bool]":
    """The condition on ``person`` that this actor's reads start from."""
    if not actor.known or not actor.may(Scope.PEOPLE_READ):
        return sa.false()
    if _sees_all(actor):
        return sa.true()
    seat = aliased(Membership)  # apart from a membership that the query itself may read
    colleague = sa.exists().where(
        seat.person_id == Person.id,
        seat.unit_id.in_(sorted(actor.unit_ids)),
        sa.or_(seat.ends_on.is_(None), seat.ends_on >= today),
    )
    return sa.or_(Person.id == actor.person_id, colleague.correlate(Person))


def visible_memberships(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``membership`` that this actor's reads start from."""
    if not actor.known or not actor.may(Scope.PEOPLE_READ):
        return sa.false()
    if _sees_all(actor):
        return sa.true()
    return sa.or_(Membership.person_id == actor.person_id, Membership.unit_id.in_(sorted(actor.unit_ids)))


def visible_tokens(actor: Actor) -> "sa.ColumnElement[bool]":
    """One's own; all of them for an administrator; none for an API client, whoever it acts for."""
    if actor.sees_everything:
        return sa.true()
    return AccessToken.person_id == actor.person_id if actor.client_id is None else sa.false()


async def get_person(tx: Tx, person_id: int, *path: str | int) -> Person:
    """The person, or *not found*."""
    query = sa.select(Person).where(Person.id == person_id, visible_persons(tx.actor, tx.today))
    return await _one(tx, query, "person", path)


async def get_person_for_update(tx: Tx, person_id: int, *path: str | int) -> Person:
    """The person, locked until the end of the transaction and read anew."""
    query = sa.select(Person).where(Person.id == person_id, visible_persons(tx.actor, tx.today))
    return await _one(tx, _locked(query), "person", path)


async def get_person_by_email(tx: Tx, email: str, *path: str | int) -> Person:
    """The person with this address, in any case, or *not found*."""
    query = sa.select(Person).where(
        sa.func.lower(Person.email) == sa.func.lower(email.strip()), visible_persons(tx.actor, tx.today)
    )
    return await _one(tx, query, "person", path)


async def get_membership(tx: Tx, membership_id: int, *path: str | int) -> Membership:
    """The membership, or *not found*."""
    query = sa.select(Membership).where(Membership.id == membership_id, visible_memberships(tx.actor))
    return await _one(tx, query, "membership", path)


async def get_membership_for_update(tx: Tx, membership_id: int, *path: str | int) -> Membership:
    """The membership, locked until the end of the transaction and read anew."""
    query = sa.select(Membership).where(Membership.id == membership_id, visible_memberships(tx.actor))
    return await _one(tx, _locked(query), "membership", path)


async def get_token_for_update(tx: Tx, token_id: int, *path: str | int) -> AccessToken:
    """The token's record, locked, or *not found*."""
    query = sa.select(AccessToken).where(AccessToken.id == token_id, visible_tokens(tx.actor))
    return await _one(tx, _locked(query), "token", path)


def _locked(query: "sa.Select[T]") -> "sa.Select[T]":
    return query.with_for_update().execution_options(populate_existing=True)


async def _one(tx: Tx, query: "sa.Select[T]", what: str, path: tuple[str | int, ...]) -> T:
    row: T | None = await tx.session.scalar(query)
    if row is None:
        raise NOT_FOUND.at(*path, what=what)
    return row
