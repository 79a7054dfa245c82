"""What every feature stands on: the database, the clock, the actor, the activity log, errors, settings.

The kernel knows no feature. Invariants it owns: only :meth:`Database.begin` commits; every committed
change has its activity in the same transaction; nothing but a :class:`~vdept.kernel.errors.Refused`
is an expected failure.
"""
