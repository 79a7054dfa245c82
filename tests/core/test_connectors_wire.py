"""Servers that call themselves databases and mean harm: a poll of them ends, in time and memory."""

import asyncio
import contextlib
import gc
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
import pytest

from certificates import Authority
from connector_settings import F
from vdept.kernel.errors import Refused
from vdept.notifications.webhooks.addresses import Address
from vdept.sources.connectors import postgresql, wire
from vdept.sources.connectors.http import Fetch
from vdept.sources.connectors.settings import ColumnField, QuerySetting

HERE = [ip_network("127.0.0.0/8")]
FETCH = Fetch(HERE)
Says = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


READY = message(b"Z", b"I")
LET_IN = (
    message(b"R", struct.pack(">I", 0))
    + message(b"S", b"client_encoding\0UTF8\0")
    + message(b"S", b"server_version\x0018.0\0")
    + READY
)
BEGUN = message(b"C", b"BEGIN\0") + message(b"Z", b"T")


@contextlib.asynccontextmanager
async def database(says: Says) -> AsyncIterator[QuerySetting]:
    """A server that reads who it is and then says what the test wants."""
    ends: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            (size,) = struct.unpack(">I", await reader.readexactly(4))
            await reader.readexactly(size - 4)
            await says(reader, writer)
            await reader.read()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield QuerySetting(
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        database="kho",
        user="doc",
        tls=False,
        query="SELECT 1 AS a",
        timeout_seconds=1,
        fields=(ColumnField(F.UNIT, column="a"),),
    )
    server.close()
    for end in ends:
        end.transport.abort()
        with contextlib.suppress(OSError):
            await end.wait_closed()


async def failure(says: Says) -> str:
    async with database(says) as setting, asyncio.timeout(10):
        with pytest.raises(Refused) as refused:
            await postgresql.rows(setting, "t0p-s3cret", FETCH)
    return refused.value.code


async def test_a_server_that_hangs_in_the_middle_is_left_in_time() -> None:
    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(LET_IN)
        while b"BEGIN" not in await reader.read(1_000):
            pass
        writer.write(BEGUN)

    assert await failure(hangs) == "SOURCE_TIMEOUT"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_server_that_leaves_out_what_the_driver_needs_breaks_the_protocol() -> None:
    async def forgets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(message(b"R", struct.pack(">I", 0)) + READY)

    assert await failure(forgets) == "SOURCE_BROKEN_ANSWER"
    gc.collect()  # the driver's half-made connection complains when it goes


@pytest.mark.parametrize("often", ["2000000000", "000000100000"])
async def test_a_password_is_not_hashed_as_often_as_a_server_likes(often: str) -> None:
    async def wants(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(message(b"R", struct.pack(">I", 10) + b"SCRAM-SHA-256\0\0"))
        nonce = (await reader.read(1_000)).split(b"r=")[1]
        said = message(b"R", struct.pack(">I", 11) + b"r=" + nonce + b"abc,s=QUFB,i=" + often.encode())
        writer.write(said[:-7])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(said[-7:])

    assert await failure(wants) == "SOURCE_BROKEN_ANSWER"


async def test_a_server_that_goes_on_before_it_lets_anybody_in_is_left() -> None:
    async def talks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"S" + struct.pack(">I", 1_900_000_000) + b"x" * 100_000)

    assert await failure(talks) == "SOURCE_BROKEN_ANSWER"


async def test_no_more_is_read_than_an_answer_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST", 100_000)

    async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(LET_IN + b"D" + struct.pack(">I", 1_900_000_000) + b"x" * 200_000)

    assert await failure(floods) == "SOURCE_TOO_LARGE"


async def test_a_server_without_tls_learns_nothing_of_who_asks() -> None:
    heard = bytearray()

    async def declines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"N")
        heard.extend(await reader.read())

    async with database(declines) as setting:
        way = wire.Wire([ip_address("127.0.0.1")], setting.port, "kho.hue.gov.vn")
        with pytest.raises(ConnectionRefusedError):
            await way.create_unix_connection(asyncio.Protocol, "")
        await asyncio.sleep(0)
    assert heard == b""


async def test_the_certificate_must_be_the_names_although_the_address_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setattr(wire, "_authorities", authority.trusting)
    for host, code in (("kho.hue.vn", "SOURCE_NO_CONNECTION"), ("khac.hue.vn", "SOURCE_CERTIFICATE")):
        heard: list[bytes] = []

        async def agrees(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: list[bytes] = heard
        ) -> None:
            writer.write(b"S")
            await writer.start_tls(authority.server("kho.hue.vn"))
            heard.append(await reader.read(1_000))
            writer.write(LET_IN)
            await reader.read(1_000)
            writer.transport.abort()

        async with database(agrees) as setting:
            named = msgspec.structs.replace(setting, host=host, tls=True)
            with pytest.raises(Refused, match=code):
                await postgresql.rows(named, "any", Fetch(HERE, resolve=at_home))
            await asyncio.sleep(0.05)
        assert [b"doc" in said for said in heard] == ([True] if code == "SOURCE_NO_CONNECTION" else [])


async def at_home(_host: str) -> list[Address]:
    return [ip_address("127.0.0.1")]


async def test_of_several_addresses_the_next_one_is_tried() -> None:
    async def lets_in(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(LET_IN)

    async with database(lets_in) as setting:
        way = wire.Wire([ip_address("127.0.0.9"), ip_address("127.0.0.1")], setting.port, None)
        transport, _ = await way.create_unix_connection(asyncio.Protocol, "")
        assert transport.get_extra_info("peername")[0] == "127.0.0.1"
        transport.close()
