"""Why a nomination or its answer is refused."""

from vdept.kernel.errors import Kind, refusal

FOCUS_COUNT = refusal(
    "FOCUS_COUNT",
    Kind.INVALID,
    vi="Chọn từ một đến ba mục tiêu trọng tâm, mỗi mục tiêu một lần.",
    en="Choose one to three focus objectives, each of them once.",
)
FOCUS_NO_TARGET = refusal(
    "FOCUS_NO_TARGET",
    Kind.CONFLICT,
    vi="Đơn vị không giữ chỉ tiêu nào trong kế hoạch này nên không có gì để chọn làm trọng tâm.",
    en="The unit holds no target in this plan, so there is nothing for it to focus on.",
)
FOCUS_NOT_HELD = refusal(
    "FOCUS_NOT_HELD",
    Kind.INVALID,
    vi="Đơn vị không giữ chỉ tiêu nào thuộc mục tiêu “{title}”. Chọn mục tiêu mà đơn vị có chỉ tiêu.",
    en="The unit holds no target under the objective “{title}”. Choose one under which it does.",
)
FOCUS_WRONG_STATE = refusal(
    "FOCUS_WRONG_STATE",
    Kind.CONFLICT,
    vi="Đề xuất này đã được trả lời ({state}). Đơn vị phải đề xuất lại trước.",
    en="This nomination was answered already ({state}). The unit has to nominate anew first.",
)
FOCUS_AGREE_BY = refusal(
    "FOCUS_AGREE_BY",
    Kind.INVALID,
    vi="Ngày {agree_by} phải sau hôm nay và không quá ngày kết thúc kế hoạch {latest}. Chọn ngày khác.",
    en="The date {agree_by} must be after today and no later than the end of the plan, {latest}. Choose "
    "another one.",
)
FOCUS_TWICE = refusal(
    "FOCUS_TWICE",
    Kind.INVALID,
    vi="Đề xuất này có mặt hai lần trong yêu cầu. Bỏ một lần.",
    en="This nomination stands twice in the request. Leave it out once.",
)
