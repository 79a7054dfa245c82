"""Inputs of the verbs on sources and their readings."""

import strawberry
from strawberry import UNSET, field

from vdept.sources.models import Reach, Way
from vdept.sources.receiving import Given
from vdept.targets.models import Frequency
from vdept_graphql.flat_inputs import flat
from vdept_graphql.ids import split
from vdept_graphql.mutations import EXPECTED_VERSION, IDEMPOTENCY_KEY

WHICH = "Which source."
METHOD = "How it measures, in words; at most 2,000 characters."
LIMITS = "What it does not see, in words."
FREQUENCY = "How often it has new values; silent for longer, it is warned of."
REACH = "Which units it may measure; the whole nation only for ministries and the government."
NUMBER = " As decimal text such as `1234.5`: no exponent, no separators, at most six decimals."


@strawberry.input(description="A new source of a unit.")
class RegisterSourceInput:
    """What it is."""

    unit_id: strawberry.ID = field(description="The unit that answers for it.")
    name: str = field(description="Its name, once in the unit; at most 200 characters.")
    method: str = field(description=METHOD)
    limits: str | None = field(default=None, description=LIMITS)
    frequency: Frequency = field(description=FREQUENCY)
    way: Way = field(description="How its values come in.")
    reach: Reach = field(default=Reach.SUBTREE, description=REACH)
    indicator_ids: list[strawberry.ID] = field(description="What it measures, 1 to 500 indicators.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Changes of a source; what is left out stays.")
class UpdateSourceInput:
    """What changes."""

    source_id: strawberry.ID = field(description=WHICH)
    name: str | None = field(default=UNSET, description="Its name.")
    method: str | None = field(default=UNSET, description=METHOD)
    limits: str | None = field(default=UNSET, description=LIMITS)
    frequency: Frequency | None = field(default=UNSET, description=FREQUENCY)
    reach: Reach | None = field(default=UNSET, description=REACH)
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="What a source measures from now on.")
class SetSourceIndicatorsInput:
    """All of it."""

    source_id: strawberry.ID = field(description=WHICH)
    indicator_ids: list[strawberry.ID] = field(description="All that it measures, 1 to 500 indicators.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A source that takes nothing in until it is resumed.")
class PauseSourceInput:
    """Which, and why."""

    source_id: strawberry.ID = field(description=WHICH)
    reason: str = field(description="Why; whoever sends is told.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A paused source that takes values in again.")
class ResumeSourceInput:
    """Which."""

    source_id: strawberry.ID = field(description=WHICH)
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A source that ends for good.")
class CloseSourceInput:
    """Which, and why."""

    source_id: strawberry.ID = field(description=WHICH)
    reason: str = field(description="Why; whoever sends is told.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@flat
@strawberry.input(
    description="A value that a source measured. All of it is text that is judged row by row, so that one "
    "bad row costs no good one."
)
class PushedReadingInput:
    """A ratio is given by numerator and denominator, anything else by value."""

    unit_id: strawberry.ID | None = field(default=None, description="Where, by id.")
    unit_code: str | None = field(default=None, description="Where, by the unit's code; unless by id.")
    indicator_id: strawberry.ID | None = field(default=None, description="What was measured, by id.")
    indicator_code: str | None = field(
        default=None, description="What was measured, by the indicator's code; unless by id."
    )
    as_of: str | None = field(
        default=None,
        description="The day it is about: `2026-03-31`, `31/03/2026`, or `2026-03` and `2026` for the last "
        "day of the month or year.",
    )
    value: str | None = field(default=None, description="The value, unless a ratio." + NUMBER)
    numerator: str | None = field(default=None, description="Above the line, of a ratio." + NUMBER)
    denominator: str | None = field(default=None, description="Below the line, of a ratio." + NUMBER)
    unit_of_measure: str | None = field(
        default=None, description="In what it is counted; rejected if it is not what the indicator is in."
    )
    note: str | None = field(default=None, description="A remark.")


@strawberry.input(description="Values that a program sends for a source of its unit.")
class PushReadingsInput:
    """The good rows are recorded, whatever the others are."""

    source_id: strawberry.ID = field(description=WHICH)
    readings: list[PushedReadingInput] = field(description="The values, 1 to 50,000.")
    dry_run: bool = field(default=False, description="Say what would become of each row, and write nothing.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A rejected reading, and what is put right in it; what is left out stays.")
class ReplayedReadingInput:
    """Null takes a value away."""

    id: strawberry.ID = field(description="Which rejected reading.")
    unit_code: str | None = field(default=UNSET, description="Where, by the unit's code.")
    indicator_code: str | None = field(default=UNSET, description="What was measured, by its code.")
    as_of: str | None = field(default=UNSET, description="The day it is about.")
    value: str | None = field(default=UNSET, description="The value, unless a ratio.")
    numerator: str | None = field(default=UNSET, description="Above the line, of a ratio.")
    denominator: str | None = field(default=UNSET, description="Below the line, of a ratio.")
    unit_of_measure: str | None = field(default=UNSET, description="In what it is counted.")
    note: str | None = field(default=UNSET, description="A remark.")

    def changes(self) -> dict[str, str | None]:
        """What is given, by the names under which rows are kept."""
        given = {
            "unitCode": self.unit_code,
            "indicatorCode": self.indicator_code,
            "asOf": self.as_of,
            "value": self.value,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "unitOfMeasure": self.unit_of_measure,
            "note": self.note,
        }
        return {name: value for name, value in given.items() if value is not UNSET}


@strawberry.input(description="Rejected readings to judge again: either some, or all open ones of a source.")
class ReplayRejectedReadingsInput:
    """Rows of one source at a time."""

    readings: list[ReplayedReadingInput] | None = field(
        default=None, description="Which, and what is put right in them; at most 10,000 of one source."
    )
    source_id: strawberry.ID | None = field(
        default=None,
        description="All open ones of this source as they are (the first 10,000), such as after a unit was "
        "registered.",
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Rejected readings to set aside.")
class DismissRejectedReadingsInput:
    """Which, and why."""

    ids: list[strawberry.ID] = field(description="Which, at most 10,000.")
    reason: str = field(description="Why they make no measurement.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


def given_of(row: PushedReadingInput) -> Given:
    """The row for the core. An id that is none of ours is a unit or indicator that is not there."""
    unit: str | int | None = row.unit_code
    indicator: str | int | None = row.indicator_code
    raw = None
    if row.unit_id is not None:
        unit = _number(row.unit_id, "Unit")
        raw = row.unit_id if unit is None else None
    if row.indicator_id is not None:
        indicator = _number(row.indicator_id, "Indicator")
        raw = row.indicator_id if indicator is None else raw
    return Given(
        unit,
        indicator,
        row.as_of,
        row.value,
        row.numerator,
        row.denominator,
        row.note,
        None if raw is None else {"unitId": row.unit_id, "indicatorId": row.indicator_id},
        row.unit_of_measure,
    )


def _number(given: str, type_name: str) -> int | None:
    found = split(given)
    return found[1][0] if found is not None and found[0] == type_name and len(found[1]) == 1 else None
