"""The refusals of measurements, each with a sentence that says what to do."""

from vdept.kernel.errors import Kind, refusal

RATIO_NEEDS_PARTS = refusal(
    "RATIO_NEEDS_PARTS",
    Kind.INVALID,
    vi="Chỉ số “{indicator}” là tỷ lệ: ghi tử số và mẫu số, không ghi giá trị.",
    en="The indicator “{indicator}” is a ratio: give its numerator and denominator, not a value.",
)
VALUE_NEEDS_NO_PARTS = refusal(
    "VALUE_NEEDS_NO_PARTS",
    Kind.INVALID,
    vi="Chỉ số “{indicator}” không có tử số và mẫu số: chỉ ghi giá trị.",
    en="The indicator “{indicator}” has no numerator and denominator: give a value only.",
)
DENOMINATOR_NOT_POSITIVE = refusal(
    "DENOMINATOR_NOT_POSITIVE",
    Kind.INVALID,
    vi="Mẫu số phải lớn hơn 0 (nhận được {denominator}). Kỳ không phát sinh thì không ghi số đo.",
    en="The denominator must be above 0 (got {denominator}). Record nothing for a period with no cases.",
)
NUMERATOR_ABOVE_DENOMINATOR = refusal(
    "NUMERATOR_ABOVE_DENOMINATOR",
    Kind.INVALID,
    vi="Tử số {numerator} lớn hơn mẫu số {denominator}, trong khi chỉ số không vượt quá 100 %.",
    en="The numerator {numerator} is above the denominator {denominator}, but the indicator stops at 100 %.",
)
AS_OF_IN_FUTURE = refusal(
    "AS_OF_IN_FUTURE",
    Kind.INVALID,
    vi="Ngày số liệu {as_of} ở tương lai. Ghi ngày không muộn hơn hôm nay.",
    en="The date {as_of} is in the future. Give a date no later than today.",
)
AS_OF_TOO_OLD = refusal(
    "AS_OF_TOO_OLD",
    Kind.INVALID,
    vi="Ngày số liệu {as_of} quá xa trong quá khứ. Ghi ngày từ {earliest} trở đi.",
    en="The date {as_of} is too far in the past. Give one from {earliest} on.",
)
UNIT_ENDED_BEFORE = refusal(
    "UNIT_ENDED_BEFORE",
    Kind.INVALID,
    vi="“{unit}” đã hết hiệu lực từ {ended}, trước ngày số liệu. Ghi cho đơn vị kế thừa.",
    en="“{unit}” ended on {ended}, before the date of the value. Record it for its successor.",
)
SOURCE_REQUIRED = refusal(
    "SOURCE_REQUIRED",
    Kind.INVALID,
    vi="Số đo MEASURED phải ghi hệ thống nguồn (source), tối đa {limit} ký tự.",
    en="A MEASURED value must name its source system, in at most {limit} characters.",
)
MEASURED_NEEDS_SOURCE = refusal(
    "MEASURED_NEEDS_SOURCE",
    Kind.FORBIDDEN,
    vi="Số đo MEASURED chỉ đến từ nguồn đã đăng ký, không ai nhập tay được. Hãy kết nối hệ thống nguồn "
    "(registerSource, pushReadings), hoặc ghi số báo cáo (REPORTED).",
    en="A MEASURED value comes from a registered source and from nobody's hand. Connect the source system "
    "(registerSource, pushReadings), or record a REPORTED value.",
)
ALREADY_SUPERSEDED = refusal(
    "ALREADY_SUPERSEDED",
    Kind.CONFLICT,
    vi="Số đo này đã được đính chính bằng số đo khác. Hãy đính chính số đo mới nhất.",
    en="This measurement was corrected already. Correct the newest one.",
)
NO_ROWS = refusal(
    "NO_ROWS",
    Kind.INVALID,
    vi="Không có dòng số liệu nào. Gửi từ 1 đến {limit} dòng.",
    en="There are no rows. Send 1 to {limit} of them.",
)
TOO_MANY_ROWS = refusal(
    "TOO_MANY_ROWS",
    Kind.INVALID,
    vi="Có {count} dòng, vượt mức {limit} dòng mỗi lần. Hãy chia nhỏ.",
    en="There are {count} rows, above the {limit} of one call. Split them.",
)
PERIOD_INVERTED = refusal(
    "PERIOD_INVERTED",
    Kind.INVALID,
    vi="Ngày cuối {until} trước ngày đầu {since}. Hãy đổi chỗ hoặc bỏ bớt một ngày.",
    en="The last day {until} is before the first day {since}. Swap them, or leave one out.",
)
PERIOD_TOO_LONG = refusal(
    "PERIOD_TOO_LONG",
    Kind.INVALID,
    vi="Từ {since} đến {until} dài hơn {allowed} năm, là độ dài tối đa cho số chuỗi đã hỏi. Hãy hỏi một "
    "khoảng ngắn hơn hoặc ít chuỗi hơn.",
    en="From {since} to {until} is longer than {allowed} years, the most for as many lines as you ask for. "
    "Ask for a shorter time or for fewer lines.",
)
