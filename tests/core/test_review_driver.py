"""What goes wrong in a statement sent straight to the driver is the same kind of error as everywhere."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy.exc

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.db import Database
from vdept.measurements import bulk, recording
from vdept.targets.models import Basis
from vdept_graphql.errors import refused_of

TODAY = date(2026, 3, 2)


async def test_a_number_that_the_driver_cannot_send_is_out_of_range(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        with pytest.raises(sqlalchemy.exc.DBAPIError) as one:
            await recording.record(
                tx, 2**70, 1, basis=Basis.REPORTED, as_of=TODAY, numerator=Decimal(1), denominator=Decimal(1)
            )
    assert [refused.code for refused in refused_of(one.value)] == ["OUT_OF_RANGE"]


async def test_a_statement_that_the_server_refuses_leaves_nothing(db: Database) -> None:
    """The name of the actor is not checked by any rule; here it stands for whatever nobody thought of."""
    from dataclasses import replace

    async with db.begin(SYSTEM, now=NOW) as tx:
        where, what = await make.unit(tx), await make.indicator(tx, ratio=False)
    odd = replace(SYSTEM, job="a\x00b")
    row = bulk.Row(what.id, where.id, Basis.REPORTED, TODAY, Decimal(1))
    with pytest.raises(sqlalchemy.exc.DBAPIError) as caught:
        async with db.begin(odd, now=NOW) as tx:
            await bulk.record_many(tx, [row])
    assert [refused.code for refused in refused_of(caught.value)] == ["UNSTORABLE_TEXT"]
    async with db.snapshot(SYSTEM) as tx:
        assert await tx.session.scalar(sqlalchemy.text("SELECT count(*) FROM measurement")) == 0
