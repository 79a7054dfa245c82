"""Sources, their connectors, what came in and what was rejected."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of, ref
from vdept.kernel.text import fold
from vdept.targets.models import Frequency


class Way(StrEnum):
    """How values come in: sent by a program of the unit, or fetched by the worker."""

    PUSH = "PUSH"
    PULL = "PULL"


class Reach(StrEnum):
    """Which units a source may measure: its unit and those below it, or every public body."""

    SUBTREE = "SUBTREE"
    NATION = "NATION"


class SourceState(StrEnum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"


class ConnectorKind(StrEnum):
    """What a connector asks: a JSON document, a CSV file or an Excel workbook at a URL, or a database."""

    HTTP_JSON = "HTTP_JSON"
    HTTP_CSV = "HTTP_CSV"
    HTTP_EXCEL = "HTTP_EXCEL"
    POSTGRESQL = "POSTGRESQL"


class IntakeState(StrEnum):
    """RECEIVED: its rows were judged one by one. FAILED: there was no document to judge."""

    RECEIVED = "RECEIVED"
    FAILED = "FAILED"


class RejectedState(StrEnum):
    OPEN = "OPEN"
    REPLAYED = "REPLAYED"
    DISMISSED = "DISMISSED"


class Source(Base):
    """A system that measures. ``method``: how it measures, in words; ``limits``: what it cannot see.

    ``frequency``: how often it has new values; without any for longer it is silent and a warning opens.
    """

    __tablename__ = "source"
    __table_args__ = (
        sa.UniqueConstraint("unit_id", "name"),
        sa.CheckConstraint("(state = 'ACTIVE') = (state_reason IS NULL)", name="state_has_reason"),
        sa.Index("ix_source_sort", "sort_key", "id"),
    )

    id: Mapped[Id]
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"))
    name: Mapped[str]
    search: Mapped[str] = mapped_column(default=lambda row: fold(row.get_current_parameters()["name"]))
    """The name without marks and case."""
    method: Mapped[str]
    limits: Mapped[str | None]
    frequency: Mapped[Frequency] = mapped_column(one_of(Frequency, "frequency"))
    way: Mapped[Way] = mapped_column(one_of(Way, "way"))
    reach: Mapped[Reach] = mapped_column(one_of(Reach, "reach"))
    state: Mapped[SourceState] = mapped_column(
        one_of(SourceState, "state"), server_default="ACTIVE", default=SourceState.ACTIVE
    )
    state_reason: Mapped[str | None]
    sort_key: Mapped[str] = mapped_column(sa.Text(collation="C"))
    created_at: Mapped[Timestamp]
    created_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    failing_since: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    """When its connector began to fail; None while it works."""
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class SourceIndicator(Base):
    """An indicator that a source measures."""

    __tablename__ = "source_indicator"

    source_id: Mapped[int] = mapped_column(sa.BigInteger, ref("source.id"), primary_key=True)
    indicator_id: Mapped[int] = mapped_column(
        sa.BigInteger, ref("indicator.id"), primary_key=True, index=True
    )


class SourceConnector(Base):
    """How the worker asks a source that is pulled, and how it stands with that.

    ``setting``: kind, address, mapping and limits as :mod:`vdept.sources.connectors` reads them.
    ``credentials``: encrypted, never shown. ``token`` fences a worker that lost its lease: the poll is
    claimed by moving ``next_at`` ahead.
    """

    __tablename__ = "source_connector"
    __table_args__ = (
        sa.CheckConstraint("every_minutes BETWEEN 1 AND 44640", name="every"),
        sa.Index("ix_source_connector_next_at", "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
        {"postgresql_with": {"fillfactor": 80}},
    )

    source_id: Mapped[int] = mapped_column(
        sa.BigInteger, ref("source.id"), primary_key=True, autoincrement=False
    )
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    kind: Mapped[ConnectorKind] = mapped_column(one_of(ConnectorKind, "kind"))
    setting: Mapped[dict[str, Any]] = mapped_column(JSONB)
    credentials: Mapped[bytes | None]
    every_minutes: Mapped[int]
    next_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    asked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    """When it was asked last: by hand not again within a minute."""
    token: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"), default=0)
    failures: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    etag: Mapped[str | None]
    last_sha256: Mapped[bytes | None]


class Intake(Base):
    """What came in at one time: a push or a poll, and what became of its rows."""

    __tablename__ = "intake"
    __table_args__ = (
        sa.CheckConstraint("(state = 'FAILED') = (error IS NOT NULL)", name="failed_has_error"),
        sa.CheckConstraint("recorded + unchanged + rejected = rows", name="no_row_lost"),
        sa.Index("ix_intake_source_id", "source_id", "id"),
    )

    id: Mapped[Id]
    source_id: Mapped[int] = mapped_column(sa.BigInteger, ref("source.id"))
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    state: Mapped[IntakeState] = mapped_column(one_of(IntakeState, "state"))
    received_at: Mapped[Timestamp]
    client_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    sha256: Mapped[bytes | None]
    size: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    recorded: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    unchanged: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    rejected: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    error: Mapped[str | None]
    params: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class RejectedReading(Base):
    """A row that made no measurement, as it came, with the refusal's code, place and parameters."""

    __tablename__ = "rejected_reading"
    __table_args__ = (
        sa.CheckConstraint("(state = 'OPEN') = (resolved_at IS NULL)", name="resolved"),
        sa.CheckConstraint("(state = 'DISMISSED') = (reason IS NOT NULL)", name="dismissed_has_reason"),
        sa.Index("ix_rejected_reading_intake_id", "intake_id", "id"),
        sa.Index(
            "ix_rejected_reading_measurement_id",
            "measurement_id",
            postgresql_where=sa.text("measurement_id IS NOT NULL"),
        ),
        sa.Index("ix_rejected_reading_open", "source_id", "id", postgresql_where=sa.text("state = 'OPEN'")),
        sa.Index("ix_rejected_reading_known", "source_id", "code"),
    )

    id: Mapped[Id]
    source_id: Mapped[int] = mapped_column(sa.BigInteger, ref("source.id"))
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    """The source's unit: whoever works there sees the row."""
    intake_id: Mapped[int] = mapped_column(sa.BigInteger, ref("intake.id"))
    row: Mapped[int]
    given: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What was judged, as :class:`vdept.sources.receiving.Given` has it: what a replay starts from."""
    raw: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    """What came in, where that is not what was judged last: the record of a document that a connector read,
    or what was sent before somebody tried to put it right."""
    code: Mapped[str]
    path: Mapped[str]
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    as_of: Mapped[date | None]
    rejected_at: Mapped[Timestamp]
    state: Mapped[RejectedState] = mapped_column(
        one_of(RejectedState, "state"), server_default="OPEN", default=RejectedState.OPEN
    )
    resolved_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    resolved_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    measurement_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    reason: Mapped[str | None]
    """Why it was dismissed."""
    put_right: Mapped[bool] = mapped_column(server_default=sa.text("false"), default=False)
    """Whether anybody changed what the source sent, in any try to replay it."""
