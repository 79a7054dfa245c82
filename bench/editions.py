"""An edition over 220,000 targets: how long it takes to publish and to verify, and in how much memory.

The goals are absolute (30 s and 10 s); memory is that of this process at its peak, over what it was before.
"""

import gc
import resource
import time
from datetime import UTC, date, datetime

from bench import nation
from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh, owned
from vdept.kernel.db import Database
from vdept.kernel.vault import Vault
from vdept.publications import checking, content
from vdept.publications.findings import Findings
from vdept.publications.models import EditionFormat
from vdept.publications.publishing import publish

AS_OF = date(2026, 11, 9)
NOW = datetime(2026, 11, 8, 17, 10, tzinfo=UTC)
VAULT = Vault("for a benchmark, and for nothing else at all")
PUBLISHED_IN, VERIFIED_IN = 30.0, 10.0
_EVALUATION = "INSERT INTO plan_evaluation (plan_id, evaluated_on) VALUES (1, DATE '2026-11-09')"


def peak() -> float:
    """Megabytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def bench() -> list[Figure]:
    async with fresh("bench_editions") as (database, _), owned(database) as owner:
        await nation.whole(database, owner, _EVALUATION)
        return await _measure(database)


async def _measure(database: Database) -> list[Figure]:
    gc.collect()
    before, started = peak(), time.perf_counter()
    edition = await publish(database, VAULT, 1, as_of=AS_OF, now=NOW)
    published = time.perf_counter() - started
    assert edition is not None
    held = peak() - before
    async with database.snapshot(SYSTEM) as tx:
        said = b"".join([part async for part in content.chunks(tx, edition.id, EditionFormat.JSON)])
    findings, started = Findings(), time.perf_counter()
    checking.check_file(said, EditionFormat.JSON, edition.manifest, edition.signature, findings)
    checking.check_content(said, edition.manifest, findings)
    verified = time.perf_counter() - started
    assert findings.faults == [], findings.faults
    sizes = {name: f"{file['size'] / 1e6:.1f} MB" for name, file in edition.manifest["files"].items()}
    print(f"   {edition.targets} targets, {sizes}; {held:.0f} MB more in memory")
    return [
        figure("an edition of 220,000 targets, published", published, PUBLISHED_IN, "s", "<= 1"),
        figure("the same, verified", verified, VERIFIED_IN, "s", "<= 1"),
    ]


if __name__ == "__main__":
    main(bench)
