"""Tasks: work and responsibility shared by units of any kind.

Invariants: a task's lead unit is one of its participants; its progress is the share-weighted progress of
its accepted participants; dependencies and sub-tasks form no cycle; the original due date never changes;
``participation.due_on`` and ``participation.open`` always equal what the task says (they are the sort key
of the lists people read); every change that can move an outcome leaves a row in ``outcome_change``.
"""
