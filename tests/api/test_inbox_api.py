"""The inbox and its preferences over HTTP, as a person and their programs use them."""

from typing import Any

import pytest
from sqlalchemy import text

import factories
from api.conftest import Api, World
from factories import SYSTEM
from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind
from vdept.targets.models import Audience
from vdept_graphql.ids import encode

Kind = NotificationKind

INBOX = """query($filter: InboxFilter, $first: Int, $after: String) {
  inbox(filter: $filter, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id kind message heading createdAt readAt unit { name } plan { id }
      subject { __typename id ... on Task { title } } }
  }
  unreadCount { total kinds { kind count } }
}"""
NEXT = text("SELECT coalesce(max(origin_id), 0) + 1 FROM notification")
NEWEST = text("SELECT max(id) FROM notification")
PREFERENCES = "email cadence quietFrom quietUntil muted stoppedAt stoppedBecause version"


async def tell(api: Api, who: Actor, subject: int, kind: Kind = Kind.REMINDER, **more: Any) -> str:
    """One notification of a task; its global id."""
    data = {"title": f"Việc {subject}", "due_on": "2026-12-05", "step": -3, "days_left": 3}
    async with api.database.begin(SYSTEM, now=utc_now()) as tx:
        number = int((await tx.session.execute(NEXT)).scalar_one())
        note = Note(
            person_id=who.person_id or 0,
            unit_id=more.pop("unit_id", None),
            kind=kind,
            subject_type=more.pop("subject_type", "Task"),
            subject_id=subject,
            plan_id=more.pop("plan_id", None),
            data=more.pop("data", data),
            origin="test",
            origin_id=number,
        )
        await notify(tx, [note])
        found = (await tx.session.execute(NEWEST)).scalar_one()
    return encode("Notification", int(found))


async def inbox(api: Api, who: Actor, **given: Any) -> Any:
    return (await api.gql(INBOX, given, as_=who)).data


async def ids(api: Api, who: Actor, **filter_: Any) -> list[str]:
    return [node["id"] for node in (await inbox(api, who, filter=filter_))["inbox"]["nodes"]]


async def test_an_inbox_reads_as_sentences_about_what_may_still_be_seen(api: Api, world: World) -> None:
    async with api.database.begin(SYSTEM) as tx:
        shown = await factories.task(tx, world.ministry, world.hue, title="Số hóa")
        hidden = await factories.task(tx, world.firm, audience=Audience.PARTICIPANTS)
    await tell(api, world.hue_head, shown.id, unit_id=world.hue.id)
    await tell(api, world.hue_head, hidden.id, Kind.ESCALATION)
    data = await inbox(api, world.hue_head)
    second, first = data["inbox"]["nodes"]
    assert first["message"].startswith(
        f"The task “Việc {shown.id}” is due in 3 working days (due 5 December 2026)."
    )
    assert first["heading"] == f"Due in 3 working days: Việc {shown.id}"
    assert first["subject"] == {"__typename": "Task", "id": encode("Task", shown.id), "title": "Số hóa"}
    assert (first["kind"], first["unit"], first["readAt"]) == ("REMINDER", {"name": world.hue.name}, None)
    assert (second["subject"], second["unit"], second["plan"]) == (None, None, None)
    assert data["unreadCount"] == {
        "total": 2,
        "kinds": [{"kind": "REMINDER", "count": 1}, {"kind": "ESCALATION", "count": 1}],
    }


async def test_the_language_is_the_requests(api: Api, world: World) -> None:
    await tell(api, world.hue_head, 1)
    reply = await api.gql("{ inbox { nodes { message } } }", as_=world.hue_head, accept_language="vi")
    assert reply.data["inbox"]["nodes"][0]["message"].startswith(
        "Nhiệm vụ “Việc 1” còn 3 ngày làm việc (hạn 05/12/2026)."
    )


async def test_what_it_is_about_may_be_of_a_kind_that_has_no_page(api: Api, world: World) -> None:
    await tell(api, world.hue_head, 1, Kind.DELIVERY_FAILED, subject_type="Nothing", data={})
    (node,) = (await inbox(api, world.hue_head))["inbox"]["nodes"]
    assert node["subject"] is None
    assert node["message"]


async def test_pages_follow_each_other_and_a_cursor_of_another_list_is_refused(
    api: Api, world: World
) -> None:
    told = [await tell(api, world.hue_head, n) for n in (1, 2, 3)]
    first = (await inbox(api, world.hue_head, first=2))["inbox"]
    assert [node["id"] for node in first["nodes"]] == [told[2], told[1]]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    rest = (await inbox(api, world.hue_head, after=first["pageInfo"]["endCursor"]))["inbox"]
    assert [node["id"] for node in rest["nodes"]] == [told[0]]
    units = (await api.gql("{ units(first: 1) { pageInfo { endCursor } } }", as_=world.hue_head)).data
    cursor = units["units"]["pageInfo"]["endCursor"]
    assert (await api.gql(INBOX, {"after": cursor}, as_=world.hue_head)).codes == ["INVALID_CURSOR"]


