"""Failures on their way to the client: expected ones with a code and a sentence, bugs with an incident id."""

import importlib
import pkgutil
import secrets
import traceback
from enum import Enum
from typing import TYPE_CHECKING, Any

import sqlalchemy.exc
import strawberry
import structlog
from graphql import GraphQLError

import vdept
from vdept.kernel.errors import REGISTRY, UNAUTHENTICATED, Kind, Locale, Refused, RefusedMany, refusal
from vdept_graphql.context import Context

log = structlog.get_logger("vdept.graphql")

INVALID_ID = refusal(
    "INVALID_ID",
    Kind.INVALID,
    vi="Mã định danh không hợp lệ: cần mã của {expected}, lấy từ trường id của chính đối tượng đó.",
    en="The id is not valid: give the id of a {expected}, as read from that object's id field.",
)
TOO_MANY_ITEMS = refusal(
    "TOO_MANY_ITEMS",
    Kind.INVALID,
    vi="Quá nhiều mục: {given}, tối đa {limit} mục một lần.",
    en="Too many items: {given}; at most {limit} at a time.",
)
CONFLICT = refusal(
    "CONFLICT",
    Kind.CONFLICT,
    vi="Trùng với dữ liệu vừa được người khác ghi ({constraint}). Tải lại rồi thử lại.",
    en="It collides with what somebody else has just written ({constraint}). Reload and try again.",
)
TRY_AGAIN = refusal(
    "TRY_AGAIN",
    Kind.CONFLICT,
    vi="Dữ liệu này đang được người khác thay đổi. Không có gì được ghi; hãy gửi lại yêu cầu.",
    en="Somebody else is changing this at the same moment. Nothing was written; send the request again.",
)
TOO_SLOW = refusal(
    "TOO_SLOW",
    Kind.CONFLICT,
    vi="Yêu cầu vượt quá thời gian cho phép và không ghi gì. Hãy hỏi ít hơn: lọc hẹp lại, trang nhỏ hơn.",
    en="The request took longer than allowed and wrote nothing. Ask for less: a filter, smaller pages.",
)
UNSTORABLE_TEXT = refusal(
    "UNSTORABLE_TEXT",
    Kind.INVALID,
    vi="Văn bản có ký tự không lưu được (ký tự rỗng U+0000). Hãy bỏ ký tự đó.",
    en="The text has a character that cannot be stored (the null character U+0000). Remove it.",
)
OUT_OF_RANGE = refusal(
    "OUT_OF_RANGE",
    Kind.INVALID,
    vi="Một con số nằm ngoài khoảng lưu được. Hãy kiểm tra lại các con số.",
    en="A number is out of the range that can be stored. Check the numbers.",
)

_BY_SQLSTATE = {
    "23505": CONFLICT,  # unique_violation
    "23P01": CONFLICT,  # exclusion_violation
    "23503": CONFLICT,  # foreign_key_violation: what it refers to has just gone
    "40001": TRY_AGAIN,  # serialization_failure
    "40P01": TRY_AGAIN,  # deadlock_detected
    "55P03": TRY_AGAIN,  # lock_not_available
    "57014": TOO_SLOW,  # query_canceled
    "22021": UNSTORABLE_TEXT,  # character_not_in_repertoire
    "22P05": UNSTORABLE_TEXT,  # untranslatable_character
    "22000": OUT_OF_RANGE,  # data_exception: the driver cannot write the value in its column's type
    "22003": OUT_OF_RANGE,  # numeric_value_out_of_range
    "22008": OUT_OF_RANGE,  # datetime_field_overflow
}


def import_refusals() -> None:
    """Import every feature's ``errors`` module, so that the registry is complete."""
    for module in pkgutil.walk_packages(vdept.__path__, "vdept."):
        if module.name.endswith(".errors"):
            importlib.import_module(module.name)


import_refusals()


class ErrorCode(Enum):
    """The members are the registry's codes; they are filled in below."""


if not TYPE_CHECKING:
    ErrorCode = strawberry.enum(
        Enum(
            "ErrorCode",
            {code: strawberry.enum_value(code, description=REGISTRY[code].en) for code in sorted(REGISTRY)},
        ),
        description="Why something was refused. A code never changes its meaning.",
    )


@strawberry.type(
    description="An expected failure (lỗi nghiệp vụ): nothing was changed; the message says what to do."
)
class UserError:
    """One refusal of a mutation, as data."""

    code: ErrorCode = strawberry.field(description="The name of the refusal, for programs.")
    message: str = strawberry.field(description="What is wrong and what to do, in the caller's language.")
    path: list[str] = strawberry.field(
        description="Which part of the input is at fault, from `input` inwards; empty: the act as a whole."
    )


def refused_of(error: BaseException | None) -> list[Refused]:
    """The refusals that ``error`` stands for; an empty list if it is a bug."""
    match error:
        case Refused():
            return [error]
        case RefusedMany():
            return error.refusals
        case sqlalchemy.exc.DBAPIError():
            known = _BY_SQLSTATE.get(str(getattr(error.orig, "sqlstate", "")))
            if known is not None:
                return [known.at(constraint=_constraint(error))]
    return []


def _constraint(error: sqlalchemy.exc.DBAPIError) -> str:
    cause = getattr(error.orig, "__cause__", None) or error.orig
    return str(getattr(cause, "constraint_name", None) or "-")


def user_errors(error: BaseException, locale: Locale) -> list[UserError]:
    """``error`` as data of a payload; raises it again if it is a bug."""
    refusals = refused_of(error)
    if not refusals:
        raise error
    return [
        UserError(code=ErrorCode(one.code), message=one.message(locale), path=[str(p) for p in one.path])
        for one in refusals
    ]


def incident(error: BaseException, **where: Any) -> str:
    """Log a bug with everything known about it; returns the id that the caller may quote."""
    number = secrets.token_hex(6)
    log.error("incident", incident=number, trace="".join(traceback.format_exception(error)), **where)
    return number


def internal_error(number: str, locale: Locale) -> dict[str, Any]:
    """What a caller is told about a bug: its incident id, nothing else."""
    message = (
        f"Lỗi hệ thống, mã sự cố {number}. Hãy gửi mã này cho quản trị viên."
        if locale is Locale.VI
        else f"Internal error, incident {number}. Send this id to the administrator."
    )
    return {"message": message, "extensions": {"code": "INTERNAL_ERROR", "incident": number}}


def refused_body(error: Refused, locale: Locale) -> dict[str, Any]:
    """A refusal in the form of a GraphQL error."""
    extensions: dict[str, Any] = {"code": error.code}
    if error.path:
        extensions["path"] = [str(part) for part in error.path]
    return {"message": error.message(locale), "extensions": extensions}


def unauthenticated(locale: Locale) -> dict[str, Any]:
    return refused_body(UNAUTHENTICATED.at(), locale)


def present(error: GraphQLError, context: Context, code: str = "BAD_USER_INPUT") -> list[dict[str, Any]]:
    """A GraphQL error as the client sees it: named, or masked with an incident id.

    ``code`` names errors of the request itself, which come from the GraphQL library with a clear message.
    """
    place: dict[str, Any] = {}
    if error.locations:
        place["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        place["path"] = error.path
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    refusals = refused_of(original)
    if refusals:
        return [{**refused_body(one, context.locale), **place} for one in refusals]
    if original is None or isinstance(original, GraphQLError) or error.path is None:
        extensions = {"code": code, **(error.extensions or {})}
        return [{"message": error.message, **place, "extensions": extensions}]
    number = incident(original, path=error.path, actor=context.actor.key)
    return [{**internal_error(number, context.locale), **place}]
