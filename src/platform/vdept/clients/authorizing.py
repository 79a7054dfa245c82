"""What people let clients do for them: consent, its list, and its end."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vdept.clients import rules
from vdept.clients.access import get_authorization_for_update
from vdept.clients.errors import CLIENT_COMBINATION, CLIENT_REVOKED
from vdept.clients.models import ApiClient, ClientAuthorization
from vdept.kernel.db import Tx
from vdept.kernel.scopes import Scope


async def authorize(tx: Tx, client: ApiClient, scopes: Collection[Scope]) -> ClientAuthorization:
    """The person who is here lets the client act for them, within the scopes, for a year at most.

    The family of one consent: its codes and refresh tokens hang on it and end with it.
    """
    person_id = rules.require_person(tx.actor)
    client = await _as_it_stands(tx, client)
    if client.revoked_at is not None:
        raise CLIENT_REVOKED.at("clientId", name=client.name)
    if not client.redirect_uris:
        raise CLIENT_COMBINATION.at(
            "clientId",
            reason_vi="ứng dụng này chỉ hành động thay đơn vị của nó",
            reason="this client acts for its own unit only",
        )
    names = rules.clean_scopes(scopes, "scopes")
    rules.require_within(scopes, client.scopes, "scopes")
    row = ClientAuthorization(
        client_id=client.id,
        person_id=person_id,
        scopes=names,
        created_at=tx.now,
        expires_at=tx.now + rules.AUTHORIZATION,
    )
    tx.session.add(row)
    await tx.session.flush()
    data = {"client_id": client.id, "scopes": names, "expires_at": row.expires_at}
    tx.record("client.authorized", "ClientAuthorization", row.id, unit_id=client.unit_id, data=data)
    return row


async def _as_it_stands(tx: Tx, client: ApiClient) -> ApiClient:
    """The client read anew, kept from being changed or revoked until what is let to it stands.

    Whoever revokes it at this moment comes before, and it is let nothing, or after, and ends that too.
    """
    query = sa.select(ApiClient).where(ApiClient.id == client.id)
    locked = query.with_for_update(read=True, key_share=True).execution_options(populate_existing=True)
    return (await tx.session.scalars(locked)).one()


async def revoke_authorization(tx: Tx, authorization_id: int) -> ClientAuthorization:
    """End it with all its tokens. For the person themselves and for whoever manages the client."""
    row = await get_authorization_for_update(tx, authorization_id, "authorizationId")
    if await tx.session.run_sync(end_family, row.id, tx.now):
        await tx.session.refresh(row)
        unit_id = await tx.session.scalar(sa.select(ApiClient.unit_id).where(ApiClient.id == row.client_id))
        data = {"client_id": row.client_id, "person_id": row.person_id}
        tx.record("authorization.revoked", "ClientAuthorization", row.id, unit_id=unit_id, data=data)
    return row


def end_family(session: Session, authorization_id: int, now: datetime) -> bool:
    """End an authorization, and with it every code and token of it; False when it had ended before.

    For the server's own use, when a code or refresh token was used twice (RFC 9700, section 4.14.2): who
    calls it must commit, whatever the caller of the platform is answered.
    """
    ended = session.execute(
        sa.update(ClientAuthorization)
        .where(ClientAuthorization.id == authorization_id, ClientAuthorization.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ClientAuthorization.id)
        .execution_options(synchronize_session=False)
    )
    return ended.first() is not None
