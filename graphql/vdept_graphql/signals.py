"""Signals: what looks unusual, with its evidence, when it may mean nothing, and the answer."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import strawberry
from strawberry import argument, field
from strawberry.scalars import JSON

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.signals import queries
from vdept.signals.models import Detector, SignalState
from vdept.signals.models import Signal as SignalRow
from vdept.signals.words import note, sentence
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode_optional, encode
from vdept_graphql.indicators import Indicator, load_indicators
from vdept_graphql.inputs import distinct
from vdept_graphql.people import Person, load_persons
from vdept_graphql.plans import Plan, load_plans
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.tasks import Task

described(
    Detector,
    "Which rule found a signal (bộ dò).",
    graphql_name="SignalDetector",
    DRIFT="What is reported moves away from what is measured, reading by reading (báo cáo xa dần số đo).",
    JUMP="A value lies implausibly far from its series (giá trị đột biến).",
    COPIED="Units of different lines report the same series of values (số liệu sao chép).",
    RUSH="Most of a week's tasks were finished at once, just before due (hoàn thành dồn trước hạn).",
    BACKDATED="Values were entered long after their date, just when they count (nhập lùi ngày).",
    PING_PONG="A task goes back and forth between units (đùn đẩy).",
    SAME_ANSWER="Different questions were given nearly the same answer (trả lời trùng lặp).",
)
described(
    SignalState,
    "What has become of a signal (trạng thái dấu hiệu).",
    OPEN="Nobody has answered yet (chưa trả lời).",
    ANSWERED="The unit has said what is behind it (đã trả lời).",
    DISMISSED="Found to mean nothing (bỏ qua).",
)

_NUMBERED: Final = {
    "task_ids": "Task",
    "measurement_ids": "Measurement",
    "warning_ids": "EarlyWarning",
    "unit_ids": "Unit",
}
"""Evidence that names objects, by what they are."""


async def load_signals(tx: Tx, ids: list[int]) -> dict[int, "Signal"]:
    """Signals by number."""
    found = await queries.signals_by_ids(tx, ids)
    return {key: Signal.from_row(row) for key, row in found.items()}


NODES["Signal"] = load_signals


def _shown(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Names and ids as the API has them."""
    return {
        _camel(name): [encode(_NUMBERED[name], number) for number in value] if name in _NUMBERED else value
        for name, value in evidence.items()
    }


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@strawberry.type(
    description="Something that looks unusual in the log or the series (dấu hiệu bất thường): a question to "
    "the head of a unit and never a verdict. No figure depends on it."
)
class Signal(Node):
    """A signal as its row says it."""

    detector: Detector = field(description="Which rule found it.")
    score: Decimal = field(
        description="How strong it is, in the rule's own measure: a number, days, percent."
    )
    evidence: JSON = field(description="The values that show it; quantities as text, exact; objects by id.")
    found_on: date = field(description="On which day it was found.")
    found_at: datetime = field(description="When it was found.")
    state: SignalState = field(description="Whether it has been answered.")
    answer: str | None = field(description="What the unit said, or why it was dismissed.")
    answered_at: datetime | None = field(description="When it was answered or dismissed.")
    unit_key: strawberry.Private[int]
    plan_key: strawberry.Private[int | None]
    task_key: strawberry.Private[int | None]
    indicator_key: strawberry.Private[int | None]
    answered_by_key: strawberry.Private[int | None]
    raw: strawberry.Private[dict[str, Any]]

    @classmethod
    def from_row(cls, row: SignalRow) -> "Signal":
        return cls(
            id=encode("Signal", row.id),
            detector=row.detector,
            score=row.score,
            evidence=JSON(_shown(row.evidence)),
            found_on=row.found_on,
            found_at=row.found_at,
            state=row.state,
            answer=row.answer,
            answered_at=row.answered_at,
            unit_key=row.unit_id,
            plan_key=row.plan_id,
            task_key=row.task_id,
            indicator_key=row.indicator_id,
            answered_by_key=row.answered_by_id,
            raw=row.evidence,
        )

    @field(description="What looks unusual, in one sentence with its figures, in your language.")
    def sentence(self, info: Info) -> str:
        return sentence(self.detector, self.raw, info.context.locale)

    @field(description="When this rule is wrong: what else may be behind it, in your language.")
    def note(self, info: Info) -> str:
        return note(self.detector, info.context.locale)

    @field(description="The unit that is asked.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="The plan that it is about, if it is about one; null if you may not see it.")
    def plan(self, info: Info) -> Plan | None:
        return info.context.load(load_plans, self.plan_key)

    @field(description="The task that it is about, if it is about one.")
    def task(self, info: Info) -> Annotated["Task", strawberry.lazy("vdept_graphql.tasks")] | None:
        from vdept_graphql.tasks import load_tasks

        return info.context.load(load_tasks, self.task_key)

    @field(description="The indicator whose values it is about, if it is about values.")
    def indicator(self, info: Info) -> Indicator | None:
        return info.context.load(load_indicators, self.indicator_key)

    @field(description="Who answered or dismissed it.")
    def answered_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.answered_by_key)


@strawberry.input(description="Which signals; all conditions given must hold.")
class SignalFilter:
    """Conditions of a list of signals."""

    unit_id: strawberry.ID | None = field(default=None, description="Of this unit.")
    below: bool = field(default=False, description="With `unitId`: and of all units below it.")
    plan_id: strawberry.ID | None = field(default=None, description="About this plan.")
    detectors: list[Detector] | None = field(default=None, description="Found by one of these rules.")
    states: list[SignalState] | None = field(default=None, description="In one of these states.")

    def plain(self) -> queries.SignalFilter:
        return queries.SignalFilter(
            unit_id=decode_optional(self.unit_id, "Unit", "filter", "unitId"),
            below=self.below,
            plan_id=decode_optional(self.plan_id, "Plan", "filter", "planId"),
            detectors=distinct(self.detectors),
            states=distinct(self.states),
        )


@strawberry.type
class SignalQuery:
    """Reads of signals."""

    @field(description="A signal by its global id; null if there is none or you may not see it.")
    async def signal(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The signal's global id.")]
    ) -> Signal | None:
        return await info.context.one(load_signals, decode_optional(id, "Signal", "id"))

    @field(
        description="Signals, the newest first: those of the units that you manage or work in, and of the "
        "units below a public body of yours."
    )
    async def signals(
        self,
        info: Info,
        filter: Annotated[
            SignalFilter | None, argument(description="Which signals; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Signal]:
        which = filter.plain() if filter else queries.SignalFilter()
        async with info.context.reading() as tx:
            page = await queries.signals_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Signal.from_row)
