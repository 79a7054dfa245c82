"""The refusals of sources: of a source itself, of one reading, and of a document as a whole."""

from vdept.kernel.errors import Kind, refusal

SOURCE_NAME_TAKEN = refusal(
    "SOURCE_NAME_TAKEN",
    Kind.CONFLICT,
    vi="Đơn vị đã có nguồn tên “{name}”. Hãy chọn tên khác.",
    en="The unit has a source named “{name}” already. Choose another name.",
)
SOURCE_NATION_ONLY = refusal(
    "SOURCE_NATION_ONLY",
    Kind.FORBIDDEN,
    vi="Chỉ bộ hoặc Chính phủ mới có nguồn đo mọi cơ quan (NATION). Hãy chọn SUBTREE.",
    en="Only a ministry or the government has a source that measures every public body (NATION). "
    "Choose SUBTREE.",
)
SOURCE_LIMIT = refusal(
    "SOURCE_LIMIT",
    Kind.CONFLICT,
    vi="Đơn vị đã có {limit} nguồn đang mở. Hãy đóng nguồn không dùng nữa.",
    en="The unit has {limit} open sources already. Close those that are not used any more.",
)
SOURCE_CLOSED = refusal(
    "SOURCE_CLOSED",
    Kind.CONFLICT,
    vi="Nguồn “{name}” đã đóng và không dùng lại được. Hãy đăng ký nguồn mới.",
    en="The source “{name}” was closed for good. Register a new one.",
)
SOURCE_PAUSED = refusal(
    "SOURCE_PAUSED",
    Kind.CONFLICT,
    vi="Nguồn “{name}” đang tạm dừng: {reason}. Hãy cho chạy lại trước khi gửi số liệu.",
    en="The source “{name}” is paused: {reason}. Resume it before values are sent.",
)
SOURCE_NOT_PAUSED = refusal(
    "SOURCE_NOT_PAUSED",
    Kind.CONFLICT,
    vi="Nguồn “{name}” không ở trạng thái tạm dừng, nên không có gì để cho chạy lại.",
    en="The source “{name}” is not paused, so there is nothing to resume.",
)
SOURCE_IS_PULLED = refusal(
    "SOURCE_IS_PULLED",
    Kind.CONFLICT,
    vi="Nguồn “{name}” do hệ thống tự lấy số liệu (PULL), không nhận số liệu gửi tới. "
    "Hãy đăng ký một nguồn PUSH.",
    en="The source “{name}” is asked by the platform (PULL) and takes nothing that is sent. "
    "Register a PUSH source.",
)
SOURCE_NEEDS_INDICATORS = refusal(
    "SOURCE_NEEDS_INDICATORS",
    Kind.INVALID,
    vi="Nguồn phải đo từ 1 đến {limit} chỉ số.",
    en="A source measures 1 to {limit} indicators.",
)

READING_UNIT_UNKNOWN = refusal(
    "READING_UNIT_UNKNOWN",
    Kind.INVALID,
    vi="Không có đơn vị “{unit}”. Sửa mã đơn vị, hoặc đăng ký đơn vị rồi gửi lại dòng này.",
    en="There is no unit “{unit}”. Put the code right, or register the unit and replay this row.",
)
READING_INDICATOR_UNKNOWN = refusal(
    "READING_INDICATOR_UNKNOWN",
    Kind.INVALID,
    vi="Không có chỉ số “{indicator}”. Sửa mã chỉ số rồi gửi lại dòng này.",
    en="There is no indicator “{indicator}”. Put the code right and replay this row.",
)
READING_INDICATOR_NOT_MEASURED = refusal(
    "READING_INDICATOR_NOT_MEASURED",
    Kind.INVALID,
    vi="Nguồn này không đăng ký đo chỉ số “{indicator}”. Bổ sung chỉ số vào nguồn rồi gửi lại dòng này.",
    en="This source is not registered for the indicator “{indicator}”. Add it to the source and replay "
    "this row.",
)
READING_OUT_OF_REACH = refusal(
    "READING_OUT_OF_REACH",
    Kind.INVALID,
    vi="“{unit}” nằm ngoài phạm vi đo của nguồn. Sửa mã đơn vị, hoặc dùng nguồn của đơn vị cấp trên.",
    en="“{unit}” is out of the source's reach. Put the code right, or use a source of a unit above it.",
)
READING_DATE_INVALID = refusal(
    "READING_DATE_INVALID",
    Kind.INVALID,
    vi="“{given}” không phải ngày số liệu: ghi 2026-03-31, 31/03/2026, 2026-03 hoặc 2026.",
    en="“{given}” is no date of a value: give 2026-03-31, 31/03/2026, 2026-03 or 2026.",
)
READING_NOT_A_NUMBER = refusal(
    "READING_NOT_A_NUMBER",
    Kind.INVALID,
    vi="“{given}” không phải một số: ghi chữ số, dấu chấm thập phân, không số mũ, ví dụ 1234.5.",
    en="“{given}” is not a number: give digits with a decimal point and no exponent, such as 1234.5.",
)
READING_UNIT_OF_MEASURE = refusal(
    "READING_UNIT_OF_MEASURE",
    Kind.INVALID,
    vi="Đơn vị tính “{given}” không khớp: chỉ số “{indicator}” tính bằng “{expected}”.",
    en="The unit of measure “{given}” does not match: the indicator “{indicator}” is in “{expected}”.",
)
READING_DUPLICATE = refusal(
    "READING_DUPLICATE",
    Kind.INVALID,
    vi="Dòng {first} của lần gửi này đã có giá trị cho cùng đơn vị, chỉ số và ngày. Giữ lại một dòng.",
    en="Row {first} of the same delivery has a value for this unit, indicator and date. Keep one of them.",
)

READING_STANDS = refusal(
    "READING_STANDS",
    Kind.INVALID,
    vi="Nguồn đã gửi giá trị khác ({value}) cho cùng đơn vị, chỉ số và ngày; dòng gửi lại không thay được "
    "giá trị đó. Hãy bỏ qua dòng này, hoặc để nguồn gửi lại.",
    en="The source itself has sent another value ({value}) for this unit, indicator and date, which no "
    "replayed row replaces. Set the row aside, or have the source send it again.",
)

REJECTED_ALREADY_RESOLVED = refusal(
    "REJECTED_ALREADY_RESOLVED",
    Kind.CONFLICT,
    vi="Dòng này đã được gửi lại hoặc bỏ qua rồi. Tải lại danh sách.",
    en="This row was replayed or dismissed already. Reload the list.",
)
REJECTED_OF_SEVERAL_SOURCES = refusal(
    "REJECTED_OF_SEVERAL_SOURCES",
    Kind.INVALID,
    vi="Mỗi lần chỉ gửi lại các dòng của một nguồn. Hãy tách theo nguồn.",
    en="Rows are replayed one source at a time. Split them by source.",
)
REPLAY_WHAT = refusal(
    "REPLAY_WHAT",
    Kind.INVALID,
    vi="Ghi các dòng cần gửi lại, hoặc nguồn để gửi lại mọi dòng còn mở của nguồn đó, không ghi cả hai.",
    en="Name either the rows to replay, or the source whose open rows are all replayed, and not both.",
)
