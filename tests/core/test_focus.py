"""Focus: what a unit puts first in a plan, agreed with the plan's issuer by a date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.focus import nominating, queries, telling
from vdept.focus.models import Focus, FocusState
from vdept.focus.queries import FocusFilter
from vdept.focus.rules import Choice
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.pages import PageRequest
from vdept.kernel.scopes import Scope
from vdept.notifications.models import Notification
from vdept.notifications.words import sentence
from vdept.targets.models import Audience, KeyResult, Plan, PlanState, Target, TargetState
from vdept.units.models import Unit, UnitKind

TODAY = NOW.date()
SOON = TODAY + timedelta(days=20)


@dataclass
class Scene:
    """A plan with four objectives; Huế holds targets under three, Đà Nẵng and a firm under one."""

    plan: Plan
    issuer: Unit
    hue: Unit
    danang: Unit
    firm: Unit
    objectives: list[KeyResult]
    minister: Actor
    head: Actor
    coordinator: Actor
    other: Actor
    firms_head: Actor

    def choices(self, *which: int, method: str = "Lập tổ công tác") -> list[Choice]:
        return [Choice(self.objectives[i].objective_id, method) for i in which]


@pytest.fixture
async def scene(db: Database) -> Scene:
    async with db.begin(SYSTEM, now=NOW) as tx:
        issuer = await make.unit(tx, "Bộ", UnitKind.MINISTRY)
        danang, hue = await make.unit(tx, "Đà Nẵng"), await make.unit(tx, "Huế")
        firm = await make.unit(tx, "Công ty", UnitKind.FIRM)
        plan = await make.plan(tx, issuer, title="Kế hoạch 2026")
        objectives = [await make.key_result(tx, plan, await make.indicator(tx)) for _ in range(4)]
        for key_result in objectives[:3]:
            await make.target(tx, key_result, hue)
        await make.target(tx, objectives[0], danang)
        await make.target(tx, objectives[3], firm)
        return Scene(
            plan, issuer, hue, danang, firm, objectives,
            minister=await make.actor(tx, issuer),
            head=await make.actor(tx, hue),
            coordinator=await make.actor(tx, hue, Role.COORDINATOR),
            other=await make.actor(tx, danang),
            firms_head=await make.actor(tx, firm),
        )  # fmt: skip


async def nominate(
    db: Database, actor: Actor, scene: Scene, choices: Sequence[Choice], expected: int | None = None
) -> Focus:
    async with db.begin(actor, now=NOW) as tx:
        return await nominating.nominate(tx, scene.plan.id, scene.hue.id, choices, expected_version=expected)


async def refused(db: Database, actor: Actor, scene: Scene, choices: Sequence[Choice]) -> tuple[str, str]:
    with pytest.raises(Refused) as no:
        await nominate(db, actor, scene, choices)
    for locale in Locale:
        assert "{" not in no.value.message(locale)
    return no.value.code, ".".join(map(str, no.value.path))


async def told(db: Database) -> list[tuple[str, int, str]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(sa.select(Notification).order_by(Notification.id))
        return [(r.kind.value, r.person_id, sentence(r.kind, r.data, Locale.EN)) for r in rows]


async def logged(db: Database) -> list[str]:
    async with db.snapshot(SYSTEM) as tx:
        return list(
            await tx.session.scalars(
                sa.select(Activity.verb).where(Activity.verb.startswith("focus.")).order_by(Activity.id)
            )
        )


async def test_a_nomination_keeps_its_order_and_has_thirty_days(db: Database, scene: Scene) -> None:
    focus = await nominate(db, scene.coordinator, scene, scene.choices(2, 0))
    assert (focus.state, focus.agree_by, focus.version) == (FocusState.PROPOSED, TODAY + timedelta(30), 1)
    async with db.snapshot(scene.minister, now=NOW) as tx:
        found = await queries.objectives_of(tx, [focus.id])
    ids = [each.objective_id for each in found[focus.id]]
    assert ids == [scene.objectives[2].objective_id, scene.objectives[0].objective_id]
    assert await logged(db) == ["focus.nominated"]


async def test_the_same_nomination_again_changes_nothing_and_another_replaces_it(
    db: Database, scene: Scene
) -> None:
    first = await nominate(db, scene.head, scene, scene.choices(0))
    again = await nominate(db, scene.head, scene, scene.choices(0), expected=1)
    assert (again.id, again.version) == (first.id, 1)
    changed = await nominate(db, scene.head, scene, scene.choices(1, 0), expected=1)
    assert (changed.id, changed.version) == (first.id, 2)
    assert await logged(db) == ["focus.nominated", "focus.nominated"]
    with pytest.raises(Refused, match="STALE_VERSION"):
        await nominate(db, scene.head, scene, scene.choices(2), expected=1)


async def test_what_is_not_a_nomination_is_refused_by_name(db: Database, scene: Scene) -> None:
    one, head = scene.choices(0), scene.head
    assert await refused(db, head, scene, []) == ("FOCUS_COUNT", "objectives")
    assert await refused(db, head, scene, scene.choices(0, 1, 2, 3)) == ("FOCUS_COUNT", "objectives")
    assert await refused(db, head, scene, [*one, *one]) == ("FOCUS_COUNT", "objectives")
    blank = scene.choices(0, method="  ")
    assert await refused(db, head, scene, blank) == ("INVALID_VALUE", "objectives.0.method")
    endless = scene.choices(0, method="x" * 2001)
    assert await refused(db, head, scene, endless) == ("INVALID_VALUE", "objectives.0.method")
    not_held = scene.choices(0, 3)
    assert await refused(db, head, scene, not_held) == ("FOCUS_NOT_HELD", "objectives.1.objectiveId")
    nowhere = [Choice(10**12, "x")]
    assert await refused(db, head, scene, nowhere) == ("NOT_FOUND", "objectives.0.objectiveId")
    assert await refused(db, scene.other, scene, one) == ("FORBIDDEN", "unitId")
    assert await logged(db) == []


async def test_an_objective_whose_target_was_withdrawn_is_no_longer_held(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.update(Target)
            .where(Target.key_result_id == scene.objectives[0].id)
            .values(state=TargetState.WITHDRAWN)
        )
    found = await refused(db, scene.head, scene, scene.choices(0))
    assert found == ("FOCUS_NOT_HELD", "objectives.0.objectiveId")
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Target).values(state=TargetState.WITHDRAWN))
    assert await refused(db, scene.head, scene, scene.choices(1)) == ("FOCUS_NO_TARGET", "unitId")


async def test_a_member_does_not_commit_the_unit(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        member = await make.actor(tx, await tx.session.get_one(Unit, scene.hue.id), Role.MEMBER)
    assert await refused(db, member, scene, scene.choices(0)) == ("FORBIDDEN", "unitId")


async def test_nothing_is_nominated_in_a_plan_that_is_closed(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Plan).values(state=PlanState.CLOSED))
    assert await refused(db, scene.head, scene, scene.choices(0)) == ("PLAN_WRONG_STATE", "planId")


async def test_the_issuer_agrees_once_and_the_unit_is_told(db: Database, scene: Scene) -> None:
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    for _ in range(2):
        async with db.begin(scene.minister, now=NOW) as tx:
            [agreed] = await nominating.agree(tx, [focus.id])
    assert (agreed.state, agreed.version, agreed.answered_by_id) == ("AGREED", 2, scene.minister.person_id)
    assert await logged(db) == ["focus.nominated", "focus.agreed"]
    notes = await told(db)
    assert {(kind, person) for kind, person, _ in notes} == {
        ("FOCUS_ANSWERED", scene.head.person_id),
        ("FOCUS_ANSWERED", scene.coordinator.person_id),
    }
    assert notes[0][2] == (
        "The issuer agreed to the focus of Huế in the plan “Kế hoạch 2026”. Put these objectives first."
    )


async def test_what_is_returned_is_nominated_anew_before_it_is_agreed(db: Database, scene: Scene) -> None:
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    async with db.begin(scene.minister, now=NOW) as tx:
        returned = await nominating.give_back(tx, focus.id, "Chưa sát thực tế")
    assert (returned.state, returned.answer) == ("RETURNED", "Chưa sát thực tế")
    assert "Reason: Chưa sát thực tế. Nominate it anew." in (await told(db))[0][2]
    with pytest.raises(Refused, match="FOCUS_WRONG_STATE"):
        async with db.begin(scene.minister, now=NOW) as tx:
            await nominating.agree(tx, [focus.id])
    again = await nominate(db, scene.head, scene, scene.choices(0))
    assert (again.state, again.answer, again.version) == ("PROPOSED", None, 3)


async def test_what_was_replaced_since_it_was_read_is_not_agreed_to(db: Database, scene: Scene) -> None:
    read = await nominate(db, scene.head, scene, scene.choices(0))
    now = await nominate(db, scene.head, scene, scene.choices(1))
    for versions, code in (([read.version], "STALE_VERSION"), ([], "INVALID_VALUE")):
        with pytest.raises(Refused, match=code):
            async with db.begin(scene.minister, now=NOW) as tx:
                await nominating.agree(tx, [read.id], expected_versions=versions)
    async with db.begin(scene.minister, now=NOW) as tx:
        [agreed] = await nominating.agree(tx, [read.id], expected_versions=[now.version])
    assert agreed.state is FocusState.AGREED


async def test_all_are_agreed_or_none(db: Database, scene: Scene) -> None:
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    for ids, code, path in [
        ([focus.id, 10**12], "NOT_FOUND", ("focusIds", 1)),
        ([focus.id, focus.id], "FOCUS_TWICE", ("focusIds", 1)),
        ([], "INVALID_VALUE", ("focusIds",)),
    ]:
        with pytest.raises(Refused) as no:
            async with db.begin(scene.minister, now=NOW) as tx:
                await nominating.agree(tx, ids)
        assert (no.value.code, no.value.path) == (code, path)
    async with db.snapshot(scene.head, now=NOW) as tx:
        [row] = (await queries.focus_by_ids(tx, [focus.id])).values()
    assert row.state is FocusState.PROPOSED


async def test_only_the_issuers_managers_answer(db: Database, scene: Scene) -> None:
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    for actor in (scene.head, scene.other):
        with pytest.raises(Refused, match="FORBIDDEN"):
            async with db.begin(actor, now=NOW) as tx:
                await nominating.agree(tx, [focus.id])
    with pytest.raises(Refused, match="NOT_FOUND"):
        async with db.begin(scene.firms_head, now=NOW) as tx:
            await nominating.give_back(tx, focus.id, "không")


async def test_a_client_without_tasks_answers_and_people_are_told_all_the_same(
    db: Database, scene: Scene
) -> None:
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    client = Actor(
        scene.minister.kind, person_id=scene.minister.person_id, client_id=1, seats=scene.minister.seats,
        scopes=frozenset({Scope.PLANS_WRITE, Scope.PLANS_READ}),
    )  # fmt: skip
    async with db.begin(client, now=NOW) as tx:
        await nominating.agree(tx, [focus.id])
        assert tx.actor is client
    assert len(await told(db)) == 2


# -- the date ----------------------------------------------------------------------------------------------


async def ask(db: Database, actor: Actor, scene: Scene, by: date) -> None:
    async with db.begin(actor, now=NOW) as tx:
        await nominating.ask(tx, scene.plan.id, by)


async def test_the_heads_of_all_holding_units_are_asked_once_for_a_date(db: Database, scene: Scene) -> None:
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    async with db.begin(scene.minister, now=NOW) as tx:
        await nominating.agree(tx, [focus.id])
    before = len(await told(db))
    await ask(db, scene.minister, scene, SOON)
    await ask(db, scene.minister, scene, SOON)
    notes = (await told(db))[before:]
    assert {(kind, person) for kind, person, _ in notes} == {
        ("FOCUS_ASKED", scene.other.person_id),
        ("FOCUS_ASKED", scene.firms_head.person_id),
    }, "not whoever has agreed already"
    assert notes[0][2] == (
        "Your unit is to choose its focus objectives in the plan “Kế hoạch 2026” by 22 March 2026. Choose "
        "one to three objectives, and say how you go after them."
    )
    assert (await logged(db)).count("focus.asked") == 1


async def test_a_date_that_is_set_again_is_told_again(db: Database, scene: Scene) -> None:
    """The heads would otherwise go on believing the one in between."""
    for i, by in enumerate((SOON, SOON + timedelta(days=5), SOON)):
        async with db.begin(scene.minister, now=NOW + timedelta(hours=i)) as tx:
            await nominating.ask(tx, scene.plan.id, by)
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(
            sa.select(Notification)
            .where(Notification.person_id == scene.head.person_id)
            .order_by(Notification.id)
        )
        told = [row.data["agree_by"] for row in rows]
    assert told == [SOON.isoformat(), (SOON + timedelta(days=5)).isoformat(), SOON.isoformat()]


async def test_the_head_of_a_unit_that_is_no_more_is_not_asked(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        (await tx.session.get_one(Unit, scene.hue.id)).valid_to = TODAY - timedelta(days=1)
    async with db.begin(scene.minister, now=NOW) as tx:
        await nominating.ask(tx, scene.plan.id, SOON)
    async with db.snapshot(SYSTEM) as tx:
        told = set(await tx.session.scalars(sa.select(Notification.person_id)))
    assert told == {scene.other.person_id, scene.firms_head.person_id}


async def test_a_date_holds_for_what_is_proposed_already_and_for_what_comes(
    db: Database, scene: Scene
) -> None:
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    await ask(db, scene.minister, scene, SOON)
    async with db.snapshot(scene.head, now=NOW) as tx:
        assert (await queries.focus_by_ids(tx, [focus.id]))[focus.id].agree_by == SOON
        assert await queries.calls_of_plans(tx, [scene.plan.id]) == {scene.plan.id: SOON}
    assert (await nominate(db, scene.head, scene, scene.choices(1))).agree_by == SOON


@pytest.mark.parametrize("by", [TODAY, TODAY - timedelta(1), date(2027, 1, 1)], ids=str)
async def test_a_date_lies_ahead_and_within_the_plan(db: Database, scene: Scene, by: date) -> None:
    with pytest.raises(Refused, match="FOCUS_AGREE_BY"):
        await ask(db, scene.minister, scene, by)
    await ask(db, scene.minister, scene, date(2026, 12, 31))


async def test_the_units_do_not_set_the_date(db: Database, scene: Scene) -> None:
    with pytest.raises(Refused, match="FORBIDDEN"):
        await ask(db, scene.head, scene, SOON)
    assert await told(db) == []


async def reminded(db: Database, day: date) -> list[tuple[int, str]]:
    before = len(await told(db))
    async with db.begin(telling.ACTOR, now=NOW + (day - TODAY)) as tx:
        await telling.remind(tx)
    return [(person, said) for _, person, said in (await told(db))[before:]]


async def test_who_has_not_chosen_is_reminded_a_week_before_and_once_it_is_overdue(
    db: Database, scene: Scene
) -> None:
    await nominate(db, scene.head, scene, scene.choices(0))
    await ask(db, scene.minister, scene, SOON)
    assert await reminded(db, SOON - timedelta(8)) == [], "not yet"
    again = await reminded(db, SOON - timedelta(7))
    silent = {scene.other.person_id, scene.firms_head.person_id}
    assert {person for person, _ in again} == silent, "not Huế, that waits for its answer"
    assert again[0][1].startswith("Again: your unit is to choose")
    assert await reminded(db, SOON) == [], "once"
    late = await reminded(db, SOON + timedelta(1))
    assert {person for person, _ in late} == silent
    assert "has passed" in late[0][1]
    assert await reminded(db, SOON + timedelta(2)) == []


# -- the list ----------------------------------------------------------------------------------------------


async def listed(db: Database, actor: Actor, scene: Scene, day: date = TODAY, **which: object) -> list[str]:
    async with db.snapshot(actor, now=NOW + (day - TODAY)) as tx:
        page = await queries.nominations_page(
            tx,
            PageRequest(),
            scene.plan.id,
            FocusFilter(**which),  # type: ignore[arg-type]
        )
        return [unit.name for unit in page.rows]


async def test_the_list_has_every_unit_that_holds_a_target_nominated_or_not(
    db: Database, scene: Scene
) -> None:
    await nominate(db, scene.head, scene, scene.choices(0))
    assert await listed(db, scene.minister, scene) == ["Công ty", "Đà Nẵng", "Huế"]
    assert await listed(db, scene.minister, scene, missing=True) == ["Công ty", "Đà Nẵng"]
    assert await listed(db, scene.minister, scene, missing=False) == ["Huế"]
    assert await listed(db, scene.minister, scene, states=(FocusState.PROPOSED,)) == ["Huế"]
    assert await listed(db, scene.minister, scene, states=(FocusState.AGREED,)) == []


async def test_overdue_is_what_is_not_agreed_after_the_date_and_without_a_date_nobody_is_silent(
    db: Database, scene: Scene
) -> None:
    assert await listed(db, scene.minister, scene, TODAY + timedelta(60), overdue=True) == []
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    assert await listed(db, scene.minister, scene, TODAY + timedelta(30), overdue=True) == []
    assert await listed(db, scene.minister, scene, TODAY + timedelta(31), overdue=True) == ["Huế"]
    await ask(db, scene.minister, scene, SOON)
    late = SOON + timedelta(1)
    assert await listed(db, scene.minister, scene, SOON, overdue=True) == []
    assert await listed(db, scene.minister, scene, late, overdue=True) == ["Công ty", "Đà Nẵng", "Huế"]
    async with db.begin(scene.minister, now=NOW) as tx:
        await nominating.agree(tx, [focus.id])
    assert await listed(db, scene.minister, scene, late, overdue=True) == ["Công ty", "Đà Nẵng"]
    assert await listed(db, scene.minister, scene, late, overdue=False) == ["Huế"]


async def test_whoever_does_not_see_the_plan_whole_sees_their_own_unit(db: Database, scene: Scene) -> None:
    focus = await nominate(db, scene.head, scene, scene.choices(0))
    assert await listed(db, scene.firms_head, scene) == ["Công ty"]
    async with db.snapshot(scene.firms_head, now=NOW) as tx:
        assert await queries.focus_by_ids(tx, [focus.id]) == {}
        assert await queries.focus_of_units(tx, [scene.hue.id], scene.plan.id) == {}
        assert (await queries.objectives_of(tx, [focus.id]))[focus.id] == []
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Plan).values(audience=Audience.PARTICIPANTS))
        stranger = await make.actor(tx, await make.unit(tx, "Cà Mau"))
    assert await listed(db, stranger, scene) == []


async def test_agreeing_to_many_takes_as_many_statements_as_to_one(db: Database, scene: Scene) -> None:
    ids = []
    async with db.begin(SYSTEM, now=NOW) as tx:
        for _ in range(12):
            unit = await make.unit(tx)
            await make.target(tx, scene.objectives[0], unit)
            focus = await nominating.nominate(tx, scene.plan.id, unit.id, scene.choices(0))
            ids.append(focus.id)
    numbers = []
    for some in (ids[:1], ids[1:]):
        with counting(db) as sent:
            async with db.begin(scene.minister, now=NOW) as tx:
                await nominating.agree(tx, some)
        numbers.append(len(sent))
    assert numbers[0] == numbers[1]
