"""Fetching a document: whatever a server answers, what comes of it has a name, a limit and an end."""

import asyncio
import contextlib
import gzip
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.test_webhooks_posting import Authority, Names
from vdept.kernel.errors import Refused
from vdept.sources.connectors.http import Document, Fetch
from webhook_receiver import Answering, Receiver, answer, drip, flood, hang_up, receiving, silence
from webhook_scene import HERE

JSON = "Content-Type: application/json"


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


async def fetched(server: Receiver, answering: Answering, **more: object) -> Document:
    server.answering = answering
    return await Fetch(HERE, limit=100_000)(server.url, {}, seconds=2, **more)  # type: ignore[arg-type]


async def failed(
    server: Receiver, answering: Answering, fetch: Fetch | None = None, seconds: float = 2
) -> str:
    server.answering = answering
    with pytest.raises(Refused) as error:
        await (fetch or Fetch(HERE, limit=100_000))(server.url, {"authorization": "s3cret"}, seconds=seconds)
    assert "s3cret" not in f"{error.value!r} {error.value}"
    return error.value.code


async def test_a_document_is_fetched_with_its_credentials_and_its_etag(server: Receiver) -> None:
    server.answering = answer(200, JSON, 'ETag: "v1"', body=b"[1]")
    fetch = Fetch(HERE)
    document = await fetch(server.url + "?a=b", {"authorization": "Bearer t"}, seconds=2)
    assert document == Document(b"[1]", '"v1"')
    (request,) = server.arrived
    assert request.target == "/hook?a=b"
    assert request.headers["authorization"] == "Bearer t"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert "if-none-match" not in request.headers


async def test_a_document_that_has_not_changed_is_not_sent_again(server: Receiver) -> None:
    assert await fetched(server, answer(304, body=b""), etag='"v1"') == Document(None, '"v1"')
    assert server.arrived[0].headers["if-none-match"] == '"v1"'
    assert await failed(server, answer(304, body=b"")) == "SOURCE_REDIRECT", "nobody asked for that"


@pytest.mark.parametrize(
    ("answering", "code"),
    [
        (answer(200, body=b""), "SOURCE_EMPTY"),
        (answer(200, body=b" \n \t"), "SOURCE_EMPTY"),
        (answer(204, body=b""), "SOURCE_EMPTY"),
        (answer(200, "Content-Type: text/html", body=b"<!DOCTYPE html><html>Sign in</html>"), "SOURCE_HTML"),
        (answer(200, JSON, body=b"\xef\xbb\xbf\n <html><body>502</body></html>"), "SOURCE_HTML"),
        (answer(200, "Content-Type: text/html; charset=utf-8", body=b"<p>Error</p>"), "SOURCE_HTML"),
        (answer(301, "Location: http://127.0.0.1/"), "SOURCE_REDIRECT"),
        (answer(401), "SOURCE_UNAUTHORIZED"),
        (answer(403), "SOURCE_UNAUTHORIZED"),
        (answer(404), "SOURCE_STATUS"),
        (answer(206), "SOURCE_STATUS"),
        (answer(500), "SOURCE_STATUS"),
        (answer(200, "Content-Encoding: br", body=b"x"), "SOURCE_ENCODING"),
        (answer(200, "Content-Encoding: gzip", body=b"not gzip"), "SOURCE_ENCODING"),
        (answer(200, "Content-Encoding: gzip", body=gzip.compress(b"[1]")[:-4]), "SOURCE_ENCODING"),
        (
            answer(200, "Content-Encoding: gzip", body=gzip.compress(bytes(200_000))),
            "SOURCE_UNPACKS_TOO_LARGE",
        ),
        (answer(200, body=b"1" * 100_001), "SOURCE_TOO_LARGE"),
        (flood, "SOURCE_TOO_LARGE"),
        (hang_up, "SOURCE_BROKEN_ANSWER"),
    ],
    ids=[
        *("nothing", "blanks", "204", "html", "html as json", "a piece of html", "redirect", "401", "403"),
        *("404", "206", "500", "brotli", "no gzip", "gzip cut off", "bomb", "large", "endless", "hung up"),
    ],
)
async def test_what_is_no_document_has_a_name_for_it(
    server: Receiver, answering: Answering, code: str
) -> None:
    assert await failed(server, answering) == code


