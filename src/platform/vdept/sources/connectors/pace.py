"""When a source is asked again. Pure.

After a success at its schedule. After a failure sooner than that, so that one bad minute does not cost a
source of once a day its day: after a minute, two, four and so on, at the latest when the schedule says.
"""

from datetime import timedelta

FIRST = timedelta(minutes=1)
SHORTEST = timedelta(seconds=30)
SPREAD = 0.25
"""Part of a wait that chance takes off, so that a server that comes back is not met by all at once."""
ALARMING = 3
"""Failures in a row after which, or ..."""
PATIENCE = timedelta(days=1)
"""... time of failing after which somebody is warned."""


def retry_in(failures: int, every: timedelta, draw: float) -> timedelta:
    """How long to wait after the ``failures``-th failure in a row; ``draw``: a random number from 0 to 1."""
    doubled: timedelta = FIRST * 2 ** min(failures - 1, 20)
    return max(min(every, doubled) * (1 - SPREAD * draw), SHORTEST)
