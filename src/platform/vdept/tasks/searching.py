"""Tasks by words of their titles, behind row security.

A policy goes before LIKE, row by row, and so takes the trigram index from it (LIKE is not leakproof). The
database's function ``search_tasks`` looks past the policies with the words first, and answers with the ids of
those that the principal sees. Words that are too common for a list of ids are compared row by row, in the
order of the list: its first page is soon full.
"""

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.text import fold, matches
from vdept.tasks.models import Task
from vdept.tasks.sql import array_of

RARE = 2_000
"""How many tasks may have the words for the list to go by their ids."""

_FOUND = sa.select(
    sa.func.search_tasks(
        sa.bindparam("words", type_=sa.ARRAY(sa.Text())),
        sa.literal_column(str(RARE)),
        type_=sa.ARRAY(sa.BigInteger),
    )
)


async def with_words(tx: Tx, text: str) -> sa.ColumnElement[bool]:
    """The tasks with every word of ``text`` in their titles, as a condition on :class:`Task`."""
    words = fold(text)[:200].split()
    if not words:
        return sa.true()
    ids = await tx.session.scalar(_FOUND, {"words": words})
    if ids is None:
        return matches(Task.search, text)
    # A set of rows and not ``= ANY``, for which PostgreSQL may walk the whole index of the list's order.
    return Task.id.in_(sa.select(sa.func.unnest(array_of(ids))))
