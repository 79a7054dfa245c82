"""Calendar feeds through the API and at their address: who makes one, what it answers, and whom it tells."""

from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import text

import factories
from api.conftest import Api, World
from factories import SYSTEM
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.tasks.models import Assignee, Task, TaskState
from vdept_graphql import calendar_feed
from vdept_graphql.calendar_feed import matches
from vdept_graphql.failures import FAILURES, CredentialKind
from vdept_graphql.ids import encode
from vdept_workers.redaction import REMOVED, text_without_secrets

MADE = "address feed { id createdAt revokedAt readAt unit { name } }"
LIST = "{ myCalendarFeeds { nodes { id readAt revokedAt unit { name } } } }"


async def address(api: Api, who: Actor, **given: Any) -> str:
    """Where a new feed is read, without the host."""
    payload = (await api.do("createCalendarFeed", given, who, MADE)).data["createCalendarFeed"]
    assert payload["errors"] == []
    found: str = payload["address"]
    assert found.startswith("http://127.0.0.1:8000/calendar/vdcal_")
    assert found.endswith(".ics")
    return found.removeprefix("http://127.0.0.1:8000")


async def assigned(api: Api, world: World, title: str = "Báo cáo") -> Task:
    """A task of Huế's head, due in a week."""
    async with api.database.begin(SYSTEM) as tx:
        task = await factories.task(
            tx,
            world.ministry,
            world.hue,
            state=TaskState.IN_PROGRESS,
            title=title,
            due_on=tx.today + timedelta(days=7),
        )
        tx.session.add(
            Assignee(
                task_id=task.id, person_id=world.hue_head.person_id, unit_id=world.hue.id, assigned_at=tx.now
            )
        )
        return task


