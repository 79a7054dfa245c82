"""Units and their place in the tree."""

from datetime import date
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, one_of, ref


class UnitKind(StrEnum):
    GOVERNMENT = "GOVERNMENT"
    MINISTRY = "MINISTRY"
    DEPARTMENT = "DEPARTMENT"
    PROVINCE = "PROVINCE"
    COMMUNE = "COMMUNE"
    FIRM = "FIRM"
    ASSOCIATION = "ASSOCIATION"


class Segment(StrEnum):
    """Whom programmes usually leave behind: figures are read for them apart."""

    DISADVANTAGED = "DISADVANTAGED"
    RURAL = "RURAL"
    MOUNTAINOUS = "MOUNTAINOUS"
    BORDER = "BORDER"
    ISLAND = "ISLAND"


BESIDE_THE_TREE = frozenset({UnitKind.FIRM, UnitKind.ASSOCIATION})


class Unit(Base):
    """An organisation that can hold targets and share tasks.

    ``code`` is its national e-identifier, its code in the administrative registry, or its tax code.
    """

    __tablename__ = "unit"
    __table_args__ = (
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="validity"),
        sa.CheckConstraint("path[cardinality(path)] = id", name="path_ends_here"),
        sa.CheckConstraint(
            "kind NOT IN ('FIRM', 'ASSOCIATION') OR parent_id IS NULL", name="beside_the_tree"
        ),
        sa.CheckConstraint(
            f"segments <@ ARRAY[{', '.join(repr(each.value) for each in Segment)}]::varchar[]",
            name="segments",
        ),
        sa.Index("ix_unit_path", "path", postgresql_using="gin"),
        sa.Index(
            "ix_unit_search", "search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}
        ),
        sa.Index("ix_unit_sort", "sort_key", "id"),
        sa.Index("ix_unit_parent_sort", "parent_id", "sort_key", "id"),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str | None]
    kind: Mapped[UnitKind] = mapped_column(one_of(UnitKind, "kind"))
    division: Mapped[str | None]
    parent_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("unit.id"))
    path: Mapped[list[int]] = mapped_column(ARRAY(sa.BigInteger))
    segments: Mapped[list[Segment]] = mapped_column(
        ARRAY(sa.String), server_default=sa.text("'{}'"), default=list
    )
    """In the order of :class:`Segment`, each once."""
    sort_key: Mapped[str] = mapped_column(sa.Text(collation="C"))
    search: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)

    @property
    def public_body(self) -> bool:
        return self.kind not in BESIDE_THE_TREE
