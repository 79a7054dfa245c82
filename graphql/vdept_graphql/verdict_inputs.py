"""What a verdict rests on, typed; what its value was read from; and who headed the unit then."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.targets.models import Basis, Direction, Rollup
from vdept.verdicts import queries
from vdept.verdicts.models import Verdict as VerdictRow
from vdept.verdicts.models import VerdictSubject
from vdept_graphql.context import Info

if TYPE_CHECKING:
    from vdept_graphql.measurements import Measurement
    from vdept_graphql.people import Person
    from vdept_graphql.targets import Target


async def load_verdict_heads(tx: Tx, ids: list[int]) -> dict[int, "VerdictHead"]:
    """Whose verdict each is."""
    from vdept_graphql.people import Person

    found = await queries.heads_of_verdicts(tx, ids)
    return {
        key: VerdictHead(since=head.since, person=Person.from_row(head.person)) for key, head in found.items()
    }


async def load_verdict_sources(tx: Tx, ids: list[int]) -> dict[int, "VerdictSource"]:
    """What each was measured from."""
    found = await queries.readings_behind(tx, ids)
    return {key: VerdictSource.of(inputs) for key, inputs in found.items()}


async def load_unmet(tx: Tx, keys: list[tuple[int, ...]]) -> dict[tuple[int, ...], list["Target"]]:
    """The targets that verdicts name, of those the actor sees, by what each verdict names."""
    from vdept_graphql.targets import load_targets

    found = await load_targets(tx, sorted({number for key in keys for number in key}))
    return {key: [found[number] for number in key if number in found] for key in keys}


@strawberry.type(description="Who headed the unit on the due date (người đứng đầu khi đến hạn).")
class VerdictHead:
    """A tenure, as far as a verdict tells of it."""

    since: date = field(description="Since when they had headed it.")
    person: Annotated["Person", strawberry.lazy("vdept_graphql.people")] = field(description="Who it was.")


@strawberry.type(description="What the value of a verdict was read from (nguồn số liệu của kết luận).")
class VerdictSource:
    """Where a reading came from, as it was when the verdict was issued."""

    name: str = field(description="The source's name, or what was given as such.")
    recorded_at: datetime = field(description="When the value was recorded.")
    received_at: datetime | None = field(
        description="When its document came in; null if it was not received from a connected source, and "
        "for who does not work in the source's unit."
    )
    sha256: str | None = field(
        description="The SHA-256 of that document, in hexadecimal; for those who work in the source's unit."
    )
    measurement_key: strawberry.Private[int]

    @classmethod
    def of(cls, inputs: Any) -> "VerdictSource":
        return cls(
            name=inputs["source"],
            recorded_at=datetime.fromisoformat(inputs["recorded_at"]),
            received_at=None
            if inputs.get("received_at") is None
            else datetime.fromisoformat(inputs["received_at"]),
            sha256=inputs.get("sha256"),
            measurement_key=inputs["measurement_id"],
        )

    @field(description="The measurement.")
    def measurement(
        self, info: Info
    ) -> Annotated["Measurement", strawberry.lazy("vdept_graphql.measurements")] | None:
        from vdept_graphql.measurements import load_measurements

        return info.context.load(load_measurements, self.measurement_key)


@strawberry.type(
    description="What a verdict rests on (căn cứ kết luận), as it was then. Of a unit's verdict only the "
    "counts are there."
)
class VerdictInputs:
    """The inputs, typed."""

    basis: Basis | None = field(description="Which values judge the key result.")
    used: Basis | None = field(description="Which value was used: reports give way where there are none.")
    numerator: Decimal | None = field(description="What a ratio has above the line.")
    denominator: Decimal | None = field(description="What a ratio has below the line.")
    as_of: date | None = field(description="The day of the unit's own reading; null for a rolled-up value.")
    measured: Decimal | None = field(description="The measured value; null: there was none.")
    reported: Decimal | None = field(description="The reported value beside it.")
    goal_high: Decimal | None = field(description="The upper bound of BETWEEN.")
    direction: Direction | None = field(description="In which direction the value must lie.")
    baseline: Decimal | None = field(description="Where the unit started from.")
    rollup: Rollup | None = field(description="How the value follows from the children's.")
    binding: bool | None = field(description="Whether the unit must meet it to meet the plan.")
    at_risk_points: Decimal | None = field(description="The first threshold of pace that was in force.")
    off_track_points: Decimal | None = field(description="The second one.")
    children_count: int | None = field(description="How many targets it was assigned on to.")
    children_met: int | None = field(description="How many of those were met.")
    task_weight: Decimal | None = field(
        description="Of a milestone: the weight of its tasks; null where figures of tasks are not for you."
    )
    delivered_weight: Decimal | None = field(description="The weight of those delivered in time.")
    verified_weight: Decimal | None = field(description="The weight of those verified.")
    targets: int | None = field(description="Of a unit: how many targets it had.")
    targets_met: int | None = field(description="How many of them were met.")
    targets_not_met: int | None = field(description="How many were not.")
    binding_count: int | None = field(description="How many of them bound it.")
    binding_met: int | None = field(description="How many of those were met.")
    unmet_keys: strawberry.Private[tuple[int, ...]]

    @classmethod
    def of(cls, row: VerdictRow, *, tasks: bool) -> "VerdictInputs":
        said, of_unit = row.inputs, row.subject is VerdictSubject.UNIT

        def quantity(name: str) -> Decimal | None:
            return None if said.get(name) is None else Decimal(said[name])

        return cls(
            basis=_enum(Basis, said.get("basis")),
            used=_enum(Basis, said.get("used")),
            numerator=quantity("numerator"),
            denominator=quantity("denominator"),
            as_of=None if said.get("as_of") is None else date.fromisoformat(said["as_of"]),
            measured=quantity("measured"),
            reported=quantity("reported"),
            goal_high=quantity("goal_high"),
            direction=_enum(Direction, said.get("direction")),
            baseline=quantity("baseline"),
            rollup=_enum(Rollup, said.get("rollup")),
            binding=None if of_unit else said.get("binding"),
            at_risk_points=quantity("at_risk_points"),
            off_track_points=quantity("off_track_points"),
            children_count=said.get("children"),
            children_met=said.get("children_met"),
            task_weight=quantity("task_weight") if tasks else None,
            delivered_weight=quantity("delivered_weight") if tasks else None,
            verified_weight=quantity("verified_weight") if tasks else None,
            targets=said.get("targets"),
            targets_met=said.get("met"),
            targets_not_met=said.get("not_met"),
            binding_count=said.get("binding") if of_unit else None,
            binding_met=said.get("binding_met"),
            unmet_keys=tuple(said.get("unmet") or ()),
        )

    @field(description="Of a unit: the first hundred binding targets it did not meet, of those you may see.")
    def unmet(self, info: Info) -> list[Annotated["Target", strawberry.lazy("vdept_graphql.targets")]]:
        return info.context.load(load_unmet, self.unmet_keys) if self.unmet_keys else []


def _enum(of: Any, value: str | None) -> Any:
    return None if value is None else of(value)
