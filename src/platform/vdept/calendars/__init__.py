"""The working calendar: which days are worked, for everybody, for a region and for a single unit.

Owns the public holidays (copied from the ``holidays`` package with its version), the exceptions that an
administrator adds because the government announces swaps late, and the day-by-day calendars made of both.

Invariants: every calendar has every day of its span, and ``ordinal`` counts its working days up to and with
the day; a calendar is the national one with the exceptions of its regions and of its own unit on top;
holidays and exceptions are never edited in place: one is revoked, another is added, and both stay readable.
"""
