"""What sources have in the contract, as the policy answers it: added to ``hunt.fields``."""

import json
from collections.abc import Iterable
from typing import Any

from hunt import judged_rows as j
from hunt import lists
from hunt import rows as r
from hunt.answers import Answers
from hunt.fields import BY_NAME, _by_id, _which, has, plainly, to
from hunt.lists import Given, Page, by
from vdept.kernel.text import fold

NEWEST = by("id", descending=True)


def _of(column: str, rows: str) -> Any:
    """The rows of a list that name this row."""
    return lambda a, row: [each for each in getattr(a.world, rows) if getattr(each, column) == row.id]


# Sources ----------------------------------------------------------------------------------------------------


def _measures(a: Answers, source: j.Source) -> list[int]:
    return [each.indicator_id for each in a.world.source_indicators if each.source_id == source.id]


def _indicators(a: Answers, source: j.Source, _g: Given) -> list[r.Indicator]:
    rows = a.seen("Indicator", [a.world.get("indicators", one) for one in _measures(a, source)])
    return sorted(rows, key=lambda row: (row.sort_key, row.id))


def _last_received(a: Answers, source: j.Source, _g: Given) -> Any:
    """The time of the last document, which is not always the latest time."""
    rows = [each for each in a.world.intakes if each.source_id == source.id and each.state == "RECEIVED"]
    return next((row.received_at for row in reversed(a.seen("Intake", rows))), None)


def _in_state(kind: str, rows: Iterable[Any], a: Answers, given: Given) -> Page:
    fit = [row for row in rows if lists.holds(row.state, given.get("state"))]
    return a.page(kind, fit, NEWEST, given)


plainly(
    "Source", name="name", method="method", limits="limits", state="state", stateReason="state_reason",
    failingSince="failing_since", way="way",
)  # fmt: skip
has("Source", "", lastReceivedAt=_last_received)
has("Source", "Unit", unit=to("Unit", "unit_id"))
has("Source", "[Indicator]", indicators=_indicators)
has(
    "Source",
    "{Intake}",
    intakes=lambda a, s, g: _in_state("Intake", _of("source_id", "intakes")(a, s), a, g),
)
has(
    "Source",
    "{RejectedReading}",
    rejectedReadings=lambda a, s, g: _in_state("RejectedReading", _of("source_id", "rejected")(a, s), a, g),
)
has(
    "Unit",
    "{Source}",
    sources=lambda a, u, g: a.page("Source", _of("unit_id", "sources")(a, u), BY_NAME, g),
)
has(
    "Indicator",
    "{Source}",
    sources=lambda a, i, g: a.page(
        "Source", [s for s in a.world.sources if i.id in _measures(a, s)], BY_NAME, g
    ),
)


def _connector(a: Answers, source: j.Source, _g: Given) -> Any:
    """How it is asked: for whoever works in its unit, in person."""
    if not a.sight.connector(source.id):
        return None
    return next((each for each in a.world.connectors if each.source_id == source.id), None)


has("Source", "SourceConnector", connector=_connector)
plainly("SourceConnector", kind="kind", everyMinutes="every_minutes", failures="failures")
has(
    "SourceConnector",
    "",
    origin=lambda _a, x, _g: json.loads(x.setting)["url"].rstrip("/"),
    setting=lambda _a, x, _g: json.loads(x.setting),
    hasCredentials=lambda *_: True,
)


def _source_fits(a: Answers, source: j.Source, given: Given) -> bool:
    indicator, below = given.get("indicatorId"), given.get("belowId")
    failing = given.get("failing")
    return (
        lists.ids(given, unitId=("Unit", source.unit_id))
        and (below is None or lists.number(below) in a.world.get("units", source.unit_id).path)
        and (indicator is None or lists.number(indicator) in _measures(a, source))
        and lists.holds(source.state, given.get("states"))
        and lists.holds(source.way, given.get("way"))
        and (failing is None or failing == (source.failing_since is not None))
        and lists.reads(fold(source.name), given.get("text"))
    )


has("Query", "Source", source=_by_id("Source"))
has(
    "Query",
    "{Source}",
    sources=lambda a, _r, g: a.page(
        "Source", [s for s in a.world.sources if _source_fits(a, s, _which(g))], BY_NAME, g
    ),
)

# What came in -----------------------------------------------------------------------------------------------


def _failure(_a: Answers, intake: j.Intake, _g: Given) -> dict[str, Any] | None:
    return None if intake.error is None else {"code": intake.error}


plainly(
    "Intake", state="state", receivedAt="received_at", size="size", rows="rows", recorded="recorded",
    rejected="rejected",
)  # fmt: skip
has("Intake", "", sha256=lambda _a, x, _g: x.sha256 and x.sha256.hex())
has("Intake", "*", failure=_failure)
has("Intake", "Source", source=to("Source", "source_id"))
has(
    "Intake",
    "{RejectedReading}",
    rejectedReadings=lambda a, x, g: _in_state("RejectedReading", _of("intake_id", "rejected")(a, x), a, g),
)

plainly("RejectedReading", place="row", code="code", path="path", state="state", reason="reason")
has("RejectedReading", "", given=lambda _a, x, _g: json.loads(x.given), raw=lambda *_: None)
has("RejectedReading", "Intake", intake=to("Intake", "intake_id"))
has("RejectedReading", "Source", source=to("Source", "source_id"))
has("RejectedReading", "Person", resolvedBy=to("Person", "resolved_by_id"))
has("RejectedReading", "Measurement", measurement=to("Measurement", "measurement_id"))

plainly("Measurement", source="source")
has("Measurement", "Source", measuredBy=to("Source", "source_id"))
has("Measurement", "Intake", intake=to("Intake", "intake_id"))
