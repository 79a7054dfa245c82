"""Setting, removing and hurrying connectors, and who sees them. Credentials go in and never come out."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from vdept.kernel.actor import MANAGING, WORKING, Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import Words, invalid
from vdept.kernel.settings import Network
from vdept.kernel.vault import Vault
from vdept.sources.access import any_of, get_source, get_source_for_update
from vdept.sources.connectors import credentials as shown
from vdept.sources.connectors import settings
from vdept.sources.connectors.asking import Asked
from vdept.sources.connectors.credentials import Credentials
from vdept.sources.connectors.errors import (
    CONNECTOR_CREDENTIALS,
    CONNECTOR_MISSING,
    CONNECTOR_NOT_PULLED,
)
from vdept.sources.connectors.settings import Setting
from vdept.sources.errors import SOURCE_CLOSED, SOURCE_PAUSED
from vdept.sources.models import ConnectorKind, Source, SourceConnector, SourceState, Way

SOURCE = "sourceId"
LONGEST_PAUSE = 44_640
"""Minutes of 31 days."""
BETWEEN = timedelta(minutes=1)
"""Between one time that a source is asked and the next, if that is by hand."""
KEEPERS = Words(
    "người đứng đầu, cấp phó hoặc điều phối viên của đơn vị có nguồn, hoặc quản trị viên, tự đăng nhập",
    "the head, a deputy or a coordinator of the source's unit, or an administrator, in person",
)


def visible_connectors(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``source_connector``: whoever works in the source's unit, in person.

    Where a source is and how it fails is for those who can do something about it.
    """
    if actor.client_id is not None or not actor.known:
        return sa.false()
    if actor.sees_everything:
        return sa.true()
    worked: sa.ColumnElement[bool] = SourceConnector.unit_id.in_(sorted(actor.units_as(WORKING)))
    return worked


async def connectors_of(tx: Tx, source_ids: Collection[int]) -> dict[int, SourceConnector]:
    """The connectors of sources, by the source's number."""
    query = sa.select(SourceConnector).where(
        SourceConnector.source_id == any_of(source_ids), visible_connectors(tx.actor)
    )
    return {row.source_id: row for row in await tx.session.scalars(query)}


async def set_connector(
    tx: Tx,
    source_id: int,
    *,
    kind: ConnectorKind,
    setting: Setting,
    every_minutes: int,
    credentials: Credentials | UnsetType | None = UNSET,
    vault: Vault,
    networks: Collection[Network] = (),
) -> Source:
    """How the source is asked from now on; the first time at once.

    Credentials that are left out stay as they are, as long as it is the same host that they go to.
    """
    source = await _own(tx, source_id)
    cleaned = settings.cleaned(kind, setting, networks)
    if not 1 <= every_minutes <= LONGEST_PAUSE:
        raise invalid("everyMinutes", vi=f"từ 1 đến {LONGEST_PAUSE} phút", en=f"1 to {LONGEST_PAUSE} minutes")
    row = await _connector_for_update(tx, source.id)
    sealed = _sealed(source.id, kind, cleaned, credentials, row, vault)
    if row is None:
        row = SourceConnector(source_id=source.id, unit_id=source.unit_id, token=0)
        tx.session.add(row)
    row.kind, row.setting, row.every_minutes = kind, settings.stored(cleaned), every_minutes
    row.credentials = sealed
    _ask_anew(tx, row)
    source.failing_since, row.failures = None, 0
    await tx.session.flush()
    data = {
        "kind": kind,
        "origin": settings.where(cleaned),
        "everyMinutes": every_minutes,
        "credentials": sealed is not None,
    }
    tx.record("source.connector_set", "Source", source.id, unit_id=source.unit_id, data=data)
    return source


async def remove_connector(tx: Tx, source_id: int) -> Source:
    """Ask the source no more, and forget its credentials."""
    source = await _own(tx, source_id)
    row = await _connector_for_update(tx, source.id)
    if row is None:
        raise CONNECTOR_MISSING.at(SOURCE)
    await tx.session.delete(row)
    source.failing_since = None
    await tx.session.flush()
    tx.record("source.connector_removed", "Source", source.id, unit_id=source.unit_id)
    return source


