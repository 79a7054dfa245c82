"""The enums of tasks, described."""

from vdept.tasks.models import LinkState, ParticipantRole, ParticipationState, TaskKind, TaskState, Timeliness
from vdept.tasks.queries import TaskOrder, UnitTaskOrder
from vdept_graphql.enums import described

described(
    TaskState,
    "Where a task stands (trạng thái nhiệm vụ).",
    OPEN="On a board; anyone eligible may volunteer (đang mở).",
    OFFERED="Offered to a lead unit (đã giao, chờ nhận).",
    ACCEPTED="The lead unit has committed to it (đã nhận).",
    IN_PROGRESS="Work has begun (đang thực hiện).",
    DELIVERED="The result is handed over with evidence (đã nộp kết quả).",
    VERIFIED="Its effect is confirmed (đã xác nhận).",
    DECLINED="The lead unit said no, with a reason (từ chối).",
    PAUSED="Stopped until a review, with a reason (tạm dừng).",
    CANCELLED="Given up for good, with a reason (hủy).",
)
described(
    TaskKind,
    "The sort of work (loại việc); routine and deep work are never on one person.",
    ROUTINE="Routine work (việc thường xuyên).",
    DEEP="Deep work (việc chuyên sâu).",
)
described(
    ParticipantRole,
    "What a unit does in a task (vai trò tham gia).",
    PROBLEM_OWNER="Owns the problem (chủ bài toán).",
    BUILDER="Builds the solution (đơn vị xây dựng).",
    USER="Uses the solution (đơn vị sử dụng).",
    CONTRIBUTOR="Contributes (phối hợp).",
    SUPERVISOR="Supervises (giám sát).",
)
described(
    ParticipationState,
    "Whether a unit has agreed to its part (trạng thái tham gia).",
    INVITED="Asked, no answer yet (được mời).",
    ACCEPTED="Takes part (tham gia).",
    DECLINED="Said no (từ chối).",
    LEFT="Gave its part up (đã rời).",
)
described(
    LinkState,
    "Whether the unit that holds a target lets a task count for it (trạng thái gắn chỉ tiêu).",
    PROPOSED="Asked, no answer yet: it counts for nothing (đề nghị).",
    ACCEPTED="It counts, with its weight (chấp nhận).",
    DECLINED="Said no, with a reason (từ chối).",
)
described(
    Timeliness,
    "The class a task is reported by (tiến độ thời hạn).",
    OPEN_IN_TIME="Open, not yet due (đang làm, trong hạn).",
    OPEN_OVERDUE="Open after its due date (đang làm, quá hạn).",
    DONE_ON_TIME="Delivered by its due date (xong đúng hạn).",
    DONE_LATE="Delivered after its due date (xong muộn).",
)
described(
    TaskOrder,
    "The order of a list of tasks (thứ tự).",
    DUE="By due date, the earliest first.",
    DUE_LATEST_FIRST="By due date, the latest first.",
    NEWEST_FIRST="As they were set, the newest first.",
)
described(
    UnitTaskOrder,
    "The order of one unit's tasks (thứ tự).",
    DUE="By due date, the earliest first.",
    DUE_LATEST_FIRST="By due date, the latest first.",
)
