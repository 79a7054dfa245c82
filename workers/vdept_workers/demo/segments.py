"""Which provinces of the demonstration lie in the mountains, at a border, off the coast, or are left behind.

By what everybody knows of the country, not by a decision: a government places its units by its own.
"""

from collections.abc import Mapping
from typing import Final

from vdept.units.models import Segment
from vdept.units.segments import set_unit_segments
from vdept_workers.demo.people import ADMINISTRATOR, Cast
from vdept_workers.demo.season import Season

PROVINCES: Final[Mapping[Segment, str]] = {
    Segment.DISADVANTAGED: "04 08 11 12 14 15 20 51 52 66",
    Segment.RURAL: "04 08 11 12 14 15 19 20 25 33 38 40 42 44 51 52 66 68 80 82 86 91 96",
    Segment.MOUNTAINOUS: "04 08 11 12 14 15 19 20 25 51 52 66 68",
    Segment.BORDER: "04 08 11 12 14 15 20 22 38 40 42 44 46 48 51 52 66 68 75 80 82 91",
    Segment.ISLAND: "22 31 44 48 51 56 68 79 91",
}
"""Codes of provinces, as they are since July 2025."""

HIGHLANDS: Final = "20044 20050 20056 20071 20101"
"""The communes of A Lưới, in the mountains of Huế at the border with Laos."""


async def load_segments(cast: Cast, season: Season) -> None:
    """Place the provinces and the communes of A Lưới, unless somebody has placed any."""
    if any(province.segments for province in cast.provinces):
        return
    remote = (Segment.DISADVANTAGED, Segment.RURAL, Segment.MOUNTAINOUS, Segment.BORDER)
    placed = [(segment, codes.split()) for segment, codes in PROVINCES.items()]
    placed += [(segment, HIGHLANDS.split()) for segment in remote]
    async with cast.acting(ADMINISTRATOR, season.issued_on) as tx:
        for segment, codes in placed:
            await set_unit_segments(tx, [cast.unit(code) for code in codes], add=[segment])
