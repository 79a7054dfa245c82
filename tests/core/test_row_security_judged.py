"""The second wall around what is measured and judged: what bare statements of somebody reach."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from factories import NOW, SYSTEM, indicator, source
from tasks_world import World, build
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope, implied
from vdept.signals.models import Detector, Signal
from vdept.sources.models import (
    ConnectorKind,
    Intake,
    IntakeState,
    RejectedReading,
    SourceConnector,
    Way,
)

DAY = date(2026, 3, 9)
OF_SOURCES = ("source_connector", "intake", "rejected_reading")
TABLES = (*OF_SOURCES, "signal")
NOTHING: dict[str, list[str]] = {table: [] for table in TABLES}


class Side(NamedTuple):
    """Somebody with a unit that has a source and a signal."""

    name: str
    who: Actor
    unit_id: int
    source_id: int
    intake_id: int


class Sides(NamedTuple):
    db: Database
    world: World
    mine: Side
    theirs: Side
    below: Side
    """A commune's, below a province."""


@pytest.fixture
async def sides(db: Database) -> Sides:
    world = await build(db)
    made = [await _side(world, name) for name in ("firm", "rival", "commune")]
    return Sides(db, world, *made)


async def _side(world: World, name: str) -> Side:
    """One row in every table, marked with the side's name."""
    who, unit_id = world.actors[f"{name}_head"], world.units[name].id
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        of = await source(tx, world.units[name], await indicator(tx), way=Way.PULL)
        intake = Intake(
            source_id=of.id, unit_id=unit_id, state=IntakeState.FAILED, received_at=NOW, error=name
        )
        tx.session.add(intake)
        await tx.session.flush()
        tx.session.add_all(
            [
                SourceConnector(
                    source_id=of.id,
                    unit_id=unit_id,
                    kind=ConnectorKind.HTTP_JSON,
                    setting={"name": name},
                    credentials=b"sealed",
                    every_minutes=60,
                ),
                RejectedReading(
                    source_id=of.id,
                    unit_id=unit_id,
                    intake_id=intake.id,
                    row=0,
                    given={"note": name},
                    code="READING_UNIT_UNKNOWN",
                    path="unit",
                    params={},
                    rejected_at=NOW,
                ),
                Signal(
                    detector=Detector.RUSH,
                    key=name,
                    unit_id=unit_id,
                    score=Decimal(1),
                    evidence={},
                    found_on=DAY,
                    found_at=NOW,
                ),
            ]
        )
        return Side(name, who, unit_id, of.id, intake.id)


WHOSE = {
    "source_connector": "SELECT setting->>'name' FROM source_connector",
    "intake": "SELECT error FROM intake",
    "rejected_reading": "SELECT given->>'note' FROM rejected_reading",
    "signal": "SELECT key FROM signal",
}
"""Bare statements that say whose rows a table shows."""


async def shown(database: Database, who: Actor) -> dict[str, list[str]]:
    async with database.snapshot(who) as tx:
        return {table: sorted(map(str, await tx.session.scalars(text(WHOSE[table])))) for table in TABLES}


def with_role(who: Actor, role: Role) -> Actor:
    return replace(who, seats=tuple(replace(seat, role=role) for seat in who.seats))


async def test_everybody_is_shown_their_own_units_and_nobody_elses(sides: Sides) -> None:
    for side in (sides.mine, sides.theirs, sides.below):
        assert await shown(sides.db, side.who) == {table: [side.name] for table in TABLES}


async def test_from_above_a_unit_signals_are_shown_and_what_its_sources_sent_is_not(sides: Sides) -> None:
    seen = await shown(sides.db, sides.world.province_head)
    assert seen == NOTHING | {"signal": [sides.below.name]}


async def test_an_official_who_has_nothing_to_do_with_it_is_shown_nothing(sides: Sides) -> None:
    for who in (sides.world.other_head, sides.world.ministry_head):
        assert await shown(sides.db, who) == NOTHING


