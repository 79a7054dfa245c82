"""Registering, changing and revoking clients. Secrets are 256 random bits, shown once, kept as SHA-256."""

import secrets
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from vdept.clients import rules
from vdept.clients.access import get_client_for_update
from vdept.clients.errors import CLIENT_HAS_NO_SECRET, CLIENT_LIMIT, CLIENT_REVOKED, CLIENT_UNIT_ENDED
from vdept.clients.models import ApiClient, ClientAuthentication, ClientAuthorization
from vdept.clients.public_keys import clean_jwks
from vdept.kernel.db import Tx
from vdept.kernel.scopes import Scope
from vdept.kernel.versions import next_version
from vdept.people.actors import unit_exists
from vdept.people.tokens import digest
from vdept.units.access import get_unit
from vdept.units.models import Unit

CLIENT_PREFIX = "vdc_"
SECRET_PREFIX = "vdcs_"  # noqa: S105  so that scanners recognise one that leaked


async def register_client(
    tx: Tx,
    unit_id: int,
    *,
    name: str,
    authentication: ClientAuthentication,
    scopes: Collection[Scope],
    machine: bool = False,
    redirect_uris: Collection[str] = (),
    jwks: object = None,
) -> tuple[ApiClient, str | None]:
    """A new client of the unit, and its secret where it signs in with one. The secret is not kept."""
    unit = await get_unit(tx, unit_id, "unitId")
    rules.require_may_manage(tx.actor, unit.id, "unitId")
    secret = _new_secret() if authentication is ClientAuthentication.SECRET else None
    client = ApiClient(
        client_id=CLIENT_PREFIX + secrets.token_hex(12),
        unit_id=unit.id,
        name=rules.clean_name(name, "name"),
        authentication=authentication,
        secret_digest=None if secret is None else digest(secret),
        jwks=None if jwks is None else clean_jwks(jwks, "jwks"),
        machine=machine,
        redirect_uris=rules.clean_redirect_uris(redirect_uris, "redirectUris"),
        scopes=rules.clean_scopes(scopes, "scopes"),
        created_at=tx.now,
    )
    _require_combination(client)
    await _require_room(tx, unit)
    tx.session.add(client)
    await tx.session.flush()
    data = {
        "client_id": client.client_id,
        "name": client.name,
        "authentication": client.authentication,
        "machine": client.machine,
        "redirect_uris": client.redirect_uris,
        "scopes": client.scopes,
        "keys": _kids(client.jwks),
    }
    tx.record("client.registered", "ApiClient", client.id, unit_id=unit.id, data=data)
    return client, secret


async def update_client(
    tx: Tx,
    client_id: int,
    *,
    name: str | UnsetType = UNSET,
    redirect_uris: Collection[str] | UnsetType = UNSET,
    scopes: Collection[Scope] | UnsetType = UNSET,
    jwks: object = UNSET,
    expected_version: int | None = None,
) -> ApiClient:
    """Change what is given. Fewer scopes count at once, for the tokens that are out as well."""
    client = await _own_client(tx, client_id)
    given: dict[str, Any] = {}
    if not isinstance(name, UnsetType):
        given["name"] = rules.clean_name(name, "name")
    if not isinstance(redirect_uris, UnsetType):
        given["redirect_uris"] = rules.clean_redirect_uris(redirect_uris, "redirectUris")
    if not isinstance(scopes, UnsetType):
        given["scopes"] = rules.clean_scopes(scopes, "scopes")
    if not isinstance(jwks, UnsetType):
        given["jwks"] = clean_jwks(jwks, "jwks")
    before = {key: getattr(client, key) for key in given}
    next_version(client, expected_version)
    for key, value in given.items():
        setattr(client, key, value)
    _require_combination(client)
    await tx.session.flush()
    data = {key: {"from": before[key], "to": value} for key, value in given.items() if value != before[key]}
    if "jwks" in data:
        data["jwks"] = {"from": _kids(before["jwks"]), "to": _kids(client.jwks)}
    tx.record("client.updated", "ApiClient", client.id, unit_id=client.unit_id, data=data)
    return client


async def rotate_secret(
    tx: Tx, client_id: int, *, expected_version: int | None = None
) -> tuple[ApiClient, str]:
    """A new secret in the place of the old one, which is refused from now on."""
    client = await _own_client(tx, client_id)
    if client.authentication is not ClientAuthentication.SECRET:
        raise CLIENT_HAS_NO_SECRET.at("apiClientId")
    next_version(client, expected_version)
    secret = _new_secret()
    client.secret_digest = digest(secret)
    await tx.session.flush()
    tx.record("client.secret_rotated", "ApiClient", client.id, unit_id=client.unit_id)
    return client, secret


async def revoke_client(tx: Tx, client_id: int) -> ApiClient:
    """End the client for good, with all that people let it do. Again leaves the first instant standing."""
    client = await get_client_for_update(tx, client_id, "apiClientId")
    rules.require_may_manage(tx.actor, client.unit_id, "apiClientId")
    if client.revoked_at is not None:
        return client
    client.revoked_at = tx.now
    next_version(client, None)
    await tx.session.flush()
    ended = await tx.session.scalars(
        sa.update(ClientAuthorization)
        .where(ClientAuthorization.client_id == client.id, ClientAuthorization.revoked_at.is_(None))
        .values(revoked_at=tx.now)
        .returning(ClientAuthorization.id)
    )
    data = {"authorizations": len(ended.all())}
    tx.record("client.revoked", "ApiClient", client.id, unit_id=client.unit_id, data=data)
    return client


async def _own_client(tx: Tx, client_id: int) -> ApiClient:
    client = await get_client_for_update(tx, client_id, "apiClientId")
    rules.require_may_manage(tx.actor, client.unit_id, "apiClientId")
    if client.revoked_at is not None:
        raise CLIENT_REVOKED.at("apiClientId", name=client.name)
    return client


def _require_combination(client: ApiClient) -> None:
    rules.require_combination(
        client.authentication, jwks=client.jwks, machine=client.machine, redirect_uris=client.redirect_uris
    )


async def _require_room(tx: Tx, unit: Unit) -> None:
    """The unit's row is locked, so that two who register at once cannot both be the last one."""
    query = sa.select(Unit.id).where(Unit.id == unit.id, unit_exists(tx.today))
    if await tx.session.scalar(query.with_for_update(key_share=True)) is None:
        raise CLIENT_UNIT_ENDED.at("unitId")
    live = sa.select(sa.func.count()).where(ApiClient.unit_id == unit.id, ApiClient.revoked_at.is_(None))
    if (await tx.session.execute(live)).scalar_one() >= rules.MAX_CLIENTS:
        raise CLIENT_LIMIT.at("unitId", limit=rules.MAX_CLIENTS)


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def _kids(jwks: Mapping[str, Any] | None) -> list[str]:
    """Keys are named in the log, not copied into it."""
    return [key["kid"] for key in jwks["keys"]] if jwks else []
