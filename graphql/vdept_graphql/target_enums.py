"""The enums of plans and targets, described."""

from vdept.targets.models import Audience, Basis, Direction, Frequency, PlanState, Rollup, TargetState
from vdept_graphql.enums import described

described(
    Direction,
    "Which values of an indicator are good (chiều của chỉ số).",
    AT_LEAST="The more the better: the value must reach the target's.",
    AT_MOST="The less the better: the value must not exceed the target's.",
    BETWEEN="The value must lie between the target's two bounds.",
)
described(
    Basis,
    "Where a value comes from (nguồn số liệu).",
    MEASURED="From a connected system (đo được).",
    REPORTED="From a person's report (báo cáo).",
)
described(
    Frequency,
    "How often an indicator is measured (tần suất đo); without a value for longer a target is silent.",
    DAILY="Every day (hằng ngày).",
    WEEKLY="Every week (hằng tuần).",
    MONTHLY="Every month (hằng tháng).",
    QUARTERLY="Every quarter (hằng quý).",
    YEARLY="Every year (hằng năm).",
)
described(
    Rollup,
    "How a target's value follows from its children's (cách tổng hợp).",
    EACH="The share of children that meet theirs; met only when all do.",
    SUM="The sum of the children's values.",
    MEAN="The mean of the children's values.",
    WEIGHTED_MEAN="The mean by the targets' weights.",
    RATIO="Sum of numerators by sum of denominators: how percentages add up.",
    MIN="The smallest of the children's values.",
    MAX="The largest of the children's values.",
    OWN="Measured at its own level; nothing is rolled up.",
    MILESTONE="Met when the tasks that serve it are verified.",
)
described(
    Audience,
    "Who may see something besides those who take part (phạm vi xem).",
    PUBLIC="Everybody (công khai).",
    GOVERNMENT="Every public body (cơ quan nhà nước).",
    PARTICIPANTS="The units involved and the public bodies above them (các bên tham gia).",
)
described(
    PlanState,
    "Where a plan stands (trạng thái kế hoạch).",
    DRAFT="Being written; seen by its issuer only (dự thảo).",
    ISSUED="In force (đã ban hành).",
    CLOSED="Over (đã kết thúc).",
)
described(
    TargetState,
    "Whether a target counts (trạng thái chỉ tiêu).",
    ACTIVE="It counts (đang áp dụng).",
    PAUSED="Its clock stands still until a review (tạm dừng).",
    WITHDRAWN="It was taken back (đã rút).",
)
