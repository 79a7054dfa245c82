"""Targets: indicators, plans with their objectives and key results, and the cascade of targets.

Invariants: one target per key result and unit; a target's parent belongs to the same key result and is
held by a unit above (the issuer's root target may also reach firms and associations); a target is never
laxer or later than its parent; every change that can move an outcome leaves a row in ``outcome_change``
in the same transaction.
"""