async def test_whoever_only_observes_a_unit_opens_nothing_that_its_sources_sent(sides: Sides) -> None:
    seen = await shown(sides.db, with_role(sides.mine.who, Role.OBSERVER))
    assert [seen[table] for table in OF_SOURCES] == [[]] * 3
    seen = await shown(sides.db, with_role(sides.mine.who, Role.MEMBER))
    assert [seen[table] for table in OF_SOURCES] == [[sides.mine.name]] * 3


async def test_nobody_is_shown_nothing_and_the_platform_everything(sides: Sides) -> None:
    assert await shown(sides.db, Actor(ActorKind.PERSON)) == NOTHING
    for who in (SYSTEM, Actor(ActorKind.PERSON, person_id=1, administrator=True)):
        seen = await shown(sides.db, who)
        assert {table: len(rows) for table, rows in seen.items()} == dict.fromkeys(TABLES, 3)


@pytest.mark.parametrize(
    ("scopes", "sources", "signals"),
    [
        ({Scope.MEASUREMENTS_READ}, True, False),
        ({Scope.MEASUREMENTS_WRITE}, True, False),
        ({Scope.TASKS_READ}, False, True),
        ({Scope.PLANS_READ}, False, False),
    ],
    ids=["reads values", "writes values", "tasks", "neither"],
)
async def test_a_client_opens_what_its_units_sources_sent_only_with_that_scope(
    sides: Sides, scopes: set[Scope], sources: bool, signals: bool
) -> None:
    seat = Seat(sides.mine.unit_id, Role.COORDINATOR, (sides.mine.unit_id,), public_body=False)
    client = Actor(ActorKind.CLIENT, client_id=1, seats=(seat,), scopes=implied(scopes))
    seen = await shown(sides.db, client)
    mine = [sides.mine.name]
    assert [seen[table] for table in OF_SOURCES] == [mine if sources else []] * 3
    assert seen["signal"] == (mine if signals else [])


CHANGES = {
    "source_connector": "UPDATE source_connector SET token = token + 1",
    "rejected_reading": "UPDATE rejected_reading SET state = 'REPLAYED', resolved_at = now()",
    "signal": "UPDATE signal SET state = 'ANSWERED', answered_at = now(), answer = 'x'",
}


@pytest.mark.parametrize("table", sorted(CHANGES))
async def test_a_bare_update_reaches_ones_own_units_rows_only(sides: Sides, table: str) -> None:
    for who, rows in ((sides.world.other_head, 0), (sides.mine.who, 1), (SYSTEM, 3)):
        async with sides.db.begin(who) as tx:
            answer: Any = await tx.session.execute(text(CHANGES[table]))
            assert answer.rowcount == rows


async def test_a_connector_is_removed_by_its_own_unit_only(sides: Sides) -> None:
    for who, rows in ((sides.theirs.who, 1), (sides.theirs.who, 0), (sides.world.other_head, 0)):
        async with sides.db.begin(who) as tx:
            answer: Any = await tx.session.execute(text("DELETE FROM source_connector"))
            assert answer.rowcount == rows


async def test_what_came_in_is_deleted_by_the_platforms_clearing_only(sides: Sides) -> None:
    for table in ("rejected_reading", "intake"):
        async with sides.db.begin(sides.mine.who) as tx:
            answer: Any = await tx.session.execute(text(f"DELETE FROM {table}"))
            assert answer.rowcount == 0
    async with sides.db.begin(SYSTEM) as tx:
        answer = await tx.session.execute(text("DELETE FROM rejected_reading"))
        assert answer.rowcount == 3


@pytest.mark.parametrize(
    "statement", ["UPDATE intake SET rejected = 0", "DELETE FROM signal"], ids=["intake", "signal"]
)
async def test_what_came_in_and_what_was_found_stays_as_it_is(sides: Sides, statement: str) -> None:
    for who in (sides.mine.who, SYSTEM):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with sides.db.begin(who) as tx:
                await tx.session.execute(text(statement))


