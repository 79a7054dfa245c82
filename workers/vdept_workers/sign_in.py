"""``vdept sign-in-link``: how somebody gets in without a mail server or an identity provider."""

from typing import TYPE_CHECKING

import click

from vdept.kernel.actor import system
from vdept.kernel.errors import NOT_FOUND, Refused
from vdept.kernel.settings import Settings
from vdept_workers.runtime import Failure, on_database, settings

if TYPE_CHECKING:
    from vdept.kernel.db import Database

ACTOR = system("cli")


async def sign_in_address(database: "Database", email: str, chosen: Settings) -> str:
    """The address of a new one-time link for the active person with this e-mail address."""
    from vdept.identity.links import address_of_link, create_link

    try:
        async with database.begin(ACTOR) as tx:
            link = await create_link(tx, email, most=None)
    except Refused as refused:
        if refused.refusal is not NOT_FOUND:
            raise
        msg = f"Nobody on the platform has the e-mail address {email}."
        raise Failure(msg) from None
    return address_of_link(chosen.issuer, link.token)


@click.command("sign-in-link")
@click.argument("email")
def sign_in_link(email: str) -> None:
    """Print a one-time sign-in link for the person with this EMAIL, and nothing else.

    It works once, for 15 minutes. Whoever has it can sign in as that person.
    """
    chosen = settings()
    click.echo(on_database(lambda database: sign_in_address(database, email, chosen)))
