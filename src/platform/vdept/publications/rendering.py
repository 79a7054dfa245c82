"""The other formats of an edition, each made from its content file.

A large edition is rendered in processes beside, so that the worker goes on with its other loops; a small one
in a thread. ``python -m vdept.publications.rendering CONTENT FORMAT OUT …`` is such a process.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vdept.publications.models import EditionFormat
from vdept.publications.page import write_page
from vdept.publications.tabular import write_csv, write_excel

WRITERS: Mapping[EditionFormat, Callable[[Path, Path], None]] = {
    EditionFormat.CSV: write_csv,
    EditionFormat.EXCEL: write_excel,
    EditionFormat.HTML: write_page,
}
GROUPS = ((EditionFormat.EXCEL,), (EditionFormat.CSV, EditionFormat.HTML))
"""What one process renders: the workbook takes as long as everything else together."""

BESIDE_FROM = 5_000
"""Targets from which on it is worth starting a process."""

PATIENCE = 600.0
"""Seconds that a process may take."""


class RenderingError(Exception):
    """A process beside has failed; what it said is the message."""


async def render(formats: Sequence[EditionFormat], made: Mapping[EditionFormat, Path], targets: int) -> None:
    """Write these formats of an edition, one after the other, from its JSON content, where ``made`` says."""
    content = made[EditionFormat.JSON]
    if targets < BESIDE_FROM:
        for of in formats:
            await asyncio.to_thread(WRITERS[of], content, made[of])
        return
    wanted = [word for of in formats for word in (of.value, str(made[of]))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(content), *wanted),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), PATIENCE)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        raise RenderingError(f"{', '.join(formats)}: {said.decode(errors='replace').strip()[-300:]}")


if __name__ == "__main__":
    for one, where in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
        WRITERS[EditionFormat(one)](Path(sys.argv[1]), Path(where))
