"""Signals: what looks unusual in the log and the series, with its evidence and why it may mean nothing.

Detectors are explainable rules that the worker runs; each finding is a question to the head of a unit, and
its answer is kept beside it.

Invariants: a signal is a question and never a verdict: no figure, status or verdict depends on one; the same
finding is asked once; every detector says when it is wrong.
"""
