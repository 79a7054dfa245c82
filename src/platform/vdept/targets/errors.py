"""The refusals of plans and targets, each with a sentence that says what to do."""

from vdept.kernel.errors import Kind, refusal

# Values, dates, rules of a key result ------------------------------------------------------------------

QUANTITY_INVALID = refusal(
    "QUANTITY_INVALID",
    Kind.INVALID,
    vi="Số {value} không dùng được: cần số hữu hạn, không quá 10^15, tối đa 6 chữ số thập phân.",
    en="The number {value} cannot be kept: give a finite number of at most 10^15 with at most 6 decimals.",
)
VALUE_REQUIRED = refusal(
    "VALUE_REQUIRED",
    Kind.INVALID,
    vi="Thiếu giá trị phải đạt.",
    en="The value to reach is missing.",
)
VALUE_OUT_OF_BOUNDS = refusal(
    "VALUE_OUT_OF_BOUNDS",
    Kind.INVALID,
    vi="Giá trị {value} nằm ngoài khoảng của chỉ số ({minimum} đến {maximum}).",
    en="The value {value} is outside the indicator's bounds ({minimum} to {maximum}).",
)
BETWEEN_NEEDS_HIGH = refusal(
    "BETWEEN_NEEDS_HIGH",
    Kind.INVALID,
    vi="Chỉ số có hướng BETWEEN cần cả cận trên (valueHigh) không nhỏ hơn cận dưới.",
    en="An indicator with the direction BETWEEN needs valueHigh, not below value.",
)
HIGH_ONLY_FOR_BETWEEN = refusal(
    "HIGH_ONLY_FOR_BETWEEN",
    Kind.INVALID,
    vi="Chỉ số có hướng {direction} không có cận trên: bỏ valueHigh.",
    en="An indicator with the direction {direction} has no upper bound: leave valueHigh out.",
)
RATIO_NEEDS_RATIO_INDICATOR = refusal(
    "RATIO_NEEDS_RATIO_INDICATOR",
    Kind.INVALID,
    vi="Quy tắc tổng hợp RATIO cần chỉ số có tử số và mẫu số; “{indicator}” không có. "
    "Khai báo tử số, mẫu số hoặc chọn quy tắc khác.",
    en="The roll-up rule RATIO needs an indicator with a numerator and a denominator; “{indicator}” has "
    "none. Declare them or choose another rule.",
)
WEIGHT_NOT_POSITIVE = refusal(
    "WEIGHT_NOT_POSITIVE",
    Kind.INVALID,
    vi="Trọng số phải lớn hơn 0 (nhận được {weight}).",
    en="A weight must be above 0 (got {weight}).",
)
THRESHOLDS_INVALID = refusal(
    "THRESHOLDS_INVALID",
    Kind.INVALID,
    vi="Ngưỡng cảnh báo phải thỏa 0 ≤ atRiskPoints ≤ offTrackPoints ≤ 100 "
    "(nhận được {at_risk} và {off_track}).",
    en="Thresholds must hold 0 ≤ atRiskPoints ≤ offTrackPoints ≤ 100 (got {at_risk} and {off_track}).",
)
GAP_POINTS_INVALID = refusal(
    "GAP_POINTS_INVALID",
    Kind.INVALID,
    vi="Ngưỡng chênh lệch phải từ 0 đến 100 điểm, tối đa hai chữ số lẻ (nhận được {points}).",
    en="The threshold of the gap must be 0 to 100 points, with at most two decimals (got {points}).",
)
MILESTONES_INVALID = refusal(
    "MILESTONES_INVALID",
    Kind.INVALID,
    vi="Các mốc không hợp lệ: {reason_vi}.",
    en="The milestones are not valid: {reason}.",
)
DUE_BEFORE_PLAN_STARTS = refusal(
    "DUE_BEFORE_PLAN_STARTS",
    Kind.INVALID,
    vi="Hạn {due} sớm hơn ngày bắt đầu kế hoạch ({starts}). Sửa hạn hoặc chuyển chỉ tiêu sang kế hoạch khác.",
    en="The due date {due} is before the plan starts ({starts}). Correct it, or move the key result to "
    "another plan.",
)
DUE_AFTER_PARENT = refusal(
    "DUE_AFTER_PARENT",
    Kind.INVALID,
    vi="Hạn {due} muộn hơn hạn của chỉ tiêu cấp trên ({parent_due}). Chọn hạn không muộn hơn.",
    en="The due date {due} is later than the parent target's ({parent_due}). Choose one no later.",
)
CYCLE_REVERSED = refusal(
    "CYCLE_REVERSED",
    Kind.INVALID,
    vi="Ngày kết thúc {ends} sớm hơn ngày bắt đầu {starts}.",
    en="The plan ends on {ends}, before it starts on {starts}.",
)
DAYS_INVALID = refusal(
    "DAYS_INVALID",
    Kind.INVALID,
    vi="Số ngày phải từ {low} đến {high} (nhận được {days}).",
    en="The number of days must be {low} to {high} (got {days}).",
)
TEXT_INVALID = refusal(
    "TEXT_INVALID",
    Kind.INVALID,
    vi="Cần một đoạn chữ từ 1 đến {limit} ký tự.",
    en="Give a text of 1 to {limit} characters.",
)
CODE_TAKEN = refusal(
    "CODE_TAKEN",
    Kind.CONFLICT,
    vi="Mã “{code}” đã được dùng. Chọn mã khác.",
    en="The code “{code}” is taken. Choose another one.",
)
POSITION_TAKEN = refusal(
    "POSITION_TAKEN",
    Kind.CONFLICT,
    vi="Vị trí {position} đã có mục khác. Bỏ trống để thêm vào cuối.",
    en="The position {position} is taken. Leave it out to add at the end.",
)
INDICATOR_BOUNDS_INVALID = refusal(
    "INDICATOR_BOUNDS_INVALID",
    Kind.INVALID,
    vi="Cận dưới {minimum} lớn hơn cận trên {maximum} của chỉ số.",
    en="The indicator's minimum {minimum} is above its maximum {maximum}.",
)
RATIO_NEEDS_BOTH = refusal(
    "RATIO_NEEDS_BOTH",
    Kind.INVALID,
    vi="Chỉ số tỷ lệ cần cả tử số và mẫu số; nếu không thì bỏ cả hai.",
    en="A ratio indicator needs both its numerator and its denominator; otherwise leave both out.",
)
INDICATOR_IN_USE = refusal(
    "INDICATOR_IN_USE",
    Kind.CONFLICT,
    vi="Chỉ số đã được dùng trong kế hoạch nên không thể đổi {fields}. Hãy tạo chỉ số mới.",
    en="The indicator is used by a plan, so {fields} cannot change. Create a new indicator.",
)

