"""Calendar feeds: whose address, what it shows, and what it is written down as."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from sqlalchemy import text

from factories import NOW, SYSTEM, participation
from tasks_world import TODAY, World, build
from vdept.feeds import reading
from vdept.feeds.models import CalendarFeed
from vdept.feeds.queries import feeds_by_ids, own_feeds
from vdept.feeds.reading import Agenda, Entry
from vdept.feeds.registering import MAX_FEEDS, create_feed, revoke_feed
from vdept.feeds.rendering import etag, plain, render
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.kernel.pages import PageRequest
from vdept.targets.models import Audience
from vdept.tasks.models import Assignee, Task, TaskState

S = TaskState
ISSUER = "https://vdept.example.gov.vn"


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def read(world: World, token: str, now: datetime = NOW) -> Agenda | None:
    """What an address answers with; nothing when it is not good."""
    async with world.db.snapshot(reading.ACTOR, now=now) as tx:
        found = await reading.find_feed(tx, token)
        return None if found is None else await reading.read_feed(tx, found)


async def shown(world: World, token: str, now: datetime = NOW) -> list[int]:
    agenda = await read(world, token, now)
    assert agenda is not None
    return [entry.task_id for entry in agenda.entries]


async def assigned(world: World, who: Actor, **more: Any) -> Task:
    task = await world.given(**{"state": S.IN_PROGRESS, **more})
    async with world.db.begin(SYSTEM) as tx:
        tx.session.add(
            Assignee(task_id=task.id, person_id=who.person_id, unit_id=world.province.id, assigned_at=NOW)
        )
    return task


# -- addresses ----------------------------------------------------------------------------------------------


async def test_an_address_is_shown_once_and_only_its_digest_kept(world: World) -> None:
    feed, token = await world.do(world.province_member, create_feed)
    assert token.startswith("vdcal_")
    assert len(token) == len("vdcal_") + 43  # 256 bits
    async with world.db.snapshot(SYSTEM) as tx:
        row = (await tx.session.execute(text("SELECT calendar_feed::text FROM calendar_feed"))).scalar_one()
        log = (await tx.session.execute(text("SELECT activity::text FROM activity"))).scalars().all()
    assert token[6:] not in row + "".join(log)
    assert (feed.person_id, feed.unit_id, feed.revoked_at, feed.read_at) == (
        world.province_member.person_id,
        None,
        None,
        None,
    )


async def test_a_person_has_at_most_ten_in_use(world: World) -> None:
    feeds = [(await world.do(world.province_member, create_feed))[0] for _ in range(MAX_FEEDS)]
    assert await world.refused(world.province_member, create_feed) == ("FEED_LIMIT", ())
    await world.do(world.province_member, revoke_feed, feeds[0].id)
    await world.do(world.province_member, create_feed)


async def test_a_unit_s_feed_is_for_whoever_belongs_to_it(world: World) -> None:
    await world.do(world.province_observer, create_feed, world.province.id)
    for who in (world.government_head, world.firm_head, world.nobody):
        assert await world.refused(who, create_feed, world.province.id) == ("FORBIDDEN", ("unitId",))
    assert await world.refused(world.province_head, create_feed, 4711) == ("NOT_FOUND", ("unitId",))


async def test_clients_and_jobs_make_none(world: World) -> None:
    for who in (replace(world.province_member, client_id=7), SYSTEM):
        assert await world.refused(who, create_feed) == ("FORBIDDEN", ())


async def test_feeds_are_seen_and_revoked_by_their_person_alone(world: World) -> None:
    feed, token = await world.do(world.province_member, create_feed)
    for who in (world.province_head, world.government_head, world.nobody, SYSTEM):
        assert await world.refused(who, revoke_feed, feed.id) == ("NOT_FOUND", ("feedId",))
        assert await world.ask(who, feeds_by_ids, [feed.id]) == {}
    assert await read(world, token) is not None
    await world.do(world.province_member, revoke_feed, feed.id)
    again = await world.do(world.province_member, revoke_feed, feed.id)
    assert again.revoked_at == NOW
    assert await read(world, token) is None


async def test_one_s_own_addresses_are_listed_newest_first(world: World) -> None:
    feeds = [(await world.do(world.province_member, create_feed))[0].id for _ in range(3)]
    await world.do(world.province_head, create_feed)
    await world.do(world.province_member, revoke_feed, feeds[1])

    async def listed(**more: Any) -> list[int]:
        page = await world.ask(world.province_member, own_feeds, PageRequest(first=10), **more)
        return [row.id for row in page.rows]

    assert await listed() == [feeds[2], feeds[0]]
    assert await listed(revoked=True) == feeds[::-1]


async def test_row_security_shows_nobody_another_s_address(world: World) -> None:
    await world.do(world.province_member, create_feed)
    query = text("SELECT count(*) FROM calendar_feed")
    for who, seen in ((world.province_member, 1), (world.province_head, 0), (world.nobody, 0)):
        async with world.db.snapshot(who) as tx:
            assert (await tx.session.execute(query)).scalar_one() == seen


# -- what is shown ------------------------------------------------------------------------------------------


async def test_a_person_s_feed_shows_what_is_assigned_to_them_in_due_order(world: World) -> None:
    me = world.province_member
    late = await assigned(world, me, due_on=date(2026, 9, 1))
    soon = await assigned(world, me, due_on=date(2026, 3, 5), state=S.ACCEPTED)
    await assigned(world, world.province_head)
    await world.given(state=S.IN_PROGRESS)
    _, token = await world.do(me, create_feed)
    agenda = await read(world, token)
    assert agenda is not None
    assert [(entry.task_id, entry.day) for entry in agenda.entries] == [
        (soon.id, date(2026, 3, 5)),
        (late.id, date(2026, 9, 1)),
    ]
    assert (agenda.unit, agenda.cut, agenda.entries[0].lead) == (None, False, "Lào Cai")


@pytest.mark.parametrize(
    ("state", "there"),
    [
        (S.OFFERED, True),
        (S.ACCEPTED, True),
        (S.IN_PROGRESS, True),
        (S.DELIVERED, False),
        (S.VERIFIED, False),
        (S.DECLINED, False),
        (S.CANCELLED, False),
    ],
)
async def test_what_is_done_or_over_is_not_in_it(world: World, state: S, there: bool) -> None:
    more: dict[str, Any] = {}
    if state in (S.DELIVERED, S.VERIFIED):
        more["delivered_on"] = TODAY
    if state in (S.DECLINED, S.CANCELLED):
        more["state_reason"] = "x"
    task = await assigned(world, world.province_member, state=state, **more)
    _, token = await world.do(world.province_member, create_feed)
    assert await shown(world, token) == ([task.id] if there else [])


async def test_a_paused_task_stands_on_the_day_of_its_review(world: World) -> None:
    review = date(2026, 4, 1)
    task = await assigned(
        world,
        world.province_member,
        state=S.PAUSED,
        state_reason="bão",
        review_on=review,
        paused_from=S.IN_PROGRESS,
        due_on=date(2029, 1, 1),
        of=None,
    )
    _, token = await world.do(world.province_member, create_feed)
    agenda = await read(world, token)
    assert agenda is not None
    assert [(entry.task_id, entry.day, entry.state) for entry in agenda.entries] == [
        (task.id, review, S.PAUSED)
    ]


@pytest.mark.parametrize(("days", "there"), [(-91, False), (-90, True), (400, True), (401, False)])
async def test_a_feed_reaches_from_last_quarter_to_next_year(world: World, days: int, there: bool) -> None:
    await assigned(world, world.province_member, due_on=TODAY + timedelta(days=days), of=None)
    _, token = await world.do(world.province_member, create_feed)
    assert bool(await shown(world, token)) is there


async def test_a_unit_s_feed_shows_what_it_takes_part_in(world: World) -> None:
    led = await world.given(state=S.IN_PROGRESS, due_on=date(2026, 3, 10))
    shared = await world.given(lead="other", state=S.IN_PROGRESS, due_on=date(2026, 3, 11))
    await world.given(lead="other", state=S.IN_PROGRESS)
    left = await world.given(lead="other", state=S.IN_PROGRESS)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, shared, world.province)
        from vdept.tasks.models import ParticipationState

        await participation(tx, left, world.province, state=ParticipationState.LEFT)
    _, token = await world.do(world.province_observer, create_feed, world.province.id)
    agenda = await read(world, token)
    assert agenda is not None
    assert ([entry.task_id for entry in agenda.entries], agenda.unit) == ([led.id, shared.id], "Lào Cai")


async def test_what_its_person_may_not_see_any_more_is_not_in_it(world: World, owner: Database) -> None:
    # A firm's employee is still noted as assigned to a task that the firm has left.
    task = await assigned(
        world, world.firm_member, audience=Audience.PARTICIPANTS, lead="province", due_on=date(2026, 3, 9)
    )
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm)
    _, token = await world.do(world.firm_member, create_feed)
    assert await shown(world, token) == [task.id]
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(
            text("UPDATE participation SET state = 'LEFT', open = false WHERE unit_id = :id"),
            {"id": world.firm.id},
        )
    assert await shown(world, token) == []


async def test_an_address_ends_with_its_person_and_its_unit_s_with_the_membership(
    world: World, owner: Database
) -> None:
    me = world.province_member
    _, own = await world.do(me, create_feed)
    _, unit = await world.do(me, create_feed, world.province.id)
    assert await read(world, own) is not None
    assert await read(world, unit) is not None
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(
            text("UPDATE membership SET ends_on = :day WHERE person_id = :id"),
            {"day": TODAY - timedelta(days=1), "id": me.person_id},
        )
    assert await read(world, own) is not None
    assert await read(world, unit) is None
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(
            text("UPDATE person SET active = false WHERE id = :id"), {"id": me.person_id}
        )
    assert await read(world, own) is None


async def test_whatever_is_tried_is_no_address(world: World) -> None:
    _, token = await world.do(world.province_member, create_feed)
    for tried in ("", token[:-1], token.swapcase(), f"{token} ", "\ud800", "x" * 10_000):
        assert await read(world, tried) is None


async def test_a_feed_is_cut_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        await assigned(world, world.province_member)
    _, token = await world.do(world.province_member, create_feed)
    monkeypatch.setattr(reading, "MOST", 2)
    agenda = await read(world, token)
    assert agenda is not None
    assert (len(agenda.entries), agenda.cut) == (2, True)
    assert "Only the first" in str(Calendar.from_ical(render(agenda, ISSUER))["DESCRIPTION"])


async def test_when_it_was_read_is_kept_once_an_hour(world: World) -> None:
    feed, token = await world.do(world.province_member, create_feed)

    async def read_at(now: datetime) -> datetime | None:
        async with world.db.snapshot(reading.ACTOR, now=now) as tx:
            found = await reading.find_feed(tx, token)
        assert found is not None
        await reading.note_reading(world.db, found, now)
        async with world.db.snapshot(SYSTEM) as tx:
            return (await tx.session.get_one(CalendarFeed, feed.id)).read_at

    assert await read_at(NOW) == NOW
    assert await read_at(NOW + timedelta(minutes=59)) == NOW
    later = NOW + timedelta(hours=1)
    assert await read_at(later) == later


# -- as iCalendar -------------------------------------------------------------------------------------------

ENTRY = Entry(
    task_id=7,
    version=3,
    updated_at=datetime(2026, 3, 1, 2, 3, 4, tzinfo=UTC),
    title="Báo cáo",
    state=S.IN_PROGRESS,
    day=date(2026, 3, 31),
    original_due_on=date(2026, 3, 15),
    lead="Lào Cai",
)


def agenda(*entries: Entry, locale: Locale = Locale.VI) -> Agenda:
    return Agenda("Nguyễn Văn A", None, locale, entries, cut=False)


def parsed(of: Agenda) -> Any:
    return Calendar.from_ical(render(of, ISSUER))


def test_a_task_is_an_all_day_event_that_keeps_its_name() -> None:
    calendar = parsed(agenda(ENTRY))
    (event,) = calendar.walk("VEVENT")
    assert (str(event["UID"]), event["SEQUENCE"]) == ("task-7@vdept.example.gov.vn", 3)
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (date(2026, 3, 31), date(2026, 4, 1))
    assert event["DTSTART"].params["VALUE"] == "DATE"
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt == ENTRY.updated_at
    assert (str(event["SUMMARY"]), str(event["STATUS"])) == ("Báo cáo", "CONFIRMED")
    assert str(event["DESCRIPTION"]).split("\n") == [
        "Đơn vị chủ trì: Lào Cai",
        "Trạng thái: Đang thực hiện",
        "Hạn ban đầu: 15/03/2026",
    ]
    assert calendar.walk("VALARM") == []
    assert str(calendar["X-WR-CALNAME"]) == "Hạn nhiệm vụ: Nguyễn Văn A"
    assert (str(calendar["VERSION"]), str(calendar["METHOD"])) == ("2.0", "PUBLISH")


def test_a_review_is_an_event_of_its_own() -> None:
    (event,) = parsed(agenda(replace(ENTRY, state=S.PAUSED), locale=Locale.EN)).walk("VEVENT")
    assert (str(event["UID"]), str(event["SUMMARY"])) == (
        "task-7-review@vdept.example.gov.vn",
        "Review: Báo cáo",
    )
    assert (str(event["STATUS"]), str(event["DESCRIPTION"])) == (
        "TENTATIVE",
        "Lead unit: Lào Cai\nState: Paused",
    )


@pytest.mark.parametrize(
    "title",
    [
        'Phẩy, chấm phẩy; gạch chéo \\ và "ngoặc"',
        "Dòng một\r\nBEGIN:VALARM\nEND:VEVENT",
        "🎉" * 120,
        "ệ" * 500,
        "a\u2028b\x85c\x0bd\x1fe",
        "\\n",
        ":;=,",
    ],
)
def test_a_hostile_title_comes_back_as_it_was_written(title: str) -> None:
    of = agenda(replace(ENTRY, title=title, lead=title))
    (event,) = parsed(of).walk("VEVENT")
    assert str(event["SUMMARY"]) == plain(title)
    assert parsed(of).walk("VALARM") == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_whatever_people_write_is_one_valid_calendar(title: str) -> None:
    written = render(agenda(replace(ENTRY, title=title, lead=title), ENTRY), ISSUER)
    lines = written.split(b"\r\n")
    assert lines[-1] == b""
    for line in lines:
        assert len(line) <= 75
        assert not any(byte < 32 and byte != 9 for byte in line)
    written.decode()
    events: list[Any] = Calendar.from_ical(written).walk("VEVENT")
    assert [str(event["SUMMARY"]) for event in events] == [plain(title), "Báo cáo"]


def test_the_tag_changes_with_what_is_said_and_not_otherwise() -> None:
    one = etag(agenda(ENTRY), ISSUER)
    assert one == etag(agenda(replace(ENTRY)), ISSUER)
    others = [
        etag(agenda(replace(ENTRY, version=4)), ISSUER),
        etag(agenda(replace(ENTRY, lead="Hà Giang")), ISSUER),
        etag(agenda(), ISSUER),
        etag(agenda(ENTRY, locale=Locale.EN), ISSUER),
        etag(agenda(ENTRY), "https://other.vn"),
    ]
    assert len({one, *others}) == 6
