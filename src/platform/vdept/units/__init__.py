"""Units: the tree of public bodies, and the firms and associations that stand beside it.

Invariants: a public body's ``path`` is its line of ancestors, itself last; firms and associations have no
parent and no children; a code belongs to one unit; a unit's validity period never inverts.
"""
