"""The demonstration's campaign that is over: targets past due, with verdicts and the heads who held office.

A small plan: two that met their target, one that came close, one that said nothing and has no head in office.
"""

from decimal import Decimal
from typing import Any, Final

from vdept.kernel.clock import utc_now
from vdept.targets.models import Plan
from vdept.verdicts.issuing import issue
from vdept_workers.demo.figures import REPORTED_BY, Batch, Reading
from vdept_workers.demo.people import COMMUNE_HEAD, HUE, HUE_HEAD, ISSUER, OFFICE, THUAN_HOA, Cast
from vdept_workers.demo.plans import import_plan, key_result_of
from vdept_workers.demo.season import Season

INDICATOR: Final = "CS-TAPHUAN"
REPORTED: Final = {HUE: (HUE_HEAD, "100"), THUAN_HOA: (COMMUNE_HEAD, "85"), OFFICE: (ISSUER, "100")}
"""Who said what before the due date, by unit; Cần Thơ said nothing."""


async def load_campaign(cast: Cast, season: Season) -> Plan:
    """The plan, issued and assigned, and what was reported until its due date."""
    plan = await import_plan(cast, _plan(season), season.issued_on)
    training = (await key_result_of(cast, plan, INDICATOR)).indicator_id
    reports = Batch(f"{plan.code} báo cáo", training, season.day(50), REPORTED_BY)
    for code, (email, percent) in REPORTED.items():
        async with cast.acting(email, reports.as_of) as tx:
            await reports.record(tx, {cast.units[code]: Reading(value=Decimal(percent))})
    return plan


async def load_verdicts(cast: Cast, season: Season, plan: Plan) -> None:
    """What a worker would issue: what is rolled up by now is judged."""
    await issue(cast.database, as_of=season.today, now=utc_now(), plan_ids=[plan.id])


def _plan(season: Season) -> dict[str, Any]:
    result = {
        "indicator": "Tỷ lệ cán bộ một cửa đã qua tập huấn xử lý trực tuyến",
        "indicator_code": INDICATOR,
        "unit_of_measure": "%",
        "minimum": 0,
        "maximum": 100,
        "direction": "AT_LEAST",
        "target": 100,
        "baseline": 0,
        "due": season.day(60),
        "rollup": "EACH",
        "basis": "REPORTED",
        "assigned_to": ["Thành phố Huế", "Thành phố Cần Thơ", "Phường Thuận Hóa", "Văn phòng Chính phủ"],
    }
    return {
        "code": f"KH-TAPHUAN-{season.ends_on.year}",
        "title": f"Đợt tập huấn cán bộ một cửa năm {season.ends_on.year}",
        "issuer": "Thủ tướng Chính phủ",
        "legal_basis": f"Kế hoạch tổng thể chuyển đổi số quốc gia năm {season.ends_on.year}",
        "audience": "PUBLIC",
        "cycle": {"from": season.starts_on, "to": season.ends_on},
        "objectives": [{"title": "Năng lực cán bộ", "key_results": [result]}],
    }
