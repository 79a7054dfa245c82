"""The example in docs/webhooks.md, run as it stands against what is really sent."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from vdept.kernel.db import Database
from vdept.notifications.webhooks import registering, replaying, rules
from vdept.notifications.webhooks.claims import LEASE
from vdept.notifications.webhooks.posting import TOTAL
from vdept.notifications.webhooks.sending import PLACES
from webhook_receiver import Request, receiving
from webhook_scene import VAULT, build, drain

PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


def example(taken: list[Any], *secrets: str) -> dict[str, Any]:
    """The page's own code, with these secrets; what it takes in is collected."""
    found = re.search(
        r"<!-- example: begin -->\n```python\n(.*?)```\n<!-- example: end -->", PAGE.read_text(), re.DOTALL
    )
    assert found is not None
    names: dict[str, Any] = {"take_in": taken.append}
    exec(compile(found[1], str(PAGE), "exec"), names)
    names["SECRETS"][:] = secrets
    return names


async def test_a_province_that_follows_the_page_takes_in_what_is_sent_once_and_nothing_else(
    db: Database,
) -> None:
    scene = await build(db)
    sender = scene.sender()
    async with receiving() as receiver:
        endpoint, old = await scene.endpoint(receiver.url)
        await scene.tell()
        await drain(sender)
        async with db.begin(scene.people["head"]) as tx:
            _, new = await registering.rotate_secret(tx, endpoint.id, vault=VAULT)
        await scene.tell()
        await drain(sender)
    await sender.close()
    before, after = receiver.arrived
    taken: list[Any] = []
    receive = example(taken, old)["receive"]
    assert [receive(one.headers, one.body) for one in (before, before, after)] == [204, 204, 204]
    assert [one["data"]["personId"] for one in taken] == [taken[0]["data"]["personId"]] * 2
    assert len(taken) == 2, "the one that came twice was taken in once"
    assert "Số hóa hồ sơ" in taken[0]["data"]["message"]["vi"]

    others: list[Any] = []
    receive = example(others, new)["receive"]
    assert receive(before.headers, before.body) == 401, "it was signed before there was this secret"
    assert receive(after.headers, after.body) == 204
    for forged in (
        Request("/", after.headers, after.body.replace(b"REMINDER", b"ESCALATION")),
        Request("/", {**after.headers, "webhook-id": "msg_999"}, after.body),
        Request("/", {**after.headers, "webhook-timestamp": "1700000000"}, after.body),
        Request("/", {}, after.body),
    ):
        assert receive(forged.headers, forged.body) == 401
    assert len(others) == 1


def test_the_page_names_the_figures_of_the_code() -> None:
    page, day = PAGE.read_text(), timedelta(days=1)
    steps = [int(step.total_seconds()) for step in rules.STEPS]
    assert steps == [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600]
    assert [day, 5 * day] == [rules.IN_ALL, rules.PATIENCE]
    assert timedelta(hours=1) == rules.LONGEST_ASKED
    for said in (
        "5 seconds, 5 minutes, 30 minutes, 2 hours, 5 hours, 10 hours",
        "until a day has passed",
        "nothing but failures for five days",
        "`Retry-After` is respected up to an hour",
        f"at most {rules.MAX_ENDPOINTS} endpoints",
        f"For {rules.BOTH_SIGN // timedelta(hours=1)} hours both sign",
        f"up to {PLACES} at once",
        f"followed after {LEASE.seconds} seconds",
        f"at most {replaying.MOST:,}",
    ):
        assert said in page, said
    assert TOTAL == 10
    assert "within ten seconds" in page
