"""Publishing: one picture of a plan becomes an edition, whole or not at all.

Everything happens in one transaction with one snapshot (REPEATABLE READ) under the plan's lock: changes that
are not rolled up yet are rolled up first, so that every figure follows from the definitions beside it. Files
are written outside and stored part by part; whoever is killed in between leaves nothing in the database, and
files that a later one removes.
"""

import asyncio
import contextlib
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from vdept.kernel.actor import system
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx
from vdept.kernel.driver import connection_of
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.vault import Vault
from vdept.outcomes import refresh
from vdept.publications import content, layout, signing, statements
from vdept.publications.errors import CORRECTS_UNKNOWN, PLAN_NOT_PUBLISHABLE
from vdept.publications.models import (
    Edition,
    EditionFile,
    EditionFormat,
    EditionKey,
    EditionRequest,
    RequestState,
)
from vdept.publications.rendering import GROUPS, render
from vdept.publications.telling import tell
from vdept.targets.models import PlanState

ACTOR = system("editions")
CHUNK = 256 * 1024
"""Bytes of a file in one row, before they are compressed."""

AT_ONCE = 16
"""Chunks that are compressed and sent together: what publishing holds of a file in memory."""

ATTEMPTS = 5
"""How often it is tried again when somebody else was rolling the plan up at the same instant."""

ONCE_MORE = frozenset({"40001", "23505"})
"""Somebody else has rolled the plan up, or published it, between our picture of it and our lock."""

PREFIX = "vdept-edition-"
LEFT_BEHIND = 24 * 3600
"""Seconds after which a folder of files is nobody's any more."""

_TRY_LOCK = sa.text("SELECT pg_try_advisory_xact_lock(:key)")


class BusyError(Exception):
    """Somebody else is rolling the plan up now."""

    def __str__(self) -> str:
        return "The plan is being rolled up all the time. Ask again later."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to publish, and why: for a month, or on somebody's request."""

    plan_id: int
    month: date | None = None
    corrects: int | None = None
    note: str | None = None
    by: int | None = None
    request_id: int | None = None


async def publish(
    database: Database,
    vault: Vault,
    plan_id: int,
    *,
    as_of: date | None = None,
    month: date | None = None,
    corrects: int | None = None,
    note: str | None = None,
    by: int | None = None,
    request_id: int | None = None,
    now: datetime,
) -> Edition | None:
    """Publish an edition of the plan; None if that of ``month``, or what was asked for, is there already.

    The plan is moved to ``as_of`` first if it stands at an earlier date.
    """
    wanted = Wanted(plan_id, month, corrects, note, by, request_id)
    await refresh.reevaluate(database, as_of=as_of or local_date(now))
    async with database.begin(signing.ACTOR, now=now) as tx:
        key = await signing.signing_key(tx, vault)
    for attempt in range(ATTEMPTS):
        try:
            return await _publish(database, vault, key, wanted, now)
        except (BusyError, DBAPIError) as error:
            state = getattr(getattr(error, "orig", None), "sqlstate", None)
            if attempt == ATTEMPTS - 1 or not (isinstance(error, BusyError) or state in ONCE_MORE):
                raise
        async with database.begin(ACTOR) as tx:
            await refresh.lock(tx.session, plan_id)  # wait until whoever rolls up is done
    raise AssertionError  # not reached: the last attempt returns or raises


async def _publish(
    database: Database, vault: Vault, key: EditionKey, wanted: Wanted, now: datetime
) -> Edition | None:
    async with database.begin(ACTOR, now=now) as tx:
        await tx.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        if not await tx.session.scalar(_TRY_LOCK, {"key": refresh.lock_key(wanted.plan_id)}):
            raise BusyError
        while (await refresh.roll_up(tx, wanted.plan_id)).more:
            pass
        last = await tx.session.scalar(
            sa.select(Edition)
            .where(Edition.plan_id == wanted.plan_id)
            .order_by(Edition.number.desc())
            .limit(1)
        )
        if await _done(tx, wanted):
            return None
        _sweep()
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            edition = await _written(tx, vault, key, wanted, last, Path(folder))
        tx.session.add(edition)
        await tx.session.flush()
        if wanted.request_id is not None:
            await _fulfilled(tx, wanted.request_id, edition.id)
        await tell(tx, edition)
        tx.record(
            "edition.published",
            "Edition",
            edition.id,
            plan_id=wanted.plan_id,
            data={"number": edition.number, "corrects": wanted.corrects, "request": wanted.request_id},
        )
        return edition


