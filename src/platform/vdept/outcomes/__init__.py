"""Outcomes: what the targets and tasks add up to, for every target and for every unit in a plan.

Everything here is derived and can be rebuilt from measurements, targets and tasks. Invariants: a plan's
rows are written under the plan's advisory lock only; each row holds exactly what it has contributed to its
parent, so that the next change moves the parent by the exact difference; all arithmetic is ``numeric``;
what the worker adds up incrementally equals what a rebuild computes, to the last digit.
"""
