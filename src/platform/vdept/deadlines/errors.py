"""The refusals of reminder policies, each with a sentence that says what to do."""

from vdept.kernel.errors import Kind, refusal

POLICY_SIZE = refusal(
    "POLICY_SIZE",
    Kind.INVALID,
    vi="Chính sách nhắc việc cần từ 1 đến {limit} bước (nhận được {count}). "
    "Bỏ bớt bước, hoặc dùng resetReminderPolicy để trở về mặc định.",
    en="A reminder policy has 1 to {limit} steps (got {count}). Leave some out, or call "
    "resetReminderPolicy to return to the default.",
)
POLICY_STEP_RANGE = refusal(
    "POLICY_STEP_RANGE",
    Kind.INVALID,
    vi="Bước {step} không dùng được: số ngày làm việc so với hạn phải từ {first} đến {last}.",
    en="Step {step} cannot be used: give working days from the due date between {first} and {last}.",
)
POLICY_STEP_TWICE = refusal(
    "POLICY_STEP_TWICE",
    Kind.INVALID,
    vi="Bước {step} cho {recipient} có hai lần: giữ lại một.",
    en="Step {step} for {recipient} is there twice: keep one of them.",
)
POLICY_FLOODS = refusal(
    "POLICY_FLOODS",
    Kind.CONFLICT,
    vi="Chính sách này sẽ gửi {messages} tin cho một người trong ngày {day} ({role} ở {unit}); "
    "tối đa là {limit}. Bỏ bớt bước cho vai trò đó hoặc giãn hạn của các nhiệm vụ.",
    en="This policy would send one person {messages} messages on {day} ({role} in {unit}); at most "
    "{limit} are allowed. Leave out steps for that role, or spread the due dates of the tasks.",
)
POLICY_PLAN_CLOSED = refusal(
    "POLICY_PLAN_CLOSED",
    Kind.CONFLICT,
    vi="Kế hoạch đã đóng: chính sách nhắc việc không đổi được nữa.",
    en="The plan is closed: its reminder policy can no longer be changed.",
)
