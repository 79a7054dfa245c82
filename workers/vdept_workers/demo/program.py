"""A program of Huế that calls the platform for its province: its API client, and a command it might run."""

import sqlalchemy as sa

from vdept.clients.models import ApiClient, ClientAuthentication
from vdept.clients.registering import register_client, rotate_secret
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.people.actors import actor_for
from vdept.people.models import Person
from vdept.sources.models import Source
from vdept.units.models import Unit
from vdept_graphql.ids import encode
from vdept_workers.demo.people import HUE, HUE_HEAD, SYSTEM
from vdept_workers.demo.sources import ONE_STOP
from vdept_workers.demo.trying import Try, curl

NAME = "Hệ thống một cửa của thành phố Huế"
SCOPES = (Scope.TASKS_READ, Scope.MEASUREMENTS_WRITE)

MEASURE = """mutation {
 pushReadings(input: {sourceId: "%s", readings: [{unitCode: "46", indicatorCode: "CS-HSTT", asOf: "%s",
  numerator: "24000", denominator: "100000"}]}) {
  recorded unchanged rejected intake { receivedAt sha256 } rejections { code message path }
  errors { code message path } } }"""


async def as_a_program(database: Database, issuer: str) -> Try:
    """What a programmer of the province does: a token for the program itself, then a call with it."""
    client_id, secret = await _credentials(database)
    async with database.snapshot(SYSTEM) as tx:
        source = (await tx.session.scalars(sa.select(Source.id).where(Source.name == ONE_STOP.name))).one()
        measure = MEASURE % (encode("Source", source), tx.today)
    token = (
        f"$(curl -s {issuer}/oauth/token -u {client_id}:{secret} -d grant_type=client_credentials "
        """| sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')"""
    )
    call = curl(f"{issuer}/graphql", "'\"$TOKEN\"'", measure)
    return Try(
        "Huế's one-stop system measures 24 % and sends it itself (OAuth 2; nobody types what is measured); "
        "a moment later the first command shows it, and the gap at 6:",
        f"TOKEN={token}\n{call}",
    )


async def _credentials(database: Database) -> tuple[str, str]:
    """Its name and a new secret: a secret is shown once, and whoever comes again has none."""
    async with database.snapshot(SYSTEM) as reading:
        head = (await reading.session.scalars(sa.select(Person).where(Person.email == HUE_HEAD))).one()
        unit_id = (await reading.session.scalars(sa.select(Unit.id).where(Unit.code == HUE))).one()
        actor = await actor_for(reading.session, head, reading.today)
    async with database.begin(actor) as tx:
        known = await tx.session.scalar(
            sa.select(ApiClient.id).where(
                ApiClient.unit_id == unit_id, ApiClient.name == NAME, ApiClient.revoked_at.is_(None)
            )
        )
        client, secret = (
            await rotate_secret(tx, known)
            if known is not None
            else await register_client(
                tx,
                unit_id,
                name=NAME,
                authentication=ClientAuthentication.SECRET,
                scopes=SCOPES,
                machine=True,
            )
        )
    assert secret is not None  # noqa: S101 -- it signs in with one
    return client.client_id, secret
