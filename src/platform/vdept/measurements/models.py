"""Measurements."""

from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Quantity, Timestamp, one_of
from vdept.targets.models import Basis


class Measurement(Base):
    """One value of an indicator for a unit as of a date.

    The reading that counts for a target is the latest by ``(as_of, id)`` within the plan's start and the
    target's due date; a correction keeps ``as_of`` and has the higher id, so it wins without a flag.

    Unit and indicator carry no foreign key: this is the hottest table, the checks were 43 % of the cost of
    an insertion, and their shared lock on the one row of a busy indicator is what writers would meet on.
    Instead every verb looks both up before it writes, and a trigger refuses to delete a unit or an indicator.
    """

    __tablename__ = "measurement"
    __table_args__ = (
        sa.CheckConstraint("denominator > 0", name="denominator"),
        sa.CheckConstraint("(numerator IS NULL) = (denominator IS NULL)", name="ratio_has_both"),
        sa.Index(
            "ix_measurement_reading",
            "unit_id",
            "indicator_id",
            "basis",
            sa.text("as_of DESC"),
            sa.text("id DESC"),
            postgresql_include=["value", "numerator", "denominator"],
        ),
        sa.Index(
            "uq_measurement_supersedes_id",
            "supersedes_id",
            unique=True,
            postgresql_where=sa.text("supersedes_id IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    indicator_id: Mapped[int] = mapped_column(sa.BigInteger)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    basis: Mapped[Basis] = mapped_column(one_of(Basis, "basis"))
    as_of: Mapped[date]
    value: Mapped[Decimal] = mapped_column(Quantity)
    numerator: Mapped[Decimal | None] = mapped_column(Quantity)
    denominator: Mapped[Decimal | None] = mapped_column(Quantity)
    source: Mapped[str]
    note: Mapped[str | None]
    recorded_at: Mapped[Timestamp]
    recorded_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    supersedes_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    source_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    """The registered source that measured it; ``source`` keeps the name that it had then."""
    intake_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    """What it came in with, for a value from a source: when, and the hash of the raw document."""
    put_right: Mapped[bool] = mapped_column(server_default=sa.text("false"), default=False)
    """Whether what the source sent was rejected, and put right by somebody before it counted."""
