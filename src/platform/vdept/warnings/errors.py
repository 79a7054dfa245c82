"""Why an answer to a warning is refused."""

from vdept.kernel.errors import Kind, refusal

WARNING_CLOSED = refusal(
    "WARNING_CLOSED",
    Kind.CONFLICT,
    vi="Cảnh báo này đã tự đóng ngày {closed_on}: không cần xác nhận nữa.",
    en="This warning closed by itself on {closed_on}: it needs no answer any more.",
)
WARNING_RESPOND_BY = refusal(
    "WARNING_RESPOND_BY",
    Kind.INVALID,
    vi="Ngày thực hiện {respond_by} phải là một ngày làm việc từ {earliest} đến {latest}. Chọn lại ngày, "
    "hoặc xin gia hạn trước.",
    en="The date {respond_by} must be a working day from {earliest} to {latest}. Choose another one, or have "
    "the due date extended first.",
)
WARNING_TWICE = refusal(
    "WARNING_TWICE",
    Kind.INVALID,
    vi="Cảnh báo này có mặt hai lần trong yêu cầu. Bỏ một lần.",
    en="This warning stands twice in the request. Leave it out once.",
)
