"""What a connector may ask and how its answer is read: rules that need no server."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_settings import AS_OF, HERE, INDICATOR, JSON, QUERY, TABLE, UNIT, VALUE, F, refusal_of
from vdept.kernel.errors import Refused
from vdept.kernel.vault import Vault, VaultError
from vdept.sources.connectors.credentials import (
    Basic,
    Bearer,
    Credentials,
    Header,
    Password,
    checked,
    headers_of,
    opened,
    seal,
)
from vdept.sources.connectors.errors import FAILURES
from vdept.sources.connectors.pace import SHORTEST, SPREAD, retry_in
from vdept.sources.connectors.paths import compiled
from vdept.sources.connectors.settings import (
    JsonField,
    cleaned,
    restored,
    stored,
    where,
)
from vdept.sources.models import ConnectorKind


def with_fields(setting: Any, *fields: Any) -> Any:
    return msgspec.structs.replace(setting, fields=fields)


# The setting


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (ConnectorKind.HTTP_JSON, JSON),
        (ConnectorKind.HTTP_CSV, TABLE),
        (ConnectorKind.HTTP_EXCEL, TABLE),
        (ConnectorKind.POSTGRESQL, QUERY),
    ],
    ids=["json", "csv", "excel", "postgresql"],
)
def test_a_setting_that_can_work_is_kept_and_read_back_as_it_was(kind: ConnectorKind, setting: Any) -> None:
    kept = cleaned(kind, setting, HERE)
    assert restored(kind, msgspec.json.decode(msgspec.json.encode(stored(kept)))) == kept


def test_a_setting_of_another_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        cleaned(ConnectorKind.HTTP_JSON, TABLE, HERE)


@pytest.mark.parametrize(
    "url",
    [
        "http://so-lieu.hue.gov.vn/x",
        "https://localhost/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://10.2.0.1/x",
        "https://user:secret@so-lieu.hue.gov.vn/",
        "ftp://so-lieu.hue.gov.vn/",
        "file:///etc/passwd",
        "https://0x7f.1/",
        "",
    ],
)
def test_an_address_that_may_not_be_asked_is_refused(url: str) -> None:
    setting = msgspec.structs.replace(JSON, url=url)
    assert refusal_of(lambda: cleaned(ConnectorKind.HTTP_JSON, setting, HERE)) == (
        "CONNECTOR_ADDRESS",
        ("url",),
    )


def test_an_address_of_a_network_that_the_operator_has_listed_may_be_asked_without_tls() -> None:
    setting = msgspec.structs.replace(JSON, url="http://10.1.9.9:8080/x")
    assert cleaned(ConnectorKind.HTTP_JSON, setting, HERE) == setting


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"host": "127.0.0.1"}, "host"),
        ({"host": "10.1.2.3/x"}, "host"),
        ({"host": "a@10.1.2.3"}, "host"),
        ({"host": "kho"}, "host"),
        ({"host": "KHO.hue.gov.vn", "tls": True}, "host"),
        ({"host": "kho.hue.gov.vn"}, "host"),  # without TLS
        ({"port": 0}, "port"),
        ({"port": 70_000}, "port"),
        ({"query": "  "}, "query"),
        ({"query": "DELETE FROM so_lieu"}, "query"),
        ({"query": "SELECT 1; DROP TABLE x"}, "query"),
        ({"user": ""}, "user"),
        ({"database": "a\nb"}, "database"),
        ({"timeout_seconds": 61}, "timeoutSeconds"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(f"{k}={v}" for k, v in value.items()),
)
def test_a_query_that_may_not_be_asked_is_refused_with_its_place(change: dict[str, Any], path: str) -> None:
    setting = msgspec.structs.replace(QUERY, **change)
    assert refusal_of(lambda: cleaned(ConnectorKind.POSTGRESQL, setting, HERE))[1] == (path,)


def test_a_named_host_is_asked_over_tls() -> None:
    setting = msgspec.structs.replace(QUERY, host="kho.hue.gov.vn", tls=True)
    assert cleaned(ConnectorKind.POSTGRESQL, setting, HERE) == setting


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ((UNIT, INDICATOR, AS_OF), ("fields",)),
        ((UNIT, INDICATOR, VALUE), ("fields",)),
        ((UNIT, AS_OF, VALUE), ("fields",)),
        ((UNIT, INDICATOR, AS_OF, JsonField(F.NUMERATOR, path="$.n")), ("fields",)),
        ((UNIT, UNIT, INDICATOR, AS_OF, VALUE), ("fields", 1)),
        ((UNIT, INDICATOR, AS_OF, JsonField(F.VALUE)), ("fields", 3)),
        ((UNIT, INDICATOR, AS_OF, JsonField(F.VALUE, path="$.v", fixed="1")), ("fields", 3)),
        ((UNIT, INDICATOR, AS_OF, JsonField(F.VALUE, path="v")), ("fields", 3, "path")),
        ((UNIT, INDICATOR, AS_OF, JsonField(F.VALUE, path="$.v", part=1)), ("fields", 3)),
        ((UNIT, INDICATOR, AS_OF, JsonField(F.VALUE, level=10)), ("fields", 3)),
        ((UNIT, INDICATOR, AS_OF, JsonField(F.VALUE, level=0, lookup="$..*..*")), ("fields", 3, "lookup")),
        ((UNIT, INDICATOR, AS_OF, JsonField(F.VALUE, path="$.v", codes={"a": "b"})), ("fields", 3)),
        ((JsonField(F.UNIT, fixed=" "), INDICATOR, AS_OF, VALUE), ("fields", 0, "fixed")),
        ((JsonField(F.UNIT, path="$.u", codes={"a": ""}), INDICATOR, AS_OF, VALUE), ("fields", 0, "codes")),
    ],
    ids=[
        *("no value", "no date", "no indicator", "half a ratio", "twice", "no way", "two ways", "no path"),
        *("a part of nothing", "too high", "costly lookup", "codes of a value", "blank", "empty code"),
    ],
)
def test_a_field_that_cannot_be_read_is_refused_with_its_place(
    fields: tuple[JsonField, ...], path: tuple[str | int, ...]
) -> None:
    setting = with_fields(JSON, *fields)
    assert refusal_of(lambda: cleaned(ConnectorKind.HTTP_JSON, setting, HERE))[1] == path


def test_rows_found_at_all_depths_are_not_searched_at_all_depths_again() -> None:
    fields = (UNIT, INDICATOR, AS_OF, JsonField(F.VALUE, path="$..v"))
    flat = msgspec.structs.replace(JSON, rows="$.rows[*]", fields=fields)
    assert cleaned(ConnectorKind.HTTP_JSON, flat, HERE) == flat
    nested = msgspec.structs.replace(flat, rows="$..rows[*]")
    assert refusal_of(lambda: cleaned(ConnectorKind.HTTP_JSON, nested, HERE)) == (
        "CONNECTOR_FIELD",
        ("fields", 3, "path"),
    )


def test_more_codes_than_a_field_may_have_are_refused() -> None:
    many = JsonField(F.UNIT, path="$.u", codes={str(n): "H57" for n in range(5_001)})
    setting = with_fields(JSON, many, INDICATOR, AS_OF, VALUE)
    assert refusal_of(lambda: cleaned(ConnectorKind.HTTP_JSON, setting, HERE))[1] == ("fields", 0)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (JSON, "https://so-lieu.hue.gov.vn"),
        (QUERY, "postgresql://10.1.2.3:5432"),
        (msgspec.structs.replace(QUERY, host="2001:db8::7"), "postgresql://[2001:db8::7]:5432"),
    ],
    ids=["url", "database", "ipv6"],
)
def test_where_it_leads_tells_no_path_and_no_query(setting: Any, said: str) -> None:
    assert where(setting) == said


# Paths


@pytest.mark.parametrize(
    "path",
    [
        "$",
        "$[0]",
        "$.data.dataSets[0].series[*].observations[*]",
        "$['tên có dấu']",
        "$.dataValues[?@.deleted == false && @.value != null]",
        "$..dataValues[*]",
        "$.rows[?length(@.code) > 3]",
        "$[1:100:2]",
    ],
)
def test_a_path_within_bounds_is_compiled(path: str) -> None:
    assert compiled(path) is compiled(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "rows",
        "$.",
        "$[",
        "$.a | $.b",
        "$..*..*",
        "$[*,*][*,*]",
        "$['a','a']",
        "$[?search(@.a, '(a+)+b')]",
        "$[?match(@.a, '(a+)+b')]",
        "$[?$..a]",
        "$[?@..a]",
        "$[?@[*]]",
        "$[?@.a[?@.b]]",
        "$[?@.a][?@.b][?@.c]",
        "$" + "[0]" * 21,
        "$." + "a" * 500,
        "$[?" + " || ".join(["@.a == 1"] * 40) + "]",
        "$[?" + "(" * 300 + "@.a" + ")" * 150,
    ],
    ids=lambda path: path[:24] or "empty",
)
def test_a_path_that_is_none_or_may_cost_too_much_is_refused(path: str) -> None:
    assert refusal_of(lambda: compiled(path)) == ("CONNECTOR_PATH", ())


@given(st.text(alphabet="$.[]*?@'\"ab01:,()&|!=<>- ", max_size=40))
@settings(deadline=None)
def test_no_path_however_written_fails_otherwise_than_by_a_refusal(path: str) -> None:
    try:
        made = compiled(path)
    except Refused:
        return
    list(made.finditer({"a": [{"b": 1}, {"b": [0, 1]}], "b": {"a": "x"}}))


# When to ask again


@given(
    st.integers(1, 10_000),
    st.integers(1, 44_640).map(lambda minutes: timedelta(minutes=minutes)),
    st.floats(0, 1),
)
def test_a_failing_source_is_asked_again_at_the_latest_when_its_schedule_says(
    failures: int, every: timedelta, draw: float
) -> None:
    wait = retry_in(failures, every, draw)
    assert SHORTEST <= wait <= every
    assert retry_in(failures, every, 1) <= wait <= retry_in(failures, every, 0)
    assert retry_in(failures + 1, every, draw) >= wait


def test_a_failing_source_of_once_a_day_is_asked_again_after_a_minute_and_then_ever_later() -> None:
    waits = [retry_in(n, timedelta(days=1), 0) for n in (1, 2, 3, 11, 12, 40)]
    assert waits == [
        *(timedelta(minutes=minutes) for minutes in (1, 2, 4, 1024)),
        *(timedelta(days=1), timedelta(days=1)),
    ]
    assert retry_in(3, timedelta(days=1), 1) == timedelta(minutes=4) * (1 - SPREAD)


# Credentials

VAULT = Vault("a secret key of thirty-two letters")
PLACE = "https://so-lieu.hue.gov.vn"


@pytest.mark.parametrize(
    "credentials",
    [Bearer("t0ken"), Basic("hue", "mật khẩu:"), Header("X-Api-Key", "chia-khoa"), Password("chìa khóa")],
    ids=["bearer", "basic", "header", "password"],
)
def test_credentials_open_for_their_source_and_host_only(credentials: Credentials) -> None:
    sealed = seal(VAULT, 7, PLACE, credentials)
    assert opened(VAULT, 7, PLACE, sealed) == credentials
    for source, place in ((8, PLACE), (7, "https://evil.example.com")):
        with pytest.raises(VaultError):
            opened(VAULT, source, place, sealed)
    with pytest.raises(VaultError):
        opened(VAULT, 7, PLACE, VAULT.encrypt(b"{}"))
    secret = next(value for value in msgspec.structs.asdict(credentials).values())
    assert secret.encode() not in sealed
    assert msgspec.structs.astuple(credentials)[-1] not in repr(credentials)


@pytest.mark.parametrize(
    ("kind", "credentials"),
    [
        (ConnectorKind.POSTGRESQL, None),
        (ConnectorKind.POSTGRESQL, Bearer("t")),
        (ConnectorKind.HTTP_JSON, Password("p")),
        (ConnectorKind.HTTP_JSON, Bearer("")),
        (ConnectorKind.HTTP_JSON, Bearer("a\r\nhost: evil")),
        (ConnectorKind.HTTP_JSON, Bearer("x" * 4_001)),
        (ConnectorKind.HTTP_CSV, Basic("a:b", "c")),
        (ConnectorKind.HTTP_CSV, Header("Host", "evil")),
        (ConnectorKind.HTTP_CSV, Header("X Key", "k")),
        (ConnectorKind.HTTP_CSV, Header("X-Key", "k\nX: y")),
        (ConnectorKind.HTTP_CSV, Header("Content-Length", "0")),
    ],
    ids=[
        *(
            "none",
            "bearer",
            "password",
            "empty",
            "lines",
            "long",
            "colon",
            "host",
            "blank",
            "value",
            "length",
        ),
    ],
)
def test_credentials_that_cannot_be_shown_are_refused(
    kind: ConnectorKind, credentials: Credentials | None
) -> None:
    assert refusal_of(lambda: checked(kind, credentials)) == ("CONNECTOR_CREDENTIALS", ("credentials",))


def test_how_credentials_are_shown() -> None:
    assert headers_of(Basic("hue", "p")) == {"authorization": "Basic aHVlOnA="}
    assert headers_of(Header("X-Api-Key", "k")) == {"x-api-key": "k"}
    assert headers_of(Bearer("t")) == {"authorization": "Bearer t"}
    assert headers_of(None) == headers_of(Password("p")) == {}


def test_every_reason_why_a_poll_fails_speaks_both_languages() -> None:
    for failure in FAILURES:
        assert failure.code.startswith("SOURCE_")
        assert failure.vi != failure.en
