"""What a connector is set by: one input for each kind, and the credentials that go in and never out."""

from typing import Any

import strawberry
from msgspec import UNSET, UnsetType
from strawberry import field
from strawberry.types.unset import UnsetType as LeftOut

from vdept.sources.connectors import credentials as shown
from vdept.sources.connectors import settings
from vdept.sources.connectors.credentials import Credentials
from vdept.sources.connectors.settings import DEFAULT_SECONDS, ReadingField, Setting
from vdept.sources.models import ConnectorKind
from vdept_graphql.source_connectors import codes_of

SECONDS = "How long one answer may take, 1 to 60 seconds."
URL = (
    "Where: https on a public host, without user or password; an http address only in a network that the "
    "operator has listed."
)
FIELD = "Which part of a reading."
FIXED = "The same in all rows."
CODES = "What their codes are here, for UNIT and INDICATOR; a code that is not listed stays as it is."
FIELDS = "Where each part of a reading is: UNIT, INDICATOR, AS_OF, and VALUE or NUMERATOR and DENOMINATOR."


@strawberry.input(description="A code of theirs and the code of the same thing here.")
class CodePairInput:
    """A translation."""

    theirs: str = field(description="As the source calls it.")
    ours: str = field(description="The code of the unit or indicator.")


@strawberry.input(
    description="Where a part of a reading is in a JSON document; one of `path`, `documentPath`, `fixed` and "
    "`level`."
)
class JsonFieldInput:
    """One part."""

    field: ReadingField = strawberry.field(description=FIELD)
    path: str | None = strawberry.field(
        default=None, description="A JSONPath (RFC 9535) in the row: `$` is it."
    )
    document_path: str | None = strawberry.field(
        default=None, description="A JSONPath in the whole document, for what is the same in all rows."
    )
    fixed: str | None = strawberry.field(default=None, description=FIXED)
    level: int | None = strawberry.field(
        default=None,
        description="The name or number under which the row stands: 0 its own, 1 that of what it is in, and "
        "so on. SDMX-JSON has its dimensions there.",
    )
    part: int | None = strawberry.field(
        default=None, description="With `level`: which part of a name such as `0:3:1`, from 0."
    )
    lookup: str | None = strawberry.field(
        default=None,
        description="With `level`: a JSONPath in the document to a list in which that number is looked up.",
    )
    codes: list[CodePairInput] = strawberry.field(default_factory=list, description=CODES)

    def plain(self) -> settings.JsonField:
        return settings.JsonField(
            field=self.field,
            path=self.path,
            document_path=self.document_path,
            fixed=self.fixed,
            level=self.level,
            part=self.part,
            lookup=self.lookup,
            codes=codes_of(self.codes),
        )


@strawberry.input(description="Where a part of a reading is in a table; `column` or `fixed`.")
class ColumnFieldInput:
    """One part."""

    field: ReadingField = strawberry.field(description=FIELD)
    column: str | None = strawberry.field(
        default=None, description="The column's name; of a file in any case, with or without marks."
    )
    fixed: str | None = strawberry.field(default=None, description=FIXED)
    codes: list[CodePairInput] = strawberry.field(default_factory=list, description=CODES)

    def plain(self) -> settings.ColumnField:
        return settings.ColumnField(
            field=self.field, column=self.column, fixed=self.fixed, codes=codes_of(self.codes)
        )


@strawberry.input(description="A JSON document at a URL.")
class JsonConnectorInput:
    """What is asked."""

    url: str = field(description=URL)
    rows: str = field(
        description="A JSONPath (RFC 9535) to the rows, such as `$.dataValues[*]`: one selector a segment, "
        "at most one `..`, filters that compare what lies directly below (`[?@.deleted == false]`)."
    )
    fields: list[JsonFieldInput] = field(description=FIELDS)
    timeout_seconds: int = field(default=DEFAULT_SECONDS, description=SECONDS)

    def plain(self) -> settings.JsonSetting:
        fields = tuple(one.plain() for one in self.fields)
        return settings.JsonSetting(self.url, self.rows, fields, self.timeout_seconds)


