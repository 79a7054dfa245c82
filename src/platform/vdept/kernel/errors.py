"""Expected failure: a name, a code, a path, and a sentence in the caller's language that says what to do.

Each feature declares its refusals in its own ``errors.py``::

    TASK_WRONG_STATE = refusal("TASK_WRONG_STATE", Kind.CONFLICT, vi="…{state}…", en="…{state}…")

and a verb raises one with ``raise TASK_WRONG_STATE.at("taskId", state=task.state)``. Anything else that
escapes a verb is a bug and is masked at the edge with an incident id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Locale(StrEnum):
    """The languages the platform speaks; Vietnamese first."""

    VI = "vi"
    EN = "en"


class Kind(StrEnum):
    """What sort of refusal it is; transports map it to their own status."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"


class Words(NamedTuple):
    """A few words of a sentence in both languages, for a refusal's parameters."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A named reason to say no, with its sentence in both languages (``str.format`` templates)."""

    code: str
    kind: Kind
    vi: str
    en: str

    def at(self, *path: str | int, **params: Any) -> "Refused":
        """The error to raise; ``path`` names the input field that is at fault, in the API's spelling."""
        return Refused(self, path, params)


@dataclass(eq=False)
class Refused(Exception):
    """An expected failure on its way to the caller."""

    refusal: Refusal
    path: tuple[str | int, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return self.refusal.code

    def message(self, locale: Locale = Locale.VI) -> str:
        """The sentence for a reader of ``locale``."""
        vietnamese = locale is Locale.VI
        told = {
            name: (value.vi if vietnamese else value.en) if isinstance(value, Words) else value
            for name, value in self.params.items()
        }
        return (self.refusal.vi if vietnamese else self.refusal.en).format_map(told)

    def under(self, *prefix: str | int) -> "Refused":
        """The same refusal, its path below ``prefix`` (one item of a bulk call, one row of an import)."""
        return Refused(self.refusal, (*prefix, *self.path), self.params)

    def __str__(self) -> str:
        return f"{self.code} at {'.'.join(map(str, self.path)) or '-'}: {self.message(Locale.EN)}"


@dataclass(eq=False)
class RefusedMany(Exception):
    """Several refusals of one all-or-nothing act, each with its own path."""

    refusals: list[Refused]

    def __str__(self) -> str:
        return "; ".join(map(str, self.refusals[:5])) + (" …" if len(self.refusals) > 5 else "")


REGISTRY: dict[str, Refusal] = {}


def refusal(code: str, kind: Kind, *, vi: str, en: str) -> Refusal:
    """Declare a refusal; the code is unique on the whole platform and never changes its meaning."""
    if code in REGISTRY:
        msg = f"refusal {code} is declared twice"
        raise RuntimeError(msg)
    REGISTRY[code] = Refusal(code, kind, vi, en)
    return REGISTRY[code]


NOT_FOUND = refusal(
    "NOT_FOUND",
    Kind.NOT_FOUND,
    vi="Không tìm thấy {what}. Kiểm tra lại mã định danh hoặc quyền xem của bạn.",
    en="No such {what}. Check the id, and that you may see it.",
)
FORBIDDEN = refusal(
    "FORBIDDEN",
    Kind.FORBIDDEN,
    vi="Bạn không có quyền thực hiện việc này: cần {needs}.",
    en="You may not do this: it needs {needs}.",
)
UNAUTHENTICATED = refusal(
    "UNAUTHENTICATED",
    Kind.FORBIDDEN,
    vi="Hãy đăng nhập: gửi tiêu đề Authorization: Bearer <mã truy cập>.",
    en="Sign in first: send the header Authorization: Bearer <token>.",
)
INVALID_VALUE = refusal(
    "INVALID_VALUE",
    Kind.INVALID,
    vi="Giá trị không hợp lệ: {reason_vi}.",
    en="The value is not valid: {reason}.",
)
STALE_VERSION = refusal(
    "STALE_VERSION",
    Kind.CONFLICT,
    vi="Dữ liệu đã đổi (phiên bản {actual}, bạn gửi {expected}). Tải lại rồi thử lại.",
    en="It changed meanwhile (version {actual}, you sent {expected}). Reload and try again.",
)
INVALID_CURSOR = refusal(
    "INVALID_CURSOR",
    Kind.INVALID,
    vi="Con trỏ trang không thuộc danh sách này. Bỏ con trỏ để đọc lại từ đầu.",
    en="This cursor does not belong to this list. Leave it out to read from the start.",
)
INVALID_PAGE_SIZE = refusal(
    "INVALID_PAGE_SIZE",
    Kind.INVALID,
    vi="Cỡ trang phải từ 1 đến {limit}.",
    en="A page holds 1 to {limit} items.",
)
IDEMPOTENCY_KEY_REUSED = refusal(
    "IDEMPOTENCY_KEY_REUSED",
    Kind.CONFLICT,
    vi="Khóa idempotencyKey này đã dùng cho một yêu cầu khác. Hãy dùng khóa mới.",
    en="This idempotencyKey was used for another request. Use a new key.",
)
FILE_UNREADABLE = refusal(
    "FILE_UNREADABLE",
    Kind.INVALID,
    vi="Không đọc được tệp {filename}: {reason_vi}. Hãy lưu lại dạng Excel (.xlsx) hoặc CSV UTF-8.",
    en="The file {filename} cannot be read: {reason}. Save it again as Excel (.xlsx) or as CSV UTF-8.",
)
FILE_TOO_LARGE = refusal(
    "FILE_TOO_LARGE",
    Kind.INVALID,
    vi="Tệp {filename} quá lớn: tối đa {limit_vi}. Hãy chia thành nhiều tệp.",
    en="The file {filename} is too large: at most {limit}. Split it into several files.",
)
COLUMN_MISSING = refusal(
    "COLUMN_MISSING",
    Kind.INVALID,
    vi="Thiếu cột bắt buộc {columns} ở dòng tiêu đề. Các cột đọc được: {known}.",
    en="The header lacks the column {columns}. Columns that are read: {known}.",
)
COLUMN_TWICE = refusal(
    "COLUMN_TWICE",
    Kind.INVALID,
    vi="Ô {cell}: tiêu đề “{column}” xuất hiện hai lần. Hãy xóa hoặc đổi tên một cột.",
    en="Cell {cell}: the header “{column}” stands there twice. Remove or rename one of the columns.",
)
TABLE_EMPTY = refusal(
    "TABLE_EMPTY",
    Kind.INVALID,
    vi="Tệp {filename} không có dòng dữ liệu nào dưới dòng tiêu đề.",
    en="The file {filename} has no row below its header.",
)
CELL_EMPTY = refusal(
    "CELL_EMPTY",
    Kind.INVALID,
    vi="Ô {cell} ({column}) đang trống: hãy điền giá trị.",
    en="Cell {cell} ({column}) is empty: fill it in.",
)
CELL_INVALID = refusal(
    "CELL_INVALID",
    Kind.INVALID,
    vi="Ô {cell} ({column}) có giá trị “{value}” không hợp lệ: {expected_vi}.",
    en="Cell {cell} ({column}) holds “{value}”, which is not valid: {expected}.",
)
CELL_IS_A_NUMBER = refusal(
    "CELL_IS_A_NUMBER",
    Kind.INVALID,
    vi="Ô {cell} ({column}) là số “{value}” nên có thể đã mất số 0 ở đầu: định dạng cột là Văn bản (Text) "
    "rồi nhập lại mã.",
    en="Cell {cell} ({column}) is the number “{value}” and may have lost its leading zeros: format the "
    "column as Text and type the code again.",
)
CELL_FORMULA_FAILED = refusal(
    "CELL_FORMULA_FAILED",
    Kind.INVALID,
    vi="Ô {cell} có công thức bị lỗi (như #N/A, #DIV/0!): sửa công thức hoặc dán giá trị.",
    en="Cell {cell} holds a formula that failed (such as #N/A or #DIV/0!): mend it or paste the value.",
)
CELL_OUTSIDE = refusal(
    "CELL_OUTSIDE",
    Kind.INVALID,
    vi="Ô {cell} có dữ liệu “{value}” nhưng cột không có tiêu đề: "
    "kiểm tra dấu phân cách thừa hoặc đặt tên cột.",
    en="Cell {cell} holds “{value}” but its column has no header: "
    "look for a stray separator or name the column.",
)


def invalid(*path: str | int, vi: str, en: str) -> Refused:
    """A value that breaks its own format; ``vi`` and ``en`` say which form it must have."""
    return INVALID_VALUE.at(*path, reason_vi=vi, reason=en)
