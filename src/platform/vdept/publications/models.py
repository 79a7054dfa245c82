"""Editions, their files, and the keys they are signed with."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of, ref


def _edition() -> sa.ForeignKey:
    """Checked at the end of the transaction: the files are written before what is signed of them is known."""
    return ref("edition.id", deferrable=True, initially="DEFERRED")


class RequestState(StrEnum):
    """What has come of the wish for an edition."""

    WAITING = "WAITING"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"


class EditionFormat(StrEnum):
    JSON = "JSON"
    CSV = "CSV"
    EXCEL = "EXCEL"
    HTML = "HTML"


class Edition(Base):
    """One publication of a plan. ``month``: its first day, for the edition of a month; None on demand.

    ``manifest``: what is signed: the plan, the number, dates, and the SHA-256 of each file; ``signature``:
    the compact JWS over it.
    """

    __tablename__ = "edition"
    __table_args__ = (
        sa.UniqueConstraint("plan_id", "number"),
        sa.UniqueConstraint("plan_id", "month"),
        sa.CheckConstraint("number > 0", name="number"),
        sa.CheckConstraint("corrects_number IS NULL OR corrects_number < number", name="corrects"),
    )

    id: Mapped[Id]
    plan_id: Mapped[int] = mapped_column(sa.BigInteger, ref("plan.id"))
    number: Mapped[int]
    month: Mapped[date | None]
    as_of: Mapped[date]
    published_at: Mapped[Timestamp]
    published_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    corrects_number: Mapped[int | None]
    note: Mapped[str | None]
    targets: Mapped[int]
    units: Mapped[int]
    manifest: Mapped[dict[str, Any]] = mapped_column(JSONB)
    kid: Mapped[str]
    signature: Mapped[str]


class EditionFile(Base):
    """One format of an edition."""

    __tablename__ = "edition_file"

    edition_id: Mapped[int] = mapped_column(sa.BigInteger, _edition(), primary_key=True)
    format: Mapped[EditionFormat] = mapped_column(one_of(EditionFormat, "format"), primary_key=True)
    sha256: Mapped[bytes]
    size: Mapped[int] = mapped_column(sa.BigInteger)


class EditionChunk(Base):
    """A part of a file, compressed by itself (zlib), so that it is written and read in bounded memory."""

    __tablename__ = "edition_chunk"

    edition_id: Mapped[int] = mapped_column(sa.BigInteger, _edition(), primary_key=True)
    format: Mapped[EditionFormat] = mapped_column(one_of(EditionFormat, "format"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class EditionKey(Base):
    """A key that editions are signed with; its public part stays in the JWKS for ever.

    ``private``: encrypted; empty once it is retired.
    """

    __tablename__ = "edition_key"

    id: Mapped[Id]
    kid: Mapped[str] = mapped_column(unique=True)
    public: Mapped[dict[str, Any]] = mapped_column(JSONB)
    private: Mapped[bytes]
    created_at: Mapped[Timestamp]
    retired_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class EditionRequest(Base):
    """The wish for an edition beside the monthly ones; the worker publishes it and says what came of it.

    One at a time for each plan. ``error``: why it failed, in a few words for whoever runs the platform.
    """

    __tablename__ = "edition_request"
    __table_args__ = (
        sa.CheckConstraint("(state = 'PUBLISHED') = (edition_id IS NOT NULL)", name="edition"),
        sa.CheckConstraint("(state = 'WAITING') = (finished_at IS NULL)", name="finished"),
        sa.Index(
            "uq_edition_request_waiting",
            "plan_id",
            unique=True,
            postgresql_where=sa.text("state = 'WAITING'"),
        ),
        sa.Index("ix_edition_request_plan_id", "plan_id", "id"),
    )

    id: Mapped[Id]
    plan_id: Mapped[int] = mapped_column(sa.BigInteger, ref("plan.id"))
    corrects_number: Mapped[int | None]
    note: Mapped[str | None]
    requested_at: Mapped[Timestamp]
    requested_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    state: Mapped[RequestState] = mapped_column(
        one_of(RequestState, "state"), server_default="WAITING", default=RequestState.WAITING
    )
    finished_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    edition_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    error: Mapped[str | None]
