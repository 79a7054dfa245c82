"""Where others learn that days have changed: rows in ``calendar_change``, and a doorbell.

The calendar lies below tasks and reminders and cannot put them right itself. Whoever does deletes the rows
in the transaction in which it does.
"""

CALENDAR = "calendar"
"""Rung after a commit that left rows in ``calendar_change``."""
