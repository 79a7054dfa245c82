"""Monitoring: what waits, what runs, what fails, for operators and for Prometheus.

Owns nothing and decides nothing: it reads every feature's queues and the jobs' own lines.

Invariants: one reading says the same to ``vdept jobs`` and to ``/metrics``; its cost does not grow with what
waits; nothing in it names a person, a unit or a task.
"""
