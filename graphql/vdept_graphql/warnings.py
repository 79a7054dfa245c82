"""Early warnings: what passes a threshold, with its evidence and the head's answer."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import argument, field
from strawberry.scalars import JSON

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.warnings import queries
from vdept.warnings.models import ClosedBecause, Severity, WarningKind, WarningSubject
from vdept.warnings.models import EarlyWarning as WarningRow
from vdept.warnings.words import sentence
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode_optional, encode
from vdept_graphql.inputs import distinct
from vdept_graphql.people import Person, load_persons
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.plans import Plan
    from vdept_graphql.sources import Source
    from vdept_graphql.targets import Target
    from vdept_graphql.tasks import Task

described(
    WarningKind,
    "Which threshold was passed (loại cảnh báo).",
    PACE="A target is behind its expected pace (chậm tiến độ).",
    GAP="What is reported lies above what is measured (chênh lệch báo cáo và đo được).",
    SILENCE="No value for longer than the indicator's frequency (không có số liệu).",
    UNACKNOWLEDGED="A target that its unit has not acknowledged within the grace period (chưa tiếp nhận).",
    ABANDONED="An accepted task without an update for too long (nhận mà bỏ).",
    NO_TIME_LEFT="The remaining work does not fit into the remaining working days (không kịp hạn).",
    SOURCE_FAILING="A source cannot be asked: more than three times in a row, or for a day (nguồn lỗi).",
    SOURCE_SILENT="No good row from a source for longer than its frequency (nguồn im lặng).",
)
described(
    Severity,
    "How gravely a threshold was passed (mức độ).",
    graphql_name="WarningSeverity",
    AT_RISK="Passed (có nguy cơ).",
    OFF_TRACK="Passed by far (chệch hướng).",
)
described(
    ClosedBecause,
    "Why a warning is no longer open (lý do đóng). Nobody closes one by hand.",
    graphql_name="WarningClosedBecause",
    ENDED="What it warned of has ended (đã hết).",
    DUE="The due date has passed: the verdict, or lateness, speaks instead (đã đến hạn).",
    DONE="The task was delivered (đã xong).",
    PAUSED="The target, task or source was paused (tạm dừng).",
    WITHDRAWN="The target was taken back, or the source closed (đã rút).",
    CANCELLED="The task was given up (đã hủy).",
    DECLINED="The task was declined (đã từ chối).",
    PLAN_CLOSED="The plan is no longer in force (kế hoạch đã kết thúc).",
)


async def load_warnings(tx: Tx, ids: list[int]) -> dict[int, "EarlyWarning"]:
    """Warnings by number."""
    found = await queries.warnings_by_ids(tx, ids)
    return {key: EarlyWarning.from_row(row) for key, row in found.items()}


async def load_warnings_of(
    tx: Tx, ids: list[int], subject: WarningSubject, open_only: bool
) -> dict[int, list["EarlyWarning"]]:
    """The warnings of each target, or of each task."""
    found = await queries.warnings_of(tx, subject, ids, open_only=open_only)
    return {key: [EarlyWarning.from_row(row) for row in rows] for key, rows in found.items()}


async def load_answers(tx: Tx, ids: list[int]) -> dict[int, list["WarningAnswer"]]:
    """What was answered to each warning."""
    found = await queries.answers_of(tx, ids)
    return {key: [WarningAnswer.of(answer) for answer in answers] for key, answers in found.items()}


NODES["EarlyWarning"] = load_warnings


@strawberry.type(description="What the head answered to a warning (trả lời cảnh báo).")
class WarningAnswer:
    """One answer; the latest is the one that holds."""

    at: datetime = field(description="When.")
    response: str = field(description="What will be done.")
    respond_by: date = field(description="By when.")
    person_key: strawberry.Private[int | None]

    @classmethod
    def of(cls, answer: queries.Answer) -> "WarningAnswer":
        return cls(
            at=answer.at,
            response=answer.response,
            respond_by=answer.respond_by,
            person_key=answer.person_id,
        )

    @field(description="Who answered.")
    def by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.person_key)


@strawberry.type(
    description="A threshold that was passed (cảnh báo sớm): opened and closed by the platform, answered by "
    "the head of the unit."
)
class EarlyWarning(Node):
    """A warning as its row says it."""

    kind: WarningKind = field(description="Which threshold.")
    severity: Severity = field(description="How gravely it was passed.")
    evidence: JSON = field(description="The values that show it; quantities as text, exact.")
    opened_on: date = field(description="Since which day.")
    opened_at: datetime = field(description="When it was found.")
    acknowledged_at: datetime | None = field(description="When the head last answered; null: not yet.")
    response: str | None = field(description="What the head says will be done.")
    respond_by: date | None = field(description="By when.")
    escalated_at: datetime | None = field(description="When the head above was told for want of an answer.")
    closed_at: datetime | None = field(description="When it closed by itself; null: it is open.")
    closed_because: ClosedBecause | None = field(description="Why it closed.")
    key: strawberry.Private[int]
    subject: strawberry.Private[WarningSubject]
    subject_key: strawberry.Private[int]
    plan_key: strawberry.Private[int | None]
    unit_key: strawberry.Private[int]
    acknowledged_by_key: strawberry.Private[int | None]
    raw: strawberry.Private[dict[str, Any]]

    @classmethod
    def from_row(cls, row: WarningRow) -> "EarlyWarning":
        return cls(
            id=encode("EarlyWarning", row.id),
            kind=row.kind,
            severity=row.severity,
            evidence=JSON({_camel(name): value for name, value in row.evidence.items()}),
            opened_on=row.opened_on,
            opened_at=row.opened_at,
            acknowledged_at=row.acknowledged_at,
            response=row.response,
            respond_by=row.respond_by,
            escalated_at=row.escalated_at,
            closed_at=row.closed_at,
            closed_because=row.closed_because,
            key=row.id,
            subject=row.subject,
            subject_key=row.subject_id,
            plan_key=row.plan_id,
            unit_key=row.unit_id,
            acknowledged_by_key=row.acknowledged_by_id,
            raw=row.evidence,
        )

    @field(description="What is wrong, in one sentence with its figures, in your language.")
    def sentence(self, info: Info) -> str:
        return sentence(self.kind, self.raw, info.context.locale)

    @field(description="The unit that is warned: it holds the target, leads the task or has the source.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="The plan that it is about, if any; null if you see only your own part of it.")
    def plan(self, info: Info) -> Annotated["Plan", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_plans

        return info.context.load(load_plans, self.plan_key)

    @field(description="The target that it is about, if it is about one.")
    def target(self, info: Info) -> Annotated["Target", strawberry.lazy("vdept_graphql.targets")] | None:
        from vdept_graphql.targets import load_targets

        of_target = self.subject is WarningSubject.TARGET
        return info.context.load(load_targets, self.subject_key if of_target else None)

    @field(description="The task that it is about, if it is about one.")
    def task(self, info: Info) -> Annotated["Task", strawberry.lazy("vdept_graphql.tasks")] | None:
        from vdept_graphql.tasks import load_tasks

        of_task = self.subject is WarningSubject.TASK
        return info.context.load(load_tasks, self.subject_key if of_task else None)

    @field(description="The source that it is about, if it is about one.")
    def source(self, info: Info) -> Annotated["Source", strawberry.lazy("vdept_graphql.sources")] | None:
        from vdept_graphql.sources import load_sources

        of_source = self.subject is WarningSubject.SOURCE
        return info.context.load(load_sources, self.subject_key if of_source else None)

    @field(description="The head who answered last.")
    def acknowledged_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.acknowledged_by_key)

    @field(description="Everything that was answered, the latest first.")
    def answers(self, info: Info) -> list[WarningAnswer]:
        return info.context.load(load_answers, self.key)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@strawberry.type(description="How many open warnings there are of one kind and severity (số cảnh báo).")
class WarningCount:
    """One line of a head's board."""

    kind: WarningKind = field(description="Which threshold.")
    severity: Severity = field(description="How gravely it was passed.")
    number: int = field(description="How many.")
    unacknowledged: int = field(description="How many of them the heads have not answered.")


