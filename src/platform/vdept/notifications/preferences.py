"""How a person wants to be told: whether by e-mail, how often, and when not."""

from collections.abc import Iterable
from datetime import time
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from sqlalchemy.dialects.postgresql import insert

from vdept.kernel.db import Tx
from vdept.kernel.versions import check_version
from vdept.notifications import rules
from vdept.notifications.access import require_own, visible_preferences
from vdept.notifications.models import Cadence, NotificationPreference


async def preferences_of(tx: Tx) -> NotificationPreference | None:
    """One's own preferences; the defaults, as version 0, of whoever has never set any. None: not a person."""
    person_id = tx.actor.person_id
    if person_id is None:
        return None
    found: NotificationPreference | None = await tx.session.scalar(_own(tx, person_id))
    return _defaults(person_id) if found is None else found


async def set_preferences(
    tx: Tx,
    *,
    email: bool | UnsetType = UNSET,
    cadence: Cadence | UnsetType = UNSET,
    quiet_from: time | UnsetType | None = UNSET,
    quiet_until: time | UnsetType | None = UNSET,
    muted: Iterable[str] | UnsetType = UNSET,
    expected_version: int | None = None,
) -> NotificationPreference:
    """Change what is given. What is muted or quiet is so for e-mail: the inbox always has everything."""
    row = await _for_update(tx)
    check_version(row, expected_version)
    wanted: dict[str, Any] = {
        "email": email,
        "cadence": cadence,
        "quiet_from": quiet_from,
        "quiet_until": quiet_until,
        "muted": UNSET if isinstance(muted, UnsetType) else rules.clean_kinds(muted, "muted"),
    }
    changed = {
        name: value for name, value in wanted.items() if value is not UNSET and value != getattr(row, name)
    }
    now: dict[str, Any] = {name: changed.get(name, getattr(row, name)) for name in wanted}
    rules.require_quiet_hours(now["quiet_from"], now["quiet_until"])
    return await _change(tx, row, "inbox.preferences_set", changed)


async def resume_email(tx: Tx) -> NotificationPreference:
    """Send mail again to an address that had been given up; what was stopped meanwhile is in the inbox."""
    row = await _for_update(tx)
    stopped = row.stopped_at is not None or row.bounces > 0
    changed = {"bounces": 0, "stopped_at": None, "stopped_because": None} if stopped else {}
    return await _change(tx, row, "inbox.email_resumed", changed)


async def _change(
    tx: Tx, row: NotificationPreference, verb: str, changed: dict[str, Any]
) -> NotificationPreference:
    """Write what differs, if anything does, and leave an activity."""
    if not changed:
        return row
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += 1
    await tx.session.flush()
    tx.record(verb, "Inbox", row.person_id, data=changed)
    return row


async def _for_update(tx: Tx) -> NotificationPreference:
    """One's own row, locked; made with the defaults if there is none."""
    person_id = require_own(tx.actor)
    made = insert(NotificationPreference).values(person_id=person_id, version=0)
    await tx.session.execute(made.on_conflict_do_nothing())
    locked = _own(tx, person_id).with_for_update().execution_options(populate_existing=True)
    row: NotificationPreference = (await tx.session.scalars(locked)).one()
    return row


def _own(tx: Tx, person_id: int) -> "sa.Select[Any]":
    return sa.select(NotificationPreference).where(
        visible_preferences(tx.actor), NotificationPreference.person_id == person_id
    )


def _defaults(person_id: int) -> NotificationPreference:
    """As the table's own defaults are."""
    return NotificationPreference(
        person_id=person_id,
        email=True,
        cadence=Cadence.INSTANT,
        quiet_from=None,
        quiet_until=None,
        muted=[],
        bounces=0,
        stopped_at=None,
        stopped_because=None,
        version=0,
    )
