"""Provider identities and one-time sign-in links. Sessions are kept in Valkey (``sessions.py``)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, ref


class Identity(Base):
    """A subject of an identity provider. Without a person, it waits until an administrator says whose."""

    __tablename__ = "identity"
    __table_args__ = (
        sa.UniqueConstraint("issuer", "subject"),
        sa.Index("ix_identity_person_id", "person_id"),
        sa.Index("ix_identity_waiting", "id", postgresql_where=sa.text("person_id IS NULL")),
        sa.Index(
            "ix_identity_unlinked_from_id",
            "unlinked_from_id",
            postgresql_where=sa.text("unlinked_from_id IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    issuer: Mapped[str]
    subject: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("person.id"))
    name: Mapped[str | None]
    email: Mapped[str | None]
    """What the provider says; shown to the administrator, believed only where the rules say so."""
    first_seen_at: Mapped[Timestamp]
    last_seen_at: Mapped[Timestamp]
    linked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    linked_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    unlinked_from_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    """From whom an administrator took it; only an administrator gives it to anybody again."""


class SignInLink(Base):
    """A one-time link. Only the SHA-256 of its token is kept."""

    __tablename__ = "sign_in_link"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.BigInteger, ref("person.id"), index=True)
    created_at: Mapped[Timestamp]
    expires_at: Mapped[Timestamp] = mapped_column(index=True)
    used_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
