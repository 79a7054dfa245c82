"""Why something about a client, an authorization or a signing key is refused."""

from vdept.kernel.errors import Kind, refusal

CLIENT_REVOKED = refusal(
    "CLIENT_REVOKED",
    Kind.CONFLICT,
    vi="Ứng dụng {name} đã bị thu hồi và không dùng lại được. Hãy đăng ký ứng dụng mới.",
    en="The client {name} was revoked for good. Register a new one.",
)
CLIENT_LIMIT = refusal(
    "CLIENT_LIMIT",
    Kind.CONFLICT,
    vi="Đơn vị đã có {limit} ứng dụng đang hoạt động. Hãy thu hồi ứng dụng không dùng nữa.",
    en="The unit has {limit} clients already. Revoke those that are not used any more.",
)
CLIENT_UNIT_ENDED = refusal(
    "CLIENT_UNIT_ENDED",
    Kind.CONFLICT,
    vi="Đơn vị không hoạt động vào hôm nay nên không thể có ứng dụng. Hãy chọn đơn vị khác.",
    en="The unit does not exist today and can have no clients. Choose another one.",
)
CLIENT_COMBINATION = refusal(
    "CLIENT_COMBINATION",
    Kind.INVALID,
    vi="Ứng dụng như vậy không thể có: {reason_vi}.",
    en="There is no such client: {reason}.",
)
CLIENT_HAS_NO_SECRET = refusal(
    "CLIENT_HAS_NO_SECRET",
    Kind.CONFLICT,
    vi="Ứng dụng này không dùng mật khẩu nên không có gì để đổi. Hãy cập nhật khóa công khai (jwks).",
    en="This client does not sign in with a secret, so there is none to rotate. Update its jwks instead.",
)
CLIENT_SCOPE_EXCEEDED = refusal(
    "CLIENT_SCOPE_EXCEEDED",
    Kind.INVALID,
    vi="Ứng dụng không được đăng ký các phạm vi {scopes}. Chỉ yêu cầu những phạm vi đã đăng ký.",
    en="The client is not registered for {scopes}. Ask only for scopes that it is registered for.",
)
SIGNING_KEY_RETIRED = refusal(
    "SIGNING_KEY_RETIRED",
    Kind.CONFLICT,
    vi="Khóa {kid} đã bị loại bỏ từ trước.",
    en="The key {kid} was retired before.",
)
