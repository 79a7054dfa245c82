"""What the HTTP side of the platform stands on, handed to every group of addresses."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vdept.clients.keys import Keyring
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings, networks
from vdept.kernel.vault import Vault
from vdept.sources.connectors.asking import Asking
from vdept.sources.trying import Trying
from vdept_graphql.pushes import Pushes
from vdept_graphql.throttle import Throttle


@dataclass(frozen=True)
class Services:
    """The open connections and the settings of one API process. ``redis`` None: nobody can sign in."""

    settings: Settings
    database: Database
    redis: Any | None
    """A ``redis.asyncio.Redis``, of Valkey or Redis."""

    @cached_property
    def throttle(self) -> Throttle:
        """The limits by key of this process: it learns once that Valkey is away, not in every place."""
        return Throttle(self.redis)

    @cached_property
    def keyring(self) -> Keyring:
        """The signing keys, made when they are first needed: only then must there be a secret key."""
        return Keyring(self.vault)

    @cached_property
    def vault(self) -> Vault:
        """What secrets are encrypted with before they are stored."""
        return Vault.of(self.settings)

    @cached_property
    def trying(self) -> Trying:
        """Tries connectors, so many at once in this process."""
        listed = networks(self.settings.source_networks, "VDEPT_SOURCE_NETWORKS")
        return Trying(Asking(lambda: self.vault, listed))

    @cached_property
    def pushes(self) -> Pushes:
        """Receives what programs send, together what comes at the same moment."""
        return Pushes(self.database)
