"""Persons, memberships and access tokens."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.actor import Role
from vdept.kernel.errors import Locale
from vdept.kernel.models import Base, Id, Timestamp, one_of, ref


class Person(Base):
    """Somebody who works on the platform. ``email`` is their name towards sign-in and tokens."""

    __tablename__ = "person"
    __table_args__ = (
        sa.Index("uq_person_email", sa.text("lower(email)"), unique=True),
        sa.Index("ix_person_sort", "sort_key", "id"),
        sa.Index(
            "ix_person_search", "search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}
        ),
    )

    id: Mapped[Id]
    name: Mapped[str]
    email: Mapped[str]
    locale: Mapped[Locale] = mapped_column(one_of(Locale, "locale"), server_default="VI", default=Locale.VI)
    administrator: Mapped[bool] = mapped_column(server_default=sa.false(), default=False)
    active: Mapped[bool] = mapped_column(server_default=sa.true(), default=True)
    sort_key: Mapped[str] = mapped_column(sa.Text(collation="C"))
    search: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class Membership(Base):
    """A person's role in a unit from ``starts_on`` to ``ends_on``, both days included."""

    __tablename__ = "membership"
    __table_args__ = (
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="dates"),
        sa.Index("ix_membership_person_id", "person_id"),
        sa.Index("ix_membership_unit_id", "unit_id", "role"),
        ExcludeConstraint(
            (sa.column("unit_id"), "="),
            (sa.text("daterange(starts_on, ends_on, '[]')"), "&&"),
            where=sa.text("role = 'HEAD'"),
            using="gist",
            name="ex_membership_one_head",
        ),
        ExcludeConstraint(
            (sa.column("unit_id"), "="),
            (sa.column("person_id"), "="),
            (sa.column("role"), "="),
            (sa.text("daterange(starts_on, ends_on, '[]')"), "&&"),
            using="gist",
            name="ex_membership_once",
        ),
    )

    id: Mapped[Id]
    person_id: Mapped[int] = mapped_column(sa.BigInteger, ref("person.id"))
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"))
    role: Mapped[Role] = mapped_column(one_of(Role, "role"))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]


class AccessToken(Base):
    """A bearer token. Only its SHA-256 is kept; the token itself is shown once, when it is minted."""

    __tablename__ = "access_token"

    id: Mapped[Id]
    person_id: Mapped[int] = mapped_column(sa.BigInteger, ref("person.id"), index=True)
    digest: Mapped[bytes] = mapped_column(unique=True)
    label: Mapped[str]
    created_at: Mapped[Timestamp]
    expires_at: Mapped[Timestamp]
    revoked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
