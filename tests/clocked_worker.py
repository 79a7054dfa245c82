"""A worker process whose clock runs a while ahead: by as many seconds as the file says that it is given.

In all else it is ``vdept worker``. ``CLOCK`` may change while it runs: the day ends when the test says so.
Batches and transactions are small, so that a few thousand reminders are many claims.
"""

import functools
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vdept.kernel import clock

CLOCK = "VDEPT_TEST_CLOCK"
BATCH, CLAIM = 4, 8


def shifted(path: Path) -> datetime:
    """What the time is by the clock in ``path``."""
    return datetime.now(UTC) + timedelta(seconds=float(path.read_text() or 0))


def main() -> None:
    path = Path(os.environ[CLOCK])
    clock.utc_now = lambda: shifted(path)  # before anything takes it by name

    from vdept.deadlines import scanning
    from vdept.deadlines.delivering import deliver
    from vdept_workers import logs, reminding, runtime
    from vdept_workers.worker import work

    scanning.BATCH = BATCH
    reminding.deliver = functools.partial(deliver, size=CLAIM)  # type: ignore[assignment]
    reminding.WATCH = 0.5
    runtime.hold_lifeline()
    settings = runtime.settings()
    logs.configure(settings)
    assert settings.database_url
    assert settings.redis_url
    work(settings.database_url, settings.redis_url)


if __name__ == "__main__":
    main()
