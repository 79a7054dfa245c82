"""Why an answer to a signal is refused."""

from vdept.kernel.errors import Kind, refusal

SIGNAL_CLOSED = refusal(
    "SIGNAL_CLOSED",
    Kind.CONFLICT,
    vi="Dấu hiệu này đã được trả lời hoặc bỏ qua ngày {closed_on}: không cần làm gì thêm.",
    en="This signal was answered or dismissed on {closed_on}: there is nothing left to do.",
)
