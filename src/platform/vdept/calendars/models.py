"""Public holidays, exceptions, and the calendars that follow from them."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of, ref

NATIONAL = 0
"""The id of the calendar that holds where no other does."""


class CalendarScope(StrEnum):
    """For whom an exception holds: everybody, a unit and all below it, or one unit alone."""

    NATIONAL = "NATIONAL"
    REGION = "REGION"
    UNIT = "UNIT"


class Holiday(Base):
    """A day that the package of that version has something to say of.

    ``working`` false: a public holiday or a substitute day off; true: a make-up day (làm bù).
    """

    __tablename__ = "holiday"

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    name: Mapped[str]
    name_en: Mapped[str]
    package_version: Mapped[str]


class CalendarException(Base):
    """A day that is worked or is off against the rule: a swap, a make-up Saturday, a local day off."""

    __tablename__ = "calendar_exception"
    __table_args__ = (
        sa.CheckConstraint("(scope = 'NATIONAL') = (unit_id IS NULL)", name="whose"),
        sa.Index(
            "uq_calendar_exception_day",
            "scope",
            sa.text("coalesce(unit_id, 0)"),
            "day",
            unique=True,
            postgresql_where=sa.text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    scope: Mapped[CalendarScope] = mapped_column(one_of(CalendarScope, "scope"))
    unit_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("unit.id"))
    day: Mapped[date]
    working: Mapped[bool]
    name: Mapped[str]
    reason: Mapped[str]
    created_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    created_at: Mapped[Timestamp]
    revoked_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    revoked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class WorkingCalendar(Base):
    """A calendar: the national one (id 0, without a unit), a region's, or a single unit's own.

    Once made it stays, and agrees with the one above it when its exceptions are revoked.
    """

    __tablename__ = "working_calendar"
    __table_args__ = (
        sa.CheckConstraint("(scope = 'NATIONAL') = (unit_id IS NULL)", name="whose"),
        sa.UniqueConstraint("scope", "unit_id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    scope: Mapped[CalendarScope] = mapped_column(one_of(CalendarScope, "scope"))
    unit_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("unit.id"))


class CalendarDay(Base):
    """One day of one calendar. ``ordinal``: working days from the calendar's beginning up to and with it.

    The index is not unique, though the pairs are: a changed day moves all that follow in one statement.
    """

    __tablename__ = "calendar_day"
    __table_args__ = (
        sa.Index(
            "ix_calendar_day_ordinal",
            "calendar_id",
            "ordinal",
            postgresql_where=sa.text("working"),
            postgresql_include=["day"],
        ),
    )

    calendar_id: Mapped[int] = mapped_column(
        sa.BigInteger, ref("working_calendar.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    ordinal: Mapped[int]


class CalendarChange(Base):
    """A day that became worked or free: whoever takes the row puts right what hangs on it."""

    __tablename__ = "calendar_change"

    id: Mapped[Id]
    calendar_id: Mapped[int] = mapped_column(sa.BigInteger)
    day: Mapped[date]
    at: Mapped[Timestamp]
