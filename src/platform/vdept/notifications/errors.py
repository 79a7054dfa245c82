"""Why something about an inbox or about how somebody wants to be told is refused."""

from vdept.kernel.errors import Kind, refusal

TOO_MANY_NOTIFICATIONS = refusal(
    "TOO_MANY_NOTIFICATIONS",
    Kind.INVALID,
    vi="Mỗi lần chỉ đánh dấu được tối đa {limit} thông báo, bạn gửi {given}. "
    "Hãy chia nhỏ, hoặc đánh dấu tất cả theo bộ lọc.",
    en="At most {limit} notifications can be marked at a time; you sent {given}. Send fewer, or mark all "
    "that match a filter.",
)
QUIET_HOURS_INCOMPLETE = refusal(
    "QUIET_HOURS_INCOMPLETE",
    Kind.INVALID,
    vi="Giờ yên lặng cần cả giờ bắt đầu và giờ kết thúc. Hãy gửi cả hai, hoặc bỏ trống cả hai.",
    en="Quiet hours need both where they begin and where they end. Give both, or null for both.",
)
QUIET_HOURS_ALL_DAY = refusal(
    "QUIET_HOURS_ALL_DAY",
    Kind.INVALID,
    vi="Giờ yên lặng không thể kéo dài cả ngày ({time} đến {time}). Nếu không muốn nhận e-mail, hãy "
    "tắt e-mail.",
    en="Quiet hours cannot last all day ({time} to {time}). To get no e-mail at all, switch e-mail off.",
)
UNKNOWN_NOTIFICATION_KIND = refusal(
    "UNKNOWN_NOTIFICATION_KIND",
    Kind.INVALID,
    vi="Không có loại thông báo {kind}. Các loại: {known}.",
    en="There is no kind of notification {kind}. The kinds: {known}.",
)
