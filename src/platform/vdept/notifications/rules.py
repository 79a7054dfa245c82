"""When a mail is due, and what preferences may say. Pure."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from vdept.kernel.clock import LOCAL
from vdept.kernel.errors import Refused, invalid
from vdept.notifications import errors
from vdept.notifications.models import Cadence, NotificationKind

MORNING = time(8)
"""When digests go out: each morning, or on Mondays."""

MOST_MARKED = 1_000
"""Notifications that are marked one by one in one act."""


def mail_due(
    now: datetime, cadence: Cadence, quiet_from: time | None = None, quiet_until: time | None = None
) -> datetime:
    """When a mail about something that is added at ``now`` goes out: at its cadence, after quiet hours.

    What is added at 08:00 sharp is in the next digest. ``notifications.adding`` says the same in SQL.
    """
    local = now.astimezone(LOCAL).replace(tzinfo=None)
    slot = local
    if cadence is not Cadence.INSTANT:
        morning = datetime.combine(local.date(), MORNING)
        days = 1 if local >= morning else 0
        if cadence is Cadence.WEEKLY:
            days = -local.weekday() % 7
            days = 7 if days == 0 and local >= morning else days
        slot = morning + timedelta(days=days)
    return quiet_end(slot, quiet_from, quiet_until).replace(tzinfo=LOCAL).astimezone(now.tzinfo)


def quiet_end(at: datetime, quiet_from: time | None, quiet_until: time | None) -> datetime:
    """``at``, or the end of the quiet hours that it lies in; local times."""
    if quiet_from is None or quiet_until is None:
        return at
    clock, today = at.time(), datetime.combine(at.date(), quiet_until)
    if quiet_from < quiet_until:
        return today if quiet_from <= clock < quiet_until else at
    if clock >= quiet_from:
        return today + timedelta(days=1)
    return today if clock < quiet_until else at


def require_quiet_hours(quiet_from: time | None, quiet_until: time | None) -> None:
    """Refuse half of them, all day, and what is no local time to the minute."""
    for name, value in (("quietFrom", quiet_from), ("quietUntil", quiet_until)):
        if value is not None and (value.tzinfo is not None or value.second or value.microsecond):
            raise invalid(
                name,
                vi="giờ phải có dạng 22:00, theo giờ Việt Nam, không kèm múi giờ",
                en="a time like 22:00, as clocks show it in Vietnam, without a zone",
            )
    if (quiet_from is None) != (quiet_until is None):
        raise errors.QUIET_HOURS_INCOMPLETE.at("quietFrom" if quiet_from is None else "quietUntil")
    if quiet_from is not None and quiet_from == quiet_until:
        raise errors.QUIET_HOURS_ALL_DAY.at("quietUntil", time=f"{quiet_from:%H:%M}")


def clean_kinds(kinds: Iterable[str], *path: str | int) -> list[str]:
    """Each kind once, in the order in which they are declared; refuses one that is not known."""
    given = [str(kind) for kind in kinds]
    known = [kind.value for kind in NotificationKind]
    for position, kind in enumerate(given):
        if kind not in known:
            raise errors.UNKNOWN_NOTIFICATION_KIND.at(*path, position, kind=kind[:50], known=", ".join(known))
    return [kind for kind in known if kind in given]


def require_few(count: int, *path: str | int) -> None:
    """Refuse more than are marked one by one in one act."""
    if count > MOST_MARKED:
        raise too_many(count, *path)


def too_many(count: int, *path: str | int) -> Refused:
    return errors.TOO_MANY_NOTIFICATIONS.at(*path, given=count, limit=MOST_MARKED)
