"""The working calendar: which days are worked, for everybody, for a region and for a single unit.

Owns the public holidays and make-up days (copied from the ``holidays`` package with its version), the
exceptions that an administrator adds because the government announces swaps late, and the day-by-day
calendars made of both. ``rules`` count working days; ``queries`` give the calendar of a unit; ``upkeep``
makes the calendars; ``excepting`` adds and revokes exceptions; ``changes`` is where others learn of it.

Invariants: every calendar has every day of its span, and ``ordinal`` counts its working days up to and with
the day; of all that is said of a day, what stands nearest to the unit holds: its own exception, else that of
the nearest region, else a national one, else the public holiday or make-up day, else Monday to Friday;
exceptions are never edited: one is revoked, another is added, and both stay readable.
"""
