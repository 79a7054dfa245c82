"""What an address below ``/editions/`` asks for. Codes of plans may hold slashes."""

import re
from typing import NamedTuple

from vdept.publications.models import EditionFormat

SUFFIXES = {
    EditionFormat.HTML: "html",
    EditionFormat.JSON: "json",
    EditionFormat.CSV: "csv",
    EditionFormat.EXCEL: "xlsx",
}
_FORMATS = {suffix: of for of, suffix in SUFFIXES.items()}
_FILE = re.compile(
    r"(.+)/([1-9][0-9]{0,8}|latest)(?:\.(json|csv|xlsx|html)|(/manifest))?", re.ASCII | re.DOTALL
)


class Asked(NamedTuple):
    """One file of one edition; ``number`` None: of the last; ``format`` None: its manifest."""

    plan_code: str
    number: int | None = None
    format: EditionFormat | None = None
    listing: bool = False


def asked_for(path: str) -> Asked:
    """Read an address; what names no file names a plan whose editions are listed."""
    path = path.strip("/")
    found = _FILE.fullmatch(path)
    latest = found is not None and found[2] == "latest"
    if found is None or (found[3] is None and found[4] is None and not latest):
        return Asked(path, listing=True)
    of = _FORMATS.get(found[3] or ("" if found[4] else "html"))
    return Asked(found[1], None if latest else int(found[2]), of)
