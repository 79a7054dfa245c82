"""People: persons, the roles they hold in units between two dates, and the tokens they call with.

Invariants: a unit has at most one head on any day; a role counts only inside its dates (yesterday's head
cannot act today); a token is stored as a hash, expires, and can be revoked.
"""
