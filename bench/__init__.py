"""Benchmarks: each figure is a ratio against its reference, both taken in one interleaved run."""