async def poll_now(tx: Tx, source_id: int) -> Source:
    """Ask the source as soon as a worker looks, and read its answer whether it has changed or not.

    However often it is called, a source is asked once a minute at most.
    """
    source = await _own(tx, source_id)
    if source.state is SourceState.PAUSED:
        raise SOURCE_PAUSED.at(SOURCE, name=source.name, reason=source.state_reason)
    row = await _connector_for_update(tx, source.id)
    if row is None:
        raise CONNECTOR_MISSING.at(SOURCE)
    _ask_anew(tx, row)
    await tx.session.flush()
    tx.record("source.polled_by_hand", "Source", source.id, unit_id=source.unit_id)
    return source


async def asked_of(
    tx: Tx,
    source_id: int,
    *,
    kind: ConnectorKind | None = None,
    setting: Setting | None = None,
    credentials: Credentials | UnsetType | None = UNSET,
    networks: Collection[Network] = (),
) -> tuple[Source, Asked]:
    """What a trial asks: the setting that is given, or the one that is kept. Reads only."""
    source = await get_source(tx, source_id, SOURCE)
    _require_keeper(tx, source)
    query = sa.select(SourceConnector).where(SourceConnector.source_id == source.id)
    row = await tx.session.scalar(query)
    if kind is None or setting is None:
        if row is None:
            raise CONNECTOR_MISSING.at(SOURCE)
        kind, setting = row.kind, settings.restored(row.kind, row.setting)
    else:
        setting = settings.cleaned(kind, setting, networks)
    if not isinstance(credentials, UnsetType):
        return source, Asked(source.id, kind, setting, shown.checked(kind, credentials))
    return source, Asked(source.id, kind, setting, _kept(row, kind, setting))


def _kept(row: SourceConnector | None, kind: ConnectorKind, setting: Setting) -> bytes | None:
    """The sealed credentials that may go where this setting leads; refuses where there were others."""
    if row is None or row.credentials is None:
        shown.checked(kind, None)
        return None
    if settings.where(settings.restored(row.kind, row.setting)) != settings.where(setting):
        raise CONNECTOR_CREDENTIALS.at(
            "credentials",
            reason_vi="địa chỉ đã đổi sang máy chủ khác: hãy nhập lại, hoặc gửi null nếu không cần",
            reason="the address leads to another host now: give them anew, or null where none are needed",
        )
    return row.credentials


def _sealed(
    source_id: int,
    kind: ConnectorKind,
    setting: Setting,
    credentials: Credentials | UnsetType | None,
    row: SourceConnector | None,
    vault: Vault,
) -> bytes | None:
    if isinstance(credentials, UnsetType):
        return _kept(row, kind, setting)
    given = shown.checked(kind, credentials)
    return None if given is None else shown.seal(vault, source_id, settings.where(setting), given)


def _ask_anew(tx: Tx, row: SourceConnector) -> None:
    """At once, or a minute after it was asked last; and whatever is on its way counts no more."""
    row.next_at = tx.now if row.asked_at is None else max(tx.now, row.asked_at + BETWEEN)
    row.etag = row.last_sha256 = None
    row.token += 1


def _require_keeper(tx: Tx, source: Source) -> None:
    allowed = tx.actor.client_id is None and tx.actor.has(source.unit_id, MANAGING)
    tx.actor.require(allowed, KEEPERS, SOURCE)
    if source.way is not Way.PULL:
        raise CONNECTOR_NOT_PULLED.at(SOURCE)
    if source.state is SourceState.CLOSED:
        raise SOURCE_CLOSED.at(SOURCE, name=source.name)


async def _own(tx: Tx, source_id: int) -> Source:
    source = await get_source_for_update(tx, source_id, SOURCE)
    _require_keeper(tx, source)
    return source


async def _connector_for_update(tx: Tx, source_id: int) -> SourceConnector | None:
    """The source is locked before it, here as in polling."""
    query = sa.select(SourceConnector).where(SourceConnector.source_id == source_id).with_for_update()
    found: Any = await tx.session.scalar(query.execution_options(populate_existing=True))
    return found if isinstance(found, SourceConnector) else None
