"""What the feeds refuse, and what to do about it."""

from vdept.kernel.errors import Kind, refusal

FEED_LIMIT = refusal(
    "FEED_LIMIT",
    Kind.CONFLICT,
    vi="Bạn đã có {limit} địa chỉ lịch đang dùng. Thu hồi một địa chỉ không còn cần rồi tạo lại.",
    en="You have {limit} calendar addresses in use. Revoke one that you do not need, then try again.",
)
