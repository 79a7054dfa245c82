"""Why something about a person, a membership or a token is refused."""

from vdept.kernel.errors import Kind, refusal

EMAIL_TAKEN = refusal(
    "EMAIL_TAKEN",
    Kind.CONFLICT,
    vi="Địa chỉ {email} đã thuộc về một người khác. Hãy dùng địa chỉ riêng của người này.",
    en="The address {email} already belongs to somebody. Use this person's own address.",
)
UNIT_HAS_HEAD = refusal(
    "UNIT_HAS_HEAD",
    Kind.CONFLICT,
    vi="Đơn vị đã có người đứng đầu là {holder} ({starts_on} – {ends_on}). Hãy kết thúc chức vụ đó trước.",
    en="The unit has a head already: {holder} ({starts_on} – {ends_on}). End that membership first.",
)
MEMBERSHIP_TWICE = refusal(
    "MEMBERSHIP_TWICE",
    Kind.CONFLICT,
    vi="Người này đã giữ vai trò {role} ở đơn vị từ {starts_on} đến {ends_on}.",
    en="This person already holds the role {role} in the unit from {starts_on} to {ends_on}.",
)
MEMBERSHIP_DATES = refusal(
    "MEMBERSHIP_DATES",
    Kind.INVALID,
    vi="Ngày kết thúc {ends_on} phải từ ngày bắt đầu {starts_on} trở đi.",
    en="The last day {ends_on} must not be before the first day {starts_on}.",
)
MEMBERSHIP_ENDED = refusal(
    "MEMBERSHIP_ENDED",
    Kind.CONFLICT,
    vi="Chức vụ này đã kết thúc ngày {ends_on}; không thể kéo dài. Hãy trao chức vụ mới.",
    en="This membership ends on {ends_on} and cannot be prolonged. Grant a new one.",
)
UNIT_ENDED = refusal(
    "UNIT_ENDED",
    Kind.CONFLICT,
    vi="Đơn vị đã kết thúc ngày {valid_to}; không thể trao chức vụ từ ngày {starts_on}.",
    en="The unit ended on {valid_to}; no membership can start on {starts_on}.",
)
PERSON_INACTIVE = refusal(
    "PERSON_INACTIVE",
    Kind.CONFLICT,
    vi="Tài khoản của {name} đã ngừng hoạt động. Hãy kích hoạt lại trước.",
    en="{name} is no longer active. Activate the person first.",
)
LAST_ADMINISTRATOR = refusal(
    "LAST_ADMINISTRATOR",
    Kind.CONFLICT,
    vi="Đây là quản trị viên đang hoạt động cuối cùng. Hãy chỉ định người khác trước.",
    en="This is the last active administrator. Appoint another one first.",
)
BACKDATED = refusal(
    "BACKDATED",
    Kind.INVALID,
    vi="Chỉ quản trị viên được ghi lùi ngày; ngày sớm nhất bạn có thể ghi là {earliest}.",
    en="Only an administrator may date a membership back; the earliest day you may give is {earliest}.",
)
TOKEN_LIFETIME = refusal(
    "TOKEN_LIFETIME",
    Kind.INVALID,
    vi="Mã truy cập phải có hạn từ 1 phút đến {limit} ngày.",
    en="A token lives from one minute to {limit} days.",
)
