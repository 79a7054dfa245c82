"""Measurements: values of an indicator for a unit on a date, measured by a system or reported by a person.

Invariants: append-only (a trigger refuses UPDATE and DELETE); a correction is a new row with the same
indicator, unit, basis and date that names the row it supersedes, and a row is superseded once; a ratio
carries its numerator and denominator and its value is 100 × numerator / denominator.
"""
