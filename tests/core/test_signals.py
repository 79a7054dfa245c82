"""Signals: asked once, told to the head, answered by the unit, and without any effect on figures."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, ActorKind, Role
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.pages import PageRequest
from vdept.measurements.models import Measurement
from vdept.notifications.models import Notification
from vdept.notifications.words import sentence as told_as
from vdept.outcomes.models import TargetOutcome, UnitOutcome
from vdept.outcomes.rebuild import rebuild_plan
from vdept.signals import answering, queries
from vdept.signals.detecting import detect, done_on
from vdept.signals.detectors import backdated, copied
from vdept.signals.models import Detector, Signal, SignalMark, SignalState
from vdept.signals.queries import SignalFilter
from vdept.targets.models import Audience, Basis, Indicator
from vdept.tasks.models import TaskState
from vdept.units.models import Unit, UnitKind
from vdept.verdicts.models import Judgement, Verdict, VerdictSubject

TODAY = local_date(NOW)
NEXT = timedelta(days=1)


def recorded(tx: Tx, unit_id: int, indicator_id: int, as_of: date, value: int, **more: Any) -> Measurement:
    row = Measurement(
        indicator_id=indicator_id,
        unit_id=unit_id,
        basis=Basis.REPORTED,
        as_of=as_of,
        value=Decimal(value),
        source="Sổ",
        recorded_at=more.pop("recorded_at", NOW - timedelta(hours=2)),
    )
    tx.session.add(row)
    return row


@dataclass
class Scene:
    """A city with its people, the government above it, and somebody from elsewhere."""

    above: Unit
    hue: Unit
    indicator_id: int
    minister: Actor
    head: Actor
    member: Actor
    observer: Actor
    stranger: Actor


@pytest.fixture
async def scene(db: Database) -> Scene:
    """Huế has reported a series with one value far off."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        above = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        hue = await make.unit(tx, "Huế", parent=above)
        indicator = await make.indicator(tx, ratio=False, name="Tỷ lệ hồ sơ")
        for i in range(9):
            recorded(tx, hue.id, indicator.id, TODAY - timedelta(7 * i), 50 + i % 3)
        recorded(tx, hue.id, indicator.id, TODAY - timedelta(70), 900)
        return Scene(
            above, hue, indicator.id,
            minister=await make.actor(tx, above),
            head=await make.actor(tx, hue),
            member=await make.actor(tx, hue, Role.MEMBER),
            observer=await make.actor(tx, hue, Role.OBSERVER),
            stranger=await make.actor(tx, await make.unit(tx, "Cà Mau")),
        )  # fmt: skip


async def found(db: Database) -> list[Signal]:
    async with db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(Signal).order_by(Signal.id)))


async def asked(db: Database, scene: Scene) -> Signal:
    await detect(db, as_of=TODAY, now=NOW)
    [signal] = await found(db)
    return signal


