"""The demonstration: loaded by the verbs of the core, once; and the three things that it offers to try."""

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from api.story_scene import serving, soon
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database, Tx
from vdept.kernel.models import Base
from vdept.kernel.vault import Vault
from vdept.people.models import Membership, Person
from vdept.publications import checking, content
from vdept.publications.due import publish_requested
from vdept.publications.findings import Findings
from vdept.publications.models import Edition, EditionFormat
from vdept.targets.models import Plan, PlanState, Target
from vdept.tasks.models import Task, TaskState
from vdept.units.models import Segment, Unit
from vdept.units.segments import in_segments
from vdept.verdicts.models import Verdict, VerdictSubject
from vdept_workers import operations
from vdept_workers.demo import as_a_program, load_demo, things_to_try
from vdept_workers.demo.people import PERSONAS, SYSTEM
from vdept_workers.demo.season import season


async def rows_of_every_table(db: Database) -> dict[str, int]:
    async with db.snapshot(SYSTEM) as tx:
        return {
            table.name: (await tx.session.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
            for table in Base.metadata.sorted_tables
        }


async def send(command: str) -> Any:
    """What the API answers to a command of the shell, without the shell."""
    program, silent, url, *rest = shlex.split(command)
    assert (program, silent) == ("curl", "-s")
    given: dict[str, list[str]] = {"-H": [], "-d": []}
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        given[option].append(value)
    headers = dict(header.split(": ", 1) for header in given["-H"])
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, content=given["-d"][0].encode(), headers=headers)
    body = answer.json()
    assert answer.status_code == 200, body
    assert "errors" not in body, body
    return body["data"]


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


