"""Secrets of endpoints and the signatures made with them (Standard Webhooks, symmetric, ``v1``)."""

import base64
import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from standardwebhooks.webhooks import Webhook

from vdept.kernel.vault import Vault

PREFIX = "whsec_"
SIZE = 32
"""Random bytes of a secret; the specification asks for 24 to 64."""
REMEMBERED = 4_096


def new_secret() -> str:
    """A secret as the receiver's library takes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SIZE)).decode()


def seal(vault: Vault, secret: str) -> bytes:
    """The secret as it is stored."""
    return vault.encrypt(secret.encode())


class Signer:
    """Signs with sealed secrets; one that was unsealed is kept in memory, for the next delivery."""

    def __init__(self, vault: Callable[[], Vault]) -> None:
        """``vault`` is opened when there is something to sign: only then must there be a secret key."""
        self._vault = vault
        self._known: OrderedDict[bytes, Webhook] = OrderedDict()

    def headers(self, sealed: list[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """The three headers of the specification, a signature for each secret. Raises VaultError."""
        text = body.decode()
        signatures = [self._webhook(one).sign(message_id, at, text) for one in sealed]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _webhook(self, sealed: bytes) -> Webhook:
        webhook = self._known.pop(sealed, None)
        if webhook is None:
            webhook = Webhook(self._vault().decrypt(sealed).decode())
        self._known[sealed] = webhook
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return webhook
