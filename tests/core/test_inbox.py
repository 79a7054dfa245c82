"""One's own inbox: pages, subjects, counts, and marking as read."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

import factories
from factories import NOW, SYSTEM
from inbox_scene import Inbox, build
from statements import counting
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.notifications import inbox, queries
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind
from vdept.notifications.queries import InboxFilter, SubjectCounts

Kind = NotificationKind


@pytest.fixture
async def box(db: Database) -> Inbox:
    return await build(db)


# -- reading -------------------------------------------------------------------------------------------


async def test_an_inbox_shows_its_persons_notifications_newest_first_page_by_page(box: Inbox) -> None:
    first, second, third = [await box.tell(box.lan, subject=n) for n in (1, 2, 3)]
    await box.tell(box.minh)
    page = await box.ask(box.lan, queries.inbox_page, PageRequest(first=2))
    assert [row.id for row in page.rows] == [third, second]
    assert (page.has_next, page.has_previous) == (True, False)
    rest = PageRequest(first=2, after=page.cursors[-1])
    assert await box.page(box.lan, rest) == [first]
    assert await box.page(box.lan, PageRequest(last=1)) == [first]


async def test_what_arrives_meanwhile_does_not_move_the_pages(box: Inbox) -> None:
    told = [await box.tell(box.lan) for _ in range(3)]
    page = await box.ask(box.lan, queries.inbox_page, PageRequest(first=1))
    await box.tell(box.lan)
    assert await box.page(box.lan, PageRequest(after=page.cursors[0])) == [told[1], told[0]]


async def test_filters_narrow_the_inbox_and_hold_together(box: Inbox) -> None:
    async with box.db.begin(SYSTEM, now=NOW) as tx:
        other = (await factories.unit(tx)).id
    reminder = await box.tell(box.lan, subject=1)
    late = await box.tell(box.lan, Kind.ESCALATION, subject=1)
    elsewhere = await box.tell(box.lan, Kind.WARNING_OPENED, subject=2, unit_id=other)
    await box.do(box.lan, inbox.mark_read, [reminder])
    assert await box.page(box.lan, unread_only=True) == [elsewhere, late]
    assert await box.page(box.lan, kinds=(Kind.REMINDER, Kind.WARNING_OPENED)) == [elsewhere, reminder]
    assert await box.page(box.lan, kinds=()) == []
    assert await box.page(box.lan, subject=("Task", 1)) == [late, reminder]
    assert await box.page(box.lan, subject=("Target", 1)) == []
    assert await box.page(box.lan, unit_id=other) == [elsewhere]
    assert await box.page(box.lan, subject=("Task", 1), unread_only=True) == [late]
    assert await box.page(box.lan, subject=("Task", 2), unit_id=box.unit.id) == []


async def test_by_subject_shows_the_newest_of_each_with_how_many_there_are(box: Inbox) -> None:
    first = await box.tell(box.lan, subject=1)
    second = await box.tell(box.lan, subject=2)
    third = await box.tell(box.lan, subject=1)
    await box.tell(box.minh, subject=1)
    await box.do(box.lan, inbox.mark_read, [first])
    page = await box.ask(box.lan, queries.inbox_by_subject, PageRequest(first=1))
    assert [row.id for row in page.rows] == [third]
    after = PageRequest(after=page.cursors[0])
    rest = await box.ask(box.lan, queries.inbox_by_subject, after)
    assert [row.id for row in rest.rows] == [second]
    assert await box.ask(box.lan, queries.counts_by_subject, [("Task", 1), ("Task", 2)]) == {
        ("Task", 1): SubjectCounts(total=2, unread=1),
        ("Task", 2): SubjectCounts(total=1, unread=1),
    }
    assert await box.ask(box.lan, queries.counts_by_subject, []) == {}


async def test_by_subject_of_the_unread_is_the_newest_unread_of_each(box: Inbox) -> None:
    first, second = await box.tell(box.lan, subject=1), await box.tell(box.lan, subject=1)
    await box.do(box.lan, inbox.mark_read, [second])
    unread = InboxFilter(unread_only=True)
    page = await box.ask(box.lan, queries.inbox_by_subject, PageRequest(), unread)
    assert [row.id for row in page.rows] == [first]
    assert await box.ask(box.lan, queries.counts_by_subject, [("Task", 1)], unread) == {
        ("Task", 1): SubjectCounts(total=1, unread=1)
    }


async def test_the_statements_of_the_list_by_subject_do_not_grow_with_it(box: Inbox) -> None:
    async def read() -> int:
        with counting(box.db) as sent:
            async with box.db.snapshot(box.lan, now=NOW) as tx:
                page = await queries.inbox_by_subject(tx, PageRequest(first=100))
                keys = [(row.subject_type, row.subject_id) for row in page.rows]
                await queries.counts_by_subject(tx, keys)
        return len(sent)

    await box.tell(box.lan)
    few = await read()
    for subject in range(2, 12):
        await box.tell(box.lan, subject=subject)
    assert await read() == few == 2


async def test_unread_ones_are_counted_by_kind(box: Inbox) -> None:
    read = await box.tell(box.lan)
    for kind in (Kind.REMINDER, Kind.REMINDER, Kind.ESCALATION):
        await box.tell(box.lan, kind)
    await box.tell(box.minh, Kind.WARNING_OPENED)
    await box.do(box.lan, inbox.mark_read, [read])
    assert await box.ask(box.lan, queries.unread_by_kind) == {Kind.REMINDER: 2, Kind.ESCALATION: 1}


# -- marking -------------------------------------------------------------------------------------------


async def test_marking_as_read_says_how_many_were_unread_and_can_be_taken_back(box: Inbox) -> None:
    first, second, third = [await box.tell(box.lan) for _ in range(3)]
    assert await box.do(box.lan, inbox.mark_read, [first, third, first]) == 2
    assert await box.do(box.lan, inbox.mark_read, [first, third]) == 0
    assert await box.unread(box.lan) == [second]
    assert await box.do(box.lan, inbox.mark_unread, [first, second]) == 1
    assert await box.unread(box.lan) == [second, first]


async def test_marking_again_leaves_when_it_was_first_read(box: Inbox) -> None:
    one = await box.tell(box.lan)
    await box.do(box.lan, inbox.mark_read, [one])
    async with box.db.begin(box.lan) as tx:
        await inbox.mark_read(tx, [one])
    row = (await box.ask(box.lan, queries.notifications_by_ids, [one]))[one]
    assert row.read_at == NOW


async def test_somebody_elses_and_unknown_notifications_do_not_count_and_do_not_change(box: Inbox) -> None:
    mine, theirs = await box.tell(box.lan), await box.tell(box.minh)
    assert await box.do(box.lan, inbox.mark_read, [mine, theirs, 10**9]) == 1
    assert await box.unread(box.minh) == [theirs]


async def test_marking_all_ends_at_what_was_seen_and_holds_to_the_filter(box: Inbox) -> None:
    first, late, third = [
        await box.tell(box.lan, kind) for kind in (Kind.REMINDER, Kind.ESCALATION, Kind.REMINDER)
    ]
    after = await box.tell(box.lan)
    theirs = await box.tell(box.minh)
    reminders = InboxFilter(kinds=(Kind.REMINDER,))
    assert await box.do(box.lan, inbox.mark_all_read, reminders, upto=third) == 2
    assert await box.do(box.lan, inbox.mark_all_read, reminders, upto=third) == 0
    assert await box.unread(box.lan) == [after, late]
    assert await box.do(box.lan, inbox.mark_all_read) == 2
    assert await box.page(box.lan) == [after, third, late, first]
    assert await box.unread(box.minh) == [theirs]


async def test_more_than_a_thousand_at_a_time_are_refused(box: Inbox) -> None:
    for verb in (inbox.mark_read, inbox.mark_unread):
        with pytest.raises(Refused) as caught:
            await box.do(box.lan, verb, list(range(1, 1002)))
        assert (caught.value.code, caught.value.path) == ("TOO_MANY_NOTIFICATIONS", ("ids",))
    assert await box.do(box.lan, inbox.mark_read, list(range(1, 1001))) == 0


async def test_marking_leaves_an_activity_and_rings_only_if_something_changed(box: Inbox) -> None:
    one = await box.tell(box.lan)
    rings: list[frozenset[str]] = []

    async def listen(rung: frozenset[str]) -> None:
        rings.append(rung)

    box.db.on_commit = listen
    await box.do(box.lan, inbox.mark_read, [one])
    await box.do(box.lan, inbox.mark_read, [one])
    assert rings == [{f"inbox:{box.lan.person_id}"}]
    logged = text(
        "SELECT verb, subject_type, subject_id, person_id, data FROM activity WHERE verb LIKE 'inbox%'"
    )
    async with box.db.snapshot(SYSTEM) as tx:
        rows = [tuple(row) for row in await tx.session.execute(logged)]
    assert rows == [
        ("inbox.read", "Inbox", box.lan.person_id, box.lan.person_id, {"notifications": 1}),
    ]


async def test_a_failure_after_marking_leaves_everything_as_it_was(box: Inbox) -> None:
    one = await box.tell(box.lan)

    async def interrupted(tx: Tx) -> None:
        assert await inbox.mark_read(tx, [one]) == 1
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await box.do(box.lan, interrupted)
    assert await box.unread(box.lan) == [one]


async def test_marking_the_same_in_two_windows_at_once_counts_each_once(box: Inbox) -> None:
    told = [await box.tell(box.lan) for _ in range(20)]
    counts = await asyncio.gather(
        box.do(box.lan, inbox.mark_read, told),
        box.do(box.lan, inbox.mark_read, told[::-1]),
        box.do(box.lan, inbox.mark_all_read),
    )
    assert sum(counts) == 20
    assert await box.unread(box.lan) == []


async def test_whoever_is_no_person_has_no_inbox_to_mark(box: Inbox) -> None:
    machine = replace(box.lan, person_id=None, client_id=1)
    with pytest.raises(Refused) as caught:
        await box.do(machine, inbox.mark_all_read)
    assert caught.value.code == "FORBIDDEN"


async def test_a_notification_is_told_once_whoever_tells_it_again(box: Inbox) -> None:
    one = await box.tell(box.lan)
    note = Note(box.lan.person_id or 0, None, Kind.ESCALATION, "Task", 9, None, {}, "test", box.told)
    async with box.db.begin(SYSTEM, now=NOW) as tx:
        assert (await notify(tx, [note])).notifications == 0
    assert await box.page(box.lan) == [one]
