"""What is refused about due dates that move and tasks that come again, and what to do about it."""

from vdept.kernel.errors import Kind, refusal

EXAMPLE = "FREQ=MONTHLY;BYMONTHDAY=25"
"""A rule that is right, for every sentence about one that is not."""

EXTENSION_OPEN = refusal(
    "EXTENSION_OPEN",
    Kind.CONFLICT,
    vi="Đã có một yêu cầu gia hạn đang chờ quyết định (đến {wanted_due_on}). Chờ trả lời, hoặc rút yêu cầu đó"
    " rồi gửi lại.",
    en="An extension to {wanted_due_on} is waiting for a decision already. Wait for it, or withdraw it and"
    " ask again.",
)
EXTENSION_DECIDED = refusal(
    "EXTENSION_DECIDED",
    Kind.CONFLICT,
    vi="Yêu cầu gia hạn này đã kết thúc ({state}). Tải lại nhiệm vụ; nếu cần thì gửi yêu cầu mới.",
    en="This request has ended ({state}). Reload the task; ask anew if need be.",
)
RECURRENCE_MALFORMED = refusal(
    "RECURRENCE_MALFORMED",
    Kind.INVALID,
    vi="Quy tắc lặp chưa đúng: {what}. Ví dụ đúng: {example}.",
    en="The rule is not right: {what}. One that is: {example}.",
)
RECURRENCE_UNSUPPORTED = refusal(
    "RECURRENCE_UNSUPPORTED",
    Kind.INVALID,
    vi="Quy tắc lặp không được có {part}: nhiệm vụ đến hạn theo ngày ở Việt Nam, không có giờ hay múi giờ."
    " Chỉ dùng FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, COUNT, UNTIL. Ví dụ: {example}.",
    en="The rule must not have {part}: tasks are due on days in Vietnam, without hours or time zones. Use"
    " FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, COUNT and UNTIL only. For example: {example}.",
)
RECURRENCE_TOO_FREQUENT = refusal(
    "RECURRENCE_TOO_FREQUENT",
    Kind.INVALID,
    vi="Nhiệm vụ lặp nhiều nhất mỗi ngày một lần, không lặp theo {freq}. Ví dụ:"
    " FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR.",
    en="A task comes once a day at most, never {freq}. For example: FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR.",
)
RECURRENCE_COUNT_AND_UNTIL = refusal(
    "RECURRENCE_COUNT_AND_UNTIL",
    Kind.INVALID,
    vi="Quy tắc lặp kết thúc theo số lần (COUNT) hoặc theo ngày (UNTIL), không cả hai. Bỏ một trong hai. Ví"
    " dụ: {example};COUNT=12.",
    en="A rule ends after a number of times (COUNT) or on a day (UNTIL), not both. Leave one out. For"
    " example: {example};COUNT=12.",
)
RECURRENCE_NEVER_OCCURS = refusal(
    "RECURRENCE_NEVER_OCCURS",
    Kind.INVALID,
    vi="Quy tắc lặp không có ngày nào sau {since} trong vòng {years} năm tới. Kiểm tra ngày, tháng, COUNT và"
    " UNTIL. Ví dụ: {example}.",
    en="The rule has no day after {since} within {years} years. Check its days, months, COUNT and UNTIL. For"
    " example: {example}.",
)
RECURRENCE_TOO_LONG = refusal(
    "RECURRENCE_TOO_LONG",
    Kind.INVALID,
    vi="Quy tắc lặp dài nhất {limit} ký tự. Viết gọn lại, ví dụ: {example}.",
    en="A rule has at most {limit} characters. Make it shorter, for example: {example}.",
)
RECURRENCE_TOO_MANY_AHEAD = refusal(
    "RECURRENCE_TOO_MANY_AHEAD",
    Kind.INVALID,
    vi="Tạo trước {days} ngày thì sẽ có {count} nhiệm vụ cùng mở (tối đa {limit}). Giảm số ngày tạo trước"
    " hoặc lặp thưa hơn.",
    en="Created {days} days ahead, {count} tasks would be open at once (at most {limit}). Create them later"
    " or repeat less often.",
)
RECURRENCE_DAYS_BEFORE = refusal(
    "RECURRENCE_DAYS_BEFORE",
    Kind.INVALID,
    vi="Nhiệm vụ được tạo trước hạn từ 0 đến {limit} ngày.",
    en="A task is created 0 to {limit} days before it is due.",
)
RECURRENCE_ENDED = refusal(
    "RECURRENCE_ENDED",
    Kind.CONFLICT,
    vi="Chuỗi lặp này đã kết thúc. Bắt đầu một chuỗi mới từ một nhiệm vụ.",
    en="This series has ended. Begin a new one from a task.",
)
TASK_REPEATS_ALREADY = refusal(
    "TASK_REPEATS_ALREADY",
    Kind.CONFLICT,
    vi="Nhiệm vụ này đã thuộc một chuỗi lặp đang chạy. Sửa hoặc dừng chuỗi đó.",
    en="This task belongs to a series that is running. Change or stop that one.",
)
