"""A province with endpoints, its people, and what they are told."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any

import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.settings import Network
from vdept.kernel.vault import Vault
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind, WebhookDelivery, WebhookEndpoint
from vdept.notifications.webhooks import registering
from vdept.notifications.webhooks.posting import Post
from vdept.notifications.webhooks.sending import Sender
from vdept.units.models import Unit
from vdept_graphql.ids import encode

SECRET_KEY = "a secret key of thirty-two letters"
VAULT = Vault(SECRET_KEY)
HERE: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
"""Where the tests' receivers are; an operator would list such a network."""


@dataclass
class Scene:
    """Huế, the people who hold its roles, and an official elsewhere."""

    db: Database
    unit: Unit
    people: dict[str, Actor]
    told: int = 0

    async def endpoint(self, url: str, **more: Any) -> tuple[WebhookEndpoint, str]:
        """An endpoint of Huế's, registered by its coordinator."""
        async with self.db.begin(self.people["coordinator"]) as tx:
            return await registering.register(
                tx, more.pop("unit_id", self.unit.id), url=url, vault=VAULT, networks=HERE, **more
            )

    async def tell(
        self,
        count: int = 1,
        kind: NotificationKind = NotificationKind.REMINDER,
        now: datetime | None = None,
        who: str = "head",
    ) -> None:
        """So many notifications of one person, in the capacity of Huế's."""
        async with self.db.begin(SYSTEM, now=now or utc_now()) as tx:
            await notify(
                tx,
                [
                    Note(
                        person_id=int(self.people[who].person_id or 0),
                        unit_id=self.unit.id,
                        kind=kind,
                        subject_type="Task",
                        subject_id=7,
                        plan_id=3,
                        data={"title": "Số hóa hồ sơ", "due_on": "2026-06-30", "days_left": 3},
                        origin="reminder",
                        origin_id=self.told + number,
                    )
                    for number in range(count)
                ],
            )
        self.told += count

    def sender(self, post: Post | None = None, **more: Any) -> Sender:
        return Sender(self.db, lambda: VAULT, encode, HERE, post=post, **more)

    async def deliveries(self, endpoint: WebhookEndpoint | None = None) -> list[WebhookDelivery]:
        async with self.db.snapshot(SYSTEM) as tx:
            query = sa.select(WebhookDelivery).order_by(WebhookDelivery.id)
            if endpoint is not None:
                query = query.where(WebhookDelivery.endpoint_id == endpoint.id)
            return list(await tx.session.scalars(query))

    async def read(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        async with self.db.snapshot(SYSTEM) as tx:
            return await tx.session.get_one(WebhookEndpoint, endpoint.id)


async def build(db: Database) -> Scene:
    async with db.begin(SYSTEM) as tx:
        hue, danang = await make.unit(tx, "Huế"), await make.unit(tx, "Đà Nẵng")
        people = {role.value.lower(): await make.actor(tx, hue, role) for role in Role}
        people["unrelated"] = await make.actor(tx, danang, Role.HEAD)
        people["administrator"] = await make.actor(tx, danang, Role.MEMBER, administrator=True)
    return Scene(db, hue, people)


async def drain(sender: Sender, now: datetime | None = None) -> int:
    """Step until nothing is due and nothing on its way; how many were marked."""
    marked = 0
    while True:
        report = await sender.step(now)
        marked += report.marked
        if report.idle:
            return marked
