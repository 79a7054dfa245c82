"""Lists of values as one bound array: the statement stays the same for one row and for eleven thousand."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine


def array_of(values: Iterable[Any], of: "TypeEngine[Any] | None" = None) -> sa.Cast[Any]:
    """One bound array of ``of`` (64-bit integers unless told)."""
    kind = sa.BigInteger() if of is None else of
    return sa.cast(list(values), sa.ARRAY(kind))


def among(column: Any, ids: Iterable[int]) -> sa.ColumnElement[bool]:
    """``column = ANY(ids)``."""
    condition: sa.ColumnElement[bool] = column == sa.any_(array_of(sorted(set(ids))))
    return condition


def rows_of(name: str, **columns: "tuple[Iterable[Any], TypeEngine[Any]]") -> sa.TableValuedAlias:
    """A table of bound arrays, one column each, as in ``FROM unnest($1, $2) AS name(a, b)``."""
    arrays = [array_of(values, of) for values, of in columns.values()]
    names = [sa.column(column, of) for column, (_, of) in columns.items()]
    return sa.func.unnest(*arrays).table_valued(*names, name=name).render_derived()
