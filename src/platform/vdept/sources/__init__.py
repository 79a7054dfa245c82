"""Sources: systems of units that measure indicators, and how their values come in.

A source pushes (an API client of its unit) or is pulled (a connector that the worker polls). Everything that
arrives is an intake with the hash of the raw document; its good rows become measurements, its bad rows
rejected readings with their reason, which can be put right and replayed.

Invariants: a MEASURED value comes from a source and from nobody's hand; a source measures only the
indicators it is registered for and only units within its reach; an intake loses no row: each is recorded,
unchanged or rejected; credentials are kept encrypted and are never shown.
"""
