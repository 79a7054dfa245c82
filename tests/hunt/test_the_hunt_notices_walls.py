"""Every policy of the second wall is broken once, and the hunt, asking with bare statements, must notice."""

import importlib.util
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hunt.conftest import databases
from hunt.documents import Composer
from hunt.hunter import Hunter, Leak, Place, hunting
from hunt.making import make
from hunt.occasions import OCCASIONS
from hunt.policy import Sight, viewer_of
from hunt.walls import WALLS
from hunt.world import World
from vdept.kernel.migrations import scripts_dir


def _migration(name: str) -> Any:
    path = scripts_dir() / "versions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


M, D = _migration("0003_row_security"), _migration("0004_deadlines")
J = _migration("0005_measured_judged_published")
GUARDED = tuple(WALLS)

IN_TASK: list[tuple[str, str]] = [
    (f"audience = ANY ({M.AUDIENCES}) OR ", ""),
    (f"audience = ANY ({M.AUDIENCES})", "audience IN ('PUBLIC', 'GOVERNMENT')"),
    (f"owner_unit_id = ANY ({M.UNITS})", "false"),
    (
        f"owner_unit_id = ANY ({M.UNITS})",
        f"owner_unit_id = ANY ({M.UNITS}) OR lead_unit_id = ANY ({M.UNITS})",
    ),
    ("OR (SELECT true FROM task_involvement i WHERE i.task_id = task.id LIMIT 1)", ""),
    (f"OR (SELECT u.path && {M.PUBLIC_UNITS} FROM unit u WHERE u.id = owner_unit_id)", ""),
]

IN_VIEW: list[tuple[str, str]] = [
    (f"p.state IN {M.LIVE} AND ", ""),
    (f"p.unit_id = ANY ({M.UNITS}) OR ", ""),
    (f" OR u.path && {M.PUBLIC_UNITS}", ""),
    (f"(p.unit_id = ANY ({M.UNITS}) OR u.path && {M.PUBLIC_UNITS})", "true"),
]


@pytest.fixture(scope="module")
async def walled(servers: Any, template: str) -> AsyncIterator[tuple[Hunter, Place]]:
    """A world in which there is an occasion for each of them."""
    needed = [OCCASIONS[name] for name in ("sets", "left", "declined to lead", "declined below")]
    with databases(servers, template, 1) as (url,):
        document = Composer(random.Random(1)).document()
        needed += [_one_number_for_both, _something_came_in, _something_was_found]
        async with hunting(url, "walls", documents=[document]) as hunter:
            seed = next(each for each in map(str, range(1_000)) if all(has(make(each)) for has in needed))
            yield hunter, await hunter.settle(seed)


def _one_number_for_both(world: World) -> bool:
    """The review of a target is reminded of that has the number of a task that some official sees."""
    reviewed = {x.subject_id for x in world.reminders if x.subject == "TARGET_REVIEW"}
    return any(task.id in reviewed and task.audience != "PARTICIPANTS" for task in world.tasks)


def _something_came_in(world: World) -> bool:
    """Somebody works where a row was rejected that is not open; somebody observes where it comes in."""
    people = [Sight(world, viewer_of(world, each)) for each in world.persons]
    people = [each for each in people if not each.all]
    over = {x.unit_id for x in world.rejected if x.state != "OPEN"}
    asked = {x.unit_id for x in world.connectors} & {x.unit_id for x in world.intakes}
    return any(s.working & over for s in people) and any((s.own - s.working) & asked for s in people)


def _something_was_found(world: World) -> bool:
    """About a unit itself, and about one below, with a task and without."""
    people = [Sight(world, viewer_of(world, each)) for each in world.persons]
    people = [each for each in people if not each.all]
    alone = [x for x in world.signals if x.task_id is None]
    below = any(s.above(x.unit_id) and x.unit_id not in s.own for s in people for x in world.signals)
    return below and any(x.unit_id in s.own and not s.above(x.unit_id) for s in people for x in alone)


async def everybody(walled: tuple[Hunter, Place]) -> None:
    """Each reader of the world once."""
    hunter, place = walled
    await hunter.walls(place, random.Random(1), len(place.readers))


async def broken(walled: tuple[Hunter, Place], spoil: str, mend: str) -> None:
    hunter, _ = walled
    await hunter.owner.execute(spoil)
    try:
        with pytest.raises(Leak):
            await everybody(walled)
    finally:
        await hunter.owner.execute(mend)


async def _said(walled: tuple[Hunter, Place], table: str) -> str:
    found = await walled[0].owner.fetchval(
        "SELECT qual FROM pg_policies WHERE tablename = $1 AND cmd = 'SELECT'", table
    )
    return str(found)


