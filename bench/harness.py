"""Interleaved timing and the table that ``make bench`` prints and keeps.

Ours and the reference run in turn, A B A B …; what is quoted is the median of each and the median of the
ratios pair by pair, so that a machine whose speed drifts moves both alike.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results.json"
TABLE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

Run = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``ratio`` is ours / reference; ``goal`` says which side of what it must be."""

    name: str
    ours: float
    reference: float
    unit: str
    ratio: float
    goal: str
    holds: bool
    date: str


def holds(ratio: float, goal: str) -> bool:
    """Whether ``ratio`` keeps a goal such as ``<= 2`` or ``>= 0.8``."""
    side, number = goal.split()
    return ratio <= float(number) if side == "<=" else ratio >= float(number)


def figure(
    name: str, ours: float, reference: float, unit: str, goal: str, ratio: float | None = None
) -> Figure:
    """A figure from two medians, or with the median of the paired ratios where there is one."""
    quotient = ours / reference if ratio is None else ratio
    today = datetime.now(UTC).date().isoformat()
    return Figure(
        name,
        round(ours, 3),
        round(reference, 3),
        unit,
        round(quotient, 3),
        goal,
        holds(quotient, goal),
        today,
    )


async def timed(run: Run) -> float:
    """Milliseconds that one run takes."""
    start = time.perf_counter()
    await run()
    return (time.perf_counter() - start) * 1000


async def paired(
    name: str,
    ours: Run,
    reference: Run,
    goal: str,
    *,
    runs: int = 7,
    between: Run | None = None,
) -> Figure:
    """Time both in turn after one warm-up each; ``between`` restores the state before every run."""
    a: list[float] = []
    b: list[float] = []
    for i in range(runs + 1):
        for run, times in ((ours, a), (reference, b)):
            if between is not None:
                await between()
            took = await timed(run)
            if i:
                times.append(took)
    ratio = statistics.median(x / y for x, y in zip(a, b, strict=True))
    return figure(name, statistics.median(a), statistics.median(b), "ms", goal, ratio)


def publish(figures: list[Figure], *, alone: bool = False) -> str:
    """Keep the table in docs/performance.md and bench/results.json; returns it.

    Figures of the same name are replaced and others kept, unless these stand ``alone``.
    """
    kept = {f["name"]: f for f in json.loads(RESULTS.read_text())} if RESULTS.is_file() else {}
    if alone:
        kept = {}
    kept |= {f.name: asdict(f) for f in figures}
    RESULTS.write_text(json.dumps(list(kept.values()), indent=1, ensure_ascii=False) + "\n")
    lines = [
        "| figure | ours | reference | unit | ratio | goal | holds | date |",
        "|---|--:|--:|---|--:|---|---|---|",
    ]
    lines += [
        f"| {f['name']} | {f['ours']:g} | {f['reference']:g} | {f['unit']} | {f['ratio']:g} | {f['goal']} "
        f"| {'yes' if f['holds'] else '**no**'} | {f['date']} |"
        for f in kept.values()
    ]
    text = TABLE.read_text()
    head, rest = text.split(BEGIN, 1)
    TABLE.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}" + rest.split(END, 1)[1])
    return "\n".join(lines)


def main(run: Callable[[], Awaitable[list[Figure]]]) -> None:
    """Run one benchmark module by itself."""
    print(publish(asyncio.run(run())))