# Plans --------------------------------------------------------------------------------------------------

PLAN_WRONG_STATE = refusal(
    "PLAN_WRONG_STATE",
    Kind.CONFLICT,
    vi="Kế hoạch đang ở trạng thái {state}; việc này cần trạng thái {needs}.",
    en="The plan is {state}; this needs it to be {needs}.",
)
PLAN_EMPTY = refusal(
    "PLAN_EMPTY",
    Kind.CONFLICT,
    vi="Kế hoạch chưa có chỉ tiêu nào. Thêm ít nhất một chỉ tiêu trước khi ban hành.",
    en="The plan has no key result. Add at least one before issuing it.",
)
ISSUER_NOT_PUBLIC = refusal(
    "ISSUER_NOT_PUBLIC",
    Kind.INVALID,
    vi="“{unit}” không phải cơ quan nhà nước nên không thể ban hành kế hoạch.",
    en="“{unit}” is not a public body, so it cannot issue a plan.",
)

# Assigning ----------------------------------------------------------------------------------------------

ASSIGN_TO_WHOM = refusal(
    "ASSIGN_TO_WHOM",
    Kind.INVALID,
    vi="Nêu danh sách đơn vị hoặc loại đơn vị, đúng một trong hai.",
    en="Name the units, or a kind of units: exactly one of the two.",
)
NO_UNITS = refusal(
    "NO_UNITS",
    Kind.INVALID,
    vi="Không có đơn vị nào để giao. Kiểm tra danh sách hoặc loại đơn vị bên dưới đơn vị giao.",
    en="There is no unit to assign to. Check the list, or the kind of units below the assigning unit.",
)
UNITS_REPEATED = refusal(
    "UNITS_REPEATED",
    Kind.INVALID,
    vi="Danh sách lặp lại đơn vị: {units}. Mỗi đơn vị chỉ nêu một lần.",
    en="The list repeats units: {units}. Name each unit once.",
)
UNITS_UNKNOWN = refusal(
    "UNITS_UNKNOWN",
    Kind.NOT_FOUND,
    vi="{count} đơn vị không tồn tại: {units}.",
    en="{count} units do not exist: {units}.",
)
UNITS_NOT_IN_FORCE = refusal(
    "UNITS_NOT_IN_FORCE",
    Kind.INVALID,
    vi="{count} đơn vị không còn hoặc chưa có hiệu lực: {units}. Giao cho đơn vị kế thừa.",
    en="{count} units are not in force today: {units}. Assign to their successors.",
)
UNITS_NOT_BELOW = refusal(
    "UNITS_NOT_BELOW",
    Kind.INVALID,
    vi="{count} đơn vị không thuộc đơn vị giao: {units}. Chỉ giao xuống cấp dưới.",
    en="{count} units are not below the assigning unit: {units}. Targets are assigned downwards only.",
)
UNITS_ALREADY_HOLD = refusal(
    "UNITS_ALREADY_HOLD",
    Kind.CONFLICT,
    vi="{count} đơn vị đã được giao chỉ tiêu này: {units}. Bỏ các đơn vị đó, hoặc khôi phục chỉ tiêu đã rút.",
    en="{count} units already hold a target of this key result: {units}. Leave them out, or reinstate the "
    "target if it was withdrawn.",
)
VALUES_REQUIRED = refusal(
    "VALUES_REQUIRED",
    Kind.INVALID,
    vi="Chỉ tiêu tổng hợp bằng SUM cần giá trị riêng cho từng đơn vị; {count} đơn vị chưa có: {units}.",
    en="A key result that adds up (SUM) needs a value for each unit; {count} units have none: {units}.",
)
VALUES_FOR_OTHER_UNITS = refusal(
    "VALUES_FOR_OTHER_UNITS",
    Kind.INVALID,
    vi="Có giá trị hoặc trọng số cho {count} đơn vị không nằm trong danh sách giao: {units}.",
    en="There are values or weights for {count} units that are not assigned to: {units}.",
)
UNITS_LAXER = refusal(
    "UNITS_LAXER",
    Kind.INVALID,
    vi="{count} đơn vị có giá trị thấp hơn yêu cầu {parent} của chỉ tiêu cấp trên: {units}. "
    "Chỉ được giao bằng hoặc chặt hơn.",
    en="{count} units have a value laxer than the parent target's {parent}: {units}. "
    "Assign the same or a stricter one.",
)
UNITS_OUT_OF_BOUNDS = refusal(
    "UNITS_OUT_OF_BOUNDS",
    Kind.INVALID,
    vi="{count} đơn vị có giá trị ngoài khoảng của chỉ số ({minimum} đến {maximum}): {units}.",
    en="{count} units have a value outside the indicator's bounds ({minimum} to {maximum}): {units}.",
)
UNITS_WEIGHT_NOT_POSITIVE = refusal(
    "UNITS_WEIGHT_NOT_POSITIVE",
    Kind.INVALID,
    vi="{count} đơn vị có trọng số không lớn hơn 0: {units}.",
    en="{count} units have a weight that is not above 0: {units}.",
)
TARGET_LAXER = refusal(
    "TARGET_LAXER",
    Kind.INVALID,
    vi="Giá trị {value} lỏng hơn yêu cầu {parent} của cấp trên. Chỉ được bằng hoặc chặt hơn.",
    en="The value {value} is laxer than the {parent} required above. Give the same or a stricter one.",
)
SUM_EXCEEDS_PARENT = refusal(
    "SUM_EXCEEDS_PARENT",
    Kind.INVALID,
    vi="Tổng các chỉ tiêu con là {total}, vượt mức tối đa {limit} của cấp trên.",
    en="The parts add up to {total}, above the parent's maximum of {limit}.",
)

