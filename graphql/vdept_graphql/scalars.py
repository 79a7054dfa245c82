"""Scalars: exact decimals, local dates, instants."""

from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

WHOLE_DIGITS, FRACTION_DIGITS = 18, 6
LONGEST = 100
"""Characters and digits of a number as written; no number that can be kept needs as many."""

_EXACT = Context(prec=LONGEST)


def parse_decimal(value: object) -> Decimal:
    """An exact decimal from a string, or from a JSON number that was never a binary float."""
    if type(value) is str and len(value) <= WHOLE_DIGITS and value.isdecimal() and value.isascii():
        return Decimal(value)  # most of the thousands that come at once are counts
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise GraphQLError('Decimal: give a string such as "12.5".')
    if isinstance(value, str) and len(value) > LONGEST:
        raise GraphQLError(f"Decimal: at most {LONGEST} characters.")
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        raise GraphQLError('Decimal: not a number; give a string such as "12.5".') from None
    if not number.is_finite():
        raise GraphQLError("Decimal: must be finite.")
    if not number:
        return Decimal(0)
    if number.adjusted() >= WHOLE_DIGITS:
        raise GraphQLError(f"Decimal: at most {WHOLE_DIGITS} digits before the decimal point.")
    if number.adjusted() < -FRACTION_DIGITS or len(number.as_tuple().digits) > LONGEST:
        raise GraphQLError(f"Decimal: at most {FRACTION_DIGITS} decimal places.")
    number = _EXACT.normalize(number)  # trailing zeros go, so that every digit left is one to be kept
    if int(number.as_tuple().exponent) < -FRACTION_DIGITS:
        raise GraphQLError(f"Decimal: at most {FRACTION_DIGITS} decimal places.")
    return number


def parse_decimal_literal(node: ValueNode, _variables: Any = None) -> Decimal:
    if isinstance(node, StringValueNode | IntValueNode | FloatValueNode):
        return parse_decimal(node.value)
    raise GraphQLError('Decimal: give a string such as "12.5".', node)


def write_decimal(value: Decimal | int) -> str:
    """Plain notation without trailing zeros: ``17.500000`` is ``"17.5"``."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_date(value: object) -> date:
    try:
        if isinstance(value, str) and len(value) == len("2026-12-31") and value[4] == value[7] == "-":
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise GraphQLError("Date: give a day of the calendar as YYYY-MM-DD.")


def parse_datetime(value: object) -> datetime:
    try:
        if isinstance(value, str):
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is not None:
                return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise GraphQLError("DateTime: give an instant with its offset, such as 2026-03-02T10:00:00+07:00.")


def write_datetime(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(value: object) -> time:
    try:
        if isinstance(value, str) and len(value) == len("22:00") and value[2] == ":":
            return time.fromisoformat(value)
    except ValueError:
        pass
    raise GraphQLError("Time: give a time of day as HH:MM, 00:00 to 23:59.")


def write_time(value: time) -> str:
    return f"{value:%H:%M}"


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number (số thập phân), as a string: `"17.5"`. Never rounded through '
        "binary floating point. Input takes strings and numbers, up to six decimal places.",
        serialize=write_decimal,
        parse_value=parse_decimal,
        parse_literal=parse_decimal_literal,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day of the calendar (ngày) in Asia/Ho_Chi_Minh, as `YYYY-MM-DD`.",
        serialize=date.isoformat,
        parse_value=parse_date,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant (thời điểm), in UTC, as `2026-03-02T03:00:00Z`.",
        serialize=write_datetime,
        parse_value=parse_datetime,
    ),
    time: strawberry.scalar(
        name="Time",
        description="A time of day (giờ) in Asia/Ho_Chi_Minh, to the minute, as `HH:MM`.",
        serialize=write_time,
        parse_value=parse_time,
    ),
}