async def notes(db: Database) -> list[tuple[int, str]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(sa.select(Notification).order_by(Notification.id))
        return [(row.person_id, told_as(row.kind, row.data, Locale.EN)) for row in rows]


async def test_a_finding_is_asked_once_and_its_head_told_once(db: Database, scene: Scene) -> None:
    first = await detect(db, as_of=TODAY, now=NOW)
    assert (first.opened[Detector.JUMP], first.told, first.items) == (1, 1, 2)
    again = await detect(db, as_of=TODAY, now=NOW)
    assert again.items == 0
    [signal] = await found(db)
    assert (signal.detector, signal.unit_id, signal.state) == (Detector.JUMP, scene.hue.id, SignalState.OPEN)
    assert (signal.evidence["value"], signal.evidence["median"]) == ("900", "51")
    assert await notes(db) == [
        (
            scene.head.person_id,
            (
                "Huế: a value lies far from the rest of its series (Tỷ lệ hồ sơ). It is a question and not a "
                "verdict: look at the evidence and answer."
            ),
        )
    ]


async def test_it_is_not_asked_anew_when_the_log_is_read_from_the_beginning(
    db: Database, owner: Database, scene: Scene
) -> None:
    await asked(db, scene)
    async with owner.engine.begin() as connection:
        await connection.execute(sa.delete(SignalMark))
    assert (await detect(db, as_of=TODAY, now=NOW + NEXT)).items == 0


async def test_the_same_value_entered_once_more_is_not_asked_about_once_more(
    db: Database, scene: Scene
) -> None:
    await answer(db, scene.head, await asked(db, scene))
    async with db.begin(SYSTEM, now=NOW) as tx:
        recorded(tx, scene.hue.id, scene.indicator_id, TODAY - timedelta(70), 900, recorded_at=NOW)
    assert (await detect(db, as_of=TODAY + NEXT, now=NOW + NEXT)).items == 0
    async with db.begin(SYSTEM, now=NOW) as tx:
        recorded(tx, scene.hue.id, scene.indicator_id, TODAY - timedelta(70), 901, recorded_at=NOW + NEXT)
    again = await detect(db, as_of=TODAY + 2 * NEXT, now=NOW + 2 * NEXT)
    assert again.opened[Detector.JUMP] == 1, "another value is another question"


async def test_what_is_younger_than_an_hour_is_left_to_the_next_run(db: Database, scene: Scene) -> None:
    assert (await detect(db, as_of=TODAY, now=NOW - timedelta(minutes=70))).items == 0
    assert (await detect(db, as_of=TODAY, now=NOW - timedelta(minutes=60))).opened[Detector.JUMP] == 1


async def test_what_is_more_than_a_year_old_is_history(db: Database, scene: Scene) -> None:
    then = NOW + timedelta(days=366 - 70)
    assert (await detect(db, as_of=local_date(then), now=then)).items == 0


async def test_all_signals_of_a_day_are_told_in_one_notification(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        recorded(tx, scene.hue.id, scene.indicator_id, TODAY - timedelta(77), 950)
    report = await detect(db, as_of=TODAY, now=NOW)
    assert (report.opened[Detector.JUMP], report.told) == (2, 1)
    assert "; with 1 more signal." in (await notes(db))[0][1]


async def test_without_a_head_the_nearest_head_above_is_told(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.text("UPDATE membership SET ends_on = :d WHERE unit_id = :u AND role = 'HEAD'"),
            {"d": TODAY - NEXT, "u": scene.hue.id},
        )
    await detect(db, as_of=TODAY, now=NOW)
    assert [person for person, _ in await notes(db)] == [scene.minister.person_id]


async def test_one_indicator_that_fails_keeps_nobody_elses_from_being_asked(
    db: Database, owner: Database, scene: Scene
) -> None:
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE key_result RENAME TO away"))  # COPIED reads it
    async with db.begin(SYSTEM, now=NOW) as tx:
        task = await make.task(tx, scene.above, scene.hue, state=TaskState.IN_PROGRESS)
        for i in range(3):
            _sent_back(tx, task.id, i)
    with pytest.raises(sa.exc.ProgrammingError):
        await detect(db, as_of=TODAY, now=NOW)
    assert [s.detector for s in await found(db)] == [Detector.PING_PONG]
    assert not await done_on(db, TODAY)
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE away RENAME TO key_result"))
    await detect(db, as_of=TODAY, now=NOW)
    assert {s.detector for s in await found(db)} == {Detector.PING_PONG, Detector.JUMP}
    assert await done_on(db, TODAY)
    assert not await done_on(db, TODAY + NEXT)


def _sent_back(tx: Tx, task_id: int, i: int) -> None:
    tx.session.add(
        Activity(
            at=NOW - timedelta(days=3 - i if i >= 0 else -i), actor="person", verb="task.sent_back",
            subject_type="Task", subject_id=task_id, data={},
        )
    )  # fmt: skip


async def test_firms_are_not_compared_with_each_other(db: Database) -> None:
    """What a firm reports is not for another firm to know: cities with the same values are asked."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        indicator = await make.indicator(tx, ratio=False)
        cities = [await make.unit(tx) for _ in range(2)]
        firms = [await make.unit(tx, kind=UnitKind.FIRM) for _ in range(2)]
        for unit in (*cities, *firms):
            for i, value in enumerate((1234, 1357, 1468, 1579)):
                recorded(tx, unit.id, indicator.id, TODAY - timedelta(30 * i), value)
    await detect(db, as_of=TODAY, now=NOW)
    assert {s.unit_id for s in await found(db)} == {city.id for city in cities}


async def test_what_a_run_sends_depends_on_indicators_and_not_on_rows(db: Database, scene: Scene) -> None:
    numbers = []
    for day, units in enumerate((1, 12), start=1):
        now = NOW + day * NEXT
        async with db.begin(SYSTEM, now=now) as tx:
            for _ in range(units):
                unit = await make.unit(tx)
                for i in range(9):
                    at = now - timedelta(hours=2)
                    recorded(tx, unit.id, scene.indicator_id, TODAY - timedelta(i), 9 * i, recorded_at=at)
        with counting(db) as sent:
            await detect(db, as_of=local_date(now), now=now)
        numbers.append(len(sent))
    assert numbers[0] == numbers[1]


async def test_a_unit_that_is_no_more_is_asked_nothing(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        (await tx.session.get_one(Unit, scene.hue.id)).valid_to = TODAY - NEXT
    assert (await detect(db, as_of=TODAY, now=NOW)).items == 0


async def test_a_question_that_found_nobody_in_office_waits_for_somebody(db: Database, scene: Scene) -> None:
    """Told to nobody is not told: whoever takes office hears of it, unless it was answered by then."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.text("UPDATE membership SET role = 'OBSERVER' WHERE role = 'HEAD'"))
        member = await make.actor(tx, scene.hue, Role.COORDINATOR)
        recorded(tx, scene.hue.id, scene.indicator_id, TODAY - timedelta(77), 950)
    assert (await detect(db, as_of=TODAY, now=NOW)).told == 0
    first, second = await found(db)
    assert (first.told_at, second.told_at) == (None, None)
    await answer(db, member, first)
    async with db.begin(SYSTEM, now=NOW) as tx:
        head = await make.actor(tx, scene.hue)
    assert (await detect(db, as_of=TODAY, now=NOW)).told == 1
    [(told, said)] = await notes(db)
    assert told == head.person_id
    assert "more signal" not in said
    assert (await detect(db, as_of=TODAY, now=NOW)).told == 0


async def test_a_run_that_has_no_time_left_is_gone_on_with_by_the_next(db: Database, scene: Scene) -> None:
    """A first run over years of values would never end, and what it had done would be done again."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        more = [await make.indicator(tx, ratio=False) for _ in range(2)]
        for indicator in more:
            for i in range(9):
                recorded(tx, scene.hue.id, indicator.id, TODAY - timedelta(7 * i), 50 + i % 3)
    await detect(db, as_of=TODAY, now=NOW, patience=timedelta(0))
    assert await found(db) == []
    assert not await done_on(db, TODAY)
    async with db.begin(SYSTEM, now=NOW) as tx:
        tx.session.add(SignalMark(log=f"measurement:{scene.indicator_id}", last_id=10**9))
    report = await detect(db, as_of=TODAY, now=NOW)
    assert report.opened[Detector.JUMP] == 0, "this indicator was read by the run before"
    assert await done_on(db, TODAY)


async def test_each_indicator_is_marked_when_it_is_read(db: Database, scene: Scene) -> None:
    await detect(db, as_of=TODAY, now=NOW)
    async with db.snapshot(SYSTEM) as tx:
        marks = {row.log: row.last_id for row in await tx.session.scalars(sa.select(SignalMark))}
    assert marks[f"measurement:{scene.indicator_id}"] == marks["measurement"]


async def test_what_came_back_more_than_a_year_ago_is_history(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        old, fresh = [
            await make.task(tx, scene.above, scene.hue, state=TaskState.IN_PROGRESS) for _ in range(2)
        ]
        for i in range(3):
            _sent_back(tx, old.id, -400 - i)
            _sent_back(tx, fresh.id, i)
    await detect(db, as_of=TODAY, now=NOW)
    assert [s.task_id for s in await found(db) if s.detector is Detector.PING_PONG] == [fresh.id]


async def test_what_everybody_was_given_is_no_copy(db: Database) -> None:
    """Nor is each asked about all the others: pairs of thousands of units would fill the memory."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        indicator = await make.indicator(tx, ratio=False)
        for _ in range(copied.MANY + 1):
            unit = await make.unit(tx)
            for i, value in enumerate((1234, 1357, 1468, 1579)):
                recorded(tx, unit.id, indicator.id, TODAY - timedelta(30 * i), value)
    await detect(db, as_of=TODAY, now=NOW)
    assert await found(db) == []


# -- a verdict that was turned -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "judgements", "late", "asked_about"),
    [
        (2, (Judgement.NOT_MET, Judgement.MET), 50, True),
        (2, (Judgement.NOT_MET, Judgement.MET), 45, False),
        (2, (Judgement.MET, Judgement.MET), 50, False),
    ],
    ids=["turned by a late value", "not late enough", "not turned"],
)
async def test_a_late_value_that_turned_a_verdict_is_asked_about(
    db: Database, number: int, judgements: tuple[Judgement, Judgement], late: int, asked_about: bool
) -> None:
    due_on = TODAY - timedelta(20)
    issued = [NOW - timedelta(days=15), NOW - timedelta(days=5)]
    async with db.begin(SYSTEM, now=NOW) as tx:
        unit = await make.unit(tx)
        plan = await make.plan(tx, unit, starts_on=date(2025, 1, 1))
        key_result = await make.key_result(tx, plan, await make.indicator(tx, ratio=False), due_on=due_on)
        target = await make.target(tx, key_result, unit)  # values count from the plan's start on
        at = NOW - timedelta(days=8)
        row = recorded(
            tx, unit.id, key_result.indicator_id, local_date(at) - timedelta(late), 70, recorded_at=at
        )
        for i, judgement in enumerate(judgements):
            tx.session.add(
                Verdict(
                    subject=VerdictSubject.TARGET,
                    plan_id=plan.id,
                    unit_id=unit.id,
                    target_id=target.id,
                    key_result_id=key_result.id,
                    number=number - 1 + i,
                    judgement=judgement,
                    due_on=due_on,
                    evaluated_on=TODAY,
                    inputs={},
                    issued_at=issued[i],
                    superseded_at=issued[1] if i == 0 else None,
                    digest=i,
                )
            )
            await tx.session.flush()
    await detect(db, as_of=TODAY, now=NOW)
    rows = await found(db)
    aim = backdated.Aim(target.id, plan.id, unit.id, target.indicator_id, plan.starts_on, due_on)
    before, after = (backdated.Judged(number - 1 + i, judgements[i].value, issued[i]) for i in range(2))
    value = backdated.Value(row.id, row.as_of, row.value, row.recorded_at)
    expected = backdated.turned(aim, before, after, [value])
    assert (expected is not None) == asked_about
    assert [(s.key, s.evidence, s.score) for s in rows] == (
        [(expected.key, expected.evidence, expected.score)] if expected else []
    )


# -- who sees it, who answers --------------------------------------------------------------------------------


async def seen(db: Database, actor: Actor, **which: Any) -> list[int]:
    async with db.snapshot(actor, now=NOW) as tx:
        page = await queries.signals_page(tx, PageRequest(), SignalFilter(**which))
        return [row.id for row in page.rows]


async def test_whoever_works_in_the_unit_and_public_bodies_above_see_it(db: Database, scene: Scene) -> None:
    signal = await asked(db, scene)
    for actor in (scene.head, scene.member, scene.minister):
        assert await seen(db, actor) == [signal.id]
    for actor in (scene.observer, scene.stranger):
        assert await seen(db, actor) == []
    client = Actor(ActorKind.CLIENT, client_id=1, seats=scene.head.seats, scopes=None)
    assert await seen(db, client) == [], "no client, whatever it may do"
    assert await seen(db, Actor(ActorKind.PERSON)) == []


async def test_about_a_task_it_is_for_those_who_see_the_task(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        city = await tx.session.get_one(Unit, scene.hue.id)
        hidden = await make.task(tx, await make.unit(tx), audience=Audience.PARTICIPANTS)
        own = await make.task(tx, city, audience=Audience.PARTICIPANTS)
        for task in (hidden, own):
            tx.session.add(
                Signal(
                    detector=Detector.PING_PONG, key=str(task.id), unit_id=city.id, task_id=task.id,
                    score=Decimal(3), evidence={}, found_on=TODAY, found_at=NOW,
                )
            )  # fmt: skip
        await tx.session.flush()
    rows = {row.task_id: row.id for row in await found(db)}
    assert await seen(db, scene.head) == [rows[own.id]]
    assert await seen(db, scene.minister) == [rows[own.id]]


async def test_a_list_is_narrowed_by_all_that_is_given(db: Database, scene: Scene) -> None:
    signal = await asked(db, scene)
    minister = scene.minister
    assert await seen(db, minister, unit_id=scene.above.id) == []
    assert await seen(db, minister, unit_id=scene.above.id, below=True) == [signal.id]
    assert await seen(db, minister, detectors=(Detector.JUMP,), states=(SignalState.OPEN,)) == [signal.id]
    assert await seen(db, minister, detectors=(Detector.RUSH,)) == []
    assert await seen(db, minister, states=(SignalState.DISMISSED,)) == []
    assert await seen(db, minister, plan_id=1) == []


async def answer(db: Database, actor: Actor, signal: Signal, text: str = "Do mưa lũ") -> Signal:
    async with db.begin(actor, now=NOW) as tx:
        return await answering.answer(tx, signal.id, text)


async def dismiss(db: Database, actor: Actor, signal: Signal, reason: str = "Đổi cách đo") -> Signal:
    async with db.begin(actor, now=NOW) as tx:
        return await answering.dismiss(tx, signal.id, reason)


async def test_the_unit_answers_and_the_answer_is_kept_and_logged(db: Database, scene: Scene) -> None:
    signal = await answer(db, scene.head, await asked(db, scene))
    assert (signal.state, signal.answer) == (SignalState.ANSWERED, "Do mưa lũ")
    assert (signal.answered_at, signal.answered_by_id) == (NOW, scene.head.person_id)
    async with db.snapshot(SYSTEM) as tx:
        [row] = await tx.session.scalars(sa.select(Activity).where(Activity.subject_type == "Signal"))
    assert (row.verb, row.unit_id, row.data["answer"]) == ("signal.answered", scene.hue.id, "Do mưa lũ")
    for again in (answer(db, scene.head, signal), dismiss(db, scene.minister, signal)):
        with pytest.raises(Refused, match="SIGNAL_CLOSED"):
            await again


async def test_a_head_above_dismisses_what_means_nothing(db: Database, scene: Scene) -> None:
    signal = await dismiss(db, scene.minister, await asked(db, scene))
    assert (signal.state, signal.answer) == (SignalState.DISMISSED, "Đổi cách đo")
    [kept] = await found(db)
    assert kept.state is SignalState.DISMISSED


async def test_others_are_refused_and_strangers_learn_nothing(db: Database, scene: Scene) -> None:
    signal = await asked(db, scene)
    for wrong, code in [
        (answer(db, scene.member, signal), "FORBIDDEN"),
        (answer(db, scene.minister, signal), "FORBIDDEN"),
        (answer(db, scene.observer, signal), "NOT_FOUND"),
        (answer(db, scene.stranger, signal), "NOT_FOUND"),
        (dismiss(db, scene.head, signal), "FORBIDDEN"),
        (dismiss(db, scene.member, signal), "FORBIDDEN"),
        (dismiss(db, scene.stranger, signal), "NOT_FOUND"),
        (answer(db, scene.head, signal, "  "), "INVALID_VALUE"),
        (answer(db, scene.head, signal, "x" * 2001), "INVALID_VALUE"),
        (dismiss(db, scene.minister, signal, "a\0"), "INVALID_VALUE"),
    ]:
        with pytest.raises(Refused) as no:
            await wrong
        assert no.value.code == code
    [kept] = await found(db)
    assert kept.state is SignalState.OPEN


# -- no effect -----------------------------------------------------------------------------------------------


async def figures(db: Database) -> list[dict[str, Any]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = []
        for model in (TargetOutcome, UnitOutcome, Verdict):
            table = model.__table__
            rows += [dict(row._mapping) for row in await tx.session.execute(sa.select(table))]
        return sorted(rows, key=str)


async def test_no_figure_no_status_and_no_verdict_depends_on_a_signal(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        hue = await tx.session.get_one(Unit, scene.hue.id)
        plan = await make.plan(tx, hue)
        indicator = await tx.session.get_one(Indicator, scene.indicator_id)
        await make.target(tx, await make.key_result(tx, plan, indicator, basis=Basis.REPORTED), hue)
        await rebuild_plan(tx, plan.id)
    before = await figures(db)
    assert before
    signal = await asked(db, scene)
    await answer(db, scene.head, signal)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await rebuild_plan(tx, plan.id)
    assert await figures(db) == before
