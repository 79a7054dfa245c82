"""Verbs on units."""

from datetime import date
from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.errors import RefusedMany
from vdept.units import importing, service
from vdept.units.models import Segment, UnitKind
from vdept.units.models import Unit as UnitRow
from vdept_graphql.context import Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode, decode_optional
from vdept_graphql.inputs import In, file_content, given, given_value
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, as_it_is, one, perform
from vdept_graphql.units import Unit, load_units


@strawberry.type(description="What a mutation of a unit answers with.")
class UnitPayload:
    """The unit, or why not."""

    unit: Unit | None = field(default=None, description="The unit after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A new unit of the registry.")
class CreateUnitInput:
    """What a unit starts with."""

    code: str = field(description="National e-identifier, code in the registry, or tax code; unique.")
    name: str = field(description="Name in Vietnamese.")
    kind: UnitKind = field(description="What kind of organisation it is; never changes.")
    parent_id: strawberry.ID | None = field(
        default=None, description="The unit directly above; none for firms and associations."
    )
    name_en: str | None = field(default=None, description="Name in English.")
    division: str | None = field(default=None, description="What the registry calls it, such as phường.")
    valid_from: date | None = field(default=None, description="First day; today unless given.")
    valid_to: date | None = field(default=None, description="Last day; none unless given.")
    segments: list[Segment] | None = field(default=None, description="The segments it belongs to.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A change of a unit; what is left out stays as it is.")
class UpdateUnitInput:
    """What changes."""

    unit_id: strawberry.ID = field(description="Which unit.")
    code: str | None = field(default=strawberry.UNSET, description="Corrected code.")
    name: str | None = field(default=strawberry.UNSET, description="New name in Vietnamese.")
    name_en: str | None = field(default=strawberry.UNSET, description="New name in English; null: none.")
    division: str | None = field(default=strawberry.UNSET, description="What the registry calls it.")
    valid_to: date | None = field(
        default=strawberry.UNSET, description="Last day on which it exists; null: no end."
    )
    segments: list[Segment] | None = field(
        default=strawberry.UNSET, description="All the segments it belongs to; an empty list: none."
    )
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A file of units: CSV or Excel, one unit a row, matched by code.")
class ImportUnitsInput:
    """The file and whether to write."""

    file: str = field(description="The file's content in base64.")
    filename: str = field(description="Its name; the ending says the format (.csv, .xlsx).")
    dry_run: bool = field(
        default=False, description="Check only: report what would be done and write nothing."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type(description="What an import of units did, or would do. With errors nothing was written.")
class ImportUnitsPayload:
    """Counts, or every bad row."""

    created: int | None = field(default=None, description="How many units are new.")
    updated: int | None = field(default=None, description="How many units change.")
    unchanged: int | None = field(default=None, description="How many units are as in the file already.")
    segments_changed: int | None = field(
        default=None, description="Of the new and changed units: how many get other segments than they had."
    )
    dry_run: bool | None = field(default=None, description="Whether nothing was written on purpose.")
    ignored_columns: list[str] | None = field(default=None, description="Columns that mean nothing here.")
    errors: list[UserError] = field(description="Every fault with its cell in `path`, such as `file`, `B7`.")


@strawberry.type
class UnitMutation:
    """Verbs on units."""

    @strawberry.mutation(description="Enter a unit into the registry. For administrators.")
    async def create_unit(
        self,
        info: Info,
        input: In[CreateUnitInput],
    ) -> UnitPayload | None:
        async def verb(tx: Tx) -> UnitRow:
            return await service.create_unit(
                tx,
                code=input.code,
                name=input.name,
                kind=input.kind,
                parent_id=decode_optional(input.parent_id, "Unit", "parentId"),
                name_en=input.name_en,
                division=input.division,
                valid_from=input.valid_from,
                valid_to=input.valid_to,
                segments=input.segments or (),
            )

        return await perform(info, UnitPayload, input, verb, one("unit", load_units))

    @strawberry.mutation(
        description="Rename a unit, correct its code, set its last day or its segments. For administrators; "
        "its managers may set the English name."
    )
    async def update_unit(
        self,
        info: Info,
        input: In[UpdateUnitInput],
    ) -> UnitPayload | None:
        async def verb(tx: Tx) -> UnitRow:
            return await service.update_unit(
                tx,
                decode(input.unit_id, "Unit", "unitId"),
                code=given_value(input.code, "code"),
                name=given_value(input.name, "name"),
                name_en=given(input.name_en),
                division=given(input.division),
                valid_to=given(input.valid_to),
                segments=given_value(input.segments, "segments"),
                expected_version=input.expected_version,
            )

        return await perform(info, UnitPayload, input, verb, one("unit", load_units))

    @strawberry.mutation(
        description="Create and update units from a file, all or nothing. For administrators. Dry-run it "
        "first: every bad row is named by its cell. The column `segments` takes names separated by commas, "
        "or NONE."
    )
    async def import_units(
        self,
        info: Info,
        input: In[ImportUnitsInput],
    ) -> ImportUnitsPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            content = file_content(input.file, "file")
            report = await importing.import_units(tx, content, input.filename, dry_run=input.dry_run)
            if report.errors:
                raise RefusedMany([error.under("file") for error in report.errors])
            return {
                "created": report.created,
                "updated": report.updated,
                "unchanged": report.unchanged,
                "segments_changed": report.placed,
                "dry_run": report.dry_run,
                "ignored_columns": list(report.ignored_columns),
            }

        return await perform(info, ImportUnitsPayload, input, verb, as_it_is)
