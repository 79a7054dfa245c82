"""What people are told when signing in through a provider does not work: never why in detail, always what
to do. The detail is in the log (``vdept.security``).
"""

from vdept.kernel.errors import Kind, Refusal

PROVIDER_UNKNOWN = Refusal(
    "PROVIDER_UNKNOWN",
    Kind.NOT_FOUND,
    vi="Không có nhà cung cấp danh tính nào ở địa chỉ này. Hãy chọn một nhà cung cấp ở trang đăng nhập.",
    en="There is no identity provider at this address. Choose one on the sign-in page.",
)
SIGN_IN_STALE = Refusal(
    "SIGN_IN_STALE",
    Kind.INVALID,
    vi="Lần đăng nhập này đã dùng rồi, đã quá {minutes} phút, hoặc bắt đầu ở trình duyệt hay thẻ khác. "
    "Hãy đăng nhập lại từ đầu.",
    en="This sign-in was used already, is older than {minutes} minutes, or began in another browser or tab. "
    "Start again from the sign-in page.",
)
PROVIDER_ANSWERED = Refusal(
    "PROVIDER_ANSWERED",
    Kind.FORBIDDEN,
    vi="{provider} không cho đăng nhập: {error} {description}. Hãy thử lại hoặc liên hệ bộ phận hỗ trợ của "
    "nhà cung cấp này.",
    en="{provider} did not let you in: {error} {description}. Try again, or ask that provider's support.",
)
PROVIDER_AWAY = Refusal(
    "PROVIDER_AWAY",
    Kind.CONFLICT,
    vi="{provider} không trả lời như cần thiết. Hãy thử lại sau ít phút hoặc chọn cách đăng nhập khác; nếu "
    "vẫn vậy, hãy báo quản trị viên mã {incident}.",
    en="{provider} does not answer as it should. Try again in a few minutes or choose another way to sign "
    "in; if it stays so, tell the administrator the code {incident}.",
)
PROVIDER_UNTRUSTED = Refusal(
    "PROVIDER_UNTRUSTED",
    Kind.FORBIDDEN,
    vi="Câu trả lời của {provider} không đáng tin nên bạn chưa được đăng nhập. Hãy đăng nhập lại từ đầu; nếu "
    "vẫn vậy, hãy báo quản trị viên mã {incident}.",
    en="The answer of {provider} cannot be trusted, so you are not signed in. Start again; if it stays so, "
    "tell the administrator the code {incident}.",
)
IDENTITY_WAITS = Refusal(
    "IDENTITY_WAITS",
    Kind.FORBIDDEN,
    vi="{provider} biết bạn, nhưng tài khoản ở đó chưa được gắn với người nào ở đây. Hãy đề nghị quản trị "
    "viên gắn giúp và cho biết mã tham chiếu {reference}.",
    en="{provider} knows you, but your account there belongs to nobody here yet. Ask an administrator to "
    "link it and give the reference {reference}.",
)
