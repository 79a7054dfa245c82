"""Thresholds of early warnings, the span of an answer, and the sentence that a warning says."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.calendars.rules import Calendar
from vdept.kernel.errors import Locale, Refused
from vdept.targets.models import Frequency
from vdept.warnings import rules
from vdept.warnings.models import Severity, WarningKind
from vdept.warnings.words import sentence

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
CALENDAR = Calendar(
    FIRST,
    LAST,
    [
        day
        for day in (FIRST + timedelta(n) for n in range(365))
        if day.weekday() < 5 and day != date(2026, 6, 9)
    ],
)
"""Monday to Friday, but for a day off on Tuesday 9 June."""


@pytest.mark.parametrize(
    ("frequency", "days"),
    [("DAILY", 2), ("WEEKLY", 9), ("MONTHLY", 38), ("QUARTERLY", 111), ("YEARLY", 440)],
)
def test_a_value_may_be_a_fifth_of_its_period_late(frequency: str, days: int) -> None:
    assert rules.allowed_silence(Frequency(frequency)) == days


@pytest.mark.parametrize(
    ("days", "allowed", "severity"),
    [
        (0, 0, None),
        (1, 0, "AT_RISK"),
        (2, 0, "OFF_TRACK"),
        (1, 1, None),
        (2, 1, "OFF_TRACK"),
        (14, 14, None),
        (15, 14, "AT_RISK"),
        (27, 14, "AT_RISK"),
        (28, 14, "OFF_TRACK"),
        (-3, 14, None),
    ],
)
def test_what_lasts_too_long_is_a_breach_and_twice_as_long_a_grave_one(
    days: int, allowed: int, severity: str | None
) -> None:
    assert rules.late(days, allowed) == severity


@pytest.mark.parametrize(
    ("reported", "measured", "points", "severity"),
    [
        (None, "0.5", "10", None),
        ("0.5", None, "10", None),
        ("0.3", "0.17", "13", None),
        ("0.300001", "0.17", "13", "AT_RISK"),
        ("0.3", "0.17", "10", "AT_RISK"),
        ("0.37", "0.17", "10", "OFF_TRACK"),
        ("0.17", "0.3", "10", None),
        ("0.3", "0.3", "0", None),
        ("0.300001", "0.3", "0", "OFF_TRACK"),
    ],
)
def test_reports_above_measurements_by_more_than_the_key_result_lets_pass(
    reported: str | None, measured: str | None, points: str, severity: str | None
) -> None:
    of = [None if value is None else Decimal(value) for value in (reported, measured)]
    assert rules.gap(*of, Decimal(points)) == severity


@pytest.mark.parametrize(
    ("progress", "used", "left", "projected", "severity"),
    [
        ("50", 12, 8, None, None),
        ("50", 14, 7, None, None),
        ("50", 14, 6, "71.42", "OFF_TRACK"),
        ("60", 14, 6, "85.71", "AT_RISK"),
        ("70", 14, 6, None, None),
        ("52.5", 14, 6, "75.00", "AT_RISK"),
        ("52.49", 14, 6, "74.98", "OFF_TRACK"),
        ("0", 3, 1, "0.00", "OFF_TRACK"),
        ("99.99", 20, 0, "99.99", "AT_RISK"),
        ("100", 20, 0, None, None),
        ("0", 0, 0, None, None),
        ("0", 0, 5, None, None),
    ],
)
def test_work_that_cannot_fit_into_the_days_that_are_left(
    progress: str, used: int, left: int, projected: str | None, severity: str | None
) -> None:
    found = rules.no_time_left(Decimal(progress), used, left)
    if projected is None:
        assert found is None
    else:
        assert (found and str(found.projected), found and found.severity) == (projected, severity)


@given(st.decimals(0, 100, places=2), st.integers(0, 400), st.integers(0, 400), st.decimals(0, 100, places=2))
def test_more_progress_never_makes_it_worse(progress: Decimal, used: int, left: int, more: Decimal) -> None:
    now = rules.no_time_left(progress, used, left)
    then = rules.no_time_left(min(Decimal(100), progress + more), used, left)
    if now is None:
        assert then is None
    elif then is not None:
        assert then.projected >= now.projected
        assert not (then.severity is Severity.OFF_TRACK and now.severity is Severity.AT_RISK)
        assert then.projected < 100


@pytest.mark.parametrize(
    ("today", "due_on", "allowed", "refused"),
    [
        ("2026-06-01", "2026-06-30", ["2026-06-02", "2026-06-30"], ["2026-06-01", "2026-07-01"]),
        ("2026-06-01", "2026-06-30", ["2026-06-05"], ["2026-06-06", "2026-06-09"]),
        ("2026-06-05", "2026-06-30", ["2026-06-08"], ["2026-06-05", "2026-06-07"]),
        ("2026-06-06", "2026-06-30", ["2026-06-08"], ["2026-06-06"]),
        ("2026-06-05", "2026-06-07", ["2026-06-08", "2026-06-15"], ["2026-06-05", "2026-06-16"]),
        ("2026-06-05", "2026-05-01", ["2026-06-08", "2026-06-15"], ["2026-06-09", "2026-06-16"]),
    ],
    ids=["ahead", "days off", "over a weekend", "on a Saturday", "none left", "overdue"],
)
def test_an_answer_promises_a_working_day_ahead(
    today: str, due_on: str, allowed: list[str], refused: list[str]
) -> None:
    now, due = date.fromisoformat(today), date.fromisoformat(due_on)
    for day in allowed:
        rules.require_respond_by(CALENDAR, date.fromisoformat(day), now, due)
    for day in refused:
        with pytest.raises(Refused) as caught:
            rules.require_respond_by(CALENDAR, date.fromisoformat(day), now, due)
        assert (caught.value.code, caught.value.path) == ("WARNING_RESPOND_BY", ("respondBy",))
        assert day in caught.value.message()


@given(st.dates(FIRST + timedelta(7), LAST - timedelta(30)), st.integers(-400, 400))
def test_there_is_always_a_day_to_promise(today: date, ahead: int) -> None:
    earliest, latest = rules.answer_span(CALENDAR, today, today + timedelta(ahead))
    assert today < earliest <= latest
    rules.require_respond_by(CALENDAR, earliest, today, today + timedelta(ahead))


EVIDENCE: dict[str, dict[str, Any]] = {
    "PACE": {
        "as_of": "2026-06-01",
        "attainment": "31.4",
        "expected": "41.4835",
        "behind": "10.0835",
        "threshold": "10",
    },
    "GAP": {"reported": "1234567.5", "measured": "900000", "gap": "12.25", "threshold": "10"},
    "SILENCE": {
        "since": "2026-03-02",
        "last_on": "2026-03-02",
        "last_value": "90",
        "basis": "MEASURED",
        "frequency": "MONTHLY",
        "allowed_days": 38,
    },
    "UNACKNOWLEDGED": {"since": "2026-01-04", "grace_days": 1},
    "ABANDONED": {"since": "2026-03-02", "stale_days": 30, "progress": "20"},
    "NO_TIME_LEFT": {
        "progress": "50",
        "due_on": "2026-05-29",
        "days_used": 14,
        "days_left": 1,
        "projected": "71.42",
    },
    "SOURCE_FAILING": {
        "since": "2026-03-02",
        "failures": 4,
        "code": "SOURCE_STATUS",
        "params": {"status": 503},
    },
    "SOURCE_SILENT": {
        "since": "2026-03-02",
        "last_on": "2026-03-02",
        "frequency": "DAILY",
        "allowed_days": 2,
    },
}


@pytest.mark.parametrize(
    ("kind", "vi", "en"),
    [
        (
            "PACE",
            (
                "Mới đạt 31,4 % chặng đường trong khi kỳ vọng 41,48 % tính đến 01/06/2026: chậm 10,08 điểm, "
                "quá ngưỡng 10 điểm."
            ),
            (
                "At 31.4 % of the way where 41.48 % were expected by 1 June 2026: 10.08 points behind, "
                "more than the 10 allowed."
            ),
        ),
        (
            "GAP",
            "Báo cáo 1.234.567,5 nhưng đo được 900.000: chênh 12,25 điểm mức đạt, quá ngưỡng 10 điểm.",
            (
                "Reported 1,234,567.5, measured 900,000: 12.25 points of attainment apart, more than the 10 "
                "allowed."
            ),
        ),
        (
            "SILENCE",
            (
                "Không có số đo mới kể từ 02/03/2026 (giá trị cuối 90). Chỉ số này cần số liệu hằng tháng, "
                "chậm nhất sau 38 ngày."
            ),
            (
                "No new measurement since 2 March 2026 (last value 90). The indicator is due monthly, after "
                "38 days at the latest."
            ),
        ),
        (
            "UNACKNOWLEDGED",
            "Được giao ngày 04/01/2026 mà đơn vị chưa tiếp nhận, quá thời hạn 1 ngày.",
            "Assigned on 4 January 2026 and not acknowledged within 1 day.",
        ),
        (
            "ABANDONED",
            "Đã nhận nhưng không cập nhật kể từ 02/03/2026, quá 30 ngày; tiến độ 20 %.",
            "Accepted, and without an update since 2 March 2026, more than 30 days; 20 % done.",
        ),
        (
            "NO_TIME_LEFT",
            (
                "Sau 14 ngày làm việc mới xong 50 %, còn 1 ngày làm việc đến hạn 29/05/2026: với nhịp này "
                "chỉ đạt 71,42 %."
            ),
            (
                "50 % done after 14 working days, 1 working day left until 29 May 2026: at this pace it will "
                "be at 71.42 %."
            ),
        ),
        (
            "SOURCE_FAILING",
            (
                "Không lấy được số liệu từ nguồn kể từ 02/03/2026, 4 lần liên tiếp. Nguồn trả lời lỗi HTTP "
                "503. Hãy báo người quản lý nguồn."
            ),
            (
                "The source cannot be asked since 2 March 2026, 4 times in a row. The source answered HTTP "
                "503. Tell whoever runs it."
            ),
        ),
        (
            "SOURCE_SILENT",
            (
                "Không có số liệu nào từ nguồn kể từ 02/03/2026. Nguồn này có số liệu hằng ngày, chậm nhất "
                "sau 2 ngày."
            ),
            (
                "Nothing has come from the source since 2 March 2026. The source measures daily, after 2 "
                "days at the latest."
            ),
        ),
    ],
    ids=list(EVIDENCE),
)
def test_a_warning_says_what_is_wrong_with_its_figures(kind: str, vi: str, en: str) -> None:
    assert sentence(WarningKind(kind), EVIDENCE[kind], Locale.VI) == vi
    assert sentence(WarningKind(kind), EVIDENCE[kind], Locale.EN) == en


def test_silence_without_any_value_says_since_when() -> None:
    evidence = {**EVIDENCE["SILENCE"], "last_on": None, "last_value": None, "basis": "REPORTED"}
    assert sentence(WarningKind.SILENCE, evidence, Locale.VI).startswith(
        "Chưa có báo cáo nào kể từ ngày bắt đầu 02/03/2026."
    )
    assert sentence(WarningKind.SILENCE, evidence, Locale.EN).startswith(
        "Not a single report since it began on 2 March 2026."
    )


@pytest.mark.parametrize("kind", list(WarningKind), ids=str)
@pytest.mark.parametrize("locale", list(Locale), ids=str)
@given(st.data())
def test_evidence_of_another_time_still_makes_a_sentence(
    kind: WarningKind, locale: Locale, data: st.DataObject
) -> None:
    names = sorted({name for evidence in EVIDENCE.values() for name in evidence})
    anything = st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["NaN", "Infinity", "1e40"])
    evidence = data.draw(st.dictionaries(st.sampled_from(names), anything))
    said = sentence(kind, evidence, locale)
    assert said.endswith(".")
    assert "\n" not in said or any("\n" in str(value) for value in evidence.values())