@strawberry.input(description="A CSV file or an Excel workbook at a URL.")
class TableConnectorInput:
    """What is asked."""

    url: str = field(description=URL)
    fields: list[ColumnFieldInput] = field(description=FIELDS)
    sheet: str | None = field(default=None, description="Of a workbook; the first that is visible.")
    header_row: int | None = field(
        default=None, description="The number of the row with the columns' names; the first not blank."
    )
    decimal_mark: str | None = field(
        default=None,
        description="`.` or `,`; unless given a comma in files separated by semicolons, else a point.",
    )
    timeout_seconds: int = field(default=DEFAULT_SECONDS, description=SECONDS)

    def plain(self) -> settings.TableSetting:
        return settings.TableSetting(
            url=self.url,
            fields=tuple(one.plain() for one in self.fields),
            sheet=self.sheet,
            header_row=self.header_row,
            decimal_mark=self.decimal_mark,
            timeout_seconds=self.timeout_seconds,
        )


@strawberry.input(description="A query of a PostgreSQL database; its password is in `credentials`.")
class PostgresqlConnectorInput:
    """What is asked."""

    host: str = field(description="A public host name, or an address in a network that the operator listed.")
    port: int = field(default=5432, description="Its port.")
    database: str = field(description="The database's name.")
    user: str = field(description="Who asks: a user that may read and do nothing else.")
    tls: bool = field(default=True, description="False only for an address in a listed network.")
    query: str = field(description="A single SELECT; it runs in a READ ONLY transaction.")
    fields: list[ColumnFieldInput] = field(description=FIELDS)
    timeout_seconds: int = field(default=DEFAULT_SECONDS, description=SECONDS)

    def plain(self) -> settings.QuerySetting:
        return settings.QuerySetting(
            host=self.host,
            port=self.port,
            database=self.database,
            user=self.user,
            tls=self.tls,
            query=self.query,
            fields=tuple(one.plain() for one in self.fields),
            timeout_seconds=self.timeout_seconds,
        )


@strawberry.input(one_of=True, description="What a connector asks: one of these.")
class ConnectorInput:
    """One kind."""

    http_json: JsonConnectorInput | None = field(default=strawberry.UNSET, description="A JSON document.")
    http_csv: TableConnectorInput | None = field(default=strawberry.UNSET, description="A CSV file.")
    http_excel: TableConnectorInput | None = field(default=strawberry.UNSET, description="A workbook.")
    postgresql: PostgresqlConnectorInput | None = field(default=strawberry.UNSET, description="A database.")

    def plain(self) -> tuple[str, ConnectorKind, Setting]:
        """The name of the kind in the API, the kind, and its setting."""
        given: list[tuple[str, ConnectorKind, Any]] = [
            ("httpJson", ConnectorKind.HTTP_JSON, self.http_json),
            ("httpCsv", ConnectorKind.HTTP_CSV, self.http_csv),
            ("httpExcel", ConnectorKind.HTTP_EXCEL, self.http_excel),
            ("postgresql", ConnectorKind.POSTGRESQL, self.postgresql),
        ]
        return next((name, kind, one.plain()) for name, kind, one in given if one)


@strawberry.input(description="A user and a password, shown with HTTP Basic.")
class BasicCredentialsInput:
    """Both."""

    user: str = field(description="Without a colon.")
    password: str = field(description="Kept encrypted, never shown.")


@strawberry.input(description="A header with a secret value.")
class HeaderCredentialsInput:
    """Both."""

    name: str = field(description="Such as `X-Api-Key`.")
    value: str = field(description="Kept encrypted, never shown.")


@strawberry.input(one_of=True, description="What a source is shown to let the platform in: one of these.")
class CredentialsInput:
    """One way."""

    bearer: str | None = field(default=strawberry.UNSET, description="A token: `Authorization: Bearer …`.")
    basic: BasicCredentialsInput | None = field(default=strawberry.UNSET, description="User and password.")
    header: HeaderCredentialsInput | None = field(default=strawberry.UNSET, description="Another header.")
    password: str | None = field(default=strawberry.UNSET, description="The password of a database's user.")

    def plain(self) -> Credentials | None:
        if isinstance(self.bearer, str):
            return shown.Bearer(self.bearer)
        if isinstance(self.basic, BasicCredentialsInput):
            return shown.Basic(self.basic.user, self.basic.password)
        if isinstance(self.header, HeaderCredentialsInput):
            return shown.Header(self.header.name, self.header.value)
        return shown.Password(self.password) if isinstance(self.password, str) else None


def credentials_of(given: CredentialsInput | LeftOut | None) -> Credentials | UnsetType | None:
    """Left out: as they are; null: none."""
    if isinstance(given, LeftOut):
        return UNSET
    return None if given is None else given.plain()
