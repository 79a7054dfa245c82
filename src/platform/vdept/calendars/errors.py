"""Why something about a working calendar is refused."""

from vdept.kernel.errors import Kind, refusal

CALENDAR_EMPTY = refusal(
    "CALENDAR_EMPTY",
    Kind.CONFLICT,
    vi="Lịch làm việc chưa được nạp. Quản trị viên hãy chạy `vdept migrate` hoặc khởi động một worker.",
    en="The working calendar has not been filled. An administrator runs `vdept migrate` or starts a worker.",
)
CALENDAR_SPAN = refusal(
    "CALENDAR_SPAN",
    Kind.INVALID,
    vi="Ngày {day} nằm ngoài lịch làm việc ({first} đến {last}). Chọn một ngày trong khoảng đó.",
    en="{day} lies outside the working calendar ({first} to {last}). Choose a day within it.",
)
CALENDAR_RANGE = refusal(
    "CALENDAR_RANGE",
    Kind.INVALID,
    vi="Ngày cuối {to} phải từ ngày đầu {since} trở đi và cách không quá {limit} ngày.",
    en="The last day {to} must not be before the first {since}, nor more than {limit} days after it.",
)
CALENDAR_UNIT_NEEDED = refusal(
    "CALENDAR_UNIT_NEEDED",
    Kind.INVALID,
    vi="Ngoại lệ phạm vi {scope} phải nêu đơn vị.",
    en="An exception of scope {scope} names its unit.",
)
CALENDAR_UNIT_TOO_MUCH = refusal(
    "CALENDAR_UNIT_TOO_MUCH",
    Kind.INVALID,
    vi="Ngoại lệ toàn quốc không nêu đơn vị. Bỏ đơn vị, hoặc chọn phạm vi REGION hay UNIT.",
    en="A national exception names no unit. Leave it out, or choose the scope REGION or UNIT.",
)
CALENDAR_REGION_KIND = refusal(
    "CALENDAR_REGION_KIND",
    Kind.INVALID,
    vi="{name} đứng ngoài hệ thống đơn vị, không có đơn vị trực thuộc. Dùng phạm vi UNIT.",
    en="{name} stands beside the tree and has no units below it. Use the scope UNIT.",
)
CALENDAR_UNIT_NOT_VALID = refusal(
    "CALENDAR_UNIT_NOT_VALID",
    Kind.INVALID,
    vi="{name} không tồn tại vào ngày {day}. Chọn ngày khác hoặc đơn vị khác.",
    en="{name} does not exist on {day}. Choose another day or another unit.",
)
CALENDAR_EXCEPTION_EXISTS = refusal(
    "CALENDAR_EXCEPTION_EXISTS",
    Kind.CONFLICT,
    vi="Ngày {day} đã có ngoại lệ “{name}” cùng phạm vi. Thu hồi ngoại lệ đó trước.",
    en="The exception “{name}” of the same scope holds on {day} already. Revoke it first.",
)
CALENDAR_DAY_WORKED_ALREADY = refusal(
    "CALENDAR_DAY_WORKED_ALREADY",
    Kind.CONFLICT,
    vi="Ngày {day} vốn là ngày làm việc trong lịch này: không cần ngoại lệ.",
    en="{day} is a working day in this calendar already: no exception is needed.",
)
CALENDAR_DAY_OFF_ALREADY = refusal(
    "CALENDAR_DAY_OFF_ALREADY",
    Kind.CONFLICT,
    vi="Ngày {day} vốn là ngày nghỉ trong lịch này: không cần ngoại lệ.",
    en="{day} is a day off in this calendar already: no exception is needed.",
)
CALENDAR_EXCEPTION_REVOKED = refusal(
    "CALENDAR_EXCEPTION_REVOKED",
    Kind.CONFLICT,
    vi="Ngoại lệ “{name}” ngày {day} đã bị thu hồi từ trước.",
    en="The exception “{name}” on {day} was revoked before.",
)
CALENDAR_BULK_LIMIT = refusal(
    "CALENDAR_BULK_LIMIT",
    Kind.INVALID,
    vi="Mỗi lần thêm từ 1 đến {limit} ngoại lệ (bạn gửi {given}).",
    en="1 to {limit} exceptions are added at once; you sent {given}.",
)
