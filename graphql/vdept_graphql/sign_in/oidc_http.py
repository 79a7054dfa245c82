"""Requests to identity providers: bounded in time and size, and never led elsewhere by a redirect."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from vdept.kernel.settings import LOOPBACK

PATIENCE = 8.0
"""Seconds for one request in all: somebody waits in front of a browser."""
LARGEST = 512_000
"""Bytes of an answer. Discovery documents and key sets have some thousands."""


class ProviderAway(Exception):
    """A provider did not answer, or not with what it should. For the log; people are told to try again."""


@cache
def _trust() -> ssl.SSLContext:
    """Reading the certificates takes 20 ms: once. ``SSL_CERT_FILE`` names those of a government's own CA."""
    return httpx.create_ssl_context()


async def call(
    method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
) -> httpx.Response:
    """The answer, read in full, whatever its status below 500. Raises ProviderAway."""
    proxies = urlsplit(url).hostname not in LOOPBACK
    sent = {"accept": "application/json", **(headers or {}), "accept-encoding": "identity"}
    try:
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(verify=_trust(), timeout=PATIENCE, trust_env=proxies) as client,
            client.stream(method, url, headers=sent, content=content, follow_redirects=False) as answer,
        ):
            if answer.status_code >= 500 or answer.is_redirect:
                raise ProviderAway(f"{url} answered with status {answer.status_code}")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ProviderAway(f"{url} answered with an encoding that was not asked for")
            body = bytearray()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LARGEST:
                    raise ProviderAway(f"{url} answered with more than {LARGEST} bytes")
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=bytes(body), request=answer.request
            )
    except TimeoutError as error:
        raise ProviderAway(f"{url} took longer than {PATIENCE} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise ProviderAway(f"{url} cannot be reached ({type(error).__name__})") from error


async def get_object(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at ``url``. Raises ProviderAway."""
    answer = await call("GET", url, headers)
    if answer.status_code != 200:
        raise ProviderAway(f"{url} answered with status {answer.status_code}")
    try:
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProviderAway(f"{url} answered with something that is not a JSON object") from error
