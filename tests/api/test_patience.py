"""A statement of a request has an end, and its end is a refusal that says what to do."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from factories import SYSTEM
from vdept.kernel.db import Database
from vdept_graphql.errors import TOO_SLOW, refused_of


async def test_a_statement_that_takes_too_long_is_given_up_by_name(database_url: str) -> None:
    database = Database(database_url, pool_size=2, patience=1)
    try:
        async with database.begin(SYSTEM) as tx:
            with pytest.raises(DBAPIError) as given_up:
                await tx.session.execute(sa.text("SELECT pg_sleep(20)"))
            await tx.session.rollback()
        assert [refused.refusal for refused in refused_of(given_up.value)] == [TOO_SLOW]
        async with database.begin(SYSTEM) as tx:
            assert await tx.session.scalar(sa.text("SELECT 1")) == 1
    finally:
        await database.close()
