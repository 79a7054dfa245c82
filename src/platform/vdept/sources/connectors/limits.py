"""How much of an answer is read."""

MAX_BYTES = 10_000_000
"""Of a document, as it comes and as it unpacks."""
MAX_ROWS = 50_000
"""Of one poll: as many as one push may have."""
