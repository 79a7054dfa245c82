"""How people want to be told: what they may say, and when their mail is due by it."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from factories import NOW, SYSTEM
from inbox_scene import Inbox, build
from vdept.kernel.actor import Actor
from vdept.kernel.clock import LOCAL
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.notifications.adding import QUIET_ENDS, Note, notify, slot
from vdept.notifications.models import Cadence, NotificationKind
from vdept.notifications.preferences import preferences_of, resume_email, set_preferences
from vdept.notifications.rules import mail_due

Kind = NotificationKind


@pytest.fixture
async def box(db: Database) -> Inbox:
    return await build(db)


async def said(box: Inbox, who: Actor) -> dict[str, Any]:
    """What somebody's preferences say; empty for whoever has none."""
    row = await box.ask(who, preferences_of)
    names = ("email", "cadence", "quiet_from", "quiet_until", "muted", "bounces", "stopped_at", "version")
    return {} if row is None else {name: getattr(row, name) for name in names}


DEFAULTS = {
    "email": True,
    "cadence": Cadence.INSTANT,
    "quiet_from": None,
    "quiet_until": None,
    "muted": [],
    "bounces": 0,
    "stopped_at": None,
    "version": 0,
}


# -- saying --------------------------------------------------------------------------------------------


async def test_whoever_has_never_said_anything_has_the_defaults(box: Inbox) -> None:
    assert await said(box, box.lan) == DEFAULTS


async def test_what_is_left_out_stays_as_it_is(box: Inbox) -> None:
    await box.do(
        box.lan, set_preferences, cadence=Cadence.DAILY, muted=["REVIEW_DUE", "REMINDER", "REMINDER"]
    )
    await box.do(box.lan, set_preferences, quiet_from=time(22), quiet_until=time(6))
    night = {"cadence": Cadence.DAILY, "quiet_from": time(22), "quiet_until": time(6)}
    muted = {"muted": ["REMINDER", "REVIEW_DUE"]}
    assert await said(box, box.lan) == {**DEFAULTS, **night, **muted, "version": 2}
    await box.do(box.lan, set_preferences, quiet_from=None, quiet_until=None, email=False)
    assert await said(box, box.lan) == {
        **DEFAULTS,
        **muted,
        "cadence": Cadence.DAILY,
        "email": False,
        "version": 3,
    }
    assert await said(box, box.minh) == DEFAULTS


async def test_quiet_hours_may_be_moved_by_one_end(box: Inbox) -> None:
    await box.do(box.lan, set_preferences, quiet_from=time(22), quiet_until=time(6))
    await box.do(box.lan, set_preferences, quiet_until=time(7))
    assert (await said(box, box.lan))["quiet_until"] == time(7)


async def test_saying_the_same_again_changes_nothing(box: Inbox) -> None:
    for _ in range(2):
        await box.do(box.lan, set_preferences, email=False)
    assert (await said(box, box.lan))["version"] == 1
    logged = text("SELECT verb, subject_type, subject_id, data FROM activity WHERE verb LIKE 'inbox.%'")
    async with box.db.snapshot(SYSTEM) as tx:
        rows = [tuple(row) for row in await tx.session.execute(logged)]
    assert rows == [("inbox.preferences_set", "Inbox", box.lan.person_id, {"email": False})]


