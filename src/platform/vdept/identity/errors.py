"""Why somebody cannot sign in.

What only a page of signing in says is a plain Refusal: the registry lists what mutations refuse.
"""

from vdept.kernel.errors import Kind, Refusal, refusal

LINK_INVALID = Refusal(
    "SIGN_IN_LINK_INVALID",
    Kind.INVALID,
    vi="Liên kết này đã được dùng, đã hết hạn hoặc không đầy đủ. Hãy yêu cầu một liên kết mới. Mỗi liên kết "
    "dùng được một lần, trong {minutes} phút.",
    en="This link has been used, has run out, or is not complete. Ask for a new one. A link works once, "
    "for {minutes} minutes.",
)
"""One answer for every bad link: it tells a guesser nothing."""

LINKS_TOO_MANY = Refusal(
    "SIGN_IN_LINKS_TOO_MANY",
    Kind.CONFLICT,
    vi="Đã có {limit} liên kết đăng nhập còn dùng được. Hãy dùng một trong số đó hoặc thử lại sau {minutes} "
    "phút.",
    en="There are {limit} sign-in links that still work. Use one of them, or try again in {minutes} minutes.",
)

PERSON_NOT_ACTIVE = Refusal(
    "PERSON_NOT_ACTIVE",
    Kind.FORBIDDEN,
    vi="Tài khoản này không hoạt động. Hãy liên hệ đầu mối của đơn vị bạn.",
    en="This account is not active. Ask the coordinator of your unit.",
)
IDENTITY_TAKEN_AWAY = Refusal(
    "IDENTITY_TAKEN_AWAY",
    Kind.FORBIDDEN,
    vi="Danh tính này vừa được gỡ khỏi tài khoản của bạn. Hãy liên hệ quản trị viên.",
    en="This identity has just been taken from your account. Ask an administrator.",
)
IDENTITY_LINKED = refusal(
    "IDENTITY_LINKED",
    Kind.CONFLICT,
    vi="Danh tính này đã thuộc về {name}. Hãy gỡ liên kết (unlinkIdentity) trước.",
    en="This identity already belongs to {name}. Take it away first (unlinkIdentity).",
)
SESSIONS_AWAY = refusal(
    "SESSIONS_AWAY",
    Kind.CONFLICT,
    vi="Không kết thúc được các phiên đăng nhập lúc này nên chưa có gì thay đổi. Hãy thử lại sau ít phút.",
    en="The sessions cannot be ended at the moment, so nothing was changed. Try again in a few minutes.",
)
