"""The demonstration's edition: asked for by whoever issues the national plan; the worker publishes it."""

import sqlalchemy as sa

from vdept.publications.models import EditionRequest
from vdept.publications.requesting import request_edition
from vdept_workers.demo.people import ISSUER, Cast
from vdept_workers.demo.season import Season

NOTE = "Ấn bản dùng thử của dữ liệu minh họa."


async def load_edition(cast: Cast, season: Season, plan_id: int) -> None:
    """Ask for an edition, unless somebody has."""
    async with cast.acting(ISSUER, season.today) as tx:
        asked = sa.select(EditionRequest.id).where(EditionRequest.plan_id == plan_id).limit(1)
        if await tx.session.scalar(asked) is None:
            await request_edition(tx, plan_id, note=NOTE)