@pytest.mark.parametrize(
    ("wanted", "code", "path"),
    [
        ({"quiet_from": time(22)}, "QUIET_HOURS_INCOMPLETE", ("quietUntil",)),
        ({"quiet_until": time(6)}, "QUIET_HOURS_INCOMPLETE", ("quietFrom",)),
        ({"quiet_from": time(8), "quiet_until": time(8)}, "QUIET_HOURS_ALL_DAY", ("quietUntil",)),
        ({"quiet_from": time(0), "quiet_until": time(0)}, "QUIET_HOURS_ALL_DAY", ("quietUntil",)),
        ({"quiet_from": time(22, tzinfo=UTC), "quiet_until": time(6)}, "INVALID_VALUE", ("quietFrom",)),
        ({"quiet_from": time(22), "quiet_until": time(6, 0, 1)}, "INVALID_VALUE", ("quietUntil",)),
        ({"muted": ["REMINDER", "SPAM"]}, "UNKNOWN_NOTIFICATION_KIND", ("muted", 1)),
        ({"muted": ["reminder"]}, "UNKNOWN_NOTIFICATION_KIND", ("muted", 0)),
        ({"email": False, "expected_version": 1}, "STALE_VERSION", ("expectedVersion",)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    box: Inbox, wanted: dict[str, Any], code: str, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(Refused) as caught:
        await box.do(box.lan, set_preferences, **wanted)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert await said(box, box.lan) == DEFAULTS


async def test_two_who_saw_the_same_version_cannot_both_change_it(box: Inbox) -> None:
    await box.do(box.lan, set_preferences, email=False, expected_version=0)
    with pytest.raises(Refused) as caught:
        await box.do(box.lan, set_preferences, email=True, expected_version=0)
    assert caught.value.code == "STALE_VERSION"


async def test_whoever_is_no_person_has_no_preferences(box: Inbox) -> None:
    machine = replace(box.lan, person_id=None, client_id=1)
    assert await said(box, machine) == {}
    for verb in (set_preferences, resume_email):
        with pytest.raises(Refused) as caught:
            await box.do(machine, verb)
        assert caught.value.code == "FORBIDDEN"


async def test_mail_to_an_address_that_was_given_up_goes_on_when_its_person_says_so(
    box: Inbox, owner: Database
) -> None:
    await box.do(box.lan, set_preferences, cadence=Cadence.WEEKLY)
    stop = text("UPDATE notification_preference SET bounces = 3, stopped_at = :now, stopped_because = '550'")
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(stop, {"now": NOW})
    assert (await said(box, box.lan))["stopped_at"] == NOW
    row = await box.do(box.lan, resume_email)
    assert (row.bounces, row.stopped_at, row.stopped_because, row.version) == (0, None, None, 2)
    assert (await box.do(box.lan, resume_email)).version == 2
    assert (await said(box, box.lan))["cadence"] is Cadence.WEEKLY


# -- what comes of it -----------------------------------------------------------------------------------


async def mails(box: Inbox) -> int:
    async with box.db.snapshot(SYSTEM) as tx:
        return int((await tx.session.execute(text("SELECT count(*) FROM mail_queue"))).scalar_one())


async def test_an_escalation_that_is_muted_sends_no_mail_and_is_in_the_inbox(box: Inbox) -> None:
    await box.do(box.lan, set_preferences, muted=["ESCALATION"])
    late = await box.tell(box.lan, Kind.ESCALATION)
    assert await mails(box) == 0
    assert await box.unread(box.lan) == [late]
    await box.tell(box.lan, Kind.REMINDER)
    assert await mails(box) == 1


async def test_without_email_or_with_an_address_given_up_nothing_is_queued(
    box: Inbox, owner: Database
) -> None:
    await box.do(box.lan, set_preferences, email=False)
    await box.tell(box.lan)
    assert await mails(box) == 0
    await box.do(box.lan, set_preferences, email=True)
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(text("UPDATE notification_preference SET stopped_at = now()"))
    await box.tell(box.lan)
    assert await mails(box) == 0
    assert len(await box.unread(box.lan)) == 2


async def test_a_mail_that_falls_into_the_night_is_queued_for_the_morning(box: Inbox) -> None:
    await box.do(box.lan, set_preferences, quiet_from=time(22), quiet_until=time(6, 30))
    note = Note(box.lan.person_id or 0, None, Kind.REMINDER, "Task", 1, None, {}, "night", 1)
    at = datetime(2026, 3, 2, 23, 15, tzinfo=LOCAL)
    async with box.db.begin(SYSTEM, now=at) as tx:
        await notify(tx, [note])
        due = (await tx.session.execute(text("SELECT due_at FROM mail_queue"))).scalar_one()
    assert due == datetime(2026, 3, 3, 6, 30, tzinfo=LOCAL)


def local(day: int, *clock: int) -> datetime:
    """An instant of March 2026, whose second is a Monday."""
    return datetime(2026, 3, day, *clock, tzinfo=LOCAL)


@pytest.mark.parametrize(
    ("now", "cadence", "quiet", "due"),
    [
        (local(2, 10), Cadence.INSTANT, (), local(2, 10)),
        (local(2, 7, 59), Cadence.DAILY, (), local(2, 8)),
        (local(2, 8), Cadence.DAILY, (), local(3, 8)),
        (local(2, 0), Cadence.DAILY, (), local(2, 8)),
        (local(2, 7, 59), Cadence.WEEKLY, (), local(2, 8)),
        (local(2, 8), Cadence.WEEKLY, (), local(9, 8)),
        (local(8, 23, 59), Cadence.WEEKLY, (), local(9, 8)),
        (local(31, 12), Cadence.DAILY, (), datetime(2026, 4, 1, 8, tzinfo=LOCAL)),
        (local(2, 21, 59), Cadence.INSTANT, (time(22), time(6)), local(2, 21, 59)),
        (local(2, 22), Cadence.INSTANT, (time(22), time(6)), local(3, 6)),
        (local(3, 0), Cadence.INSTANT, (time(22), time(6)), local(3, 6)),
        (local(3, 6), Cadence.INSTANT, (time(22), time(6)), local(3, 6)),
        (local(2, 12), Cadence.INSTANT, (time(12), time(13, 30)), local(2, 13, 30)),
        (local(2, 23), Cadence.INSTANT, (time(22), time(0)), local(3, 0)),
        (local(2, 0), Cadence.INSTANT, (time(0), time(7)), local(2, 7)),
        (local(2, 10), Cadence.DAILY, (time(20), time(9)), local(3, 9)),
        (local(2, 10), Cadence.WEEKLY, (time(7), time(8)), local(9, 8)),
    ],
    ids=str,
)
def test_a_mail_is_due_at_its_cadence_and_after_quiet_hours(
    now: datetime, cadence: Cadence, quiet: tuple[time, ...], due: datetime
) -> None:
    assert mail_due(now, cadence, *quiet) == due


CORNERS = st.sampled_from([time(0), time(8), time(7, 59, 59, 999_999), time(23, 59, 59, 999_999)])
CLOCKS = st.one_of(CORNERS, st.times())
MINUTES = st.one_of(st.sampled_from([time(0), time(8), time(23, 59)]), st.times()).map(
    lambda clock: clock.replace(second=0, microsecond=0)
)
MONDAY = date(2026, 3, 2)
INSTANTS = st.builds(
    lambda days, clock: datetime.combine(MONDAY + timedelta(days=days), clock, tzinfo=LOCAL),
    st.one_of(st.sampled_from([0, 7, -2, 29]), st.integers(-4_000, 4_000)),
    CLOCKS,
)
QUIET = st.one_of(st.none(), st.tuples(MINUTES, MINUTES).filter(lambda both: both[0] != both[1]))
CASES = st.tuples(INSTANTS, st.sampled_from(Cadence), QUIET)


@given(st.lists(CASES, min_size=1, max_size=200))
def test_whenever_a_mail_is_due_it_is_never_before_and_never_within_quiet_hours(
    cases: list[tuple[datetime, Cadence, tuple[time, time] | None]],
) -> None:
    for now, cadence, quiet in cases:
        due = mail_due(now, cadence, *(quiet or ()))
        assert now <= due <= now + timedelta(days=9)
        if quiet is not None:
            assert mail_due(due, Cadence.INSTANT, *quiet) == due


Case = tuple[datetime, Cadence, tuple[time, time] | None]


@pytest.fixture
def cases() -> list[Case]:
    """A thousand cases, the corners among them, that the statement is asked about at once."""
    found: list[Case] = []

    @given(st.lists(CASES, min_size=10, max_size=10))
    def gather(some: list[Case]) -> None:
        found.extend(some)

    gather()
    assert len(found) >= 1_000
    return found


async def test_the_statement_that_queues_mail_and_the_rule_agree(db: Database, cases: list[Case]) -> None:
    statement = text(
        f"""SELECT ({QUIET_ENDS}) AT TIME ZONE 'Asia/Ho_Chi_Minh'
        FROM unnest(CAST(:now AS timestamptz[]), CAST(:cadence AS text[]), CAST(:starts AS time[]),
            CAST(:ends AS time[])) WITH ORDINALITY AS p (now, cadence, quiet_from, quiet_until, place)
        CROSS JOIN LATERAL (SELECT {slot("p.now")} AS at) s
        ORDER BY p.place"""
    )
    given_ = {
        "now": [now for now, _, _ in cases],
        "cadence": [cadence.value for _, cadence, _ in cases],
        "starts": [quiet and quiet[0] for _, _, quiet in cases],
        "ends": [quiet and quiet[1] for _, _, quiet in cases],
    }
    async with db.snapshot(SYSTEM) as tx:
        found = list(await tx.session.scalars(statement, given_))
    assert found == [mail_due(now, cadence, *(quiet or ())) for now, cadence, quiet in cases]
