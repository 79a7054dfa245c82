"""What a caller may spend in a minute: points of query cost, and what reading the request itself takes.

A person's points are spent by whatever acts for that person, a browser, a token, a client that was let; a
client's own by the client acting for its unit. Refused requests cost something too.
"""

from datetime import timedelta

from vdept.kernel.actor import Actor
from vdept.kernel.errors import Kind, Refusal
from vdept_graphql.throttle import Spent, Throttle, Wait

MINUTE = timedelta(minutes=1)
BYTES_A_POINT = 100
"""Of a body: rows and files that a mutation is sent cost by their size."""
LARGE_BODY = 10_000
"""Bytes of a body above which it is paid for before it is read, and not together with what it asks."""
CHARACTERS_A_POINT = 16
"""Of a document that is not remembered: parsing and checking it is most of the work of a bad one."""
REFUSED = 5
"""Points of a request that is refused before it runs."""

# Not in the registry: it refuses a request, never a mutation, and is no part of its error enum.
BUDGET_EXCEEDED = Refusal(
    "BUDGET_EXCEEDED",
    Kind.FORBIDDEN,
    vi="Đã dùng hết {limit} điểm truy vấn cho mỗi phút. Hãy thử lại sau {seconds} giây, hỏi ít hơn hoặc thưa "
    "hơn.",
    en="The {limit} points of query cost a minute are used up. Try again in {seconds} seconds, and ask for "
    "less or less often.",
)


class OverBudget(Exception):
    """The caller has no points left for this; ``headers`` say for how long."""

    def __init__(self, wait: Wait, limit: int, headers: dict[str, str]) -> None:
        super().__init__(str(wait))
        self.refused = BUDGET_EXCEEDED.at(limit=limit, seconds=int(wait))
        self.headers = {**headers, **wait.headers}


def purse(actor: Actor) -> str:
    """Whose points this actor spends."""
    return f"person:{actor.person_id}" if actor.person_id is not None else f"client:{actor.client_id}"


def of_body(size: int) -> int:
    """Points of a body of ``size`` bytes."""
    return size // BYTES_A_POINT


def of_reading(query: str) -> int:
    """Points of a document that must be parsed and checked first."""
    return 1 + len(query) // CHARACTERS_A_POINT


class Budget:
    """The same ``points`` a minute for everybody; 0: no limit."""

    def __init__(self, throttle: Throttle, points: int) -> None:
        self._throttle = throttle
        self.points = points

    async def spend(self, actor: Actor, points: int) -> dict[str, str]:
        """Spend ``points``; returns the headers that say what is left. Raises OverBudget."""
        if not self.points:
            return {}
        spent = await self._throttle.spend(
            f"budget:{purse(actor)}", limit=self.points, per=MINUTE, cost=max(points, 1)
        )
        left = self._headers(spent)
        if spent.wait is not None:
            raise OverBudget(spent.wait, self.points, left)
        return left

    def _headers(self, spent: Spent) -> dict[str, str]:
        """``RateLimit`` fields (draft-ietf-httpapi-ratelimit-headers-10)."""
        return {
            "RateLimit-Policy": f'"points";q={self.points};w={int(MINUTE.total_seconds())}',
            "RateLimit": f'"points";r={spent.remaining};t={spent.reset}',
        }
