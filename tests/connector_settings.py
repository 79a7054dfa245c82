"""Settings of connectors that tests begin with, one of each kind; and a refusal, held to both languages."""

from ipaddress import ip_network
from typing import Any

import pytest

from vdept.kernel.errors import Locale, Refused
from vdept.sources.connectors.settings import (
    ColumnField,
    JsonField,
    JsonSetting,
    QuerySetting,
    ReadingField,
    TableSetting,
)

F = ReadingField
HERE = (ip_network("10.1.0.0/16"),)

JSON = JsonSetting(
    url="https://so-lieu.hue.gov.vn/api/values?period=202603",
    rows="$.dataValues[?@.deleted == false]",
    fields=(
        JsonField(F.UNIT, path="$.orgUnit", codes={"DiszpKrYNg8": "H57"}),
        JsonField(F.INDICATOR, path="$.dataElement", codes={"f7n9E0hX8qk": "CS-1"}),
        JsonField(F.AS_OF, path="$.period"),
        JsonField(F.VALUE, path="$.value"),
        JsonField(F.NOTE, path="$.comment"),
        JsonField(F.UNIT_OF_MEASURE, fixed="%"),
    ),
)
COLUMNS = (
    ColumnField(F.UNIT, column="Mã đơn vị"),
    ColumnField(F.INDICATOR, fixed="CS-1"),
    ColumnField(F.AS_OF, column="Ngày"),
    ColumnField(F.VALUE, column="Giá trị"),
)
TABLE = TableSetting(url="https://so-lieu.hue.gov.vn/q1.csv", fields=COLUMNS)
QUERY = QuerySetting(
    host="10.1.2.3", tls=False, database="kho", user="doc", query="SELECT * FROM so_lieu", fields=COLUMNS
)

UNIT, INDICATOR = JsonField(F.UNIT, path="$.u"), JsonField(F.INDICATOR, fixed="CS-1")
AS_OF, VALUE = JsonField(F.AS_OF, path="$.d"), JsonField(F.VALUE, path="$.v")


def refusal_of(act: Any) -> tuple[str, tuple[str | int, ...]]:
    with pytest.raises(Refused) as error:
        act()
    for locale in Locale:
        assert "{" not in error.value.message(locale)
    return error.value.code, error.value.path
