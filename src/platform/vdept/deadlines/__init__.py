"""Deadlines: who is reminded when, and whose head hears of it when nothing happens.

``policies`` say which steps a plan has; ``scanning`` writes the reminders of a day, set-based, and catches
up; ``delivering`` turns those that are due into inbox entries; ``escalating`` shows a task's chain so far;
``explaining`` says how a date came about; ``moving`` puts right what a changed calendar touches.

Invariants: a reminder exists once per subject, due date, step and recipient; a step of a task belongs to the
working day that lies that many working days from its due date in its lead unit's calendar; nothing is sent
for what is done, paused, cancelled, declined or extended when its moment comes; a reminder that is due is in
the inbox exactly once, whoever dies in between.
"""
