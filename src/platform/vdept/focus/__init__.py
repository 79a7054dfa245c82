"""Focus: the one to three objectives of a plan that a unit puts first, agreed with the lead unit by a date.

Invariants: a unit has at most three in a plan, in an order; the lead unit is the plan's issuer; what was
agreed is changed only by nominating anew, and the log keeps what was before.
"""
