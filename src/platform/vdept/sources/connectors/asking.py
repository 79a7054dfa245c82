"""Asking one source: fetch, read, and make readings of it. Nothing is written here.

What takes long to read is read in a thread, so that a big document holds up nobody else's poll.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec

from vdept.kernel.settings import Network
from vdept.kernel.vault import Vault, VaultError
from vdept.sources.connectors import http_json, postgresql, tables
from vdept.sources.connectors.credentials import Credentials, Password, headers_of, opened
from vdept.sources.connectors.errors import SOURCE_CREDENTIALS_UNREADABLE
from vdept.sources.connectors.http import Fetch
from vdept.sources.connectors.settings import JsonSetting, QuerySetting, Setting, where
from vdept.sources.models import ConnectorKind
from vdept.sources.receiving import Given

SMALL = 20_000
"""Bytes that are read on the spot: sooner than a thread is woken."""
THREADS = 2

T = TypeVar("T")


class Asked(NamedTuple):
    """What is to be asked, and what is known of the last answer."""

    source_id: int
    kind: ConnectorKind
    setting: Setting
    credentials: Credentials | bytes | None
    """As they are, or sealed."""
    etag: str | None = None
    sha256: bytes | None = None


class Answered(NamedTuple):
    """What came of it. ``rows`` None: the answer is the same as the last one."""

    rows: list[Given] | None
    sha256: bytes
    size: int
    etag: str | None


class Asking:
    """Asks sources; one for a process."""

    def __init__(
        self, vault: Callable[[], Vault], networks: Iterable[Network] = (), *, fetch: Fetch | None = None
    ) -> None:
        """``vault`` is opened when there is something to open: only then must there be a secret key."""
        self._vault = vault
        self._fetch = fetch or Fetch(networks)
        self._threads = ThreadPoolExecutor(THREADS, "source-documents")

    async def __call__(self, asked: Asked) -> Answered:
        """What the source has; raises a refusal of ``FAILURES``, which is why the poll failed."""
        async with contextlib.AsyncExitStack() as places:
            return await self._answered(asked, places)

    async def _answered(self, asked: Asked, places: contextlib.AsyncExitStack) -> Answered:
        shown = self._opened(asked)
        setting = asked.setting
        if isinstance(setting, QuerySetting):
            password = shown.password if isinstance(shown, Password) else ""
            found = await postgresql.rows(setting, password, self._fetch)
            content: bytes | None = msgspec.json.encode(found)
            etag, make = None, partial(postgresql.readings, setting, found)
        else:
            document = await self._fetch(
                setting.url,
                headers_of(shown),
                seconds=setting.timeout_seconds,
                etag=asked.etag if asked.sha256 is not None else None,
                places=places,
            )
            content, etag = document.content, document.etag
            if content is None:
                return Answered(None, asked.sha256 or b"", 0, etag)
            if isinstance(setting, JsonSetting):
                make = partial(http_json.readings, setting, content)
            else:
                make = partial(tables.readings, asked.kind, setting, content)
        assert content is not None  # noqa: S101  for the type checker
        digest = hashlib.sha256(content).digest()
        if digest == asked.sha256:
            return Answered(None, digest, len(content), etag)
        return Answered(await self._off(len(content), make), digest, len(content), etag)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _off(self, size: int, make: Callable[[], T]) -> T:
        if size <= SMALL:
            return make()
        return await asyncio.get_running_loop().run_in_executor(self._threads, make)

    def _opened(self, asked: Asked) -> Credentials | None:
        if not isinstance(asked.credentials, bytes):
            return asked.credentials
        try:
            return opened(self._vault(), asked.source_id, where(asked.setting), asked.credentials)
        except VaultError:
            raise SOURCE_CREDENTIALS_UNREADABLE.at() from None
