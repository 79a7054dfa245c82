"""The promise at a letter's foot: whoever holds the letter may end letters of its kinds, without signing in.

The link is the capability: it names a person and kinds, is signed, and never runs out, since letters are kept
for years. It opens nothing but these kinds of this person.
"""

import base64
import hmac
from collections.abc import Collection, Iterable
from typing import NamedTuple

import sqlalchemy as sa

from vdept.kernel.actor import Actor, ActorKind
from vdept.kernel.db import Tx
from vdept.kernel.errors import Kind, Refusal
from vdept.kernel.scopes import Scope
from vdept.kernel.vault import Vault
from vdept.notifications.models import NotificationKind

PATH = "/unsubscribe"
PURPOSE = "unsubscribe 1"

# Not in the registry: it answers a page, never a mutation, and is no part of its error enum.
LINK_UNKNOWN = Refusal(
    "UNSUBSCRIBE_LINK_UNKNOWN",
    Kind.NOT_FOUND,
    vi="Liên kết này không đúng hoặc không đầy đủ. Hãy mở lại từ thư, hoặc chép trọn cả liên kết.",
    en="This link is wrong or incomplete. Open it from the letter again, or copy the whole of it.",
)


class Subscription(NamedTuple):
    """Whose letters of which kinds."""

    person_id: int
    kinds: frozenset[NotificationKind]

    @property
    def actor(self) -> Actor:
        """Who acts with such a link: the person, and let do nothing but this."""
        scopes = frozenset({Scope.NOTIFICATIONS_READ, Scope.NOTIFICATIONS_WRITE})
        return Actor(ActorKind.PERSON, person_id=self.person_id, scopes=scopes)


class Links:
    """Makes and reads the links of one installation."""

    def __init__(self, vault: Vault, issuer: str) -> None:
        self._key = vault.key(PURPOSE)
        self._issuer = issuer

    @property
    def secure(self) -> bool:
        """Whether a mail program may follow them by itself: RFC 8058 allows that for https only."""
        return self._issuer.startswith("https://")

    def link(self, person_id: int, kinds: Iterable[NotificationKind]) -> str:
        """The address that ends letters of these kinds to this person."""
        return f"{self._issuer}{PATH}?token={self.token(person_id, kinds)}"

    def token(self, person_id: int, kinds: Iterable[NotificationKind]) -> str:
        said = ".".join((str(person_id), *sorted(set(kinds))))
        return f"{said}.{self._signature(said)}"

    def read(self, token: str) -> Subscription:
        """What a token is for; raises LINK_UNKNOWN for what we did not sign. Compared in constant time."""
        said, _, signature = token.rpartition(".")
        given = signature.encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._signature(said).encode()):
            raise LINK_UNKNOWN.at("token")
        person, *names = said.split(".")
        return Subscription(int(person), frozenset(NotificationKind(name) for name in names))

    def _signature(self, said: str) -> str:
        digest = hmac.digest(self._key, said.encode("utf-8", "replace"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


_MUTE = sa.text(
    """
    INSERT INTO notification_preference AS p (person_id, muted)
    VALUES (:person, CAST(:kinds AS text[]))
    ON CONFLICT (person_id) DO UPDATE SET version = p.version + 1,
        muted = ARRAY(SELECT DISTINCT k FROM unnest(p.muted || EXCLUDED.muted) AS k ORDER BY k)
    WHERE NOT p.muted @> EXCLUDED.muted
    RETURNING person_id
    """
)
_UNMUTE = sa.text(
    """
    UPDATE notification_preference SET version = version + 1,
        muted = ARRAY(SELECT k FROM unnest(muted) AS k WHERE k <> ALL (CAST(:kinds AS text[])) ORDER BY k)
    WHERE person_id = :person AND muted && CAST(:kinds AS text[])
    RETURNING person_id
    """
)


async def unsubscribe(tx: Tx, person_id: int, kinds: Collection[NotificationKind]) -> bool:
    """No letters of these kinds any more; the inbox still has them. False if there were none before."""
    return await _changed(tx, _MUTE, "inbox.unsubscribed", person_id, kinds)


async def subscribe(tx: Tx, person_id: int, kinds: Collection[NotificationKind]) -> bool:
    """Letters of these kinds again. False if there were before."""
    return await _changed(tx, _UNMUTE, "inbox.subscribed", person_id, kinds)


async def _changed(
    tx: Tx, statement: sa.TextClause, verb: str, person_id: int, kinds: Collection[NotificationKind]
) -> bool:
    names = sorted(kinds)
    done = await tx.session.execute(statement, {"person": person_id, "kinds": names})
    if done.first() is None:
        return False
    tx.record(verb, "Inbox", person_id, data={"kinds": names})
    return True
