"""Connectors: how the worker asks a source that is pulled, and makes readings of what it answers.

``settings`` says what is asked, where and how its answer is read; ``paths`` are JSONPaths that are bounded in
what they can cost; ``mapping`` makes a reading of a row; ``http`` fetches a document from an address that it
has checked itself; ``http_json``, ``tables`` (CSV and Excel) and ``postgresql`` read one kind each;
``asking`` puts them together; ``credentials`` seals what a source wants to be shown.

Invariants: nothing is asked of an address that is not public unless the operator has listed its network;
credentials go to the host that they were given for and to no other; no answer is read beyond its limits, as
it comes and as it unpacks; an answer that is no readings is a named failure and never a measurement.
"""