def _sweep() -> None:
    """Remove what a worker left that was killed while it wrote: nobody else does."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.lstat().st_mtime > LEFT_BEHIND:
                shutil.rmtree(folder)


async def _done(tx: Tx, wanted: Wanted) -> bool:
    """Whether somebody else has published what is wanted."""
    if wanted.month is not None:
        there = sa.select(Edition.id).where(Edition.plan_id == wanted.plan_id, Edition.month == wanted.month)
        return await tx.session.scalar(there) is not None
    if wanted.request_id is not None:
        wish = await tx.session.get(EditionRequest, wanted.request_id, with_for_update=True)
        return wish is None or wish.state is not RequestState.WAITING
    return False


async def _fulfilled(tx: Tx, request_id: int, edition_id: int) -> None:
    done = {"state": RequestState.PUBLISHED, "finished_at": tx.now, "edition_id": edition_id}
    await tx.session.execute(sa.update(EditionRequest).where(EditionRequest.id == request_id).values(**done))


async def _head(tx: Tx, wanted: Wanted, last: Edition | None) -> layout.Head:
    row = (await tx.session.execute(sa.text(statements.HEAD), {"plan_id": wanted.plan_id})).mappings().first()
    if row is None:
        raise NOT_FOUND.at("planId", what=Words("kế hoạch", "plan"))
    if row["state"] == PlanState.DRAFT:
        raise PLAN_NOT_PUBLISHABLE.at("planId", state=row["state"])
    number = 1 if last is None else last.number + 1
    if wanted.corrects is not None and not 0 < wanted.corrects < number:
        raise CORRECTS_UNKNOWN.at("correctsNumber", number=wanted.corrects)
    previous = None
    if last is not None:
        previous = layout.Previous(last.number, last.manifest["files"][EditionFormat.JSON.value]["sha256"])
    return layout.Head(
        format=layout.FORMAT,
        plan=layout.PlanPart(
            code=row["code"],
            title=row["title"],
            legal_basis=row["legal_basis"],
            issuer=layout.Issuer(row["issuer_code"], row["issuer_name"]),
            starts_on=row["starts_on"],
            ends_on=row["ends_on"],
            audience=row["audience"],
        ),
        number=number,
        month=wanted.month,
        as_of=row["evaluated_on"] or tx.today,
        published_at=tx.now.isoformat(timespec="seconds"),
        corrects=wanted.corrects,
        note=wanted.note,
        previous=previous,
        targets=row["targets"],
        units=0,
        left_out=layout.WITHOUT_TASKS,
    )


async def _written(
    tx: Tx, vault: Vault, key: EditionKey, wanted: Wanted, last: Edition | None, folder: Path
) -> Edition:
    head = await _head(tx, wanted, last)
    units = await content.units(tx, wanted.plan_id, await content.before(tx, last))
    head.units = len(units)
    parts = await content.key_results(tx, wanted.plan_id)
    made = {of: folder / of.value for of in EditionFormat}
    with made[EditionFormat.JSON].open("wb") as file:
        out = content.Hashed(file)
        head.targets = await content.write(tx, wanted.plan_id, head, parts, units, out)
    edition_id = await tx.session.scalar(
        sa.text("SELECT nextval(pg_get_serial_sequence('edition', 'id')) AS id")
    )
    rendering = {group: asyncio.create_task(render(group, made, head.targets)) for group in GROUPS}
    try:
        files = [await _stored(tx, edition_id, EditionFormat.JSON, made[EditionFormat.JSON])]
        for group, task in reversed(rendering.items()):
            await task
            files += [await _stored(tx, edition_id, of, made[of]) for of in group]
    finally:
        for task in rendering.values():
            task.cancel()
        await asyncio.gather(*rendering.values(), return_exceptions=True)
    tx.session.add_all(files)
    await tx.session.flush()  # before the edition is there: after it nothing is added
    manifest = _manifest(head, files)
    return Edition(
        id=edition_id,
        plan_id=wanted.plan_id,
        number=head.number,
        month=wanted.month,
        as_of=head.as_of,
        published_at=tx.now,
        published_by_id=wanted.by,
        corrects_number=wanted.corrects,
        note=wanted.note,
        targets=head.targets,
        units=head.units,
        manifest=manifest,
        kid=key.kid,
        signature=signing.sign(manifest, key, vault),
    )


def _manifest(head: layout.Head, files: list[EditionFile]) -> dict[str, Any]:
    return {
        "format": layout.FORMAT,
        **head.signed(),
        "files": {file.format.value: {"sha256": file.sha256.hex(), "size": file.size} for file in files},
    }


def _packed(pieces: list[bytes], level: int) -> list[bytes]:
    return [zlib.compress(piece, level) for piece in pieces]


def _pieces(path: Path, out: content.Hashed) -> Iterator[list[bytes]]:
    with path.open("rb") as file:
        while some := [piece for _ in range(AT_ONCE) if (piece := file.read(CHUNK))]:
            for piece in some:
                out.write(piece)
            yield some


async def _stored(tx: Tx, edition_id: int, of: EditionFormat, path: Path) -> EditionFile:
    """Store a file part by part; what is compressed already is not compressed much again."""
    connection = await connection_of(tx)
    level = 1 if of is EditionFormat.EXCEL else 4
    out, number = content.Hashed(), 0
    for some in _pieces(path, out):
        packed = await asyncio.to_thread(_packed, some, level)
        rows = [(edition_id, of.value, number + at, each) for at, each in enumerate(packed)]
        await connection.copy_records_to_table(
            "edition_chunk", records=rows, columns=["edition_id", "format", "number", "content"]
        )
        number += len(rows)
    return EditionFile(edition_id=edition_id, format=of, sha256=out.sha256, size=out.size)
