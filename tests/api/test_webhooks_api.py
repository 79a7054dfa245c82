"""Webhooks over GraphQL: from registering to the dead letter list and its replay."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from factories import SYSTEM
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept.notifications.models import WebhookDelivery, WebhookState
from vdept.people.models import Person
from vdept.people.tokens import mint_token
from vdept_graphql.app import create_app
from vdept_graphql.ids import encode
from webhook_receiver import Receiver, answer, receiving
from webhook_scene import SECRET_KEY, Scene, build, drain

ENDPOINT = "id url kinds failingSince disabledAt disabledBecause previousSecretUntil version unit { name }"
DELIVERY = "id webhookId type state attempts status failure nextAttemptAt deliveredAt replayedAt"


@dataclass
class Api:
    """The API as somebody of Huế's asks it."""

    http: httpx.AsyncClient
    scene: Scene

    async def ask(self, who: str, document: str, variables: dict[str, Any] | None = None) -> Any:
        async with self.scene.db.begin(SYSTEM) as tx:
            person = await tx.session.get_one(Person, self.scene.people[who].person_id)
            token = await mint_token(tx, person, label="test", ttl=timedelta(hours=1))
        reply = await self.http.post(
            "/graphql",
            json={"query": document, "variables": variables or {}},
            headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"},
        )
        body = reply.json()
        assert "errors" not in body, body
        return body["data"]

    async def do(self, who: str, verb: str, fields: str, **given: Any) -> Any:
        """One mutation; its payload."""
        kind = f"{verb[0].upper()}{verb[1:]}Input"
        document = (
            f"mutation ($input: {kind}!) {{ {verb}(input: $input) "
            f"{{ {fields} errors {{ code message path }} }} }}"
        )
        return (await self.ask(who, document, {"input": given}))[verb]


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    settings = Settings(secret_key=SECRET_KEY, webhook_networks="127.0.0.0/8")
    transport = httpx.ASGITransport(app=create_app(settings, db))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Api(http, await build(db))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


