"""All benchmarks, one after another: ``make bench``, or ``python -m bench assign bulk`` for some of them.

Prints every figure as it is taken, then the table, which is kept in docs/performance.md and written to
bench/results.json after each module, so that an interrupted run loses only the module it was in. A goal
that does not hold is said loudly; it is not an error of the command.
"""

import argparse
import asyncio
import importlib
import time

from bench.harness import Figure, publish

MODULES = (
    "executor",
    "assign",
    "bulk",
    "ingest",
    "rebuild",
    "sustained",
    "task_page",
    "row_security",
    "tokens",
    "scan",
    "mail",
    "webhooks",
    "warnings",
    "verdicts",
    "pull",
    "editions",
    "inbox",
    "faults",
)


def run(name: str) -> list[Figure]:
    """The figures of one module."""
    print(f"== {name}", flush=True)
    start = time.perf_counter()
    figures: list[Figure] = asyncio.run(importlib.import_module(f"bench.{name}").bench())
    for each in figures:
        print(f"   {'holds' if each.holds else 'DOES NOT HOLD'}: {each.name}: {each.ratio:g} ({each.goal})")
    print(f"   {time.perf_counter() - start:.0f} s", flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Take the figures again.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"some of: {', '.join(MODULES)}")
    chosen = parser.parse_args().modules
    unknown = [name for name in chosen if name not in MODULES]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(MODULES)}")
    taken: list[Figure] = []
    table = ""
    for name in MODULES:
        if not chosen or name in chosen:
            figures = run(name)
            taken += figures
            table = publish(figures)
    if not chosen:
        table = publish(taken, alone=True)
    print(f"\n{table}\n")
    missed = [each for each in taken if not each.holds]
    for each in missed:
        print(f"Does not hold: {each.name}: {each.ratio:g}, goal {each.goal}")
    if not missed:
        print("Every goal holds.")


if __name__ == "__main__":
    main()