async def test_filters_by_what_for_whom_and_whether_it_is_read(api: Api, world: World) -> None:
    mine = await tell(api, world.hue_head, 1, unit_id=world.hue.id)
    late = await tell(api, world.hue_head, 1, Kind.ESCALATION)
    other = await tell(api, world.hue_head, 2)
    assert await ids(api, world.hue_head, unitId=encode("Unit", world.hue.id)) == [mine]
    assert await ids(api, world.hue_head, subjectId=encode("Task", 1)) == [late, mine]
    assert await ids(api, world.hue_head, kinds=["ESCALATION"]) == [late]
    assert await ids(api, world.hue_head, kinds=[]) == []
    marked = await api.do("markNotificationsRead", {"ids": [late]}, world.hue_head, "count")
    assert marked.data["markNotificationsRead"] == {"count": 1, "errors": []}
    assert await ids(api, world.hue_head, unreadOnly=True) == [other, mine]


@pytest.mark.parametrize(
    "which",
    [{"subjectId": "nonsense"}, {"unitId": encode("Task", 1)}, {"subjectId": ""}],
    ids=["no id", "another type's id", "empty"],
)
async def test_a_filter_by_an_id_that_is_none_is_refused(
    api: Api, world: World, which: dict[str, str]
) -> None:
    assert (await api.gql(INBOX, {"filter": which}, as_=world.hue_head)).codes == ["INVALID_ID"]


async def test_by_subject_counts_what_came_about_each(api: Api, world: World) -> None:
    await tell(api, world.hue_head, 1)
    newer = await tell(api, world.hue_head, 1, Kind.ESCALATION)
    other = await tell(api, world.hue_head, 2)
    query = "{ inboxBySubject { totalCount nodes { latest { id } total unread subject { id } } } }"
    found = (await api.gql(query, as_=world.hue_head)).data["inboxBySubject"]
    assert found == {
        "totalCount": 2,
        "nodes": [
            {"latest": {"id": other}, "total": 1, "unread": 1, "subject": None},
            {"latest": {"id": newer}, "total": 2, "unread": 2, "subject": None},
        ],
    }


@pytest.mark.parametrize("query", [INBOX, "{ inboxBySubject { nodes { unread subject { id } } } }"])
async def test_the_number_of_statements_does_not_grow_with_the_inbox(
    api: Api, world: World, query: str
) -> None:
    async with api.database.begin(SYSTEM) as tx:
        tasks = [await factories.task(tx, world.ministry, world.hue) for _ in range(12)]
    await tell(api, world.hue_head, tasks[0].id, unit_id=world.hue.id)
    await api.gql(query, as_=world.hue_head)  # signing in costs once
    _, few = await api.measured(query, {}, world.hue_head)
    for task in tasks[1:]:
        await tell(api, world.hue_head, task.id, unit_id=world.hue.id)
    _, many = await api.measured(query, {}, world.hue_head)
    assert many == few


async def test_a_notification_is_found_by_its_id_by_its_person_only(api: Api, world: World) -> None:
    one = await tell(api, world.hue_head, 1)
    query = "query($id: ID!) { node(id: $id) { id } }"
    assert (await api.gql(query, {"id": one}, as_=world.hue_head)).data["node"] == {"id": one}
    for who in (world.danang_head, world.prime, world.administrator):
        assert (await api.gql(query, {"id": one}, as_=who)).data["node"] is None


async def test_marking_all_stops_where_the_reader_has_seen(api: Api, world: World) -> None:
    await tell(api, world.hue_head, 1)
    seen = await tell(api, world.hue_head, 2)
    unseen = await tell(api, world.hue_head, 3)
    select = "count unreadCount { total }"
    reply = await api.do("markAllNotificationsRead", {"upto": seen}, world.hue_head, select)
    assert reply.data["markAllNotificationsRead"] == {"count": 2, "unreadCount": {"total": 1}, "errors": []}
    assert await ids(api, world.hue_head, unreadOnly=True) == [unseen]
    undone = await api.do("markNotificationsUnread", {"ids": [seen]}, world.hue_head, select)
    assert undone.data["markNotificationsUnread"] == {"count": 1, "unreadCount": {"total": 2}, "errors": []}
    some = {"filter": {"subjectId": encode("Task", 3)}}
    rest = await api.do("markAllNotificationsRead", some, world.hue_head, select)
    assert rest.data["markAllNotificationsRead"]["count"] == 1


