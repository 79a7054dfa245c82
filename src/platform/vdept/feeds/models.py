"""Calendar feeds."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, ref


class CalendarFeed(Base):
    """An address that answers with due dates as iCalendar: a person's own, or with ``unit_id`` a unit's.

    A unit's feed is somebody's too: it ends with the membership of the person who made it.
    """

    __tablename__ = "calendar_feed"
    __table_args__ = (sa.Index("ix_calendar_feed_person_id", "person_id", "id"),)

    id: Mapped[Id]
    person_id: Mapped[int] = mapped_column(sa.BigInteger, ref("person.id"))
    unit_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("unit.id"))
    digest: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[Timestamp]
    revoked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    read_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
