"""Verdicts: MET or NOT_MET at the due date, for each target and for each unit in a plan, and whose it is.

A verdict carries every input it was computed from and the head in office on the due date. When a correction
changes what it says, it is issued again: the new one counts, the old one stays. ``issuing`` writes them
set-based, ``telling`` says so to the heads, ``explaining`` says how a figure came about, whether it is due
or not.

Invariants: nothing is judged before its due date; a verdict is never edited, only superseded; at most one of
a target, and of a unit in a plan, counts at a time; the worker alone issues them; a verdict that counts says
what the outcome says. A pause takes no verdict away; a withdrawal and a later due date do.
"""
