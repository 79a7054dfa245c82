"""What a letter says: to one person, in their language, as text and as a page."""

from collections.abc import Sequence
from datetime import UTC
from email.headerregistry import Address
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from vdept.kernel.errors import Locale, Words
from vdept.notifications.facts import one_line
from vdept.notifications.mailing import mime
from vdept.notifications.mailing.claiming import Claimed, Told
from vdept.notifications.mailing.unsubscribing import Links
from vdept.notifications.models import NotificationKind
from vdept.notifications.words import sentence, subject_line

HERE = Path(__file__).parent
LONGEST_NAME = 100

KINDS: Final = {
    NotificationKind.ESCALATION: Words("Báo quá hạn lên cấp trên", "Overdue work, escalated"),
    NotificationKind.WARNING_OPENED: Words("Cảnh báo sớm", "Early warnings"),
    NotificationKind.VERDICT_ISSUED: Words("Kết luận", "Verdicts"),
    NotificationKind.EXTENSION_REQUESTED: Words("Yêu cầu gia hạn", "Requests for extension"),
    NotificationKind.REMINDER: Words("Nhắc hạn", "Reminders"),
    NotificationKind.REVIEW_DUE: Words("Nhắc xem lại việc tạm dừng", "Reviews of what is paused"),
    NotificationKind.DEADLINE_MOVED: Words("Hạn đã chuyển", "Due dates that moved"),
    NotificationKind.EXTENSION_DECIDED: Words("Quyết định gia hạn", "Decisions on extensions"),
    NotificationKind.DELIVERY_FAILED: Words("Không gửi được thông báo", "Deliveries that failed"),
    NotificationKind.READINGS_REJECTED: Words("Số liệu bị từ chối", "Readings that were rejected"),
    NotificationKind.SIGNAL_FOUND: Words("Dấu hiệu cần trả lời", "Signals to answer"),
    NotificationKind.FOCUS_ASKED: Words("Chọn mục tiêu trọng tâm", "Focus objectives to choose"),
    NotificationKind.FOCUS_ANSWERED: Words("Trả lời về trọng tâm", "Answers on focus objectives"),
    NotificationKind.LINK_PROPOSED: Words("Nhiệm vụ đề nghị tính cho chỉ tiêu", "Tasks proposed for targets"),
    NotificationKind.LINK_ANSWERED: Words("Trả lời về nhiệm vụ của chỉ tiêu", "Answers on tasks of targets"),
    NotificationKind.EDITION_PUBLISHED: Words("Ấn bản mới", "New editions"),
    NotificationKind.WARNING_CLOSED: Words("Hết cảnh báo", "Warnings that ended"),
}
"""The kinds as people call them, the most pressing first."""

_URGENCY: Final = {kind: place for place, kind in enumerate(KINDS)}
_LIST: Final = Words("Thông báo của Cục ảo", "Notifications of Virtual departments")


class Group(NamedTuple):
    """What is said of one subject: in a few words, and in sentences."""

    heading: str
    sentences: list[str]


def grouped(told: Sequence[Told], locale: Locale) -> list[Group]:
    """By subject, what presses most first; within a subject in the order in which it happened."""
    groups: dict[tuple[str, int], list[Told]] = {}
    for each in sorted(told, key=lambda each: (_URGENCY[each.kind], each.id)):
        groups.setdefault((each.subject_type, each.subject_id), []).append(each)
    return [
        Group(
            one_line(subject_line(first.kind, first.data, locale)),
            [
                one_line(sentence(each.kind, each.data, locale))
                for each in sorted([first, *others], key=lambda each: each.id)
            ],
        )
        for first, *others in groups.values()
    ]


class Letters:
    """Writes the letters of one installation."""

    def __init__(self, sender: Address, links: Links) -> None:
        self._sender = sender
        self._links = links
        self._list_ids = {
            locale: f"{mime.unstructured(_in(locale, _LIST))} <notifications.{sender.domain}>"
            for locale in Locale
        }
        self._from = mime.mailbox(sender.display_name, sender.addr_spec)

    def write(self, letter: Claimed) -> bytes:
        """The message; the same bytes however often. Raises ValueError for an address that is none."""
        locale = letter.locale
        groups = grouped(letter.told, locale)
        count = len(letter.told) + letter.omitted
        kinds = sorted({each.kind for each in letter.told}, key=_URGENCY.__getitem__)
        values = {
            "t": lambda vi, en: vi if locale is Locale.VI else en,
            "lang": locale.value,
            "name": one_line(letter.name)[:LONGEST_NAME],
            "subject": _subject(groups, count, locale),
            "groups": groups,
            "count": count,
            "omitted": letter.omitted,
            "stops": [
                (_in(locale, KINDS[kind]), self._links.link(letter.person_id, [kind])) for kind in kinds
            ],
        }
        return mime.alternative(
            self._headers(letter, values, self._links.link(letter.person_id, kinds)),
            _template("letter.txt").render(values),
            _template("letter.html").render(values),
            boundary=f"=_mail.{letter.id}",
        )

    def _headers(self, letter: Claimed, values: dict[str, Any], unsubscribe: str) -> dict[str, str]:
        domain = self._sender.domain
        headers = {
            "From": self._from,
            "To": mime.mailbox(values["name"], letter.email),
            "Subject": mime.unstructured(values["subject"]),
            "Date": format_datetime(letter.created_at.astimezone(UTC)),
            "Message-ID": f"<mail.{letter.id}@{domain}>",
            "Auto-Submitted": "auto-generated",
            "Precedence": "bulk",
            "List-Id": self._list_ids[letter.locale],
            "List-Unsubscribe": f"<{unsubscribe}>",
        }
        if self._links.secure:
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


def _subject(groups: list[Group], count: int, locale: Locale) -> str:
    """The most pressing one, and how many there are beside it."""
    first, others = groups[0].heading, count - 1
    if not others:
        return first
    return first + _in(locale, Words(f" và {others} thông báo khác", f" and {others} more"))


def _in(locale: Locale, words: Words) -> str:
    return words.vi if locale is Locale.VI else words.en


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
