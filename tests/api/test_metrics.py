"""Who may read the metrics."""

from dataclasses import dataclass

import httpx
import pytest

from vdept.kernel.db import Database
from vdept.kernel.settings import Settings, load
from vdept_graphql.app import create_app


@dataclass
class Asked:
    status: int
    kind: str
    text: str


async def ask(db: Database, peer: str, headers: dict[str, str] | None = None, **settings: str) -> Asked:
    app = create_app(Settings(**settings), db)
    transport = httpx.ASGITransport(app=app, client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://vdept.test") as client:
        answer = await client.get("/metrics", headers=headers or {})
    return Asked(answer.status_code, answer.headers["content-type"], answer.text)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_may_read_them(db: Database, peer: str) -> None:
    answer = await ask(db, peer)
    assert (answer.status, answer.kind.split(";")[0]) == (200, "text/plain")
    assert "vdept_queue_waiting" in answer.text


@pytest.mark.parametrize("peer", ["10.0.0.5", "203.0.113.9", "2001:db8::1", "", "nonsense"])
async def test_to_everybody_else_the_address_does_not_exist(db: Database, peer: str) -> None:
    answer = await ask(db, peer)
    assert answer.status == 404
    assert "vdept_" not in answer.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
async def test_what_a_proxy_on_this_machine_passes_on_is_not_this_machine(db: Database, header: str) -> None:
    assert (await ask(db, "127.0.0.1", {header: "127.0.0.1"})).status == 404


async def test_other_networks_are_let_in_by_the_settings(db: Database) -> None:
    assert (await ask(db, "10.1.2.3", metrics_networks="10.1.0.0/16")).status == 200
    assert (await ask(db, "127.0.0.1", metrics_networks="10.1.0.0/16")).status == 404


def test_a_network_that_is_none_is_said_by_its_setting() -> None:
    with pytest.raises(ValueError, match="VDEPT_METRICS_NETWORKS"):
        load({"VDEPT_METRICS_NETWORKS": "here"})
