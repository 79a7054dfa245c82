"""JSONPaths (RFC 9535) that whoever runs a source writes, bounded in what they can cost.

A path costs no more than a few visits of each node of the document: one selector in each segment (several
multiply), one descent at most (rows that are found by one lie within each other, and no field descends in
them again), filters that compare what lies directly below a node, and no regular
expressions, which can be written so that they never end.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonpath import CompoundJSONPath, JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch
from jsonpath.filter import BaseExpression, FilterQuery, RelativeFilterQuery
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter, IndexSelector, NameSelector

from vdept.kernel.errors import Refused
from vdept.sources.connectors.errors import CONNECTOR_PATH

MAX_PATH = 500
MAX_SEGMENTS = 20
MAX_FILTER = 30
"""Parts that a filter consists of."""


class _Environment(JSONPathEnvironment):
    """RFC 9535 to the letter, without regular expressions."""

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        for name in ("match", "search"):
            self.function_extensions.pop(name)


_ENVIRONMENT = _Environment(strict=True)


@lru_cache(maxsize=4_096)
def compiled(path: str) -> JSONPath:
    """The path, ready to be asked; raises CONNECTOR_PATH for one that is none or may cost too much."""
    if not 1 <= len(path) <= MAX_PATH:
        raise _refused(f"phải dài 1–{MAX_PATH} ký tự", f"it has 1 to {MAX_PATH} characters")
    try:
        made = _ENVIRONMENT.compile(path)
    except (JSONPathError, RecursionError) as error:
        said = str(error.args[0] if error.args else "").split("\n")[0][:120]
        raise _refused(f"sai cú pháp ({said})", f"its syntax is wrong ({said})") from None
    if isinstance(made, CompoundJSONPath):
        raise _refused("phải là một đường dẫn duy nhất", "it must be a single path")
    _require_bounded(made)
    return made


def descends(path: str) -> bool:
    """Whether the path looks at all depths (``..``)."""
    return any(isinstance(segment, JSONPathRecursiveDescentSegment) for segment in compiled(path).segments)


def _require_bounded(path: JSONPath) -> None:
    if len(path.segments) > MAX_SEGMENTS:
        raise _refused(f"quá {MAX_SEGMENTS} bước", f"it has more than {MAX_SEGMENTS} segments")
    descents = filters = 0
    for segment in path.segments:
        if len(segment.selectors) != 1:
            raise _refused(
                "mỗi bước chỉ được một bộ chọn, không có dấu phẩy trong [ ]",
                "each segment may have one selector, without a comma in [ ]",
            )
        descents += isinstance(segment, JSONPathRecursiveDescentSegment)
        for selector in segment.selectors:
            if isinstance(selector, Filter):
                filters += 1
                _require_simple(selector.expression)
    if descents > 1:
        raise _refused("chỉ được dùng .. một lần", "it may descend (..) once")
    if filters > 2:
        raise _refused("chỉ được hai bộ lọc", "it may have two filters")


def _require_simple(expression: BaseExpression) -> None:
    """Of a filter: what it asks for is found by name or place directly below the node it looks at."""
    parts = [expression]
    for count, part in enumerate(parts):
        if count > MAX_FILTER:
            raise _refused("bộ lọc quá dài", "a filter is too long")
        if isinstance(part, FilterQuery):
            direct = isinstance(part, RelativeFilterQuery) and all(
                not isinstance(segment, JSONPathRecursiveDescentSegment)
                and all(isinstance(one, NameSelector | IndexSelector) for one in segment.selectors)
                and len(segment.selectors) == 1
                for segment in part.path.segments
            )
            if not direct:
                raise _refused(
                    "bộ lọc chỉ được so sánh các trường trực tiếp như @.code",
                    "a filter may compare what lies directly below, such as @.code",
                )
        else:
            parts += part.children()


def found(path: str, document: Any) -> Iterator[JSONPathMatch]:
    """What the path leads to, one after the other; raises CONNECTOR_PATH where the document is too deep."""
    try:
        yield from compiled(path).finditer(document)
    except (JSONPathError, RecursionError):
        raise _refused("tài liệu lồng nhau quá sâu", "the document is nested too deeply") from None


def first(path: str, document: Any) -> Any:
    """The first that the path leads to; None where it leads nowhere."""
    match = next(found(path, document), None)
    return None if match is None else match.obj


def _refused(vi: str, en: str) -> Refused:
    return CONNECTOR_PATH.at(reason_vi=vi, reason=en)
