"""A client says who it is and proves it. Whoever fails learns nothing, not even which clients there are."""

import hmac

import sqlalchemy as sa

from vdept.clients.models import ApiClient
from vdept.kernel.db import Tx
from vdept.people.actors import unit_exists
from vdept.people.tokens import digest
from vdept.units.models import Unit

NO_SECRET = b"\0" * 32
"""What to compare with where there is nothing: no secret has this digest."""

MAX_CLIENT_ID = 100


def find_client(tx: Tx, client_id: str) -> ApiClient | None:
    """The client of this public name, unless it is revoked or its unit has ended.

    Synchronous, inside ``tx.session.run_sync``.
    """
    if len(client_id) > MAX_CLIENT_ID or not client_id.isprintable():
        return None
    return tx.session.sync_session.scalars(
        sa.select(ApiClient)
        .join(Unit, Unit.id == ApiClient.unit_id)
        .where(ApiClient.client_id == client_id, ApiClient.revoked_at.is_(None), unit_exists(tx.today))
    ).one_or_none()


def has_secret(client: ApiClient | None, secret: str) -> bool:
    """Whether ``secret`` is the client's; the same work for a client that does not exist or has none."""
    kept = None if client is None else client.secret_digest
    return hmac.compare_digest(kept or NO_SECRET, digest(secret))
