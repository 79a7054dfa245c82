"""The enums of outcomes, described."""

from vdept.outcomes.models import Status
from vdept.outcomes.queries import OutcomeScope, TargetOutcomeOrder, UnitOutcomeOrder
from vdept.outcomes.standings import Judgement
from vdept_graphql.enums import described

described(
    Status,
    "Where a target stands by its pace (tình trạng); computed, and nobody can override it.",
    graphql_name="OutcomeStatus",
    NOT_STARTED="Nothing is known yet and nothing was expected yet (chưa bắt đầu).",
    ON_TRACK="Not behind the expected pace by more than the threshold (đúng tiến độ).",
    AT_RISK="Behind by more than the first threshold (có nguy cơ chậm).",
    OFF_TRACK="Behind by more than the second threshold (chậm tiến độ).",
    PAUSED="Its clock stands still (tạm dừng).",
    MET="Due, and met (đạt).",
    NOT_MET="Due, and not met (không đạt).",
)
described(
    Judgement,
    "What is said once it is due (kết luận): there is nothing between the two.",
    MET="Met (đạt).",
    NOT_MET="Not met (không đạt).",
)
described(
    OutcomeScope,
    "Whose figures a list of units is filtered and ordered by (phạm vi).",
    OWN="The unit's own targets and tasks (của riêng đơn vị).",
    SUBTREE="Those of the unit and of all units below it (cả đơn vị cấp dưới).",
)
described(
    UnitOutcomeOrder,
    "In which order units are listed (thứ tự). Units without a value come last.",
    MEASURED_BEST_FIRST="By measured attainment, the highest first.",
    MEASURED_WORST_FIRST="By measured attainment, the lowest first.",
    GAP_WIDEST_FIRST="By how far reports are above measurements, the widest gap first.",
    NAME="In alphabetical order.",
)
described(
    TargetOutcomeOrder,
    "In which order targets of a key result are listed (thứ tự). Those without a value come last.",
    MEASURED_HIGHEST_FIRST="By measured value, the highest first.",
    MEASURED_LOWEST_FIRST="By measured value, the lowest first.",
    GAP_WIDEST_FIRST="By reported less measured value, the widest gap first.",
    GAP_POINTS_WIDEST_FIRST="By `gapPoints`, the widest gap first: also right where low values are good.",
    NAME="By the unit's name, in alphabetical order.",
)
