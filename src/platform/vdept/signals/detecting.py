"""Detect: what the detectors find that has not been asked yet becomes a signal, and the heads are told.

May run any number of times: the same finding is a row already. A run looks at what the logs of measurements,
activities and verdicts say since the last one, and at the weeks that have ended last, so that its cost is
that of what is new (docs/signals.md).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx
from vdept.signals import telling
from vdept.signals.detectors import FRESH, backdated, copied, drift, jump, ping_pong, rush, same_answer
from vdept.signals.models import Detector, SignalMark

ACTOR = system("signals")
_log = logging.getLogger(__name__)

SETTLED = timedelta(hours=1)
"""What is younger is read by the next run: a transaction may still bring rows with lower numbers."""

_TYPES: Mapping[str, Any] = {
    "indicator_id": sa.BigInteger(),
    "unit_ids": ARRAY(sa.BigInteger),
    "ids": ARRAY(sa.BigInteger),
    "after": sa.BigInteger(),
    "upto": sa.BigInteger(),
    "as_of": sa.Date(),
    "now": sa.DateTime(timezone=True),
    "since": sa.DateTime(timezone=True),
}


def opening(detector: Detector, source: str) -> sa.TextClause:
    """The statement that opens a signal for everything that ``source`` finds anew; answers how many.

    A unit that is no more is asked nothing: nobody is there to answer.
    """
    made = sa.text(
        f"""WITH found AS ({source}), opened AS (
            INSERT INTO signal (detector, key, unit_id, plan_id, task_id, indicator_id, score, evidence,
                found_on, found_at)
            SELECT '{detector}', f.key, f.unit_id, f.plan_id, f.task_id, f.indicator_id, f.score, f.evidence,
                CAST(:as_of AS date), CAST(:now AS timestamptz)
            FROM found f JOIN unit asked ON asked.id = f.unit_id AND asked.valid_from <= CAST(:as_of AS date)
                AND (asked.valid_to IS NULL OR asked.valid_to >= CAST(:as_of AS date))
            ORDER BY f.unit_id, f.key
            ON CONFLICT (detector, key) DO NOTHING
            RETURNING 1)
        SELECT count(*) FROM opened"""
    )
    names = made._bindparams  # noqa: SLF001
    return made.bindparams(*[sa.bindparam(name, type_=_TYPES[name]) for name in names])


OF_INDICATORS = {
    Detector.DRIFT: opening(Detector.DRIFT, drift.SQL),
    Detector.JUMP: opening(Detector.JUMP, jump.SQL),
    Detector.COPIED: opening(Detector.COPIED, copied.SQL),
}
OF_VALUES = opening(Detector.BACKDATED, backdated.AROUND_SQL)
OF_VERDICTS = opening(Detector.BACKDATED, backdated.TURNED_SQL)
OF_TASKS = opening(Detector.PING_PONG, ping_pong.SQL)
OF_ANSWERS = opening(Detector.SAME_ANSWER, same_answer.SQL)
OF_WEEKS = opening(Detector.RUSH, rush.SQL)

_INSTANTS = {"measurement": "recorded_at", "activity": "at", "verdict": "issued_at"}
"""The logs, and when a row of each was written."""

_OF_INDICATOR = "measurement:{}"
"""How far the log was read for one indicator, where a run ended before it had read it for all of them."""

_CHANGED = sa.text(
    """SELECT m.indicator_id, array_agg(DISTINCT m.unit_id) AS unit_ids FROM measurement m
    LEFT JOIN signal_mark k ON k.log = 'measurement:' || m.indicator_id
    WHERE m.id > :after AND m.id <= :upto AND m.id > coalesce(k.last_id, 0) AND m.recorded_at > :since
    GROUP BY m.indicator_id ORDER BY m.indicator_id"""
).bindparams(sa.bindparam("since", type_=sa.DateTime(timezone=True)))
_ACTED = sa.text(
    """SELECT subject_type, array_agg(DISTINCT subject_id) AS ids FROM activity
    WHERE id > :after AND id <= :upto AND at > :since AND (
        subject_type = 'Task' AND verb = ANY (:verbs)
        OR subject_type = 'EarlyWarning' AND verb = 'warning.acknowledged')
    GROUP BY subject_type"""
).bindparams(
    sa.bindparam("verbs", type_=ARRAY(sa.Text)), sa.bindparam("since", type_=sa.DateTime(timezone=True))
)


@dataclass(slots=True)
class Report:
    """What one run did: signals opened by each detector, and how many notifications were added."""

    opened: dict[Detector, int] = field(default_factory=dict)
    told: int = 0

    @property
    def items(self) -> int:
        return sum(self.opened.values()) + self.told


PATIENCE = timedelta(minutes=3)
"""For how long a run takes up indicators: a long log is read by several runs, each from where one ended."""


async def detect(database: Database, *, as_of: date, now: datetime, patience: timedelta = PATIENCE) -> Report:
    """Open a signal for all that has happened since the last run. What fails is tried by the next one."""
    run = _Run(database, as_of, now, patience)
    for part in (run.of_activities, run.of_verdicts, run.of_weeks, run.of_measurements):
        await run.guarded(part)
    async with database.begin(ACTOR, now=now) as tx:
        run.report.told = await telling.tell(tx, as_of)
        if run.failed is None and run.ended:
            await _mark(tx, "day", as_of.toordinal())
    if run.failed is not None:
        raise run.failed
    return run.report


async def done_on(database: Database, as_of: date) -> bool:
    """Whether a run of this day has ended well."""
    async with database.snapshot(ACTOR) as tx:
        mark = await tx.session.get(SignalMark, "day")
        return mark is not None and mark.last_id >= as_of.toordinal()


Work = Sequence[tuple[Detector, sa.TextClause, Mapping[str, Any]]]


class _Run:
    """One run: each piece of work in a transaction of its own, so that none waits for another's failure."""

    def __init__(self, database: Database, as_of: date, now: datetime, patience: timedelta) -> None:
        self.database, self.as_of, self.now = database, as_of, now
        self.until = monotonic() + patience.total_seconds()
        self.since = now - timedelta(days=FRESH)
        self.report = Report()
        self.failed: Exception | None = None
        self.ended = True
        """Whether there was time for everything."""

    async def guarded(self, part: Callable[[], Awaitable[object]]) -> None:
        """One of the logs that cannot be read keeps nobody from reading the others."""
        try:
            await part()
        except Exception as error:  # noqa: BLE001  raised at the end: nobody else's signals wait for it
            _log.error("signals cannot be detected: %s", type(error).__name__)
            self.failed = self.failed or error

    async def step(self, what: str, work: Work) -> bool:
        try:
            async with self.database.begin(ACTOR, now=self.now) as tx:
                counts = []
                for detector, statement, given in work:
                    params = {"as_of": self.as_of, "now": self.now, "since": self.since, **given}
                    counts.append((detector, (await tx.session.execute(statement, params)).scalar_one()))
        except Exception as error:  # noqa: BLE001  raised at the end: nobody else's signals wait for it
            _log.error("signals of %s cannot be detected: %s", what, type(error).__name__)
            self.failed = self.failed or error
            return False
        for detector, count in counts:
            self.report.opened[detector] = self.report.opened.get(detector, 0) + count
        return True

    async def of_measurements(self) -> None:
        after, upto, changed = await self._new("measurement", _CHANGED)
        if after == upto:
            return
        values = [(Detector.BACKDATED, OF_VALUES, {"after": after, "upto": upto})]
        well = [await self.step("values", values)]
        for row in changed:
            if monotonic() > self.until:
                self.ended = False
                return
            given = {"indicator_id": row.indicator_id, "unit_ids": row.unit_ids}
            work = [(detector, statement, given) for detector, statement in OF_INDICATORS.items()]
            well.append(await self.step(f"indicator {row.indicator_id}", work))
            await self._read(_OF_INDICATOR.format(row.indicator_id), upto, well[-1])
        await self._read("measurement", upto, all(well))

    async def of_weeks(self) -> None:
        await self.step("weeks", [(Detector.RUSH, OF_WEEKS, {})])

    async def of_activities(self) -> None:
        after, upto, acted = await self._new("activity", _ACTED, verbs=list(ping_pong.VERBS))
        if after == upto:
            return
        ids = {row.subject_type: row.ids for row in acted}
        well = [True]
        if "Task" in ids:
            work = [(Detector.PING_PONG, OF_TASKS, {"ids": ids["Task"]})]
            well.append(await self.step("tasks", work))
        if "EarlyWarning" in ids:
            work = [(Detector.SAME_ANSWER, OF_ANSWERS, {"ids": ids["EarlyWarning"]})]
            well.append(await self.step("answers", work))
        await self._read("activity", upto, all(well))

    async def of_verdicts(self) -> None:
        after, upto, _ = await self._new("verdict", None)
        if after != upto:
            work = [(Detector.BACKDATED, OF_VERDICTS, {"after": after, "upto": upto})]
            await self._read("verdict", upto, await self.step("verdicts", work))

    async def _new(self, log: str, query: sa.TextClause | None, **given: Any) -> tuple[int, int, list[Any]]:
        """From where to where the log is to be read, and what ``query`` says of it."""
        async with self.database.snapshot(ACTOR, now=self.now) as tx:
            mark = await tx.session.get(SignalMark, log)
            after = 0 if mark is None else mark.last_id
            last = sa.text(
                f"""SELECT coalesce(max(id), :after) FROM {log}
                WHERE id > :after AND {_INSTANTS[log]} <= :settled"""
            ).bindparams(
                sa.bindparam("after", type_=sa.BigInteger()),
                sa.bindparam("settled", type_=sa.DateTime(timezone=True)),
            )
            settled = {"after": after, "settled": self.now - SETTLED}
            upto = int((await tx.session.execute(last, settled)).scalar_one())
            if query is None or upto == after:
                return after, upto, []
            given |= {"after": after, "upto": upto, "since": self.since}
            found = await tx.session.execute(query, given)
            return after, upto, list(found)

    async def _read(self, log: str, upto: int, well: bool) -> None:
        if well:
            async with self.database.begin(ACTOR, now=self.now) as tx:
                await _mark(tx, log, upto)


async def _mark(tx: Tx, log: str, last_id: int) -> None:
    fresh = insert(SignalMark).values(log=log, last_id=last_id)
    await tx.session.execute(
        fresh.on_conflict_do_update(
            index_elements=["log"],
            set_={"last_id": sa.func.greatest(SignalMark.last_id, fresh.excluded.last_id)},
        )
    )