async def test_from_registering_to_what_was_given_up_and_its_replay(api: Api, receiver: Receiver) -> None:
    unit = encode("Unit", api.scene.unit.id)
    made = await api.do(
        "coordinator", "registerWebhook", f"secret endpoint {{ {ENDPOINT} }}",
        unitId=unit, url=receiver.url, kinds=["REMINDER"], idempotencyKey="one",
    )  # fmt: skip
    assert made["errors"] == []
    endpoint, secret = made["endpoint"], made["secret"]
    assert secret.startswith("whsec_")
    assert (endpoint["url"], endpoint["kinds"], endpoint["unit"]) == (
        receiver.url, ["REMINDER"], {"name": "Huế"},
    )  # fmt: skip
    again = await api.do(
        "coordinator", "registerWebhook", "secret endpoint { id }",
        unitId=unit, url=receiver.url, kinds=["REMINDER"], idempotencyKey="one",
    )  # fmt: skip
    assert again == {"secret": None, "endpoint": {"id": endpoint["id"]}, "errors": []}

    tested = await api.do(
        "head", "sendTestWebhook", f"delivery {{ {DELIVERY} }}", webhookEndpointId=endpoint["id"]
    )
    assert (tested["delivery"]["type"], tested["delivery"]["state"]) == ("webhook.test", "PENDING")
    sender = api.scene.sender()
    await drain(sender)
    (request,) = receiver.arrived
    assert request.signed_by(secret)
    assert request.message_id == tested["delivery"]["webhookId"]

    receiver.answering = answer(500)
    await api.scene.tell(3)
    await drain(sender)
    async with api.scene.db.begin(SYSTEM) as tx:  # the day in which they are tried has passed
        await tx.session.execute(
            sa.update(WebhookDelivery)
            .where(WebhookDelivery.state == WebhookState.PENDING)
            .values(attempts=6, created_at=utc_now() - timedelta(days=2), next_at=utc_now())
        )
    await drain(sender)
    page = (
        await api.ask(
            "deputy",
            f"query ($id: ID!) {{ webhookDeliveries(endpointId: $id, state: DEAD, first: 2) "
            f"{{ totalCount pageInfo {{ hasNextPage }} nodes {{ {DELIVERY} endpoint {{ id }} }} }} }}",
            {"id": endpoint["id"]},
        )
    )["webhookDeliveries"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"], len(page["nodes"])) == (3, True, 2)
    for node in page["nodes"]:
        assert (node["status"], node["failure"], node["attempts"]) == (500, "STATUS", 7)
        assert (node["type"], node["nextAttemptAt"]) == ("notification.reminder", None)
        assert node["endpoint"] == {"id": endpoint["id"]}

    receiver.answering = answer(200)
    which = {"webhookEndpointId": endpoint["id"], "since": (utc_now() - timedelta(days=3)).isoformat()}
    dry = await api.do("head", "replayWebhookDeliveries", "count", **which, dryRun=True)
    assert dry == {"count": 3, "errors": []}
    assert await drain(sender) == 0
    ids = [node["id"] for node in page["nodes"]]
    assert (await api.do("head", "replayWebhookDeliveries", "count", deliveryIds=ids))["count"] == 2
    assert (await api.do("head", "replayWebhookDeliveries", "count", **which))["count"] == 1
    assert await drain(sender) == 3
    assert len(set(receiver.ids)) == 4, "the test and three notifications, each under one id"
    await sender.close()


async def test_what_changes_is_shown_and_a_rotated_secret_is_a_new_one(api: Api, receiver: Receiver) -> None:
    unit = encode("Unit", api.scene.unit.id)
    made = await api.do("head", "registerWebhook", "secret endpoint { id }", unitId=unit, url=receiver.url)
    which = {"webhookEndpointId": made["endpoint"]["id"]}
    changed = await api.do(
        "head",
        "updateWebhook",
        f"endpoint {{ {ENDPOINT} }}",
        **which,
        kinds=["ESCALATION"],
        expectedVersion=1,
    )
    assert (changed["endpoint"]["kinds"], changed["endpoint"]["version"]) == (["ESCALATION"], 2)
    rotated = await api.do("head", "rotateWebhookSecret", f"secret endpoint {{ {ENDPOINT} }}", **which)
    assert rotated["secret"] != made["secret"]
    assert rotated["endpoint"]["previousSecretUntil"] is not None
    off = await api.do("head", "disableWebhook", f"endpoint {{ {ENDPOINT} }}", **which)
    assert off["endpoint"]["disabledBecause"] == "BY_HAND"
    on = await api.do("head", "enableWebhook", f"endpoint {{ {ENDPOINT} }}", **which)
    assert (on["endpoint"]["disabledAt"], on["endpoint"]["disabledBecause"]) == (None, None)
    listed = await api.ask("head", f"{{ webhookEndpoints(disabled: false) {{ nodes {{ {ENDPOINT} }} }} }}")
    assert [node["id"] for node in listed["webhookEndpoints"]["nodes"]] == [which["webhookEndpointId"]]


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"url": "http://hook.hue.gov.vn/"}, "WEBHOOK_URL", ["url"]),
        ({"url": "https://169.254.169.254/latest"}, "WEBHOOK_URL", ["url"]),
        ({"url": "https://0x7f.1/"}, "WEBHOOK_URL", ["url"]),
        ({"url": ""}, "WEBHOOK_URL", ["url"]),
        ({"unitId": encode("Unit", 999_999)}, "NOT_FOUND", ["unitId"]),
        ({"unitId": encode("Task", 1)}, "INVALID_ID", ["unitId"]),
    ],
    ids=["http", "metadata service", "odd spelling", "empty", "no unit", "another type"],
)
async def test_bad_input_is_refused_at_its_field(
    api: Api, given: dict[str, str], code: str, path: list[str]
) -> None:
    sound = {"unitId": encode("Unit", api.scene.unit.id), "url": "https://hook.hue.gov.vn/"}
    made = await api.do("head", "registerWebhook", "secret", **{**sound, **given})
    (error,) = made["errors"]
    assert (error["code"], error["path"], made["secret"]) == (code, path, None)
    assert error["message"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, ["deliveryIds"]),
        ({"deliveryIds": [], "webhookEndpointId": "x"}, ["deliveryIds"]),
        ({"deliveryIds": [], "since": "2026-01-01T00:00:00Z"}, ["since"]),
        ({"deliveryIds": []}, ["deliveryIds"]),
    ],
    ids=["neither", "both", "ids since", "none"],
)
async def test_a_replay_says_what_in_one_way(api: Api, given: dict[str, Any], path: list[str]) -> None:
    refused = await api.do("head", "replayWebhookDeliveries", "count", **given)
    assert [(error["code"], error["path"]) for error in refused["errors"]] == [("INVALID_VALUE", path)]


@pytest.mark.parametrize("who", ["member", "observer", "unrelated"])
async def test_whoever_does_not_manage_the_unit_learns_nothing(
    api: Api, receiver: Receiver, who: str
) -> None:
    endpoint, _ = await api.scene.endpoint(receiver.url)
    node = encode("WebhookEndpoint", endpoint.id)
    seen = await api.ask(
        who,
        "query ($id: ID!) { node(id: $id) { id } webhookEndpoints { totalCount nodes { id } } "
        "webhookDeliveries(endpointId: $id) { totalCount nodes { id } } }",
        {"id": node},
    )
    nothing = {"totalCount": 0, "nodes": []}
    assert seen == {"node": None, "webhookEndpoints": nothing, "webhookDeliveries": nothing}
