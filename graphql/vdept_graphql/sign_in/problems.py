"""What went wrong, as a page: what to do about it, and never what would help a guesser."""

from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from vdept.kernel.errors import Kind, Locale, Refused, Words
from vdept_graphql.csrf import CSRF_REFUSED
from vdept_graphql.errors import incident
from vdept_graphql.http import UNAVAILABLE, UNREACHABLE, locale_of
from vdept_graphql.pages import render
from vdept_graphql.sign_in.session import address_of, security
from vdept_graphql.throttle import Wait

STATUS = {Kind.INVALID: 400, Kind.FORBIDDEN: 403, Kind.NOT_FOUND: 404, Kind.CONFLICT: 409}

NOT_DONE = Words("Chưa thực hiện được", "That did not work")
AWAY = Words("Hệ thống đang bận", "Temporarily unavailable")
SLOWER = Words("Hãy thử lại sau ít phút", "Please try again in a few minutes")


class TooMany(Exception):
    """Somebody asks too often. ``wait``: how long until it is allowed again."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(str(wait))
        self.wait = wait


def reader(request: Request[Any, Any, Any]) -> Locale:
    """The language a page is shown in: what the browser asks for, Vietnamese unless it asks."""
    return locale_of(request.headers.get("accept-language")) or Locale.VI


def problem(locale: Locale, status: int, title: Words, text: Words) -> Response[bytes]:
    """A page that says what went wrong, with a way back to signing in."""
    return render("problem", locale, status=status, heading=title, text=text)


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Whatever escapes a handler of these pages."""
    locale = reader(request)
    if isinstance(error, Refused):
        if error.refusal is CSRF_REFUSED:
            security.warning("form refused", reason=error.code, address=address_of(request))
        said = Words(error.message(Locale.VI), error.message(Locale.EN))
        return problem(locale, STATUS[error.refusal.kind], NOT_DONE, said)
    if isinstance(error, TooMany):
        minutes = -(-error.wait // 60)
        text = Words(
            f"Đã có quá nhiều lần thử từ địa chỉ mạng này. Hãy thử lại sau {minutes} phút.",
            f"There have been too many attempts from this network address. Try again in {minutes} minutes.",
        )
        response = problem(locale, 429, SLOWER, text)
        response.headers.update(error.wait.headers)
        return response
    if isinstance(error, UNREACHABLE):
        incident(error)
        return problem(locale, 503, AWAY, Words(UNAVAILABLE[Locale.VI], UNAVAILABLE[Locale.EN]))
    if isinstance(error, HTTPException) and error.status_code < 500:
        text = Words(
            "Trình duyệt gửi một yêu cầu mà hệ thống không đọc được. Hãy quay lại và thử lần nữa.",
            "The browser sent a request that cannot be read. Go back and try once more.",
        )
        return problem(locale, error.status_code, NOT_DONE, text)
    number = incident(error)
    text = Words(
        f"Lỗi hệ thống, mã sự cố {number}. Hãy gửi mã này cho quản trị viên.",
        f"Internal error, incident {number}. Send this id to the administrator.",
    )
    return problem(locale, 500, NOT_DONE, text)
