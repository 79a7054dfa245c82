"""Plans from a file (YAML or a sheet): dry run first, every bad entry named by its place, all or nothing.

Reading and every rule on plain values come before the first row is written; writing goes through the same
verbs as anybody's, inside a savepoint, so that a dry run can try all of it and take it back.
"""

import asyncio
import re
from dataclasses import dataclass, field, replace

from vdept.kernel.actor import MANAGING, Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused, RefusedMany
from vdept.targets import cascade, indicators, key_results, plans
from vdept.targets.access import MANAGERS_OF_ISSUER
from vdept.targets.import_entries import Entry
from vdept.targets.import_plans import Drafted, DraftedKeyResult, drafted
from vdept.targets.import_sources import read_plans, template
from vdept.targets.import_units import Names
from vdept.targets.models import Audience, Indicator, PlanState, Target

__all__ = ["ImportReport", "ImportedPlan", "import_plans", "template"]


@dataclass(frozen=True, slots=True)
class ImportedPlan:
    """One plan that was, or would be, created. Without a dry run ``plan_id`` is its id."""

    code: str
    title: str
    state: PlanState
    plan_id: int | None
    key_results: int
    targets: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do. With errors, nothing was written.

    Each error's path is its place in the file: a YAML path, or a cell such as ``("F7",)``.
    """

    dry_run: bool
    plans: tuple[ImportedPlan, ...] = ()
    errors: tuple[Refused, ...] = ()
    ignored: tuple[str, ...] = field(default=())

    @property
    def written(self) -> bool:
        return not self.dry_run and not self.errors


async def import_plans(
    tx: Tx,
    content: bytes,
    filename: str,
    *,
    dry_run: bool = False,
    issue: bool = False,
    assign: bool = False,
    shift_to_year: int | None = None,
) -> ImportReport:
    """Create the plans of a file as drafts, or issued, or issued and assigned as their entries say.

    ``shift_to_year`` moves every plan that is not ``closed`` by whole years, so that it starts in that year:
    its dates, milestones, and the year where it stands in title and code.
    """
    tx.actor.require(_draws_up_plans(tx.actor), MANAGERS_OF_ISSUER, "file")
    entries, problems, ignored = await asyncio.to_thread(read_plans, content, filename)
    found = [drafted(entry, shift_to_year) for entry in entries]
    drafts = [draft for draft in found if draft is not None]
    names = await Names.of(tx, drafts)
    names.check()
    for draft in drafts:
        for wanted in draft.key_results():
            wanted.check(draft.transient(), names.indicator(wanted))
    if not problems:
        made = await _try(tx, drafts, names, problems, issue=issue or assign, assign=assign, keep=not dry_run)
        if not problems:
            return ImportReport(dry_run, made, ignored=tuple(ignored))
    return ImportReport(dry_run, errors=tuple(sorted(problems, key=_place)), ignored=tuple(ignored))


def _place(problem: Refused) -> tuple[int | str, ...]:
    """Where a problem stands: by row and column of a sheet, or by the numbers in a YAML path."""
    cell = re.fullmatch(r"([A-Z]+)([0-9]+)", str(problem.path[0])) if len(problem.path) == 1 else None
    if cell is not None:
        return int(cell[2]), len(cell[1]), cell[1]
    return tuple(step for step in problem.path if isinstance(step, int))


def _draws_up_plans(actor: Actor) -> bool:
    """Whether any public body's plans are the actor's to write: a file is not read for anybody else."""
    managed = any(seat.public_body and seat.role in MANAGING for seat in actor.seats)
    return actor.sees_everything or managed


async def _try(
    tx: Tx,
    drafts: list[Drafted],
    names: Names,
    problems: list[Refused],
    *,
    issue: bool,
    assign: bool,
    keep: bool,
) -> tuple[ImportedPlan, ...]:
    """Write all plans; take them back, with what they recorded, on a problem or when not to be kept."""
    recorded, rung = len(tx.entries), set(tx.rung)
    savepoint = await tx.session.begin_nested()
    written = [await _write(tx, draft, names, issue=issue, assign=assign) for draft in drafts]
    made = tuple(plan for plan in written if plan is not None)
    if keep and not problems:
        await savepoint.commit()
        return made
    await savepoint.rollback()
    del tx.entries[recorded:]
    tx.rung = rung
    return tuple(replace(plan, plan_id=None) for plan in made)


async def _write(tx: Tx, draft: Drafted, names: Names, *, issue: bool, assign: bool) -> ImportedPlan | None:
    """Write one plan by the feature's own verbs; what they refuse is kept with its place in the file."""
    issuer = names.unit(draft.issuer)
    try:
        plan = await plans.create_plan(
            tx,
            title=draft.title,
            issuer_unit_id=issuer.id,
            starts_on=draft.starts_on,
            ends_on=draft.ends_on,
            audience=draft.audience or Audience.GOVERNMENT,
            code=draft.code,
            legal_basis=draft.legal_basis,
            grace_days=draft.grace_days,
            stale_days=draft.stale_days,
            three_roles=draft.three_roles,
        )
    except Refused as refused:
        _adopt_plan(draft.entry, refused)
        return None
    rows: list[tuple[DraftedKeyResult, int]] = []
    for objective in draft.objectives:
        parent = await plans.add_objective(tx, plan.id, objective.title)
        for wanted in objective.key_results:
            try:
                indicator = await _indicator(tx, wanted, names)
                row = await key_results.add_key_result(tx, parent.id, wanted.spec(indicator.id))
            except Refused as refused:
                wanted.entry.adopt(refused)
            else:
                rows.append((wanted, row.id))
    if draft.entry.problems:
        return None
    targets = 0
    if issue:
        plan = await plans.issue_plan(tx, plan.id)
        targets = len(rows)
        if assign:
            roots = await names.roots(tx, plan.id)
            for wanted, key_result_id in rows:
                targets += await _assign(tx, wanted, roots[key_result_id], names)
        if draft.closed:
            plan = await plans.close_plan(tx, plan.id)
    return ImportedPlan(plan.code, plan.title, plan.state, plan.id, len(rows), targets)


async def _indicator(tx: Tx, wanted: DraftedKeyResult, names: Names) -> Indicator:
    """The indicator of that code or name, or a new one."""
    known = names.indicator(wanted)
    if known is None:
        known = await indicators.create_indicator(tx, wanted.indicator_spec())
        names.learn(known)
    else:
        wanted.require_same(known)
    return known


async def _assign(tx: Tx, wanted: DraftedKeyResult, root: Target, names: Names) -> int:
    if not wanted.kinds and not wanted.names:
        return 0
    units = [names.unit(name).id for name in wanted.names]
    try:
        result = await cascade.assign(tx, root.id, all_of_kind=wanted.kinds or None, unit_ids=units or None)
    except Refused as refused:
        wanted.entry.adopt(refused)
        return 0
    except RefusedMany as many:
        for each in many.refusals:
            wanted.entry.adopt(each)
        return 0
    return result.count


def _adopt_plan(entry: Entry, refused: Refused) -> None:
    """``code`` and ``title`` are the plan's own here, not an indicator's."""
    if refused.path and refused.path[0] in {"code", "title"}:
        path = entry.place(str(refused.path[0]))
        entry.problems.append(Refused(refused.refusal, path, refused.params))
    else:
        entry.adopt(refused)
