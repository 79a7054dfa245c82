"""The demonstration's sources: the systems that measured its values, each of a unit that answers for it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa

from vdept.measurements.models import Measurement
from vdept.sources.models import Reach, Source, SourceState, Way
from vdept.sources.pushing import document_of
from vdept.sources.receiving import Given, receive_all
from vdept.sources.registering import close_source, register_source
from vdept.targets.models import Frequency
from vdept_workers.demo.people import COORDINATOR, HUE, HUE_HEAD, ISSUER, MINISTRY, OFFICE, SYSTEM, Cast
from vdept_workers.demo.season import instant


class System(NamedTuple):
    """A system of the demonstration: whose it is, who registers it, and how it measures."""

    unit: str
    keeper: str
    name: str
    method: str
    reach: Reach = Reach.NATION
    frequency: Frequency = Frequency.QUARTERLY
    limits: str | None = None
    closed: str | None = None


SERVICES = System(
    MINISTRY,
    COORDINATOR,
    "Hệ thống giám sát dịch vụ công trực tuyến (số minh họa)",
    "Đếm hồ sơ tiếp nhận và trả kết quả trực tuyến trên cổng dịch vụ công, theo đơn vị và ngày.",
    limits="Không thấy hồ sơ nộp trực tiếp bằng giấy.",
)
ECONOMY = System(
    MINISTRY,
    COORDINATOR,
    "Thống kê (số minh họa)",
    "Ước tính giá trị tăng thêm của kinh tế số trong tổng sản phẩm trên địa bàn.",
    frequency=Frequency.YEARLY,
)
PUBLISHED = System(
    OFFICE,
    ISSUER,
    "Số liệu đã công bố, quý I năm 2021",
    "Chép từ báo cáo đã công bố của năm 2021.",
    closed="Kế hoạch năm 2021 đã kết thúc.",
)
ONE_STOP = System(
    HUE,
    HUE_HEAD,
    "Hệ thống một cửa của thành phố Huế",
    "Đếm hồ sơ trong hệ thống thông tin giải quyết thủ tục hành chính của thành phố.",
    reach=Reach.SUBTREE,
    frequency=Frequency.MONTHLY,
)


async def source_of(cast: Cast, system: System, day: date, indicator_ids: Sequence[int]) -> Source:
    """The source, registered by whoever answers for it unless it is there."""
    async with cast.database.snapshot(SYSTEM) as tx:
        there: Source | None = await tx.session.scalar(
            sa.select(Source).where(Source.unit_id == cast.unit(system.unit), Source.name == system.name)
        )
    if there is not None:
        return there
    async with cast.acting(system.keeper, day) as tx:
        return await register_source(
            tx,
            cast.unit(system.unit),
            name=system.name,
            method=system.method,
            limits=system.limits,
            frequency=system.frequency,
            way=Way.PUSH,
            reach=system.reach,
            indicator_ids=indicator_ids,
        )


async def close(cast: Cast, system: System, source: Source, day: date) -> None:
    """End a source that measures no more, unless it has ended."""
    if system.closed is not None and source.state is not SourceState.CLOSED:
        async with cast.acting(system.keeper, day, hour=10) as tx:
            await close_source(tx, source.id, system.closed)


async def send(cast: Cast, source: Source, day: date, rows: Mapping[int, Given]) -> None:
    """What a program of the unit sent on that day, by unit; units whose value is there are left out."""
    async with cast.database.begin(SYSTEM, now=instant(day, 9)) as tx:
        dates = {row.as_of for row in rows.values()}
        query = sa.select(Measurement.unit_id).where(
            Measurement.source_id == source.id,
            Measurement.as_of.in_(dates),
            Measurement.unit_id.in_(list(rows)),
        )
        there = set(await tx.session.scalars(query))
        missing = [row for unit_id, row in rows.items() if unit_id not in there]
        if missing:
            [got] = await receive_all(tx, source, [document_of(missing)])
            assert got.rejected == 0, got.rejections  # noqa: S101 -- the demonstration's own values