async def _name(walled: tuple[Hunter, Place], table: str) -> str:
    found = await walled[0].owner.fetchval(
        "SELECT policyname FROM pg_policies WHERE tablename = $1 AND cmd = 'SELECT'", table
    )
    return str(found)


async def test_the_walls_agree_while_nothing_is_broken(walled: tuple[Hunter, Place]) -> None:
    await everybody(walled)


@pytest.mark.parametrize("table", GUARDED)
@pytest.mark.parametrize("answer", ["true", "false"])
async def test_a_policy_that_shows_all_or_nothing_is_noticed(
    walled: tuple[Hunter, Place], table: str, answer: str
) -> None:
    change = f"ALTER POLICY {await _name(walled, table)} ON {table} USING ({{}})"
    await broken(walled, change.format(answer), change.format(await _said(walled, table)))


BY_DEADLINES: list[tuple[str, str, str]] = [
    ("notification", D.OWN, "person_id IS NOT NULL"),
    ("notification_preference", D.OWN, "false"),
    ("calendar_feed", D.OWN, "unit_id IS NULL"),
    ("webhook_endpoint", D.OF_OWN_UNIT, "false"),
    ("webhook_endpoint", D.OF_OWN_UNIT, f"unit_id <> ALL ({D.UNITS})"),
    ("webhook_delivery", D.OF_OWN_ENDPOINT, "notification_id IS NOT NULL"),
    ("reminder", f"recipient_id = {D.PERSON} OR ", ""),
    ("reminder", f"recipient_id = {D.PERSON}", "subject = 'TARGET_REVIEW'"),
    ("reminder", "subject IN ('TASK', 'TASK_REVIEW') AND ", ""),
]


@pytest.mark.parametrize(("table", "old", "new"), BY_DEADLINES)
async def test_a_broken_policy_of_deadlines_is_noticed(
    walled: tuple[Hunter, Place], table: str, old: str, new: str
) -> None:
    await _spoilt(walled, table, D.POLICIES[table]["SELECT"], old, new)


FROM_ABOVE = J.FROM_ABOVE.replace("= unit_id", "= signal.unit_id")
BY_JUDGED: list[tuple[str, str, str]] = [
    *[(table, J.OF_OWN_SOURCE, "false") for table in ("source_connector", "intake", "rejected_reading")],
    *[(table, J.OF_OWN_SOURCE, J.OF_OWN_UNIT) for table in ("source_connector", "intake")],
    ("intake", J.SEES_ALL, "true"),
    ("rejected_reading", J.OF_OWN_SOURCE, "state = 'OPEN'"),
    ("signal", J.OF_OWN_UNIT, "false"),
    ("signal", J.OF_OWN_UNIT, "task_id IS NOT NULL"),
    ("signal", FROM_ABOVE, "false"),
    ("early_warning", " OR subject IN ('TARGET', 'SOURCE')", ""),
    ("early_warning", "subject IN ('TARGET', 'SOURCE')", "subject = 'TARGET'"),
    ("early_warning", "subject IN ('TARGET', 'SOURCE')", "subject = 'SOURCE'"),
    ("early_warning", "subject IN ('TARGET', 'SOURCE')", "subject = 'TASK'"),
]
JUDGED = {table: commands["SELECT"] for table, commands in J.POLICIES.items()}
JUDGED["early_warning"] = J.WARNINGS_SEEN


@pytest.mark.parametrize(("table", "old", "new"), BY_JUDGED)
async def test_a_broken_policy_of_what_is_judged_is_noticed(
    walled: tuple[Hunter, Place], table: str, old: str, new: str
) -> None:
    await _spoilt(walled, table, JUDGED[table], old, new)


async def _spoilt(walled: tuple[Hunter, Place], table: str, whole: str, old: str, new: str) -> None:
    assert old in whole
    change = f"ALTER POLICY select_own ON {table} USING ({{}})"
    await broken(walled, change.format(whole.replace(old, new, 1)), change.format(await _said(walled, table)))


@pytest.mark.parametrize(("old", "new"), IN_TASK)
async def test_a_broken_condition_of_the_policy_of_tasks_is_noticed(
    walled: tuple[Hunter, Place], old: str, new: str
) -> None:
    assert old in M.SEES_TASK
    change = "ALTER POLICY select_seen ON task USING ({})"
    spoilt = M.SEES_TASK.replace(old, new)
    await broken(walled, change.format(spoilt), change.format(await _said(walled, "task")))


@pytest.mark.parametrize(("old", "new"), IN_VIEW)
async def test_a_broken_condition_of_who_is_involved_is_noticed(
    walled: tuple[Hunter, Place], old: str, new: str
) -> None:
    assert old in M.INVOLVED
    whole = M.INVOLVED.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
    await broken(walled, whole.replace(old, new), whole)
