"""The declarative base and the column types that every table shares."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, mapped_column

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Tables are named in the singular; relations are loaded by query, never lazily."""

    metadata = sa.MetaData(naming_convention=CONVENTION)


Quantity = sa.Numeric(24, 6)
"""A measured or targeted value in its indicator's unit of measure: exact, six decimals, never float."""

Id = Annotated[int, mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)]
Timestamp = Annotated[datetime, mapped_column(sa.DateTime(timezone=True))]


def ref(target: str, **options: object) -> "sa.ForeignKey":
    """A foreign key that refuses to orphan its rows."""
    return sa.ForeignKey(target, **options)  # type: ignore[arg-type]


def one_of(enum: type[StrEnum], name: str) -> sa.Enum:
    """A text column with a CHECK: adding a value later is one migration line, not a type rewrite."""
    return sa.Enum(enum, native_enum=False, create_constraint=True, length=24, name=name)
