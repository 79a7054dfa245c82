"""The demonstration: a year of the national plan on the real registry, and who to be when trying it.

Everything goes through the verbs of the core, by the people who would do it and on the days they would; what
is there already is left alone, so that it can be loaded again and again.
"""

from vdept.kernel.db import Database
from vdept.units.registry import load_registry
from vdept_workers.demo.people import PERSONAS, SYSTEM, Persona, load_people
from vdept_workers.runtime import say

__all__ = ["Persona", "load_demo", "things_to_try"]


async def load_demo(database: Database) -> list[Persona]:
    """Load what is missing of the demonstration and return its people."""
    say("demonstration: 34 provinces, 3,321 communes, ministries, firms, associations")
    async with database.begin(SYSTEM) as tx:
        await load_registry(tx)
    say("demonstration: people and their roles")
    await load_people(database)
    return list(PERSONAS)


def things_to_try(url: str, tokens: dict[str, str]) -> list[str]:
    """Three commands for a newcomer, ready to paste; ``tokens`` is by e-mail address."""
    token = next(iter(tokens.values()), "TOKEN")
    return [f"curl -s {url} -H 'Authorization: Bearer {token}' --json '{{\"query\": \"{{ __typename }}\"}}'"]
