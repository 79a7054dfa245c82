"""What the tasks feature refuses, and what to do about it."""

from vdept.kernel.errors import Kind, refusal

RULE_EXAMPLE = "FREQ=MONTHLY;BYMONTHDAY=25"
"""A rule that is right, for every sentence about one that is not."""

TASK_WRONG_STATE = refusal(
    "TASK_WRONG_STATE",
    Kind.CONFLICT,
    vi="Nhiệm vụ đang ở trạng thái {state}; việc này chỉ làm được khi ở: {allowed}. Tải lại nhiệm vụ rồi"
    " chọn bước phù hợp.",
    en="The task is {state}; this can only be done when it is: {allowed}. Reload it and choose a"
    " step that fits.",
)
TASK_ACCEPTED_IS_FINISHED = refusal(
    "TASK_ACCEPTED_IS_FINISHED",
    Kind.CONFLICT,
    vi="Đã nhận thì làm đến cùng: nhiệm vụ {state} không thể từ chối. Đề nghị đơn vị giao gia hạn, tạm dừng"
    " hoặc hủy, có lý do.",
    en="What is accepted is finished: a task that is {state} cannot be declined. Ask the unit that set it to"
    " extend, pause or cancel it, with a reason.",
)
TASK_REASON_REQUIRED = refusal(
    "TASK_REASON_REQUIRED",
    Kind.INVALID,
    vi="Hãy nêu lý do.",
    en="Give a reason.",
)
TASK_RESULT_REQUIRED = refusal(
    "TASK_RESULT_REQUIRED",
    Kind.INVALID,
    vi="Hãy mô tả kết quả đã đạt được.",
    en="Describe the result that was reached.",
)
TASK_EVIDENCE_REQUIRED = refusal(
    "TASK_EVIDENCE_REQUIRED",
    Kind.CONFLICT,
    vi="Bàn giao phải có ít nhất một minh chứng. Thêm liên kết tới tài liệu, trang hoặc hệ thống.",
    en="A delivery needs at least one piece of evidence. Add a link to a document, a page or a system.",
)
TASK_BLOCKED = refusal(
    "TASK_BLOCKED",
    Kind.CONFLICT,
    vi="Chưa thể bắt đầu: còn {count} nhiệm vụ phải bàn giao trước ({tasks}). Chờ bàn giao hoặc gỡ phụ"
    " thuộc.",
    en="It cannot start: {count} tasks must be delivered first ({tasks}). Wait for them or remove the"
    " dependency.",
)
TASK_ROLES_MISSING = refusal(
    "TASK_ROLES_MISSING",
    Kind.CONFLICT,
    vi="Kế hoạch yêu cầu đủ ba bên đã nhận lời; còn thiếu: {roles}. Mời đơn vị cho các vai trò này.",
    en="The plan wants all three roles accepted; missing: {roles}. Invite units for them.",
)
TASK_CYCLE = refusal(
    "TASK_CYCLE",
    Kind.CONFLICT,
    vi="Liên kết này tạo vòng lặp: nhiệm vụ sẽ phải chờ chính nó. Chọn nhiệm vụ khác.",
    en="This link would make a cycle: the task would wait for itself. Choose another task.",
)
TASK_OTHER_PLAN = refusal(
    "TASK_OTHER_PLAN",
    Kind.INVALID,
    vi="Hai bên phải thuộc cùng một kế hoạch. Chọn mục thuộc kế hoạch của nhiệm vụ.",
    en="Both must belong to the same plan. Choose one of the task's plan.",
)
TASK_PLAN_CLOSED = refusal(
    "TASK_PLAN_CLOSED",
    Kind.CONFLICT,
    vi="Kế hoạch đã đóng: không nhận thêm nhiệm vụ, không đổi chỉ tiêu mà nhiệm vụ phục vụ. Chọn một kế hoạch"
    " đang thực hiện.",
    en="The plan is closed: it takes no more tasks, and what its tasks serve stays. Choose a plan that is"
    " running.",
)
TASK_DUE_IN_PAST = refusal(
    "TASK_DUE_IN_PAST",
    Kind.INVALID,
    vi="Hạn {due_on} đã qua. Chọn hạn từ {today} trở đi.",
    en="The due date {due_on} has passed. Choose {today} or later.",
)
TASK_DUE_OUTSIDE_PLAN = refusal(
    "TASK_DUE_OUTSIDE_PLAN",
    Kind.INVALID,
    vi="Hạn {due_on} nằm ngoài thời gian của kế hoạch ({starts_on} đến {ends_on}). Chọn hạn trong khoảng đó.",
    en="The due date {due_on} is outside the plan ({starts_on} to {ends_on}). Choose a date within it.",
)
TASK_DUE_NOT_LATER = refusal(
    "TASK_DUE_NOT_LATER",
    Kind.INVALID,
    vi="Gia hạn phải muộn hơn hạn hiện tại ({due_on}).",
    en="An extension must be later than the date now agreed ({due_on}).",
)
TASK_REVIEW_DATE = refusal(
    "TASK_REVIEW_DATE",
    Kind.INVALID,
    vi="Ngày xem xét lại phải sau hôm nay ({today}).",
    en="The review date must be after today ({today}).",
)
TASK_TARGET_WITHDRAWN = refusal(
    "TASK_TARGET_WITHDRAWN",
    Kind.CONFLICT,
    vi="Chỉ tiêu này đã rút, không nhận thêm nhiệm vụ. Chọn chỉ tiêu còn hiệu lực.",
    en="This target was withdrawn and takes no more tasks. Choose one in force.",
)
TASK_TARGET_OF_OTHERS = refusal(
    "TASK_TARGET_OF_OTHERS",
    Kind.FORBIDDEN,
    vi="Đơn vị giữ chỉ tiêu này không tham gia nhiệm vụ. Mời đơn vị đó trước khi gắn chỉ tiêu; nhiệm vụ do"
    " doanh nghiệp, hiệp hội giao thì phải chờ nhận lời.",
    en="The unit that holds this target does not take part in the task. Invite it before linking; what a firm"
    " or an association sets, it must have accepted.",
)
TASK_WEIGHT_NOT_POSITIVE = refusal(
    "TASK_WEIGHT_NOT_POSITIVE",
    Kind.INVALID,
    vi="Trọng số phải lớn hơn 0 và nhỏ hơn một tỷ, nhiều nhất 6 chữ số thập phân.",
    en="A weight is greater than 0 and below one billion, with at most 6 decimals.",
)
TASK_LINK_TWICE = refusal(
    "TASK_LINK_TWICE",
    Kind.CONFLICT,
    vi="Liên kết này đã có. Bỏ mục trùng.",
    en="This link is there already. Leave the duplicate out.",
)
TASK_NOT_LINKED = refusal(
    "TASK_NOT_LINKED",
    Kind.CONFLICT,
    vi="Không có liên kết này. Tải lại nhiệm vụ.",
    en="There is no such link. Reload the task.",
)
TASK_LINK_ANSWERED = refusal(
    "TASK_LINK_ANSWERED",
    Kind.CONFLICT,
    vi="Đề xuất gắn nhiệm vụ với chỉ tiêu này đã được trả lời ({state}). Tải lại nhiệm vụ.",
    en="The proposal to let the task count for this target was answered already ({state}). Reload the task.",
)
TASK_LINK_WEIGHT = refusal(
    "TASK_LINK_WEIGHT",
    Kind.CONFLICT,
    vi="Trọng số được đề xuất là {weight}. Tải lại nhiệm vụ, rồi chấp nhận trọng số đó hoặc từ chối.",
    en="The weight that is proposed is {weight}. Reload the task, then accept that weight or decline it.",
)
TASK_PROGRESS_RANGE = refusal(
    "TASK_PROGRESS_RANGE",
    Kind.INVALID,
    vi="Tiến độ là số nguyên từ 0 đến 100.",
    en="Progress is a whole number from 0 to 100.",
)
TASK_SHARE_RANGE = refusal(
    "TASK_SHARE_RANGE",
    Kind.INVALID,
    vi="Phần đóng góp là số nguyên từ 0 đến {limit}.",
    en="A share is a whole number from 0 to {limit}.",
)
TASK_PARTICIPANT_TWICE = refusal(
    "TASK_PARTICIPANT_TWICE",
    Kind.CONFLICT,
    vi="Đơn vị này đã tham gia hoặc đã được mời. Bỏ mục trùng, hoặc sửa vai trò và phần đóng góp.",
    en="This unit takes part or is invited already. Leave the duplicate out, or change its role and share.",
)
TASK_NOT_PARTICIPANT = refusal(
    "TASK_NOT_PARTICIPANT",
    Kind.CONFLICT,
    vi="Đơn vị không tham gia nhiệm vụ này. Mời đơn vị trước, hoặc nhận lời mời.",
    en="The unit does not take part in this task. Invite it first, or accept the invitation.",
)
TASK_INVITATION_ANSWERED = refusal(
    "TASK_INVITATION_ANSWERED",
    Kind.CONFLICT,
    vi="Lời mời này đã được trả lời ({state}). Tải lại nhiệm vụ.",
    en="This invitation was answered already ({state}). Reload the task.",
)
TASK_LEAD_STAYS = refusal(
    "TASK_LEAD_STAYS",
    Kind.CONFLICT,
    vi="Đơn vị chủ trì trả lời bằng nhận hoặc từ chối nhiệm vụ và không thể rời nhiệm vụ đã nhận.",
    en="The lead answers by accepting or declining the task, and cannot leave one it accepted.",
)
TASK_UNIT_NOT_IN_FORCE = refusal(
    "TASK_UNIT_NOT_IN_FORCE",
    Kind.CONFLICT,
    vi="Đơn vị không còn hoặc chưa có hiệu lực hôm nay. Chọn đơn vị kế thừa.",
    en="The unit is not in force today. Choose its successor.",
)
TASK_NOT_A_MEMBER = refusal(
    "TASK_NOT_A_MEMBER",
    Kind.CONFLICT,
    vi="Người này hiện không làm việc tại đơn vị. Chọn người đang giữ một vai trò ở đơn vị (trừ"
    " quan sát viên).",
    en="This person does not work in the unit today. Choose somebody with a role in it (not an observer).",
)
TASK_ALREADY_ASSIGNED = refusal(
    "TASK_ALREADY_ASSIGNED",
    Kind.CONFLICT,
    vi="Người này đã được phân công vào nhiệm vụ.",
    en="This person is assigned to the task already.",
)
TASK_NOT_ASSIGNED = refusal(
    "TASK_NOT_ASSIGNED",
    Kind.CONFLICT,
    vi="Người này không được phân công vào nhiệm vụ. Tải lại nhiệm vụ.",
    en="This person is not assigned to the task. Reload it.",
)
TASK_KINDS_MIXED = refusal(
    "TASK_KINDS_MIXED",
    Kind.CONFLICT,
    vi="Không giao việc thường xuyên và việc chuyên sâu cho cùng một người: {person} đang giữ {tasks}. Chọn"
    " người khác hoặc gỡ phân công kia trước.",
    en="Routine and deep work are never on one person: {person} holds {tasks}. Choose somebody else, or"
    " unassign that work first.",
)
TASK_OWN_VERIFICATION = refusal(
    "TASK_OWN_VERIFICATION",
    Kind.FORBIDDEN,
    vi="Đơn vị chủ trì không tự xác nhận kết quả của mình. Đề nghị đơn vị giao hoặc đơn vị đặt bài toán xác"
    " nhận.",
    en="The lead does not verify its own result. Ask the unit that set the task or the problem owner.",
)
TASK_HEAD_VERIFIES = refusal(
    "TASK_HEAD_VERIFIES",
    Kind.FORBIDDEN,
    vi="Đơn vị tự giao, tự làm: chỉ người đứng đầu được xác nhận kết quả.",
    en="The unit set this task itself: only its head verifies the result.",
)
TASK_EVIDENCE_URL = refusal(
    "TASK_EVIDENCE_URL",
    Kind.INVALID,
    vi="Minh chứng là địa chỉ http:// hoặc https:// đầy đủ, dài nhất {limit} ký tự.",
    en="Evidence is a full http:// or https:// address of at most {limit} characters.",
)
TASK_TOO_MANY = refusal(
    "TASK_TOO_MANY",
    Kind.INVALID,
    vi="Mỗi lần nhiều nhất {limit} mục. Chia thành nhiều lần gửi.",
    en="At most {limit} items at a time. Split the request.",
)
TASK_NO_LEADS = refusal(
    "TASK_NO_LEADS",
    Kind.INVALID,
    vi="Hãy chọn ít nhất một đơn vị chủ trì.",
    en="Choose at least one lead unit.",
)
TASK_ITEM_TWICE = refusal(
    "TASK_ITEM_TWICE",
    Kind.INVALID,
    vi="Mục này bị lặp trong cùng một yêu cầu. Bỏ mục trùng.",
    en="This item occurs twice in one request. Leave the duplicate out.",
)
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
