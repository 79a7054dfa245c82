"""Tasks: work and responsibility shared by units of any kind.

Verbs by capability: ``creating`` and ``creating_many``, ``lifecycle`` (board, offer, accept, start),
``finishing`` (deliver, verify, send back), ``pausing`` (pause, resume, cancel), ``sharing``, ``assigning``,
``progress``, ``linking``, ``due``, ``talking``, ``bulk``. ``upkeep`` is what all of them leave right.

Invariants: a task's lead unit is one of its participants; its progress is the share-weighted progress of
its accepted participants; dependencies and sub-tasks form no cycle; the original due date never changes;
a person never holds unfinished routine and deep work at once; an assignee's unit has accepted its part;
``participation.due_on`` and ``participation.open`` always equal what the task says (they are the sort key
of the lists people read); every change that can move an outcome leaves a row in ``outcome_change``.
"""
