"""iCalendar feeds: the due dates of a person or a unit, behind an address that can be revoked.

Invariants: only the digest of a feed's address is kept; a revoked address answers as one that never was; a
feed shows what its person, or its unit's members, may see at the moment it is read, and nothing else.
"""
