"""A worker process to kill, and a small plan whose outcomes it keeps."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from lifeline import held
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.measurements.models import Measurement
from vdept.outcomes import refresh
from vdept.outcomes.models import TargetOutcome
from vdept.outcomes.rebuild import rebuild_plan
from vdept.targets.changes import target_changed
from vdept.targets.models import Basis, OutcomeChange, Rollup, Target
from vdept.units.models import UnitKind

CHILDREN = 4


@dataclass
class WorkerProcess:
    """``vdept worker`` as an operator runs it."""

    database_url: str
    redis_url: str
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        environment = {
            **os.environ,
            "VDEPT_DATABASE_URL": self.database_url,
            "VDEPT_REDIS_URL": self.redis_url,
        }
        command = [sys.executable, "-m", "vdept_workers", "worker"]
        self.process = subprocess.Popen(command, **held(environment))

    def kill(self) -> None:
        """SIGKILL: nothing is cleaned up."""
        self.end(signal.SIGKILL)

    def end(self, number: int) -> tuple[int, float]:
        """Send a signal; the exit code and how long it took."""
        assert self.process is not None
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.process = None
        return code, time.monotonic() - started


@dataclass
class Scene:
    """A root target whose value is the sum of its children's."""

    db: Database
    plan_id: int
    root: Target
    children: list[Target]
    _sent: dict[int, int] = field(default_factory=dict)

    async def measure(self, child: int, value: int) -> None:
        """A new reading of one child, and what the roll-up must look at, in one transaction."""
        target = self.children[child]
        async with self.db.begin(SYSTEM) as tx:
            tx.session.add(
                Measurement(
                    indicator_id=target.indicator_id,
                    unit_id=target.unit_id,
                    basis=Basis.MEASURED,
                    as_of=date(2026, 2, 1),
                    value=Decimal(value),
                    source="test",
                    recorded_at=tx.now,
                )
            )
            await target_changed(tx, self.plan_id, [target.id])
        self._sent[child] = value

    @property
    def expected(self) -> Decimal | None:
        return Decimal(sum(self._sent.values())) if len(self._sent) == CHILDREN else None

    async def total(self) -> Decimal | None:
        """The root's measured value as the outcomes say."""
        async with self.db.snapshot(SYSTEM) as tx:
            value: Decimal | None = await tx.session.scalar(
                sa.select(TargetOutcome.measured_value).where(TargetOutcome.target_id == self.root.id)
            )
            return value

    async def waiting(self) -> int:
        async with self.db.snapshot(SYSTEM) as tx:
            return int(await tx.session.scalar(sa.select(sa.func.count()).select_from(OutcomeChange)) or 0)

    async def settled(self) -> bool:
        return await self.waiting() == 0

    async def rows_a_rebuild_would_rewrite(self) -> int:
        async with self.db.begin(SYSTEM, now=utc_now()) as tx:
            await refresh.lock(tx.session, self.plan_id)
            return (await rebuild_plan(tx, self.plan_id)).total


async def build(db: Database) -> Scene:
    """A plan with one key result, summed up over a few provinces."""
    async with db.begin(SYSTEM) as tx:
        nation = await make.unit(tx, kind=UnitKind.GOVERNMENT)
        provinces = [await make.unit(tx, parent=nation) for _ in range(CHILDREN)]
        plan = await make.plan(tx, nation)
        key_result = await make.key_result(tx, plan, await make.indicator(tx, ratio=False), rollup=Rollup.SUM)
        root = await make.target(tx, key_result, nation)
        children = [await make.target(tx, key_result, unit, root) for unit in provinces]
        await target_changed(tx, plan.id, [target.id for target in (root, *children)])
    return Scene(db, plan.id, root, children)


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Wait until ``holds``; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, f"still not true after {seconds} s"
        await asyncio.sleep(0.05)