async def test_what_is_not_ones_own_is_not_counted_and_not_changed(api: Api, world: World) -> None:
    mine, theirs = await tell(api, world.hue_head, 1), await tell(api, world.danang_head, 1)
    for who, count in ((world.administrator, 0), (world.hue_head, 1)):
        reply = await api.do("markNotificationsRead", {"ids": [mine, theirs]}, who, "count")
        assert reply.data["markNotificationsRead"]["count"] == count
    assert await ids(api, world.danang_head, unreadOnly=True) == [theirs]


async def test_bad_ids_are_refused_with_their_place(api: Api, world: World) -> None:
    one = await tell(api, world.hue_head, 1)
    bad = {"ids": [one, encode("Task", 1)]}
    reply = await api.do("markNotificationsRead", bad, world.hue_head, "count")
    assert reply.refused("markNotificationsRead") == [("INVALID_ID", ["ids", "1"])]
    assert await ids(api, world.hue_head, unreadOnly=True) == [one]


async def test_the_same_request_again_takes_effect_once(api: Api, world: World) -> None:
    one = await tell(api, world.hue_head, 1)
    given = {"ids": [one], "idempotencyKey": "k1"}
    for _ in range(2):
        reply = await api.do("markNotificationsRead", given, world.hue_head, "count")
        assert reply.data["markNotificationsRead"]["count"] == 1
    night = {"quietFrom": "22:00", "quietUntil": "06:00", "idempotencyKey": "k2"}
    for _ in range(2):
        reply = await api.do("setNotificationPreferences", night, world.hue_head, "preferences { version }")
        assert reply.data["setNotificationPreferences"]["preferences"] == {"version": 1}


async def test_preferences_are_ones_own_and_change_by_what_is_given(api: Api, world: World) -> None:
    query = f"{{ notificationPreferences {{ {PREFERENCES} }} }}"
    defaults = {
        "email": True,
        "cadence": "INSTANT",
        "quietFrom": None,
        "quietUntil": None,
        "muted": [],
        "stoppedAt": None,
        "stoppedBecause": None,
        "version": 0,
    }
    assert (await api.gql(query, as_=world.hue_head)).data["notificationPreferences"] == defaults
    wanted = {
        "cadence": "DAILY",
        "quietFrom": "22:00",
        "quietUntil": "06:30",
        "muted": ["WARNING_CLOSED", "REMINDER"],
        "expectedVersion": 0,
    }
    reply = await api.do(
        "setNotificationPreferences", wanted, world.hue_head, f"preferences {{ {PREFERENCES} }}"
    )
    after = {
        **defaults,
        "cadence": "DAILY",
        "quietFrom": "22:00",
        "quietUntil": "06:30",
        "muted": ["REMINDER", "WARNING_CLOSED"],
        "version": 1,
    }
    assert reply.data["setNotificationPreferences"] == {"preferences": after, "errors": []}
    assert (await api.gql(query, as_=world.hue_head)).data["notificationPreferences"] == after
    assert (await api.gql(query, as_=world.danang_head)).data["notificationPreferences"] == defaults


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"quietFrom": "22:00"}, ("QUIET_HOURS_INCOMPLETE", ["quietUntil"])),
        ({"quietFrom": "08:00", "quietUntil": "08:00"}, ("QUIET_HOURS_ALL_DAY", ["quietUntil"])),
        ({"email": None}, ("INVALID_VALUE", ["email"])),
        ({"muted": None}, ("INVALID_VALUE", ["muted"])),
        ({"expectedVersion": 4}, ("STALE_VERSION", ["expectedVersion"])),
    ],
    ids=["half", "all day", "null", "null list", "stale"],
)
async def test_preferences_that_make_no_sense_are_refused(
    api: Api, world: World, given: dict[str, Any], refused: tuple[str, list[str]]
) -> None:
    reply = await api.do("setNotificationPreferences", given, world.hue_head, "preferences { version }")
    assert reply.refused("setNotificationPreferences") == [refused]
    assert reply.data["setNotificationPreferences"]["preferences"] is None


@pytest.mark.parametrize("clock", ["24:00", "8:00", "22:00:00", "22:00+07:00", "0800", "noon", "", 8])
async def test_a_time_of_day_has_one_form(api: Api, world: World, clock: Any) -> None:
    given = {"quietFrom": clock, "quietUntil": "06:00"}
    reply = await api.do("setNotificationPreferences", given, world.hue_head, "preferences { version }")
    assert reply.status == 400
    assert reply.codes == ["BAD_USER_INPUT"]


async def test_mail_is_taken_up_again(api: Api, world: World) -> None:
    reply = await api.do("resumeEmail", {}, world.hue_head, "preferences { stoppedAt version }")
    assert reply.data["resumeEmail"] == {"preferences": {"stoppedAt": None, "version": 0}, "errors": []}


async def test_nobody_reads_an_inbox_anonymously(api: Api) -> None:
    for query in (INBOX, "{ notificationPreferences { version } }", "{ unreadCount { total } }"):
        reply = await api.gql(query)
        assert (reply.status, reply.codes) == (401, ["UNAUTHENTICATED"])
