"""Two people and what they are told: for tests of inboxes, preferences and live updates."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

import factories
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.kernel.pages import PageRequest
from vdept.notifications import queries
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind
from vdept.notifications.queries import InboxFilter
from vdept.units.models import Unit

Kind = NotificationKind


@dataclass
class Inbox:
    """Two people of one unit, and what they are told."""

    db: Database
    unit: Unit
    lan: Actor
    minh: Actor
    told: int = 0

    async def tell(
        self, who: Actor, kind: Kind = Kind.REMINDER, subject: int = 1, unit_id: int | None = None
    ) -> int:
        """One notification of a task; returns its number."""
        self.told += 1
        note = Note(
            person_id=who.person_id or 0,
            unit_id=unit_id or self.unit.id,
            kind=kind,
            subject_type="Task",
            subject_id=subject,
            plan_id=None,
            data={"title": f"Nhiệm vụ {subject}"},
            origin="test",
            origin_id=self.told,
        )
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            assert (await notify(tx, [note])).notifications == 1
            found = await tx.session.scalar(text("SELECT max(id) FROM notification"))
        return int(found)

    async def ask(self, who: Actor, query: Any, *args: Any) -> Any:
        async with self.db.snapshot(who, now=NOW) as tx:
            return await query(tx, *args)

    async def do(self, who: Actor, verb: Any, *args: Any, **more: Any) -> Any:
        async with self.db.begin(who, now=NOW) as tx:
            return await verb(tx, *args, **more)

    async def page(self, who: Actor, request: PageRequest | None = None, **which: Any) -> list[int]:
        page = await self.ask(who, queries.inbox_page, request or PageRequest(), InboxFilter(**which))
        return [row.id for row in page.rows]

    async def unread(self, who: Actor) -> list[int]:
        return await self.page(who, unread_only=True)


async def build(db: Database) -> Inbox:
    """An inbox for each of a unit's head and member."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        unit = await factories.unit(tx)
        lan, minh = await factories.actor(tx, unit), await factories.actor(tx, unit, Role.MEMBER)
    return Inbox(db, unit, lan, minh)
