"""The working calendar and the explanation of due dates, through the API."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from api.conftest import Api, Reply, World
from factories import SYSTEM
from vdept.calendars.models import CalendarChange, CalendarException
from vdept.kernel.actor import Actor
from vdept.kernel.clock import local_date, utc_now
from vdept.tasks.models import TaskState
from vdept.units.models import Unit
from vdept_graphql.ids import encode

TODAY = local_date(utc_now())
SUNDAY = TODAY + timedelta(days=20 - TODAY.weekday())
"""Two weeks ahead and never a make-up day."""
NEW = """exception { id scope day working name reason revokedAt unit { name } }
    impact { days openTasks reminders }"""
CALENDAR = """query($unitId: ID, $from: Date!, $to: Date!) {
    workingCalendar(unitId: $unitId, from: $from, to: $to) {
        scope packageVersion workingDays daysLeft unit { name }
        days { day working name exception { reason } } daysOff { day } namedDays { day name }
    }
}"""


@dataclass
class Calendars:
    api: Api
    world: World

    async def add(self, who: Actor, unit: Unit | None = None, **more: Any) -> Reply:
        given = {
            "scope": "UNIT" if unit else "NATIONAL",
            "unitId": encode("Unit", unit.id) if unit else None,
            "day": str(SUNDAY),
            "working": True,
            "name": "Làm bù",
            "reason": "CV 12",
            **more,
        }
        return await self.api.do("addCalendarException", given, who, NEW)

    async def calendar(self, unit: Unit | None, first: date, last: date, **headers: str) -> Any:
        given = {"unitId": encode("Unit", unit.id) if unit else None, "from": str(first), "to": str(last)}
        return await self.api.gql(CALENDAR, given, self.world.firm_head, **headers)

    async def written(self) -> tuple[int, int]:
        """How many exceptions there are, and how many days wait to be put right."""
        async with self.api.database.snapshot(SYSTEM) as tx:
            counts = [
                await tx.session.scalar(sa.select(sa.func.count()).select_from(table))
                for table in (CalendarException, CalendarChange)
            ]
            return counts[0] or 0, counts[1] or 0


@pytest.fixture
def calendars(api: Api, world: World) -> Calendars:
    return Calendars(api, world)


async def test_an_exception_is_added_read_and_revoked(calendars: Calendars) -> None:
    api, world = calendars.api, calendars.world
    reply = await calendars.add(world.hue_head, world.hue)
    added = reply.data["addCalendarException"]["exception"]
    assert added | {"id": ""} == {
        "id": "",
        "scope": "UNIT",
        "day": str(SUNDAY),
        "working": True,
        "name": "Làm bù",
        "reason": "CV 12",
        "revokedAt": None,
        "unit": {"name": world.hue.name},
    }
    assert reply.data["addCalendarException"]["impact"] is None
    seen = (await calendars.calendar(world.hue, SUNDAY, SUNDAY)).data["workingCalendar"]
    assert (seen["scope"], seen["unit"]["name"], seen["workingDays"]) == ("UNIT", world.hue.name, 1)
    assert seen["days"][0]["exception"] == {"reason": "CV 12"}
    given = {"calendarExceptionId": added["id"], "reason": "Nhầm"}
    revoked = await api.do("revokeCalendarException", given, world.hue_head, NEW)
    assert revoked.data["revokeCalendarException"]["exception"]["revokedAt"] is not None
    seen = (await calendars.calendar(world.hue, SUNDAY, SUNDAY)).data["workingCalendar"]
    assert (seen["workingDays"], seen["namedDays"]) == (0, [])
    listed = await api.gql(
        "query($f: CalendarExceptionFilter) { calendarExceptions(filter: $f) { totalCount nodes { id "
        "createdBy { id } revokedBy { id } } } }",
        {"f": {"revoked": True, "dayFrom": str(SUNDAY), "dayTo": str(SUNDAY)}},
        world.hue_head,
    )
    me = {"id": encode("Person", world.hue_head.person_id or 0)}
    assert listed.data["calendarExceptions"] == {
        "totalCount": 1,
        "nodes": [{"id": added["id"], "createdBy": me, "revokedBy": me}],
    }
    assert await calendars.written() == (1, 2)


async def test_the_calendar_speaks_the_callers_language(calendars: Calendars) -> None:
    first, last = date(2026, 8, 31), date(2026, 9, 6)
    english = (await calendars.calendar(None, first, last)).data["workingCalendar"]
    assert [day["name"] for day in english["namedDays"]] == [
        "Day off (substituted from 2026-08-22)",
        "National Day",
        "National Day",
    ]
    vietnamese = await calendars.calendar(None, first, last, accept_language="vi")
    assert vietnamese.data["workingCalendar"]["namedDays"][1]["name"] == "Quốc khánh"
    assert (english["scope"], english["unit"]) == ("NATIONAL", None)
    assert (english["workingDays"], english["daysLeft"], len(english["daysOff"])) == (2, 2, 5)
    assert len(english["days"]) == 7


@pytest.mark.parametrize(
    ("first", "last", "code", "path"),
    [
        (date(2026, 9, 2), date(2026, 9, 1), "CALENDAR_RANGE", ["to"]),
        (date(2026, 1, 1), date(2027, 12, 31), "CALENDAR_RANGE", ["to"]),
        (date(1900, 1, 1), date(1900, 1, 2), "CALENDAR_SPAN", ["from"]),
        (date(2026, 9, 2), date.max, "CALENDAR_SPAN", ["to"]),
    ],
)
async def test_a_stretch_that_no_calendar_has_is_refused(
    calendars: Calendars, first: date, last: date, code: str, path: list[str]
) -> None:
    reply = await calendars.calendar(None, first, last)
    assert [(error["extensions"]["code"], error["extensions"]["path"]) for error in reply.body["errors"]] == [
        (code, path)
    ]


async def test_a_dry_run_says_what_would_be_touched_and_changes_nothing(calendars: Calendars) -> None:
    world = calendars.world
    async with calendars.api.database.begin(SYSTEM) as tx:
        for lead in (world.hue, world.danang):
            await factories.task(
                tx, world.ministry, lead, state=TaskState.IN_PROGRESS, due_on=SUNDAY + timedelta(days=1)
            )
    reply = await calendars.add(world.hue_head, world.hue, dryRun=True)
    assert reply.data["addCalendarException"] == {
        "exception": None,
        "impact": {"days": [str(SUNDAY)], "openTasks": 1, "reminders": 0},
        "errors": [],
    }
    national = await calendars.add(world.administrator, dryRun=True)
    assert national.data["addCalendarException"]["impact"]["openTasks"] == 2
    assert await calendars.written() == (0, 0)
    added = (await calendars.add(world.hue_head, world.hue)).data["addCalendarException"]["exception"]
    given = {"calendarExceptionId": added["id"], "reason": "Nhầm", "dryRun": True}
    revoked = await calendars.api.do("revokeCalendarException", given, world.hue_head, NEW)
    assert revoked.data["revokeCalendarException"]["impact"]["openTasks"] == 1
    assert revoked.data["revokeCalendarException"]["exception"]["revokedAt"] is None
    assert await calendars.written() == (1, 1)


async def test_what_is_refused_of_a_dry_run_is_refused_by_name(calendars: Calendars) -> None:
    world = calendars.world
    refused = await calendars.add(world.hue_head, world.danang, dryRun=True)
    assert refused.refused("addCalendarException") == [("FORBIDDEN", ["unitId"])]
    assert refused.data["addCalendarException"]["impact"] is None
    regional = await calendars.add(world.administrator, world.firm, scope="REGION")
    assert regional.refused("addCalendarException") == [("CALENDAR_REGION_KIND", ["unitId"])]


async def test_of_many_each_has_its_result(calendars: Calendars) -> None:
    api, world = calendars.api, calendars.world

    def one(unit: Unit, day: date) -> dict[str, Any]:
        unit_id = encode("Unit", unit.id)
        return {
            "scope": "UNIT",
            "unitId": unit_id,
            "day": str(day),
            "working": True,
            "name": "a",
            "reason": "b",
        }

    given: dict[str, Any] = {
        "exceptions": [
            one(world.hue, SUNDAY),
            one(world.danang, SUNDAY),
            one(world.hue, SUNDAY),
            one(world.hue, SUNDAY + timedelta(days=7)),
        ]
    }
    select = "results { exception { day } errors { code path } } impact { days }"
    tried = await api.do("addCalendarExceptions", {**given, "dryRun": True}, world.hue_head, select)
    assert tried.data["addCalendarExceptions"]["impact"] == {
        "days": [str(SUNDAY), str(SUNDAY + timedelta(days=7))]
    }
    assert await calendars.written() == (0, 0)
    kept = {**given, "idempotencyKey": "một lần"}
    reply = await api.do("addCalendarExceptions", kept, world.hue_head, select)
    answers = reply.data["addCalendarExceptions"]["results"]
    assert [answer["exception"] for answer in answers] == [
        {"day": str(SUNDAY)},
        None,
        None,
        {"day": str(SUNDAY + timedelta(days=7))},
    ]
    assert [[(error["code"], error["path"]) for error in answer["errors"]] for answer in answers] == [
        [],
        [("FORBIDDEN", ["exceptions", "1", "unitId"])],
        [("CALENDAR_EXCEPTION_EXISTS", ["exceptions", "2", "day"])],
        [],
    ]
    again = await api.do("addCalendarExceptions", kept, world.hue_head, select)
    assert again.data == reply.data
    assert await calendars.written() == (2, 2)


async def test_a_deadline_explains_itself_to_whom_sees_the_task(calendars: Calendars) -> None:
    api, world = calendars.api, calendars.world
    await calendars.add(world.hue_head, world.hue)
    due_on = SUNDAY + timedelta(days=1)
    async with api.database.begin(SYSTEM) as tx:
        task = await factories.task(
            tx,
            world.ministry,
            world.hue,
            state=TaskState.IN_PROGRESS,
            due_on=due_on,
            created_at=utc_now(),
            created_by_id=world.minister.person_id,
        )
    query = """query($id: ID!) { explainDeadline(taskId: $id) {
        dueOn originalDueOn countsAs workingDays task { id }
        lines { kind sentence on until days step recipient fate unit { name } by { name } }
    } }"""
    given = {"id": encode("Task", task.id)}
    found = (await api.gql(query, given, world.hue_head)).data["explainDeadline"]
    assert (found["dueOn"], found["originalDueOn"], found["task"]) == (str(due_on), str(due_on), given)
    kinds = [line["kind"] for line in found["lines"]]
    assert kinds[:3] == ["SET", "CALENDAR", "CALENDAR"]
    assert (kinds.count("LEFT"), kinds.count("STEP"), kinds[-1]) == (1, 12, "STEP")
    by_kind = {line["kind"]: line for line in found["lines"]}
    assert by_kind["SET"]["unit"] == {"name": world.ministry.name}
    assert by_kind["SET"]["by"] is not None
    assert (by_kind["MAKE_UP_DAY"]["on"], by_kind["MAKE_UP_DAY"]["unit"]) == (
        str(SUNDAY),
        {"name": world.hue.name},
    )
    assert by_kind["LEFT"]["days"] == found["workingDays"]
    assert (by_kind["STEP"]["recipient"], by_kind["STEP"]["fate"]) == ("ISSUER_HEAD", "TO_COME")
    vietnamese = (await api.gql(query, given, world.hue_head, accept_language="vi")).data["explainDeadline"]
    assert "đặt hạn ban đầu" in vietnamese["lines"][0]["sentence"]
    assert (await api.gql(query, given, world.firm_head)).data == {"explainDeadline": None}
    wrong = await api.gql(query, {"id": encode("Unit", world.hue.id)}, world.hue_head)
    assert wrong.codes == ["INVALID_ID"]
