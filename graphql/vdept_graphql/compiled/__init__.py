"""A faster executor for the same answers.

graphql-core completes every field of every row by itself: path, info, resolver, type checks. Nearly all
fields of this schema are plain attributes, so for a selection set that is used often one Python function
is generated that builds the whole list (or object) at once, and fields with a resolver of their own are
called from a flat list, their futures awaited together without a coroutine or a task per field.

What comes in by the thousand is treated alike: an input type becomes one function from the variables as they
were sent to those that graphql-core would have made of them (``variables``).

Invariants:

* The answer, its errors and their paths are those of graphql-core. The generated function has no effects
  besides reading attributes; whatever it does not expect (a missing attribute, a null where none may be,
  an awaitable, an odd type) it gives up on, and graphql-core completes that value from the start.
* Nothing is generated for a selection set seen once, and what is kept is bounded.
"""

from vdept_graphql.compiled.executor import CompiledExecutor
from vdept_graphql.compiled.statistics import STATISTICS, Statistics

__all__ = ["STATISTICS", "CompiledExecutor", "Statistics"]
