"""The demonstration: a year of the national plan on the real registry, and who to be when trying it."""

from typing import NamedTuple

from vdept.kernel.actor import system
from vdept.kernel.db import Database
from vdept.units.registry import load_registry

ACTOR = system("demo")


class Persona(NamedTuple):
    """Somebody to try the platform as."""

    email: str
    name: str
    title: str


async def load_demo(database: Database) -> list[Persona]:
    """Load what is missing of the demonstration and return its people."""
    async with database.begin(ACTOR) as tx:
        await load_registry(tx)
    return []


def things_to_try(url: str, tokens: dict[str, str]) -> list[str]:
    """Three commands for a newcomer, ready to paste; ``tokens`` is by e-mail address."""
    token = next(iter(tokens.values()), "TOKEN")
    return [f"curl -s {url} -H 'Authorization: Bearer {token}' --json '{{\"query\": \"{{ __typename }}\"}}'"]
