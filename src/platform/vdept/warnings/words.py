"""What a warning says, in the reader's language: one sentence made of its evidence. Pure.

Evidence is kept for years and read with the words of today: every value may be missing, and then the sentence
is shorter.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from vdept.kernel.errors import Locale
from vdept.sources.connectors.errors import FAILURES
from vdept.warnings.models import WarningKind
from vdept.warnings.said import Said

_BASES: Final = {"MEASURED": ("số đo", "measurement"), "REPORTED": ("báo cáo", "report")}
_FREQUENCIES: Final = {
    "DAILY": ("hằng ngày", "daily"),
    "WEEKLY": ("hằng tuần", "weekly"),
    "MONTHLY": ("hằng tháng", "monthly"),
    "QUARTERLY": ("hằng quý", "quarterly"),
    "YEARLY": ("hằng năm", "yearly"),
}


def sentence(kind: WarningKind, evidence: Mapping[str, Any], locale: Locale) -> str:
    """What is wrong, with the figures that show it."""
    return _SENTENCES[kind](Said(evidence, locale))


def _pace(said: Said) -> str:
    if not said.has("attainment", "expected", "behind"):
        return said.pick("Chậm so với tiến độ kỳ vọng.", "Behind the expected pace.")
    at, expected, behind = (said.number(name) for name in ("attainment", "expected", "behind"))
    limit = said.number("threshold")
    on = said.pick(f" tính đến {said.day('as_of')}", f" by {said.day('as_of')}") if said.has("as_of") else ""
    return said.pick(
        f"Mới đạt {at} % chặng đường trong khi kỳ vọng {expected} %{on}: chậm {behind} điểm, "
        f"quá ngưỡng {limit} điểm.",
        f"At {at} % of the way where {expected} % were expected{on}: {behind} points behind, more than the "
        f"{limit} allowed.",
    )


def _gap(said: Said) -> str:
    if not said.has("reported", "measured", "gap"):
        return said.pick("Số báo cáo cao hơn số đo.", "Reported above what is measured.")
    reported, measured = said.number("reported"), said.number("measured")
    points, limit = said.number("gap"), said.number("threshold")
    return said.pick(
        f"Báo cáo {reported} nhưng đo được {measured}: chênh {points} điểm mức đạt, quá ngưỡng {limit} điểm.",
        f"Reported {reported}, measured {measured}: {points} points of attainment apart, more than the "
        f"{limit} allowed.",
    )


def _silence(said: Said) -> str:
    if not said.has("since"):
        return said.pick("Đã lâu chưa có số liệu mới.", "No new value for too long.")
    basis = said.word("basis", _BASES) or said.pick("số liệu", "value")
    frequency = said.word("frequency", _FREQUENCIES)
    rule = ""
    if said.has("allowed_days"):
        within = said.days("allowed_days")
        rule = said.pick(
            f" Chỉ số này cần số liệu {frequency}, chậm nhất sau {within}.",
            f" The indicator is due {frequency}, after {within} at the latest.",
        )
    if not said.has("last_on"):
        return (
            said.pick(
                f"Chưa có {basis} nào kể từ ngày bắt đầu {said.day('since')}.",
                f"Not a single {basis} since it began on {said.day('since')}.",
            )
            + rule
        )
    last = said.number("last_value")
    return (
        said.pick(
            f"Không có {basis} mới kể từ {said.day('last_on')} (giá trị cuối {last}).",
            f"No new {basis} since {said.day('last_on')} (last value {last}).",
        )
        + rule
    )


def _unacknowledged(said: Said) -> str:
    if not said.has("since", "grace_days"):
        return said.pick("Đơn vị chưa tiếp nhận.", "Not acknowledged by the unit.")
    since, grace = said.day("since"), said.days("grace_days")
    return said.pick(
        f"Được giao ngày {since} mà đơn vị chưa tiếp nhận, quá thời hạn {grace}.",
        f"Assigned on {since} and not acknowledged within {grace}.",
    )


def _abandoned(said: Said) -> str:
    if not said.has("since", "stale_days"):
        return said.pick("Đã nhận nhưng lâu không cập nhật.", "Accepted, and without an update for too long.")
    since, allowed, progress = said.day("since"), said.days("stale_days"), said.number("progress")
    return said.pick(
        f"Đã nhận nhưng không cập nhật kể từ {since}, quá {allowed}; tiến độ {progress} %.",
        f"Accepted, and without an update since {since}, more than {allowed}; {progress} % done.",
    )


def _no_time_left(said: Said) -> str:
    if not said.has("progress", "days_used", "days_left", "projected"):
        return said.pick(
            "Việc còn lại không kịp trong số ngày làm việc còn lại.",
            "The remaining work does not fit into the remaining working days.",
        )
    progress, projected, due = said.number("progress"), said.number("projected"), said.day("due_on")
    used = said.days("days_used", "ngày làm việc", "working day")
    left = said.days("days_left", "ngày làm việc", "working day")
    return said.pick(
        f"Sau {used} mới xong {progress} %, còn {left} đến hạn {due}: với nhịp này chỉ đạt {projected} %.",
        f"{progress} % done after {used}, {left} left until {due}: at this pace it will be at {projected} %.",
    )


_FAILURES: Final = {failure.code: failure for failure in FAILURES}


class _Params(dict[str, str]):
    """What a refusal's sentence needs; what was not kept of it is left open."""

    def __missing__(self, name: str) -> str:
        return "…"


def _source_failing(said: Said) -> str:
    told = said.pick("Không lấy được số liệu từ nguồn", "The source cannot be asked")
    if said.has("since", "failures"):
        since, failures = said.day("since"), said.number("failures")
        told += said.pick(
            f" kể từ {since}, {failures} lần liên tiếp", f" since {since}, {failures} times in a row"
        )
    failure, given = _FAILURES.get(str(said.evidence.get("code"))), said.evidence.get("params")
    if failure is None:
        return f"{told}."
    params = _Params({str(k): str(v) for k, v in given.items()} if isinstance(given, Mapping) else {})
    why = " ".join(said.pick(failure.vi, failure.en).format_map(params).split())
    return f"{told}. {why.rstrip('.')}."


def _source_silent(said: Said) -> str:
    if not said.has("since"):
        return said.pick("Đã lâu nguồn không có số liệu.", "The source has been silent for too long.")
    rule = ""
    if said.has("allowed_days"):
        frequency, within = said.word("frequency", _FREQUENCIES), said.days("allowed_days")
        rule = said.pick(
            f" Nguồn này có số liệu {frequency}, chậm nhất sau {within}.",
            f" The source measures {frequency}, after {within} at the latest.",
        )
    since = said.day("since")
    if not said.has("last_on"):
        return (
            said.pick(
                f"Chưa có số liệu nào từ nguồn kể từ ngày đăng ký {since}.",
                f"Nothing has come from the source since it was registered on {since}.",
            )
            + rule
        )
    return (
        said.pick(
            f"Không có số liệu nào từ nguồn kể từ {since}.",
            f"Nothing has come from the source since {since}.",
        )
        + rule
    )


_SENTENCES: Final[Mapping[WarningKind, Callable[[Said], str]]] = {
    WarningKind.PACE: _pace,
    WarningKind.GAP: _gap,
    WarningKind.SILENCE: _silence,
    WarningKind.UNACKNOWLEDGED: _unacknowledged,
    WarningKind.ABANDONED: _abandoned,
    WarningKind.NO_TIME_LEFT: _no_time_left,
    WarningKind.SOURCE_FAILING: _source_failing,
    WarningKind.SOURCE_SILENT: _source_silent,
}