# Holding ------------------------------------------------------------------------------------------------

TARGET_WRONG_STATE = refusal(
    "TARGET_WRONG_STATE",
    Kind.CONFLICT,
    vi="Chỉ tiêu đang ở trạng thái {state}; việc này cần trạng thái {needs}.",
    en="The target is {state}; this needs it to be {needs}.",
)
CHILDREN_LAXER = refusal(
    "CHILDREN_LAXER",
    Kind.CONFLICT,
    vi="Giá trị mới {value} chặt hơn chỉ tiêu đã giao tiếp cho {count} đơn vị: {units}. "
    "Sửa các chỉ tiêu đó trước.",
    en="The new value {value} is stricter than what {count} units below were assigned: {units}. "
    "Change those targets first.",
)
CHILDREN_LATER = refusal(
    "CHILDREN_LATER",
    Kind.CONFLICT,
    vi="Hạn mới {due} sớm hơn hạn đã giao tiếp cho {count} đơn vị: {units}. Sửa các chỉ tiêu đó trước.",
    en="The new due date {due} is before that of {count} units below: {units}. Change those targets first.",
)
TARGET_HAS_CHILDREN = refusal(
    "TARGET_HAS_CHILDREN",
    Kind.CONFLICT,
    vi="Chỉ tiêu đã được giao tiếp cho {count} đơn vị. "
    "Rút cả nhánh (subtree) hoặc rút các chỉ tiêu con trước.",
    en="The target was assigned on to {count} units. Withdraw the whole subtree, or those targets first.",
)
PARENT_WITHDRAWN = refusal(
    "PARENT_WITHDRAWN",
    Kind.CONFLICT,
    vi="Chỉ tiêu cấp trên đã bị rút. Khôi phục chỉ tiêu cấp trên trước.",
    en="The parent target is withdrawn. Reinstate the parent first.",
)
REVIEW_NOT_AHEAD = refusal(
    "REVIEW_NOT_AHEAD",
    Kind.INVALID,
    vi="Ngày xem xét lại {review} phải sau hôm nay.",
    en="The review date {review} must be after today.",
)

# Import -------------------------------------------------------------------------------------------------

IMPORT_UNREADABLE = refusal(
    "IMPORT_UNREADABLE",
    Kind.INVALID,
    vi="Không đọc được tệp kế hoạch: {reason}.",
    en="The plan file cannot be read: {reason}.",
)
IMPORT_ENTRY_INVALID = refusal(
    "IMPORT_ENTRY_INVALID",
    Kind.INVALID,
    vi="{where}: {reason_vi}.",
    en="{where}: {reason}.",
)
IMPORT_UNIT_UNKNOWN = refusal(
    "IMPORT_UNIT_UNKNOWN",
    Kind.INVALID,
    vi="{where}: không có đơn vị nào tên hoặc mã “{name}”. Sửa tên hoặc dùng mã đơn vị.",
    en="{where}: no unit has the name or code “{name}”. Correct it, or use the unit's code.",
)
IMPORT_UNIT_AMBIGUOUS = refusal(
    "IMPORT_UNIT_AMBIGUOUS",
    Kind.INVALID,
    vi="{where}: có {count} đơn vị cùng tên “{name}”. Hãy dùng mã đơn vị.",
    en="{where}: {count} units are named “{name}”. Use the unit's code.",
)
