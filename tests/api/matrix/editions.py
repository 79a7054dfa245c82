"""Editions to be seen or hidden: of a public plan, and of a shared one, whose first the second corrects."""

from typing import Any

from api.matrix.country import TODAY
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Tx
from vdept.publications.models import Edition, EditionFormat, EditionRequest, RequestState


async def add_editions(tx: Tx, things: Any) -> None:
    """One of a public plan, and one of a shared plan that a second, asked for by the ministry, corrects."""
    asked = things.country.people["partner"].id
    for name, plan, number, corrects in (
        ("public", "public", 1, None),
        ("shared.corrected", "shared", 1, None),
        ("shared", "shared", 2, 1),
    ):
        row = Edition(
            plan_id=things.rows[f"Plan/{plan}"].id, number=number, as_of=TODAY, published_at=utc_now(),
            published_by_id=asked, corrects_number=corrects, note=f"Ghi chú {name}", targets=2, units=2,
            manifest={
                "plan": f"KH-{plan}",
                "files": {of.value: {"sha256": "0" * 64, "size": 1} for of in EditionFormat},
            },
            kid="0" * 32, signature="a.b.c",
        )  # fmt: skip
        tx.session.add(row)
        await tx.session.flush()
        things.add(f"Edition/{name}", row)
    wish = EditionRequest(
        plan_id=things.rows["Plan/shared"].id, note="Ghi chú", requested_at=utc_now(), corrects_number=1,
        requested_by_id=asked, state=RequestState.PUBLISHED, finished_at=utc_now(),
        edition_id=things.rows["Edition/shared"].id,
    )  # fmt: skip
    tx.session.add(wish)
    await tx.session.flush()
    things.add("EditionRequest/shared", wish)
