"""Why an edition cannot be published or read."""

from vdept.kernel.errors import Kind, refusal

PLAN_NOT_PUBLISHABLE = refusal(
    "PLAN_NOT_PUBLISHABLE",
    Kind.CONFLICT,
    vi="Kế hoạch đang ở trạng thái {state}: chỉ công bố ấn bản của kế hoạch đã ban hành.",
    en="The plan is {state}: editions are published of plans that have been issued.",
)
EDITION_UNDER_WAY = refusal(
    "EDITION_UNDER_WAY",
    Kind.CONFLICT,
    vi="Một ấn bản của kế hoạch này đang được công bố. Hãy đợi nó xong rồi yêu cầu lại.",
    en="An edition of this plan is being published already. Wait until it is there, then ask again.",
)
EDITIONS_TOO_MANY = refusal(
    "EDITIONS_TOO_MANY",
    Kind.CONFLICT,
    vi="Hôm nay kế hoạch này đã được yêu cầu công bố {limit} lần. Hãy yêu cầu lại vào ngày mai, "
    "hoặc nhờ người vận hành hệ thống công bố.",
    en="Editions of this plan have been asked for {limit} times today. Ask again tomorrow, or have "
    "whoever runs the platform publish one.",
)
CORRECTS_UNKNOWN = refusal(
    "CORRECTS_UNKNOWN",
    Kind.INVALID,
    vi="Kế hoạch không có ấn bản số {number} để đính chính. Hãy chọn số của một ấn bản đã công bố.",
    en="The plan has no edition {number} to correct. Name the number of an edition that was published.",
)
CORRECTION_NEEDS_NOTE = refusal(
    "CORRECTION_NEEDS_NOTE",
    Kind.INVALID,
    vi="Ấn bản đính chính cần ghi chú: nêu điều đã sai và điều được sửa.",
    en="An edition that corrects another needs a note: say what was wrong and what is put right.",
)
