"""``vdept keys`` and ``vdept client``: what the platform signs with, and the clients that call it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from vdept.kernel.actor import system
from vdept_workers.runtime import Failure, on_database, settings

if TYPE_CHECKING:
    from vdept.clients.models import ApiClient, SigningKey
    from vdept.kernel.db import Database, Tx
    from vdept.kernel.vault import Vault
    from vdept.units.models import Unit

T = TypeVar("T")
ACTOR = system("cli")
METHODS = {"secret": "SECRET", "private-key": "PRIVATE_KEY", "none": "NONE"}


def vault() -> "Vault":
    """The vault of this installation; a sentence where its secret key is unfit."""
    from vdept.kernel.vault import Vault, VaultError

    try:
        return Vault.of(settings())
    except VaultError as error:
        raise Failure(str(error)) from error


def transaction(act: "Callable[[Tx], Awaitable[T]]") -> T:
    async def run(database: "Database") -> T:
        async with database.begin(ACTOR) as tx:
            return await act(tx)

    return on_database(run)


@click.group()
def keys() -> None:
    """The keys that access tokens of API clients are signed with."""


@keys.command("list")
def list_keys() -> None:
    """List the keys, the newest first: id, state and since or until when."""
    from vdept.clients import keys

    async def act(tx: "Tx") -> list[str]:
        return [_key_line(key, tx) for key in await keys.list_keys(tx)]

    for line in transaction(act):
        click.echo(line)


@keys.command()
@click.option("--at-once", is_flag=True, help="Sign with it now: when the present key is not to be trusted.")
def rotate(at_once: bool) -> None:
    """Make a new key. It is published now and signs in ten minutes; the ones before it retire after that."""
    from vdept.clients import keys

    kept = vault()

    async def act(tx: "Tx") -> str:
        return _key_line(await keys.rotate_keys(tx, kept, at_once=at_once), tx)

    click.echo(transaction(act))


@keys.command()
@click.argument("kid")
def retire(kid: str) -> None:
    """Refuse from now on every token that the key KID has signed."""
    from vdept.clients import keys

    async def act(tx: "Tx") -> str:
        return _key_line(await keys.retire_key(tx, kid), tx)

    click.echo(transaction(act))


def _key_line(key: "SigningKey", tx: "Tx") -> str:
    from vdept.kernel.clock import LOCAL

    if key.retired_at is not None:
        state, at = "retired" if key.retired_at <= tx.now else "accepted until", key.retired_at
    else:
        state, at = "signs since" if key.signs_from <= tx.now else "signs from", key.signs_from
    return f"{key.kid}\t{state} {at.astimezone(LOCAL):%Y-%m-%d %H:%M:%S}"


@click.group()
def client() -> None:
    """The API clients of units (OAuth 2)."""


@client.command()
@click.argument("name")
@click.option("--unit", required=True, metavar="CODE", help="The unit it belongs to.")
@click.option("--scope", "scopes", multiple=True, required=True, help="Such as tasks:read; may be repeated.")
@click.option("--machine", is_flag=True, help="It may act for its unit by itself (client_credentials).")
@click.option("--redirect-uri", "uris", multiple=True, help="Where browsers are sent back to; repeatable.")
@click.option("--authentication", type=click.Choice(sorted(METHODS)), default="secret", show_default=True)
@click.option("--jwks", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its public keys.")
def register(
    name: str,
    unit: str,
    scopes: tuple[str, ...],
    machine: bool,
    uris: tuple[str, ...],
    authentication: str,
    jwks: Path | None,
) -> None:
    """Register an API client under NAME. Prints its client_id, and its secret, which is shown this once."""
    from vdept.clients import registering
    from vdept.clients.models import ClientAuthentication
    from vdept.kernel.scopes import Scope, parse

    asked = parse(" ".join(scopes))
    if asked is None:
        msg = f"no such scope: the scopes are {', '.join(Scope)}."
        raise click.UsageError(msg)
    public_keys = None if jwks is None else _json(jwks)

    async def act(tx: "Tx") -> "tuple[ApiClient, str | None]":
        return await registering.register_client(
            tx,
            (await _unit(tx, unit)).id,
            name=name,
            authentication=ClientAuthentication[METHODS[authentication]],
            scopes=asked,
            machine=machine,
            redirect_uris=uris,
            jwks=public_keys,
        )

    made, secret = transaction(act)
    click.echo(f"client_id\t{made.client_id}")
    if secret is not None:
        click.echo(f"client_secret\t{secret}")


@client.command("list")
@click.option("--unit", metavar="CODE", help="Only those of this unit.")
def list_clients(unit: str | None) -> None:
    """List the API clients, the newest first: client_id, state, unit, scopes, name."""
    import sqlalchemy as sa

    from vdept.clients.models import ApiClient
    from vdept.units.models import Unit

    async def act(tx: "Tx") -> list[str]:
        query = sa.select(ApiClient, Unit.code).join(Unit, Unit.id == ApiClient.unit_id)
        if unit is not None:
            query = query.where(Unit.id == (await _unit(tx, unit)).id)
        found = await tx.session.execute(query.order_by(ApiClient.id.desc()))
        return [
            "\t".join((row.client_id, _state(row), code, " ".join(row.scopes), row.name))
            for row, code in found
        ]

    for line in transaction(act):
        click.echo(line)


def _state(row: "ApiClient") -> str:
    return "live" if row.revoked_at is None else "revoked"


@client.command()
@click.argument("client_id")
def rotate_secret(client_id: str) -> None:
    """Print a new secret of the client CLIENT_ID, and nothing else; the old one is refused at once."""
    from vdept.clients import registering

    async def act(tx: "Tx") -> str:
        return (await registering.rotate_secret(tx, await _number(tx, client_id)))[1]

    click.echo(transaction(act))


@client.command()
@click.argument("client_id")
def revoke(client_id: str) -> None:
    """End the client CLIENT_ID for good, with all its tokens."""
    from vdept.clients import registering

    async def act(tx: "Tx") -> None:
        await registering.revoke_client(tx, await _number(tx, client_id))

    transaction(act)


async def _number(tx: "Tx", client_id: str) -> int:
    import sqlalchemy as sa

    from vdept.clients.models import ApiClient

    number = await tx.session.scalar(sa.select(ApiClient.id).where(ApiClient.client_id == client_id))
    if number is None:
        msg = f"There is no client {client_id}: `vdept client list` shows them."
        raise Failure(msg)
    return int(number)


async def _unit(tx: "Tx", code: str) -> "Unit":
    from vdept.units.queries import units_by_codes

    unit = (await units_by_codes(tx, [code])).get(code)
    if unit is None:
        msg = f"There is no unit with the code {code}."
        raise Failure(msg)
    return unit


def _json(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"{path} is not a JSON file ({error})."
        raise Failure(msg) from error
