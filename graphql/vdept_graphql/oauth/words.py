"""What scopes let a client do, in the words of the person who is asked."""

from vdept.kernel.errors import Words
from vdept.kernel.scopes import Scope

ABILITIES: dict[Scope, Words] = {
    Scope.UNITS_WRITE: Words("thay đổi thông tin đơn vị", "change units"),
    Scope.PEOPLE_READ: Words("xem mọi người và vai trò của họ", "see people and their roles"),
    Scope.PLANS_READ: Words("xem kế hoạch, chỉ tiêu và kết quả", "see plans, targets and outcomes"),
    Scope.PLANS_WRITE: Words(
        "thay đổi kế hoạch, giao và nhận chỉ tiêu", "change plans, and assign and acknowledge targets"
    ),
    Scope.MEASUREMENTS_READ: Words("xem các số đo", "see measured and reported values"),
    Scope.MEASUREMENTS_WRITE: Words("ghi và đính chính số đo", "record and correct values"),
    Scope.TASKS_READ: Words(
        "xem nhiệm vụ, bình luận và tài liệu kèm theo", "see tasks with their comments and evidence"
    ),
    Scope.TASKS_WRITE: Words(
        "tạo nhiệm vụ, nhận việc, báo cáo tiến độ và bình luận",
        "create tasks, accept work, report progress and comment",
    ),
    Scope.ACTIVITIES_READ: Words("theo dõi nhật ký hoạt động", "follow the log of activities"),
    Scope.NOTIFICATIONS_READ: Words("xem hộp thông báo", "read the inbox"),
    Scope.NOTIFICATIONS_WRITE: Words(
        "đánh dấu thông báo đã đọc và đổi cách nhận thông báo",
        "mark notifications as read and change how they arrive",
    ),
}
"""For every scope; whoever may write may read the same, and the page says both."""

NO_WAY_BACK = Words("Không thể chuyển bạn về ứng dụng", "You cannot be sent back to the app")
UNKNOWN_CLIENT = Words(
    "Ứng dụng đưa bạn đến đây không được đăng ký ở hệ thống này, hoặc đã bị thu hồi. Hãy báo cho đơn vị "
    "cung cấp ứng dụng.",
    "The app that sent you here is not registered on this platform, or was revoked. Tell its provider.",
)
WRONG_ADDRESS = Words(
    "Ứng dụng muốn nhận kết quả ở một địa chỉ mà nó không đăng ký. Để bảo vệ bạn, hệ thống không chuyển "
    "tiếp. Hãy báo cho đơn vị cung cấp ứng dụng.",
    "The app wants the answer at an address that it has not registered. To protect you, nothing was sent "
    "there. Tell its provider.",
)
UNREADABLE = Words(
    "Yêu cầu của ứng dụng không đọc được. Hãy báo cho đơn vị cung cấp ứng dụng.",
    "The app's request cannot be read. Tell its provider.",
)
NOT_SECURE = Words(
    "Hệ thống này được mở qua một địa chỉ không có https nên không cho ứng dụng kết nối. Hãy báo cho người "
    "vận hành hệ thống (VDEPT_PUBLIC_URL).",
    "This platform is served at an address without https and lets no app connect. Tell whoever runs it "
    "(VDEPT_PUBLIC_URL).",
)
UNDECIDED = Words("Hãy quay lại và chọn cho phép hoặc từ chối.", "Go back and choose to allow or to refuse.")
