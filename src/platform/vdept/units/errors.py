"""Why something about a unit is refused."""

from vdept.kernel.errors import Kind, refusal

UNIT_CODE_TAKEN = refusal(
    "UNIT_CODE_TAKEN",
    Kind.CONFLICT,
    vi="Mã đơn vị {code} đã được dùng cho “{holder}”. Hãy chọn mã khác.",
    en="The unit code {code} already belongs to “{holder}”. Choose another code.",
)
UNIT_PARENT_KIND = refusal(
    "UNIT_PARENT_KIND",
    Kind.INVALID,
    vi="Đơn vị loại {kind} không thể trực thuộc đơn vị loại {parent_kind}; cấp trên hợp lệ: {allowed_vi}.",
    en="A {kind} cannot stand under a {parent_kind}; it may stand under: {allowed}.",
)
UNIT_PARENT_MISSING = refusal(
    "UNIT_PARENT_MISSING",
    Kind.INVALID,
    vi="Đơn vị loại {kind} phải có đơn vị cấp trên ({allowed_vi}).",
    en="A {kind} needs a unit above it ({allowed}).",
)
UNIT_PARENT_UNKNOWN = refusal(
    "UNIT_PARENT_UNKNOWN",
    Kind.INVALID,
    vi="Không có đơn vị cấp trên mang mã {code}, cả trong danh mục lẫn trong tệp.",
    en="No unit above with the code {code}, neither in the registry nor in the file.",
)
UNIT_PARENT_ENDED = refusal(
    "UNIT_PARENT_ENDED",
    Kind.INVALID,
    vi="Đơn vị cấp trên {code} chỉ tồn tại từ {valid_from} đến {valid_to}, không bao trùm đơn vị này.",
    en="The unit above, {code}, exists from {valid_from} to {valid_to} only, which this unit outlives.",
)
UNIT_CYCLE = refusal(
    "UNIT_CYCLE",
    Kind.INVALID,
    vi="Các đơn vị {codes} trực thuộc lẫn nhau thành vòng. Sửa lại mã đơn vị cấp trên.",
    en="The units {codes} stand above each other in a circle. Correct their parent codes.",
)
UNIT_VALIDITY = refusal(
    "UNIT_VALIDITY",
    Kind.INVALID,
    vi="Ngày hết hiệu lực {valid_to} phải từ ngày bắt đầu {valid_from} trở đi.",
    en="The last day {valid_to} must not be before the first day {valid_from}.",
)
UNIT_HAS_CHILDREN = refusal(
    "UNIT_HAS_CHILDREN",
    Kind.CONFLICT,
    vi="Đơn vị {code} còn đơn vị trực thuộc tồn tại sau ngày {valid_to}. Hãy kết thúc chúng trước.",
    en="Units below {code} outlive {valid_to}. End them first.",
)
UNIT_MOVED = refusal(
    "UNIT_MOVED",
    Kind.CONFLICT,
    vi="Đơn vị {code} đang trực thuộc {current}; tệp nhập không thể chuyển đơn vị sang cấp trên khác.",
    en="The unit {code} stands under {current}; an import cannot move it under another unit.",
)
UNIT_KIND_FIXED = refusal(
    "UNIT_KIND_FIXED",
    Kind.CONFLICT,
    vi="Đơn vị {code} thuộc loại {current}; không thể đổi loại. Dùng mã khác cho đơn vị mới.",
    en="The unit {code} is a {current}, and a unit's kind does not change. Use another code for a new unit.",
)
UNIT_TWICE_IN_FILE = refusal(
    "UNIT_TWICE_IN_FILE",
    Kind.INVALID,
    vi="Mã {code} đã có ở ô {first}. Mỗi đơn vị chỉ ghi một dòng.",
    en="The code {code} stands in cell {first} already. Give each unit one row.",
)
SEGMENT_BOTH_WAYS = refusal(
    "SEGMENT_BOTH_WAYS",
    Kind.INVALID,
    vi="Nhóm {segment} vừa ở add vừa ở remove. Hãy bỏ khỏi một bên.",
    en="The segment {segment} stands in add and in remove. Take it out of one of them.",
)
SEGMENTS_MISSING = refusal(
    "SEGMENTS_MISSING",
    Kind.INVALID,
    vi="Chưa chọn nhóm nào để thêm hoặc bỏ. Hãy điền add hoặc remove.",
    en="No segment to add or to remove is named. Fill in add or remove.",
)
