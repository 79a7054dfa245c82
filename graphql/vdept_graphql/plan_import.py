"""Plans from a file: YAML, or a sheet that an office sends."""

from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.errors import RefusedMany
from vdept.targets import importing
from vdept.targets.models import PlanState
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.inputs import In, file_content
from vdept_graphql.mutations import IDEMPOTENCY_KEY, perform
from vdept_graphql.plans import Plan, load_plans


@strawberry.input(description="A file of plans: YAML, CSV or Excel, with objectives and key results.")
class ImportPlansInput:
    """The file, and how far to go."""

    file: str = field(description="The file's content in base64.")
    filename: str = field(description="Its name; the ending says the format (.yaml, .csv, .xlsx).")
    dry_run: bool = field(default=False, description="Try all of it and write nothing.")
    issue: bool = field(default=False, description="Issue the plans, instead of leaving them as drafts.")
    assign: bool = field(default=False, description="Issue them, and assign targets as the entries say.")
    shift_to_year: int | None = field(
        default=None, description="Move every plan that is not closed by whole years, to start in this year."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type(description="A plan that an import made, or would make (kế hoạch được nhập).")
class ImportedPlan:
    """One plan of the file."""

    code: str = field(description="Its code.")
    title: str = field(description="Its title.")
    state: PlanState = field(description="How far it got.")
    key_results: int = field(description="How many key results it has.")
    targets: int = field(description="How many targets were assigned, roots included.")
    plan: Plan | None = field(description="The plan; null after a dry run.")


@strawberry.type(description="What an import of plans did, or would do. With errors nothing was written.")
class ImportPlansPayload:
    """The plans, or every fault."""

    plans: list[ImportedPlan] | None = field(default=None, description="In the order of the file.")
    ignored: list[str] | None = field(default=None, description="Columns and entries that mean nothing here.")
    dry_run: bool | None = field(default=None, description="Whether nothing was written on purpose.")
    errors: list[UserError] = field(
        description="Every fault with its place in `path`: `file`, then a cell such as `F7` or a YAML path."
    )


async def _imported(context: Context, answer: Any) -> dict[str, Any]:
    async with context.reading() as tx:
        found = await load_plans(tx, [made["plan_id"] for made in answer["plans"] if made["plan_id"]])
    plans = [
        ImportedPlan(
            code=made["code"],
            title=made["title"],
            state=PlanState(made["state"]),
            key_results=made["key_results"],
            targets=made["targets"],
            plan=found.get(made["plan_id"]),
        )
        for made in answer["plans"]
    ]
    return {"plans": plans, "ignored": answer["ignored"], "dry_run": answer["dry_run"]}


@strawberry.type
class PlanImportMutation:
    """Plans in bulk."""

    @strawberry.mutation(
        description="Create plans from a file, all or nothing; dry-run it first: every bad entry is named by "
        "its place. For managers of the units that issue them."
    )
    async def import_plans(self, info: Info, input: In[ImportPlansInput]) -> ImportPlansPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            report = await importing.import_plans(
                tx,
                file_content(input.file, "file"),
                input.filename,
                dry_run=input.dry_run,
                issue=input.issue,
                assign=input.assign,
                shift_to_year=input.shift_to_year,
            )
            if report.errors:
                raise RefusedMany([error.under("file") for error in report.errors])
            names = importing.ImportedPlan.__dataclass_fields__
            return {
                "plans": [{name: getattr(made, name) for name in names} for made in report.plans],
                "ignored": list(report.ignored),
                "dry_run": report.dry_run,
            }

        return await perform(info, ImportPlansPayload, input, verb, _imported)
