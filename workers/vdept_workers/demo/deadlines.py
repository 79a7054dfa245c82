"""The demonstration's deadlines: what reminds, escalates, repeats and asks for more time today.

Due dates are counted in working days from the last one, so that whoever loads it finds an inbox with
something in it, on a Sunday, too.
"""

from datetime import date, timedelta
from functools import partial

import sqlalchemy as sa

from vdept.calendars import upkeep
from vdept.calendars.excepting import add_exception
from vdept.calendars.models import CalendarException, CalendarScope
from vdept.calendars.queries import calendar_of
from vdept.calendars.rules import Calendar
from vdept.deadlines.delivering import deliver
from vdept.deadlines.scanning import scan
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Tx
from vdept.outcomes.refresh import refresh
from vdept.tasks.assigning import assign_people
from vdept.tasks.extending import request_extension
from vdept.tasks.lifecycle import accept_task, start_task
from vdept.tasks.progress import report_progress
from vdept.tasks.recurring import repeat_task
from vdept.warnings.detecting import detect
from vdept_workers.demo.people import (
    ADMINISTRATOR,
    COMMUNE_HEAD,
    COORDINATOR,
    HUE,
    HUE_HEAD,
    HUE_MEMBER,
    MINISTRY,
    SYSTEM,
    THUAN_HOA,
    Cast,
)
from vdept_workers.demo.season import Season
from vdept_workers.demo.work import Act, Life, Stage

FESTIVAL = "Lễ hội Điện Huế"
MONTHLY = "FREQ=MONTHLY;BYMONTHDAY=25"


async def working_days(cast: Cast, season: Season) -> Calendar:
    """The national calendar, filled; and a day off that only Huế and its communes have."""
    await upkeep.ensure_on(cast.database)
    async with cast.database.snapshot(SYSTEM) as tx:
        calendar = await calendar_of(tx, None)
        known = await tx.session.scalar(
            sa.select(CalendarException.id).where(CalendarException.name == FESTIVAL).limit(1)
        )
    if known is None:
        day = calendar.step(season.today + timedelta(days=21), 0)
        async with cast.acting(ADMINISTRATOR, season.today) as tx:
            await add_exception(
                tx,
                CalendarScope.REGION,
                cast.unit(HUE),
                day,
                working=False,
                name=FESTIVAL,
                reason="Quyết định của UBND thành phố Huế",
            )
    return calendar


def last_working_day(calendar: Calendar, today: date) -> date:
    return calendar.step(today, 0)


async def load_deadlines(stage: Stage, calendar: Calendar) -> None:
    """Tasks that are due soon or late by some working days, and the reminders of the last working day."""
    cast, season = stage.cast, stage.season
    since = last_working_day(calendar, season.today)
    for life in (survey(stage, calendar.step(since, 3)), kiosk(calendar.step(since, -5), since)):
        await stage.play(life)
    await stage.play(report(calendar.step(since, 12)))
    now = utc_now()
    await scan(cast.database, as_of=since, now=now)
    while (await deliver(cast.database, now=now)).batches:
        pass


async def load_warnings(cast: Cast, season: Season) -> None:
    """What a worker would find: roll up what was entered, and warn of what is behind."""
    while (await refresh(cast.database)).changes:
        pass
    await detect(cast.database, as_of=season.today, now=utc_now())


def survey(stage: Stage, due_on: date) -> Life:
    """Due in three working days: who works on it is reminded."""
    return Life(
        title="Khảo sát trang thiết bị bộ phận một cửa cấp xã của thành phố Huế",
        owner=MINISTRY,
        set_by=COORDINATOR,
        percent=60,
        due_on=due_on,
        serves=HUE,
        lead=HUE,
        acts=(
            Act(HUE_HEAD, 62, accept_task),
            Act(HUE_HEAD, 63, partial(assign_people, person_ids=[stage.cast.person(HUE_MEMBER)])),
            Act(HUE_HEAD, 64, start_task),
            Act(HUE_MEMBER, 92, partial(report_progress, progress=80)),
        ),
    )


def kiosk(due_on: date, since: date) -> Life:
    """Late by five working days: it has reached the head of who set it; and more time is asked for."""
    asked = partial(
        request_extension,
        due_on=since + timedelta(days=20),
        reason="Thiết bị về chậm; đã có ngày giao hàng mới của nhà cung cấp.",
    )
    return Life(
        title="Lắp ki-ốt nộp hồ sơ trực tuyến tại bộ phận một cửa phường Thuận Hóa",
        owner=HUE,
        set_by=HUE_HEAD,
        percent=40,
        due_on=due_on,
        serves=THUAN_HOA,
        lead=THUAN_HOA,
        acts=(
            Act(COMMUNE_HEAD, 42, accept_task),
            Act(COMMUNE_HEAD, 45, start_task),
            Act(COMMUNE_HEAD, 90, partial(report_progress, progress=60)),
            Act(COMMUNE_HEAD, 100, asked),
        ),
    )


def report(due_on: date) -> Life:
    """Comes again every month: the worker makes the next one in time."""
    return Life(
        title="Báo cáo tháng về hồ sơ xử lý trực tuyến toàn trình",
        owner=MINISTRY,
        set_by=COORDINATOR,
        percent=90,
        due_on=due_on,
        serves=HUE,
        lead=HUE,
        acts=(Act(HUE_HEAD, 91, accept_task), Act(COORDINATOR, 95, _monthly)),
    )


async def _monthly(tx: Tx, task_id: int) -> None:
    await repeat_task(tx, task_id, MONTHLY, days_before=14)