async def test_an_address_is_made_read_listed_and_revoked(api: Api, world: World) -> None:
    task = await assigned(api, world)
    where = await address(api, world.hue_head)
    answer = await api.http.get(where)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"] == "private, max-age=300"
    assert answer.headers["x-robots-tag"] == "noindex"
    (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert (str(event["SUMMARY"]), event["DTSTART"].dt) == ("Báo cáo", task.due_on)
    assert str(event["UID"]) == f"task-{task.id}@127.0.0.1"
    (node,) = (await api.gql(LIST, as_=world.hue_head)).data["myCalendarFeeds"]["nodes"]
    assert (node["unit"], node["revokedAt"]) == (None, None)
    assert node["readAt"] is not None
    assert (await api.gql(LIST, as_=world.minister)).data["myCalendarFeeds"]["nodes"] == []
    given = {"feedId": node["id"]}
    revoke = (await api.do("revokeCalendarFeed", given, world.hue_head, "feed { revokedAt }")).data
    assert revoke["revokeCalendarFeed"]["feed"]["revokedAt"] is not None
    assert (await api.http.get(where)).status_code == 404
    assert (await api.gql(LIST, as_=world.hue_head)).data["myCalendarFeeds"]["nodes"] == []


async def test_a_unit_s_feed_says_whose_it_is(api: Api, world: World) -> None:
    await assigned(api, world, "Việc chung")
    where = await address(api, world.observer, unitId=encode("Unit", world.hue.id))
    calendar: Any = Calendar.from_ical((await api.http.get(where)).content)
    assert str(calendar["X-WR-CALNAME"]) == "Hạn nhiệm vụ: Thành phố Huế"
    assert [str(event["SUMMARY"]) for event in calendar.walk("VEVENT")] == ["Việc chung"]
    refused = await api.do(
        "createCalendarFeed", {"unitId": encode("Unit", world.danang.id)}, world.observer, MADE
    )
    assert refused.refused("createCalendarFeed") == [("FORBIDDEN", ["unitId"])]


async def test_what_has_not_changed_is_not_sent_again(api: Api, world: World) -> None:
    task = await assigned(api, world)
    where = await address(api, world.hue_head)
    first = await api.http.get(where)
    tag = first.headers["etag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await api.http.get(where, headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "private, max-age=300"
    assert (await api.http.get(where, headers={"If-None-Match": '"other"'})).status_code == 200
    async with api.database.begin(SYSTEM) as tx:
        await tx.session.execute(
            text("UPDATE task SET version = version + 1 WHERE id = :id"), {"id": task.id}
        )
    changed = await api.http.get(where, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_head_answers_as_get_without_its_body(api: Api, world: World) -> None:
    await assigned(api, world)
    where = await address(api, world.hue_head)
    got, asked = await api.http.get(where), await api.http.head(where)
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("content-type", "etag", "cache-control"):
        assert asked.headers[name] == got.headers[name]
    assert (await api.http.head("/calendar/nothing.ics")).status_code == 404
    assert (await api.http.post(where)).status_code == 405


async def test_whatever_is_wrong_with_an_address_the_answer_is_one(
    api: Api, world: World, owner: Database
) -> None:
    good = await address(api, world.hue_head)
    left = await address(api, world.danang_head, unitId=encode("Unit", world.danang.id))
    gone = await address(api, world.firm_head)
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(
            text("UPDATE membership SET ends_on = :day WHERE person_id = :id"),
            {"day": tx.today - timedelta(days=1), "id": world.danang_head.person_id},
        )
        await tx.session.execute(
            text("UPDATE person SET active = false WHERE id = :id"), {"id": world.firm_head.person_id}
        )
    tried = [
        left,
        gone,
        good.removesuffix(".ics"),
        good.replace("vdcal_", "vdcal_x"),
        "/calendar/.ics",
        f"/calendar/{'x' * 3000}.ics",
        "/calendar/%00.ics",
        "/calendar/%ED%A0%80.ics",
    ]
    answers = [await api.http.get(each) for each in tried]
    assert {(one.status_code, one.content) for one in answers} == {(404, calendar_feed.NOT_FOUND.encode())}
    assert {one.headers["cache-control"] for one in answers} == {"no-store"}
    assert (await api.http.get(good)).status_code == 200


async def test_guessing_is_slowed_and_a_good_address_in_use_is_not(api: Api, world: World) -> None:
    good = await address(api, world.hue_head)
    assert (await api.http.get(good)).status_code == 200
    most = FAILURES[CredentialKind.FEED]
    codes = [(await api.http.get(f"/calendar/vdcal_{number}.ics")).status_code for number in range(most + 3)]
    assert codes == [404] * most + [429] * 3
    held = await api.http.get("/calendar/vdcal_one_more.ics")
    assert int(held.headers["retry-after"]) >= 1
    assert (await api.http.get(good)).status_code == 200


async def test_one_feed_is_not_read_without_end(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar_feed, "READS", 3)
    where = await address(api, world.hue_head)
    assert [(await api.http.get(where)).status_code for _ in range(5)] == [200, 200, 200, 429, 429]


async def test_an_address_does_not_get_into_the_log(
    api: Api, world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    where = await address(api, world.hue_head)
    token = where.removeprefix("/calendar/").removesuffix(".ics")
    await api.http.get(where)
    await api.http.get(where.replace("vdcal_", "vdcal_0"))
    written = capsys.readouterr()
    assert "credential refused" in written.out
    assert token[6:] not in written.out + written.err + caplog.text
    for line in (f'"GET {where} HTTP/1.1" 200', f"at http://test{where}?x=1", f"'path': '{where}'"):
        assert token[6:] not in text_without_secrets(line)
        assert REMOVED in text_without_secrets(line)


async def test_an_address_is_answered_once_however_often_it_is_asked_for(api: Api, world: World) -> None:
    given = {"idempotencyKey": "một"}
    first = (await api.do("createCalendarFeed", given, world.hue_head, MADE)).data["createCalendarFeed"]
    again = (await api.do("createCalendarFeed", given, world.hue_head, MADE)).data["createCalendarFeed"]
    assert first["address"] is not None
    assert (again["address"], again["feed"]["id"]) == (None, first["feed"]["id"])
    async with api.database.snapshot(SYSTEM) as tx:
        kept = (await tx.session.execute(text("SELECT idempotency_key::text FROM idempotency_key"))).scalars()
        assert not any("vdcal_" in row for row in kept)


async def test_another_s_feed_is_no_node(api: Api, world: World) -> None:
    await address(api, world.hue_head)
    (node,) = (await api.gql(LIST, as_=world.hue_head)).data["myCalendarFeeds"]["nodes"]
    query = "query($id: ID!) { node(id: $id) { id } }"
    assert (await api.gql(query, {"id": node["id"]}, world.hue_head)).data["node"] == {"id": node["id"]}
    for who in (world.minister, world.observer, world.administrator):
        assert (await api.gql(query, {"id": node["id"]}, who)).data["node"] is None
    refused = await api.do("revokeCalendarFeed", {"feedId": node["id"]}, world.minister, "feed { id }")
    assert refused.refused("revokeCalendarFeed") == [("NOT_FOUND", ["feedId"])]


async def test_the_number_of_statements_does_not_grow_with_the_tasks(api: Api, world: World) -> None:
    where = await address(api, world.hue_head)
    await api.http.get(where)

    async def counted(tasks: int) -> int:
        for _ in range(tasks):
            await assigned(api, world)
        with api.counting() as sent:
            assert (await api.http.get(where)).status_code == 200
        return len(sent)

    assert await counted(1) == await counted(9)


@pytest.mark.parametrize(
    ("lines", "same"),
    [
        ([], False),
        (['"a"'], True),
        (['W/"a"'], True),
        (['"b", "a"'], True),
        (['"b"', "*"], True),
        (["a"], False),
    ],
)
def test_which_versions_a_reader_names(lines: list[str], same: bool) -> None:
    assert matches(lines, '"a"') is same
