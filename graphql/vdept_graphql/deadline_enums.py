"""The enums of calendars and deadlines, described."""

from vdept.calendars.models import CalendarScope
from vdept.deadlines.explanation import LineKind, StepFate
from vdept.deadlines.models import Recipient
from vdept_graphql.enums import described

described(
    CalendarScope,
    "For whom a calendar or an exception of it holds (phạm vi lịch).",
    NATIONAL="Everybody (toàn quốc).",
    REGION="A unit and all units below it (vùng).",
    UNIT="One unit alone (riêng đơn vị).",
)
described(
    Recipient,
    "Whom a reminder is for (người nhận nhắc việc).",
    graphql_name="ReminderRecipient",
    ASSIGNEES="Those who do the work (người thực hiện).",
    LEAD_COORDINATOR="The coordinators of the lead unit (điều phối viên đơn vị chủ trì).",
    LEAD_HEAD="The head of the lead unit (người đứng đầu đơn vị chủ trì).",
    ASSIGNER_COORDINATOR="The coordinators of the unit that set the task (điều phối viên đơn vị giao).",
    ASSIGNER_HEAD="The head of the unit that set the task (người đứng đầu đơn vị giao).",
    ISSUER_HEAD="The head of the unit that issued the plan (người đứng đầu đơn vị ban hành).",
)
described(
    LineKind,
    "What a line of an explanation says (loại dòng giải thích).",
    SET="Who set the original date, `on` which day (đặt hạn).",
    EXTENDED="A later date was granted `on` a day (gia hạn).",
    CLOCK_STOOD="A pause from `on` to `until`; the date moved by `days` (đồng hồ đã đứng).",
    CLOCK_STANDS="A pause since `on` that has not ended; `days` were left then (đồng hồ đang đứng).",
    CALENDAR="A calendar that holds: the nation's, or that of `unit` (lịch áp dụng).",
    CALENDAR_ENDS="After `on` no holidays are known yet (hết lịch).",
    DAY_OFF="A day off on the way, by name (ngày nghỉ).",
    WEEKENDS="How many Saturdays and Sundays lie on the way: `days` (cuối tuần).",
    MAKE_UP_DAY="A day that is worked against the rule (ngày làm bù).",
    DUE_ON_DAY_OFF="The date is a day off and counts as the working day `until` (hạn rơi vào ngày nghỉ).",
    LEFT="So many working `days` are left (còn lại).",
    LATE="So many working `days` late (quá hạn).",
    DONE="Delivered `on` a day, `days` late or 0 (đã hoàn thành).",
    ENDED="Declined or cancelled: no clock runs (đã kết thúc).",
    STEP="A step of the reminder policy, and what became of it (bước nhắc việc).",
)
described(
    StepFate,
    "What became of a step of the reminder policy (tình trạng bước nhắc việc).",
    SENT="Sent (đã gửi).",
    FOLDED="Told with a later step (gộp vào lần sau).",
    DROPPED="Not sent: its reason had ended (đã bỏ).",
    WAITING="Written, about to be sent (chờ gửi).",
    TO_COME="Its day lies ahead (sẽ gửi).",
    NOT_SENT="Its day went by without it: too early for the task or its date, or nobody held "
    "the role (không gửi).",
    STOPPED="Will not be sent as things stand: no clock runs (không gửi nữa).",
)
