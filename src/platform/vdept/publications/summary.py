"""What an edition says on one page: counts, and words in both languages for what is counted."""

from collections import Counter
from decimal import Decimal
from heapq import nlargest

from vdept.kernel.errors import Words
from vdept.outcomes.models import Status
from vdept.publications.layout import Opened, TargetRow

STATUSES = {
    Status.NOT_STARTED: Words("Chưa bắt đầu", "Not started"),
    Status.ON_TRACK: Words("Đúng tiến độ", "On track"),
    Status.AT_RISK: Words("Có nguy cơ", "At risk"),
    Status.OFF_TRACK: Words("Chệch tiến độ", "Off track"),
    Status.PAUSED: Words("Tạm dừng", "Paused"),
    Status.MET: Words("Đạt", "Met"),
    Status.NOT_MET: Words("Không đạt", "Not met"),
}
"""In the order of the columns of an edition."""

KINDS = {
    "GOVERNMENT": Words("Chính phủ", "Government"),
    "MINISTRY": Words("Bộ, ngành", "Ministries"),
    "DEPARTMENT": Words("Sở, cục, vụ", "Departments"),
    "PROVINCE": Words("Tỉnh, thành phố", "Provinces and cities"),
    "COMMUNE": Words("Xã, phường", "Communes and wards"),
    "FIRM": Words("Doanh nghiệp", "Firms"),
    "ASSOCIATION": Words("Hiệp hội", "Associations"),
}

WIDEST = 100
"""How many gaps the page lists; all of them are in the other files."""


class Summary:
    """What is counted while targets stream by."""

    def __init__(self) -> None:
        self.statuses: Counter[Status] = Counter()
        self.of_key_results: dict[int, Counter[Status]] = {}
        self.verdicts: dict[int, Counter[str]] = {}
        self.apart = 0
        """How many reports lie above what was measured."""
        self._gaps: list[tuple[Decimal, int, TargetRow]] = []

    def count(self, row: TargetRow) -> None:
        """One target more."""
        if row.status is not None:
            self.statuses[row.status] += 1
            self.of_key_results.setdefault(row.key_result, Counter())[row.status] += 1
        if row.verdict is not None:
            self.verdicts.setdefault(row.key_result, Counter())[row.verdict] += 1
        if row.gap_points is not None and row.gap_points > 0:
            self.apart += 1
            self._gaps.append((row.gap_points, -row.id, row))
            if len(self._gaps) > 20 * WIDEST:
                self._gaps = nlargest(WIDEST, self._gaps)

    @property
    def gaps(self) -> list[TargetRow]:
        """The targets whose reports lie highest above what was measured, the widest first."""
        return [row for _, _, row in nlargest(WIDEST, self._gaps)]


def facts(opened: Opened, counted: Summary) -> list[tuple[str, str]]:
    """The first sheet of the workbook."""
    head = opened.head
    month = "" if head.month is None else f"{head.month:%m/%Y}"
    return [
        ("Kế hoạch / Plan", f"{head.plan.code} · {head.plan.title}"),
        ("Đơn vị ban hành / Issuer", head.plan.issuer.name),
        ("Ấn bản số / Edition", str(head.number)),
        ("Tháng / Month", month),
        ("Số liệu đến ngày / As of", head.as_of.isoformat()),
        ("Công bố lúc / Published at", head.published_at),
        ("Đính chính ấn bản / Corrects edition", "" if head.corrects is None else str(head.corrects)),
        ("Ghi chú / Note", head.note or ""),
        ("Đơn vị / Units", str(head.units)),
        ("Chỉ tiêu / Targets", str(head.targets)),
        *((f"{words.vi} / {words.en}", str(counted.statuses[key])) for key, words in STATUSES.items()),
        ("Không có trong ấn bản", head.left_out.vi),
        ("Left out", head.left_out.en),
    ]
