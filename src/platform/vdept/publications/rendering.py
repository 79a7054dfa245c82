"""The other formats of an edition, each made from its content file.

A large edition is rendered in processes beside, so that the worker goes on with its other loops; a small one
in a thread. ``python -m vdept.publications.rendering FORMAT CONTENT OUT`` is such a process.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from vdept.publications.models import EditionFormat
from vdept.publications.page import write_page
from vdept.publications.tabular import write_csv, write_excel

WRITERS: Mapping[EditionFormat, Callable[[Path, Path], None]] = {
    EditionFormat.CSV: write_csv,
    EditionFormat.EXCEL: write_excel,
    EditionFormat.HTML: write_page,
}
BESIDE_FROM = 5_000
"""Targets from which on it is worth starting a process."""

PATIENCE = 600.0
"""Seconds that a process may take."""


class RenderingError(Exception):
    """A process beside has failed; what it said is the message."""


async def render(of: EditionFormat, content: Path, out: Path, targets: int) -> None:
    """Write one format of the edition whose content file this is."""
    if targets < BESIDE_FROM:
        await asyncio.to_thread(WRITERS[of], content, out)
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, of.value, str(content), str(out)),
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
        raise RenderingError(f"{of.value}: {said.decode(errors='replace').strip()[-300:]}")


if __name__ == "__main__":
    WRITERS[EditionFormat(sys.argv[1])](Path(sys.argv[2]), Path(sys.argv[3]))
