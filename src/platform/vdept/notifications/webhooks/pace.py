"""How many deliveries one process has on their way to each endpoint at once.

A new endpoint gets a few, one that answers more and more, one that stays silent a single one, and all silent
ones together at most a quarter of the places: they wait for nobody but themselves.
"""

from collections import Counter, OrderedDict

FRESH = 4
MOST = 16
REMEMBERED = 2_000


class Pace:
    """The places of one sender and who has them."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.flying: Counter[int] = Counter()
        self._limits: OrderedDict[int, int] = OrderedDict()
        self._silent: set[int] = set()

    @property
    def free(self) -> int:
        return self.places - self.flying.total()

    def rooms(self) -> dict[int, int]:
        """How many more each endpoint may be sent; endpoints that are not named may be sent ``FRESH``."""
        crowded = sum(self.flying[endpoint] for endpoint in self._silent) >= max(1, self.places // 4)
        rooms = {}
        for endpoint in self._limits.keys() | self.flying.keys():
            limit = 0 if crowded and endpoint in self._silent else self._limits.get(endpoint, FRESH)
            rooms[endpoint] = max(0, limit - self.flying[endpoint])
        return rooms

    def started(self, endpoint: int) -> None:
        self.flying[endpoint] += 1

    def ended(self, endpoint: int, *, answered: bool, delivered: bool) -> None:
        self.flying[endpoint] -= 1
        if self.flying[endpoint] <= 0:
            del self.flying[endpoint]
        limit = self._limits.pop(endpoint, FRESH)
        if not answered:
            limit = 1
        self._limits[endpoint] = min(2 * limit, MOST) if delivered else max(1, limit // 2)
        self._silent.discard(endpoint)
        if not answered:
            self._silent.add(endpoint)
        if len(self._limits) > REMEMBERED:
            self._silent.discard(self._limits.popitem(last=False)[0])