async def interrupt_after(acts: int, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the demonstration, but end in the middle of one of its transactions."""
    begin = Database.begin
    left = acts

    @asynccontextmanager
    async def counted(self: Database, actor: Actor, **when: Any) -> AsyncIterator[Tx]:
        nonlocal left
        left -= 1
        async with begin(self, actor, **when) as tx:
            yield tx
            if left < 0:
                raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(Database, "begin", counted)
        with pytest.raises(Interrupted):
            await load_demo(db)


async def send_as_a_program(command: str) -> Any:
    """The same for a program: what its first line gets as a token stands in the second."""
    first, second = command.split("\n")
    _, _, address, _, credentials, _, form = shlex.split(first.removeprefix("TOKEN=$(").partition(" | ")[0])
    name, secret = credentials.split(":")
    async with httpx.AsyncClient(auth=(name, secret)) as http:
        answer = await http.post(address, data=dict([form.split("=")]))
    assert answer.status_code == 200, answer.text
    return await send(second.replace("'\"$TOKEN\"'", answer.json()["access_token"]))


async def publishes_an_edition_that_verifies(db: Database) -> None:
    """As a worker does with what the issuer has asked for."""
    report = await publish_requested(db, lambda: Vault("0123456789abcdef0123456789abcdef"), now=utc_now())
    assert report.failed == []
    async with db.snapshot(SYSTEM) as tx:
        edition = await tx.session.get_one(Edition, report.published[0])
        said = b"".join([part async for part in content.chunks(tx, edition.id, EditionFormat.JSON)])
    findings = Findings()
    checking.check_content(said, edition.manifest, findings)
    assert findings.faults == []
    assert edition.targets > 34


async def test_the_demonstration_is_loaded_once_and_its_commands_work(
    db: Database, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for acts in (1, 30, 90, 50):
        await interrupt_after(acts, db, monkeypatch)
    assert await load_demo(db) == list(PERSONAS)
    before = await rows_of_every_table(db)
    await load_demo(db)
    assert await rows_of_every_table(db) == before
    assert {
        name: before[name] for name in ("person", "measurement", "task", "task_evidence", "task_comment")
    } == {
        "person": 42,
        "measurement": 191,
        "task": 43,
        "task_evidence": 22,
        "task_comment": 2,
    }
    await contains_the_story(db)
    await publishes_an_edition_that_verifies(db)
    async with serving(database_url, redis_url) as url:
        ttl = timedelta(hours=1)
        tokens = {p.email: await operations.mint(db, p.email, label="test", ttl=ttl) for p in PERSONAS}
        tries = await things_to_try(db, f"{url}/graphql", tokens)
        standings, overdue, inbox, explained = tries
        await shows_the_gap(standings.command, measured="17", gap="13", met=3)
        await shows_what_is_overdue(overdue.command)
        await shows_what_is_told(inbox.command)
        await shows_how_a_date_came_about(explained.command)
        for recorded in (1, 0):  # whoever comes again gets a new secret of the same client
            told = (await send_as_a_program((await as_a_program(db, url)).command))["pushReadings"]
            assert (told["recorded"], told["unchanged"], told["errors"]) == (recorded, 1 - recorded, [])
            assert (await rows_of_every_table(db))["api_client"] == 1
        await shows_the_gap(standings.command, measured="24", gap="6", met=3)


async def contains_the_story(db: Database) -> None:
    """What must be there: the plans, who was assigned what, tasks in every state, a head in Huế."""
    async with db.snapshot(SYSTEM) as tx:
        plans = {plan.code: plan for plan in await tx.session.scalars(sa.select(Plan))}
        now = season(tx.today)
        national = plans.pop(f"KH-CDS-{now.ends_on.year}")
        assert (national.state, national.starts_on, national.ends_on) == (
            PlanState.ISSUED,
            now.starts_on,
            now.ends_on,
        )
        closed = plans.pop("KH-CDS-2021")
        campaign = plans.pop(f"KH-TAPHUAN-{now.ends_on.year}")
        assert plans == {}
        await judges_the_campaign(tx, campaign)
        mountains = sa.select(sa.func.count()).where(in_segments([Segment.MOUNTAINOUS]))
        assert await tx.session.scalar(mountains) == 13 + 5
        assert (closed.state, closed.starts_on, closed.ends_on) == (
            PlanState.CLOSED,
            date(2021, 1, 1),
            date(2021, 12, 31),
        )
        levels = sa.select(Target.level, sa.func.count()).where(Target.plan_id == national.id)
        rows = (await tx.session.execute(levels.group_by(Target.level))).all()
        assert sorted(tuple(row) for row in rows) == [(0, 3), (1, 34 + 51 + 1), (2, 40)]
        states = set(await tx.session.scalars(sa.select(Task.state)))
        assert states == {
            TaskState.OPEN,
            TaskState.ACCEPTED,
            TaskState.OFFERED,
            TaskState.IN_PROGRESS,
            TaskState.DELIVERED,
            TaskState.VERIFIED,
        }
        head = await tx.session.scalar(
            sa.select(Person.name)
            .join(Membership, Membership.person_id == Person.id)
            .join(Unit, Unit.id == Membership.unit_id)
            .where(Unit.code == "46", Membership.role == Role.HEAD)
        )
        assert head == "Lê Hữu Phước"


async def judges_the_campaign(tx: Tx, campaign: Plan) -> None:
    """Past due: met and not met, with the heads who held office, and without one."""
    rows = await tx.session.execute(
        sa.select(Unit.code, Verdict.judgement, Person.name)
        .join(Unit, Unit.id == Verdict.unit_id)
        .outerjoin(Person, Person.id == Verdict.head_id)
        .where(Verdict.plan_id == campaign.id, Verdict.subject == VerdictSubject.TARGET)
    )
    assert {code: (judgement.value, head) for code, judgement, head in rows} == {
        "46": ("MET", "Lê Hữu Phước"),
        "19786": ("NOT_MET", "Trương Đình Khải"),
        "VPCP": ("MET", "Đặng Quang Nghị"),
        "92": ("NOT_MET", None),
        "TTCP": ("NOT_MET", None),
    }


async def shows_the_gap(command: str, *, measured: str, gap: str, met: int) -> None:
    """Of the issued plan: Huế reports 30, what is measured beside it, and the nation from its children."""

    async def told() -> bool:
        data = await send(command)
        hue, nation = (first_outcome(data[name]) for name in ("province", "nation"))
        return bool(
            hue
            and (hue["measured"], hue["reported"]) == ({"value": measured}, {"value": "30"})
            and (hue["status"], hue["gap"]) == ("OFF_TRACK", gap)
            and nation
            and (nation["status"], nation["children"], nation["childrenMet"]) == ("OFF_TRACK", 34, met)
        )

    await soon(told)


def first_outcome(unit: dict[str, Any]) -> dict[str, Any] | None:
    """Of the unit's target for dossiers handled online."""
    held = unit["targets"]["nodes"]
    (online,) = [each for each in held if each["keyResult"]["title"].startswith("Tỷ lệ hồ sơ")]
    outcome: dict[str, Any] | None = online["outcome"]
    return outcome


async def shows_what_is_overdue(command: str) -> None:
    unit = (await send(command))["unit"]
    assert unit["name"] == "Thành phố Huế"
    (task,) = unit["tasks"]["nodes"]
    assert task["title"] == "Làm sạch dữ liệu hộ tịch phục vụ hồ sơ trực tuyến"
    assert task["timeliness"] == "OPEN_OVERDUE"
    assert date.fromisoformat(task["dueOn"]) < local_date(utc_now())
    assert task["progress"] == "49.5"
    parts = {(p["unit"]["name"], p["role"], p["share"], p["progress"]) for p in task["participants"]}
    assert parts == {("Thành phố Huế", "BUILDER", 70, 45), ("Phường Thuận Hóa", "USER", 30, 60)}


BY_THE_WORKER = {"WARNING_OPENED", "VERDICT_ISSUED", "EDITION_PUBLISHED", "SIGNAL_FOUND"}
"""What the worker finds by itself and tells of, sooner or later."""


async def shows_what_is_told(command: str) -> None:
    """An escalation of each overdue task, a reminder, and a request to decide; the gap as a warning."""

    async def told() -> bool:
        data = await send(command)
        kinds = sorted(each["kind"] for each in data["inbox"]["nodes"] if each["kind"] not in BY_THE_WORKER)
        late = [each for each in data["inbox"]["nodes"] if each["kind"] == "ESCALATION"]
        return (
            kinds == ["ESCALATION", "ESCALATION", "EXTENSION_REQUESTED", "REMINDER"]
            and {len(each["subject"]["extensionHistory"]) for each in late} == {0, 1}
            and all(each["subject"]["escalations"] for each in late)
            and {each["kind"] for each in data["warnings"]["nodes"]} >= {"PACE"}
        )

    await soon(told)


async def shows_how_a_date_came_about(command: str) -> None:
    told = (await send(command))["explainDeadline"]
    assert told["workingDays"] == -1
    assert len(told["lines"]) > 8
    assert all(line["sentence"] for line in told["lines"])


@pytest.mark.parametrize(
    ("today", "starts_on", "ends_on"),
    [
        (date(2026, 11, 21), date(2026, 1, 1), date(2026, 12, 31)),
        (date(2026, 10, 1), date(2026, 1, 1), date(2026, 12, 31)),
        (date(2026, 12, 17), date(2026, 1, 1), date(2026, 12, 31)),
        (date(2026, 12, 18), date(2026, 4, 1), date(2027, 3, 31)),
        (date(2027, 1, 1), date(2026, 4, 1), date(2027, 3, 31)),
        (date(2028, 2, 29), date(2027, 4, 1), date(2028, 3, 31)),
        (date(2027, 6, 30), date(2026, 10, 1), date(2027, 9, 30)),
    ],
)
def test_the_season_is_four_quarters_with_the_deadline_ahead(
    today: date, starts_on: date, ends_on: date
) -> None:
    now = season(today)
    assert (now.starts_on, now.ends_on) == (starts_on, ends_on)


def test_on_any_day_the_plan_is_two_thirds_gone_and_not_over() -> None:
    for offset in range(366 * 4):
        today = date(2027, 1, 1) + timedelta(days=offset)
        now = season(today)
        gone, whole = (today - now.issued_on).days, (now.ends_on - now.issued_on).days
        assert 14 <= (now.ends_on - today).days <= 106
        assert 3 * gone > 2 * whole
        assert now.day(0) == now.issued_on
        assert now.day(100) == today