@strawberry.input(description="Which warnings; all conditions given must hold.")
class EarlyWarningFilter:
    """Conditions of a list of warnings."""

    unit_id: strawberry.ID | None = field(default=None, description="Of this unit.")
    below: bool = field(default=False, description="With `unitId`: and of all units below it.")
    plan_id: strawberry.ID | None = field(default=None, description="In this plan.")
    kinds: list[WarningKind] | None = field(default=None, description="Of one of these kinds.")
    severity: Severity | None = field(default=None, description="Of this severity.")
    open: bool | None = field(
        default=True, description="Open, or closed; null: both. Open ones unless given."
    )
    unacknowledged: bool | None = field(default=None, description="Without an answer, or with one.")

    def plain(self) -> queries.WarningFilter:
        return queries.WarningFilter(
            unit_id=decode_optional(self.unit_id, "Unit", "filter", "unitId"),
            below=self.below,
            plan_id=decode_optional(self.plan_id, "Plan", "filter", "planId"),
            kinds=distinct(self.kinds),
            severity=self.severity,
            open=self.open,
            unacknowledged=self.unacknowledged,
        )


@strawberry.type
class WarningQuery:
    """Reads of early warnings."""

    @field(description="An early warning by its global id; null if there is none or you may not see it.")
    async def warning(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The warning's global id.")]
    ) -> EarlyWarning | None:
        return await info.context.one(load_warnings, decode_optional(id, "EarlyWarning", "id"))

    @field(description="Early warnings, the gravest first and of those the oldest.")
    async def warnings(
        self,
        info: Info,
        filter: Annotated[
            EarlyWarningFilter | None, argument(description="Which warnings; the open ones unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[EarlyWarning]:
        which = filter.plain() if filter else queries.WarningFilter()
        async with info.context.reading() as tx:
            page = await queries.warnings_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, EarlyWarning.from_row)

    @field(
        description="How many early warnings are open, by kind and severity: a head's board. Only what there "
        "are any of; the gravest first."
    )
    async def warning_counts(
        self,
        info: Info,
        unit_id: Annotated[strawberry.ID | None, argument(description="Of this unit.")] = None,
        below: Annotated[bool, argument(description="With `unitId`: and of all units below it.")] = False,
        plan_id: Annotated[strawberry.ID | None, argument(description="In this plan.")] = None,
    ) -> list[WarningCount]:
        which = queries.WarningFilter(
            unit_id=decode_optional(unit_id, "Unit", "unitId"),
            below=below,
            plan_id=decode_optional(plan_id, "Plan", "planId"),
        )
        async with info.context.reading() as tx:
            return [WarningCount(**count._asdict()) for count in await queries.counts(tx, which)]