async def test_a_gigabyte_that_is_announced_is_not_read(server: Receiver) -> None:
    async def announce(_request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        await writer.drain()

    assert await failed(server, announce) == "SOURCE_TOO_LARGE"


async def test_a_bomb_is_stopped_before_it_has_unpacked(server: Receiver) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
    started = time.process_time()
    assert await failed(server, answer(200, "Content-Encoding: gzip", body=bomb), Fetch(HERE)) == (
        "SOURCE_TOO_LARGE" if len(bomb) > 10_000_000 else "SOURCE_UNPACKS_TOO_LARGE"
    )
    assert time.process_time() - started < 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_document_is_unpacked(server: Receiver, encoding: str) -> None:
    packed = gzip.compress(b"[1]") if encoding == "gzip" else zlib.compress(b"[1]")
    document = await fetched(server, answer(200, f"Content-Encoding: {encoding}", body=packed))
    assert document.content == b"[1]"


async def test_a_document_packed_in_two_parts_is_refused_and_not_cut_short(server: Receiver) -> None:
    packed = gzip.compress(b"unit,value\n1,2\n") + gzip.compress(b"3,4\n")
    assert await failed(server, answer(200, "Content-Encoding: gzip", body=packed)) == "SOURCE_ENCODING"


async def test_a_tag_that_cannot_be_sent_back_is_not_kept(server: Receiver) -> None:
    for tag in ('"v\u00e1"', '"v\x7f"', '"' + "v" * 501 + '"'):
        document = await fetched(server, answer(200, f"ETag: {tag}", body=b"[1]"))
        assert document.etag is None, tag
    document = await fetched(server, answer(200, 'ETag: W/"v1"', body=b"[1]"))
    assert document.etag == 'W/"v1"'


async def test_waiting_for_a_place_among_the_big_ones_is_not_the_sources_time(server: Receiver) -> None:
    body = b"[" + b" " * 300_000 + b"1]"
    server.answering = answer(200, body=body)
    fetch = Fetch(HERE)
    fetch._big = asyncio.Semaphore(1)
    places = contextlib.AsyncExitStack()
    await fetch(server.url, {}, seconds=2, places=places)
    second = asyncio.create_task(fetch(server.url, {}, seconds=0.3))
    await asyncio.sleep(0.5)
    assert not second.done(), "the first is not read yet"
    await places.aclose()
    assert (await second).content == body


@pytest.mark.parametrize("answering", [silence, drip], ids=["silent", "dripping"])
async def test_a_source_has_its_time_and_no_more(server: Receiver, answering: Answering) -> None:
    started = time.monotonic()
    assert await failed(server, answering, seconds=0.3) == "SOURCE_TIMEOUT"
    assert time.monotonic() - started < 2


async def test_a_body_that_drips_has_its_time_and_no_more(server: Receiver) -> None:
    async def slow(_request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"1")
            await writer.drain()
            await asyncio.sleep(0.02)

    assert await failed(server, slow, seconds=0.3) == "SOURCE_TIMEOUT"


async def test_an_answer_cut_off_is_none(server: Receiver) -> None:
    async def cut(_request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[1]")
        await writer.drain()
        writer.close()

    assert await failed(server, cut) == "SOURCE_BROKEN_ANSWER"


async def test_a_redirect_to_an_inner_address_is_not_followed(server: Receiver) -> None:
    async with receiving() as inner:
        assert await failed(server, answer(302, f"Location: {inner.url}")) == "SOURCE_REDIRECT"
        assert inner.connections == 0


async def test_a_name_that_leads_inside_is_not_connected_to_whatever_it_said_before(server: Receiver) -> None:
    server.answering = answer(200, body=b"[1]")
    names = Names(kho=[["127.0.0.1"], ["10.0.0.1"]], la=[["8.8.8.8", "127.0.0.1"]])
    fetch = Fetch(HERE, resolve=names)
    url = f"http://kho.hue.gov.vn:{server.port}/"
    assert (await fetch(url, {}, seconds=2)).content == b"[1]"
    assert server.arrived[0].headers["host"] == f"kho.hue.gov.vn:{server.port}"
    with pytest.raises(Refused, match="SOURCE_ADDRESS_NOT_ALLOWED"):
        await fetch(url, {}, seconds=2)  # DNS rebinding
    for host in ("la.hue.gov.vn", "127.0.0.1"):
        with pytest.raises(Refused, match="SOURCE_ADDRESS_NOT_ALLOWED"):
            await Fetch((), resolve=names)(f"http://{host}:{server.port}/", {}, seconds=2)
    assert server.connections == 1


async def test_a_name_that_leads_nowhere_and_a_server_that_is_away_have_their_names(server: Receiver) -> None:
    with pytest.raises(Refused, match="SOURCE_NAME_UNKNOWN"):
        await Fetch(HERE)("https://no-such-name.invalid/", {}, seconds=2)
    with pytest.raises(Refused, match="SOURCE_NO_CONNECTION"):
        await Fetch(HERE)("http://127.0.0.1:9/", {}, seconds=2)
    with pytest.raises(Refused, match="SOURCE_TIMEOUT"):
        await Fetch(HERE)(f"https://127.0.0.1:{server.port}/", {}, seconds=0.3)  # it speaks no TLS


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with receiving(Authority(tmp_path).server("kho.hue.vn")) as server:
        with pytest.raises(Refused, match="SOURCE_CERTIFICATE"):
            await Fetch(HERE)(server.url, {}, seconds=2)
        assert server.arrived == []


async def test_no_proxy_of_the_environment_is_used(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await fetched(server, answer(200, body=b"[1]"))
        assert proxy.connections == 0
