"""Processes that tests start end with the tests, even when those are killed before they can clean up."""

import os
from functools import cache
from typing import Any

from vdept_workers.runtime import LIFELINE


@cache
def _reading_end() -> int:
    """The end that processes hold; the other stays open for as long as this process lives."""
    return os.pipe()[0]


def held(environment: dict[str, str]) -> dict[str, Any]:
    """What ``subprocess.Popen`` needs, with ``environment``, for a ``vdept`` process that ends after us."""
    end = _reading_end()
    return {"env": {**environment, LIFELINE: str(end)}, "pass_fds": (end,)}
