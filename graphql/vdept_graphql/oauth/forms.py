"""The parameters of an OAuth request, read strictly (RFC 6749, sections 3.1, 3.2 and appendix B).

A parameter given twice is refused: whoever reads the first and whoever reads the last would not agree on
what was asked. One without a value counts as left out.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import InvalidRequestError

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 32_000
MAX_QUERY = 2_000
"""Longer requests would not survive the way through the sign-in page."""
MAX_FIELDS = 50

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Parameters(NamedTuple):
    """Values by name, and which names were given more than once (their values are left out)."""

    values: Mapping[str, str]
    repeated: frozenset[str]

    def require_single(self) -> Mapping[str, str]:
        """The values; InvalidRequestError if one was given twice."""
        if self.repeated:
            raise InvalidRequestError("A parameter is given more than once.")
        return self.values


def read(encoded: bytes) -> Parameters:
    """The parameters of a form or query string; InvalidRequestError for what is none."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:  # a UnicodeDecodeError is one
        raise InvalidRequestError("The parameters are not form-urlencoded UTF-8.") from None
    return checked(pairs)


def checked(pairs: list[tuple[str, str]]) -> Parameters:
    """The same of what was taken apart before; InvalidRequestError where something cannot be text."""
    if any(_CONTROL.search(text) for pair in pairs for text in pair):
        raise InvalidRequestError("A parameter has control characters.")
    counts = Counter(name for name, _ in pairs)
    repeated = frozenset(name for name, count in counts.items() if count > 1)
    return Parameters({name: value for name, value in pairs if value and name not in repeated}, repeated)


def require_form(content_type: str) -> None:
    """InvalidRequestError unless a body of this type is a form in UTF-8."""
    kind, _, options = content_type.partition(";")
    charset = options.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != FORM or charset not in {"", "utf-8", "utf8"}:
        raise InvalidRequestError(f"Send the parameters as {FORM} in UTF-8.")
