"""Why something about a webhook endpoint or its deliveries is refused."""

from vdept.kernel.errors import Kind, refusal

WEBHOOK_URL = refusal(
    "WEBHOOK_URL",
    Kind.INVALID,
    vi="Không gửi được tới địa chỉ này: {reason_vi}.",
    en="Nothing can be sent to this address: {reason}.",
)
WEBHOOK_LIMIT = refusal(
    "WEBHOOK_LIMIT",
    Kind.CONFLICT,
    vi="Đơn vị đã có {limit} điểm nhận đang hoạt động. Hãy tắt điểm nhận không dùng nữa.",
    en="The unit has {limit} webhook endpoints already. Disable those that are not used any more.",
)
WEBHOOK_UNIT_ENDED = refusal(
    "WEBHOOK_UNIT_ENDED",
    Kind.CONFLICT,
    vi="Đơn vị không hoạt động vào hôm nay nên không có gì để gửi. Hãy chọn đơn vị khác.",
    en="The unit does not exist today and is told nothing. Choose another one.",
)
WEBHOOK_DISABLED = refusal(
    "WEBHOOK_DISABLED",
    Kind.CONFLICT,
    vi="Điểm nhận này đang tắt. Hãy bật lại (enableWebhook) rồi gửi.",
    en="This endpoint is disabled. Enable it first (enableWebhook), then send.",
)
WEBHOOK_NOT_DEAD = refusal(
    "WEBHOOK_NOT_DEAD",
    Kind.CONFLICT,
    vi="Chỉ gửi lại được những lần gửi đã bỏ (DEAD); lần gửi này đang ở trạng thái {state}.",
    en="Only deliveries that were given up (DEAD) can be replayed; this one is {state}.",
)