FORGED = {
    "a connector of another unit's source": "INSERT INTO source_connector (source_id, unit_id, kind, "
    "setting, every_minutes) VALUES (:source, :unit, 'HTTP_JSON', '{}', 60) ON CONFLICT DO NOTHING",
    "an intake of another unit": "INSERT INTO intake (source_id, unit_id, state, received_at) "
    "VALUES (:source, :unit, 'RECEIVED', now())",
    "a rejected reading of another unit": "INSERT INTO rejected_reading (source_id, unit_id, intake_id, "
    "row, given, code, path, params, rejected_at) VALUES (:source, :unit, :intake, 0, '{}', 'x', 'x', '{}', "
    "now())",
    "a signal of another unit": "INSERT INTO signal (detector, key, unit_id, score, evidence, found_on, "
    "found_at) VALUES ('RUSH', 'y', :unit, 1, '{}', now(), now())",
    "a signal of one's own unit": "INSERT INTO signal (detector, key, unit_id, score, evidence, found_on, "
    "found_at) VALUES ('RUSH', 'y', :own, 1, '{}', now(), now())",
}


@pytest.mark.parametrize("forged", sorted(FORGED))
async def test_nobody_puts_in_what_is_not_theirs(sides: Sides, forged: str) -> None:
    theirs, statement = sides.theirs, FORGED[forged]
    given = {"source": theirs.source_id, "unit": theirs.unit_id, "intake": theirs.intake_id}
    given["own"] = sides.mine.unit_id
    with pytest.raises(DBAPIError, match="row-level security"):
        async with sides.db.begin(sides.mine.who) as tx:
            await tx.session.execute(
                text(statement), {name: value for name, value in given.items() if f":{name}" in statement}
            )


JUDGED = {
    "a verdict": "INSERT INTO verdict (subject, plan_id, unit_id, number, judgement, due_on, evaluated_on, "
    "inputs, issued_at) VALUES ('UNIT', 1, 1, 1, 'MET', now(), now(), '{}', now())",
    "its news": "INSERT INTO verdict_news VALUES (1)",
    "a gap": "INSERT INTO outcome_gap (plan_id, unit_id, target_id, on_day) VALUES (1, 1, 0, now())",
}
UNDONE = (
    "UPDATE verdict SET superseded_at = now()",
    "DELETE FROM verdict_news",
    "UPDATE outcome_gap SET points = 0",
    "DELETE FROM outcome_gap",
)


async def test_what_is_judged_is_written_by_the_platform_alone_whatever_a_verb_forgets(
    sides: Sides,
) -> None:
    """Nobody issues a verdict or takes one back, keeps a gap or touches one; not the head whose it is."""

    async def forge(statement: str) -> None:
        async with sides.db.begin(sides.mine.who) as tx:
            await tx.widen()
            await tx.session.execute(text(statement))

    for statement in JUDGED.values():
        with pytest.raises(DBAPIError, match="row-level security"):
            await forge(statement)
    async with sides.db.begin(SYSTEM) as tx:
        for statement in JUDGED.values():
            await tx.session.execute(text(statement))
    for statement in UNDONE:
        for who, rows in ((sides.mine.who, 0), (SYSTEM, 1)):
            async with sides.db.begin(who) as tx:
                answer: Any = await tx.session.execute(text(statement))
                assert (statement, answer.rowcount) == (statement, rows)


@pytest.mark.parametrize("table", ["source_connector", "rejected_reading"])
async def test_a_row_cannot_be_moved_to_another_unit(sides: Sides, table: str) -> None:
    """Neither out of sight nor into somebody else's hands."""
    with pytest.raises(DBAPIError, match="row-level security"):
        async with sides.db.begin(sides.mine.who) as tx:
            await tx.session.execute(
                text(f"UPDATE {table} SET unit_id = :unit"), {"unit": sides.theirs.unit_id}
            )
